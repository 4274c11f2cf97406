//! OpenSSH private key files (OpenSSH PROTOCOL.key), for the detector and for trying passwords.

use keyradius_core::error::Malformed;
use keyradius_core::material::{Label, Protection, ProtectionState, PublicHalf, Remark};
use keyradius_readers::cursor::Cursor;
use keyradius_readers::signs::{self, Private};
use keyradius_readers::ssh::{self, Algorithm, Public};

/// AUTH_MAGIC of OpenSSH PROTOCOL.key, NUL included.
pub(crate) const MAGIC: &[u8] = b"openssh-key-v1\0";
/// Maximum number of keys in one file. The format has a counter; OpenSSH writes one key.
const MAX_KEYS: u32 = 16;

/// Rounds below which a guess is cheap. OpenSSH never defaulted to fewer than 16 (`ssh-keygen -a`).
const FEW_ROUNDS: u32 = 8;

/// The error for a file that ends before its private section does.
pub(crate) const CUT: &str = "private section as long as it says";

/// The outer fields of a file.
pub(crate) struct File<'a> {
    pub(crate) cipher: &'a [u8],
    /// KDF options: salt and rounds for bcrypt.
    pub(crate) options: &'a [u8],
    pub(crate) protection: Protection,
    /// Public key blobs.
    pub(crate) publics: Vec<&'a [u8]>,
    /// The private section, encrypted unless the cipher is `none`.
    pub(crate) private: &'a [u8],
    /// Bytes from the magic to the end of the private section.
    pub(crate) length: usize,
    /// Whether the private section continues after the available bytes: a comment may have any length.
    pub(crate) cut: bool,
}

impl<'a> File<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut fields = Cursor::new(bytes);
        fields.expect(MAGIC, "openssh-key-v1 magic")?;
        let cipher = fields.string("cipher name")?;
        let kdf = fields.string("KDF name")?;
        let options = fields.string("KDF options")?;
        let protection = protection(cipher, kdf, options)?;
        let keys = fields.u32("number of keys")?;
        if !(1..=MAX_KEYS).contains(&keys) {
            return Err(Malformed::new("number of keys", fields.at()));
        }
        let publics = (0..keys).map(|_| fields.string("public key")).collect::<Result<Vec<_>, _>>()?;
        let length = fields.u32("private section")? as usize;
        let cut = length > fields.rest().len();
        if cut && cipher != b"none" {
            return Err(Malformed::new(CUT, fields.at()));
        }
        let private = fields.take(length.min(fields.rest().len()), "private section")?;
        let Cipher { block, tag } = Cipher::of(cipher);
        if length == 0 || !length.is_multiple_of(block) {
            return Err(Malformed::new("whole blocks of ciphertext", fields.at()));
        }
        fields.take(tag, "authentication tag")?;
        Ok(Self { cipher, options, protection, publics, private, length: fields.at(), cut })
    }

    /// The public keys; `None` for those of an unknown type.
    pub(crate) fn keys(&self) -> Result<Vec<Option<Public<'a>>>, Malformed> {
        self.publics.iter().map(|blob| ssh::public(blob)).collect()
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.cipher != b"none"
    }

    /// Reads a private section, plaintext or decrypted. If it is `cut`, the end may be missing, provided the keys
    /// before it prove themselves.
    pub(crate) fn open(keys: &[Option<Public<'_>>], private: &[u8], cut: bool) -> Result<Vec<Opened>, Malformed> {
        let mut fields = Cursor::new(private);
        if fields.u32("check number")? != fields.u32("check number")? {
            return Err(Malformed::new("equal check numbers", 0));
        }
        let mut opened = Vec::new();
        for key in keys {
            let name = fields.string("private key type")?;
            let (Some(algorithm), Some(_)) = (Algorithm::from_name(name), key) else {
                // The end of an unknown key is unknown, so everything after it stays unread.
                opened.push(Opened { remarks: vec![Remark::UnknownKeyType], ..Opened::default() });
                return Ok(opened);
            };
            let (own, private) = ssh::openssh_private(algorithm, &mut fields)?;
            let comment = match fields.string("comment") {
                Ok(comment) => comment,
                Err(_) if cut => {
                    let last = Opened::of(key.as_ref(), &own, private, b"");
                    if !last.verified {
                        return Err(Malformed::new(CUT, fields.at()));
                    }
                    opened.push(last);
                    return Ok(opened);
                }
                Err(error) => return Err(error),
            };
            opened.push(Opened::of(key.as_ref(), &own, private, comment));
        }
        if cut {
            let all = opened.iter().all(|key| key.verified);
            return if all { Ok(opened) } else { Err(Malformed::new(CUT, fields.at())) };
        }
        let padded = fields.rest().iter().zip(1..=u8::MAX).all(|(&byte, expected)| byte == expected);
        if !padded || fields.rest().len() > usize::from(u8::MAX) {
            if !opened.iter().any(|key| key.verified) {
                return Err(Malformed::new("padding 1, 2, 3", fields.at()));
            }
            for key in &mut opened {
                key.remarks.push(Remark::OddPadding);
            }
        }
        Ok(opened)
    }
}

