//! Base64 encoding and decoding, and the digit test that text readers share.

use zeroize::Zeroizing;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Value of a base64 digit in either alphabet (RFC 4648 4 and 5), or 0xff.
const DIGITS: [u8; 256] = digits();

const fn digits() -> [u8; 256] {
    let mut table = [0xff_u8; 256];
    let mut value = 0;
    while value < 64 {
        #[allow(clippy::indexing_slicing, reason = "constants, checked by the compiler")]
        {
            table[ALPHABET[value] as usize] = value as u8;
        }
        value += 1;
    }
    #[allow(clippy::indexing_slicing, reason = "constants, checked by the compiler")]
    {
        table[b'-' as usize] = 62;
        table[b'_' as usize] = 63;
    }
    table
}

/// Whether a soft line break of quoted-printable is between `before` and `rest`: an equals sign that is not base64
/// padding, because a full line ends and digits follow.
pub fn is_soft_break(before: &[u8], rest: &[u8]) -> bool {
    /// A line has 76 characters (RFC 2045 6.7), minus the three of an escape that is not split.
    const FULL: std::ops::RangeInclusive<usize> = 72..=75;
    let next = match rest {
        [b'=', b'\r', b'\n', next, ..] | [b'=', b'\n', next, ..] => *next,
        _ => return false,
    };
    let line = before.iter().rev().take(FULL.end() + 1).take_while(|byte| **byte != b'\n').count();
    // A dash may begin an END line.
    digit(next).is_some() && next != b'-' && FULL.contains(&line)
}

/// The value of a base64 digit, standard or URL-safe.
pub fn digit(byte: u8) -> Option<u8> {
    DIGITS.get(usize::from(byte)).copied().filter(|&v| v != 0xff)
}

/// Decodes base64 digits, either alphabet, without padding. `None` if there is any other byte. Wiped when dropped.
pub fn unbase64(digits: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut decoder = Decoder::with_capacity(digits.len() / 4 * 3 + 3);
    for byte in digits {
        decoder.push(digit(*byte)?);
    }
    Some(decoder.finish())
}

/// A base64 text without the padding at its end, which is at most `most` times `=`.
pub fn without_padding(text: &[u8], most: usize) -> &[u8] {
    let padding = text.iter().rev().take(most).take_while(|byte| **byte == b'=').count();
    text.get(..text.len() - padding).unwrap_or_default()
}

/// Decodes the hex digits in a test.
#[cfg(test)]
pub(crate) fn bytes(digits: &str) -> Vec<u8> {
    keyradius_core::hex::unhex(digits).expect("hex digits").to_vec()
}

/// Encodes as standard base64 without padding, as `ssh-keygen -l` prints it.
pub fn base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |n, &b| n << 8 | u32::from(b)) << (8 * (3 - chunk.len()));
        for position in 0..=chunk.len() {
            let value = (word >> (18 - 6 * position)) & 0x3f;
            out.push(char::from(ALPHABET.get(value as usize).copied().unwrap_or(b'A')));
        }
    }
    out
}

/// Encodes as URL-safe base64 without padding (RFC 7515).
pub fn base64url(bytes: &[u8]) -> String {
    base64(bytes).replace('+', "-").replace('/', "_")
}

/// Collects base64 digits into bytes. The buffer is wiped when dropped: it may contain a private key.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: Zeroizing<Vec<u8>>,
    word: u32,
    have: u32,
}

impl Decoder {
    /// A decoder with room for `capacity` bytes, so that growing leaves no unwiped copy behind.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { bytes: Zeroizing::new(Vec::with_capacity(capacity)), word: 0, have: 0 }
    }

    /// Adds one digit's value.
    pub fn push(&mut self, value: u8) {
        self.word = self.word << 6 | u32::from(value);
        self.have += 6;
        if self.have >= 8 {
            self.have -= 8;
            self.bytes.push((self.word >> self.have) as u8);
        }
    }

    /// The bits of an incomplete byte, from the highest bit down.
    pub(crate) const fn tail(&self) -> u8 {
        (self.word << (8 - self.have)) as u8
    }

    /// The complete bytes. The bits of an incomplete byte are dropped.
    pub fn finish(self) -> Zeroizing<Vec<u8>> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> Vec<u8> {
        let mut decoder = Decoder::default();
        text.bytes().filter_map(digit).for_each(|value| decoder.push(value));
        decoder.finish().to_vec()
    }

    #[test]
    fn base64_of_the_rfc() {
        // RFC 4648 10.
        for (plain, coded) in
            [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(plain.as_bytes()), coded);
            assert_eq!(decode(coded), plain.as_bytes());
        }
        let mut decoder = Decoder::default();
        for (digit, tail) in [(0b11_0101, 0b1101_0100), (0b10_0110, 0b0110_0000), (0b00_0011, 0b1100_0000), (0, 0)] {
            decoder.push(digit);
            assert_eq!(decoder.tail(), tail);
        }
        assert_eq!(base64url(&[0xfb, 0xff]), "-_8");
        assert_eq!(decode("-_8"), [0xfb, 0xff]);
        assert_eq!(digit(b'!'), None);
    }
}
