//! Binary strings in which only some bytes are escaped: dumps of MySQL (`\0`, `\n`, `\Z`), pickles of protocol 0
//! (`\u0000`), string literals of PHP; and binary data that was taken for Latin-1 and written in UTF-8.
//!
//! The OID of an EC key has no byte that is escaped, so its anchor is found although the structure around it is not
//! intact. Those of other keys are anchors in their escaped forms.

use keyradius_core::seam::Anchor;
use keyradius_readers::locate;
use zeroize::Zeroizing;

/// OIDs at the start of DER keys and PKCS#12. The OID of PKCS has a carriage return, and the version of an RSA key is
/// zero: both are escaped, as MySQL or as a pickle does it.
pub(super) const ANCHORS: [Anchor; 16] = [
    locate::TWO_INTEGERS,
    locate::EC_PRIVATE,
    locate::EC_OID,
    locate::DSA_OID,
    locate::RFC8410,
    locate::PKCS_OID,
    Anchor::anywhere(b"\x2a\x86\x48\x86\xf7\\r\x01"),
    Anchor::anywhere(b"\x2a\x86\x48\x86\xf7\\u000d\x01"),
    Anchor::anywhere(b"\x02\x01\\0\x02"),
    Anchor::anywhere(b"\x02\x01\\u0000\x02"),
    CURVES[0],
    CURVES[1],
    WIDE[0],
    WIDE[1],
    WIDE[2],
    WIDE[3],
];

/// The OIDs of the curves of NIST (1.2.840.10045.3.1.7, 1.3.132.0), which an EC key of SEC 1 contains alone.
const CURVES: [Anchor; 2] =
    [Anchor::anywhere(b"\x2a\x86\x48\xce\x3d\x03\x01\x07"), Anchor::anywhere(b"\x2b\x81\x04\\0")];

/// The OIDs of EC keys, of PKCS and of the curves of NIST in UTF-8.
const WIDE: [Anchor; 4] = [
    Anchor::anywhere(b"\x2a\xc2\x86H\xc3\x8e=\x02\x01"),
    Anchor::anywhere(b"\x2a\xc2\x86H\xc2\x86\xc3\xb7\r\x01"),
    Anchor::anywhere(b"\x2a\xc2\x86H\xc3\x8e=\x03\x01\x07"),
    Anchor::anywhere(b"\x2b\xc2\x81\x04\0"),
];

/// How bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    Backslashes,
    Wide,
}

/// How far before an OID its structure begins at most, in escaped bytes.
const BEFORE: usize = 160;

/// Maximum length of a structure, in bytes.
const MAX_LENGTH: usize = 1 << 18;

/// The structure around the OID at `at` without its escapes, and its range in `bytes`. `None` if no escape is in it.
pub(super) fn read(
    bytes: &[u8],
    at: usize,
    anchor: Anchor<'_>,
) -> Option<(Zeroizing<Vec<u8>>, std::ops::Range<usize>)> {
    let from = at.saturating_sub(BEFORE);
    let before = bytes.get(from..at)?;
    // The version of an RSA key is the same in UTF-8, the length of its modulus is not.
    let is_wide_rsa = || bytes.get(at + anchor.bytes.len()..).is_some_and(|rest| rest.starts_with(&[0xc2, 0x82]));
    let is_wide = WIDE.contains(&anchor) || (anchor == locate::TWO_INTEGERS && is_wide_rsa());
    let writing = if is_wide { Writing::Wide } else { Writing::Backslashes };
    // The first SEQUENCE whose header fits: its content is a version, then a SEQUENCE with the OID.
    memchr::memchr_iter(0x30, before).find_map(|start| {
        let start = from + start;
        let (head, _) = unescaped(bytes.get(start..)?, MAX_HEADER, writing)?;
        let length = length(&head).filter(|length| *length <= MAX_LENGTH)?;
        let (out, end) = unescaped(bytes.get(start..)?, length, writing)?;
        let is_one = writing != Writing::Backslashes || is_escaped(bytes.get(start..start + end)?);
        (is_one && end > length && at < start + end).then_some((out, start..start + end))
    })
}

/// Whether backslashes in these bytes are escapes: in a structure that is not escaped, they stand by chance. What escapes
/// more than quotes and backslashes escapes line feeds, too: dumps of MySQL also zeros, its CSV tables carriage returns.
fn is_escaped(bytes: &[u8]) -> bool {
    let (mut zeros, mut line_feeds, mut quotes) = (true, true, true);
    let mut rest = bytes;
    while let Some(at) = memchr::memchr3(b'\\', 0, b'\n', rest) {
        match rest.get(at) {
            Some(b'\\') => {
                // A line feed may also follow a backslash as it is.
                quotes &= matches!(rest.get(at + 1), Some(b'\\' | b'\'' | b'"'));
                rest = rest.get(at + 2..).unwrap_or_default();
                continue;
            }
            Some(0) => zeros = false,
            _ => line_feeds = false,
        }
        rest = rest.get(at + 1..).unwrap_or_default();
    }
    quotes || (line_feeds && (zeros || !bytes.contains(&b'\r')))
}

