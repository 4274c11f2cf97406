//! PKCS#12 / PFX keystores (RFC 7292): `.p12`, `.pfx`, and most files called `.jks` and `.keystore` since Java 9.
//!
//! DER, and the BER with indefinite lengths that NSS and Apple write. Without a password one can read: the MAC and its
//! iterations, which safes there are and how each is encrypted, keys that are not encrypted at all, names and
//! localKeyIds of the bags in plain safes, and certificates in plain safes. The localKeyId of OpenSSL and NSS is the SHA-1
//! of the certificate, so a key is joined with its certificate wherever that lies, without a password.

use std::ops::Range;

use scanner_core::blob::Blob;
use scanner_core::error::Malformed;
use scanner_core::material::{Encoding, Identity, Kind, Label, Link, Material, Proof, Protection, PublicHalf};
use scanner_core::seam::{About, Anchor, Detector, Hit, Inspection};

use crate::read::ber::{INTEGER, OCTET_STRING, OID, Reader, SEQUENCE, SET, Value, context, dotted};
use crate::read::{armor, carrier, locate, pbe, private, x509};

/// PKCS#12 keystores.
#[derive(Debug)]
pub(crate) struct Pkcs12;

static ABOUT: About = About {
    id: "pkcs12",
    title: "PKCS#12 keystore (PFX)",
    detects: "PKCS#12 files, DER and BER, at any offset, whatever they are called: every key bag with its friendly name, \
              its encryption and iterations, and the certificate that its localKeyId names. Keys that are not encrypted \
              at all are read and proven. Trust stores are told apart.",
    blind_to: "Safes that are encrypted as a whole: whether they hold keys or certificates shows only with the password, \
               and none is tried. A key whose certificate is encrypted too is known by a digest of its ciphertext, \
               unless that certificate lies elsewhere.",
    respond: "A PFX is made to carry a signing identity from one machine to another: look for its password beside it. \
              Revoke the certificate, and have the new key made where it cannot be exported.",
    references: &["RFC 7292", "RFC 9579", "CWE-321"],
};

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

/// Most safes and bags of one file: the largest trust stores hold a few hundred.
const MAX_BAGS: usize = 10_000;

impl Detector for Pkcs12 {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor] {
        &[armor::ANCHOR, locate::PKCS_OID]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit, out: &mut Inspection) -> Result<(), Malformed> {
        if hit.anchor == armor::ANCHOR {
            let Some(armor) = carrier::pem(blob, hit, |label| label == "PKCS12")? else { return Ok(()) };
            let (materials, _) = read(&armor.body)?;
            return report(materials, Encoding::Pem, &armor.span, out);
        }
        let Some(start) = start(blob.bytes, hit.at) else { return Ok(()) };
        let (materials, consumed) = read(blob.bytes.get(start..).unwrap_or_default())?;
        report(materials, Encoding::Der, &(start..start + consumed), out)
    }
}

fn report(
    materials: Vec<Material>,
    encoding: Encoding,
    span: &Range<usize>,
    out: &mut Inspection,
) -> Result<(), Malformed> {
    for mut material in materials {
        material.span = span.clone();
        material.encoding = encoding;
        material.container = Some("PKCS#12");
        out.found(material);
    }
    Ok(())
}

/// PFX ::= SEQUENCE { INTEGER 3, ContentInfo SEQUENCE { OID data or signedData, seen at `oid` ...
fn start(bytes: &[u8], oid: usize) -> Option<usize> {
    if !matches!(bytes.get(oid + 7..oid + 9), Some([7, 1 | 2])) {
        return None;
    }
    let content_info = locate::algorithm_identifier(bytes, locate::PKCS_OID, oid)?;
    let version = content_info.checked_sub(3)?;
    (bytes.get(version..content_info)? == [0x02, 0x01, 0x03]).then(|| locate::sequence_before(bytes, version))?
}

