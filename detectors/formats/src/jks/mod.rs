//! Java keystores JKS and JCEKS (sun.security.provider.JavaKeyStore, com.sun.crypto.provider.JceKeyStore).
//!
//! The magic number begins the file; then every entry must parse to the end of the list. Aliases and certificate chains
//! are readable without a password, so a private key is identified by its certificate. Since Java 9 a file called
//! `.jks` is usually PKCS#12: the `pkcs12` detector reads it, whatever the file is called.

mod open;
mod read;

use std::ops::Range;

use keyradius_core::blob::Blob;
use keyradius_core::error::{Malformed, Reason};
use keyradius_core::lock::{Lock, boxed};
use keyradius_core::material::{Encoding, Identity, Kind, Label, Locked, Material, Protection, Remark};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::ber::{self, BerReader, OCTET_STRING, OID, SEQUENCE};
use keyradius_readers::cursor::Cursor;
use keyradius_readers::{carrier, pbe, x509};

/// Detects JKS and JCEKS keystores.
#[derive(Debug)]
pub(crate) struct Jks;

static ABOUT: About = About {
    id: "jks",
    title: "Java keystore (JKS, JCEKS)",
    detects: "JKS and JCEKS keystores, versions 1 and 2, at any offset: every private key entry with its alias, the \
              certificate chain that identifies it, and its protection. Sealed secret keys of JCEKS with alias and \
              iterations. Trust stores are reported as such.",
    blind_to: "Keys whose password is neither nearby nor a well-known one. The purpose of a sealed secret key of \
               JCEKS (HMAC signs, AES does not) is known only with the password: until then it is reported as a \
               keystore, not as a key.",
    respond: "JKS protects its keys with a single SHA-1 key stream: treat them as readable. Look for storePassword \
              and keyPassword in nearby build files, revoke the certificates listed, and move to a hardware-backed \
              key.",
    references: &["JDK sun.security.provider.JavaKeyStore", "JDK com.sun.crypto.provider.JceKeyStore", "CWE-321"],
};

/// Magic number, then the high bytes of the version.
const JKS: Anchor = Anchor::anywhere(&[0xfe, 0xed, 0xfe, 0xed, 0x00, 0x00, 0x00]);
const JCEKS: Anchor = Anchor::anywhere(&[0xce, 0xce, 0xce, 0xce, 0x00, 0x00, 0x00]);

/// Length in bytes of the SHA-1 digest that ends the file.
const DIGEST: usize = 20;

impl Detector for Jks {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[JKS, JCEKS]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let container = if hit.anchor == JKS { "JKS" } else { "JCEKS" };
        let mut store = Store::new(blob.bytes, hit.at, container);
        let read = store.read();
        // Entries before a damaged one are kept. A file without any entry only looked like a keystore.
        if let Err(error) = read
            && store.materials.is_empty()
        {
            return Err(error);
        }
        if let Some(error) = store.damaged {
            if store.materials.is_empty() {
                return Err(error);
            }
            out.unread(Reason::Damaged, "an entry of the keystore that contains no encrypted key");
        }
        let end = hit.at + store.cursor.at();
        let damaged = read.is_err().then_some(Remark::Cut);
        for mut material in store.finish() {
            material.span = hit.at..end;
            material.remarks.extend(damaged);
            out.found(material);
        }
        Ok(())
    }

    fn lock<'b>(&self, kept: &'b [u8]) -> Option<Box<dyn Lock + 'b>> {
        open::Store::read(kept).map(boxed)
    }
}

struct Store<'a> {
    cursor: Cursor<'a>,
    container: &'static str,
    materials: Vec<Material>,
    keys: usize,
    /// The encrypted keys, one after the other: all that is needed to try passwords.
    encrypted: Vec<u8>,
    sealed: bool,
    /// The error of the first entry whose key could not be read.
    damaged: Option<Malformed>,
}

/// The EncryptedPrivateKeyInfo of an entry: all its bytes, its protection, its ciphertext.
fn sealed_key(encrypted: &[u8]) -> Result<(&[u8], Protection, &[u8]), Malformed> {
    let whole = BerReader::new(encrypted).value(SEQUENCE, "EncryptedPrivateKeyInfo")?;
    let mut info = whole.children();
    let protection = pbe::protection(info.value(SEQUENCE, "encryptionAlgorithm")?)?;
    Ok((whole.raw, protection, info.value(OCTET_STRING, "encryptedData")?.content))
}

impl<'a> Store<'a> {
    fn new(bytes: &'a [u8], at: usize, container: &'static str) -> Self {
        let cursor = Cursor::new(bytes.get(at..).unwrap_or_default());
        Self { cursor, container, materials: Vec::new(), keys: 0, encrypted: Vec::new(), sealed: false, damaged: None }
    }

