//! Signature lists of UEFI Secure Boot: `.esl`, and the `.auth` updates that contain signed lists (UEFI specification
//! 32.4.1, 8.2.2).
//!
//! A certificate in a list is a trust anchor: firmware boots what its key signs. `x509` would find the certificates
//! too, but not report that firmware trusts them. Lists of hashes (dbx) contain no key and are skipped.

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::material::{Encoding, Identity, Kind, Label, Material, Remark};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::ber::{self, BerReader, SEQUENCE};
use keyradius_readers::number;
use keyradius_readers::public::{self, PublicKey};
use keyradius_readers::x509;

/// Detects signature lists of UEFI.
#[derive(Debug)]
pub(crate) struct EfiSignatureList;

static ABOUT: About = About {
    id: "efi_signature_list",
    title: "UEFI signature list",
    detects: "EFI_SIGNATURE_LIST files (.esl) and signed variable updates (.auth, at any offset): the X.509 \
              certificates and RSA-2048 keys in them. They are not a leak; keyradius links them to private keys, \
              which Secure Boot then trusts.",
    blind_to: "Whether a list is for db, KEK or PK: the file does not say. Its name may, but only dbx is recognised \
               by name. Lists in firmware images are not read as lists; only the certificates in them are found. \
               Signatures are not checked.",
    respond: "Nothing to do for the list. If the private key of a certificate in it is found, every machine that \
              enrolled the certificate boots what that key signs, until the certificate is in its dbx or removed from \
              its db.",
    references: &["UEFI specification 2.10, 32.4.1 and 8.2.2"],
};

/// EFI_CERT_X509_GUID a5c059a1-94e4-4aa7-87b5-ab155c2bf072.
const X509_GUID: [u8; 16] =
    [0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a, 0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72];
/// EFI_CERT_RSA2048_GUID 3c5766e8-269c-4e34-aa14-ed776e85b3b6.
const RSA_GUID: [u8; 16] =
    [0xe8, 0x66, 0x57, 0x3c, 0x9c, 0x26, 0x34, 0x4e, 0xaa, 0x14, 0xed, 0x77, 0x6e, 0x85, 0xb3, 0xb6];
/// EFI_CERT_SHA256_GUID c1c41626-504c-4092-aca9-41f936934328: a dbx usually begins with it.
const SHA256_GUID: [u8; 16] =
    [0x26, 0x16, 0xc4, 0xc1, 0x4c, 0x50, 0x92, 0x40, 0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93, 0x43, 0x28];

const X509: Anchor = Anchor::at_start(&X509_GUID);
const RSA: Anchor = Anchor::at_start(&RSA_GUID);
const SHA256: Anchor = Anchor::at_start(&SHA256_GUID);
/// WIN_CERT_TYPE_EFI_GUID after revision 2.0, then the first half of EFI_CERT_TYPE_PKCS7_GUID
/// 4aafd29d-68df-49ee-8aa9-347d375665a7.
const AUTH: Anchor = Anchor::anywhere(&[0x00, 0x02, 0xf1, 0x0e, 0x9d, 0xd2, 0xaf, 0x4a, 0xdf, 0x68, 0xee, 0x49]);

/// EFI_TIME and dwLength precede [`AUTH`].
const BEFORE_AUTH: usize = 16 + 4;
/// EFI_SIGNATURE_LIST: a GUID and three sizes. EFI_SIGNATURE_DATA begins with the GUID of its owner.
const LIST_HEADER: usize = 28;
const OWNER: usize = 16;
/// Maximum number of lists in one file, and of signatures in one list. The dbx of uefi.org has about 500 hashes.
const MAX_LISTS: usize = 4096;

const CONTAINER: &str = "UEFI signature list";

impl Detector for EfiSignatureList {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[X509, RSA, SHA256, AUTH]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let lists = if hit.anchor == AUTH { signed(blob.bytes, hit.at, out)? } else { 0 };
        // The first bytes that are not a list end the lists: padding of a variable store, the next file of an image.
        let name = blob.origin.location().file_name().map(|name| name.to_string_lossy().to_lowercase());
        let remark =
            if name.is_some_and(|name| name.contains("dbx")) { Remark::UefiRevoked } else { Remark::UefiTrusted };
        read_lists(blob.bytes, lists, remark, out)
    }
}

/// Reads a little-endian number of 32 bits.
fn word(bytes: &[u8], at: usize) -> Result<usize, Malformed> {
    let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).ok_or(Malformed::new("size", at))?;
    Ok(u32::from_le_bytes(four) as usize)
}

