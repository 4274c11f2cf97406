//! The content of a PKCS#12 file (RFC 7292), with and without a password.
//!
//! The detector reads the file without a password. Opening reads it again with [`Unlock`] and gets the encrypted bags
//! as well. Both use the same code, so that their results have the same form.

use std::ops::Range;

use keyradius_core::error::Malformed;
use keyradius_core::lock::Unlocked;
use keyradius_core::material::{
    Encoding, Identity, Kind, Label, Link, Material, Proof, Protection, ProtectionState, PublicHalf, Remark,
};
use zeroize::Zeroizing;

use super::ber::{BerReader, INTEGER, OCTET_STRING, OID, SEQUENCE, SET, Value, context, dotted};
use super::private::{self, PrivateKey};
use super::{carrier, pbe, x509};

/// Bag types, RFC 7292 4.2: 1.2.840.113549.1.12.10.1.n.
const KEY_BAG: &str = "1.2.840.113549.1.12.10.1.1";
const SHROUDED_KEY_BAG: &str = "1.2.840.113549.1.12.10.1.2";
const CERT_BAG: &str = "1.2.840.113549.1.12.10.1.3";
const SECRET_BAG: &str = "1.2.840.113549.1.12.10.1.5";
const SAFE_CONTENTS_BAG: &str = "1.2.840.113549.1.12.10.1.6";
/// Content types, RFC 5652.
const DATA: &str = "1.2.840.113549.1.7.1";
const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";
const ENVELOPED_DATA: &str = "1.2.840.113549.1.7.3";
const ENCRYPTED_DATA: &str = "1.2.840.113549.1.7.6";
/// Attributes, RFC 2985 5.5.
const FRIENDLY_NAME: &str = "1.2.840.113549.1.9.20";
const LOCAL_KEY_ID: &str = "1.2.840.113549.1.9.21";

/// Maximum number of safes and bags in one file: the largest trust stores contain a few hundred.
const MAX_BAGS: usize = 10_000;

/// Decrypts with a password.
pub trait Unlock {
    /// Decrypts with the scheme of an AlgorithmIdentifier. `None` if the password is wrong.
    fn decrypt(&self, algorithm: Value<'_>, ciphertext: &[u8]) -> Option<Zeroizing<Vec<u8>>>;
}

/// A file whose outer structure was read.
pub struct Pfx<'a> {
    /// The whole file.
    pub raw: &'a [u8],
    /// The octets that the MAC covers: an AuthenticatedSafe.
    pub content: Zeroizing<Vec<u8>>,
    /// MacData.
    pub mac: Option<Value<'a>>,
}

impl<'a> Pfx<'a> {
    /// Reads the outer structure of the file at the start of `der`. Ignores bytes after it.
    pub fn read(der: &'a [u8]) -> Result<Self, Malformed> {
        let outer = BerReader::new(der).value(SEQUENCE, "PFX")?;
        let mut fields = outer.children();
        if fields.value(INTEGER, "PFX version")?.small() != Some(3) {
            return Err(Malformed::new("PFX version", 0));
        }
        let auth_safe = fields.value(SEQUENCE, "authSafe")?;
        let mac = fields.optional(SEQUENCE)?;
        let (kind, content) = content_info(auth_safe)?;
        let content = match kind.as_str() {
            DATA => content.ok_or(Malformed::new("authSafe content", 0))?.octets()?.into_owned(),
            SIGNED_DATA => signed_content(content)?,
            _ => return Err(Malformed::new("authSafe type", 0)),
        };
        Ok(Self { raw: outer.raw, content: Zeroizing::new(content), mac })
    }

    /// The materials that are readable without a password.
    pub fn materials(&self) -> Result<Vec<Material>, Malformed> {
        Ok(self.store(None)?.finish(self.mac.map(mac)).into_iter().map(|item| item.material).collect())
    }

