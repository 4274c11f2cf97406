//! Detached signatures of files: those of `ssh-keygen -Y sign` (OpenSSH PROTOCOL.sshsig) and of minisign.
//!
//! A signature of SSH contains the public key, so it can be verified by itself; whose key that is, the caller decides.
//! A signature of minisign contains only a number of eight bytes, so the key has to be given.

use keyradius_core::error::Malformed;
use keyradius_core::material::PublicHalf;
use keyradius_core::signature::{Hash, Scheme, Signature, Signed};
use keyradius_readers::cursor::Cursor;
use keyradius_readers::ssh::{self, Algorithm};
use keyradius_readers::text;
use sha2::{Digest, Sha256, Sha512};

use crate::{Verdict, verify};

/// Maximum size of a signature file, in bytes: RSA with 16,384 bits and its key have some 6,000 in base64.
pub const LARGEST: usize = 64 << 10;

/// The first bytes of a signature of SSH and of what it is over (PROTOCOL.sshsig 2 and 3).
const MAGIC: &[u8] = b"SSHSIG";
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";

/// A signature of SSH over a file, with the key that made it.
#[derive(Debug)]
pub struct SshSignature {
    /// The key, as the signature states it.
    pub signer: PublicHalf,
    /// What the signature is for: a signature for mail does not sign a file.
    pub namespace: Vec<u8>,
    hash: Vec<u8>,
    reserved: Vec<u8>,
    kind: Algorithm,
    value: Vec<u8>,
}

impl SshSignature {
    /// Reads a signature in armor.
    pub fn read(file: &[u8]) -> Result<Self, Malformed> {
        let bytes = armored(file).ok_or(Malformed::new("armor of an SSH signature", 0))?;
        let mut fields = Cursor::new(&bytes);
        fields.expect(MAGIC, "SSH signature")?;
        if fields.u32("version of an SSH signature")? != 1 {
            return Err(Malformed::new("version of an SSH signature", 6));
        }
        let key = ssh::public(fields.string("public key")?)?;
        let key = key.ok_or(Malformed::new("type of the public key", fields.at()))?;
        let namespace = fields.string("namespace")?.to_vec();
        let reserved = fields.string("reserved")?.to_vec();
        let hash = fields.string("hash algorithm")?.to_vec();
        let value = fields.string("signature")?.to_vec();
        Ok(Self { signer: key.half(), namespace, hash, reserved, kind: key.algorithm, value })
    }

    /// Whether the key made the signature, over `message`.
    pub fn verify(&self, message: &[u8]) -> Verdict {
        let digest = match &self.hash[..] {
            b"sha256" => Sha256::digest(message).to_vec(),
            b"sha512" => Sha512::digest(message).to_vec(),
            _ => return Verdict::Unknown,
        };
        let mut signed = MAGIC.to_vec();
        for field in [&self.namespace, &self.reserved, &self.hash, &digest] {
            // The fields come from a file of at most 64 KiB.
            signed.extend((field.len() as u32).to_be_bytes());
            signed.extend(field);
        }
        match value(self.kind, &self.value, &signed) {
            Ok(Some(signature)) => verify(&self.signer.spki, &signature),
            Ok(None) => Verdict::Unknown,
            Err(_) => Verdict::Failed,
        }
    }
}

/// The bytes between the lines of the armor.
fn armored(file: &[u8]) -> Option<Vec<u8>> {
    let text = str::from_utf8(file.get(..file.len().min(LARGEST))?).ok()?;
    let body = text.trim_start().strip_prefix(BEGIN)?.split_once(END)?.0;
    let body: String = body.split_whitespace().collect();
    decoded(body.as_bytes())
}

fn decoded(digits: &[u8]) -> Option<Vec<u8>> {
    Some(text::unbase64(text::without_padding(digits, 2))?.to_vec())
}

