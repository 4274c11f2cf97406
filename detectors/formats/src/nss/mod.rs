//! NSS databases (Firefox, Thunderbird, pesign, 389 Directory Server, Java's SunPKCS11 with NSS): `key4.db` and
//! `cert9.db`, which are SQLite, and the old `key3.db`, a hash file of Berkeley DB 1.85.
//!
//! The rows are PKCS#11 objects. Only secret values are encrypted, so a private key is identified by its modulus or
//! point, and has its nickname. The strength of the password protection is visible: without a password, key4.db derives
//! the key with one iteration, otherwise with 10,000. An SQLite database with other tables does not belong to this
//! detector.

mod open;

use std::ops::Range;

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::hex::hex;
use keyradius_core::lock::Lock;
use keyradius_core::material::{
    Encoding, Identity, Kind, Label, Locked, Material, Protection, ProtectionState, PublicHalf, Remark,
};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::ber::{INTEGER, OCTET_STRING, OID, SEQUENCE, Value, dotted};
use keyradius_readers::nss::{self, Legacy, Object, Store};
use keyradius_readers::public::{self, Domain, PublicKey};
use keyradius_readers::{carrier, curves, pbe, pkcs11, sqlite, x509};

/// Detects NSS databases.
#[derive(Debug)]
pub(crate) struct Nss;

static ABOUT: About = About {
    id: "nss",
    title: "NSS database (key4.db, cert9.db, key3.db)",
    detects: "Every private key of key4.db (SQLite) and key3.db (Berkeley DB) with its nickname, public half and \
              protection, and every certificate and public key of cert9.db, also in pages of deleted rows. Reports \
              whether a password is set.",
    blind_to: "Values in cert8.db that are split by the pages of the file; keys of key3.db that are larger than a \
               page. key3.db does not contain the public exponent: 65537 is assumed. Of a database larger than 5 MiB, \
               only the first 5 MiB are read.",
    respond: "Without a password the keys are practically plaintext: revoke the certificates with the same nicknames. \
              With a password, treat the keys as guessable offline at 10,000 iterations.",
    references: &["nss lib/softoken/sdb.c, sftkdb.c", "nss lib/softoken/legacydb/keydb.c", "OASIS PKCS#11 v3.1"],
};

const SQLITE: Anchor = Anchor::at_start(sqlite::MAGIC);
const HASH: Anchor = Anchor::at_start(nss::HASH);

/// PBES2, RFC 8018 A.4.
const PBES2: &str = "1.2.840.113549.1.5.13";
/// Encryption schemes of NSS before 3.49 (secoidt.h, SEC_OID_PKCS12_V2_PBE_WITH_SHA1_AND_3KEY_TRIPLE_DES_CBC and its
/// older number), always with one iteration.
const OLD: [&str; 2] = ["1.2.840.113549.1.12.5.1.3", "1.2.840.113549.1.12.1.3"];

impl Detector for Nss {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[SQLITE, HASH]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        if hit.anchor == HASH {
            for key in nss::legacy(blob.bytes)? {
                out.found(legacy(&key));
            }
            return Ok(());
        }
        let store = nss::store(blob.bytes)?;
        let salt = store.salt.as_ref().map(|salt| salt.as_slice());
        let materials: Vec<Material> = store.objects.iter().filter_map(|object| material(object, salt)).collect();
        let keys = materials.iter().any(|m| m.kind == Kind::PrivateKey);
        if store.is_private && !keys {
            out.found(empty(&store, blob.bytes.len()));
        }
        for mut material in materials {
            material.span.end = material.span.end.min(blob.bytes.len());
            out.found(material);
        }
        Ok(())
    }

    fn lock<'b>(&self, kept: &'b [u8]) -> Option<Box<dyn Lock + 'b>> {
        open::read(kept)
    }
}

/// The keystore for a private key database without private keys: a browser protects saved logins with a secret key of
/// its own.
fn empty(store: &Store, length: usize) -> Material {
    // The file header only: rows are reported separately.
    let mut keystore = Material::new(Kind::Keystore, ABOUT.id, Encoding::Binary, 0..length.min(100));
    keystore.container = Some("NSS");
    let secret = store.objects.iter().any(|o| o.attributes.number(pkcs11::CLASS) == Some(pkcs11::SECRET_KEY));
    keystore.remarks.push(if secret { Remark::HoldsSecretKeyOnly } else { Remark::HoldsNoPrivateKey });
    keystore
}

