//! BER as it occurs in practice (X.690): DER, and the deviations of NSS, Apple and old tools.
//!
//! Indefinite lengths, overlong lengths and negative integers are all accepted: this reader determines where a value
//! begins and ends, not whether its writer followed the rules. Recursion is limited to `MAX_DEPTH`.

use std::borrow::Cow;

use keyradius_core::error::Malformed;

/// Maximum nesting of indefinite-length values. Real values stay below ten.
const MAX_DEPTH: usize = 32;

/// Universal tag of an INTEGER.
pub const INTEGER: u8 = 0x02;
/// Universal tag of a BIT STRING.
pub const BIT_STRING: u8 = 0x03;
/// Universal tag of an OCTET STRING.
pub const OCTET_STRING: u8 = 0x04;
pub(crate) const NULL: u8 = 0x05;
/// Universal tag of an OBJECT IDENTIFIER.
pub const OID: u8 = 0x06;
/// Universal tag of a SEQUENCE, constructed.
pub const SEQUENCE: u8 = 0x30;
/// Universal tag of a SET, constructed.
pub const SET: u8 = 0x31;

/// An OCTET STRING in segments.
pub(crate) const OCTET_SEGMENTS: u8 = OCTET_STRING | CONSTRUCTED;

/// The tag bit of a value whose content consists of values: of segments, for a string.
const CONSTRUCTED: u8 = 0x20;
/// The tag that is context-specific, constructed, with number `n`.
pub const fn context(n: u8) -> u8 {
    0xa0 | n
}

/// One value: tag, content, and all bytes.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    /// Identifier octet. Multi-byte tags are refused: no format read here uses them.
    pub tag: u8,
    /// Content octets, without the end-of-contents octets of an indefinite length.
    pub content: &'a [u8],
    /// The whole value, including header and end-of-contents octets.
    pub raw: &'a [u8],
}

impl<'a> Value<'a> {
    /// A reader of the children of a constructed value.
    pub const fn children(&self) -> BerReader<'a> {
        BerReader::new(self.content)
    }

    /// The magnitude of an INTEGER without leading zeros. Empty for zero; a negative number is returned unchanged.
    pub fn unsigned(&self) -> &'a [u8] {
        let zeros = self.content.iter().take_while(|&&b| b == 0).count();
        self.content.get(zeros..).unwrap_or_default()
    }

    /// The value of a non-negative INTEGER of at most 64 bits.
    pub fn small(&self) -> Option<u64> {
        let digits = self.unsigned();
        (digits.len() <= 8).then(|| digits.iter().fold(0, |n, &b| n << 8 | u64::from(b)))
    }

    /// The octets of an OCTET STRING, joined if it has segments (BER constructed form).
    pub fn octets(&self) -> Result<Cow<'a, [u8]>, Malformed> {
        self.joined(0)
    }

    /// The octets of a BIT STRING without the count of unused bits, joined if it has segments.
    pub(crate) fn bits(&self) -> Result<Cow<'a, [u8]>, Malformed> {
        self.joined(1)
    }

    fn joined(&self, spare: usize) -> Result<Cow<'a, [u8]>, Malformed> {
        if self.tag & CONSTRUCTED == 0 {
            return Ok(self.content.get(spare..).unwrap_or_default().into());
        }
        let mut joined = Vec::new();
        collect_segments(self.content, spare, &mut joined, 0)?;
        Ok(joined.into())
    }
}

/// `spare` is the number of octets before the data of each segment: one in a BIT STRING, the count of unused bits.
fn collect_segments(content: &[u8], spare: usize, joined: &mut Vec<u8>, depth: usize) -> Result<(), Malformed> {
    if depth > MAX_DEPTH {
        return Err(Malformed::new("segments nested too deep", 0));
    }
    let mut reader = BerReader::new(content);
    while !reader.is_empty() {
        let segment = reader.any()?;
        if segment.tag & CONSTRUCTED == 0 {
            joined.extend_from_slice(segment.content.get(spare..).unwrap_or_default());
        } else {
            collect_segments(segment.content, spare, joined, depth + 1)?;
        }
    }
    Ok(())
}

