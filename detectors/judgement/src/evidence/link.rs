//! Evidence from other materials of the run: lines that use the key, certificates it issued, lists that contain it.

use keyradius_core::blob::Origin;

use super::super::Evidence;
use super::super::estate::KeyGroup;
use super::super::known::Known;
use super::super::tables::Tables;

/// Points of a link that proves a role.
const PROOF: i32 = 100;

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
        add(&reference.role, used.weight(), "build", place, text);
    }
    let root = key.certificates().any(|facts| facts.self_issued);
    let role = if root { "ca_root_private" } else { "ca_intermediate" };
    if let Some(first) = key.issued.first() {
        let text = match key.issued.len() {
            1 => "issued this certificate (signature verified)".to_owned(),
            more => format!("issued this certificate and {} more (signatures verified)", more - 1),
        };
        add(role, PROOF, "link", locator(&first.origin, first.line), text);
    } else if let Some(first) = key.same_name.first() {
        let text = "has the name of this certificate's issuer (signature not verified)".to_owned();
        add(role, SAME_NAME, "link", locator(&first.origin, first.line), text);
    }
    if let Some(known) = known.filter(|known| known.role != "unknown") {
        let text = format!("known key: {} ({})", known.label, known.source);
        add(&known.role, PROOF, "link", "known keys".to_owned(), text);
    }
}
