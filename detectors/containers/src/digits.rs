//! Hexadecimal digits, as the wrappers of text share them.

use keyradius_core::seam::Anchor;

/// INTEGER 0 to 15 as the version of a key, as pairs with blanks between them: plain runs and dumps.
pub(super) const SPACED: Anchor = Anchor::anywhere(b"02 01 0");

/// Fewest bytes of a run. The smallest key, Ed25519 in PKCS#8, has 48.
pub(super) const MIN_BYTES: usize = 40;

/// The value of a digit, of either case.
fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// The value of two digits.
pub(super) fn byte(high: u8, low: u8) -> Option<u8> {
    Some(nibble(high)? << 4 | nibble(low)?)
}
