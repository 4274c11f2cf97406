//! Arithmetic that proves a private key: its parts fit together, and its public half follows from it.
//!
//! INTERFACE STUB, being written.

use super::public::Raw;

/// Whether n is the product of the primes and, where d is given, d inverts e modulo every prime minus one.
pub(crate) fn rsa_fits(_n: &[u8], _e: &[u8], _d: &[u8], _primes: &[&[u8]]) -> bool {
    false
}

/// y = g^x mod p.
pub(crate) fn dsa_public(_p: &[u8], _g: &[u8], _x: &[u8]) -> Option<Vec<u8>> {
    None
}

/// The public key of an Ed25519, Ed448, X25519 or X448 private key.
pub(crate) fn raw_public(_kind: Raw, _private: &[u8]) -> Option<Vec<u8>> {
    None
}
