//! RSA private keys of SSH protocol 1 (`SSH PRIVATE KEY FILE FORMAT 1.1`), as ssh 1.x and OpenSSH up to 7.5 wrote them
//! (OpenSSH 7.5 `sshkey_private_rsa1_to_blob`).

use keyradius_core::error::Malformed;
use keyradius_core::material::{Protection, ProtectionState};
use keyradius_readers::cursor::Cursor;
use keyradius_readers::number::bits;
use keyradius_readers::public::PublicKey;
use keyradius_readers::signs::Private;
use keyradius_readers::ssh;

/// The magic, NUL included.
pub(crate) const MAGIC: &[u8] = b"SSH PRIVATE KEY FILE FORMAT 1.1\n\0";

/// Block of the ciphers: the private part is padded to it, encrypted or not.
const BLOCK: usize = 8;

/// The outer fields of a file.
pub(crate) struct File<'a> {
    pub(crate) key: PublicKey<'a>,
    pub(crate) comment: &'a [u8],
    pub(crate) protection: Protection,
    cipher: u8,
    /// The private part to its end if it is not encrypted, and as far as it can reach if it is.
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
            // Check bytes, four lengths, d as long as n at most, u, p and q half as long. How long exactly, is inside.
            let n = n.len();
            let longest = (4 + 4 * 2 + n + 3 * (n / 2 + 1)).next_multiple_of(BLOCK);
            let length = rest.len().min(longest) / BLOCK * BLOCK;
            // Three numbers cannot all be short: less is a header cut off, or a string in a program.
            if length < n + n / 2 {
                return Err(Malformed::new("private part", start));
            }
            length
        };
        let private = rest.get(..length).ok_or(Malformed::new("private part", start))?;
        Ok(Self { key, comment, protection, cipher, private, length: start + length })
    }

    /// The private numbers of a part as it stands or decrypted.
    pub(crate) fn open(private: &[u8]) -> Result<Private<'_>, Malformed> {
        numbers(private).map(|(private, _)| private)
    }

    /// Whether it is under the one cipher that tools of today write.
    pub(crate) const fn is_3des(&self) -> bool {
        self.cipher == 3
    }
}

/// Private numbers, and how many bytes they take, padding included.
fn numbers(private: &[u8]) -> Result<(Private<'_>, usize), Malformed> {
    let mut fields = Cursor::new(private);
    if fields.u16("check bytes")? != fields.u16("check bytes")? {
        return Err(Malformed::new("equal check bytes", 0));
    }
    let d = number(&mut fields, "RSA d")?;
    number(&mut fields, "RSA u")?;
    let q = number(&mut fields, "RSA q")?;
    let p = number(&mut fields, "RSA p")?;
    // Padding may be cut off where a file was: nobody needs it.
    let length = fields.at().next_multiple_of(BLOCK).min(private.len());
    Ok((Private::Rsa { d, p, q }, length))
}

/// An mpint of protocol 1: its size in bits, which has to be true, and as many bytes as they need.
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