    /// The materials that are readable with a password. Bags that it does not open are unchanged.
    pub fn open(&self, password: &dyn Unlock) -> Result<Vec<Unlocked>, Malformed> {
        Ok(self.store(Some(password))?.finish(self.mac.map(mac)))
    }

    fn store<'p>(&self, password: Option<&'p dyn Unlock>) -> Result<Store<'p>, Malformed> {
        let mut store = Store { password, ..Store::default() };
        let mut list = BerReader::new(&self.content).value(SEQUENCE, "AuthenticatedSafe")?.children();
        while !list.is_empty() {
            store.safe(list.value(SEQUENCE, "ContentInfo")?)?;
        }
        Ok(store)
    }
}

/// Type and content of a ContentInfo.
fn content_info(value: Value<'_>) -> Result<(String, Option<Value<'_>>), Malformed> {
    let mut fields = value.children();
    let kind = dotted(fields.value(OID, "content type")?.content);
    let content = fields.optional(context(0))?.map(|v| v.children().any()).transpose()?;
    Ok((kind, content))
}

/// The octets inside a SignedData (RFC 5652 5.1): PFX in public-key integrity mode.
fn signed_content(content: Option<Value<'_>>) -> Result<Vec<u8>, Malformed> {
    let mut signed = content.ok_or(Malformed::new("SignedData", 0))?.children();
    signed.value(INTEGER, "SignedData version")?;
    signed.value(SET, "digestAlgorithms")?;
    let (_, inner) = content_info(signed.value(SEQUENCE, "encapContentInfo")?)?;
    Ok(inner.ok_or(Malformed::new("encapContentInfo", 0))?.octets()?.into_owned())
}

/// MacData (RFC 7292 4) as text: digest and iterations, or PBMAC1 (RFC 9579) with its key derivation.
fn mac(value: Value<'_>) -> String {
    let read = || -> Result<String, Malformed> {
        let mut fields = value.children();
        let mut digest_info = fields.value(SEQUENCE, "DigestInfo")?.children();
        let mut algorithm = digest_info.value(SEQUENCE, "digestAlgorithm")?.children();
        let oid = dotted(algorithm.value(OID, "digest OID")?.content);
        if oid == pbe::PBMAC1 {
            let kdf = algorithm.value(SEQUENCE, "PBMAC1-params")?.children().value(SEQUENCE, "keyDerivationFunc")?;
            return Ok(format!("PBMAC1 {}", pbe::kdf(kdf)?));
        }
        let name = match oid.as_str() {
            "1.3.14.3.2.26" => "SHA1",
            "2.16.840.1.101.3.4.2.1" => "SHA256",
            "2.16.840.1.101.3.4.2.2" => "SHA384",
            "2.16.840.1.101.3.4.2.3" => "SHA512",
            other => other,
        };
        fields.value(OCTET_STRING, "macSalt")?;
        let iterations = fields.optional(INTEGER)?.and_then(|v| v.small()).unwrap_or(1);
        Ok(format!("MAC HMAC-{name} {iterations} iterations"))
    };
    read().unwrap_or_else(|_| "MAC unreadable".to_owned())
}

/// The content of the safes of one file.
#[derive(Default)]
struct Store<'p> {
    password: Option<&'p dyn Unlock>,
    /// Keys, and whether each is visible without a password.
    keys: Vec<(Material, bool)>,
    certificates: Vec<Material>,
    /// The protection of safes that stay closed.
    closed: Vec<Protection>,
    /// The protection of safes that a password opened.
    opened: Vec<Protection>,
    /// Number of secret keys that are visible without a password; the next field counts the others.
    secrets: usize,
    hidden_secrets: usize,
    /// The protection of the safe that is being read, if a password opened it.
    inside: Option<Protection>,
    bags: usize,
    /// Digests of the ciphertext of secret keys.
    sealed: Vec<[u8; 32]>,
    /// Decrypted bytes.
    plain: Vec<Zeroizing<Vec<u8>>>,
}

