//! What is not a signature of the key, and what is too large to be verified. Real signatures are verified in
//! `corpus/tests/it/signatures.rs`, against OpenSSL.

use keyradius_core::signature::Hash;
use keyradius_readers::public::{PublicKey, half};

use super::*;

fn signature(scheme: Scheme, value: &[u8]) -> Signature {
    Signature { scheme, over: Signed::Digest(vec![7; 32]), value: value.to_vec() }
}

fn rsa(bits: usize, e: &[u8]) -> Vec<u8> {
    half(&PublicKey::Rsa { n: &vec![0xff; bits / 8], e }).spki
}

#[test]
fn another_kind_of_key_did_not_sign() {
    let edwards = half(&PublicKey::Raw { kind: Raw::Ed25519, bytes: &[9; 32] }).spki;
    let schemes = [Scheme::RsaPkcs1(Hash::Sha256), Scheme::Ecdsa(Hash::Sha256), Scheme::Ed448, Scheme::MlDsa(44)];
    for scheme in schemes {
        assert_eq!(verify(&edwards, &signature(scheme, &[1; 64])), Verdict::Failed, "{scheme:?}");
        assert_eq!(verify(b"no key", &signature(scheme, &[1; 64])), Verdict::Failed, "{scheme:?}");
    }
    // A digest where a message is needed.
    assert_eq!(verify(&edwards, &signature(Scheme::Ed25519, &[1; 64])), Verdict::Failed);
}

#[test]
fn sizes_are_limited_and_costs_grow_with_them() {
    let scheme = Scheme::RsaPkcs1(Hash::Sha256);
    for (key, verdict) in [
        (rsa(2048, &[1, 0, 1]), Verdict::Failed),
        (rsa(16_384, &[1, 0, 1]), Verdict::Failed),
        (rsa(16_392, &[1, 0, 1]), Verdict::Unknown),
        (rsa(2048, &[1; 8]), Verdict::Failed),
        (rsa(2048, &[1; 9]), Verdict::Unknown),
    ] {
        assert_eq!(verify(&key, &signature(scheme, &[1; 256])), verdict);
    }
    let costs: Vec<u64> = [1024, 2048, 4096, 16_384].map(|bits| cost(&rsa(bits, &[1, 0, 1]))).to_vec();
    assert!(costs.is_sorted() && costs[3] > 30 * costs[1], "{costs:?}");
}
