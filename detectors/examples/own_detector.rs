//! Adds a custom detector to the built-in ones, for a format of one company only: `cargo run --example own_detector`.
//!
//! ACME's devices keep the seed of their signing key in a line of a text file: `acme-device-key v1 ` and 64 hex digits.

#![allow(clippy::print_stdout, reason = "it shows its key on a terminal")]

use keyradius_core::blob::Blob;
use keyradius_core::budget::Limits;
use keyradius_core::engine::Engine;
use keyradius_core::error::Malformed;
use keyradius_core::material::{Encoding, Identity, Kind, Label, Material, Protection};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_detectors::{Judging, judge};

struct AcmeDeviceKey;

static ABOUT: About = About {
    id: "acme_device_key",
    title: "ACME device key",
    detects: "A line `acme-device-key v1` with 64 hex digits, not all the same.",
    blind_to: "Keys of version 2.",
    respond: "Block the device at the gateway and give it a new key.",
    references: &["ACME engineering note 12"],
};

const LINE: Anchor<'static> = Anchor::anywhere(b"acme-device-key v1 ");
const DIGITS: usize = 64;

impl Detector for AcmeDeviceKey {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &[Anchor<'_>] {
        &[LINE]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let start = hit.at + LINE.bytes.len();
        let end = start + DIGITS;
        let digits = blob.bytes.get(start..end).ok_or(Malformed::new("64 digits", start))?;
        let first = digits.first();
        if !digits.iter().all(u8::is_ascii_hexdigit) || digits.iter().all(|digit| Some(digit) == first) {
            return Err(Malformed::new("64 digits", start));
        }
        let mut key = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Text, hit.at..end);
        key.protection = Some(Protection::plaintext());
        // The public half is not known here, so a digest identifies the key. It does not reveal the seed, which has 256 bits.
        key.identity = Some(Identity::Opaque(digest(digits)));
        key.labels.push(Label::new("format", b"v1"));
        out.found(key);
        Ok(())
    }
}

fn digest(digits: &[u8]) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    Sha256::digest(digits.to_ascii_lowercase()).into()
}

fn main() {
    let own = AcmeDeviceKey;
    let mut knowledge = keyradius_detectors::everything();
    knowledge.detectors.push(&own);
    let engine = Engine::new(knowledge, Limits::default());
    let digits: String = "0123456789abcdef".chars().cycle().step_by(7).take(DIGITS).collect();
    let text = format!("# device 7\nacme-device-key v1 {digits}\n");
    let judgement = judge(engine.bytes("device.conf", text.as_bytes()), &Judging::at(1_795_132_800));
    for finding in &judgement.findings {
        let place = finding.occurrences.first().map(|place| format!("{}:{}", place.origin, place.line));
        println!("{} {} {}", finding.severity_text(), place.unwrap_or_default(), finding.reason);
    }
    assert_eq!(judgement.findings.len(), 1);
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_finds_its_key() {
        super::main();
    }
}
