//! Severity in tenths: the base of the tier, then what raises or lowers it. Integers; the list adds up.

use keyradius_core::material::{Material, Proof, ProtectionState, Reach, Remark};

use super::known::Class;
use super::subject::Facts;
use super::tables::Expiry;
use super::{Band, Finding, Modifier, RuleHit, Tier, Word, rank, subject, test_key};

/// Base severity of a tier in tenths, and the minimum after everything that lowers it.
const fn base(tier: Tier) -> (i32, i32) {
    match tier {
        Tier::T0 => (98, 70),
        Tier::T1 => (91, 60),
        Tier::T2 => (75, 0),
        Tier::T3 => (55, 0),
        Tier::T4 => (25, 0),
    }
}

/// Minimum severity; notes always have it.
const NOTE: i32 = 10;

/// Maximum severity of a key for tests.
const TEST: i32 = 50;

/// Maximum severity of a key of which only the places say that it is for tests.
const TEST_PLACE: i32 = 69;

/// Maximum severity of a key whose role is only possible.
const POSSIBLE: i32 = 69;

/// Severity of a key that cannot sign but can decrypt what was encrypted to it.
const CONFIDENTIALITY: i32 = 60;

/// CA/Browser Forum policies (code signing, EV, TLS, S/MIME) and embedded SCTs (certificate transparency): issued by a
/// publicly trusted CA.
const PUBLIC_POLICIES: &str = "2.23.140.1.";
const SCT_LIST: &str = "1.3.6.1.4.1.11129.2.4.2";

const DAY: i64 = 86_400;

/// The severity: the sum of the list.
pub(super) fn sum(modifiers: &[Modifier]) -> i32 {
    modifiers.iter().map(|modifier| modifier.tenths).sum()
}

/// What the limits for keys for tests took, in tenths.
pub(super) fn limited(modifiers: &[Modifier]) -> i32 {
    modifiers.iter().filter(|modifier| modifier.by == Word::Limit).map(|modifier| -modifier.tenths).sum()
}

/// The severity without what the author of a change controls. Published test keys and damaged keys keep theirs.
pub(super) fn without_author(finding: &Finding) -> i32 {
    let published = finding.known.as_ref().is_some_and(|known| known.class == Class::PublicTest);
    if published || finding.occurrences.iter().all(|place| is_damaged(&place.material)) {
        return finding.severity;
    }
    let counts = |modifier: &&Modifier| match modifier.by {
        Word::Key => true,
        Word::Author => modifier.tenths > 0,
        Word::Limit | Word::Bound => false,
    };
    let sum: i32 = finding.modifiers.iter().filter(counts).map(|modifier| modifier.tenths).sum();
    sum.clamp(finding.threshold().min(100), 100)
}

/// The list: the first entry is the base of the tier, the last ones are corrections by the bounds and, of a key for
/// tests, by their limit.
pub(super) fn modifiers(facts: &Facts<'_>, rules: &[RuleHit], for_tests: bool) -> Vec<Modifier> {
    let has = |rule: &str| rules.iter().any(|hit| hit.rule == rule);
    let (start, floor) = base(facts.tier);
    let mut list = vec![Modifier { tenths: start, text: format!("tier {}", facts.tier.id()), by: Word::Key }];
    let mut add_by = |by, tenths, text: &str| list.push(Modifier { tenths, text: text.to_owned(), by });
    let key = facts.key;
    let encryption = facts.roles.iter().all(|role| role.role == "encryption_only");
    if encryption && facts.tier == Tier::T4 {
        add_by(Word::Key, CONFIDENTIALITY - start, "does not sign, but decrypts what was encrypted to it");
    }
    if key.private.is_empty() {
        add_by(Word::Key, 0, "only the public key is here: judged by what trusts it");
    } else {
        how_it_lies(facts, &mut |tenths, text| add_by(Word::Key, tenths, text));
    }
    expiry(facts, &mut |tenths, text| add_by(Word::Author, tenths, text));
    if facts.ledger.iter().any(|item| item.group == "constraint") {
        add_by(Word::Author, -10, "the CA is constrained in names, depth or purpose");
    }
    where_it_lies(facts, &mut |tenths, text| add_by(Word::Key, tenths, text));
    if has("MULTI-ROLE") {
        add_by(Word::Key, 3, "one key in more than one role or stage");
    }
    // Whoever has the file needs no attack.
    let lies_open = matches!(facts.protection, ProtectionState::Plaintext | ProtectionState::Opened);
    if (has("WEAK-KEY") || has("KEY-COMPUTABLE")) && (key.private.is_empty() || !lies_open) {
        add_by(Word::Key, 5, "weak: it can be attacked without the file");
    }
    // A test that uses its own fixture is another place for tests.
    let users = key.uses.iter().filter(|used| !used.is_topic()).map(|used| &*used.reference).chain(&key.issued);
    // A copy of the certificate elsewhere trusts nothing by itself; a keystore that contains it does.
    let trusts = key.related.iter().filter(|place| key.private.is_empty() || subject::is_trust(place));
    let places = key.private.iter().chain(trusts).chain(users);
    let published = test_key::is_published(facts);
    let lost = facts.known.is_some() && !published;
    let tested = places.into_iter().all(|place| facts.is_for_tests(place)) && !lost;
    let trusted = has("TRUSTS-PUBLIC-KEY");
    if tested && !trusted {
        // Anyone can put a key below `tests`: the place alone makes no note of a key that can sign.
        let total = sum(&list);
        let least = if key.private.iter().all(|place| is_damaged(&place.material)) { 0 } else { rank::NOTE };
        let tenths = (least - total).clamp(-30, 0);
        list.push(Modifier { tenths, text: "only in places for tests and examples".to_owned(), by: Word::Author });
    }
    let total = sum(&list);
    let (bounded, why) = if published && !trusted {
        (NOTE, "a published test key that nothing here trusts: a note")
    } else if published {
        (start, "a published test key that something trusts: as bad as the tier")
    } else {
        // One medium piece of evidence is not enough for the top of the list.
        let possible = facts.roles.iter().all(|role| role.band <= Band::Possible && role.role != "unknown");
        let (most, why) = if possible {
            (POSSIBLE, "the role is only possible: at most 6.9 without stronger evidence")
        } else {
            (100, "never more than 10")
        };
        let floor = if tested { NOTE } else { floor.max(NOTE) };
        (total.clamp(floor.min(most), most), if total < floor { "minimum for the tier" } else { why })
    };
    if bounded != total {
        list.push(Modifier { tenths: bounded - total, text: why.to_owned(), by: Word::Bound });
    }
    let limit = match (for_tests, tested && !trusted && !published) {
        (true, _) => Some((TEST, "a key for tests: at most 5.0")),
        (false, true) => Some((TEST_PLACE, "only in places for tests: at most 6.9")),
        (false, false) => None,
    };
    if let Some((most, why)) = limit.filter(|(most, _)| bounded > *most) {
        list.push(Modifier { tenths: most - bounded, text: why.to_owned(), by: Word::Limit });
    }
    list
}

