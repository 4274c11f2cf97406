//! Turns evidence into findings: a pure function, integers only.
//!
//! Per role and group, the strongest item counts; groups add up, capped at 200. Roles of 60 points or more are
//! asserted. Otherwise, the best one is asserted with its lower band; without any evidence `unknown`. `standing.rs` says
//! which roles are proven, and which give way because only names support them.
//! A generic role, which only says what any key of its format can do, gives way to a special one. The tier is that of
//! the widest asserted role. The severity follows from the tier and from how the key is kept (`severity.rs`). Every
//! step is recorded in a ledger that adds up.

use std::collections::BTreeMap;

use keyradius_core::material::{Occurrence, Proof, ProtectionState};
use sha2::{Digest, Sha256};

use super::estate::{KeyGroup, KeyName};
use super::known::{Class, Known};
use super::subject::{Facts, Judge};
use super::tables::Expiry;
use super::{Band, Estate, Evidence, Finding, KnownKeys, PROBABLE, RoleScore, Tables, Tier};
use super::{around, evidence, posture, rank, severity, standing, test_key};

const POSSIBLE: i32 = 30;
const HINT: i32 = 10;
/// Most points of a role, whatever the evidence.
const CAP: i32 = 200;

/// Judges every private key of the estate, and every public key that should not be trusted. The findings are ranked.
#[cfg(test)]
pub(crate) fn classify(estate: &Estate, judge: Judge<'_>) -> Vec<Finding> {
    let distrusted = distrusted(estate, judge);
    let mut findings: Vec<Finding> = keys(estate, &distrusted).map(|key| finding(key, estate, judge)).collect();
    again(&mut findings, estate, judge, |finding| finding);
    let groups = keys(estate, &distrusted);
    let mut findings: Vec<Finding> =
        findings.into_iter().zip(groups).map(|(finding, key)| finding.with(key.clone())).collect();
    rank::rank(&mut findings);
    findings
}

/// Judges every private key of the estate, and every public key that should not be trusted; ranked. Designed for a
/// hundred thousand keys: places and certificates are moved from the estate into the findings. Evidence and weaker
/// hypotheses are left out; [`ledger`] computes them for one finding. Also returns the public keys that are not
/// findings.
pub fn classify_all(estate: &mut Estate, judge: Judge<'_>) -> (Vec<Finding>, Vec<KeyGroup>) {
    let distrusted = distrusted(estate, judge);
    // With its final capacity: a vector that grows is briefly in memory twice.
    let mut findings = Vec::with_capacity(keys(estate, &distrusted).count());
    let lean = |finding| Finding { evidence: Vec::new(), hypotheses: Vec::new(), ..finding };
    findings.extend(keys(estate, &distrusted).map(|key| lean(finding(key, estate, judge))));
    again(&mut findings, estate, judge, lean);
    let public = std::mem::take(&mut estate.public).into_iter().zip(distrusted);
    let (public, others): (Vec<_>, Vec<_>) = public.partition(|(_, is_distrusted)| *is_distrusted);
    let keys = std::mem::take(&mut estate.keys).into_iter().chain(public.into_iter().map(|(key, _)| key));
    for (finding, key) in findings.iter_mut().zip(keys) {
        finding.take(key);
        if !judge.author {
            finding.severity = severity::without_author(finding);
            finding.limited = 0;
        }
    }
    rank::rank(&mut findings);
    (findings, others.into_iter().map(|(key, _)| key).collect())
}

/// Judges keys of unknown purpose again, by what the keys around them are for. The findings are in the order of the keys.
fn again(findings: &mut [Finding], estate: &Estate, judge: Judge<'_>, lean: impl Fn(Finding) -> Finding) {
    let around = estate.around.get_or_init(|| around::of(estate, findings));
    if around.is_empty() {
        return;
    }
    for (result, key) in findings.iter_mut().zip(&estate.keys) {
        if around.contains_key(&key.name) {
            *result = lean(finding(key, estate, judge));
        }
    }
}

/// The evidence and the weaker hypotheses of a finding of [`classify_all`], from the same estate and tables. Everything
/// it needs from the estate was computed while the finding was judged, before the keys were moved out.
pub fn ledger(finding: &Finding, estate: &Estate, tables: &Tables) -> (Vec<Evidence>, Vec<RoleScore>) {
    let Some(name) =
        finding.ciphertext_sha256.map(KeyName::Opaque).or(finding.key.map(|key| KeyName::Public(key.key_only)))
    else {
        return (Vec::new(), Vec::new());
    };
    let (occurrences, related) = (finding.occurrences.clone(), finding.related.clone());
    let (private, related) = if finding.private { (occurrences, related) } else { (Vec::new(), occurrences) };
    let (public, uses, issued) = (finding.public.clone(), finding.uses.clone(), finding.issued.clone());
    let same_name = finding.same_name.clone();
    let key = KeyGroup { name, public, private, related, uses, issued, same_name };
    let ledger = evidence::weigh(&key, finding.known.as_ref(), estate, tables);
    let (_, hypotheses) = assert_roles(scores(&ledger, tables), &ledger, tables);
    (ledger, hypotheses)
}