/// EFI_VARIABLE_AUTHENTICATION_2: reports the certificates of its bare SignedData, and returns where the lists begin.
fn signed(bytes: &[u8], at: usize, out: &mut Inspection) -> Result<usize, Malformed> {
    let start = at.checked_sub(BEFORE_AUTH).ok_or(Malformed::new("EFI_TIME", at))?;
    let time = bytes.get(start..start + 16).unwrap_or_default();
    let plausible = matches!(time, [_, _, 0..=12, 0..=31, 0..=23, 0..=59, 0..=59, 0, ..]);
    let length = word(bytes, at - 4)?;
    // dwLength includes its own bytes.
    let end = (at - 4).checked_add(length).filter(|end| *end <= bytes.len() && length > 24 && plausible);
    let end = end.ok_or(Malformed::new("WIN_CERTIFICATE_UEFI_GUID", start))?;
    let data = at + 4 + 16;
    let signed = bytes.get(data..end).ok_or(Malformed::new("SignedData", data))?;
    let outer = BerReader::new(signed).value(SEQUENCE, "SignedData")?;
    let mut fields = outer.children();
    let first = data + header(outer.raw)?;
    while !fields.is_empty() {
        let at = first + fields.at();
        let field = fields.any()?;
        // certificates [0] IMPLICIT (RFC 5652 5.1).
        if field.tag == 0xa0 {
            certificates(field.content, at + header(field.raw)?, out);
        }
    }
    Ok(end)
}

/// Length of the header of a value, in bytes.
fn header(raw: &[u8]) -> Result<usize, Malformed> {
    ber::header(raw).map(|(_, header, _)| header)
}

/// Reports every certificate of a set. The first one is at `at`.
fn certificates(set: &[u8], at: usize, out: &mut Inspection) {
    let mut reader = BerReader::new(set);
    loop {
        let start = at + reader.at();
        let Ok(value) = reader.any() else { return };
        if let Ok(certificate) = x509::read(value.raw) {
            let mut material = material(certificate, start);
            material.remarks.push(Remark::UefiSigner);
            out.found(material);
        }
    }
}

fn material(certificate: x509::Certificate, at: usize) -> Material {
    let span = at..at + certificate.consumed;
    let mut material = Material::new(Kind::Certificate, ABOUT.id, Encoding::Der, span);
    material.identity = certificate.public.map(Identity::public);
    material.certificate = Some(Box::new(certificate.facts));
    material
}

/// Reads consecutive lists.
fn read_lists(bytes: &[u8], mut at: usize, remark: Remark, out: &mut Inspection) -> Result<(), Malformed> {
    for number in 0..MAX_LISTS {
        match read_list(bytes, at, remark, out) {
            Ok(end) => at = end,
            // The first list must be valid, unless the file ends there: an update that clears a variable.
            Err(error) if number == 0 && at < bytes.len() => return Err(error),
            Err(_) => break,
        }
    }
    Ok(())
}

/// Reads one list and returns its end.
fn read_list(bytes: &[u8], at: usize, remark: Remark, out: &mut Inspection) -> Result<usize, Malformed> {
    let here = |what| Malformed::new(what, at);
    let kind = bytes.get(at..at + 16).ok_or(here("signature type"))?;
    let size = word(bytes, at + 16)?;
    let header = word(bytes, at + 20)?;
    let each = word(bytes, at + 24)?;
    let end = at.checked_add(size).filter(|end| *end <= bytes.len()).ok_or(here("SignatureListSize"))?;
    let body = size.checked_sub(LIST_HEADER).and_then(|body| body.checked_sub(header));
    let whole = body.is_some_and(|body| each > OWNER && body > 0 && body.is_multiple_of(each));
    if !whole || ![X509_GUID, RSA_GUID, SHA256_GUID].iter().any(|known| known == kind) && header != 0 {
        return Err(here("SignatureSize"));
    }
    for start in (at + LIST_HEADER + header..end).step_by(each).take(MAX_LISTS) {
        let owner = bytes.get(start..start + OWNER).ok_or(here("SignatureOwner"))?;
        let data = bytes.get(start + OWNER..start + each).ok_or(here("SignatureData"))?;
        let mut found = if kind == X509_GUID {
            // A damaged certificate does not affect the others.
            let Ok(certificate) = x509::read(data) else { continue };
            material(certificate, start + OWNER)
        } else if kind == RSA_GUID && data.len() == 256 && number::bits(data) == 2048 {
            // The modulus is big-endian; the exponent is always 65537.
            let mut found = Material::new(Kind::PublicKey, ABOUT.id, Encoding::Binary, start + OWNER..start + each);
            let key = PublicKey::Rsa { n: data, e: &[1, 0, 1] };
            found.identity = Some(Identity::public(public::half(&key)));
            found
        } else {
            continue;
        };
        found.container = Some(CONTAINER);
        found.remarks.push(remark);
        found.labels.push(Label::new("signature owner", guid(owner).as_bytes()));
        out.found(found);
    }
    Ok(end)
}

