//! The text of DNSSEC key files: the `Name: value` lines of BIND's private keys, and the DNSKEY record of public keys.

use keyradius_core::error::Malformed;
use keyradius_readers::curves;
use keyradius_readers::public::{Domain, PublicKey, Raw};
use keyradius_readers::text::{Decoder, digit};
use zeroize::Zeroizing;

/// Maximum text of one file that is read, in bytes: RSA of 4096 bits takes a tenth of it.
const MAX_TEXT: usize = 32 << 10;
/// Maximum line length, in bytes: a modulus of 16,384 bits.
const MAX_LINE: usize = 4 << 10;
/// Maximum number of lines.
const MAX_LINES: usize = 32;

/// The algorithm and the decoded numbers of a private key.
pub(crate) struct Fields {
    pub(crate) algorithm: u16,
    numbers: Vec<(String, Zeroizing<Vec<u8>>)>,
}

impl Fields {
    /// Reads the fields and returns the bytes that they occupy. `text` begins with the line of the format.
    pub(crate) fn read(text: &[u8]) -> Result<(Self, usize), Malformed> {
        /// The numbers of a key (BIND, dst_parse.c).
        const NUMBERS: [&str; 15] = [
            "Modulus",
            "PublicExponent",
            "PrivateExponent",
            "Prime1",
            "Prime2",
            "Exponent1",
            "Exponent2",
            "Coefficient",
            "PrivateKey",
            "Key",
            "Prime(p)",
            "Subprime(q)",
            "Base(g)",
            "Private_value(x)",
            "Public_value(y)",
        ];
        /// Other fields of such a file: times, and the location of the key in an HSM.
        const OTHERS: [&str; 13] = [
            "Created",
            "Publish",
            "Activate",
            "Revoke",
            "Inactive",
            "Delete",
            "DSPublish",
            "SyncPublish",
            "SyncDelete",
            "DSRemoved",
            "Bits",
            "Engine",
            "Label",
        ];
        let text = text.get(..MAX_TEXT.min(text.len())).unwrap_or_default();
        let mut fields = Self { algorithm: 0, numbers: Vec::new() };
        let (mut at, mut end) = (0, 0);
        for number in 0..MAX_LINES {
            let rest = text.get(at..).unwrap_or_default();
            let (line, skipped) = line(rest);
            let Some((name, value)) = split(line) else { break };
            match name {
                "Private-key-format" if number == 0 && value.starts_with(b"v1.") => {}
                "Algorithm" => {
                    let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
                    let digits = value.get(..digits).and_then(|digits| str::from_utf8(digits).ok());
                    let algorithm = digits.and_then(|digits| digits.parse().ok());
                    fields.algorithm = algorithm.ok_or(Malformed::new("DNSSEC algorithm", at))?;
                }
                name if NUMBERS.contains(&name) => {
                    let bytes = base64(value).ok_or(Malformed::new("base64 of a DNSSEC key", at))?;
                    fields.numbers.push((name.to_owned(), bytes));
                }
                name if OTHERS.contains(&name) => {}
                // The text after the key file.
                _ => break,
            }
            end = at + line.len();
            at += skipped;
        }
        if fields.algorithm == 0 || fields.numbers.is_empty() {
            return Err(Malformed::new("lines of a DNSSEC key", at));
        }
        Ok((fields, end))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        self.numbers.iter().find(|(n, _)| n == name).map(|(_, bytes)| &bytes[..]).filter(|bytes| !bytes.is_empty())
    }
}

/// The line at the start of a text, with its indentation, and the distance to the next line. The line end may be
/// escaped.
fn line(text: &[u8]) -> (&[u8], usize) {
    let ends = |at: &usize| match text.get(*at..) {
        Some([b'\n' | b'\r' | b'"' | b'\'', ..]) => true,
        Some([b'\\', escaped @ ..]) => {
            matches!(escaped.iter().take(8).find(|&&byte| byte != b'\\'), Some(b'n' | b'r' | b'"'))
        }
        _ => false,
    };
    let end = (0..text.len().min(MAX_LINE)).find(ends).unwrap_or(text.len().min(MAX_LINE));
    let mut next = end;
    while let Some(rest) = text.get(next..) {
        let slashes = rest.iter().take_while(|&&byte| byte == b'\\').count();
        next += match rest.get(slashes..) {
            Some([b'n' | b'r', ..]) if slashes > 0 => slashes + 1,
            Some([byte, ..]) if slashes == 0 && byte.is_ascii_whitespace() => 1,
            _ => break,
        };
    }
    (text.get(..end).unwrap_or_default(), next)
}

