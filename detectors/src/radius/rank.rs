//! The order in which findings are shown: one total order that ends in the id.

use super::Finding;

/// Signing keys first, then by tier, severity and sureness; the id decides what is left.
pub fn rank(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        let order = |f: &Finding| (!f.signing, f.tier, -f.severity, -f.roles.first().map_or(0, |r| r.score));
        order(a).cmp(&order(b)).then_with(|| a.id.cmp(&b.id))
    });
}
