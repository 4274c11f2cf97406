//! The names that a key goes by: digests of its public half, of its certificates, and what files call it.

use std::fmt::Write as _;

use keyradius_core::hex::{hex, unhex};
use keyradius_core::material::{CertFacts, Identity, Material, PublicHalf};
use keyradius_readers::number::strip;
use keyradius_readers::public::{self, PublicKey};
use keyradius_readers::spki;
use keyradius_readers::text::{base64, base64url, unbase64, without_padding};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// A kind of name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// SHA-256 of the DER SubjectPublicKeyInfo: what people pin (RFC 7469), and what keyradius calls a key by.
    SpkiSha256,
    /// SHA-1 of the DER SubjectPublicKeyInfo.
    SpkiSha1,
    /// The digest by which keyradius joins all encodings of a key.
    KeyOnly,
    /// SHA-1 of the subjectPublicKey BIT STRING (RFC 5280 4.2.1.2 method 1).
    SubjectKeyId,
    /// SHA-1 of a certificate: `x5t`, the thumbprint of Windows.
    CertificateSha1,
    /// SHA-256 of a certificate: `x5t#S256`, the digest of an Android signer.
    CertificateSha256,
    /// SHA-256 of the public key blob, as `ssh-keygen -l` prints it.
    SshSha256,
    /// MD5 of the public key blob, as `ssh-keygen -l -E md5` prints it.
    SshMd5,
    /// RFC 7638 thumbprint.
    JwkThumbprint,
    /// OpenPGP fingerprint, of version 4 or 6.
    OpenPgp,
    /// GnuPG's name for the numbers of a key; the name of its file in `private-keys-v1.d`.
    Keygrip,
    /// The modulus of an RSA key, big-endian without leading zeros.
    Modulus,
    /// MD5 of the line that `openssl rsa -modulus` prints.
    ModulusMd5,
    /// SHA-1 of that line.
    ModulusSha1,
    /// SHA-256 of that line.
    ModulusSha256,
    /// OpenPGP key id: 8 bytes of the fingerprint. Not exact.
    OpenPgpKeyId,
    /// The first 8 bytes of [`Form::SpkiSha256`], as keyradius prints them. Not exact.
    Short,
    /// The identifier that a minisign key names itself by. Not exact.
    KeyNumber,
    /// A name in a keystore: an alias, a friendly name, a comment. Not exact.
    Label,
    /// The common name in the subject of a certificate. Not exact.
    CommonName,
    /// The serial number of a certificate, hexadecimal without leading zeros. Not exact without the issuer.
    Serial,
}

impl Form {
    /// All forms.
    pub const ALL: [Self; 21] = [
        Self::SpkiSha256,
        Self::SpkiSha1,
        Self::KeyOnly,
        Self::SubjectKeyId,
        Self::CertificateSha1,
        Self::CertificateSha256,
        Self::SshSha256,
        Self::SshMd5,
        Self::JwkThumbprint,
        Self::OpenPgp,
        Self::Keygrip,
        Self::Modulus,
        Self::ModulusMd5,
        Self::ModulusSha1,
        Self::ModulusSha256,
        Self::OpenPgpKeyId,
        Self::Short,
        Self::KeyNumber,
        Self::Label,
        Self::CommonName,
        Self::Serial,
    ];

