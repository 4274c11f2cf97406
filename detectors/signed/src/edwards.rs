//! Ed25519 and Ed448 (RFC 8032 5.1.7 and 5.2.7), with the equation that OpenSSL verifies (without the cofactor).

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use keyradius_readers::goldilocks;
use sha2::{Digest, Sha512};

/// `None` if key or signature have another length, or are not points and scalars.
pub(super) fn ed25519(public: &[u8], message: &[u8], signature: &[u8]) -> Option<bool> {
    let public: [u8; 32] = public.try_into().ok()?;
    let signature: [u8; 64] = signature.try_into().ok()?;
    let (commitment, scalar) = signature.split_first_chunk::<32>()?;
    let scalar = Scalar::from_canonical_bytes(scalar.try_into().ok()?).into_option()?;
    let key = CompressedEdwardsY(public).decompress()?;
    let mut hash = Sha512::new();
    hash.update(commitment);
    hash.update(public);
    hash.update(message);
    let challenge = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
    let sum = EdwardsPoint::vartime_double_scalar_mul_basepoint(&challenge, &-key, &scalar);
    Some(sum.compress().as_bytes() == commitment)
}

/// `None` if key or signature have another length.
pub(super) fn ed448(public: &[u8], message: &[u8], signature: &[u8]) -> Option<bool> {
    Some(goldilocks::ed448_verifies(public.try_into().ok()?, message, signature.try_into().ok()?))
}