impl Store<'_> {
    fn safe(&mut self, value: Value<'_>) -> Result<(), Malformed> {
        let (kind, content) = content_info(value)?;
        match kind.as_str() {
            DATA => {
                let octets = content.ok_or(Malformed::new("safe", 0))?.octets()?;
                let octets = Zeroizing::new(octets.into_owned());
                self.contents(BerReader::new(&octets).value(SEQUENCE, "SafeContents")?, 0)
            }
            ENCRYPTED_DATA => {
                let mut fields = content.ok_or(Malformed::new("EncryptedData", 0))?.children();
                fields.value(INTEGER, "EncryptedData version")?;
                let mut info = fields.value(SEQUENCE, "EncryptedContentInfo")?.children();
                info.value(OID, "content type")?;
                let algorithm = info.value(SEQUENCE, "contentEncryptionAlgorithm")?;
                let protection = pbe::protection(algorithm)?;
                match self.password.and_then(|password| decrypted(password, algorithm, &mut info)) {
                    Some(plain) if BerReader::new(&plain).value(SEQUENCE, "SafeContents").is_ok() => {
                        self.inside = Some(protection.clone());
                        self.opened.push(protection);
                        let contents = BerReader::new(&plain).value(SEQUENCE, "SafeContents")?;
                        let read = self.contents(contents, 0);
                        self.inside = None;
                        self.plain.push(plain);
                        read
                    }
                    _ => {
                        self.closed.push(protection);
                        Ok(())
                    }
                }
            }
            ENVELOPED_DATA => {
                self.closed.push(Protection::new(ProtectionState::Strong, "encrypted to a public key"));
                Ok(())
            }
            _ => Err(Malformed::new("safe type", 0)),
        }
    }

    fn contents(&mut self, contents: Value<'_>, depth: usize) -> Result<(), Malformed> {
        let mut bags = contents.children();
        while !bags.is_empty() {
            self.bags += 1;
            if self.bags > MAX_BAGS || depth > 8 {
                return Err(Malformed::new("bags", self.bags));
            }
            self.bag(bags.value(SEQUENCE, "SafeBag")?, depth)?;
        }
        Ok(())
    }

    fn bag(&mut self, bag: Value<'_>, depth: usize) -> Result<(), Malformed> {
        let mut fields = bag.children();
        let kind = dotted(fields.value(OID, "bag type")?.content);
        let value = fields.value(context(0), "bag value")?.children().any()?;
        let attributes = fields.optional(SET)?;
        match kind.as_str() {
            KEY_BAG => {
                let mut material = read_key(private::pkcs8(value.raw)?, value.raw);
                let protection = self.inside.clone().map(opened);
                material.protection = Some(protection.unwrap_or(Protection::plaintext()));
                describe(&mut material, attributes);
                self.keys.push((material, self.inside.is_none()));
            }
            SHROUDED_KEY_BAG => {
                let mut info = value.children();
                let algorithm = info.value(SEQUENCE, "encryptionAlgorithm")?;
                let protection = pbe::protection(algorithm)?;
                let ciphertext = info.any()?.octets()?;
                let plain = self.password.and_then(|password| password.decrypt(algorithm, &ciphertext));
                let key = plain
                    .as_ref()
                    .and_then(|plain| PrivateKey::decrypted(private::pkcs8, plain).map(|key| (key, plain)));
                let mut material = if let Some((key, plain)) = key {
                    let mut material = read_key(key, plain);
                    material.protection = Some(opened(protection));
                    self.plain.push(plain.clone());
                    material
                } else {
                    let mut material = empty(Kind::PrivateKey);
                    material.protection = Some(protection);
                    material.identity = Some(carrier::opaque(&ciphertext));
                    material.sealed.push(carrier::digest(&ciphertext));
                    material
                };
                describe(&mut material, attributes);
                self.keys.push((material, self.inside.is_none()));
            }
            CERT_BAG => {
                let mut cert = value.children();
                cert.value(OID, "certificate type")?;
                let octets = cert.value(context(0), "certificate")?.children().any()?.octets()?;
                if let Ok(certificate) = x509::read(&octets) {
                    let mut material = empty(Kind::Certificate);
                    material.format = "x509";
                    material.identity = certificate.public.map(Identity::public);
                    material.certificate = Some(Box::new(certificate.facts));
                    describe(&mut material, attributes);
                    self.certificates.push(material);
                }
            }
            SAFE_CONTENTS_BAG => self.contents(value, depth + 1)?,
            SECRET_BAG => {
                self.sealed.extend(sealed_secret(value));
                *(if self.inside.is_some() { &mut self.hidden_secrets } else { &mut self.secrets }) += 1;
            }
            _ => {}
        }
        Ok(())
    }

    /// Links keys to certificates of the same file and reports what cannot be read.
    fn finish(mut self, mac: Option<String>) -> Vec<Unlocked> {
        let leaves: Vec<&Material> = self.certificates.iter().filter(|c| is_leaf(c)).collect();
        let only =
            (self.keys.len() == 1 && leaves.len() == 1 && self.closed.is_empty()).then(|| leaves.first()).flatten();
        let only = only.and_then(|c| c.identity.clone());
        for (key, _) in &mut self.keys {
            if matches!(key.identity, Some(Identity::Opaque(_))) {
                let named = self.certificates.iter().find(|c| {
                    c.certificate.as_ref().is_some_and(|facts| key.links.contains(&Link::CertSha1(facts.sha1)))
                });
                let certificate = named.map_or_else(|| only.clone(), |c| c.identity.clone());
                key.identity = certificate.or_else(|| key.identity.take());
            }
            if mac.is_none() {
                key.remarks.push(Remark::NoMac);
            }
        }
        let mac = mac.map_or(String::new(), |mac| format!("; {mac}"));
        for (key, _) in &mut self.keys {
            if let Some(protection) = key.protection.as_mut().filter(|p| !p.detail.is_empty()) {
                protection.detail.push_str(&mac);
            }
        }
        let (visible, mut hidden): (Vec<_>, Vec<_>) = self.keys.into_iter().partition(|(_, visible)| *visible);
        let mut items: Vec<Unlocked> = Vec::new();
        let mut locked = 0;
        for (material, _) in visible {
            let plain = material.protection.as_ref().is_none_or(|p| p.state == ProtectionState::Plaintext);
            let which = (!plain).then_some(locked);
            locked += usize::from(!plain);
            items.push(Unlocked::new(which, material));
        }
        if items.is_empty() || self.secrets > 0 {
            let encrypted = !self.closed.is_empty() || !self.opened.is_empty();
            let which = encrypted.then_some(locked);
            if items.is_empty() && self.secrets == 0 && !hidden.is_empty() {
                // The file was taken for a keystore, but contains just this key.
                items.push(Unlocked::new(which, hidden.remove(0).0));
            } else {
                let mut keystore = empty(Kind::Keystore);
                keystore.remarks.push(match (self.secrets + self.hidden_secrets, self.closed.is_empty()) {
                    (1.., _) => Remark::HoldsSecretKeys,
                    (_, true) => Remark::TrustStore,
                    (_, false) => Remark::SealedWhole,
                });
                let protection = self.closed.into_iter().next().or(self.opened.into_iter().next().map(opened));
                keystore.sealed.clone_from(&self.sealed);
                keystore.protection = protection.map(|mut protection| {
                    protection.detail.push_str(&mac);
                    protection
                });
                items.push(Unlocked::new(which, keystore));
            }
        }
        let rest = hidden.into_iter().map(|(material, _)| material).chain(self.certificates);
        items.extend(rest.map(|material| Unlocked::new(None, material)));
        // The decrypted bytes go to one item, so that they are searched for more, whichever item they came from.
        let opened =
            |item: &Unlocked| item.material.protection.as_ref().is_some_and(|p| p.state == ProtectionState::Opened);
        let first =
            items.iter().position(opened).or_else(|| items.iter().position(|i| i.material.certificate.is_some()));
        if let Some(item) = first.and_then(|at| items.get_mut(at)) {
            item.plain = self.plain;
        }
        items
    }
}

