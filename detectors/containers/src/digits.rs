//! Hexadecimal digits for the text wrappers.

use keyradius_core::seam::Anchor;

/// INTEGER 0 to 15 as the version of a key, in pairs separated by blanks: the form of plain runs and of dumps.
pub(super) const SPACED: Anchor = Anchor::anywhere(b"02 01 0");

/// Minimum length of a run, in bytes. The smallest key, Ed25519 in PKCS#8, has 48.
pub(super) const MIN_BYTES: usize = 40;

/// Returns the value of a digit in either case.
fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// Returns the value of two digits.
pub(super) fn byte(high: u8, low: u8) -> Option<u8> {
    Some(nibble(high)? << 4 | nibble(low)?)
}
