//! Proves which certificates a key issued: the issuer's signature in a certificate is verified with the key.
//!
//! Names and key identifiers only say which keys are worth trying. A certificate whose signature cannot be verified (an
//! unknown scheme, a spent budget) is kept apart, as one that merely bears the name.

use std::collections::{BTreeMap, BTreeSet};

use keyradius_core::material::{CertFacts, Occurrence};
use keyradius_core::signature::Signature;
use keyradius_signed::{Verdict, cost, verify};

use super::estate::{Estate, KeyGroup, KeyName};

/// Maximum number of places of issued certificates that are kept, for all keys together. Every key gets an even share,
/// at least one.
const MAX_ISSUED: usize = 1 << 16;

/// Maximum number of places of certificates of the same name that are kept for each key: their number is the product of
/// keys and certificates, and they prove nothing.
const MAX_NAMED: usize = 16;

/// Limit of all verifications of a run, in the microseconds of [`cost`]: half a minute. 20,000 certificates that one key
/// of RSA-4096 issued take a quarter of it.
const BUDGET: u64 = 30_000_000;

/// Links every certificate to the key that issued it, if both are in the run.
pub(super) fn link(estate: &mut Estate) {
    let issuers = Issuers::of(&estate.keys);
    if issuers.is_empty() {
        return;
    }
    let mut leaves: BTreeMap<[u8; 32], Leaf<'_>> = BTreeMap::new();
    let groups = estate.keys.iter().chain(&estate.public);
    let of_keys = groups.flat_map(|group| group.related.iter().map(|occurrence| (Some(group.name), occurrence)));
    for (own, occurrence) in of_keys.chain(estate.others.iter().map(|occurrence| (None, occurrence))) {
        if let Some(facts) = occurrence.material.certificate.as_deref() {
            leaves
                .entry(facts.sha256)
                .or_insert_with(|| Leaf { own, facts, places: Vec::new() })
                .places
                .push(occurrence);
        }
    }
    let mut budget = BUDGET;
    let (mut issued, mut named): (Links<'_>, Links<'_>) = (Links::new(), Links::new());
    for leaf in leaves.values() {
        match issuers.issuer(leaf, &estate.keys, &mut budget) {
            Answer::Issuer(key) => issued.entry(key).or_default().extend(&leaf.places),
            Answer::OfTheName(keys) => {
                for key in keys {
                    let list = named.entry(key).or_default();
                    list.extend(leaf.places.iter().take(MAX_NAMED.saturating_sub(list.len())));
                }
            }
            Answer::None => {}
        }
    }
    let share = (MAX_ISSUED / issued.len().max(1)).max(1);
    let (issued, named) = (owned(issued, share), owned(named, MAX_NAMED));
    for (key, list) in issued {
        if let Some(key) = estate.keys.get_mut(key) {
            key.issued = list;
        }
    }
    for (key, list) in named {
        if let Some(key) = estate.keys.get_mut(key) {
            key.same_name = list;
        }
    }
}

/// Places of certificates by the number of the key that they are linked to.
type Links<'a> = BTreeMap<usize, Vec<&'a Occurrence>>;

/// Copies of the first places.
fn owned(links: Links<'_>, most: usize) -> BTreeMap<usize, Vec<Occurrence>> {
    let places = |mut list: Vec<&Occurrence>| {
        list.sort_by(|a, b| (&a.origin, a.offset).cmp(&(&b.origin, b.offset)));
        list.dedup_by(|a, b| a.origin == b.origin && a.offset == b.offset);
        list.into_iter().take(most).cloned().collect()
    };
    links.into_iter().map(|(key, list)| (key, places(list))).collect()
}

/// A certificate with all its places.
struct Leaf<'a> {
    /// The key that the certificate is for; `None` if it is unknown.
    own: Option<KeyName>,
    facts: &'a CertFacts,
    places: Vec<&'a Occurrence>,
}