fn material(object: &Object, salt: Option<&[u8]>) -> Option<Material> {
    let attributes = &object.attributes;
    let start = |kind, format| Material::new(kind, format, Encoding::Binary, object.span.clone());
    let mut material = match attributes.number(pkcs11::CLASS)? {
        pkcs11::CERTIFICATE => {
            let certificate = x509::read(attributes.get(pkcs11::VALUE)?).ok()?;
            let mut material = start(Kind::Certificate, "x509");
            material.identity = certificate.public.map(Identity::public);
            material.certificate = Some(Box::new(certificate.facts));
            material
        }
        pkcs11::PUBLIC_KEY => {
            let mut material = start(Kind::PublicKey, ABOUT.id);
            material.identity = Some(Identity::public(attributes.public()?));
            material
        }
        pkcs11::PRIVATE_KEY => {
            let (algorithm, ciphertext) =
                [pkcs11::PRIVATE_EXPONENT, pkcs11::VALUE].into_iter().find_map(|n| nss::sealed(attributes.get(n)?))?;
            let mut material = start(Kind::PrivateKey, ABOUT.id);
            let public = attributes.public().map(Identity::public);
            material.identity = Some(public.unwrap_or_else(|| carrier::opaque(ciphertext)));
            material.sealed.push(carrier::digest(ciphertext));
            let (protection, remark) = protection(algorithm).ok()?;
            material.protection = Some(protection);
            material.remarks.extend(remark);
            material.locked = salt.map(|salt| Locked::new(&nss::frame(attributes, salt)));
            material
        }
        _ => return None,
    };
    material.container = Some("NSS");
    material.labels.extend(attributes.get(pkcs11::LABEL).map(|label| Label::new("alias", label)));
    if material.kind == Kind::PrivateKey {
        material.labels.extend(attributes.get(pkcs11::ID).map(|id| Label::new("CKA_ID", hex(id).as_bytes())));
    }
    material.remarks.extend(object.deleted.then_some(Remark::Deleted));
    Some(material)
}

/// The protection of a value. NSS writes PBES2 with a special IV, which the common reader refuses.
fn protection(algorithm: Value<'_>) -> Result<(Protection, Option<Remark>), Malformed> {
    let mut fields = algorithm.children();
    let oid = dotted(fields.value(OID, "encryption scheme")?.content);
    let mut parameters = fields.value(SEQUENCE, "parameters")?.children();
    if oid == PBES2 {
        let derivation = parameters.value(SEQUENCE, "keyDerivationFunc")?;
        let detail = format!("{}, AES-256-CBC", pbe::kdf(derivation)?);
        let mut derivation = derivation.children();
        derivation.value(OID, "KDF")?;
        let mut derivation = derivation.value(SEQUENCE, "KDF parameters")?.children();
        derivation.value(OCTET_STRING, "salt")?;
        // sftkpwd.c: one iteration if the password is empty.
        if derivation.value(INTEGER, "iterations")?.small() == Some(1) {
            let protection = Protection::new(ProtectionState::Weak, format!("no password: {detail}"));
            return Ok((protection, Some(Remark::NoPassword)));
        }
        return Ok((Protection::new(ProtectionState::Strong, detail), None));
    }
    if !OLD.contains(&oid.as_str()) {
        return Err(Malformed::new("encryption scheme of NSS", 0));
    }
    parameters.value(OCTET_STRING, "salt")?;
    let rounds = parameters.value(INTEGER, "iterations")?.small().unwrap_or_default();
    Ok((Protection::new(ProtectionState::Weak, format!("NSS SHA-1, 3DES, {rounds} iterations")), None))
}

fn legacy(key: &Legacy<'_>) -> Material {
    let Legacy { public, nickname, sealed, span, salt } = key;
    let span: Range<usize> = span.clone();
    let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Binary, span);
    let (half, remark) = legacy_public(public, sealed.len());
    material.remarks.extend(remark);
    material.identity = Some(match half {
        Some(half) => Identity::public(half),
        None => carrier::opaque(sealed),
    });
    material.protection = Some(match nss::sealed(sealed).map(|(algorithm, _)| protection(algorithm)) {
        Some(Ok((protection, _))) => protection,
        _ => Protection::new(ProtectionState::Weak, "NSS, unknown scheme"),
    });
    material.locked = salt.map(|salt| Locked::new(&nss::frame_legacy(key, salt)));
    if !nickname.is_empty() {
        material.labels.push(Label::new("alias", nickname));
    }
    material.container = Some("NSS");
    material
}

