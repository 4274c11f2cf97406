//! The private numbers of the keys that a thread proves, for a hunt.
//!
//! A [`keyradius_core::material::Material`] has no private number, so what a hunt looks for in memory dumps cannot come
//! from one. Every format proves its keys with the few functions of this crate; while [`during`] runs, these keep what
//! they proved. The numbers are wiped when dropped.

use std::cell::RefCell;

use zeroize::Zeroizing;

/// The private numbers of a key, big-endian.
pub enum Proven {
    /// RSA: the modulus, the private exponent (empty if unknown), and the primes.
    Rsa {
        /// The modulus.
        n: Vec<u8>,
        /// The private exponent.
        d: Zeroizing<Vec<u8>>,
        /// The primes.
        primes: Vec<Zeroizing<Vec<u8>>>,
    },
    /// A scalar of a curve of the table, and its public point (04 x y).
    Ec {
        /// The point.
        point: Vec<u8>,
        /// The scalar.
        scalar: Zeroizing<Vec<u8>>,
    },
    /// EdDSA, X25519 or X448: the public key, and the seed or scalar as it stands.
    Raw {
        /// Which of them: `Ed25519`, `Ed448`, `X25519` or `X448`.
        kind: &'static str,
        /// The public key.
        public: Vec<u8>,
        /// The private key.
        seed: Zeroizing<Vec<u8>>,
    },
    /// DSA, ElGamal and Diffie-Hellman: the public and the private number.
    Power {
        /// The public number.
        y: Vec<u8>,
        /// The private number.
        x: Zeroizing<Vec<u8>>,
    },
}

impl std::fmt::Debug for Proven {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Proven")
    }
}

/// Maximum number of keys kept: a target file has a few keys, and a proof may try many numbers.
const MOST: usize = 4096;

thread_local! {
    /// What was proven on this thread; `None` unless [`during`] runs.
    static PROVEN: RefCell<Option<Vec<Proven>>> = const { RefCell::new(None) };
}

/// Calls `work`, and returns the private numbers that were proven on this thread meanwhile: those of the first 4096 keys.
pub fn during<T>(work: impl FnOnce() -> T) -> (T, Vec<Proven>) {
    PROVEN.with(|proven| *proven.borrow_mut() = Some(Vec::new()));
    let done = work();
    (done, PROVEN.with(|proven| proven.borrow_mut().take()).unwrap_or_default())
}

/// Keeps a key if somebody wants it.
pub(crate) fn keep(key: impl FnOnce() -> Proven) {
    PROVEN.with(|proven| {
        if let Some(all) = proven.borrow_mut().as_mut().filter(|all| all.len() < MOST) {
            all.push(key());
        }
    });
}