    /// A stable identifier for machines, and the value of `--as`.
    pub const fn id(self) -> &'static str {
        match self {
            Self::SpkiSha256 => "spki_sha256",
            Self::SpkiSha1 => "spki_sha1",
            Self::KeyOnly => "key_only",
            Self::SubjectKeyId => "subject_key_id",
            Self::CertificateSha1 => "certificate_sha1",
            Self::CertificateSha256 => "certificate_sha256",
            Self::SshSha256 => "ssh_sha256",
            Self::SshMd5 => "ssh_md5",
            Self::JwkThumbprint => "jwk_thumbprint",
            Self::OpenPgp => "openpgp",
            Self::Keygrip => "keygrip",
            Self::Modulus => "modulus",
            Self::ModulusMd5 => "modulus_md5",
            Self::ModulusSha1 => "modulus_sha1",
            Self::ModulusSha256 => "modulus_sha256",
            Self::OpenPgpKeyId => "openpgp_key_id",
            Self::Short => "short",
            Self::KeyNumber => "key_number",
            Self::Label => "label",
            Self::CommonName => "common_name",
            Self::Serial => "serial",
        }
    }

    /// What people call it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::SpkiSha256 => "SPKI SHA-256",
            Self::SpkiSha1 => "SPKI SHA-1",
            Self::KeyOnly => "keyradius key digest",
            Self::SubjectKeyId => "subject key identifier",
            Self::CertificateSha1 => "certificate SHA-1",
            Self::CertificateSha256 => "certificate SHA-256",
            Self::SshSha256 => "SSH SHA-256",
            Self::SshMd5 => "SSH MD5",
            Self::JwkThumbprint => "JWK thumbprint",
            Self::OpenPgp => "OpenPGP fingerprint",
            Self::Keygrip => "GnuPG keygrip",
            Self::Modulus => "RSA modulus",
            Self::ModulusMd5 => "MD5 of openssl's modulus line",
            Self::ModulusSha1 => "SHA-1 of openssl's modulus line",
            Self::ModulusSha256 => "SHA-256 of openssl's modulus line",
            Self::OpenPgpKeyId => "OpenPGP key id",
            Self::Short => "first 16 digits of SPKI SHA-256",
            Self::KeyNumber => "minisign key id",
            Self::Label => "name in a keystore",
            Self::CommonName => "common name",
            Self::Serial => "certificate serial number",
        }
    }

    /// Whether two keys with this name are the same key.
    pub const fn is_exact(self) -> bool {
        match self {
            Self::SpkiSha256
            | Self::SpkiSha1
            | Self::KeyOnly
            | Self::SubjectKeyId
            | Self::CertificateSha1
            | Self::CertificateSha256
            | Self::SshSha256
            | Self::SshMd5
            | Self::JwkThumbprint
            | Self::OpenPgp
            | Self::Keygrip
            | Self::Modulus
            | Self::ModulusMd5
            | Self::ModulusSha1
            | Self::ModulusSha256 => true,
            Self::OpenPgpKeyId | Self::Short | Self::KeyNumber | Self::Label | Self::CommonName | Self::Serial => false,
        }
    }
}

/// One name of a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// What it is.
    pub form: Form,
    /// The bytes of a digest or number; the UTF-8 of a text.
    pub bytes: Vec<u8>,
}

impl Name {
    pub(crate) fn new(form: Form, bytes: impl Into<Vec<u8>>) -> Self {
        Self { form, bytes: bytes.into() }
    }

    /// The name as the tools of its field write it.
    pub fn text(&self) -> String {
        match self.form {
            Form::SshSha256 => format!("SHA256:{}", base64(&self.bytes).trim_end_matches('=')),
            Form::SshMd5 => {
                let mut text = "MD5".to_owned();
                for byte in &self.bytes {
                    let _ = write!(text, ":{byte:02x}");
                }
                text
            }
            Form::JwkThumbprint => base64url(&self.bytes),
            Form::OpenPgp | Form::OpenPgpKeyId | Form::Keygrip | Form::KeyNumber => hex(&self.bytes).to_uppercase(),
            Form::Label | Form::CommonName | Form::Serial => String::from_utf8_lossy(&self.bytes).into_owned(),
            _ => hex(&self.bytes),
        }
    }
}

