//! Attestation keys of Android devices: `keybox.xml`, as Google issues it to device makers and as it leaks.
//!
//! The keys are PEM inside XML, so `sec1` and `pkcs1` would find them. Only the `<Keybox>` element around the keys
//! shows that they attest for the hardware of a device.

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::material::{Encoding, Label};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::{armor, carrier, private};

/// Detects attestation keys of Android.
#[derive(Debug)]
pub(crate) struct AndroidKeybox;

/// The rare end of [`HEAD`]: the searcher matches the first four bytes.
const ANCHOR: Anchor = Anchor::anywhere(b"x DeviceID=");
const HEAD: &[u8] = b"<Keybox DeviceID=";

static ABOUT: About = About {
    id: "android_keybox",
    title: "Android attestation keybox",
    detects: "The private keys of each <Keybox> of an AndroidAttestation file, with the device id as their label. \
              Verified by the arithmetic of the algorithm.",
    blind_to: "Keyboxes that a maker encrypted or converted to another form; whether Google has revoked the \
               certificate.",
    respond: "Whoever has the key can pass as a device of this make in hardware-backed attestation. Report the serial \
              numbers of the chain to Google for its revocation list. The devices with this key need a new one.",
    references: &["developer.android.com Key Attestation", "CWE-321"],
};

/// Maximum text of one keybox, in bytes: two keys and two chains take about 10 KB.
const MAX: usize = 256 << 10;
/// Maximum number of keys in one keybox. Usual are two: RSA and EC.
const MAX_KEYS: usize = 16;

impl Detector for AndroidKeybox {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[ANCHOR]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let start = (hit.at + ANCHOR.bytes.len()).checked_sub(HEAD.len());
        let start = start.filter(|start| blob.bytes.get(*start..).unwrap_or_default().starts_with(HEAD));
        let Some(start) = start else { return Ok(()) };
        let text = blob.bytes.get(start..blob.bytes.len().min(start + MAX)).unwrap_or_default();
        let end = memchr::memmem::find(text, b"</Keybox>").ok_or(Malformed::new("</Keybox>", hit.at))?;
        let text = text.get(..end).unwrap_or_default();
        let device = quoted(text.get(HEAD.len()..).unwrap_or_default());
        let mut found = 0;
        for at in memchr::memmem::find_iter(text, armor::ANCHOR.bytes).map(|at| start + at).take(MAX_KEYS * 16) {
            if !armor::label(blob.bytes, at).is_some_and(|label| armor::is_der_private(&label)) || found == MAX_KEYS {
                continue;
            }
            let armor = armor::read(blob.bytes, at)?;
            let body = &armor.body;
            let key = private::sec1(body).or_else(|_| private::pkcs1(body)).or_else(|_| private::pkcs8(body))?;
            let mut material = carrier::material(key, body, Encoding::Pem, armor.span.clone());
            material.format = ABOUT.id;
            material.container = Some("Android keybox");
            material.labels.extend(device.map(|device| Label::new("device id", device)));
            material.remarks.extend(carrier::remarks(&armor));
            out.found(material);
            found += 1;
        }
        if found == 0 { Err(Malformed::new("private keys of a keybox", hit.at)) } else { Ok(()) }
    }
}

/// The text between the quotation marks at the start.
fn quoted(text: &[u8]) -> Option<&[u8]> {
    let (&quote, rest) = text.split_first()?;
    let end = rest.iter().take(Label::MAX).position(|&byte| byte == quote)?;
    rest.get(..end).filter(|_| matches!(quote, b'"' | b'\''))
}

#[cfg(test)]
mod tests {
    use keyradius_core::material::{Material, Proof};
    use keyradius_readers::ber::{self, BIT_STRING, INTEGER, OCTET_STRING, OID, SEQUENCE};
    use keyradius_readers::curves;
    use keyradius_readers::text::base64;

    use super::*;
    use crate::ask;

    fn inspect(text: &str) -> Result<Vec<Material>, Malformed> {
        ask::first(&AndroidKeybox, "keybox.xml", text, &[ANCHOR])
    }

    fn key() -> String {
        let curve = curves::by_ssh(b"nistp256").unwrap();
        let point = [&[0][..], &curve.public_point(&[9]).unwrap()].concat();
        let parts = [
            ber::encode(INTEGER, &[&[1]]),
            ber::encode(OCTET_STRING, &[&[0; 31], &[9]]),
            ber::encode(ber::context(0), &[&ber::encode(OID, &[curve.oid])]),
            ber::encode(ber::context(1), &[&ber::encode(BIT_STRING, &[&point])]),
        ];
        let der = ber::encode(SEQUENCE, &[&parts.concat()]);
        let dashes = "-".repeat(5);
        format!("{dashes}BEGIN EC PRIVATE KEY{dashes}\n{}\n{dashes}END EC PRIVATE KEY{dashes}\n", base64(&der))
    }

    #[test]
    fn all_keys_of_a_keybox_are_reported() {
        let xml = |inside: &str| {
            format!(
                "<?xml version=\"1.0\"?>\n<AndroidAttestation>\n<Keybox DeviceID=\"dev 7\"><Key algorithm=\"ecdsa\">\
                 <PrivateKey format=\"pem\">\n{inside}</PrivateKey></Key></Keybox>\n</AndroidAttestation>\n"
            )
        };
        let found = inspect(&xml(&key())).unwrap();
        let [material] = found.as_slice() else { panic!("one key") };
        assert_eq!((material.proof, material.format), (Proof::Verified, "android_keybox"));
        assert_eq!(material.labels[0].text, "dev 7");
        assert_eq!(inspect(&xml(&[key(), key()].concat())).unwrap().len(), 2);
        let indented = key().replace('\n', "\n        ");
        assert_eq!(inspect(&xml(&indented)).unwrap().len(), 1);
        for wrong in
            [xml(""), xml("{{KEY}}"), xml(&key()).replace("</Keybox>", ""), xml(&key()).replace("PRIVATE", "PUBLIC")]
        {
            assert!(inspect(&wrong).is_err(), "{wrong}");
        }
    }
}
