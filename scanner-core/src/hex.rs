//! Converts bytes to hexadecimal digits, and back.

use zeroize::Zeroizing;

/// Renders bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or_default();
    let mut text = String::with_capacity(bytes.len() * 2);
    text.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
    text
}

/// Parses hexadecimal digits of either case; `None` if there is anything else. The bytes are wiped when dropped: they
/// may be a private key.
pub fn unhex(digits: impl AsRef<[u8]>) -> Option<Zeroizing<Vec<u8>>> {
    let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let (pairs, rest) = digits.as_ref().as_chunks::<2>();
    // Reserved at once: a growing vector would leave copies in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(pairs.len()));
    for [high, low] in pairs {
        bytes.push(nibble(*high)? << 4 | nibble(*low)?);
    }
    rest.is_empty().then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits_round_trip() {
        assert_eq!(hex(&[0x00, 0xff, 0xa1]), "00ffa1");
        assert_eq!(unhex("00fFa1").as_deref(), Some(&vec![0x00, 0xff, 0xa1]));
        assert_eq!(unhex("").as_deref(), Some(&Vec::new()));
        for wrong in ["0", "0g", "000", "+1", "\u{663}0"] {
            assert_eq!(unhex(wrong), None, "{wrong}");
        }
    }
}
