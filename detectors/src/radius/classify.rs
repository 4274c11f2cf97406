//! From evidence to findings: a pure function, integers only.
//!
//! Per role and group the strongest item counts; groups add up, capped at 200. Roles of 60 points or more are asserted;
//! if there is none, the best one of 30 or more with its doubt on it; else `unknown`. The tier is that of the widest
//! asserted role, the severity that of the tier and of how the key lies there. Every step is in a ledger that re-adds.

use std::collections::BTreeMap;

use scanner_core::blob::printable_path;
use scanner_core::material::{Material, Proof, ProtectionState};
use sha2::{Digest, Sha256};

use super::estate::{KeyGroup, KeyName};
use super::evidence::{self, file};
use super::{Band, Estate, Evidence, Finding, Modifier, RoleScore, Tables, Tier, rank};

/// Points of a role that make it asserted.
const PROBABLE: i32 = 60;
const POSSIBLE: i32 = 30;
const HINT: i32 = 10;
/// No sum of evidence says more than this.
const CAP: i32 = 200;

/// Severity of a tier in tenths, and the least that is left of it after all that speaks for a lower one.
const fn base(tier: Tier) -> (i32, i32) {
    match tier {
        Tier::T0 => (98, 70),
        Tier::T1 => (91, 60),
        Tier::T2 => (75, 0),
        Tier::T3 => (55, 0),
        Tier::T4 => (25, 0),
    }
}

/// Judges every private key of the estate. The findings come ranked.
pub fn classify(estate: &Estate, tables: &Tables) -> Vec<Finding> {
    let mut findings: Vec<Finding> = estate.keys.iter().map(|key| finding(key, estate, tables)).collect();
    rank::rank(&mut findings);
    findings
}

fn finding(key: &KeyGroup, estate: &Estate, tables: &Tables) -> Finding {
    let ledger = evidence::weigh(key, estate, tables);
    let scores = scores(&ledger, tables);
    let (roles, hypotheses) = assert_roles(scores, tables);
    let tier = roles.iter().map(|r| r.tier).min().unwrap_or(Tier::T3);
    let potential = hypotheses.iter().map(|r| r.tier).min().filter(|&t| t < tier);
    let protection = weakest(key);
    let modifiers = modifiers(key, tier, &roles, protection, (estate, tables), &ledger);
    let severity = severity(tier, &modifiers);
    let best = roles.first().and_then(|r| tables.role(&r.role));
    let signing = roles.iter().filter_map(|r| tables.role(&r.role)).any(|r| r.signs);
    let mut fingerprints: Vec<String> = key.private.iter().filter_map(|o| o.material.pgp_fingerprint.clone()).collect();
    fingerprints.sort();
    fingerprints.dedup();
    let mut certificates: Vec<_> =
        key.related.iter().filter_map(|o| o.material.certificate.as_deref().cloned()).collect();
    certificates.sort_by_key(|c| c.sha256);
    certificates.dedup_by_key(|c| c.sha256);
    Finding {
        id: id(key.name),
        key: key.public.as_ref().map(|p| p.id),
        algorithm: key.public.as_ref().map(|p| p.algorithm.clone()),
        ciphertext_sha256: match key.name {
            KeyName::Opaque(digest) => Some(digest),
            KeyName::Public(_) => None,
        },
        public: key.public.clone(),
        pgp_fingerprints: fingerprints,
        proof: key.private.iter().map(|o| o.material.proof).max().unwrap_or(Proof::Structure),
        protection,
        reason: reason(&roles, &ledger, best.map_or("", |r| r.believed_by.as_str()), protection),
        next_step: best.map_or_else(String::new, |r| r.next.clone()),
        roles,
        hypotheses,
        tier,
        tier_potential: potential,
        severity,
        signing,
        evidence: ledger,
        modifiers,
        occurrences: key.private.clone(),
        certificates,
        related: key.related.clone(),
    }
}

/// `kr1:` and the first 16 hex digits of a digest of the key's name: the same wherever the key lies.
fn id(name: KeyName) -> String {
    let digest = match name {
        KeyName::Public(digest) => Sha256::new().chain_update(b"kr1\0public\0").chain_update(digest),
        KeyName::Opaque(digest) => Sha256::new().chain_update(b"kr1\0opaque\0").chain_update(digest),
    };
    let hex = crate::read::text::hex(&digest.finalize());
    format!("kr1:{}", hex.get(..16).unwrap_or_default())
}

