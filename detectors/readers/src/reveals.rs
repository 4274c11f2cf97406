//! Whether a word of a text is the private number of a key: labels, names and comments come from the input, and must not
//! carry into a report what the report says was found.

use keyradius_core::material::PublicHalf;
use zeroize::Zeroizing;

use super::object;
use super::proof::{dsa_public, is_factor, raw_public};
use super::public::{Domain, PublicKey};
use super::spki;

/// Minimum length of a number that is compared, in bytes: no supported key has a shorter private number.
const FEWEST: usize = 16;

/// Fewest characters of such a number, in base64 without padding.
const WORD: usize = 22;

/// Longest word that is looked at, in characters: a prime of RSA-16384 in decimal digits has 2,466.
const LONGEST: usize = 2500;

/// The numbers that the words of a text may be: in hexadecimal digits (with colons or `0x`, too), base64 in either
/// alphabet, base32, base58 or decimal digits; and the halves of such a number, because seed and public key are often
/// written together.
pub fn numbers(text: &str) -> Vec<Zeroizing<Vec<u8>>> {
    let mut all = words(text);
    if text.contains(':') {
        all.extend(words(&text.replace(':', "")));
    }
    let halves: Vec<Zeroizing<Vec<u8>>> = all
        .iter()
        .filter(|number| number.len() >= 2 * FEWEST && number.len() % 2 == 0)
        .flat_map(|number| number.chunks(number.len() / 2).map(|half| Zeroizing::new(half.to_vec())))
        .collect();
    all.extend(halves);
    all.retain(|number| number.len() >= FEWEST);
    all
}

