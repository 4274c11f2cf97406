//! Judges ordinary secrets: a separate list, ranked below all signing keys.
//!
//! A finding is one secret with all its places, if a digest identifies it. A guessable secret has no digest: its
//! finding is one rule at one place. The severity follows from what such a secret gives access to, and is below that of
//! a signing key of any tier except the last: a signing key is trusted for years by people who never heard of the leak;
//! a token works until it is revoked.

use std::collections::BTreeMap;

use keyradius_core::hex::hex;
use keyradius_core::material::{Identity, Occurrence, OrdinarySecret, SecretClass, Verdict};
use sha2::{Digest, Sha256};

use super::Estate;

/// An ordinary secret with all its places.
#[derive(Clone, Debug)]
pub struct SecretFinding {
    /// Stable id: `kr1:` and 16 hex digits, of the secret's digest or of its rule and path.
    pub id: String,
    /// What the detector found out about the secret.
    pub secret: OrdinarySecret,
    /// What the secret gives access to, after expiry is considered.
    pub class: SecretClass,
    /// Severity in tenths, 0 to 100.
    pub severity: i32,
    /// Whether the secret itself says that it has expired.
    pub expired: bool,
    /// The secret's places, sorted.
    pub occurrences: Vec<Occurrence>,
}

/// Severity of a class, in tenths. At most medium: CVSS calls 4.0 to 6.9 medium; findings below 2.0 are notes.
pub const fn severity(class: SecretClass) -> i32 {
    match class {
        SecretClass::Publish => 55,
        SecretClass::Account => 45,
        SecretClass::Service => 35,
        SecretClass::Password => 25,
        SecretClass::Note => 10,
    }
}

/// Identity by which ordinary secrets are joined into one finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretName {
    /// A digest that cannot be reversed.
    Digest([u8; 32]),
    /// The rule and the place (path and archive members), because a digest could be guessed.
    Place(String, String),
}

impl SecretName {
    /// The name of a secret at a place.
    pub fn of(occurrence: &Occurrence, estate: &Estate) -> Option<Self> {
        let secret = occurrence.material.secret.as_deref()?;
        if let Some(Identity::Opaque(digest)) = &occurrence.material.identity {
            return Some(Self::Digest(*digest));
        }
        let mut origin = occurrence.origin.clone();
        origin.path = estate.inside(&origin.path).to_owned();
        origin.object = None;
        for wrap in &mut origin.wraps {
            // The offset of a wrapper changes when something before it changes.
            wrap.at = 0;
        }
        Some(Self::Place(secret.rule.to_string(), origin.to_string()))
    }

    fn id(&self) -> String {
        let hash = Sha256::new();
        let digest = match self {
            Self::Digest(digest) => hash.chain_update(b"kr1\0secret\0").chain_update(digest),
            Self::Place(rule, place) => {
                hash.chain_update(b"kr1\0secret at\0").chain_update(rule).chain_update(b"\0").chain_update(place)
            }
        };
        let hex = hex(&digest.finalize());
        format!("kr1:{}", hex.get(..16).unwrap_or_default())
    }
}

/// Judges every ordinary secret of the estate, and removes the secrets from it. `now` is the time of the run, seconds
/// since 1970. Ranked by class, widest first, then by how well the secret is verified, then by id.
pub fn secrets(estate: &mut Estate, now: i64) -> Vec<SecretFinding> {
    let mut groups: BTreeMap<SecretName, Vec<Occurrence>> = BTreeMap::new();
    for occurrence in std::mem::take(&mut estate.secrets) {
        if let Some(name) = SecretName::of(&occurrence, estate) {
            // Most secrets have one place; a new vector would reserve four.
            groups.entry(name).or_insert_with(|| Vec::with_capacity(1)).push(occurrence);
        }
    }
    let mut findings: Vec<SecretFinding> =
        groups.into_iter().filter_map(|(name, occurrences)| finding(&name, occurrences, now)).collect();
    let order = |finding: &SecretFinding| (-finding.severity, std::cmp::Reverse(finding.secret.verdict));
    findings
        .sort_by(|a, b| order(a).cmp(&order(b)).then_with(|| (&a.secret.rule, &a.id).cmp(&(&b.secret.rule, &b.id))));
    findings
}

fn finding(name: &SecretName, occurrences: Vec<Occurrence>, now: i64) -> Option<SecretFinding> {
    let facts = |o: &Occurrence| o.material.secret.as_deref().cloned();
    // The same secret may give more access at one place than at another: with its second half next to it.
    let secret = occurrences.iter().filter_map(facts).min_by(|a, b| (a.class, &a.rule).cmp(&(b.class, &b.rule)))?;
    let expired = secret.expires.is_some_and(|end| end < now);
    let class = if expired { SecretClass::Note } else { secret.class };
    Some(SecretFinding { id: name.id(), severity: severity(class), class, expired, secret, occurrences })
}

impl SecretFinding {
    /// Severity as people write it: `4.5`.
    pub fn severity_text(&self) -> String {
        format!("{}.{}", self.severity / 10, self.severity % 10)
    }

    /// What the secret's own structure shows, in a few words.
    pub const fn verdict(&self) -> &'static str {
        match (self.expired, self.secret.verdict) {
            (true, _) => "expired",
            (false, Verdict::Checksum) => "checksum fits",
            (false, Verdict::Decodes) => "decodes",
            (false, Verdict::Shape) => "shape only",
        }
    }
}

#[cfg(test)]
mod tests {
    use keyradius_core::blob::Origin;
    use keyradius_core::material::{Encoding, Kind, Material};

    use super::*;

    fn place(path: &str, line: u64, class: SecretClass, digest: Option<u8>, expires: Option<i64>) -> Occurrence {
        let mut material = Material::new(Kind::Secret, "secrets", Encoding::Text, 0..10);
        material.identity = digest.map(|byte| Identity::Opaque([byte; 32]));
        material.secret = Some(Box::new(OrdinarySecret {
            rule: "a-rule".into(),
            title: "".into(),
            class,
            unlocks: "".into(),
            next: "".into(),
            verdict: Verdict::Shape,
            expires,
            by_user: false,
        }));
        Occurrence { material, origin: Origin::file(path), offset: line, line, section: None, mark: None, git: None }
    }

    #[test]
    fn copies_are_one_finding_but_guessable_secrets_one_per_file() {
        use SecretClass::{Account, Note, Password};
        let mut estate = Estate::new(vec![
            place("a", 1, Note, Some(1), None),
            place("b", 9, Account, Some(1), None),
            place("c", 1, Password, None, None),
            place("c", 7, Password, None, None),
            place("d", 1, Password, None, None),
        ]);
        assert!(estate.keys.is_empty() && estate.public.is_empty() && estate.others.is_empty());
        let mut found: Vec<_> = secrets(&mut estate, 0).iter().map(|f| (f.severity, f.occurrences.len())).collect();
        assert_eq!(found[0], (45, 2), "the widest reach first");
        found.sort_unstable();
        assert_eq!(found, [(25, 1), (25, 2), (45, 2)]);
    }

    #[test]
    fn an_expired_secret_is_a_note_and_moving_keeps_its_id() {
        let token =
            |line, now| secrets(&mut Estate::new(vec![place("a", line, SecretClass::Service, None, Some(100))]), now);
        let (before, after) = (token(1, 99).remove(0), token(5, 101).remove(0));
        assert_eq!((before.severity, before.expired, before.verdict()), (35, false, "shape only"));
        assert_eq!((after.severity, after.expired, after.verdict()), (10, true, "expired"));
        assert_eq!(before.id, after.id);
    }
}
