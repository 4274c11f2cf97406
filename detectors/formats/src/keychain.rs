//! macOS keychain files: `login.keychain-db`, `*.keychain` (Apple Security, AppleDatabase.cpp and KeySchema.h; layout
//! as published by the chainbreaker project).
//!
//! Certificates, names and permitted uses of keys are plaintext. Keys are encrypted with the keychain password, but
//! each has the SHA-1 of its public half, which links it to its certificate in the same file. Written from the
//! published layout: no macOS was available to make a keychain.

use std::collections::BTreeSet;
use std::ops::Range;

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::hex::hex;
use keyradius_core::material::{
    Encoding, Identity, Kind, Label, Material, Protection, ProtectionState, PublicHalf, Remark, Uses,
};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::cursor::Cursor;
use keyradius_readers::{carrier, x509};

/// Detects macOS keychains.
#[derive(Debug)]
pub(crate) struct Keychain;

static ABOUT: About = About {
    id: "keychain",
    title: "macOS keychain (keychain-db)",
    detects: "Keychain files: every certificate, and every private key with its name, its permitted uses and, through \
              the certificate in the same file, its identity.",
    blind_to: "Passwords and notes. Keys that are no longer records of a table. Public key records, whose format was \
               not checked. keychain-2.db, which is SQLite and bound to the device. The detector was checked against \
               the published layout, not against a keychain from a Mac.",
    respond: "The keychain password is usually the login password, with 1,000 iterations: treat the keys as \
              guessable. Revoke the listed Developer ID and distribution certificates.",
    references: &["Apple Security AppleDatabase.cpp, KeySchema.h", "n0fate/chainbreaker schema.py", "CWE-321"],
};

/// Magic number and version 1.0.
const KYCH: Anchor = Anchor::at_start(b"kych\0\x01\0\0");

/// Length of the header in bytes, and minimum offset of the schema. Table offsets count from the schema.
const HEADER: usize = 20;
/// CSSM_DL_DB_RECORD_PRIVATE_KEY, CSSM_DL_DB_RECORD_X509_CERTIFICATE.
const PRIVATE_KEY: u32 = 0x10;
const CERTIFICATE: u32 = 0x8000_1000;
/// Number of attributes of a key and of a certificate: that many offsets precede the data.
const KEY_ATTRIBUTES: usize = 27;
const CERTIFICATE_ATTRIBUTES: usize = 9;
/// Indices of key attributes: PrintName, Label (SHA-1 of the public key), Decrypt, Sign.
const PRINT_NAME: usize = 1;
const LABEL: usize = 6;
const DECRYPT: usize = 19;
const SIGN: usize = 21;
/// Magic number of an encrypted key.
const KEY_BLOB: &[u8] = &[0xfa, 0xde, 0x07, 0x11];
/// Maximum number of records read.
const MAX_RECORDS: usize = 1 << 14;

impl Detector for Keychain {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[KYCH]
    }

    fn inspect(&self, blob: Blob<'_>, _hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let records = records(blob.bytes)?;
        let certificates: Vec<Material> = records.iter().filter_map(certificate).collect();
        let owners: Vec<&PublicHalf> = certificates
            .iter()
            .filter_map(|material| match &material.identity {
                Some(Identity::Public(public)) => Some(&**public),
                _ => None,
            })
            .collect();
        let keys: Vec<Material> = records.iter().filter_map(|record| key(record, &owners)).collect();
        if keys.is_empty() && certificates.is_empty() {
            let mut keystore = Material::new(Kind::Keystore, ABOUT.id, Encoding::Binary, 0..HEADER);
            keystore.container = Some("keychain");
            keystore.remarks.push(Remark::HoldsNothing);
            out.found(keystore);
        }
        for material in keys.into_iter().chain(certificates) {
            out.found(material);
        }
        Ok(())
    }
}

/// A row of a table.
struct Record<'a> {
    table: u32,
    /// The whole record.
    bytes: &'a [u8],
    /// Offsets of the attributes; 0 if absent.
    attributes: Vec<u32>,
    data: &'a [u8],
    span: Range<usize>,
}