    fn read(&mut self) -> Result<(), Malformed> {
        self.cursor.take(4, "magic")?;
        let version = self.cursor.u32("version")?;
        if !(1..=2).contains(&version) {
            return Err(Malformed::new("keystore version", 4));
        }
        let count = self.cursor.u32("entry count")?;
        for _ in 0..count {
            self.entry(version)?;
        }
        self.cursor.take(DIGEST, "keystore digest")?;
        if self.materials.is_empty() && !self.sealed && count > 0 {
            return Err(self.damaged.unwrap_or(Malformed::new("keystore entries", self.cursor.at())));
        }
        Ok(())
    }

    fn entry(&mut self, version: u32) -> Result<(), Malformed> {
        let tag = self.cursor.u32("entry tag")?;
        let length = usize::from(self.cursor.u16("alias length")?);
        let alias = Label::new("alias", self.cursor.take(length, "alias")?);
        self.cursor.u64("entry date")?;
        match tag {
            1 => self.private_key(version, alias),
            2 => {
                let certificate = self.certificate(version)?;
                self.push_certificate(certificate, vec![alias]);
                Ok(())
            }
            3 if self.container == "JCEKS" => self.sealed_object(alias),
            _ => Err(Malformed::new("entry tag", self.cursor.at())),
        }
    }

    fn private_key(&mut self, version: u32, alias: Label) -> Result<(), Malformed> {
        let encrypted = self.cursor.string("encrypted key")?;
        let count = self.cursor.u32("chain length")?;
        let mut chain = Vec::new();
        for _ in 0..count {
            chain.push(self.certificate(version)?);
        }
        // The lengths around a damaged key are intact: it costs the other entries nothing.
        let (whole, protection, ciphertext) = match sealed_key(encrypted) {
            Ok(parts) => parts,
            Err(error) => {
                self.damaged = self.damaged.or(Some(error));
                for certificate in chain {
                    self.push_certificate(certificate, Vec::new());
                }
                return Ok(());
            }
        };
        let mut key = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Binary, Range::default());
        key.protection = Some(protection);
        let owner = chain.first().and_then(|c| c.as_ref()).and_then(|c| c.public.clone());
        key.identity = Some(match owner {
            Some(public) => Identity::public(public),
            None => carrier::opaque(ciphertext),
        });
        key.sealed.push(carrier::digest(ciphertext));
        key.labels.push(alias);
        key.container = Some(self.container);
        self.materials.push(key);
        self.encrypted.extend_from_slice(whole);
        self.keys += 1;
        for certificate in chain {
            self.push_certificate(certificate, Vec::new());
        }
        Ok(())
    }

    /// Reads one certificate. `None` if its type or algorithm cannot be read; the list continues.
    fn certificate(&mut self, version: u32) -> Result<Option<x509::Certificate>, Malformed> {
        if version == 2 {
            let length = usize::from(self.cursor.u16("certificate type")?);
            self.cursor.take(length, "certificate type")?;
        }
        Ok(x509::read(self.cursor.string("certificate")?).ok())
    }

    fn push_certificate(&mut self, certificate: Option<x509::Certificate>, labels: Vec<Label>) {
        let Some(certificate) = certificate else { return };
        let mut material = Material::new(Kind::Certificate, "x509", Encoding::Binary, Range::default());
        material.identity = certificate.public.map(Identity::public);
        material.certificate = Some(Box::new(certificate.facts));
        material.labels = labels;
        material.container = Some(self.container);
        self.materials.push(material);
    }

    /// Reads a secret key as a serialised javax.crypto.SealedObject. No length precedes it: an unknown kind of object
    /// ends where the next entry begins.
    fn sealed_object(&mut self, alias: Label) -> Result<(), Malformed> {
        self.sealed = true;
        let mut material = Material::new(Kind::Keystore, ABOUT.id, Encoding::Binary, Range::default());
        material.container = Some(self.container);
        material.labels.push(alias);
        material.remarks.push(Remark::HoldsSealedSecretKey);
        let object = read::Object::read(self.cursor.rest());
        let sealed = object.as_ref().ok().and_then(sealed);
        if let Some((protection, info)) = sealed {
            material.protection = Some(protection);
            self.encrypted.extend_from_slice(&info);
        }
        self.materials.push(material);
        if let Ok(object) = object {
            return self.cursor.take(object.consumed, "sealed object").map(drop);
        }
        self.cursor.expect(&read::STREAM, "sealed object")?;
        self.skip_object()
    }

    /// Skips a serialised object: searches for the next entry, which is a tag, an alias and a plausible date.
    fn skip_object(&mut self) -> Result<(), Malformed> {
        let rest = self.cursor.rest();
        for at in 0..rest.len() {
            let tail = rest.get(at..).unwrap_or_default();
            if tail.len() == DIGEST || is_entry(tail) {
                self.cursor.take(at, "sealed object")?;
                return Ok(());
            }
        }
        Err(Malformed::new("sealed object", self.cursor.at()))
    }

    fn finish(mut self) -> Vec<Material> {
        let locked = Some(Locked::new(&self.encrypted));
        for key in self.materials.iter_mut().filter(|m| m.protection.is_some()) {
            key.locked.clone_from(&locked);
        }
        if self.keys == 0 && !self.sealed {
            let mut material = Material::new(Kind::Keystore, ABOUT.id, Encoding::Binary, Range::default());
            material.container = Some(self.container);
            material.remarks.push(Remark::TrustStore);
            self.materials.push(material);
        }
        self.materials
    }
}