/// Reads a PFX; returns its materials and its length.
fn read(der: &[u8]) -> Result<(Vec<Material>, usize), Malformed> {
    let outer = Reader::new(der).value(SEQUENCE, "PFX")?;
    let mut fields = outer.children();
    if fields.value(INTEGER, "PFX version")?.small() != Some(3) {
        return Err(Malformed::new("PFX version", 0));
    }
    let auth_safe = fields.value(SEQUENCE, "authSafe")?;
    let mac = fields.optional(SEQUENCE)?.map(mac);
    let mut store = Store::default();
    let (kind, content) = content_info(auth_safe)?;
    let safes = match kind.as_str() {
        DATA => content.ok_or(Malformed::new("authSafe content", 0))?.octets()?.into_owned(),
        SIGNED_DATA => signed_content(content)?,
        _ => return Err(Malformed::new("authSafe type", 0)),
    };
    let safes = zeroize::Zeroizing::new(safes);
    let mut list = Reader::new(&safes).value(SEQUENCE, "AuthenticatedSafe")?.children();
    while !list.is_empty() {
        store.safe(list.value(SEQUENCE, "ContentInfo")?)?;
    }
    Ok((store.finish(mac), outer.raw.len()))
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

/// What the safes of one file hold.
#[derive(Default)]
struct Store {
    keys: Vec<Material>,
    certificates: Vec<Material>,
    /// Encryption of safes that cannot be looked into.
    closed: Vec<Protection>,
    secrets: usize,
    bags: usize,
}

impl Store {
    fn safe(&mut self, value: Value<'_>) -> Result<(), Malformed> {
        let (kind, content) = content_info(value)?;
        match kind.as_str() {
            DATA => {
                let octets = content.ok_or(Malformed::new("safe", 0))?.octets()?;
                let octets = zeroize::Zeroizing::new(octets.into_owned());
                self.contents(Reader::new(&octets).value(SEQUENCE, "SafeContents")?, 0)
            }
            ENCRYPTED_DATA => {
                let mut fields = content.ok_or(Malformed::new("EncryptedData", 0))?.children();
                fields.value(INTEGER, "EncryptedData version")?;
                let mut info = fields.value(SEQUENCE, "EncryptedContentInfo")?.children();
                info.value(OID, "content type")?;
                self.closed.push(pbe::protection(info.value(SEQUENCE, "contentEncryptionAlgorithm")?)?);
                Ok(())
            }
            ENVELOPED_DATA => {
                let state = scanner_core::material::ProtectionState::Strong;
                self.closed.push(Protection::new(state, "encrypted to a public key"));
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
                let key = private::pkcs8(value.raw)?;
                let mut material = empty(Kind::PrivateKey);
                material.proof = if key.verified { Proof::Verified } else { Proof::Structure };
                material.protection = Some(Protection::plaintext());
                material.identity = Some(identity(key.public, value.raw));
                material.notes = key.notes;
                describe(&mut material, attributes);
                self.keys.push(material);
            }
            SHROUDED_KEY_BAG => {
                let mut info = value.children();
                let protection = pbe::protection(info.value(SEQUENCE, "encryptionAlgorithm")?)?;
                let ciphertext = info.any()?.octets()?;
                let mut material = empty(Kind::PrivateKey);
                material.protection = Some(protection);
                material.identity = Some(carrier::opaque(&ciphertext));
                describe(&mut material, attributes);
                self.keys.push(material);
            }
            CERT_BAG => {
                let mut cert = value.children();
                cert.value(OID, "certificate type")?;
                let octets = cert.value(context(0), "certificate")?.children().any()?.octets()?;
                if let Ok(certificate) = x509::read(&octets) {
                    let mut material = empty(Kind::Certificate);
                    material.format = "x509";
                    material.identity = certificate.public.map(|p| Identity::Public(Box::new(p)));
                    material.certificate = Some(Box::new(certificate.facts));
                    describe(&mut material, attributes);
                    self.certificates.push(material);
                }
            }
            SAFE_CONTENTS_BAG => self.contents(value, depth + 1)?,
            SECRET_BAG => self.secrets += 1,
            _ => {}
        }
        Ok(())
    }

    /// Joins keys with certificates of the same file and says what cannot be seen.
    fn finish(mut self, mac: Option<String>) -> Vec<Material> {
        let leaves: Vec<&Material> = self.certificates.iter().filter(|c| is_leaf(c)).collect();
        let only =
            (self.keys.len() == 1 && leaves.len() == 1 && self.closed.is_empty()).then(|| leaves.first()).flatten();
        let only = only.and_then(|c| c.identity.clone());
        for key in &mut self.keys {
            if matches!(key.identity, Some(Identity::Opaque(_))) {
                let named = self.certificates.iter().find(|c| {
                    c.certificate.as_ref().is_some_and(|facts| key.links.contains(&Link::CertSha1(facts.sha1)))
                });
                let certificate = named.map_or_else(|| only.clone(), |c| c.identity.clone());
                key.identity = certificate.or_else(|| key.identity.take());
            }
            if mac.is_none() {
                key.notes.push("no MAC: the keystore opens with any password, or none");
            }
        }
        let mac = mac.map_or(String::new(), |mac| format!("; {mac}"));
        for key in &mut self.keys {
            if let Some(protection) = key.protection.as_mut().filter(|p| !p.detail.is_empty()) {
                protection.detail.push_str(&mac);
            }
        }
        let mut materials = self.keys;
        if materials.is_empty() || self.secrets > 0 {
            let mut keystore = empty(Kind::Keystore);
            keystore.notes.push(match (self.secrets, self.closed.is_empty()) {
                (1.., _) => "holds secret keys (HMAC or cipher keys)",
                (_, true) => "trust store: certificates only",
                (_, false) => "encrypted as a whole: keys or only certificates, the password would tell",
            });
            keystore.protection = self.closed.into_iter().next().map(|mut protection| {
                protection.detail.push_str(&mac);
                protection
            });
            materials.push(keystore);
        }
        materials.append(&mut self.certificates);
        materials
    }
}

fn empty(kind: Kind) -> Material {
    Material::new(kind, ABOUT.id, Encoding::Der, Range::default())
}

fn identity(public: Option<PublicHalf>, der: &[u8]) -> Identity {
    public.map_or_else(|| carrier::opaque(der), |p| Identity::Public(Box::new(p)))
}

/// A certificate that is no CA's.
fn is_leaf(material: &Material) -> bool {
    material.certificate.as_ref().is_some_and(|facts| facts.ca != Some(true)) && material.identity.is_some()
}

/// Friendly name and localKeyId from the attributes of a bag.
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

/// BMPString: UTF-16, big endian.
fn bmp(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes(pair.try_into().unwrap_or_default()));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}