impl Record<'_> {
    /// An attribute: its length, then its bytes. The lowest bit of the offset is a flag.
    fn attribute(&self, which: usize) -> Option<&[u8]> {
        let at = (*self.attributes.get(which)? & !1) as usize;
        let mut fields = Cursor::new(self.bytes.get(at..).filter(|_| at != 0)?);
        fields.string("attribute").ok().filter(|bytes| !bytes.is_empty())
    }

    /// An attribute that is a number.
    fn number(&self, which: usize) -> Option<u32> {
        let at = (*self.attributes.get(which)? & !1) as usize;
        Cursor::new(self.bytes.get(at..).filter(|_| at != 0)?).u32("attribute").ok()
    }
}

/// Every certificate and private key record.
fn records(bytes: &[u8]) -> Result<Vec<Record<'_>>, Malformed> {
    let mut header = Cursor::new(bytes);
    header.take(8, "keychain header")?;
    let length = header.u32("header length")?;
    let schema = header.u32("offset of the schema")? as usize;
    header.u32("offset of the signature")?;
    if !matches!(length, 16 | 20) || schema < HEADER {
        return Err(Malformed::new("keychain header", 8));
    }
    let mut tables = Cursor::new(bytes.get(schema..).unwrap_or_default());
    tables.u32("length of the schema")?;
    let count = tables.u32("tables")?;
    let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
    for _ in 0..count {
        let offset = tables.u32("offset of a table")? as usize;
        let start = schema.saturating_add(offset);
        if !seen.insert(start) {
            continue;
        }
        // A damaged table does not affect the others.
        let _ = table(bytes, start, &mut found);
    }
    if seen.is_empty() { Err(Malformed::new("tables of a keychain", schema)) } else { Ok(found) }
}

fn table<'a>(bytes: &'a [u8], start: usize, found: &mut Vec<Record<'a>>) -> Result<(), Malformed> {
    let mut fields = Cursor::new(bytes.get(start..).unwrap_or_default());
    fields.u32("length of the table")?;
    let id = fields.u32("type of the table")?;
    let count = match id {
        PRIVATE_KEY => KEY_ATTRIBUTES,
        CERTIFICATE => CERTIFICATE_ATTRIBUTES,
        _ => return Ok(()),
    };
    fields.take(16, "table header")?;
    let numbers = fields.u32("record numbers")?;
    let mut seen = BTreeSet::new();
    for _ in 0..numbers {
        let offset = fields.u32("offset of a record")? as usize;
        // Free record numbers are odd: they link to the next free number.
        if offset == 0 || !offset.is_multiple_of(4) || !seen.insert(offset) || found.len() >= MAX_RECORDS {
            continue;
        }
        found.extend(record(bytes, start.saturating_add(offset), id, count));
    }
    Ok(())
}

fn record(bytes: &[u8], start: usize, table: u32, count: usize) -> Option<Record<'_>> {
    let mut fields = Cursor::new(bytes.get(start..)?);
    let length = fields.u32("length").ok()? as usize;
    fields.take(12, "number and versions").ok()?;
    let data = fields.u32("length of the data").ok()? as usize;
    fields.u32("semantics").ok()?;
    let mut attributes = Vec::with_capacity(count);
    for _ in 0..count {
        attributes.push(fields.u32("attribute").ok()?);
    }
    let data = fields.take(data, "data").ok()?;
    let end = start.checked_add(length)?;
    let whole = bytes.get(start..end).filter(|_| fields.at() <= length)?;
    Some(Record { table, bytes: whole, attributes, data, span: start..end })
}

fn certificate(record: &Record<'_>) -> Option<Material> {
    let read = x509::read(record.data).ok().filter(|_| record.table == CERTIFICATE)?;
    let mut material = Material::new(Kind::Certificate, "x509", Encoding::Binary, record.span.clone());
    material.identity = read.public.map(Identity::public);
    material.certificate = Some(Box::new(read.facts));
    material.container = Some("keychain");
    Some(material)
}