/// The signature in a signature blob of SSH (RFC 4253 6.6, RFC 5656 3.1.2, RFC 8332 3, RFC 8709 6). `None` for a kind
/// that is not verified: DSA, which OpenSSH dropped, and security keys, whose signatures are over more than the message.
fn value(key: Algorithm, blob: &[u8], message: &[u8]) -> Result<Option<Signature>, Malformed> {
    let mut fields = Cursor::new(blob);
    let name = fields.string("signature type")?;
    let value = fields.string("signature value")?;
    let hashed = |hash, digest: Vec<u8>, scheme: fn(Hash) -> Scheme, value: Vec<u8>| {
        Some(Signature { scheme: scheme(hash), over: Signed::Digest(digest), value })
    };
    let (sha256, sha512) = (|| Sha256::digest(message).to_vec(), || Sha512::digest(message).to_vec());
    Ok(match (key, name) {
        (Algorithm::Rsa, b"rsa-sha2-256") => hashed(Hash::Sha256, sha256(), Scheme::RsaPkcs1, value.to_vec()),
        (Algorithm::Rsa, b"rsa-sha2-512") => hashed(Hash::Sha512, sha512(), Scheme::RsaPkcs1, value.to_vec()),
        (Algorithm::Ed25519, b"ssh-ed25519") => {
            Some(Signature { scheme: Scheme::Ed25519, over: Signed::Message(message.to_vec()), value: value.to_vec() })
        }
        (Algorithm::Ecdsa, b"ecdsa-sha2-nistp256") => hashed(Hash::Sha256, sha256(), Scheme::Ecdsa, numbers(value)?),
        (Algorithm::Ecdsa, b"ecdsa-sha2-nistp384") => {
            let digest = sha2::Sha384::digest(message).to_vec();
            hashed(Hash::Sha384, digest, Scheme::Ecdsa, numbers(value)?)
        }
        (Algorithm::Ecdsa, b"ecdsa-sha2-nistp521") => hashed(Hash::Sha512, sha512(), Scheme::Ecdsa, numbers(value)?),
        _ => None,
    })
}

/// The DER of two INTEGERs, from two numbers of SSH.
fn numbers(value: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut fields = Cursor::new(value);
    let mut content = Vec::new();
    for what in ["r of ECDSA", "s of ECDSA"] {
        let number = fields.string(what)?;
        // At most 66 bytes and a zero on P-521, so that lengths in DER have one byte, or two for both numbers.
        let length = u8::try_from(number.len()).ok().filter(|length| *length < 0x80);
        content.extend([2, length.ok_or(Malformed::new(what, fields.at()))?]);
        content.extend(number);
    }
    let length = u8::try_from(content.len()).map_err(|_| Malformed::new("numbers of ECDSA", 0))?;
    let head: &[u8] = if length < 0x80 { &[0x30, length] } else { &[0x30, 0x81, length] };
    Ok([head, &content].concat())
}

/// A signature of minisign (its `SigStruct`, and the comment that the second signature is over).
#[derive(Debug)]
pub struct Minisignature {
    /// The number of the key that made it, as it stands in the file.
    pub key: [u8; 8],
    /// The comment that is signed too.
    pub comment: Vec<u8>,
    prehashed: bool,
    value: [u8; 64],
    over_comment: [u8; 64],
}

impl Minisignature {
    /// Reads the four lines of a signature file.
    pub fn read(file: &[u8]) -> Result<Self, Malformed> {
        let malformed = || Malformed::new("signature of minisign", 0);
        let text = file.get(..file.len().min(LARGEST)).unwrap_or_default();
        let mut lines = text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        lines.next().filter(|line| line.starts_with(b"untrusted comment:")).ok_or_else(malformed)?;
        let body = lines.next().and_then(decoded).ok_or_else(malformed)?;
        let comment = lines.next().and_then(|line| line.strip_prefix(b"trusted comment: ")).ok_or_else(malformed)?;
        let last = lines.next().and_then(decoded).ok_or_else(malformed)?;
        let mut fields = Cursor::new(&body);
        let prehashed = match fields.take(2, "algorithm of minisign")? {
            b"ED" => true,
            b"Ed" => false,
            _ => return Err(malformed()),
        };
        let key = fields.array("key number")?;
        let value = fields.array("signature")?;
        Ok(Self {
            key,
            comment: comment.to_vec(),
            prehashed,
            value,
            over_comment: Cursor::new(&last).array("signature of the comment")?,
        })
    }

    /// Whether the Ed25519 key of a DER SubjectPublicKeyInfo made the signature over `message`, and the one over the
    /// comment.
    pub fn verify(&self, spki: &[u8], message: &[u8]) -> Verdict {
        let over = if self.prehashed { blake2::Blake2b512::digest(message).to_vec() } else { message.to_vec() };
        let with_comment = [&self.value[..], &self.comment].concat();
        for (message, value) in [(over, self.value), (with_comment, self.over_comment)] {
            let signature =
                Signature { scheme: Scheme::Ed25519, over: Signed::Message(message), value: value.to_vec() };
            match verify(spki, &signature) {
                Verdict::Verified => {}
                other => return other,
            }
        }
        Verdict::Verified
    }
}