/// For each public key without a private key, whether it should not be trusted.
fn distrusted(estate: &Estate, judge: Judge<'_>) -> Vec<bool> {
    estate.public.iter().map(|key| posture::distrusted(key, estate, judge)).collect()
}

/// The keys that become findings, in order.
fn keys<'e>(estate: &'e Estate, distrusted: &[bool]) -> impl Iterator<Item = &'e KeyGroup> {
    let public = estate.public.iter().zip(distrusted).filter(|(_, is_distrusted)| **is_distrusted);
    estate.keys.iter().chain(public.map(|(key, _)| key))
}

impl Finding {
    /// Adds what is known of the key to the finding.
    #[cfg(test)]
    fn with(mut self, key: KeyGroup) -> Self {
        self.take(key);
        self
    }

    /// Adds what is known of the key.
    fn take(&mut self, key: KeyGroup) {
        (self.occurrences, self.related) =
            if key.private.is_empty() { (key.related, Vec::new()) } else { (key.private, key.related) };
        (self.public, self.uses, self.issued) = (key.public, key.uses, key.issued);
        self.same_name = key.same_name;
    }
}

fn finding(key: &KeyGroup, estate: &Estate, judge: Judge<'_>) -> Finding {
    let tables = judge.tables;
    let known = known(key, judge.known);
    let mut ledger = evidence::weigh(key, known.as_ref(), estate, tables);
    ledger.shrink_to_fit();
    let scores = scores(&ledger, tables);
    let (mut roles, mut hypotheses) = assert_roles(scores, &ledger, tables);
    roles.shrink_to_fit();
    hypotheses.shrink_to_fit();
    let tier = roles.iter().map(|r| r.tier).min().unwrap_or(Tier::T3);
    let potential = hypotheses.iter().map(|r| r.tier).min().filter(|&t| t < tier);
    let protection = weakest(key);
    let first_seen = first_seen(key);
    let facts = Facts {
        key,
        estate,
        judge,
        known: known.as_ref(),
        roles: &roles,
        ledger: &ledger,
        protection,
        tier,
        first_seen,
    };
    let rules = posture::rules(&facts);
    let dated = facts.expiry() == Expiry::Enforced;
    let test = test_key::reason(&facts);
    let mut modifiers = severity::modifiers(&facts, &rules, test.is_some());
    modifiers.shrink_to_fit();
    let best = roles.first().and_then(|r| tables.role(&r.role));
    let alone = key.certificates().next().is_some() && key.certificates().all(|facts| facts.self_issued);
    let own = best.and_then(|role| role.self_signed.as_ref()).filter(|_| alone);
    let (trusted_by, next) = match (own, best) {
        (Some(own), _) => (own.trusted_by.as_str(), own.next.as_str()),
        (None, Some(role)) => (role.trusted_by.as_str(), role.next.as_str()),
        (None, None) => ("", ""),
    };
    // A possible role counts beside a stronger one that does not sign: anyone can add a use to a tree. A hint does not.
    let possible = roles.iter().chain(&hypotheses).filter(|r| r.band >= Band::Possible);
    let signing = possible.filter_map(|r| tables.role(&r.role)).any(|r| r.signs);
    let mut fingerprints: Vec<String> = places(key).iter().filter_map(|o| o.material.pgp_fingerprint.clone()).collect();
    fingerprints.sort();
    fingerprints.dedup();
    let mut certificates: Vec<_> = key.certificates().cloned().collect();
    certificates.sort_by_key(|c| c.sha256);
    certificates.dedup_by_key(|c| c.sha256);
    let public = key.public.as_ref();
    Finding {
        id: id(key),
        private: !key.private.is_empty(),
        key: public.map(|p| p.id),
        algorithm: public.map(|p| p.algorithm.clone()),
        ciphertext_sha256: match key.name {
            KeyName::Opaque(digest) => Some(digest),
            KeyName::Public(_) => None,
        },
        public: None,
        pgp_fingerprints: fingerprints,
        proof: key.private.iter().map(|o| o.material.proof).max().unwrap_or(Proof::Structure),
        protection,
        reason: match &known {
            Some(known) if rules.iter().any(|hit| hit.rule == "KEY-TEST-KNOWN") => format!(
                "Published for tests ({}, {}), and nothing found here trusts it; anyone can sign for what trusts it",
                known.label, known.source
            ),
            _ => reason(key, &roles, &ledger, trusted_by, protection),
        },
        next_step: next.to_owned(),
        roles,
        hypotheses,
        tier,
        tier_potential: potential,
        severity: severity::sum(&modifiers),
        signing,
        for_tests: test,
        limited: severity::limited(&modifiers),
        evidence: ledger,
        modifiers,
        rules,
        weaknesses: judge.weak.get(&key.name).cloned().unwrap_or_default(),
        known,
        first_seen,
        dated,
        occurrences: Vec::new(),
        certificates,
        related: Vec::new(),
        uses: Vec::new(),
        issued: Vec::new(),
        same_name: Vec::new(),
    }
}

