//! Apple provisioning profiles (`.mobileprovision`, `.provisionprofile`): CMS around a property list. The list
//! contains, as DER in base64, the certificates of the developers whose signatures the profile permits to run.
//!
//! Profiles are public, and the best evidence of who owns a distribution key. The Apple certificates that signed the
//! profile are outside the list; the `x509` detector reports them.

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::material::{Encoding, Identity, Kind, Label, Material, Remark};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::ber::{self, BerReader, INTEGER, OID, SEQUENCE, SET, context};
use keyradius_readers::text::{Decoder, digit};
use keyradius_readers::{locate, x509};

/// Detects provisioning profiles.
#[derive(Debug)]
pub(crate) struct MobileProvision;

static ABOUT: About = About {
    id: "mobileprovision",
    title: "Apple provisioning profile",
    detects: "The developer certificates of provisioning profiles, in DER and in BER with segments, with the \
              profile's name and team. They are not a leak; keyradius links them to private keys.",
    blind_to: "Signatures, expiry and device lists. The compact form in DER-Encoded-Profile is not read, because it \
               repeats the list.",
    respond: "Nothing to do for a profile alone. If the private key of a certificate in it is found, revoke the \
              certificate with Apple: this invalidates every profile that names it.",
    references: &["Apple TN3125", "RFC 5652"],
};

/// Content octets of id-signedData and id-data, RFC 5652 5.1 and 4.
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];

const CERTIFICATES: &[u8] = b"<key>DeveloperCertificates</key>";
/// Maximum number of certificates of one profile. Apple allows a team about a hundred.
const MAX_CERTIFICATES: usize = 1000;

impl Detector for MobileProvision {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[locate::PKCS_OID]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        if !blob.bytes.get(hit.at..).unwrap_or_default().starts_with(SIGNED_DATA) {
            return Ok(());
        }
        let oid = hit.at.checked_sub(2).filter(|oid| blob.bytes.get(*oid) == Some(&OID));
        let Some(start) = oid.and_then(|oid| locate::sequence_before(blob.bytes, oid)) else { return Ok(()) };
        // Most signed data is not a profile: check before parsing.
        let bytes = blob.bytes.get(start..).unwrap_or_default();
        if memchr::memmem::find(bytes, CERTIFICATES).is_none() {
            return Ok(());
        }
        let whole = BerReader::new(bytes).value(SEQUENCE, "ContentInfo")?;
        let mut info = whole.children();
        info.value(OID, "contentType")?;
        let mut signed = info.value(context(0), "content")?.children().value(SEQUENCE, "SignedData")?.children();
        signed.value(INTEGER, "version")?;
        signed.value(SET, "digestAlgorithms")?;
        let mut content = signed.value(SEQUENCE, "encapContentInfo")?.children();
        if content.value(OID, "eContentType")?.content != DATA {
            return Ok(());
        }
        let explicit = content.value(context(0), "eContent")?;
        let octets = explicit.children().any()?;
        if octets.tag & !0x20 != ber::OCTET_STRING {
            return Err(Malformed::new("eContent", start));
        }
        let list = octets.octets()?;
        // The position of the list: after everything before it, all of which has been parsed.
        let place = memchr::memmem::find(bytes, octets.raw).map_or(start, |at| start + at);
        certificates(&list, place..place + octets.raw.len(), out)
    }
}

/// Reports every certificate of the property list at `span`.
fn certificates(list: &[u8], span: std::ops::Range<usize>, out: &mut Inspection) -> Result<(), Malformed> {
    let here = Malformed::new("DeveloperCertificates", span.start);
    let from = memchr::memmem::find(list, CERTIFICATES).ok_or(here)? + CERTIFICATES.len();
    let rest = list.get(from..).unwrap_or_default();
    let array = rest.get(..memchr::memmem::find(rest, b"</array>").ok_or(here)?).unwrap_or_default();
    let says = |key: &[u8]| value(list, key).is_some_and(|value| value.starts_with(b"<true"));
    let note = if says(b"ProvisionsAllDevices") {
        Remark::EnterpriseProfile
    } else if says(b"get-task-allow") {
        Remark::DevelopmentProfile
    } else {
        Remark::Profile
    };
    let labels: Vec<Label> = [("profile", &b"Name"[..]), ("team", b"TeamName"), ("team id", b"TeamIdentifier")]
        .into_iter()
        .filter_map(|(kind, key)| Some(Label::new(kind, string(value(list, key)?)?)))
        .collect();
    for at in memchr::memmem::find_iter(array, b"<data>").take(MAX_CERTIFICATES) {
        let text = array.get(at + b"<data>".len()..).unwrap_or_default();
        let text = text.get(..memchr::memchr(b'<', text).ok_or(here)?).unwrap_or_default();
        let mut decoder = Decoder::with_capacity(text.len() / 4 * 3 + 3);
        text.iter().filter_map(|byte| digit(*byte)).for_each(|value| decoder.push(value));
        // A damaged certificate does not affect the others.
        let Ok(certificate) = x509::read(&decoder.finish()) else { continue };
        let mut material = Material::new(Kind::Certificate, ABOUT.id, Encoding::Text, span.clone());
        material.identity = certificate.public.map(Identity::public);
        material.certificate = Some(Box::new(certificate.facts));
        material.container = Some("provisioning profile");
        material.labels.clone_from(&labels);
        material.remarks.push(note);
        out.found(material);
    }
    Ok(())
}

