//! The common part of wallet formats: base58check, and keys on secp256k1.

use keyradius_core::material::{Identity, PublicHalf};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::curves;
use super::public::{self, Domain, PublicKey};

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// Maximum digits that are decoded. An extended key has 112.
const MAX_DIGITS: usize = 128;

/// Bytes of the checksum after the payload: the first bytes of SHA-256 of SHA-256.
const CHECKSUM: usize = 4;

/// Whether a byte is a digit of base58.
pub fn is_base58(byte: u8) -> bool {
    ALPHABET.contains(&byte)
}

/// Decodes base58check and returns the payload. `None` if the checksum is wrong.
pub fn base58check(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    if text.len() > MAX_DIGITS {
        return None;
    }
    // 32-bit words, little-endian; five digits at a time fit into one word.
    let mut words = Zeroizing::new(Vec::with_capacity(MAX_DIGITS / 5 + 1));
    for digits in text.chunks(5) {
        let (mut factor, mut carry) = (1, 0);
        for digit in digits {
            carry = carry * 58 + ALPHABET.iter().position(|own| own == digit)? as u64;
            factor *= 58;
        }
        for word in words.iter_mut() {
            let value = u64::from(*word) * factor + carry;
            *word = value as u32;
            carry = value >> 32;
        }
        if carry > 0 {
            words.push(carry as u32);
        }
    }
    let mut number = Zeroizing::new(Vec::with_capacity(MAX_DIGITS));
    number.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    while number.pop_if(|byte| *byte == 0).is_some() {}
    let zeros = text.iter().take_while(|digit| **digit == b'1').count();
    number.extend(std::iter::repeat_n(0, zeros));
    number.reverse();
    let (payload, checksum) = number.split_at_checked(number.len().checked_sub(CHECKSUM)?)?;
    let digest = Sha256::digest(Sha256::digest(payload));
    digest.starts_with(checksum).then(|| Zeroizing::new(payload.to_vec()))
}

/// The public half of a private key on secp256k1, the curve of Bitcoin and derived currencies.
pub fn secp256k1(scalar: &[u8]) -> Option<PublicHalf> {
    let curve = curves::by_jose(b"secp256k1")?;
    let point = curve.public_point(scalar)?;
    Some(public::half(&PublicKey::Ec { domain: Domain::Named(curve), point: &point }))
}

/// The identity of a private key on secp256k1.
pub fn identity(scalar: &[u8]) -> Option<Identity> {
    secp256k1(scalar).map(Identity::public)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Encodes a payload as base58check.
    fn encode(payload: &[u8]) -> String {
        let digest = Sha256::digest(Sha256::digest(payload));
        let mut number = [payload, &digest[..CHECKSUM]].concat();
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let mut digits = Vec::new();
        while number.iter().any(|byte| *byte != 0) {
            let mut rest = 0_u32;
            for byte in &mut number {
                let value = rest << 8 | u32::from(*byte);
                *byte = (value / 58) as u8;
                rest = value % 58;
            }
            digits.push(ALPHABET[rest as usize]);
        }
        digits.extend(std::iter::repeat_n(b'1', zeros));
        digits.reverse();
        String::from_utf8(digits).unwrap()
    }

    #[test]
    fn there_and_back() {
        for payload in [&[0x80, 1, 2, 3][..], &[0, 0, 7], &[0xff; 78]] {
            assert_eq!(base58check(encode(payload).as_bytes()).unwrap().as_slice(), payload);
        }
        // The address of the first block.
        assert_eq!(base58check(b"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa").unwrap().len(), 21);
        for text in ["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", "", "1", "0OIl", &"z".repeat(129)] {
            assert!(base58check(text.as_bytes()).is_none(), "{text}");
        }
    }
}