/// The content of the private section for one key.
#[derive(Default)]
pub(crate) struct Opened {
    /// The public half, if the private section proves another one than the public blob names.
    pub(crate) half: Option<PublicHalf>,
    pub(crate) verified: bool,
    pub(crate) comment: Option<Label>,
    pub(crate) remarks: Vec<Remark>,
}

impl Opened {
    fn of(
        named: Option<&Public<'_>>,
        own: &keyradius_readers::public::PublicKey<'_>,
        private: Private<'_>,
        comment: &[u8],
    ) -> Self {
        let (signs_as, fit) = signs::signs_as(own, private);
        let mut remarks = Vec::new();
        let mut half = None;
        if !matches!(private, Private::Handle) {
            remarks.extend(fit.remark());
        }
        if named.is_some_and(|named| named.half().id.key_only != signs_as.id.key_only) {
            remarks.push(Remark::ForeignPublicInFront);
            half = Some(signs_as);
        }
        let comment = Some(Label::new("comment", comment)).filter(|label| !label.text.is_empty());
        Self { half, verified: fit.is_proven(), comment, remarks }
    }
}

/// How a cipher affects the length of the private section.
struct Cipher {
    /// The section length is a multiple of this, in bytes.
    block: usize,
    /// Bytes of authentication tag after the section.
    tag: usize,
}

impl Cipher {
    /// OpenSSH `cipher.c`. For smaller blocks and unknown ciphers, padding still extends to 8 bytes
    /// (`sshkey_private_to_blob2`).
    fn of(name: &[u8]) -> Self {
        let block = if name.starts_with(b"aes") || name.starts_with(b"rijndael") { 16 } else { 8 };
        let tag = match name {
            b"aes128-gcm@openssh.com" | b"aes256-gcm@openssh.com" | b"chacha20-poly1305@openssh.com" => 16,
            _ => 0,
        };
        Self { block, tag }
    }
}

fn protection(cipher: &[u8], kdf: &[u8], options: &[u8]) -> Result<Protection, Malformed> {
    match (cipher, kdf) {
        // OpenSSH ignores the KDF of a plaintext file.
        (b"none", _) => Ok(Protection::plaintext()),
        (_, b"none") => Err(Malformed::new("cipher and KDF that go together", MAGIC.len())),
        (_, b"bcrypt") if ssh::is_name(cipher) => {
            let mut options = Cursor::new(options);
            options.string("bcrypt salt")?;
            let rounds = options.u32("bcrypt rounds")?;
            if rounds == 0 || !options.is_empty() {
                return Err(Malformed::new("bcrypt options", options.at()));
            }
            let state = if rounds < FEW_ROUNDS { ProtectionState::Weak } else { ProtectionState::Strong };
            let cipher = String::from_utf8_lossy(cipher);
            Ok(Protection::new(state, format!("bcrypt-pbkdf {rounds} rounds, {cipher}")))
        }
        _ => Err(Malformed::new("KDF name", MAGIC.len())),
    }
}