/// Number of bytes with both headers, the version and the header of the OID.
const MAX_HEADER: usize = 24;

/// The length of the structure that begins with these bytes: a SEQUENCE of a version and a SEQUENCE.
fn length(head: &[u8]) -> Option<usize> {
    let (length, rest) = match *head {
        [0x30, 0x82, high, low, ref rest @ ..] => ((usize::from(high) << 8 | usize::from(low)) + 4, rest),
        [0x30, 0x81, low, ref rest @ ..] => (usize::from(low) + 3, rest),
        [0x30, low @ 0x20..=0x7f, ref rest @ ..] => (usize::from(low) + 2, rest),
        _ => return None,
    };
    matches!(rest, [2, 1, 0..=3, 0x30 | 2 | 4, ..]).then_some(length)
}

/// The first `count` bytes of a text without its escapes, and the length of the text they were read from.
fn unescaped(text: &[u8], count: usize, writing: Writing) -> Option<(Zeroizing<Vec<u8>>, usize)> {
    let mut out = Zeroizing::new(Vec::with_capacity(count));
    let mut at = 0;
    while out.len() < count {
        let rest = text.get(at..)?;
        let (byte, length) = match *rest {
            [first @ (0xc2 | 0xc3), second @ 0x80..=0xbf, ..] if writing == Writing::Wide => {
                (second | (first & 1) << 6, 2)
            }
            [byte, ..] if writing != Writing::Backslashes => (byte, 1),
            [b'\\', b'u', b'0', b'0', high, low, ..] => (super::digits::byte(high, low)?, 6),
            [b'\\', b'x', high, low, ..] => (super::digits::byte(high, low)?, 4),
            [b'\\', escape, ..] => {
                let byte = match escape {
                    b'0' => 0,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    // MySQL.
                    b'Z' => 26,
                    other => other,
                };
                (byte, 2)
            }
            // A quote of SQL that is written twice.
            [b'\'', b'\'', ..] => (b'\'', 2),
            [byte, ..] => (byte, 1),
            [] => return None,
        };
        out.push(byte);
        at += length;
    }
    Some((out, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Vec<u8> {
        let oid = [&[0x30, 0x13, 6, 7][..], locate::EC_OID.bytes].concat();
        [&[0x30, 0x81, 0x87, 2, 1, 0][..], &oid, &[b'\'', b'\\', 10, 26, 0, 9], &[0x41; 130]].concat()[..0x8a].to_vec()
    }

    #[test]
    fn strings_of_mysql_and_pickles() {
        let plain = key();
        let escaped = |one: &dyn Fn(u8) -> Option<&'static [u8]>| -> Vec<u8> {
            plain.iter().flat_map(|byte| one(*byte).map_or_else(|| vec![*byte], <[u8]>::to_vec)).collect()
        };
        let mysql = escaped(&|byte| match byte {
            0 => Some(b"\\0"),
            10 => Some(b"\\n"),
            26 => Some(b"\\Z"),
            b'\'' => Some(b"\\'"),
            b'\\' => Some(b"\\\\"),
            _ => None,
        });
        let pickle = escaped(&|byte| match byte {
            0 => Some(b"\\u0000"),
            10 => Some(b"\\u000a"),
            26 => Some(b"\\u001a"),
            b'\\' => Some(b"\\u005c"),
            _ => None,
        });
        // The CSV engine of MariaDB leaves zeros as they are.
        let csv = escaped(&|byte| match byte {
            10 => Some(b"\\n"),
            b'"' => Some(b"\\\""),
            b'\\' => Some(b"\\\\"),
            _ => None,
        });
        for text in [mysql, pickle, csv] {
            let text = [&b"INSERT INTO t VALUES (1,'"[..], &text, b"');"].concat();
            let at = memchr::memmem::find(&text, locate::EC_OID.bytes).unwrap();
            assert_eq!(read(&text, at, locate::EC_OID).unwrap().0.as_slice(), plain);
        }
        let text = [&b"INSERT INTO t VALUES (1,'"[..], &plain].concat();
        let at = memchr::memmem::find(&text, locate::EC_OID.bytes).unwrap();
        assert!(read(&text, at, locate::EC_OID).is_none());
        let wide: Vec<u8> = plain.iter().flat_map(|byte| char::from(*byte).to_string().into_bytes()).collect();
        let at = memchr::memmem::find(&wide, WIDE[0].bytes).unwrap();
        assert_eq!(read(&wide, at, WIDE[0]).unwrap().0.as_slice(), plain);
    }
}
