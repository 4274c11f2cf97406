//! The two ways in which DER is carried, PEM and bare, and what a material is made from in both.

use std::ops::Range;

use keyradius_core::blob::Blob;
use keyradius_core::error::{Malformed, Reason};
use keyradius_core::lock::Unlocked;
use keyradius_core::material::{Encoding, Identity, Kind, Label, Material, Proof, Protection, Remark};
use keyradius_core::seam::{Hit, Inspection};
use sha2::{Digest, Sha256};

use super::armor::{self, Armor};
use super::ber::{BerReader, INTEGER, OCTET_SEGMENTS, OCTET_STRING, OID, SEQUENCE};
use super::private::PrivateKey;
use super::service;

/// The PEM block at a hit, if the label is one that the caller wants. The engine gets its body to search.
pub fn pem(
    blob: Blob<'_>,
    hit: Hit<'_>,
    wanted: fn(&str) -> bool,
    out: &mut Inspection,
) -> Result<Option<Armor>, Malformed> {
    match armor::label(blob.bytes, hit.at) {
        Some(label) if wanted(&label) => armor(blob, hit, out).map(Some),
        _ => Ok(None),
    }
}

/// The block at a hit. The engine gets all that was decoded of it, and is told if there is more.
pub fn armor(blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<Armor, Malformed> {
    let armor = armor::read(blob.bytes, hit.at);
    let end = armor.as_ref().map_or(hit.at, |armor| armor.digits.end);
    if let Ok(armor) = &armor {
        out.decoded(armor.decoded());
        let goes_on = armor.cut || (!armor.end_seen && end == blob.bytes.len() && !blob.window.last);
        if goes_on && armor::label(blob.bytes, hit.at).is_some_and(|label| label.contains("PRIVATE KEY")) {
            out.unread(Reason::TooLarge, "a block of a private key that is larger than what is read of one");
        }
    }
    if let Some(all) = armor::forgiving(blob.bytes, hit.at, end) {
        out.decoded(all);
    }
    armor
}

/// Remarks that an armor deserves.
pub fn remarks(armor: &Armor) -> impl Iterator<Item = Remark> {
    let testing = armor.testing.then_some(Remark::TestingKey);
    (!armor.end_seen).then_some(Remark::NoEnd).into_iter().chain(testing)
}

/// Reads a private key from a PEM block or from DER in place, and reports it.
///
/// `locate` gives the start of the structure from where the anchor was seen; `read` is the format's reader.
pub fn private_key(
    blob: Blob<'_>,
    hit: Hit<'_>,
    locate: fn(&[u8], Hit) -> Option<usize>,
    read: fn(&[u8]) -> Result<PrivateKey, Malformed>,
    out: &mut Inspection,
) -> Result<(), Malformed> {
    if hit.anchor == armor::ANCHOR {
        let Some(armor) = pem(blob, hit, armor::is_der_private, out)? else { return Ok(()) };
        // The legacy encryption of OpenSSL: the body is no DER.
        if armor.header("DEK-Info").is_some() {
            return Ok(());
        }
        let key = read(&armor.body).inspect_err(|_| {
            if let Some((reason, detail)) = unread(&armor) {
                out.unread(reason, detail);
            }
        })?;
        let mut material = material(key, &armor.body, Encoding::Pem, armor.span.clone());
        material.remarks.extend(remarks(&armor));
        material.labels = service::labels(blob.bytes, hit.at);
        out.found(material);
        return Ok(());
    }
    let Some(start) = locate(blob.bytes, hit) else { return Ok(()) };
    let der = blob.bytes.get(start..).unwrap_or_default();
    let key = read(der).inspect_err(|_| {
        if !blob.window.last && goes_on(der) {
            out.unread(Reason::TooLarge, "a private key that is larger than what is read at once");
        }
    })?;
    if !key.verified && !key.plausible {
        return Err(Malformed::new("private number: a template, not a key", start));
    }
    let span = start..start + key.consumed;
    out.found(material(key, der, Encoding::Der, span));
    Ok(())
}

/// Whether bytes begin a PrivateKeyInfo and end before it does: what comes before the key in it, and the header of the key.
fn goes_on(der: &[u8]) -> bool {
    let begins = || {
        let (outer, cut) = BerReader::cut(der, SEQUENCE, "PrivateKeyInfo")?;
        let mut fields = outer.children();
        fields.value(INTEGER, "version")?;
        fields.value(SEQUENCE, "privateKeyAlgorithm")?.children().value(OID, "algorithm OID")?;
        Ok::<_, Malformed>(cut && fields.peek().is_none_or(|tag| tag == OCTET_STRING))
    };
    begins().is_ok_and(|cut| cut)
}

/// What to say of a block that no reader understands. A body that is cut or invented, as in documentation, is no whole structure:
/// nothing is said of it.
fn unread(armor: &Armor) -> Option<(Reason, &'static str)> {
    let outer = BerReader::new(&armor.body).value(SEQUENCE, "private key").ok()?;
    if !armor.end_seen || outer.raw.len() != armor.body.len() {
        return None;
    }
    let mut fields = outer.children();
    let (first, second) = (fields.any().ok()?, fields.any().ok()?);
    // A string may come in segments.
    match (first.tag, if second.tag == OCTET_SEGMENTS { OCTET_STRING } else { second.tag }) {
        // PrivateKeyInfo and EncryptedPrivateKeyInfo begin with these.
        (INTEGER, SEQUENCE) => Some((Reason::Unsupported, "a private key of an algorithm that is not known here")),
        (SEQUENCE, OCTET_STRING) => {
            Some((Reason::Unsupported, "a private key that is encrypted by a method that is not known here"))
        }
        (INTEGER, _) => Some((Reason::Damaged, "a private key whose parts make no key")),
        _ => None,
    }
}

/// What a private key that was read is reported as.
pub fn material(key: PrivateKey, der: &[u8], encoding: Encoding, span: Range<usize>) -> Material {
    let mut material = Material::new(Kind::PrivateKey, key.format, encoding, span);
    material.proof = if key.verified { Proof::Verified } else { Proof::Structure };
    material.protection = Some(Protection::plaintext());
    material.identity = Some(match key.public {
        Some(public) => Identity::public(public),
        None => opaque(der.get(..key.consumed).unwrap_or(der)),
    });
    material.remarks = key.remarks;
    material
}

/// The identity of a key whose public half cannot be known: a digest of the bytes that hold it.
///
/// Only for bytes that cannot be guessed: ciphertext, or a key of full entropy.
pub fn opaque(bytes: &[u8]) -> Identity {
    Identity::Opaque(digest(bytes))
}

/// SHA-256.
pub fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The identity of a symmetric key: a digest of its bytes, apart from every other use of such a digest.
///
/// Only for keys that cannot be guessed: 80 bits of chance at least.
pub(crate) fn secret(bytes: &[u8]) -> Identity {
    Identity::Opaque(Sha256::new().chain_update(b"keyradius symmetric key\0").chain_update(bytes).finalize().into())
}

/// A secret key of a Java keystore, by Java's name of its algorithm. A key for HMAC signs, so it counts as a private one;
/// one for a cipher does not.
pub fn secret_key(format: &'static str, container: &'static str, algorithm: &[u8], key: &[u8]) -> Material {
    /// Fewest bytes of a key that may be told by its digest.
    const SMALLEST: usize = 10;
    let signs = algorithm.get(..4).is_some_and(|name| name.eq_ignore_ascii_case(b"hmac"));
    let kind = if signs && key.len() >= SMALLEST { Kind::PrivateKey } else { Kind::Keystore };
    let mut material = Material::new(kind, format, Encoding::Binary, Range::default());
    material.identity = (kind == Kind::PrivateKey).then(|| secret(key));
    material.container = Some(container);
    material.remarks.push(if signs { Remark::HmacKey } else { Remark::CipherKey });
    material.labels.push(Label::new("algorithm", algorithm));
    material
}

/// A private key that a password brought to light. How it was protected, and its place, are known already.
pub fn unlocked(which: usize, key: PrivateKey, der: &[u8]) -> Unlocked {
    let mut material = material(key, der, Encoding::Binary, Range::default());
    material.protection = None;
    Unlocked::new(Some(which), material).with_plain(der)
}
