//! Big-endian magnitudes, as key formats store numbers: their size and leading zeros.

use zeroize::Zeroizing;

/// The size of a big-endian magnitude in bits.
pub fn bits(number: &[u8]) -> u32 {
    let number = strip(number);
    number.first().map_or(0, |first| number.len() as u32 * 8 - first.leading_zeros())
}

/// Drops leading zeros of a number while it is longer than `length` bytes.
pub fn cut(number: &[u8], length: usize) -> &[u8] {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count().min(number.len().saturating_sub(length));
    number.get(zeros..).unwrap_or_default()
}

/// The number in exactly `length` bytes, with leading zeros. `None` if it is larger.
pub fn padded(number: &[u8], length: usize) -> Option<Zeroizing<Vec<u8>>> {
    let digits = cut(number, length);
    let mut all = Zeroizing::new(Vec::with_capacity(length));
    all.resize(length.checked_sub(digits.len())?, 0);
    all.extend_from_slice(digits);
    Some(all)
}

/// The number without leading zeros.
pub fn strip(number: &[u8]) -> &[u8] {
    cut(number, 0)
}