fn key(record: &Record<'_>, owners: &[&PublicHalf]) -> Option<Material> {
    if record.table != PRIVATE_KEY || !record.data.starts_with(KEY_BLOB) || record.data.len() < 48 {
        return None;
    }
    let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Binary, record.span.clone());
    let hash = record.attribute(LABEL);
    // The hash covers the bits of the public key, as the subject key identifier of a certificate does.
    let owner = owners.iter().find(|owner| hash == Some(&owner.ski_sha1));
    material.identity = Some(match owner {
        Some(public) => Identity::public((*public).clone()),
        None => carrier::opaque(record.data),
    });
    material.protection = Some(Protection::new(
        ProtectionState::Weak,
        "password of the keychain: PBKDF2-HMAC-SHA1 1000 iterations, 3DES-CBC",
    ));
    material.labels.extend(record.attribute(PRINT_NAME).map(|name| Label::new("alias", name)));
    material.labels.extend(hash.map(|hash| Label::new("key hash", hex(hash).as_bytes())));
    let may = |which| record.number(which).is_some_and(|flag| flag != 0);
    material.uses = Some(Uses { sign: may(SIGN), encrypt: may(DECRYPT), ..Uses::default() });
    material.container = Some("keychain");
    Some(material)
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::ask;

    /// A key record: offsets, an encrypted key, then name, hash and a flag.
    fn key_record(name: &[u8]) -> Vec<u8> {
        let data = [KEY_BLOB, &[9; 60]].concat();
        let head = 24 + 4 * KEY_ATTRIBUTES + data.len();
        let mut offsets = vec![0_u32; KEY_ATTRIBUTES];
        let mut tail = Vec::new();
        for (which, value) in [(PRINT_NAME, name), (LABEL, &[7; 20][..])] {
            offsets[which] = (head + tail.len()) as u32 | 1;
            tail.extend((value.len() as u32).to_be_bytes());
            tail.extend(value);
            tail.resize(tail.len().next_multiple_of(4), 0);
        }
        offsets[SIGN] = (head + tail.len()) as u32 | 1;
        tail.extend(1_u32.to_be_bytes());
        let length = (head + tail.len()) as u32;
        let fields = [length, 0, 0, 0, data.len() as u32, 0].map(u32::to_be_bytes).concat();
        let offsets: Vec<u8> = offsets.into_iter().flat_map(u32::to_be_bytes).collect();
        [fields, offsets, data, tail].concat()
    }

    fn keychain(records: &[Vec<u8>]) -> Vec<u8> {
        let mut offset = 28 + 4 * (records.len() + 1);
        let mut numbers = Vec::new();
        for record in records {
            numbers.push(offset as u32);
            offset += record.len();
        }
        // One free number.
        numbers.push(0x41);
        let table = [offset as u32, PRIVATE_KEY, records.len() as u32, 0, 0, 0, numbers.len() as u32];
        let table: Vec<u8> = table.into_iter().chain(numbers).flat_map(u32::to_be_bytes).collect();
        let header = [HEADER as u32, HEADER as u32, 0, 12 + offset as u32, 1, 12].map(u32::to_be_bytes).concat();
        [&b"kych\0\x01\0\0"[..], &header, &table, &records.concat()].concat()
    }

    fn inspect(bytes: &[u8]) -> Result<Vec<Material>, Malformed> {
        ask::at(&Keychain, "x", bytes, (KYCH, 0))
    }

    #[test]
    fn keys_are_reported_with_their_names() {
        let bytes = keychain(&[key_record(b"Developer ID"), key_record(b"other")]);
        let found = inspect(&bytes).unwrap();
        let names: Vec<_> = found.iter().map(|m| m.labels[0].text.as_str()).collect();
        assert_eq!(names, ["Developer ID", "other"]);
        assert!(found.iter().all(|m| m.uses.unwrap().sign && !m.uses.unwrap().encrypt));
        assert_eq!(found[1].span.end, bytes.len());
        assert_eq!(inspect(&keychain(&[])).unwrap()[0].kind, Kind::Keystore);
    }

    #[test]
    fn damaged_and_truncated_files_do_not_panic() {
        let good = keychain(&[key_record(b"one"), key_record(b"two")]);
        for length in 0..good.len() {
            let found = inspect(&good[..length]).unwrap_or_default();
            assert!(found.iter().filter(|m| m.kind == Kind::PrivateKey).count() < 2, "{length}");
        }
        for at in 8..100 {
            let mut bad = good.clone();
            bad[at] = 0xff;
            let _ = inspect(&bad);
        }
    }
}