/// Name and value of a line.
fn split(line: &[u8]) -> Option<(&str, &[u8])> {
    let colon = memchr::memchr(b':', line)?;
    let name = str::from_utf8(line.get(..colon)?.trim_ascii()).ok()?;
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_()".contains(&byte));
    (plain && !name.is_empty()).then(|| (name, line.get(colon + 1..).unwrap_or_default().trim_ascii()))
}

/// Decodes base64 with padding and with blanks between the digits.
fn base64(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut decoder = Decoder::with_capacity(text.len());
    let padding = text.iter().rev().take(2).take_while(|&&byte| byte == b'=').count();
    let mut digits = 0;
    for byte in text.get(..text.len() - padding)?.iter().filter(|byte| !matches!(byte, b' ' | b'\t')) {
        decoder.push(digit(*byte)?);
        digits += 1;
    }
    ((digits + padding) % 4 == 0).then(|| decoder.finish())
}

/// A DNSKEY record.
pub(crate) struct Record<'a> {
    pub(crate) zone: &'a [u8],
    pub(crate) flags: u16,
    algorithm: u16,
    /// The key in the format of RFC 4034 2.1.4.
    bytes: Vec<u8>,
    /// End of the record's line.
    pub(crate) end: usize,
}

/// The first DNSKEY record of a file that begins with comments.
pub(crate) fn dnskey(text: &[u8]) -> Result<Record<'_>, Malformed> {
    let text = text.get(..MAX_TEXT.min(text.len())).unwrap_or_default();
    let mut at = 0;
    for line in text.split(|&byte| byte == b'\n').take(MAX_LINES) {
        if line.first() != Some(&b';') && !line.trim_ascii().is_empty() {
            let wrong = Malformed::new("DNSKEY record", at);
            let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
            let zone = words.next().ok_or(wrong)?;
            // A time to live and the class may precede the type.
            words.by_ref().take(3).find(|word| *word == b"DNSKEY").ok_or(wrong)?;
            let mut number = || str::from_utf8(words.next()?).ok()?.parse::<u16>().ok();
            let (flags, protocol, algorithm) = (number().ok_or(wrong)?, number().ok_or(wrong)?, number().ok_or(wrong)?);
            // RFC 4034 2.1.2.
            if protocol != 3 {
                return Err(wrong);
            }
            let bytes = base64(&words.collect::<Vec<_>>().concat()).ok_or(wrong)?.to_vec();
            return Ok(Record { zone, flags, algorithm, bytes, end: at + line.len() });
        }
        at += line.len() + 1;
    }
    Err(Malformed::new("DNSKEY record", at))
}

/// The public key of a record. EC points get the leading byte that other formats have.
pub(crate) enum Key<'a> {
    Rsa { n: &'a [u8], e: &'a [u8] },
    Ec { curve: &'static [u8], point: Vec<u8> },
    Raw { kind: Raw, bytes: &'a [u8] },
}

impl Record<'_> {
    pub(crate) fn key(&self) -> Result<Key<'_>, Malformed> {
        let wrong = Malformed::new("public key of a DNSKEY record", 0);
        let point = |curve, length: usize| {
            let point = [&[4], &self.bytes[..]].concat();
            if self.bytes.len() == length { Ok(Key::Ec { curve, point }) } else { Err(wrong) }
        };
        let raw = |kind: Raw| {
            if self.bytes.len() == kind.len() { Ok(Key::Raw { kind, bytes: &self.bytes }) } else { Err(wrong) }
        };
        match self.algorithm {
            // RFC 3110 2: the length of the exponent is one byte, or a zero and two bytes.
            1 | 5 | 7 | 8 | 10 => {
                let (length, rest) = match self.bytes.as_slice() {
                    [0, high, low, rest @ ..] => (usize::from(*high) << 8 | usize::from(*low), rest),
                    [length, rest @ ..] => (usize::from(*length), rest),
                    [] => return Err(wrong),
                };
                let (e, n) = rest.split_at_checked(length).ok_or(wrong)?;
                let sane = !e.is_empty() && n.len() >= 64 && n.last().is_some_and(|byte| byte & 1 == 1);
                if sane { Ok(Key::Rsa { n, e }) } else { Err(wrong) }
            }
            13 => point(b"nistp256", 64),
            14 => point(b"nistp384", 96),
            15 => raw(Raw::Ed25519),
            16 => raw(Raw::Ed448),
            _ => Err(wrong),
        }
    }
}

impl Key<'_> {
    pub(crate) fn as_public(&self) -> Result<PublicKey<'_>, Malformed> {
        Ok(match self {
            Self::Rsa { n, e } => PublicKey::Rsa { n, e },
            Self::Ec { curve, point } => {
                let curve = curves::by_ssh(curve).ok_or(Malformed::new("curve", 0))?;
                PublicKey::Ec { domain: Domain::Named(curve), point }
            }
            Self::Raw { kind, bytes } => PublicKey::Raw { kind: *kind, bytes },
        })
    }
}
