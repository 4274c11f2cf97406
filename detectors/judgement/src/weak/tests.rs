//! Tests each check with keys that it must report and keys that it must not: `vectors.tsv`, made by
//! `corpus/make/weak-keys.py`, which knows each key because it made it.

use std::collections::BTreeSet;

use dashu_int::ops::Gcd;
use keyradius_core::hex::hex;
use keyradius_core::material::{Algorithm, CertFacts, KeyId};
use keyradius_readers::proof::raw_public;
use keyradius_readers::public::Raw;
use sha2::{Digest, Sha256};

use super::*;

/// The bytes of hex digits that a test spells out.
fn bytes(digits: &str) -> Vec<u8> {
    keyradius_core::hex::unhex(digits).expect("hex digits").to_vec()
}

/// A public half; only its SubjectPublicKeyInfo is used.
fn half(spki: Vec<u8>) -> PublicHalf {
    PublicHalf {
        id: KeyId { spki_sha256: Sha256::digest(&spki).into(), key_only: [0; 32] },
        algorithm: Algorithm { name: "RSA", bits: 0, curve: None },
        spki,
        ssh_sha256: None,
        ski_sha1: [0; 20],
        bk120: [0; 15],
        jwk_thumbprint: None,
    }
}

/// An RSA public half with the exponent 65537.
pub(crate) fn usual_rsa(n: &[u8]) -> PublicHalf {
    keyradius_readers::public::half(&PublicKey::Rsa { n, e: &[1, 0, 1] })
}

struct Row {
    about: &'static str,
    what: &'static str,
    expected: BTreeSet<&'static str>,
    key: PublicHalf,
}

fn rows() -> Vec<Row> {
    let row = |line: &'static str| {
        let [about, what, expected, spki] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        Row { about, what, expected: expected.split_whitespace().collect(), key: half(bytes(spki)) }
    };
    include_str!("vectors.tsv").lines().filter(|line| !line.starts_with('#')).map(row).collect()
}

fn row(about: &str, what: &str) -> PublicHalf {
    rows().into_iter().find(|row| row.about == about && row.what == what).unwrap().key
}

fn word(weakness: &Weakness) -> String {
    format!("{}={}", weakness.id, if weakness.computable { "computable" } else { weakness.grade.id() })
}

