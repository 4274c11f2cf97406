//! Private keys of ssh.com and its successor Tectia: `---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----`. The label says
//! ENCRYPTED even if the cipher is `none`. No standard describes the body; the sources are PuTTY's import.c and the
//! output of puttygen.

use keyradius_core::error::Malformed;
use keyradius_core::material::{Protection, ProtectionState};
use keyradius_readers::cursor::Cursor;
use keyradius_readers::number::bits;
use keyradius_readers::public::PublicKey;
use keyradius_readers::putty::Lines;
use keyradius_readers::signs::Private;
use keyradius_readers::ssh;
use keyradius_readers::text::{Decoder, digit};
use zeroize::Zeroizing;

/// The words in both delimiter lines of a key; the anchor.
pub(crate) const LABEL: &[u8] = b"SSH2 ENCRYPTED PRIVATE KEY";
/// The text before [`LABEL`].
pub(crate) const BEGIN: &[u8] = b"---- BEGIN ";
const END: &[u8] = b"---- END ";

/// First word of the body.
const MAGIC: u32 = 0x3f6f_f9eb;

/// Maximum text of a key that is read, in bytes: RSA of 16,384 bits has about 13,000 digits.
const MAX_TEXT: usize = 64 << 10;
/// Maximum number of headers, including continuation lines.
const MAX_HEADERS: usize = 64;

/// The lines between BEGIN and END.
pub(crate) struct Text {
    /// Value of the `Comment` header on its first line, without quotation marks.
    pub(crate) comment: Vec<u8>,
    /// The decoded body, wiped when dropped.
    pub(crate) body: Zeroizing<Vec<u8>>,
    /// Bytes from BEGIN to the end of the END line.
    pub(crate) length: usize,
}

impl Text {
    /// Reads the text that begins with [`BEGIN`].
    pub(crate) fn read(text: &[u8], quote: Option<u8>) -> Result<Self, Malformed> {
        let text = text.get(..MAX_TEXT).unwrap_or(text);
        let mut lines = Lines::new(text, quote);
        let first = lines.next();
        if first.strip_prefix(BEGIN).and_then(|line| line.strip_prefix(LABEL)) != Some(b" ----") {
            return Err(Malformed::new("BEGIN line", 0));
        }
        let mut comment = Vec::new();
        let mut line = lines.next();
        // Headers (RFC 4716 3.3): a name and a colon; a backslash at the end of the line continues it.
        for _ in 0..MAX_HEADERS {
            let Some(colon) = memchr::memchr(b':', line) else { break };
            if line.get(..colon).is_some_and(|name| name.eq_ignore_ascii_case(b"Comment")) {
                let value = line.get(colon + 1..).unwrap_or_default().trim_ascii();
                let quotes = |byte: &u8| matches!(byte, b'"' | b'\\');
                comment = value.iter().copied().filter(|byte| !quotes(byte)).collect();
            }
            while line.ends_with(b"\\") {
                line = lines.next();
            }
            line = lines.next();
        }
        let mut decoder = Decoder::with_capacity(text.len() / 4 * 3 + 3);
        loop {
            let at = lines.read;
            if line.strip_prefix(END).is_some_and(|rest| rest.starts_with(LABEL)) {
                break;
            }
            let padding = line.iter().rev().take_while(|&&byte| byte == b'=').count();
            let digits = line.get(..line.len() - padding).unwrap_or_default();
            if digits.is_empty() || padding > 2 {
                return Err(Malformed::new("line of base64", at));
            }
            // JSON may escape a slash as \/.
            for byte in digits.iter().filter(|&&byte| byte != b'\\') {
                decoder.push(digit(*byte).ok_or(Malformed::new("line of base64", at))?);
            }
            line = lines.next();
        }
        Ok(Self { comment, body: decoder.finish(), length: lines.read })
    }
}

/// The outer fields of a body.
pub(crate) struct File<'a> {
    kind: Type,
    pub(crate) protection: Protection,
    /// The private part, encrypted unless the cipher is `none`.
    pub(crate) data: &'a [u8],
    /// Length of the whole body, in bytes.
    pub(crate) length: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Rsa,
    Dsa,
}

impl<'a> File<'a> {
    pub(crate) fn read(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut fields = Cursor::new(body);
        if fields.u32("ssh.com magic")? != MAGIC {
            return Err(Malformed::new("ssh.com magic", 0));
        }
        let length = fields.u32("length")? as usize;
        let kind = match fields.string("key type")? {
            name if name.starts_with(b"if-modn{") => Type::Rsa,
            name if name.starts_with(b"dl-modp{") => Type::Dsa,
            _ => return Err(Malformed::new("key type", 8)),
        };
        let protection = match fields.string("cipher name")? {
            b"none" => Protection::plaintext(),
            b"3des-cbc" => Protection::new(ProtectionState::Weak, "MD5 of the password, 3des-cbc"),
            _ => return Err(Malformed::new("cipher name", fields.at())),
        };
        let data = fields.string("private part")?;
        let whole_blocks = data.len().is_multiple_of(8) && data.len() >= 64;
        if length != fields.at() || (protection.state != ProtectionState::Plaintext && !whole_blocks) {
            return Err(Malformed::new("length", 4));
        }
        Ok(Self { kind, protection, data, length })
    }

    /// Reads a plaintext or decrypted private part: a length, the numbers, padding.
    pub(crate) fn open<'b>(&self, data: &'b [u8]) -> Result<(PublicKey<'b>, Private<'b>), Malformed> {
        let mut fields = Cursor::new(Cursor::new(data).string("private numbers")?);
        let (key, private) = match self.kind {
            Type::Rsa => {
                let e = number(&mut fields, "RSA e")?;
                let d = number(&mut fields, "RSA d")?;
                let n = number(&mut fields, "RSA n")?;
                number(&mut fields, "RSA u")?;
                let p = number(&mut fields, "RSA p")?;
                let q = number(&mut fields, "RSA q")?;
                (ssh::rsa(n, e, fields.at())?, Private::Rsa { d, p, q })
            }
            Type::Dsa => {
                if fields.u32("DSA parameters")? != 0 {
                    return Err(Malformed::new("DSA parameters that are written out", fields.at()));
                }
                let p = number(&mut fields, "DSA p")?;
                let g = number(&mut fields, "DSA g")?;
                let q = number(&mut fields, "DSA q")?;
                let y = number(&mut fields, "DSA y")?;
                let x = number(&mut fields, "DSA x")?;
                (ssh::dsa_numbers([p, q, g, y], fields.at())?, Private::Number(x))
            }
        };
        if fields.is_empty() { Ok((key, private)) } else { Err(Malformed::new("more numbers", fields.at())) }
    }
}

/// Reads an mpint of ssh.com: its size in bits, then its bytes.
fn number<'a>(fields: &mut Cursor<'a>, what: &'static str) -> Result<&'a [u8], Malformed> {
    let at = fields.at();
    let size = fields.u32(what)?;
    let digits = fields.take(size.div_ceil(8) as usize, what)?;
    if bits(digits) <= size { Ok(digits) } else { Err(Malformed::new(what, at)) }
}
