//! DER whose line feeds were carriage returns and line feeds: what git writes into a work tree, and into an archive, where a file
//! has the attributes `text` and `eol=crlf`. Git stores such a file without the carriage returns, whatever it holds.

use std::ops::Range;

use scanner_core::seam::{Anchor, Hit};
use zeroize::Zeroizing;

use crate::read::{ber, locate};

/// What stands near the beginning of every private key and keystore in DER.
pub(super) const ANCHORS: [Anchor<'static>; 7] = [
    locate::TWO_INTEGERS,
    locate::EC_PRIVATE,
    locate::PKCS_OID,
    locate::EC_OID,
    locate::DSA_OID,
    locate::RFC8410,
    locate::NIST_OID,
];

/// Bytes before an anchor in which the structure begins, and from it on that are needed to see how long it is.
const BEFORE: usize = 64;
const BEHIND: usize = 16;

/// Longest INTEGER that is a version, in content octets.
const VERSION: usize = 4;

/// Longest structure that is read, in bytes: an RSA key of 65,536 bits.
const LONGEST: usize = 64 << 10;

/// The structure around a hit with a carriage return before each line feed that has none, and where it is stored.
pub(super) fn restored(bytes: &[u8], hit: Hit<'_>) -> Option<(Range<usize>, Zeroizing<Vec<u8>>)> {
    let from = hit.at.saturating_sub(BEFORE);
    let (before, _) =
        with_returns(bytes.get(from..hit.at)?, from.checked_sub(1).and_then(|at| bytes.get(at)), BEFORE * 2);
    let behind = bytes.get(hit.at..bytes.len().min(hit.at + BEHIND))?;
    let head = [before.as_slice(), behind].concat();
    let start = start(&head, Hit { at: before.len(), ..hit })?;
    let (_, header, length) = ber::header(head.get(start..)?).ok()?;
    let size = header.checked_add(length?).filter(|size| *size <= LONGEST)?;
    // Back to where that is in what is stored.
    let stored = hit.at - without_returns(before.get(start..)?, bytes.get(from..hit.at)?);
    let (out, read) = with_returns(bytes.get(stored..)?, stored.checked_sub(1).and_then(|at| bytes.get(at)), size);
    (out.len() == size && read < size).then_some((stored..stored + read, out))
}

/// Up to `most` bytes of text as git writes them, and how many stored ones those are. `last` is the byte before them.
fn with_returns(bytes: &[u8], last: Option<&u8>, most: usize) -> (Zeroizing<Vec<u8>>, usize) {
    let mut out = Zeroizing::new(Vec::with_capacity(most.min(bytes.len() * 2)));
    let mut last = last.copied().unwrap_or_default();
    for (read, &byte) in bytes.iter().enumerate() {
        let missing = byte == b'\n' && last != b'\r';
        if out.len() + 1 + usize::from(missing) > most {
            return (out, read);
        }
        out.extend(missing.then_some(b'\r'));
        out.push(byte);
        last = byte;
    }
    (out, bytes.len())
}

/// How many bytes at the end of what is stored became these.
fn without_returns(written: &[u8], stored: &[u8]) -> usize {
    let mut written = written.iter().rev().peekable();
    let mut many = 0;
    let mut stored = stored.iter().rev().peekable();
    while let (Some(byte), Some(_)) = (written.next(), stored.next()) {
        many += 1;
        // A carriage return that is not stored.
        if *byte == b'\n' && stored.peek() != Some(&&b'\r') && written.peek() == Some(&&b'\r') {
            written.next();
        }
    }
    many
}

/// Start of the SEQUENCE around a hit: of a version and integers, or of a version, if there is one, and an algorithm.
fn start(bytes: &[u8], hit: Hit<'_>) -> Option<usize> {
    if hit.anchor == locate::TWO_INTEGERS || hit.anchor == locate::EC_PRIVATE {
        return locate::sequence_before(bytes, hit.at);
    }
    let algorithm = locate::algorithm_identifier(bytes, hit.anchor, hit.at)?;
    let versioned = (0..=VERSION).find_map(|length| {
        let version = algorithm.checked_sub(2 + length)?;
        bytes.get(version..)?.starts_with(&[0x02, length as u8]).then(|| locate::sequence_before(bytes, version))?
    });
    versioned.or_else(|| locate::sequence_before(bytes, algorithm))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(bytes: &[u8], anchor: Anchor<'static>) -> Option<(Range<usize>, Vec<u8>)> {
        let at = memchr::memmem::find(bytes, anchor.bytes)?;
        restored(bytes, Hit { anchor, at }).map(|(span, out)| (span, out.to_vec()))
    }

    #[test]
    fn carriage_returns_that_are_not_stored_are_put_back() {
        // A version, an algorithm and an octet string with line feeds in it.
        let algorithm = [&[0x30, 0x0b, 0x06, 7][..], locate::EC_OID.bytes, &[0x05, 0x00]].concat();
        let body = [&[0x04, 8][..], b"a\r\nb\r\ncd"].concat();
        let content = [&[0x02, 0x01, 0x00][..], &algorithm, &body].concat();
        let der = [&[0x30, content.len() as u8][..], &content].concat();
        let stored = without(&der);
        for before in [&b""[..], b"text\n", b"\r\n\n\n", &[b'\n'; 100]] {
            let bytes = [before, &stored, b"more\n"].concat();
            let span = before.len()..before.len() + stored.len();
            assert_eq!(at(&bytes, locate::EC_OID), Some((span, der.clone())), "{before:?}");
        }
        // Whole as it is, cut off, or no structure.
        for bytes in [&der[..], &stored[..stored.len() - 1], &stored[4..]] {
            assert_eq!(at(bytes, locate::EC_OID), None, "{bytes:?}");
        }
    }

    #[test]
    fn a_length_that_is_a_line_feed_is_one_too() {
        // SEQUENCE of 0x0d0a bytes: stored, its length is 0x0a.
        let mut content = vec![0x02, 0x01, 0x01, 0x04, 0x82, 0x0d, 0x03];
        content.resize(0x0d0a, b'x');
        let der = [&[0x30, 0x82, 0x0d, 0x0a][..], &content].concat();
        let stored = without(&der);
        assert_eq!(stored.len() + 1, der.len());
        assert_eq!(at(&[b"..", &stored[..], b".."].concat(), locate::EC_PRIVATE), Some((2..2 + stored.len(), der)));
    }

    /// What git stores of it.
    fn without(bytes: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        while let Some(at) = out.windows(2).position(|two| two == b"\r\n") {
            out.remove(at);
        }
        out
    }
}
