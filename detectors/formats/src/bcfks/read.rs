//! The outer structure of BouncyCastle's FIPS keystore, BCFKS (org.bouncycastle.asn1.bc.ObjectStore): SEQUENCE {
//! EncryptedObjectStoreData, ObjectStoreIntegrityCheck }, where the first has the shape of an encrypted PKCS#8 key.

use keyradius_core::error::Malformed;
use keyradius_readers::ber::{self, BerReader, INTEGER, OCTET_STRING, OID, SEQUENCE, Value};

/// A keystore.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Store<'a> {
    /// AlgorithmIdentifier of the encryption.
    pub(crate) algorithm: Value<'a>,
    pub(crate) ciphertext: &'a [u8],
    /// The whole structure.
    pub(crate) raw: &'a [u8],
}

impl<'a> Store<'a> {
    pub(crate) fn read(der: &'a [u8]) -> Result<Self, Malformed> {
        let outer = BerReader::new(der).value(SEQUENCE, "ObjectStore")?;
        let mut parts = outer.children();
        let (algorithm, ciphertext) = sealed(parts.value(SEQUENCE, "EncryptedObjectStoreData")?)?;
        let check = parts.any()?;
        let fits = match check.tag {
            SEQUENCE => {
                let mut mac = check.children();
                mac.value(SEQUENCE, "macAlgorithm")?.children().value(OID, "MAC OID")?;
                mac.value(SEQUENCE, "pbkdAlgorithm")?.children().value(OID, "KDF OID")?;
                mac.value(OCTET_STRING, "mac")?;
                mac.is_empty()
            }
            // SignatureCheck.
            0xa0 => true,
            _ => false,
        };
        if !fits || !parts.is_empty() {
            return Err(Malformed::new("integrity check", parts.at()));
        }
        Ok(Self { algorithm, ciphertext, raw: outer.raw })
    }
}

/// Splits a value into AlgorithmIdentifier and OCTET STRING: the shape of the store's ciphertext, of private keys and
/// of secret keys.
pub(crate) fn sealed(value: Value<'_>) -> Result<(Value<'_>, &[u8]), Malformed> {
    let mut fields = value.children();
    let algorithm = fields.value(SEQUENCE, "encryptionAlgorithm")?;
    let ciphertext = fields.value(OCTET_STRING, "encryptedData")?.content;
    if fields.is_empty() { Ok((algorithm, ciphertext)) } else { Err(Malformed::new("encryptedData", fields.at())) }
}

/// One object of an opened store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Object<'a> {
    pub(crate) content: Content<'a>,
    /// The alias.
    pub(crate) name: &'a [u8],
}

/// The content of an object, by its type (org.bouncycastle.asn1.bc.ObjectData: 0 to 4).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Content<'a> {
    /// DER of a certificate.
    Certificate(&'a [u8]),
    /// EncryptedPrivateKeyInfo, and the certificates of the chain one after the other.
    PrivateKey(Value<'a>, &'a [u8]),
    /// EncryptedSecretKeyData.
    SecretKey(Value<'a>),
}

/// The objects of an ObjectStoreData. `None` if `plain` is not an ObjectStoreData.
pub(crate) fn objects(plain: &[u8]) -> Option<Vec<Object<'_>>> {
    let outer = ber::parse(plain, 0).ok().filter(|value| value.tag == SEQUENCE && value.raw.len() == plain.len())?;
    let mut fields = outer.children();
    fields.value(INTEGER, "version").ok()?;
    fields.value(SEQUENCE, "integrityAlgorithm").ok()?;
    // Creation and modification dates.
    fields.any().ok()?;
    fields.any().ok()?;
    let mut list = fields.value(SEQUENCE, "objectDataSequence").ok()?.children();
    let mut objects = Vec::new();
    while !list.is_empty() {
        objects.push(object(list.value(SEQUENCE, "ObjectData").ok()?)?);
    }
    Some(objects)
}

fn object(value: Value<'_>) -> Option<Object<'_>> {
    let mut fields = value.children();
    let kind = fields.value(INTEGER, "type").ok()?.small()?;
    let name = fields.any().ok()?.content;
    fields.any().ok()?;
    fields.any().ok()?;
    let data = fields.value(OCTET_STRING, "data").ok()?.content;
    let content = match kind {
        0 => Content::Certificate(data),
        1 | 3 => {
            let mut parts = ber::parse(data, 0).ok()?.children();
            let key = parts.value(SEQUENCE, "EncryptedPrivateKeyInfo").ok()?;
            Content::PrivateKey(key, parts.value(SEQUENCE, "certificates").ok()?.content)
        }
        _ => Content::SecretKey(ber::parse(data, 0).ok()?),
    };
    Some(Object { content, name })
}