/// Places of the private key; without one, places of what trusts the public key.
fn places(key: &KeyGroup) -> &[Occurrence] {
    if key.private.is_empty() { &key.related } else { &key.private }
}

/// What the lists say of the key, its certificates or its fingerprints.
fn known(key: &KeyGroup, lists: &KnownKeys) -> Option<Known> {
    let of_key = key.public.as_ref().and_then(|public| lists.key(public));
    let of_certificate = || key.certificates().find_map(|facts| lists.certificate(facts)).cloned();
    let of_fingerprint = || {
        let digits = key.private.iter().chain(&key.related).filter_map(|o| o.material.pgp_fingerprint.as_deref());
        digits.into_iter().find_map(|digits| lists.fingerprint(digits)).cloned()
    };
    let known = of_key.or_else(of_certificate).or_else(of_fingerprint)?;
    // A published public half is only a claim: its private key may be one that nobody has published.
    let is_that_key = |o: &Occurrence| {
        let state = o.material.protection.as_ref().map(|protection| protection.state);
        o.material.proof == Proof::Verified || matches!(state, Some(ProtectionState::Stub | ProtectionState::Hardware))
    };
    (known.class != Class::PublicTest || key.private.iter().all(is_that_key)).then_some(known)
}

/// Time of the first commit that contains the key, seconds since 1970.
fn first_seen(key: &KeyGroup) -> Option<i64> {
    places(key).iter().filter_map(|o| Some(o.git.as_ref()?.introduced.as_ref()?.commit_time)).min()
}

/// `kr1:` and the first 16 hex digits of a digest of the key's name: the same wherever the key is found. A key that is
/// only trusted is a different finding from the private key.
fn id(key: &KeyGroup) -> String {
    let hash = Sha256::new();
    let digest = match key.name {
        KeyName::Public(digest) if key.private.is_empty() => hash.chain_update(b"kr1\0trusted\0").chain_update(digest),
        KeyName::Public(digest) => hash.chain_update(b"kr1\0public\0").chain_update(digest),
        KeyName::Opaque(digest) => hash.chain_update(b"kr1\0opaque\0").chain_update(digest),
    };
    let hex = keyradius_core::hex::hex(&digest.finalize());
    format!("kr1:{}", hex.get(..16).unwrap_or_default())
}

/// Points of every role: the strongest item of each group, added up, minus what contradicts the role.
fn scores(ledger: &[Evidence], tables: &Tables) -> Vec<RoleScore> {
    let mut strongest: BTreeMap<(&str, &str), i32> = BTreeMap::new();
    let mut against: BTreeMap<(&str, &str), i32> = BTreeMap::new();
    let mut widened: BTreeMap<&str, Tier> = BTreeMap::new();
    for item in ledger {
        if item.weight < 0 {
            // The same contradiction from two certificates counts once.
            let worst = against.entry((&item.role, &item.text)).or_default();
            *worst = (*worst).min(item.weight);
        } else {
            let best = strongest.entry((&item.role, &item.group)).or_default();
            *best = (*best).max(item.weight);
        }
        if let Some(tier) = item.tier {
            let widest = widened.entry(&item.role).or_insert(tier);
            *widest = tier.min(*widest);
        }
    }
    let mut sums: BTreeMap<&str, i32> = BTreeMap::new();
    for ((role, _), weight) in strongest.into_iter().chain(against) {
        *sums.entry(role).or_default() += weight;
    }
    sums.into_iter()
        .filter_map(|(role, sum)| {
            let score = sum.min(CAP);
            let band = match score {
                100.. if standing::is_proven(role, ledger) => Band::Proven,
                PROBABLE.. => Band::Probable,
                POSSIBLE.. => Band::Possible,
                HINT.. => Band::Hint,
                _ => return None,
            };
            let known = tables.role(role)?;
            let tier = widened.get(role).map_or(known.tier, |tier| known.tier.min(*tier));
            Some(RoleScore { role: role.to_owned(), title: known.title.clone(), score, band, tier })
        })
        .collect()
}