/// Reads consecutive values.
#[derive(Clone, Debug)]
pub struct BerReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BerReader<'a> {
    /// Reads from the first of these bytes on.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Position from the start of the slice.
    pub const fn at(&self) -> usize {
        self.at
    }

    /// Whether everything was read.
    pub const fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// The tag of the next value. `None` at the end.
    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Reads the next value, with any tag.
    pub fn any(&mut self) -> Result<Value<'a>, Malformed> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let value = parse(rest, 0).map_err(|e| Malformed::new(e.what, self.at + e.at))?;
        self.at += value.raw.len();
        Ok(value)
    }

    /// Reads the next value, which must have this tag; `what` names it in the error.
    pub fn value(&mut self, tag: u8, what: &'static str) -> Result<Value<'a>, Malformed> {
        if self.peek() == Some(tag) { self.any() } else { Err(Malformed::new(what, self.at)) }
    }

    /// Reads the value at the start of `bytes`, which must have this tag and may be truncated. Also returns whether it
    /// is truncated.
    pub fn cut(bytes: &'a [u8], tag: u8, what: &'static str) -> Result<(Value<'a>, bool), Malformed> {
        let wrong = Malformed::new(what, 0);
        let (own, start, length) = header(bytes)?;
        let content = bytes.get(start..).unwrap_or_default();
        match length {
            Some(length) if own == tag && length > content.len() => Ok((Value { tag, content, raw: bytes }, true)),
            _ if own == tag => Ok((parse(bytes, 0)?, false)),
            _ => Err(wrong),
        }
    }

    /// Reads the next value, which must be a string with this tag, in one piece or in segments.
    pub fn string(&mut self, tag: u8, what: &'static str) -> Result<Value<'a>, Malformed> {
        if self.peek() == Some(tag | CONSTRUCTED) { self.any() } else { self.value(tag, what) }
    }

    /// Reads the next value if it has this tag.
    pub fn optional(&mut self, tag: u8) -> Result<Option<Value<'a>>, Malformed> {
        if self.peek() == Some(tag) { self.any().map(Some) } else { Ok(None) }
    }
}

/// Parses one value at the start of `bytes`.
pub fn parse(bytes: &[u8], depth: usize) -> Result<Value<'_>, Malformed> {
    let (tag, header, length) = header(bytes)?;
    match length {
        Some(length) => {
            let end = header.checked_add(length).ok_or(Malformed::new("length overflows", 1))?;
            match (bytes.get(header..end), bytes.get(..end)) {
                (Some(content), Some(raw)) => Ok(Value { tag, content, raw }),
                _ => Err(Malformed::new("length beyond the data", 1)),
            }
        }
        None => indefinite(bytes, tag, header, depth),
    }
}

/// Tag, header length and content length (`None` = indefinite) of the value at the start of `bytes`.
pub fn header(bytes: &[u8]) -> Result<(u8, usize, Option<usize>), Malformed> {
    let (&tag, rest) = bytes.split_first().ok_or(Malformed::new("tag", 0))?;
    if tag & 0x1f == 0x1f {
        return Err(Malformed::new("multi-byte tag", 0));
    }
    let (&first, rest) = rest.split_first().ok_or(Malformed::new("length", 1))?;
    match first {
        0x80 if tag & CONSTRUCTED != 0 => Ok((tag, 2, None)),
        0..0x80 => Ok((tag, 2, Some(usize::from(first)))),
        // More than four length octets would mean a value of over 4 GiB, but leading zeros are only bad style: OpenSSL
        // accepts any number of them (asn1_get_length).
        0x81..=0xff => {
            let octets = usize::from(first & 0x7f);
            let digits = rest.get(..octets).ok_or(Malformed::new("length", 1))?;
            let length = digits
                .iter()
                .try_fold(0_usize, |n, &b| n.checked_mul(256)?.checked_add(usize::from(b)))
                .ok_or(Malformed::new("length overflows", 1))?;
            Ok((tag, 2 + octets, Some(length)))
        }
        _ => Err(Malformed::new("length octet", 1)),
    }
}