/// A GUID in its usual notation: the first three numbers are little-endian.
fn guid(bytes: &[u8]) -> String {
    let digits = |order: &[usize]| {
        let ordered: Vec<u8> = order.iter().filter_map(|at| bytes.get(*at)).copied().collect();
        keyradius_core::hex::hex(&ordered)
    };
    let groups: [&[usize]; 5] = [&[3, 2, 1, 0], &[5, 4], &[7, 6], &[8, 9], &[10, 11, 12, 13, 14, 15]];
    groups.map(digits).join("-")
}

#[cfg(test)]
mod tests {
    use keyradius_core::blob::Origin;

    use super::*;
    use crate::ask;

    fn inspect(bytes: &[u8], anchor: Anchor) -> Result<Vec<Material>, Malformed> {
        ask::first(&EfiSignatureList, "db.esl", bytes, &[anchor])
    }

    fn list(kind: &[u8], each: usize, data: &[u8]) -> Vec<u8> {
        let sizes = [28 + data.len(), 0, each];
        [kind, &sizes.map(|size| (size as u32).to_le_bytes()).concat(), data].concat()
    }

    fn rsa(count: usize) -> Vec<u8> {
        list(&RSA_GUID, 272, &[&[0x11; 16][..], &[0xff; 256]].concat().repeat(count))
    }

    #[test]
    fn keys_in_consecutive_lists_are_reported() {
        let hashes = list(&SHA256_GUID, 48, &[0x5a; 48 * 3]);
        let other = list(&[0x77; 16], 48, &[0x5a; 48]);
        for (name, bytes, anchor, keys) in [
            ("two keys", rsa(2), RSA, 2),
            ("hashes first", [&hashes[..], &rsa(1)].concat(), SHA256, 1),
            ("an unknown type between", [&rsa(1)[..], &other, &rsa(1)].concat(), RSA, 2),
            ("trailing padding", [&rsa(1)[..], &[0xff; 100]].concat(), RSA, 1),
            ("hashes only", hashes.clone(), SHA256, 0),
        ] {
            let found = inspect(&bytes, anchor).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(found.len(), keys, "{name}");
            for material in found {
                assert_eq!(material.labels[0].text, "11111111-1111-1111-1111-111111111111", "{name}");
                assert_eq!(bytes[material.span], [0xff; 256], "{name}");
            }
        }
        let origin = Origin::file("vars/dbxDefault.esl");
        let mut out = Inspection::default();
        EfiSignatureList.inspect(Blob::whole(&rsa(1), &origin), Hit { anchor: RSA, at: 0 }, &mut out).unwrap();
        assert_eq!(out.materials()[0].remarks, [Remark::UefiRevoked]);
        assert_eq!(inspect(&rsa(1), RSA).unwrap()[0].remarks, [Remark::UefiTrusted]);
        assert_eq!(guid(&X509_GUID), "a5c059a1-94e4-4aa7-87b5-ab155c2bf072");
    }

    #[test]
    fn incomplete_input_is_refused() {
        let good = rsa(1);
        for length in 16..good.len() {
            assert!(inspect(&good[..length], RSA).is_err(), "cut at {length}");
        }
        for (name, bytes) in [
            ("sizes that do not divide", list(&RSA_GUID, 271, &[0xff; 272])),
            ("a size of nothing", list(&RSA_GUID, 0, &[0xff; 272])),
            ("an owner and no data", list(&RSA_GUID, 16, &[0xff; 272])),
            ("the GUID in a program", [&RSA_GUID[..], &X509_GUID, &SHA256_GUID, &[0; 64]].concat()),
        ] {
            assert!(inspect(&bytes, RSA).is_err(), "{name}");
        }
        for at in 16..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 0x80;
            let _ = inspect(&bytes, RSA);
        }
        let auth =
            [&[0xe8, 7, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &400_u32.to_le_bytes(), AUTH.bytes, &[0; 500]];
        assert!(inspect(&auth.concat(), AUTH).is_err(), "an update without a signature");
    }
}