/// Whether a hint may be the only reason for a role. What tools write into every certificate may not.
fn is_headline(role: &str, ledger: &[Evidence]) -> bool {
    let silent = |item: &&Evidence| matches!(item.group.as_str(), "certificate" | "container");
    ledger.iter().any(|item| item.role == role && item.weight > 0 && !silent(&item))
}

/// Splits scores into asserted roles (widest tier first) and weaker hypotheses.
fn assert_roles(mut scores: Vec<RoleScore>, ledger: &[Evidence], tables: &Tables) -> (Vec<RoleScore>, Vec<RoleScore>) {
    let generic = |score: &RoleScore| tables.role(&score.role).is_some_and(|role| role.generic);
    scores.sort_by(|a, b| (a.tier, -a.score, &a.role).cmp(&(b.tier, -b.score, &b.role)));
    let (aside, scores): (Vec<_>, Vec<_>) =
        scores.iter().cloned().partition(|s| standing::gives_way(s, &scores, ledger, tables));
    let (mut asserted, mut weaker): (Vec<_>, Vec<_>) = scores.into_iter().partition(|s| s.band >= Band::Probable);
    if asserted.iter().any(|score| !generic(score)) {
        asserted.retain(|score| !generic(score));
    }
    if asserted.is_empty() {
        let eligible = |s: &RoleScore| s.band > Band::Hint || is_headline(&s.role, ledger);
        // Of equal ones, that of the wider tier; one that names suggest for every key comes last.
        let named = |s: &RoleScore| tables.role(&s.role).is_some_and(|role| role.named);
        let rank = |s: &RoleScore| (s.score, !named(s));
        let best = weaker.iter().filter(|s| eligible(s)).map(rank).max();
        let position = best.and_then(|best| weaker.iter().position(|s| rank(s) == best && eligible(s)));
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
    weaker.extend(aside);
    (asserted, weaker)
}

/// The weakest protection among the places: the one an attacker would choose.
fn weakest(key: &KeyGroup) -> ProtectionState {
    let states = key.private.iter().filter_map(|o| o.material.protection.as_ref()).map(|p| p.state);
    states.min().unwrap_or(ProtectionState::Plaintext)
}

/// The reason in one line: what trusts the key, why, and how the key is protected.
fn reason(
    key: &KeyGroup,
    roles: &[RoleScore],
    ledger: &[Evidence],
    trusted_by: &str,
    protection: ProtectionState,
) -> String {
    let how = match protection {
        _ if key.private.is_empty() => "only the public key is here, but others have the private key or can compute it",
        ProtectionState::Plaintext => "readable by anyone with the file",
        ProtectionState::Opened => "encrypted, and opened with a password that others can find as well",
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
        return format!("Purpose unknown: no evidence of what trusts this key; {how}");
    }
    match why {
        Some(item) => format!("Trusted by {trusted_by}; {} ({}); {how}", item.text, item.locator),
        None => format!("Trusted by {trusted_by}; {how}"),
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
        let (asserted, weaker) = assert_roles(scores(&ledger, &tables), &ledger, &tables);
        let plain = |list: Vec<RoleScore>| list.into_iter().map(|s| (s.role, s.score)).collect();
        (plain(asserted), plain(weaker))
    }

    #[test]
    fn only_the_strongest_item_of_a_group_counts() {
        let (asserted, _) = roles(&[("tsa", "path", 30), ("tsa", "path", 10), ("tsa", "label", 30)]);
        assert_eq!(asserted, [("tsa".to_owned(), 60)]);
    }

    #[test]
    fn the_widest_role_comes_first_and_hypotheses_are_separate() {
        let (asserted, weaker) =
            roles(&[("tls_server", "certificate", 100), ("ca_intermediate", "certificate", 100), ("tsa", "path", 10)]);
        assert_eq!(asserted.iter().map(|r| r.0.as_str()).collect::<Vec<_>>(), ["ca_intermediate", "tls_server"]);
        assert_eq!(weaker, [("tsa".to_owned(), 10)]);
    }

    #[test]
    fn without_evidence_the_role_is_unknown() {
        assert_eq!(roles(&[]).0, [("unknown".to_owned(), 0)]);
        assert_eq!(roles(&[("tsa", "path", 10)]).0, [("tsa".to_owned(), 10)]);
        assert_eq!(roles(&[("tsa", "path", 30)]).0, [("tsa".to_owned(), 30)]);
        assert_eq!(roles(&[("tsa", "path", 30), ("tsa", "certificate", -60)]).0, [("unknown".to_owned(), 0)]);
    }
}
