//! Evidence from other materials of the run: lines that use the key, certificates it issued, lists that contain it.

use keyradius_core::blob::Origin;

use super::super::Evidence;
use super::super::estate::{Confidence, KeyGroup};
use super::super::known::Known;
use super::super::tables::Tables;
use super::certificate::without_place;
use super::words::{Phrase, Words};

/// Points of a link that proves a role.
const PROOF: i32 = 100;

/// Points of an issued certificate if no certificate of the key says that it may issue any: a server's key that once signed
/// for a client.
const ISSUED: i32 = 60;

/// keyCertSign, bit 5 of the key usage (RFC 5280 4.2.1.3).
const CERT_SIGN: u16 = 1 << 5;

/// serverAuth (RFC 5280 4.2.1.12).
const SERVER: &str = "1.3.6.1.5.5.7.3.1";

/// Words of a subject that names an authority.
const AUTHORITY: [&str; 5] = ["ca", "root", "rootca", "authority", "issuing"];

/// Points of a certificate that bears the name and was not verified.
const SAME_NAME: i32 = 10;

/// Weighs everything that is linked to the key.
pub(super) fn weigh(key: &KeyGroup, known: Option<&Known>, tables: &Tables, ledger: &mut Vec<Evidence>) {
    let locator = |origin: &Origin, line: u64| format!("{origin}:{line}");
    let mut add = |role: &str, weight, group: &str, locator, text| {
        if tables.role(role).is_some() && weight > 0 {
            let (role, group) = (role.to_owned(), group.to_owned());
            ledger.push(Evidence { role, weight, group, locator, text, tier: None });
        }
    };
    for used in &key.uses {
        let Some(reference) = used.reference() else { continue };
        let place = locator(&used.reference.origin, used.reference.line);
        let text = format!("{}, {}", reference.text, used.sure.text());
        let group = match used.sure {
            Confidence::Described => "described",
            _ if used.is_topic() => "topic",
            _ => "build",
        };
        add(&reference.role, used.weight(), group, place, text);
    }
    let root = key.certificates().any(|facts| facts.self_issued);
    let role = if root { "ca_root_private" } else { "ca_intermediate" };
    if let Some(first) = key.issued.first() {
        let text = match key.issued.len() {
            1 => "issued this certificate (signature verified)".to_owned(),
            more => format!("issued this certificate and {} more (signatures verified)", more - 1),
        };
        let weight = if is_authority(key) { PROOF } else { ISSUED };
        add(role, weight, "link", locator(&first.origin, first.line), text);
    } else if let Some(first) = key.same_name.first() {
        let text = "has the name of this certificate's issuer (signature not verified)".to_owned();
        add(role, SAME_NAME, "link", locator(&first.origin, first.line), text);
    }
    if let Some(known) = known.filter(|known| known.role != "unknown") {
        let text = format!("known key: {} ({})", known.label, known.source);
        add(&known.role, PROOF, "link", "known keys".to_owned(), text);
    }
}

/// Whether a certificate of the key says that it issues certificates: by its name, or by its purposes.
fn is_authority(key: &KeyGroup) -> bool {
    let names: Vec<Phrase> = AUTHORITY.iter().filter_map(|word| Phrase::read(word)).collect();
    let mut certificates = key.certificates().peekable();
    certificates.peek().is_none()
        || certificates.any(|facts| {
            let may = facts.key_usage.is_some_and(|usage| usage & CERT_SIGN != 0);
            let serves = facts.ext_key_usage.iter().any(|oid| oid == SERVER);
            (may && !serves) || Words::of(&without_place(&facts.subject)).has_any(&names)
        })
}