/// The digest of the ciphertext in a SecretBag of Java's form: `SEQUENCE { OID, [0] { OCTET STRING {
/// EncryptedPrivateKeyInfo } } }`.
fn sealed_secret(bag: Value<'_>) -> Option<[u8; 32]> {
    let mut fields = bag.children();
    fields.value(OID, "secret type").ok()?;
    let octets = fields.value(context(0), "secret value").ok()?.children().any().ok()?.octets().ok()?;
    let mut info = BerReader::new(&octets).value(SEQUENCE, "EncryptedPrivateKeyInfo").ok()?.children();
    info.value(SEQUENCE, "encryptionAlgorithm").ok()?;
    Some(carrier::digest(&info.any().ok()?.octets().ok()?))
}

/// Decrypts the content of an EncryptedContentInfo, after its algorithm: `[0] IMPLICIT OCTET STRING`, in one piece or
/// in segments.
fn decrypted(password: &dyn Unlock, algorithm: Value<'_>, info: &mut BerReader<'_>) -> Option<Zeroizing<Vec<u8>>> {
    let content = info.any().ok().filter(|v| v.tag & 0xdf == 0x80)?;
    password.decrypt(algorithm, &content.octets().ok()?)
}

fn opened(protection: Protection) -> Protection {
    Protection { state: ProtectionState::Opened, ..protection }
}

