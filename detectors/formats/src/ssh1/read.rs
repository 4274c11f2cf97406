//! RSA private keys of SSH protocol 1 (`SSH PRIVATE KEY FILE FORMAT 1.1`), as ssh 1.x and OpenSSH up to 7.5 wrote them
//! (OpenSSH 7.5 `sshkey_private_rsa1_to_blob`).

use keyradius_core::error::Malformed;
use keyradius_core::material::{Protection, ProtectionState};
use keyradius_readers::cursor::Cursor;
use keyradius_readers::number::bits;
use keyradius_readers::public::PublicKey;
use keyradius_readers::signs::Private;
use keyradius_readers::ssh;

/// The magic number, including its NUL.
pub(crate) const MAGIC: &[u8] = b"SSH PRIVATE KEY FILE FORMAT 1.1\n\0";

/// Block size of the ciphers in bytes: the private part is padded to a multiple, encrypted or not.
const BLOCK: usize = 8;

/// The outer fields of a file.
pub(crate) struct File<'a> {
    pub(crate) key: PublicKey<'a>,
    pub(crate) comment: &'a [u8],
    pub(crate) protection: Protection,
    cipher: u8,
    /// The private part: exact if it is plaintext, its maximum extent if it is encrypted.
    pub(crate) private: &'a [u8],
    /// Bytes from the magic to the end of `private`.
    pub(crate) length: usize,
}

impl<'a> File<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut fields = Cursor::new(bytes);
        fields.expect(MAGIC, "SSH1 magic")?;
        let cipher = fields.u8("cipher")?;
        if fields.u32("reserved field")? != 0 {
            return Err(Malformed::new("reserved field", fields.at()));
        }
        let size = fields.u32("key size")?;
        let n = number(&mut fields, "RSA n")?;
        let e = number(&mut fields, "RSA e")?;
        let comment = fields.string("comment")?;
        if size != bits(n) {
            return Err(Malformed::new("key size", fields.at()));
        }
        let key = ssh::rsa(n, e, fields.at())?;
        let protection = protection(cipher).ok_or(Malformed::new("cipher", MAGIC.len()))?;
        let start = fields.at();
        let rest = fields.rest();
        let length = if protection.state == ProtectionState::Plaintext {
            let (_, length) = numbers(rest)?;
            length
        } else {
            // Check bytes, four lengths, d of at most the length of n, u, p and q of half that. The exact lengths are
            // encrypted.
            let n = n.len();
            let longest = (4 + 4 * 2 + n + 3 * (n / 2 + 1)).next_multiple_of(BLOCK);
            let length = rest.len().min(longest) / BLOCK * BLOCK;
            // Three numbers cannot all be short: a shorter part is a truncated file, or a string in a program.
            if length < n + n / 2 {
                return Err(Malformed::new("private part", start));
            }
            length
        };
        let private = rest.get(..length).ok_or(Malformed::new("private part", start))?;
        Ok(Self { key, comment, protection, cipher, private, length: start + length })
    }

    /// The private numbers of a plaintext or decrypted part.
    pub(crate) fn open(private: &[u8]) -> Result<Private<'_>, Malformed> {
        numbers(private).map(|(private, _)| private)
    }

    /// Whether the cipher is 3DES, the only one that current tools write.
    pub(crate) const fn is_3des(&self) -> bool {
        self.cipher == 3
    }
}

/// Reads the private numbers, and returns their length in bytes, including padding.
fn numbers(private: &[u8]) -> Result<(Private<'_>, usize), Malformed> {
    let mut fields = Cursor::new(private);
    if fields.u16("check bytes")? != fields.u16("check bytes")? {
        return Err(Malformed::new("equal check bytes", 0));
    }
    let d = number(&mut fields, "RSA d")?;
    number(&mut fields, "RSA u")?;
    let q = number(&mut fields, "RSA q")?;
    let p = number(&mut fields, "RSA p")?;
    // The padding may be missing at the end of a truncated file: it is not needed.
    let length = fields.at().next_multiple_of(BLOCK).min(private.len());
    Ok((Private::Rsa { d, p, q }, length))
}

/// Reads an mpint of protocol 1: its exact size in bits, then its bytes.
fn number<'a>(fields: &mut Cursor<'a>, what: &'static str) -> Result<&'a [u8], Malformed> {
    let at = fields.at();
    let size = u32::from(fields.u16(what)?);
    let digits = fields.take(size.div_ceil(8) as usize, what)?;
    if bits(digits) == size { Ok(digits) } else { Err(Malformed::new(what, at)) }
}

/// Ciphers of protocol 1 (OpenSSH `cipher.h`). The password is hashed once with MD5, whatever the cipher.
fn protection(cipher: u8) -> Option<Protection> {
    let name = match cipher {
        0 => return Some(Protection::plaintext()),
        1 => "IDEA",
        2 => "DES",
        3 => "3DES",
        4 => "TSS",
        5 => "RC4",
        6 => "Blowfish",
        _ => return None,
    };
    Some(Protection::new(ProtectionState::Weak, format!("MD5 of the password, {name}")))
}
