//! Opens BouncyCastle's FIPS keystores. The plaintext of the store must be its list of objects, to the last byte. The
//! MAC is not checked, because its key derivation is as expensive as that of the cipher. Every key in the store has its
//! own derivation.

use std::ops::Range;

use keyradius_core::lock::Unlocked;
use keyradius_core::lock::{Lock, PROOF};
use keyradius_core::material::{Encoding, Identity, Kind, Label, Material, Protection, ProtectionState, Remark};
use keyradius_readers::ber::{BerReader, OCTET_STRING, OID, SEQUENCE, Value, dotted};
use keyradius_readers::carrier;
use keyradius_readers::private::{self, PrivateKey};
use keyradius_readers::{pbe, x509};
use zeroize::Zeroizing;

use super::read::{self, Content, Object};
use crate::unlock::kdf::bmp;
use crate::unlock::pbe::{Password, Scheme};

/// Purposes of derived keys, appended to the password (BcFKSKeyStoreSpi).
const STORE: &str = "STORE_ENCRYPTION";
const PRIVATE: &str = "PRIVATE_KEY_ENCRYPTION";
const SECRET: &str = "SECRET_KEY_ENCRYPTION";

/// Minimum size of a private key with its certificate, in bytes. The size of the store divided by this bounds the
/// number of its keys.
const KEY: u64 = 900;
/// Maximum number of keys of one store that are opened.
const MOST: u64 = 32;

/// A keystore with its parsed encryption scheme.
pub(super) struct Store<'a> {
    scheme: Scheme<'a>,
    ciphertext: &'a [u8],
    protection: Protection,
}

impl<'a> Store<'a> {
    pub(super) fn read(der: &'a [u8]) -> Option<Self> {
        let store = read::Store::read(der).ok()?;
        let protection = pbe::store_protection(store.algorithm).ok()?;
        Some(Self { scheme: Scheme::read(store.algorithm)?.of_bcfks(), ciphertext: store.ciphertext, protection })
    }
}

/// Decrypts with the key derived from password and purpose.
fn decrypt(scheme: &Scheme<'_>, ciphertext: &[u8], password: &[u8], purpose: &str) -> Option<Zeroizing<Vec<u8>>> {
    // An empty password is zero bytes, without the two zero bytes at the end.
    let mut bytes = if password.is_empty() { Zeroizing::default() } else { bmp(password) };
    bytes.extend_from_slice(&bmp(purpose.as_bytes()));
    scheme.decrypt(&Password { bytes: &bytes, bmp: Zeroizing::default() }, ciphertext)
}

fn unseal(sealed: Value<'_>, password: &[u8], purpose: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (algorithm, ciphertext) = read::sealed(sealed).ok()?;
    decrypt(&Scheme::read(algorithm)?.of_bcfks(), ciphertext, password, purpose)
}

impl Store<'_> {
    /// Maximum number of keys that the price includes and that are opened.
    fn most(&self) -> u64 {
        (self.ciphertext.len() as u64 / KEY + 1).min(MOST)
    }
}

impl Lock for Store<'_> {
    fn price(&self) -> u64 {
        self.scheme.price()
    }

    /// Every key in the store costs another derivation.
    fn price_of_success(&self) -> u64 {
        self.most().saturating_mul(self.scheme.price().saturating_add(PROOF))
    }

    fn open(&self, password: &[u8], _done: &[bool]) -> Vec<Unlocked> {
        let Some(plain) = decrypt(&self.scheme, self.ciphertext, password, STORE) else { return Vec::new() };
        let Some(objects) = read::objects(&plain) else { return Vec::new() };
        let mut items: Vec<Unlocked> = Vec::new();
        let mut keys = 0;
        for object in &objects {
            let sealed = !matches!(object.content, Content::Certificate(_));
            keys += u64::from(sealed);
            let password = (keys <= self.most()).then_some(password);
            items.extend(materials(object, password));
        }
        if keys == 0 {
            let mut material = empty(Kind::Keystore);
            material.remarks.push(Remark::TrustStore);
            items.push(Unlocked::new(None, material));
        }
        // The list contains more than the entries read from it: plaintext certificates, comments, other objects.
        if let Some(first) = items.first_mut() {
            first.plain.push(plain.clone());
        }
        // One entry replaces the locked keystore: a private key if there is one.
        let first = items.iter().position(|item| item.material.kind == Kind::PrivateKey);
        let first = first.or_else(|| items.iter().position(|item| item.material.kind == Kind::Keystore));
        for (at, item) in items.iter_mut().enumerate() {
            item.which = (Some(at) == first).then_some(0);
            if item.material.kind != Kind::Certificate {
                let state = ProtectionState::Opened;
                item.material.protection = Some(Protection { state, ..self.protection.clone() });
            }
        }
        items
    }
}