fn read_key(key: PrivateKey, der: &[u8]) -> Material {
    let mut material = empty(Kind::PrivateKey);
    material.proof = if key.verified { Proof::Verified } else { Proof::Structure };
    material.identity = Some(identity(key.public, der));
    material.remarks = key.remarks;
    material
}

fn empty(kind: Kind) -> Material {
    let mut material = Material::new(kind, "pkcs12", Encoding::Der, Range::default());
    material.container = Some("PKCS#12");
    material
}

fn identity(public: Option<PublicHalf>, der: &[u8]) -> Identity {
    public.map_or_else(|| carrier::opaque(der), Identity::public)
}

/// Whether a certificate is not that of a CA.
fn is_leaf(material: &Material) -> bool {
    material.certificate.as_ref().is_some_and(|facts| facts.ca != Some(true)) && material.identity.is_some()
}

/// Adds the friendly name and localKeyId from the attributes of a bag.
fn describe(material: &mut Material, attributes: Option<Value<'_>>) {
    let Some(attributes) = attributes else { return };
    let mut list = attributes.children();
    while let Ok(attribute) = list.value(SEQUENCE, "PKCS12Attribute") {
        let mut fields = attribute.children();
        let Ok(oid) = fields.value(OID, "attribute type") else { continue };
        let Ok(value) = fields.value(SET, "attribute values").and_then(|v| v.children().any()) else { continue };
        match dotted(oid.content).as_str() {
            FRIENDLY_NAME => material.labels.push(Label::new("friendly name", bmp(value.content).as_bytes())),
            LOCAL_KEY_ID => {
                if let Ok(digest) = <[u8; 20]>::try_from(value.content) {
                    // OpenSSL and NSS write the SHA-1 of the certificate, GnuTLS that of the SubjectPublicKeyInfo.
                    material.links.extend([Link::CertSha1(digest), Link::SpkiSha1(digest)]);
                }
            }
            _ => {}
        }
    }
}

/// Decodes a BMPString: UTF-16, big-endian.
fn bmp(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes(pair.try_into().unwrap_or_default()));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}