fn indefinite(bytes: &[u8], tag: u8, header: usize, depth: usize) -> Result<Value<'_>, Malformed> {
    if depth >= MAX_DEPTH {
        return Err(Malformed::new("nested too deep", 0));
    }
    let mut at = header;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        if rest.starts_with(&[0, 0]) {
            return match (bytes.get(header..at), bytes.get(..at + 2)) {
                (Some(content), Some(raw)) => Ok(Value { tag, content, raw }),
                _ => Err(Malformed::new("end of contents", at)),
            };
        }
        let child = parse(rest, depth + 1).map_err(|e| Malformed::new(e.what, at + e.at))?;
        at += child.raw.len();
    }
}

/// Encodes one value as DER: tag, minimal length, content. Used for structures that keyradius itself writes
/// (SubjectPublicKeyInfo).
pub fn encode(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|p| p.len()).sum();
    let mut out = Vec::with_capacity(length + 6);
    out.push(tag);
    if length < 0x80 {
        out.push(length as u8);
    } else {
        let octets = length.to_be_bytes();
        let zeros = octets.iter().take_while(|&&b| b == 0).count();
        let digits = octets.get(zeros..).unwrap_or_default();
        out.push(0x80 | digits.len() as u8);
        out.extend_from_slice(digits);
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// Encodes an unsigned big-endian magnitude as a DER INTEGER.
pub fn encode_unsigned(magnitude: &[u8]) -> Vec<u8> {
    let zeros = magnitude.iter().take_while(|&&b| b == 0).count();
    let digits = magnitude.get(zeros..).unwrap_or_default();
    match digits.first() {
        None => encode(INTEGER, &[&[0]]),
        Some(0x80..) => encode(INTEGER, &[&[0], digits]),
        Some(_) => encode(INTEGER, &[digits]),
    }
}

/// The dotted form of an OID's content octets.
pub fn dotted(oid: &[u8]) -> String {
    use std::fmt::Write;
    let mut out = String::new();
    let mut arc: u128 = 0;
    let mut first = true;
    for &byte in oid {
        arc = arc << 7 | u128::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        if first {
            let top = (arc / 40).min(2);
            let _ = write!(out, "{top}.{}", arc - top * 40);
            first = false;
        } else {
            let _ = write!(out, ".{arc}");
        }
        arc = 0;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_in_every_form() {
        for (bytes, content) in [
            (&[0x04, 0x02, 1, 2][..], &[1, 2][..]),
            (&[0x04, 0x81, 0x02, 1, 2], &[1, 2]),
            (&[0x04, 0x84, 0, 0, 0, 2, 1, 2], &[1, 2]),
            (&[0x30, 0x80, 0x02, 0x01, 0x05, 0x00, 0x00], &[0x02, 0x01, 0x05]),
        ] {
            let value = parse(bytes, 0).unwrap();
            assert_eq!((value.content, value.raw), (content, bytes));
        }
    }

    #[test]
    fn invalid_values_are_refused() {
        for bytes in [
            &[][..],
            &[0x30],
            &[0x30, 0x05, 0],
            &[0x30, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0x30, 0x80, 0x02, 0x01, 0x05],
            &[0x04, 0x80, 0, 0],
            &[0x1f, 0x01, 0],
        ] {
            assert!(parse(bytes, 0).is_err(), "{bytes:02x?}");
        }
        assert!(parse(&[0x30, 0x80].repeat(10_000), 0).is_err(), "deep nesting must not overflow the stack");
    }

    #[test]
    fn segments_are_joined() {
        let bytes = [0x24, 0x80, 0x04, 0x02, 1, 2, 0x04, 0x01, 3, 0, 0];
        assert_eq!(parse(&bytes, 0).unwrap().octets().unwrap().as_ref(), [1, 2, 3]);
    }

    #[test]
    fn oids_in_dotted_form() {
        assert_eq!(dotted(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01]), "1.2.840.113549.1.1.1");
        assert_eq!(dotted(&[0x55, 0x1d, 0x25]), "2.5.29.37");
        assert_eq!(dotted(&[0x88, 0x37]), "2.999", "X.690 8.19.5");
    }

    #[test]
    fn encoded_values_read_back() {
        assert_eq!(encode_unsigned(&[0, 0x80]), [0x02, 0x02, 0x00, 0x80]);
        assert_eq!(encode_unsigned(&[]), [0x02, 0x01, 0x00]);
        assert_eq!(encode(SEQUENCE, &[&[0; 300]]).get(..4).unwrap(), [0x30, 0x82, 0x01, 0x2c]);
    }
}