/// The value after a key of a property list.
fn value<'a>(list: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let tag = [b"<key>", key, b"</key>"].concat();
    let at = memchr::memmem::find(list, &tag)?;
    Some(list.get(at + tag.len()..)?.trim_ascii_start())
}

/// The text of a string, or of the first string of an array.
fn string(value: &[u8]) -> Option<&[u8]> {
    let value = value.strip_prefix(b"<array>").map_or(value, <[u8]>::trim_ascii_start);
    let text = value.strip_prefix(b"<string>")?;
    text.get(..memchr::memchr(b'<', text)?)
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::ask;
    use keyradius_readers::ber::{BIT_STRING, OCTET_STRING, encode};
    use keyradius_readers::text::base64;

    /// The smallest certificate that can be read.
    fn certificate() -> Vec<u8> {
        let time = encode(0x17, &[b"260101000000Z"]);
        let name = encode(SEQUENCE, &[]);
        let algorithm = encode(SEQUENCE, &[&encode(OID, &[&[0x2b, 0x65, 0x70]])]);
        let spki = encode(SEQUENCE, &[&algorithm, &encode(BIT_STRING, &[&[0], &[7; 32]])]);
        let tbs =
            [encode(INTEGER, &[&[1]]), algorithm.clone(), name.clone(), encode(SEQUENCE, &[&time, &time]), name, spki];
        encode(SEQUENCE, &[&encode(SEQUENCE, &[&tbs.concat()]), &algorithm, &encode(BIT_STRING, &[&[0; 65]])])
    }

    fn list(certificates: usize, all: &str) -> String {
        let data = format!("\t<data>{}</data>\n", base64(&certificate()));
        let all = if all.is_empty() { String::new() } else { format!("<key>{all}</key>\n<true/>") };
        format!(
            "<plist><dict><key>Name</key>\n<string>A profile</string>{all}<key>DeveloperCertificates</key>\n<array>\n{}</array>\
             <key>TeamIdentifier</key><array>\n<string>ABCDE12345</string></array></dict></plist>",
            data.repeat(certificates)
        )
    }

    fn profile(octets: &[u8]) -> Vec<u8> {
        let content = encode(SEQUENCE, &[&encode(OID, &[DATA]), &encode(context(0), &[octets])]);
        let signed = encode(SEQUENCE, &[&encode(INTEGER, &[&[1]]), &encode(SET, &[]), &content, &encode(SET, &[])]);
        encode(SEQUENCE, &[&encode(OID, &[SIGNED_DATA]), &encode(context(0), &[&signed])])
    }

    fn inspect(bytes: &[u8]) -> Result<Vec<Material>, Malformed> {
        let Some(at) = memchr::memmem::find(bytes, SIGNED_DATA) else { return Ok(Vec::new()) };
        ask::at(&MobileProvision, "a.mobileprovision", bytes, (locate::PKCS_OID, at))
    }

    #[test]
    fn certificates_whole_and_in_segments() {
        let text = list(2, "");
        let segments: Vec<u8> = text.as_bytes().chunks(100).flat_map(|part| encode(OCTET_STRING, &[part])).collect();
        for octets in [encode(OCTET_STRING, &[text.as_bytes()]), encode(0x24, &[&segments])] {
            let bytes = [&[7; 9][..], &profile(&octets)].concat();
            let found = inspect(&bytes).unwrap();
            assert_eq!(found.len(), 2);
            assert_eq!(
                found[0].labels.iter().map(|label| &*label.text).collect::<Vec<_>>(),
                ["A profile", "ABCDE12345"]
            );
            assert_eq!(found[0].remarks, [Remark::Profile]);
            assert_eq!(bytes[found[0].span.clone()], octets);
        }
        for (key, note) in [
            ("ProvisionsAllDevices", Remark::EnterpriseProfile),
            ("get-task-allow", Remark::DevelopmentProfile),
            ("Other", Remark::Profile),
        ] {
            let one = profile(&encode(OCTET_STRING, &[list(1, key).as_bytes()]));
            assert_eq!(inspect(&one).unwrap()[0].remarks, [note]);
        }
    }

    #[test]
    fn other_signed_data_is_ignored() {
        for text in [list(0, ""), list(1, "").replace("DeveloperCertificates", "Devices")] {
            assert!(inspect(&profile(&encode(OCTET_STRING, &[text.as_bytes()]))).unwrap().is_empty());
        }
        let good = profile(&encode(OCTET_STRING, &[list(1, "").as_bytes()]));
        for length in 0..good.len() {
            assert!(inspect(&good[..length]).map_or(true, |found| found.is_empty()), "cut at {length}");
        }
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 0x40;
            let _ = inspect(&bytes);
        }
    }
}