fn how_it_lies(facts: &Facts<'_>, add: &mut dyn FnMut(i32, &str)) {
    match facts.protection {
        ProtectionState::Plaintext => {}
        ProtectionState::Opened => add(0, "encrypted, but opened in this run"),
        ProtectionState::Weak => add(-5, "encrypted, weakly"),
        ProtectionState::Strong => add(-15, "encrypted"),
        ProtectionState::Hardware | ProtectionState::Stub => add(-40, "bound to hardware: unusable elsewhere"),
    }
    if facts.key.private.iter().all(|o| is_damaged(&o.material)) {
        add(-30, "damaged or made up: cannot sign");
    }
}

/// Whether no part of a key can sign. A key with one part that signs is not damaged, whatever the other parts are.
pub(super) fn is_damaged(material: &Material) -> bool {
    material.proof < Proof::Verified && material.remarks.contains(&Remark::Unfit)
}

fn expiry(facts: &Facts<'_>, add: &mut dyn FnMut(i32, &str)) {
    if facts.expired() && !facts.is_only_used() {
        match facts.expiry() {
            Expiry::Enforced => add(-20, "its certificates are expired, and verifiers check expiry"),
            Expiry::WithoutTimestamp => add(-5, "expired, but time-stamped signatures are still trusted"),
            Expiry::Ignored | Expiry::None => add(0, "expired, but verifiers do not check expiry"),
        }
        return;
    }
    let public = facts.key.certificates().any(|certificate| {
        let listed = certificate.policies.iter().any(|policy| policy.starts_with(PUBLIC_POLICIES));
        certificate.not_after >= facts.judge.now && (listed || certificate.extensions.iter().any(|e| e == SCT_LIST))
    });
    if public {
        add(5, "its certificate is valid and publicly trusted");
    }
}

/// Prefixes of the refs that GitHub, Gitea and Forgejo; GitLab; Gerrit keep for what is proposed for a branch.
const REQUESTS: [&str; 3] = ["refs/pull/", "refs/merge-requests/", "refs/changes/"];

fn where_it_lies(facts: &Facts<'_>, add: &mut dyn FnMut(i32, &str)) {
    let places = if facts.key.private.is_empty() { &facts.key.related } else { &facts.key.private };
    // A ref that is neither a branch nor a tag has its full name.
    let requested = |name: &str| REQUESTS.iter().any(|prefix| name.starts_with(prefix));
    let remote = |name: &String| name.contains('/') && !name.starts_with("refs/");
    let mut reachable = places.iter().filter_map(|o| o.git.as_deref()).filter(|git| git.reach == Reach::Refs);
    if reachable.clone().any(|git| !git.tags.is_empty() || git.branches.iter().any(remote)) {
        add(3, "in the history of a remote branch or a tag");
    } else if reachable.any(|git| git.branches.iter().any(|name| requested(name))) {
        add(3, "in the history of a pull request or a change under review");
    }
    let mut paths: Vec<_> = places.iter().map(|o| o.origin.location()).collect();
    paths.sort();
    paths.dedup();
    let mut repositories: Vec<_> = places.iter().filter_map(|o| Some(&o.git.as_ref()?.repository)).collect();
    repositories.sort();
    repositories.dedup();
    if paths.len() >= 3 || repositories.len() >= 2 {
        add(2, if repositories.len() >= 2 { "in more than one repository" } else { "three places or more" });
    }
    match facts.first_seen.map(|first| facts.judge.now.saturating_sub(first) / DAY) {
        Some(366..) => add(4, "exposed for more than a year"),
        Some(91..=365) => add(2, "exposed for more than 90 days"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floors_and_bases() {
        assert!(base(Tier::T0) > base(Tier::T1) && base(Tier::T1) > base(Tier::T2));
        assert!(base(Tier::T1).1 > base(Tier::T3).0, "no T1 ranks below a T3");
    }
}