/// Points of every role: the strongest item of each group, added up.
fn scores(ledger: &[Evidence], tables: &Tables) -> Vec<RoleScore> {
    let mut strongest: BTreeMap<(&str, &str), i32> = BTreeMap::new();
    let mut against: BTreeMap<&str, i32> = BTreeMap::new();
    for item in ledger {
        if item.weight < 0 {
            *against.entry(&item.role).or_default() += item.weight;
        } else {
            let best = strongest.entry((&item.role, &item.group)).or_default();
            *best = (*best).max(item.weight);
        }
    }
    let mut sums: BTreeMap<&str, i32> = against;
    for ((role, _), weight) in strongest {
        *sums.entry(role).or_default() += weight;
    }
    sums.into_iter()
        .filter_map(|(role, sum)| {
            let score = sum.min(CAP);
            let band = match score {
                100.. => Band::Proven,
                PROBABLE.. => Band::Probable,
                POSSIBLE.. => Band::Possible,
                HINT.. => Band::Hint,
                _ => return None,
            };
            let known = tables.role(role)?;
            Some(RoleScore { role: role.to_owned(), title: known.title.clone(), score, band, tier: known.tier })
        })
        .collect()
}

/// Splits scores into asserted roles (widest tier first) and weaker hypotheses.
fn assert_roles(mut scores: Vec<RoleScore>, tables: &Tables) -> (Vec<RoleScore>, Vec<RoleScore>) {
    scores.sort_by(|a, b| (a.tier, -a.score, &a.role).cmp(&(b.tier, -b.score, &b.role)));
    let (mut asserted, mut weaker): (Vec<_>, Vec<_>) = scores.into_iter().partition(|s| s.band >= Band::Probable);
    if asserted.is_empty() {
        let best = weaker.iter().map(|s| s.score).max().filter(|&score| score >= POSSIBLE);
        let position = best.and_then(|best| weaker.iter().position(|s| s.score == best));
        asserted.push(match position {
            Some(position) => weaker.remove(position),
            None => RoleScore {
                role: "unknown".to_owned(),
                title: tables.role("unknown").map_or_else(String::new, |r| r.title.clone()),
                score: 0,
                band: Band::Hint,
                tier: tables.role("unknown").map_or(Tier::T3, |r| r.tier),
            },
        });
    }
    (asserted, weaker)
}

/// The protection that an attacker would choose among the places.
fn weakest(key: &KeyGroup) -> ProtectionState {
    let states = key.private.iter().filter_map(|o| o.material.protection.as_ref()).map(|p| p.state);
    states.min().unwrap_or(ProtectionState::Plaintext)
}

fn modifiers(
    key: &KeyGroup,
    tier: Tier,
    roles: &[RoleScore],
    protection: ProtectionState,
    (estate, tables): (&Estate, &Tables),
    ledger: &[Evidence],
) -> Vec<Modifier> {
    let mut list = vec![Modifier { tenths: base(tier).0, text: format!("tier {}", tier.id()) }];
    let mut add = |tenths, text: &str| list.push(Modifier { tenths, text: text.to_owned() });
    match protection {
        ProtectionState::Plaintext | ProtectionState::Opened => {}
        ProtectionState::Weak => add(-5, "encrypted, weakly"),
        ProtectionState::Strong => add(-15, "encrypted"),
        ProtectionState::Hardware | ProtectionState::Stub => add(-40, "wrapped to hardware: no use elsewhere"),
    }
    let all = |test: fn(&Material) -> bool| key.private.iter().all(|o| test(&o.material));
    if all(|m| {
        m.proof < Proof::Verified && m.notes.iter().any(|n| n.contains("do not fit") || n.contains("does not belong"))
    }) {
        add(-30, "damaged or made up: its parts do not fit together");
    }
    let mut paths: Vec<_> = key.private.iter().map(|o| &o.origin.path).collect();
    paths.dedup();
    if paths.len() >= 3 {
        add(2, "three places or more");
    }
    if roles.len() > 1 && roles.iter().any(|r| r.tier <= Tier::T1) {
        add(3, "more than one role");
    }
    let tested = paths.iter().all(|path| {
        file::words(&printable_path(estate.inside(path))).iter().any(|word| tables.test_words.contains(word))
    });
    if tested && !ledger.iter().any(|item| matches!(item.group.as_str(), "link" | "build")) {
        add(TEST, "only in places for tests and examples");
    }
    list
}

