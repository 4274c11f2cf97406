//! What the points of a role stand on: whether it is proven, and whether it gives way to another one.
//!
//! Points add up, but many medium observations prove nothing. A role is proven only if one item alone proves it, and an
//! extended key usage alone only if nothing says that the key does something else: a certificate says what a key may do,
//! not what it does.

use super::tables::Role;
use super::{Band, Evidence, RoleScore, Tables};

/// Points of an item that proves a role.
const PROOF: i32 = 100;

/// Points of another observation that decides between two purposes of one certificate.
const DECIDES: i32 = 30;

/// Fewest points of a role to which one that rests on names gives way: the topic of a whole file, and the topic of the
/// text around the key if the name of the file fits the weaker role.
const TOPIC: i32 = 16;
const NEAR: i32 = 20;

/// The two sides of TLS: most certificates allow both.
const SIDES: [&str; 2] = ["tls_server", "tls_client"];

/// Roles around TLS: they say nothing against each other.
const TLS: [&str; 6] = ["tls_server", "tls_client", "ca_root_private", "ca_intermediate", "vpn", "vpn_ca"];

/// Groups of what people name and where they put it.
const NAMES: [&str; 5] = ["path", "cofile", "text", "beside", "described"];

/// Groups of what concerns the use of the key.
const USES: [&str; 2] = ["build", "topic"];

/// Whether an item of the role alone proves it.
pub(super) fn is_proven(role: &str, ledger: &[Evidence]) -> bool {
    let proofs = || ledger.iter().filter(|item| item.weight >= PROOF);
    let own = || proofs().filter(|item| item.role == role);
    if own().any(|item| item.group != "certificate") {
        return true;
    }
    own().next().is_some()
        && !proofs().any(|item| item.group == "certificate" && item.role != role && !are_sides(&item.role, role))
        && !ledger.iter().any(|item| is_used_otherwise(item, role))
        && decided(role, ledger)
}

/// Whether the certificate allows only one side of TLS, or something else tells the side.
fn decided(role: &str, ledger: &[Evidence]) -> bool {
    let Some(other) = SIDES.iter().find(|side| **side != role).filter(|_| SIDES.contains(&role)) else { return true };
    let allowed = ledger.iter().any(|item| item.role == *other && item.weight >= PROOF);
    let says = |role: &str| {
        ledger.iter().any(|item| item.role == role && item.weight >= DECIDES && item.group != "certificate")
    };
    let denied = ledger.iter().any(|item| item.role == *other && item.weight < 0);
    !allowed || denied || (says(role) && !says(other))
}

fn are_sides(one: &str, other: &str) -> bool {
    SIDES.contains(&one) && SIDES.contains(&other)
}

/// Whether an item says that the key is used for something that is not around the role.
fn is_used_otherwise(item: &Evidence, role: &str) -> bool {
    let around = item.role == role || (TLS.contains(&item.role.as_str()) && TLS.contains(&role));
    !around && item.weight > 0 && USES.contains(&item.group.as_str())
}

/// Whether a role rests on nothing but names, and a use or a text near the key speaks for another one that is as wide: the
/// tier does not get smaller.
pub(super) fn gives_way(weak: &RoleScore, scores: &[RoleScore], ledger: &[Evidence], tables: &Tables) -> bool {
    let named = tables.role(&weak.role).is_some_and(|role: &Role| role.named);
    let own = || ledger.iter().filter(|item| item.role == weak.role && item.weight > 0);
    if !named || weak.band > Band::Possible || own().any(|item| !NAMES.contains(&item.group.as_str())) {
        return false;
    }
    let least = if own().any(|item| item.group == "path") { NEAR } else { TOPIC };
    scores.iter().any(|other| {
        let used = ledger.iter().any(|item| item.role == other.role && is_used_otherwise(item, &weak.role));
        used && other.score >= least && other.tier <= weak.tier
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(items: &[(&str, &str, i32)]) -> Vec<Evidence> {
        let item = |&(role, group, weight): &(&str, &str, i32)| Evidence {
            role: role.into(),
            weight,
            group: group.into(),
            locator: "x:1".into(),
            text: "y".into(),
            tier: None,
        };
        items.iter().map(item).collect()
    }

    #[test]
    fn a_sum_proves_nothing_and_a_certificate_only_if_nothing_speaks_against_it() {
        let eku = |role| (role, "certificate", 100);
        for (items, proven) in [
            (&[("tls_server", "build", 60), ("tls_server", "text", 60)][..], false),
            (&[("tls_server", "link", 100)], true),
            (&[eku("tls_server")], true),
            (&[eku("tls_server"), ("tls_client", "build", 30)], true),
            (&[eku("tls_server"), ("token_issuer", "topic", 16)], false),
            (&[eku("tls_server"), eku("tls_client")], false),
            (&[eku("tls_server"), eku("tls_client"), ("tls_server", "build", 60)], true),
            (&[eku("tls_server"), eku("tls_client"), ("tls_client", "path", -60)], true),
            (&[eku("tls_server"), eku("tls_client"), ("tls_server", "build", 60), ("tls_client", "build", 60)], false),
            (&[eku("tls_server"), eku("code_signing")], false),
        ] {
            assert_eq!(is_proven("tls_server", &ledger(items)), proven, "{items:?}");
        }
    }
}
