//! Cost of the checks of public keys: all checks of one key, and shared primes among many.
//!
//! `cargo bench -p keyradius-benches --bench weak`

use divan::{Bencher, black_box};
use keyradius_core::material::{Algorithm, KeyId, PublicHalf};
use keyradius_judgement::weak::{check, shared_primes};

fn main() {
    divan::main();
}

/// DER: tag, length, content.
fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = u32::try_from(body.len()).expect("a key is small").to_be_bytes();
    let digits: Vec<u8> = length.into_iter().skip_while(|&byte| byte == 0).collect();
    match body.len() {
        0..128 => [&[tag, body.len() as u8], &body[..]].concat(),
        _ => [&[tag, 0x80 | digits.len() as u8], &digits[..], &body].concat(),
    }
}

/// A public half; the checks read its SubjectPublicKeyInfo only.
fn half(spki: Vec<u8>) -> PublicHalf {
    PublicHalf {
        id: KeyId { spki_sha256: [0; 32], key_only: [0; 32] },
        algorithm: Algorithm { name: "RSA", bits: 0, curve: None },
        spki,
        ssh_sha256: None,
        ski_sha1: [0; 20],
        bk120: [0; 15],
        jwk_thumbprint: None,
    }
}

/// RSA keys with random odd moduli without small factors: the checks treat them like sound keys.
fn rsa(bits: usize, count: usize) -> Vec<PublicHalf> {
    const OID: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    let primes: Vec<u64> = (3..=65_537).step_by(2).filter(|&p| (3..=256).all(|d| d * d > p || p % d != 0)).collect();
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut keys = Vec::new();
    while keys.len() < count {
        let mut words: Vec<u64> = Vec::new();
        while words.len() < bits / 64 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            words.push(state.wrapping_mul(0x2545_f491_4f6c_dd1d) | u64::from(words.is_empty()) << 63 | 1);
        }
        let rest = |p: u64| {
            words.iter().fold(0, |rest, word| ((u128::from(rest) << 64 | u128::from(*word)) % u128::from(p)) as u64)
        };
        if primes.iter().all(|&p| rest(p) != 0) {
            let n = [vec![0], words.iter().flat_map(|word| word.to_be_bytes()).collect()].concat();
            let numbers = tlv(0x30, &[&tlv(2, &[&n]), &tlv(2, &[&[1, 0, 1]])]);
            keys.push(half(tlv(0x30, &[&tlv(0x30, &[OID]), &tlv(3, &[&[0], &numbers])])));
        }
    }
    keys
}

#[divan::bench(args = [1024, 2048, 4096, 16384])]
fn rsa_key(bencher: Bencher<'_, '_>, bits: usize) {
    let key = rsa(bits, 1).pop().expect("one key");
    bencher.bench_local(|| check(black_box(&key)).len());
}

#[divan::bench(args = ["ec-weak-curve prime256v1", "ec-weak-curve secp384r1", "ec-weak-curve secp521r1", "raw-small-order Ed25519",
    "dsa-size 2048 and 224 bits", "rsa-roca 2048 bits", "rsa-small-d 600 bits", "rsa-close-primes neighbours", "rsa-small-factor 65537 times a prime"])]
fn vector(bencher: Bencher<'_, '_>, name: &str) {
    let rows = include_str!("../../detectors/judgement/src/weak/vectors.tsv");
    let row = rows.lines().find(|line| line.replace('\t', " ").starts_with(name)).expect("such a row");
    let digits = row.split('\t').next_back().expect("a key");
    let spki: Vec<u8> =
        (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex")).collect();
    let key = half(spki);
    bencher.bench_local(|| check(black_box(&key)).len());
}

#[divan::bench(args = [100, 1_000, 10_000], sample_count = 1, sample_size = 1)]
fn shared_primes_of_rsa_2048(bencher: Bencher<'_, '_>, count: usize) {
    let keys = rsa(2048, count);
    let keys: Vec<&PublicHalf> = keys.iter().collect();
    bencher.bench_local(|| shared_primes(black_box(&keys)).len());
}