fn words(text: &str) -> Vec<Zeroizing<Vec<u8>>> {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_=".contains(byte);
    let words = text.as_bytes().split(|byte| !is_digit(byte)).filter(|word| word.len() >= WORD);
    let mut all = Vec::new();
    for word in words {
        // `name=value` is two words, and `=` at the end is padding.
        let padding = word.iter().rev().take_while(|byte| **byte == b'=').count();
        let name = word.get(..word.len() - padding).and_then(|word| word.iter().rposition(|byte| *byte == b'='));
        let word = name.and_then(|at| word.get(at + 1..)).unwrap_or(word);
        let word = word.strip_prefix(b"0x").unwrap_or(word);
        if word.len() > LONGEST {
            continue;
        }
        all.extend(hexadecimal(word));
        all.extend(object::decode(word));
        all.extend(positional(word, b"0123456789"));
        all.extend(positional(word, b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"));
        all.extend(base32(word));
    }
    all
}

/// The number that digits of an alphabet represent, most significant first. `None` if there are others.
fn positional(word: &[u8], alphabet: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    // Little-endian while digits are added.
    let mut number = Zeroizing::new(Vec::with_capacity(word.len()));
    for digit in word {
        let mut carry = alphabet.iter().position(|other| other == digit)?;
        for byte in number.iter_mut() {
            carry += usize::from(*byte) * alphabet.len();
            *byte = carry as u8;
            carry >>= 8;
        }
        while carry > 0 {
            number.push(carry as u8);
            carry >>= 8;
        }
    }
    number.reverse();
    Some(number)
}

/// RFC 4648 6, in any case.
fn base32(word: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let digits: Vec<u8> = word.iter().copied().take_while(|byte| *byte != b'=').collect();
    let mut bytes = Zeroizing::new(Vec::with_capacity(digits.len()));
    let (mut bits, mut count) = (0_u32, 0);
    for digit in digits {
        let value =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|other| *other == digit.to_ascii_uppercase())?;
        bits = bits << 5 | value as u32;
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

fn hexadecimal(word: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    keyradius_core::hex::unhex(str::from_utf8(word).ok()?)
}

/// Whether a number is a private number of the key: a scalar or seed, a prime or the private exponent of RSA.
pub fn is_private(number: &[u8], half: &PublicHalf) -> bool {
    match spki::read(&half.spki) {
        Some(PublicKey::Raw { kind, bytes }) => raw_public(kind, number).is_some_and(|public| public == bytes),
        Some(PublicKey::Ec { domain: Domain::Named(curve) | Domain::Explicit { same_as: Some(curve), .. }, point }) => {
            // Shorter scalars are as rare as collisions; a scalar costs more than everything else here.
            number.len() + 2 >= curve.bits.div_ceil(8) as usize
                && curve.public_point(number).is_some_and(|public| curve.decompress(point) == Some(public))
        }
        Some(PublicKey::Dsa { p, g, y, .. }) => dsa_public(p, g, number).is_some_and(|public| public == y),
        Some(PublicKey::Rsa { n, e }) => {
            // Whether 2 to the power of e and then of the number is 2 again.
            let again = || dsa_public(n, &dsa_public(n, &[2], e)?, number);
            is_factor(number, n) || (number.len() * 2 > n.len() && again().is_some_and(|result| result == [2]))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::public::{self, Raw};
    use super::super::text::{base64, base64url};
    use super::*;
    use keyradius_core::hex::hex;

    #[test]
    fn every_spelling_of_a_private_number_is_recognised() {
        let seed = [7; 32];
        let half =
            public::half(&PublicKey::Raw { kind: Raw::Ed25519, bytes: &raw_public(Raw::Ed25519, &seed).unwrap() });
        let reveals = |text: &str| numbers(text).iter().any(|number| is_private(number, &half));
        // Python: str(int.from_bytes(bytes([7] * 32))), base64.b32encode, and base58.b58encode of the package base58.
        let others = [
            "3178606371220444580254889784552217078325058402586211561867463090413301597959".to_owned(),
            "A4DQOBYHA4DQOBYHA4DQOBYHA4DQOBYHA4DQOBYHA4DQOBYHA4DQ".to_owned(),
            "US517G5965aydkZ46HS38QLi7UQiSojurfbQfKCELFx".to_owned(),
            format!("0x{}", hex(&seed)),
            hex(&[&seed[..], &half.spki[12..]].concat()),
            vec!["07"; 32].join(":"),
        ];
        let usual = [hex(&seed), hex(&seed).to_uppercase(), base64(&seed), base64url(&seed)];
        for secret in usual.into_iter().chain(others) {
            for text in [secret.clone(), format!("key {secret}, of Alice"), format!("CN=seed={secret}, O=Acme")] {
                assert!(reveals(&text), "{text}");
            }
        }
        for text in [hex(&half.spki), hex(&half.id.spki_sha256), base64(&[8; 32]), "Alice <alice@example.org>".into()] {
            assert!(!reveals(&text), "{text}");
        }
    }

    #[test]
    fn primes_and_exponents_of_rsa_and_scalars_of_curves() {
        // 2^127 - 1 and 2^107 - 1 are primes; Python computed the exponent: pow(65537, -1, (p - 1) * (q - 1)).
        let number = |digits: &str| keyradius_core::hex::unhex(digits).unwrap();
        let (p, q) = (number("7fffffffffffffffffffffffffffffff"), number("07ffffffffffffffffffffffffff"));
        let n = number("03ffffffffffffffffffffffffff7ffff800000000000000000000000001");
        let d = number("0231e1ce1e31e1ce1e31e1ce1e315555a1e2ce1d31e2ce1d31e2ce1d31e5");
        let half = public::half(&PublicKey::Rsa { n: &n, e: &[1, 0, 1] });
        for (private, is) in [(&p, true), (&q, true), (&d, true), (&n, false), (&number("02"), false)] {
            assert_eq!(is_private(private, &half), is, "{}", hex(private));
        }
        let curve = super::super::curves::by_name("P-256").unwrap();
        let scalar = [9; 32];
        let point = curve.public_point(&scalar).unwrap();
        let half = public::half(&PublicKey::Ec { domain: Domain::Named(curve), point: &point });
        assert!(is_private(&scalar, &half) && !is_private(&[8; 32], &half));
    }
}
