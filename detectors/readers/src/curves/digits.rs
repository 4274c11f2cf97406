//! Converts hex digits to bytes at compile time.

/// Converts hex digits to a `&'static [u8; N]`.
macro_rules! hex {
    ($digits:literal) => {{
        const BYTES: [u8; $digits.len() / 2] = $crate::curves::digits::decode($digits);
        &BYTES
    }};
}

#[allow(clippy::indexing_slicing, reason = "constants, checked by the compiler")]
pub(super) const fn decode<const N: usize>(digits: &str) -> [u8; N] {
    let digits = digits.as_bytes();
    let mut bytes = [0; N];
    let mut at = 0;
    while at < N {
        bytes[at] = nibble(digits[2 * at]) << 4 | nibble(digits[2 * at + 1]);
        at += 1;
    }
    bytes
}

#[allow(clippy::panic, reason = "only ever runs in the compiler")]
const fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => panic!("hex digit"),
    }
}

pub(super) use hex;
