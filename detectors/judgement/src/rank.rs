//! The order in which findings are shown: one total order that ends in the id.

use keyradius_core::blob::Origin;

use super::Finding;

/// Findings below this severity are notes, in tenths.
pub const NOTE: i32 = 20;

/// Sorts notes last: a published test key has the tier of its role, but is not urgent. Then signing keys before others,
/// then by severity, tier, score of the first role and first place; the id breaks ties.
pub fn rank(findings: &mut [Finding]) {
    // Unstable is enough: the ids differ, and a stable sort would allocate half of the list again.
    findings.sort_unstable_by(|a, b| {
        let order =
            |f: &Finding| (f.severity < NOTE, !f.signing, -f.severity, f.tier, -f.roles.first().map_or(0, |r| r.score));
        order(a).cmp(&order(b)).then_with(|| place(a).cmp(&place(b))).then_with(|| a.id.cmp(&b.id))
    });
}

/// The first place of a key.
fn place(finding: &Finding) -> Option<(&Origin, u64)> {
    finding.occurrences.first().map(|place| (&place.origin, place.offset))
}