/// Who issued a certificate.
enum Answer {
    /// The signature verifies with this key.
    Issuer(usize),
    /// These keys bear the name of the issuer, and the signature cannot be verified.
    OfTheName(Vec<usize>),
    /// No key of the run did.
    None,
}

/// The keys that may have issued certificates.
struct Issuers {
    /// Keys by the subject of a certificate for them.
    by_name: BTreeMap<String, BTreeSet<usize>>,
    /// Keys by key identifier: that of their certificates, and the usual one (RFC 5280 4.2.1.2 method 1).
    by_key_id: BTreeMap<Vec<u8>, BTreeSet<usize>>,
}

impl Issuers {
    fn of(keys: &[KeyGroup]) -> Self {
        let mut all = Self { by_name: BTreeMap::new(), by_key_id: BTreeMap::new() };
        for (number, key) in keys.iter().enumerate() {
            let Some(public) = &key.public else { continue };
            all.by_key_id.entry(public.ski_sha1.to_vec()).or_default().insert(number);
            for facts in key.certificates() {
                all.by_name.entry(facts.subject.clone()).or_default().insert(number);
                if let Some(id) = &facts.subject_key_id {
                    all.by_key_id.entry(id.clone()).or_default().insert(number);
                }
            }
        }
        all
    }

    fn is_empty(&self) -> bool {
        self.by_key_id.is_empty()
    }

    /// The keys to try: first those that the certificate names by key identifier, then those that bear the name and do
    /// not have another identifier.
    fn candidates(&self, leaf: &CertFacts, keys: &[KeyGroup]) -> Vec<usize> {
        let named = self.by_name.get(&leaf.issuer);
        let Some(id) = &leaf.authority_key_id else { return named.into_iter().flatten().copied().collect() };
        let identified = self.by_key_id.get(id);
        let mut all: Vec<usize> = identified.into_iter().flatten().copied().collect();
        let other = |key: &usize| {
            let certificates = keys.get(*key).into_iter().flat_map(KeyGroup::certificates);
            certificates.filter(|facts| facts.subject == leaf.issuer).all(|facts| facts.subject_key_id.is_some())
        };
        let fits = |key: &&usize| identified.is_none_or(|keys| !keys.contains(key)) && !other(key);
        all.extend(named.into_iter().flatten().filter(fits));
        all
    }

    /// The key that issued a certificate. Takes the cost of each verification from the budget.
    fn issuer(&self, leaf: &Leaf<'_>, keys: &[KeyGroup], budget: &mut u64) -> Answer {
        let mut unverified = Vec::new();
        for number in self.candidates(leaf.facts, keys) {
            let Some(key) = keys.get(number) else { continue };
            match verdict(key, leaf.facts.signed.as_deref(), budget) {
                // A signature of its own key: the certificate is self-signed, and nothing was issued.
                Verdict::Verified if leaf.own == Some(key.name) => return Answer::None,
                Verdict::Verified => return Answer::Issuer(number),
                Verdict::Failed => {}
                Verdict::Unknown if leaf.own == Some(key.name) => {}
                Verdict::Unknown => {
                    if key.certificates().any(|facts| facts.subject == leaf.facts.issuer) {
                        unverified.push(number);
                    }
                }
            }
        }
        if unverified.is_empty() || leaf.facts.self_issued { Answer::None } else { Answer::OfTheName(unverified) }
    }
}

/// Verifies a signature, unless it cannot be verified or the budget is spent.
fn verdict(key: &KeyGroup, signature: Option<&Signature>, budget: &mut u64) -> Verdict {
    let (Some(public), Some(signature)) = (&key.public, signature) else { return Verdict::Unknown };
    let Some(rest) = budget.checked_sub(cost(&public.spki)) else { return Verdict::Unknown };
    *budget = rest;
    verify(&public.spki, signature)
}

#[cfg(test)]
mod tests;