/// The names that follow from a public key alone.
pub fn of_key(half: &PublicHalf) -> Vec<Name> {
    let mut names = vec![
        Name::new(Form::SpkiSha256, half.id.spki_sha256),
        Name::new(Form::Short, half.id.spki_sha256.get(..8).unwrap_or_default()),
        Name::new(Form::SpkiSha1, <[u8; 20]>::from(Sha1::digest(&half.spki))),
        Name::new(Form::KeyOnly, half.id.key_only),
        Name::new(Form::SubjectKeyId, half.ski_sha1),
    ];
    if let Some(digest) = half.ssh_sha256.as_deref().and_then(|text| text.strip_prefix("SHA256:")).and_then(unpadded) {
        names.push(Name::new(Form::SshSha256, digest));
    }
    if let Some(digest) = half.jwk_thumbprint.as_deref().and_then(unpadded) {
        names.push(Name::new(Form::JwkThumbprint, digest));
    }
    let Some(key) = spki::read(&half.spki) else { return names };
    if let Some(blob) = public::ssh_blob(&key) {
        names.push(Name::new(Form::SshMd5, <[u8; 16]>::from(Md5::digest(&blob))));
    }
    if let PublicKey::Rsa { n, .. } | PublicKey::RsaPss { n, .. } = key {
        let n = strip(n);
        let line = format!("Modulus={}\n", hex(n).to_uppercase().trim_start_matches('0'));
        names.push(Name::new(Form::ModulusMd5, <[u8; 16]>::from(Md5::digest(&line))));
        names.push(Name::new(Form::ModulusSha1, <[u8; 20]>::from(Sha1::digest(&line))));
        names.push(Name::new(Form::ModulusSha256, <[u8; 32]>::from(Sha256::digest(&line))));
        // libgcrypt hashes the number as it stands in a canonical S-expression, with a zero before a set high bit
        // (cipher/rsa.c, compute_keygrip).
        let zero: &[u8] = if n.first().is_some_and(|first| first & 0x80 != 0) { &[0] } else { &[] };
        names.push(Name::new(Form::Keygrip, <[u8; 20]>::from(Sha1::digest([zero, n].concat()))));
        names.push(Name::new(Form::Modulus, n));
    }
    names
}

/// The line that SSH writes for a public key, without a comment; `None` for keys that SSH does not support.
pub fn ssh_line(half: &PublicHalf) -> Option<String> {
    let blob = public::ssh_blob(&spki::read(&half.spki)?)?;
    let length = usize::from(u16::from_be_bytes([*blob.get(2)?, *blob.get(3)?]));
    let kind = std::str::from_utf8(blob.get(4..4 + length)?).ok()?;
    let padding = "=".repeat((3 - blob.len() % 3) % 3);
    Some(format!("{kind} {}{padding}", base64(&blob)))
}

/// The members of a JSON Web Key that are required (RFC 7638 3); `None` for keys that JOSE does not support.
pub fn jwk(half: &PublicHalf) -> Option<String> {
    public::jwk(&spki::read(&half.spki)?)
}

/// The names of a certificate, besides those of its key.
pub fn of_certificate(facts: &CertFacts) -> Vec<Name> {
    let mut names =
        vec![Name::new(Form::CertificateSha1, facts.sha1), Name::new(Form::CertificateSha256, facts.sha256)];
    let serial = facts.serial.trim_start_matches('0').to_lowercase();
    names.push(Name::new(Form::Serial, serial));
    names.extend(common_name(&facts.subject).map(|name| Name::new(Form::CommonName, name.to_lowercase())));
    names
}

/// The names of a material.
pub fn of_material(material: &Material) -> Vec<Name> {
    let mut names = match &material.identity {
        Some(Identity::Public(half)) => of_key(half),
        _ => Vec::new(),
    };
    if let Some(facts) = &material.certificate {
        names.extend(of_certificate(facts));
        if let Some(id) = &facts.subject_key_id {
            names.push(Name::new(Form::SubjectKeyId, id.clone()));
        }
    }
    if let Some(print) = material.pgp_fingerprint.as_deref().and_then(unhex) {
        // The key id is the end of a fingerprint of version 4, and the start of one of version 6 (RFC 9580 5.5.4).
        let id = if print.len() == 32 { print.get(..8) } else { print.get(print.len().saturating_sub(8)..) };
        names.push(Name::new(Form::OpenPgpKeyId, id.unwrap_or_default()));
        names.push(Name::new(Form::OpenPgp, print.as_slice()));
    }
    for label in &material.labels {
        let text = label.text.trim();
        match unhex(text).filter(|_| label.kind == "key id") {
            Some(number) => names.push(Name::new(Form::KeyNumber, number.as_slice())),
            None if !text.is_empty() => names.push(Name::new(Form::Label, text.to_lowercase())),
            None => {}
        }
    }
    names
}

/// The value of the first CN in an RFC 4514-like text.
fn common_name(subject: &str) -> Option<&str> {
    subject.split(", ").find_map(|part| part.strip_prefix("CN="))
}

/// The bytes of base64 or base64url without padding.
pub(crate) fn unpadded(text: &str) -> Option<Vec<u8>> {
    unbase64(without_padding(text.as_bytes(), 2)).map(|bytes| bytes.to_vec())
}
