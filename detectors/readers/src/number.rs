//! Big-endian magnitudes, as key formats write numbers: their size, and the zeros in front of them.

use zeroize::Zeroizing;

/// Bits in a big-endian magnitude.
pub fn bits(number: &[u8]) -> u32 {
    let number = strip(number);
    number.first().map_or(0, |first| number.len() as u32 * 8 - first.leading_zeros())
}

/// A number without zeros in front, where it is longer than its group is.
pub fn cut(number: &[u8], length: usize) -> &[u8] {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count().min(number.len().saturating_sub(length));
    number.get(zeros..).unwrap_or_default()
}

/// A number of so many bytes, with zeros in front; `None` if it is larger.
pub fn padded(number: &[u8], length: usize) -> Option<Zeroizing<Vec<u8>>> {
    let digits = cut(number, length);
    let mut all = Zeroizing::new(Vec::with_capacity(length));
    all.resize(length.checked_sub(digits.len())?, 0);
    all.extend_from_slice(digits);
    Some(all)
}

/// A number without zeros in front.
pub(crate) fn strip(number: &[u8]) -> &[u8] {
    cut(number, 0)
}