/// The protection of a sealed object, and the object in the form of a private key: an EncryptedPrivateKeyInfo.
fn sealed(object: &read::Object<'_>) -> Option<(Protection, Vec<u8>)> {
    /// 1.3.6.1.4.1.42.2.19.1, the key protector of JCEKS, which is PBEWithMD5AndTripleDES too.
    const PROTECTOR: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x2a, 0x02, 0x13, 0x01];
    if object.field(b"paramsAlg")? != b"PBEWithMD5AndTripleDES" {
        return None;
    }
    let oid = ber::encode(OID, &[PROTECTOR]);
    let algorithm = ber::encode(SEQUENCE, &[&oid, object.field(b"encodedParams")?]);
    let protection = pbe::protection(ber::parse(&algorithm, 0).ok()?).ok()?;
    let ciphertext = ber::encode(OCTET_STRING, &[object.field(b"encryptedContent")?]);
    Some((protection, ber::encode(SEQUENCE, &[&algorithm, &ciphertext])))
}

/// Whether an entry begins here: its tag, an alias of printable characters, and a date between 1995 and 2100.
fn is_entry(bytes: &[u8]) -> bool {
    /// 1995-01-01 and 2100-01-01 in milliseconds since 1970. Java appeared in 1995.
    const DATES: Range<u64> = 788_918_400_000..4_102_444_800_000;
    let mut cursor = Cursor::new(bytes);
    let mut plausible = || {
        let tag = cursor.u32("tag").ok()?;
        let length = usize::from(cursor.u16("alias length").ok()?);
        let alias = cursor.take(length, "alias").ok()?;
        let date = cursor.u64("date").ok()?;
        let printable = !alias.is_empty() && alias.iter().all(|b| *b >= 0x20);
        Some((1..=3).contains(&tag) && printable && DATES.contains(&date))
    };
    plausible().unwrap_or(false)
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::ask;
    use keyradius_readers::ber::{OID, encode};

    fn store(magic: [u8; 4], entries: &[Vec<u8>]) -> Vec<u8> {
        let head = [&magic[..], &2_u32.to_be_bytes(), &(entries.len() as u32).to_be_bytes()].concat();
        [head, entries.concat(), vec![0; DIGEST]].concat()
    }

    fn key_entry(alias: &str) -> Vec<u8> {
        let oid = encode(OID, &[&[0x2b, 0x06, 0x01, 0x04, 0x01, 0x2a, 0x02, 0x11, 0x01, 0x01]]);
        let info = encode(SEQUENCE, &[&encode(SEQUENCE, &[&oid]), &encode(OCTET_STRING, &[&[9; 64]])]);
        let alias_length = (alias.len() as u16).to_be_bytes();
        let info_length = (info.len() as u32).to_be_bytes();
        [&[0, 0, 0, 1], &alias_length[..], alias.as_bytes(), &[0; 8], &info_length, &info, &[0; 4]].concat()
    }

    fn inspect(bytes: &[u8], at: usize) -> Result<Vec<Material>, Malformed> {
        ask::at(&Jks, "x", bytes, (JKS, at))
    }

    const MAGIC: [u8; 4] = [0xfe, 0xed, 0xfe, 0xed];

    #[test]
    fn every_entry_is_a_key_with_its_alias() {
        let bytes = [vec![1; 7], store(MAGIC, &[key_entry("release"), key_entry("test")]), vec![2; 9]].concat();
        let found = inspect(&bytes, 7).unwrap();
        let aliases: Vec<_> = found.iter().map(|m| m.labels[0].text.as_str()).collect();
        assert_eq!(aliases, ["release", "test"]);
        assert_eq!(found[0].span, 7..bytes.len() - 9);
        assert!(matches!(found[0].identity, Some(Identity::Opaque(_))), "no chain, so the ciphertext identifies it");
    }

    /// A serialised javax.crypto.SealedObject as the JDK writes it, with other values.
    fn sealed_entry(alias: &str, algorithm: &str, ciphertext: &[u8]) -> Vec<u8> {
        let utf = |text: &str| [&(text.len() as u16).to_be_bytes()[..], text.as_bytes()].concat();
        let reference = [0x71, 0, 0x7e, 0, 2];
        let parameters =
            encode(SEQUENCE, &[&encode(OCTET_STRING, &[&[7; 8]]), &encode(ber::INTEGER, &[&[3, 0x0d, 0x40]])]);
        let array = |class: &[u8], bytes: &[u8]| [&[0x75], class, &(bytes.len() as u32).to_be_bytes(), bytes].concat();
        let bytes_class = [&[0x72][..], &utf("[B"), &[0; 8], &[2, 0, 0, 0x78, 0x70]].concat();
        [
            &[0, 0, 0, 3][..],
            &utf(alias),
            &[0; 8],
            &read::STREAM,
            &[0x73, 0x72],
            &utf("com.sun.crypto.provider.SealedObjectForKeyProtector"),
            &[0; 8],
            &[2, 0, 0, 0x78, 0x72],
            &utf("javax.crypto.SealedObject"),
            &[0; 8],
            &[2, 0, 4],
            b"[",
            &utf("encodedParams"),
            &[0x74],
            &utf("[B"),
            b"[",
            &utf("encryptedContent"),
            &reference,
            b"L",
            &utf("paramsAlg"),
            &[0x74],
            &utf("Ljava/lang/String;"),
            b"L",
            &utf("sealAlg"),
            &reference,
            &[0x78, 0x70],
            &array(&bytes_class, &parameters),
            &array(&reference, ciphertext),
            &[0x74],
            &utf(algorithm),
            &reference,
        ]
        .concat()
    }

    const JCEKS_MAGIC: [u8; 4] = [0xce; 4];

    fn inspect_jceks(bytes: &[u8]) -> Result<Vec<Material>, Malformed> {
        ask::at(&Jks, "x", bytes, (JCEKS, 0))
    }

    #[test]
    fn sealed_secret_keys_have_names_and_a_price() {
        let pbe = "PBEWithMD5AndTripleDES";
        // The ciphertext contains tags that look like the next entry: only its length shows where it ends.
        let trap = [key_entry("trap"), key_entry("trap")].concat();
        let entries = [sealed_entry("jwt", pbe, &trap), key_entry("release"), sealed_entry("other", "AES", &[1; 32])];
        let whole = store(JCEKS_MAGIC, &entries);
        let found = inspect_jceks(&whole).unwrap();
        let told: Vec<_> = found
            .iter()
            .map(|m| {
                let protection = m.protection.as_ref().map_or("", |p| p.detail.as_str());
                (m.kind, m.labels[0].text.as_str(), protection, m.locked.is_some())
            })
            .collect();
        let sealed = "JCEKS key protector: MD5 and triple DES, 200000 iterations";
        assert_eq!(
            told,
            [
                (Kind::Keystore, "jwt", sealed, true),
                (Kind::PrivateKey, "release", "JKS key protector: SHA-1 key stream, no iterations", true),
                (Kind::Keystore, "other", "", false),
            ]
        );
        for length in 12..whole.len() {
            let _ = inspect_jceks(&whole[..length]);
        }
    }

    #[test]
    fn a_damaged_entry_costs_no_other_entry() {
        let origin = keyradius_core::blob::Origin::file("k.jks");
        let mut bad = key_entry("bad");
        let at = bad.iter().position(|byte| *byte == SEQUENCE).unwrap();
        bad[at] ^= 1;
        for entries in [[bad.clone(), key_entry("good")], [key_entry("good"), bad.clone()]] {
            let bytes = store(MAGIC, &entries);
            let mut out = Inspection::default();
            Jks.inspect(Blob::whole(&bytes, &origin), Hit { anchor: JKS, at: 0 }, &mut out).unwrap();
            let names: Vec<_> = out.materials().iter().map(|m| m.labels[0].text.as_str()).collect();
            assert_eq!(names, ["good"]);
            assert_eq!(out.take_unread().map(|(reason, _)| reason), Some(Reason::Damaged));
        }
        assert!(inspect(&store(MAGIC, &[bad]), 0).is_err(), "no key at all: the bytes only look like a keystore");
    }

    #[test]
    fn truncated_files_keep_earlier_entries() {
        let whole = store(MAGIC, &[key_entry("one"), key_entry("two")]);
        let found = inspect(&whole[..whole.len() - DIGEST - 10], 0).unwrap();
        assert_eq!((found.len(), found[0].remarks.len()), (1, 1));
        for len in 0..60 {
            assert!(inspect(&whole[..len], 0).is_err(), "{len}");
        }
    }

    #[test]
    fn false_counts_cost_nothing() {
        let mut bytes = store(MAGIC, &[]);
        bytes[8..12].fill(0xff);
        assert!(inspect(&bytes, 0).is_err());
        assert_eq!(inspect(&store(MAGIC, &[]), 0).unwrap()[0].kind, Kind::Keystore);
    }
}