/// The public half of an entry, whose kind is not stored. A point is recognised by its length and its curve. An RSA
/// private key has five and a half times the size of its modulus, a DSA key at most four times that of its number.
fn legacy_public(public: &[u8], sealed: usize) -> (Option<PublicHalf>, Option<Remark>) {
    const EXPONENT: &[u8] = &[1, 0, 1];
    let curve = match (public.first(), public.len()) {
        (Some(4), 65) => curves::by_ssh(b"nistp256"),
        (Some(4), 97) => curves::by_ssh(b"nistp384"),
        (Some(4), 133) => curves::by_ssh(b"nistp521"),
        _ => None,
    };
    if let Some(curve) = curve.filter(|curve| curve.decompress(public).is_some()) {
        return (Some(public::half(&PublicKey::Ec { domain: Domain::Named(curve), point: public })), None);
    }
    if sealed >= 4 * public.len() + 64 && public.last().is_some_and(|digit| digit & 1 == 1) {
        let half = public::half(&PublicKey::Rsa { n: public, e: EXPONENT });
        return (Some(half), Some(Remark::AssumedExponent));
    }
    (None, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyradius_readers::ber::{self, encode};

    fn pbes2(rounds: &[u8]) -> Vec<u8> {
        let oid = |last| encode(OID, &[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, last]]);
        let kdf = encode(SEQUENCE, &[&encode(OCTET_STRING, &[&[7; 32]]), &encode(INTEGER, &[rounds])]);
        let kdf = encode(SEQUENCE, &[&oid(12), &kdf]);
        encode(SEQUENCE, &[&oid(13), &encode(SEQUENCE, &[&kdf, &encode(SEQUENCE, &[])])])
    }

    #[test]
    fn one_iteration_means_no_password() {
        for (rounds, state, noted) in
            [(&[1][..], ProtectionState::Weak, true), (&[0x27, 0x10], ProtectionState::Strong, false)]
        {
            let der = pbes2(rounds);
            let (found, note) = protection(ber::parse(&der, 0).unwrap()).unwrap();
            assert_eq!((found.state, note.is_some()), (state, noted), "{}", found.detail);
        }
    }

    /// A page of a hash file: its pairs are stored from the end.
    fn page(pairs: &[(&[u8], &[u8])]) -> Vec<u8> {
        let (mut end, mut offsets, mut tail) = (512_usize, Vec::new(), Vec::new());
        for (key, data) in pairs {
            tail = [data, *key, &tail].concat();
            offsets.extend(((end - key.len()) as u16).to_le_bytes());
            end -= key.len() + data.len();
            offsets.extend((end as u16).to_le_bytes());
        }
        let mut page = [&(2 * pairs.len() as u16).to_le_bytes()[..], &offsets].concat();
        page.resize(512 - tail.len(), 0xff);
        page.extend(tail);
        page
    }

    #[test]
    fn entries_of_a_hash_file() {
        let oid = encode(OID, &[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x05, 0x01, 0x03]]);
        let salt = encode(SEQUENCE, &[&encode(OCTET_STRING, &[&[7; 20]]), &encode(INTEGER, &[&[1]])]);
        let sealed = encode(SEQUENCE, &[&encode(SEQUENCE, &[&oid, &salt]), &encode(OCTET_STRING, &[&[9; 200]])]);
        let entry = [&[3, 2, 3, 0xaa, 0xbb][..], b"me\0", &sealed].concat();
        let header = [nss::HASH, &1234_u32.to_be_bytes(), &512_u32.to_be_bytes(), &[0; 496]].concat();
        let good = [header.clone(), page(&[(b"Version", &[3]), (&[0x41; 32], &entry)])].concat();
        let found = nss::legacy(&good).unwrap();
        assert_eq!((found.len(), found[0].nickname, found[0].public), (1, &b"me"[..], &[0x41; 32][..]));
        assert_eq!(&good[found[0].span.clone()][..entry.len()], entry);
        let material = legacy(&found[0]);
        assert!(matches!(material.identity, Some(Identity::Public(_))), "the size says RSA");
        assert_eq!(material.protection.unwrap().detail, "NSS SHA-1, 3DES, 1 iterations");
        // Other hash files, false lengths and truncated files.
        assert!(nss::legacy(&[header.clone(), page(&[(b"Version", &[3])])].concat()).is_err());
        for length in 0..good.len() - 1 {
            let _ = nss::legacy(&good[..length]);
        }
        for at in 512..540 {
            let mut bad = good.clone();
            bad[at] ^= 0xff;
            let _ = nss::legacy(&bad);
        }
        assert!(nss::legacy(&header).is_err());
    }
}