/// The materials of one object: the entry, then the certificates of its chain.
fn materials(object: &Object<'_>, password: Option<&[u8]>) -> Vec<Unlocked> {
    let new = |material| Unlocked::new(None, material);
    let closed = || {
        let mut material = empty(Kind::Keystore);
        let tried = password.is_some();
        material.remarks.push(if tried { Remark::OtherPassword } else { Remark::NotTried });
        new(material)
    };
    let mut items = match object.content {
        Content::Certificate(der) => x509::read(der).ok().map(certificate).map(new).into_iter().collect(),
        Content::PrivateKey(sealed, chain) => {
            let opened = password.and_then(|password| unseal(sealed, password, PRIVATE));
            let key = opened.and_then(|plain| {
                let key = PrivateKey::decrypted(private::pkcs8, &plain)?;
                let mut item = carrier::unlocked(0, key, &plain);
                item.material.format = "bcfks";
                item.material.container = Some("BCFKS");
                Some(item)
            });
            let mut all = vec![key.unwrap_or_else(closed)];
            let mut reader = BerReader::new(chain);
            while let Ok(value) = reader.value(SEQUENCE, "Certificate") {
                all.extend(x509::read(value.raw).ok().map(certificate).map(new));
            }
            all
        }
        Content::SecretKey(sealed) => {
            let opened = password.and_then(|password| unseal(sealed, password, SECRET));
            let item = opened.and_then(|plain| Some(new(secret(&plain)?).with_plain(&plain)));
            vec![item.unwrap_or_else(closed)]
        }
    };
    if let Some(first) = items.first_mut() {
        first.material.labels.insert(0, Label::new("alias", object.name));
    }
    items
}

/// SecretKeyData ::= SEQUENCE { OID, OCTET STRING }.
fn secret(plain: &[u8]) -> Option<Material> {
    let mut fields = BerReader::new(plain).value(SEQUENCE, "SecretKeyData").ok()?.children();
    let oid = dotted(fields.value(OID, "keyAlgorithm").ok()?.content);
    let key = fields.value(OCTET_STRING, "keyBytes").ok()?.content;
    // RFC 8018 B.1.2, and the NIST arc for HMAC with SHA-3.
    let name = match oid.as_str() {
        "1.2.840.113549.2.7" => "HmacSHA1",
        "1.2.840.113549.2.8" => "HmacSHA224",
        "1.2.840.113549.2.9" => "HmacSHA256",
        "1.2.840.113549.2.10" => "HmacSHA384",
        "1.2.840.113549.2.11" => "HmacSHA512",
        "2.16.840.1.101.3.4.2.13" => "HmacSHA3-224",
        "2.16.840.1.101.3.4.2.14" => "HmacSHA3-256",
        "2.16.840.1.101.3.4.2.15" => "HmacSHA3-384",
        "2.16.840.1.101.3.4.2.16" => "HmacSHA3-512",
        "2.16.840.1.101.3.4.1" => "AES",
        other => other,
    };
    Some(carrier::secret_key("bcfks", "BCFKS", name.as_bytes(), key))
}

fn certificate(certificate: x509::Certificate) -> Material {
    let mut material = Material::new(Kind::Certificate, "x509", Encoding::Der, Range::default());
    material.identity = certificate.public.map(Identity::public);
    material.certificate = Some(Box::new(certificate.facts));
    material.container = Some("BCFKS");
    material
}

fn empty(kind: Kind) -> Material {
    let mut material = Material::new(kind, "bcfks", Encoding::Der, Range::default());
    material.container = Some("BCFKS");
    material
}
