//! What tests make samples of.

use sha2::{Digest, Sha256};

/// The private key of RFC 8032 7.1, test 1.
pub(crate) const RFC8032_SEED: [u8; 32] = [
    0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5,
    0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
];

/// The bytes of hex digits that a test spells out.
pub(crate) fn bytes(digits: &str) -> Vec<u8> {
    keyradius_core::hex::unhex(digits).expect("hex digits").to_vec()
}

/// A payload in base58check.
pub(crate) fn base58check(payload: &[u8]) -> String {
    const DIGITS: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let digest = Sha256::digest(Sha256::digest(payload));
    let mut number = [payload, &digest[..4]].concat();
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let mut digits = Vec::new();
    while number.iter().any(|byte| *byte != 0) {
        let mut rest = 0_u32;
        for byte in &mut number {
            let value = rest << 8 | u32::from(*byte);
            *byte = (value / 58) as u8;
            rest = value % 58;
        }
        digits.push(DIGITS[rest as usize]);
    }
    digits.extend(std::iter::repeat_n(b'1', zeros));
    digits.reverse();
    String::from_utf8(digits).expect("ASCII")
}