#[test]
fn every_vector_has_its_weaknesses_and_no_others() {
    let wrong: Vec<String> = rows()
        .iter()
        .filter_map(|row| {
            let found: BTreeSet<String> = check(&row.key).iter().map(word).collect();
            let same = found.iter().map(String::as_str).eq(row.expected.iter().copied());
            (!same).then(|| format!("{}, {}: {found:?}, not {:?}", row.about, row.what, row.expected))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_check_has_a_hit_and_a_near_miss() {
    // Checks of several keys and of certificates have their own tests below.
    let elsewhere = [shared::SHARED_PRIME.id, shared::SHARED_MODULUS.id, certificate::HASH.id];
    let rows = rows();
    let mut ids = BTreeSet::new();
    for check in CHECKS {
        assert!(ids.insert(check.id), "{} is defined twice", check.id);
        let hits = |row: &Row| row.expected.iter().any(|word| word.starts_with(check.id));
        let about = |row: &&Row| row.about == check.id;
        assert!(
            elsewhere.contains(&check.id)
                || rows.iter().filter(about).any(hits) && rows.iter().filter(about).any(|row| !hits(row)),
            "{}",
            check.id
        );
    }
    for row in &rows {
        assert!(ids.contains(row.about), "{}", row.about);
    }
}

#[test]
fn computable_weaknesses_come_first_and_are_severe() {
    let key = row("rsa-roca", "512 bits");
    let found = check(&key);
    assert!(found.len() == 2 && found.iter().all(|weakness| weakness.computable && weakness.grade == Grade::Severe));
    let found = check(&row("rsa-roca", "1024 bits"));
    assert_eq!(found.iter().map(|weakness| weakness.computable).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn rows_of_guessable_keys_are_right() {
    let rows: Vec<[&str; 3]> = raw::TABLE
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split('\t').collect::<Vec<_>>().try_into().unwrap())
        .collect();
    assert!(rows.len() > 2 * 256);
    for [kind, public, how] in rows {
        let (way, text) = how.split_once(':').unwrap();
        let byte = || u8::from_str_radix(text, 16).unwrap();
        let private: Vec<u8> = match way {
            "byte" => vec![byte(); 32],
            "counter" => (byte()..).take(32).collect(),
            "sha256" => Sha256::digest(text.replace('+', " ")).to_vec(),
            _ => panic!("{how}"),
        };
        let kind = if kind == "Ed25519" { Raw::Ed25519 } else { Raw::X25519 };
        assert_eq!(raw_public(kind, &private).map(|bytes| hex(&bytes)).as_deref(), Some(public), "{kind:?} {how}");
    }
}

/// A public half of an RSA key, made from the vectors' moduli.
fn rsa(n: &dashu_int::UBig, e: u8) -> PublicHalf {
    use keyradius_readers::public::{PublicKey, half};
    half(&PublicKey::Rsa { n: &n.to_be_bytes(), e: &[e] })
}

/// The first `count` numbers above 2^128 that pass the primality test.
fn primes(count: usize) -> Vec<dashu_int::UBig> {
    let mut candidate = (dashu_int::UBig::ONE << 128) + dashu_int::UBig::ONE;
    let mut found = Vec::new();
    while found.len() < count {
        if number::looks_prime(&candidate) == Some(true) {
            found.push(candidate.clone());
        }
        candidate += 2_u8;
    }
    found
}

#[test]
fn shared_primes_are_found_at_any_position() {
    let primes = primes(90);
    let product = |a: usize, b: usize| &primes[a] * &primes[b];
    // Moduli 2i * (2i + 1) share nothing; those in the table do.
    for (count, extra, hits) in [
        (0, vec![], vec![]),
        (1, vec![], vec![]),
        (2, vec![], vec![]),
        (37, vec![], vec![]),
        (1, vec![(0, 89)], vec![0, 1]),
        (37, vec![(0, 89)], vec![0, 37]),
        (37, vec![(80, 81), (88, 89), (81, 87)], vec![37, 39]),
        // Both primes shared, with two different keys.
        (3, vec![(0, 3)], vec![0, 1, 3]),
        (8, vec![(89, 88), (88, 87), (87, 89)], vec![8, 9, 10]),
        // Near misses share no prime, only similar values.
        (4, vec![(86, 89), (85, 88)], vec![]),
    ] {
        let moduli = (0..count).map(|i| product(2 * i, 2 * i + 1)).chain(extra.iter().map(|&(a, b)| product(a, b)));
        let keys: Vec<PublicHalf> = moduli.map(|n| rsa(&n, 17)).collect();
        let halves: Vec<&PublicHalf> = keys.iter().collect();
        let found = shared_primes(&halves);
        assert_eq!(found.iter().map(|(index, _)| *index).collect::<Vec<_>>(), hits, "{count} {extra:?}");
        for block_bits in [1, 300, 700, 2_000] {
            assert_eq!(shared::shared_in_blocks(&halves, block_bits), found, "{count} {extra:?} in {block_bits}");
        }
        for (index, weakness) in found {
            assert!(weakness.computable && weakness.id == "rsa-shared-prime", "{weakness:?}");
            let names_itself = weakness.text.contains(&hex(&keys[index].id.spki_sha256));
            assert!(!names_itself && weakness.text.contains("SPKI SHA-256 "), "{}", weakness.text);
        }
    }
}

#[test]
fn more_than_one_branch_of_the_tree() {
    // 2,500 moduli of two primes of 64 bits and a bit; a few of them share one.
    let mut primes = Vec::new();
    let mut candidate: u64 = (1 << 63) + 1;
    while primes.len() < 5_000 {
        let number = dashu_int::UBig::from(candidate);
        if number::looks_prime(&number) == Some(true) {
            primes.push(number);
        }
        candidate += 2;
    }
    let mut moduli: Vec<_> = primes.chunks(2).map(|pair| &pair[0] * &pair[1]).collect();
    moduli[2_100] = &primes[2] * &primes[4_200];
    moduli[7] = &primes[14] * &primes[2_049];
    let keys: Vec<PublicHalf> = moduli.iter().map(|n| rsa(n, 3)).collect();
    let halves: Vec<&PublicHalf> = keys.iter().collect();
    let found = shared_primes(&halves);
    for block_bits in [5_000, 150_000] {
        assert_eq!(shared::shared_in_blocks(&halves, block_bits), found, "{block_bits}");
    }
    // 1 has the first prime of 2,100; 1,024 has primes 2,048 and 2,049.
    assert_eq!(found.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [1, 7, 1_024, 2_100]);
}

#[test]
fn one_modulus_with_two_exponents() {
    let primes = primes(6);
    let (n, m) = (&primes[0] * &primes[1], &primes[2] * &primes[3]);
    let keys = [rsa(&n, 3), rsa(&m, 3), rsa(&n, 17), rsa(&m, 3)];
    let found = shared_primes(&keys.iter().collect::<Vec<_>>());
    let found: Vec<_> = found.iter().map(|(index, weakness)| (*index, weakness.id, weakness.computable)).collect();
    assert_eq!(found, [(0, "rsa-shared-modulus", false), (2, "rsa-shared-modulus", false)], "m only occurs twice");
    // With a prime shared as well, both weaknesses are reported for both keys.
    let keys = [rsa(&n, 3), rsa(&n, 17), rsa(&(&primes[1] * &primes[4]), 3)];
    for block_bits in [1, 300, 1 << 23] {
        let found = shared::shared_in_blocks(&keys.iter().collect::<Vec<_>>(), block_bits);
        assert_eq!(
            found.iter().map(|(index, weakness)| (*index, weakness.computable)).collect::<Vec<_>>(),
            [(0, true), (0, false), (1, true), (1, false), (2, true)]
        );
    }
}

#[test]
fn blocks_of_any_size_give_the_result_of_comparing_pairs() {
    let primes = primes(24);
    let product = |factors: &[usize]| factors.iter().fold(dashu_int::UBig::ONE, |product, &at| product * &primes[at]);
    // One prime in every modulus; only shared primes; three primes; a modulus that divides another; different sizes.
    for moduli in [
        (1..20).map(|at| product(&[0, at])).collect::<Vec<_>>(),
        (0..20).map(|at| product(&[at, (at + 1) % 20])).collect(),
        vec![product(&[0, 1, 2]), product(&[3, 4]), product(&[2, 5]), product(&[6, 7, 8, 9]), product(&[9, 1])],
        vec![
            product(&[0, 1]),
            product(&[2, 3]),
            product(&[4, 5]),
            product(&[0, 1, 6]),
            product(&[7, 8, 9, 10, 11, 12]),
        ],
        (0..11).map(|at| product(&[2 * at, 2 * at + 1])).chain([product(&[0, 21])]).collect(),
    ] {
        let shares = |n: &dashu_int::UBig| moduli.iter().filter(|m| n.gcd(*m) != dashu_int::UBig::ONE).count() > 1;
        let expected: Vec<usize> = (0..moduli.len()).filter(|&at| shares(&moduli[at])).collect();
        let keys: Vec<PublicHalf> = moduli.iter().map(|n| rsa(n, 3)).collect();
        for block_bits in (1..3_000).step_by(97) {
            let found = shared::shared_in_blocks(&keys.iter().collect::<Vec<_>>(), block_bits);
            assert_eq!(found.iter().map(|(index, _)| *index).collect::<Vec<_>>(), expected, "{block_bits}");
        }
    }
}

#[test]
fn moduli_beyond_the_limit_are_counted() {
    // 8192 moduli of 16,384 bits reach the limit in bits; they need not be products.
    let mut n = vec![0xc5; 2048];
    let mut keys = Vec::new();
    for last in 0..8200_u32 {
        n[2040..2044].copy_from_slice(&last.to_be_bytes());
        keys.push(half(keyradius_readers::ber::encode(
            0x30,
            &[
                &keyradius_readers::ber::encode(
                    0x30,
                    &[&keyradius_readers::ber::encode(6, &[keyradius_readers::public::OID_RSA])],
                ),
                &keyradius_readers::ber::encode(
                    3,
                    &[
                        &[0],
                        &keyradius_readers::ber::encode(
                            0x30,
                            &[
                                &keyradius_readers::ber::encode_unsigned(&n),
                                &keyradius_readers::ber::encode_unsigned(&[3]),
                            ],
                        ),
                    ],
                ),
            ],
        )));
    }
    let mut halves: Vec<&PublicHalf> = keys.iter().collect();
    assert_eq!(not_compared(&halves).len(), 8);
    halves.push(&keys[8199]);
    halves.push(&keys[0]);
    assert_eq!(not_compared(&halves).len(), 8, "a repeated modulus counts once");
    assert_eq!(not_compared(&halves[..8192]), [0; 0]);
}

#[test]
fn damaged_moduli_share_nothing() {
    // A common factor of 3 is not a shared prime; a modulus with a tiny factor is only reported for that.
    let primes = primes(4);
    let keys: Vec<PublicHalf> = primes.iter().map(|prime| rsa(&(prime * 3_u8), 17)).collect();
    assert_eq!(shared_primes(&keys.iter().collect::<Vec<_>>()), []);
    assert!(keys.iter().all(|key| check(key).iter().any(|weakness| weakness.id == "rsa-small-factor")));
}

#[test]
fn hashes_of_certificates() {
    let facts = |signature: &str, ca: Option<bool>, usage: &str, self_issued: bool| CertFacts {
        subject: String::new(),
        issuer: String::new(),
        version: 3,
        ca,
        ext_key_usage: vec![usage.to_owned()],
        signature: signature.to_owned(),
        self_issued,
        ..CertFacts::default()
    };
    let (md5, sha1, sha256) = ("1.2.840.113549.1.1.4", "1.2.840.113549.1.1.5", "1.2.840.113549.1.1.11");
    let (code, server) = ("1.3.6.1.5.5.7.3.3", "1.3.6.1.5.5.7.3.1");
    for (signature, ca, usage, self_issued, grade) in [
        (md5, None, server, false, Some(Grade::Severe)),
        (sha1, Some(true), server, false, Some(Grade::Weak)),
        (sha1, Some(false), code, false, Some(Grade::Weak)),
        (sha1, None, server, false, Some(Grade::Note)),
        (md5, Some(true), code, true, None),
        (sha256, Some(true), code, false, None),
        ("", None, "", false, None),
    ] {
        let found = certificate(&facts(signature, ca, usage, self_issued));
        assert_eq!(found.first().map(|weakness| weakness.grade), grade, "{signature} {ca:?} {usage}");
        assert!(found.iter().all(|weakness| !weakness.computable && weakness.id == certificate::HASH.id));
    }
}

/// Keys from every vector with bytes changed, cut and repeated: no check may panic or hang.
#[test]
fn damaged_keys_do_not_panic() {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize % below.max(1)
    };
    let mut weak = Vec::new();
    for row in rows() {
        for _ in 0..12 {
            let mut spki = row.key.spki.clone();
            for _ in 0..=random(3) {
                let at = random(spki.len());
                match random(4) {
                    0 => spki[at] ^= 1 << random(8),
                    1 => spki[at] = [0, 1, 0x7f, 0x80, 0xff, 2, 0x30][random(7)],
                    2 => spki.truncate(at),
                    _ => spki.splice(at..at, vec![random(256) as u8; random(40)]).for_each(drop),
                }
                if spki.is_empty() {
                    break;
                }
            }
            let key = half(spki);
            weak.extend(check(&key));
        }
        let noise: Vec<u8> = (0..random(200)).map(|_| random(256) as u8).collect();
        assert_eq!(check(&half(noise)), []);
    }
    assert!(weak.len() > 500, "most of them are still keys");
}

#[test]
fn the_largest_numbers_are_checked_in_time() {
    // A release build needs a few milliseconds each. Without the bounds on lengths this test would not end.
    use keyradius_readers::public::{PublicKey, half};
    let ones = vec![0xff; 2048];
    let mut odd: Vec<u8> = (0..2048_u32).map(|i| (i.wrapping_mul(0x9e37_79b1) >> 24) as u8 | 1).collect();
    odd[0] = 0xc5;
    let mut large = odd.clone();
    large[0] = 0x7f;
    for key in [
        PublicKey::Rsa { n: &ones, e: &ones },
        PublicKey::Rsa { n: &ones, e: &large },
        PublicKey::Rsa { n: &odd, e: &large },
        PublicKey::Rsa { n: &ones.repeat(4), e: &large },
        PublicKey::Dsa { p: &ones, q: &ones, g: &odd, y: &odd },
        PublicKey::Dsa { p: &[], q: &[], g: &[], y: &[] },
    ] {
        check(&half(&key));
    }
}
