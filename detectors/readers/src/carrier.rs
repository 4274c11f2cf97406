//! DER in PEM and bare DER, and the material that both become.

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

/// The PEM block at a hit, if the caller wants its label. Its body is passed to the engine to search.
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

/// Reads the block at a hit. Passes all decoded bytes to the engine, and reports a gap if the block continues.
pub fn armor(blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<Armor, Malformed> {
    let armor = armor::read(blob.bytes, hit.at);
    let end = armor.as_ref().map_or(hit.at, |armor| armor.digits.end);
    if let Ok(armor) = &armor {
        out.decoded(armor.decoded());
        let goes_on = armor.cut || (!armor.end_seen && end == blob.bytes.len() && !blob.window.last);
        if goes_on && armor::label(blob.bytes, hit.at).is_some_and(|label| label.contains("PRIVATE KEY")) {
            out.unread(Reason::TooLarge, "a private key block that exceeds the maximum size");
        }
    }
    if let Some(all) = armor::forgiving(blob.bytes, hit.at, end) {
        out.decoded(all);
    }
    armor
}

/// The remarks that apply to a block.
pub fn remarks(armor: &Armor) -> impl Iterator<Item = Remark> {
    let testing = armor.testing.then_some(Remark::TestingKey);
    (!armor.end_seen).then_some(Remark::NoEnd).into_iter().chain(testing)
}

/// Reads a private key from a PEM block or from DER in place, and reports it.
///
/// `locate` returns the start of the structure for the position of the anchor; `read` is the reader of the format.
pub fn private_key(
    blob: Blob<'_>,
    hit: Hit<'_>,
    locate: fn(&[u8], Hit) -> Option<usize>,
    read: fn(&[u8]) -> Result<PrivateKey, Malformed>,
    out: &mut Inspection,
) -> Result<(), Malformed> {
    if hit.anchor == armor::ANCHOR {
        let Some(armor) = pem(blob, hit, armor::is_der_private, out)? else { return Ok(()) };
        // OpenSSL's legacy encryption: the body is not DER.
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
            out.unread(Reason::TooLarge, "a private key that exceeds the maximum read at once");
        }
    })?;
    if !key.verified && !key.plausible {
        return Err(Malformed::new("private number: a template, not a key", start));
    }
    let span = start..start + key.consumed;
    out.found(material(key, der, Encoding::Der, span));
    Ok(())
}

/// Whether bytes begin a PrivateKeyInfo but end before it does: everything before the key and the header of the key are
/// valid.
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

/// The gap to report for a block that no reader understands. `None` for a truncated or invented body, as in
/// documentation, because it is not a whole structure.
fn unread(armor: &Armor) -> Option<(Reason, &'static str)> {
    let outer = BerReader::new(&armor.body).value(SEQUENCE, "private key").ok()?;
    if !armor.end_seen || outer.raw.len() != armor.body.len() {
        return None;
    }
    let mut fields = outer.children();
    let (first, second) = (fields.any().ok()?, fields.any().ok()?);
    // A string may have segments.
    match (first.tag, if second.tag == OCTET_SEGMENTS { OCTET_STRING } else { second.tag }) {
        // The first fields of PrivateKeyInfo and EncryptedPrivateKeyInfo.
        (INTEGER, SEQUENCE) => Some((Reason::Unsupported, "a private key with an unknown algorithm")),
        (SEQUENCE, OCTET_STRING) => Some((Reason::Unsupported, "a private key encrypted with an unknown method")),
        (INTEGER, _) => Some((Reason::Damaged, "a private key whose parts do not form a key")),
        _ => None,
    }
}

/// The material for a private key that was read.
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

/// The identity of a key whose public half is unknown: a digest of the bytes that contain it.
///
/// Only for bytes that cannot be guessed: ciphertext, or a key of full entropy.
pub fn opaque(bytes: &[u8]) -> Identity {
    Identity::Opaque(digest(bytes))
}

/// The SHA-256 of `bytes`.
pub fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The identity of a symmetric key: a digest of its bytes, separated from every other use of such a digest.
///
/// Only for keys that cannot be guessed: at least 80 random bits.
pub(crate) fn secret(bytes: &[u8]) -> Identity {
    Identity::Opaque(Sha256::new().chain_update(b"keyradius symmetric key\0").chain_update(bytes).finalize().into())
}

/// The material of a secret key in a Java keystore, by Java's name of its algorithm. An HMAC key signs, so it counts as
/// a private key; a cipher key does not.
pub fn secret_key(format: &'static str, container: &'static str, algorithm: &[u8], key: &[u8]) -> Material {
    /// Minimum bytes of a key that may be identified by its digest.
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

/// A private key that a password opened. Its protection and location are already known.
pub fn unlocked(which: usize, key: PrivateKey, der: &[u8]) -> Unlocked {
    let mut material = material(key, der, Encoding::Binary, Range::default());
    material.protection = None;
    Unlocked::new(Some(which), material).with_plain(der)
}