/// What a place for tests takes.
const TEST: i32 = -30;

fn severity(tier: Tier, modifiers: &[Modifier]) -> i32 {
    let sum: i32 = modifiers.iter().map(|m| m.tenths).sum();
    // A place for tests goes below the floor of the tier; nothing goes below one.
    let floor = if modifiers.iter().any(|m| m.tenths == TEST) { 10 } else { base(tier).1.max(10) };
    sum.clamp(floor, 100)
}

/// The reason in one line: what is believed, who believes it, and how the key lies there.
fn reason(roles: &[RoleScore], ledger: &[Evidence], believed_by: &str, protection: ProtectionState) -> String {
    let how = match protection {
        ProtectionState::Plaintext => "readable by anyone with the file",
        ProtectionState::Opened => "encrypted, and opened with what stands in the tree",
        ProtectionState::Weak => "encrypted, but cheap to open",
        ProtectionState::Strong => "encrypted with a password",
        ProtectionState::Hardware => "bound to hardware",
        ProtectionState::Stub => "not in this file",
    };
    let why = roles.first().and_then(|role| {
        let items = ledger.iter().filter(|item| item.role == role.role && item.weight > 0);
        items.max_by_key(|item| (item.weight, std::cmp::Reverse(&item.locator)))
    });
    if roles.first().is_some_and(|role| role.role == "unknown") {
        return format!("Nothing found says what it is for, so nobody knows who would believe it; {how}");
    }
    match why {
        Some(item) => format!("Believed by {believed_by}; {} ({}); {how}", item.text, item.locator),
        None => format!("Believed by {believed_by}; {how}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(role: &str, group: &str, weight: i32) -> Evidence {
        Evidence { role: role.into(), weight, group: group.into(), locator: "x:1".into(), text: "y".into(), tier: None }
    }

    type Scores = Vec<(String, i32)>;

    fn roles(items: &[(&str, &str, i32)]) -> (Scores, Scores) {
        let ledger: Vec<_> = items.iter().map(|&(r, g, w)| item(r, g, w)).collect();
        let tables = Tables::built_in();
        let (asserted, weaker) = assert_roles(scores(&ledger, &tables), &tables);
        let plain = |list: Vec<RoleScore>| list.into_iter().map(|s| (s.role, s.score)).collect();
        (plain(asserted), plain(weaker))
    }

    #[test]
    fn only_the_strongest_item_of_a_group_counts() {
        let (asserted, _) = roles(&[("tsa", "path", 30), ("tsa", "path", 10), ("tsa", "label", 30)]);
        assert_eq!(asserted, [("tsa".to_owned(), 60)]);
    }

    #[test]
    fn widest_role_first_and_doubts_kept_apart() {
        let (asserted, weaker) =
            roles(&[("tls_server", "certificate", 100), ("ca_intermediate", "certificate", 100), ("tsa", "path", 10)]);
        assert_eq!(asserted.iter().map(|r| r.0.as_str()).collect::<Vec<_>>(), ["ca_intermediate", "tls_server"]);
        assert_eq!(weaker, [("tsa".to_owned(), 10)]);
    }

    #[test]
    fn without_evidence_the_role_is_unknown() {
        assert_eq!(roles(&[]).0, [("unknown".to_owned(), 0)]);
        assert_eq!(roles(&[("tsa", "path", 10)]).0, [("unknown".to_owned(), 0)]);
        assert_eq!(roles(&[("tsa", "path", 30)]).0, [("tsa".to_owned(), 30)]);
        assert_eq!(roles(&[("tsa", "path", 30), ("tsa", "certificate", -60)]).0, [("unknown".to_owned(), 0)]);
    }

    #[test]
    fn severity_readds_and_keeps_its_floor() {
        let change = |tenths| Modifier { tenths, text: String::new() };
        assert_eq!(severity(Tier::T0, &[change(98), change(-15)]), 83);
        assert_eq!(severity(Tier::T0, &[change(98), change(-40)]), 70);
        assert_eq!(severity(Tier::T0, &[change(98), change(5)]), 100);
        assert_eq!(severity(Tier::T4, &[change(25), change(TEST)]), 10);
        assert_eq!(severity(Tier::T0, &[change(98), change(TEST)]), 68);
    }
}
