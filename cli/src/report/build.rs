//! Converts judged findings to the types of a report.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use jiff::civil::Date;
use keyradius_core::blob::{Origin, printable_path};
use keyradius_core::budget::Limits;
use keyradius_core::error;
use keyradius_core::hex::hex;
use keyradius_core::material::{self, CertFacts, Identity, Material};
use keyradius_core::repository;
use keyradius_detectors::facts;
use keyradius_judgement::rules::{self, Rules};
use keyradius_judgement::{self as radius, RoleScore, playbook};

use super::model::{
    Algorithm, Allowance, AllowedBy, Certificate, Command, Commit, Evidence, Exposure, Finding, FindingKind, Gap, Git,
    Heading, Id as _, Key, KeyUsage, Known, Label, Link, LinkKind, Modifier, Occurrence, Opened, Place, Playbook,
    Protection, Public, PublicPlace, Reading, Reference, Related, Repository, Role, Rule, Secret, SecretKind, Section,
    Spot, Step, Tenths, Text, UsedBy, Weakness, Word,
};
use crate::allow;
use crate::moment;

/// Converts a finding. `allowed` has an item for each of its occurrences, or is shorter.
pub(crate) fn finding(finding: &radius::Finding, allowed: &[Option<allow::Allowance>]) -> Finding {
    let allowed = allowed.iter().map(Option::as_ref).chain(std::iter::repeat(None));
    Finding {
        id: finding.id.clone().into(),
        kind: if finding.private { FindingKind::PrivateKey } else { FindingKind::TrustedKey },
        severity: Tenths::new(finding.severity),
        tier: finding.tier,
        tier_potential: finding.tier_potential,
        signing: finding.signing,
        for_tests: finding.for_tests.clone().map(Text::from),
        roles: finding.roles.iter().map(role).collect(),
        hypotheses: finding.hypotheses.iter().map(role).collect(),
        key: key(finding),
        protection: finding.protection,
        proof: finding.proof,
        reason: finding.reason.clone().into(),
        next_step: finding.next_step.clone().into(),
        occurrences: finding.occurrences.iter().zip(allowed).map(|(o, allowed)| occurrence(o, allowed)).collect(),
        certificates: finding.certificates.iter().map(certificate).collect(),
        related: finding.related.iter().map(related).collect(),
        evidence: finding.evidence.iter().map(evidence).collect(),
        modifiers: finding.modifiers.iter().map(modifier).collect(),
        rules: finding.rules.iter().map(rule).collect(),
        weaknesses: finding.weaknesses.iter().map(weakness).collect(),
        known: finding.known.as_ref().map(|known| Known {
            class: known.class,
            label: known.label.clone().into(),
            source: known.source.clone().into(),
        }),
        used_by: finding.uses.iter().filter(|used| !used.makes() && !used.is_topic()).filter_map(used_by).collect(),
        links: links(finding),
        exposure: None,
        playbook: playbook_of(finding).to_owned().into(),
        references: references(finding),
    }
}

/// The role whose playbook applies to a finding.
fn playbook_of(finding: &radius::Finding) -> &str {
    finding.roles.first().map_or("unknown", |role| role.role.as_str())
}

/// Converts an ordinary secret. `allowed` has an item for each of its occurrences, or is shorter.
pub(crate) fn secret(finding: &radius::SecretFinding, allowed: &[Option<allow::Allowance>]) -> Secret {
    let allowed = allowed.iter().map(Option::as_ref).chain(std::iter::repeat(None));
    let facts = &finding.secret;
    Secret {
        id: finding.id.clone().into(),
        kind: SecretKind::Secret,
        rule: facts.rule.clone().into_owned().into(),
        title: facts.title.clone().into(),
        severity: Tenths::new(finding.severity),
        class: finding.class,
        verdict: facts.verdict,
        expires: facts.expires.map(|end| moment::text(end).into()),
        expired: finding.expired,
        unlocks: facts.unlocks.clone().into(),
        next_step: facts.next.clone().into(),
        user_rule: facts.by_user,
        occurrences: finding.occurrences.iter().zip(allowed).map(|(o, allowed)| occurrence(o, allowed)).collect(),
    }
}

/// What was read of the targets; of the limits, those that differ from the default.
pub(crate) fn reading(reading: Option<&facts::Reading>, passwords: bool, limits: &Limits) -> Reading {
    let text = |text: &Option<String>| text.as_deref().map(Text::from);
    Reading {
        history: reading.map(|reading| reading.history.as_str().into()),
        since: reading.and_then(|reading| text(&reading.since)),
        only: reading.and_then(|reading| text(&reading.only)),
        one_file_system: reading.is_some_and(|reading| reading.one_file_system),
        passwords,
        limits: changed(limits),
    }
}

/// The limits that differ from the default, by the name of their flag.
fn changed(limits: &Limits) -> BTreeMap<Word, Option<u64>> {
    let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let named = |limits: &Limits| {
        [
            ("max_file_size", limits.max_bytes),
            ("max_expanded", limits.max_unpacked),
            ("max_expanded_text", limits.max_expanded),
            ("max_ratio", limits.max_ratio),
            ("max_members", limits.max_entries),
            ("max_held", limits.max_held),
            ("max_depth", limits.max_depth.into()),
            ("timeout_per_file_ms", milliseconds(limits.max_time)),
            ("timeout_per_archive_ms", milliseconds(limits.max_unpack_time)),
            ("max_password_work_ms", milliseconds(Duration::from_nanos(limits.max_password_work))),
        ]
    };
    let pairs = named(limits).into_iter().zip(named(&Limits::default()));
    let changed = pairs.filter(|(own, default)| own != default).map(|((name, value), _)| (name, value));
    changed.map(|(name, value)| (name.into(), Some(value).filter(|value| *value < u64::MAX))).collect()
}

/// The entries of catalogues for a finding: for the class of its first role, and for the rules that it breaks.
fn references(finding: &radius::Finding) -> Vec<Reference> {
    let rules = Rules::built_in();
    let role = finding.roles.first().and_then(|role| rules.key_rule(&role.role)).map(|rule| rule.id.as_str());
    let mut all: Vec<_> =
        role.into_iter().chain(finding.rules.iter().map(|hit| hit.rule)).flat_map(|id| rules.references(id)).collect();
    all.sort();
    all.dedup();
    let reference = |reference: &rules::Reference| Reference {
        framework: reference.framework.title().into(),
        id: reference.id.clone().into(),
        title: reference.title.clone().into(),
    };
    all.into_iter().map(reference).collect()
}

/// The playbooks that these findings name, each once, sorted by role.
pub(crate) fn playbooks<'a>(findings: impl Iterator<Item = &'a radius::Finding>) -> Vec<Playbook> {
    let roles: BTreeSet<&str> = findings.map(playbook_of).collect();
    roles.into_iter().filter_map(playbook::Playbook::of).map(playbook).collect()
}

/// Converts a playbook.
pub(crate) fn playbook(playbook: playbook::Playbook) -> Playbook {
    let command = |command: playbook::Command| Command { language: command.language.into(), text: command.text.into() };
    let step = |step: playbook::Step| Step {
        who: step.who.into(),
        text: step.text.into(),
        commands: step.commands.into_iter().map(command).collect(),
        done: step.done.into(),
    };
    let section = |section: playbook::Section| {
        Some(Section {
            heading: Heading::ALL.iter().copied().find(|heading| heading.id() == section.heading)?,
            note: section.note.into(),
            steps: section.steps.into_iter().map(step).collect(),
        })
    };
    Playbook {
        role: playbook.role.into(),
        title: playbook.title.into(),
        about: playbook.about.into(),
        sections: playbook.sections.into_iter().filter_map(section).collect(),
    }
}

fn weakness(weakness: &radius::Weakness) -> Weakness {
    let radius::Weakness { id, text, computable, grade } = weakness;
    Weakness { id: (*id).into(), grade: *grade, computable: *computable, text: text.clone().into() }
}

fn rule(hit: &radius::RuleHit) -> Rule {
    let places = hit.places.iter().map(|place| spot(&place.origin, place.line)).collect();
    Rule { id: hit.rule.into(), text: hit.text.clone().into(), places }
}

fn spot(origin: &Origin, line: u64) -> Spot {
    let (path, path_bytes_hex) = path(&origin.path);
    Spot { path, path_bytes_hex, origin: origin.to_string().into(), line }
}

fn used_by(used: &radius::Use) -> Option<UsedBy> {
    let reference = used.reference()?;
    Some(UsedBy {
        tool: reference.tool.clone().into(),
        role: reference.role.clone().into(),
        text: reference.text.clone().into(),
        how: used.sure,
        names: reference.names.iter().map(|name| name.text().into()).collect(),
        place: spot(&used.reference.origin, used.reference.line),
    })
}

/// Links to material that belongs to the key: public keys, certificates, and passwords that open it.
fn links(finding: &radius::Finding) -> Vec<Link> {
    let of = |kind, text: &str, occurrence: &material::Occurrence| Link {
        kind,
        text: text.into(),
        place: spot(&occurrence.origin, occurrence.line),
    };
    let mut links: Vec<Link> = finding
        .related
        .iter()
        .map(|related| match &related.material.certificate {
            Some(facts) => of(LinkKind::CertificateOf, &facts.subject, related),
            None => of(LinkKind::SameKey, "its public half", related),
        })
        .collect();
    for (kind, certificates) in [(LinkKind::Issued, &finding.issued), (LinkKind::SameName, &finding.same_name)] {
        links.extend(certificates.iter().map(|place| {
            let subject = place.material.certificate.as_ref().map_or("", |facts| facts.subject.as_str());
            of(kind, subject, place)
        }));
    }
    for occurrence in &finding.occurrences {
        let opened = occurrence.material.protection.as_ref().and_then(|protection| protection.opened.as_deref());
        if let Some((opened, origin)) = opened.and_then(|opened| Some((opened, opened.origin.as_ref()?))) {
            let link =
                Link { kind: LinkKind::Opens, text: opened.field.clone().into(), place: spot(origin, opened.line) };
            if !links.iter().any(|other| other.kind == link.kind && other.place == link.place) {
                links.push(link);
            }
        }
    }
    links
}

/// How long a key has been in a git history; `None` if it is in none.
pub(crate) fn exposure(finding: &radius::Finding, today: Date) -> Option<Exposure> {
    let first = finding.first_seen?;
    let since = moment::day(first);
    let days = moment::days_between(since, today);
    // A certificate is trusted from its first day to its last, or without end if verifiers ignore expiry.
    let windows = finding.certificates.iter().filter_map(|facts| {
        let from = since.max(moment::day(facts.not_before));
        let until = if finding.dated { today.min(moment::day(facts.not_after)) } else { today };
        (from <= until).then_some((from, until))
    });
    let window = windows.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    let window = window.or_else(|| finding.certificates.is_empty().then_some((since, today)));
    let histories = finding.occurrences.iter().filter_map(|o| o.git.as_ref());
    let releases: BTreeSet<&String> = histories.flat_map(|git| git.tags.iter()).collect();
    Some(Exposure {
        first_seen: moment::text(first).into(),
        days: days.max(0),
        revocation_date: since.to_string().into(),
        abuse_from: window.map(|window| window.0.to_string().into()),
        abuse_until: window.map(|window| window.1.to_string().into()),
        releases: releases.into_iter().cloned().map(Into::into).collect(),
    })
}

/// Converts a role, with its score.
pub(crate) fn role(score: &RoleScore) -> Role {
    Role {
        role: score.role.clone().into(),
        title: score.title.clone().into(),
        score: score.score,
        band: score.band,
        tier: score.tier,
    }
}

/// Converts an item of the ledger.
pub(crate) fn evidence(item: &radius::Evidence) -> Evidence {
    let radius::Evidence { role, weight, group, locator, text, .. } = item.clone();
    Evidence { role: role.into(), weight, group: group.into(), locator: locator.into(), text: text.into() }
}

fn modifier(modifier: &radius::Modifier) -> Modifier {
    Modifier { change: Tenths::new(modifier.tenths), text: modifier.text.clone().into() }
}

fn key(finding: &radius::Finding) -> Key {
    let spki = finding.key.map(|key| hex(&key.spki_sha256));
    let ciphertext = finding.ciphertext_sha256.map(|digest| hex(&digest));
    let identity = match (&spki, &ciphertext) {
        (Some(spki), _) => Some(format!("spki-sha256:{spki}")),
        (None, Some(ciphertext)) => Some(format!("ct-sha256:{ciphertext}")),
        (None, None) => None,
    };
    let public = finding.public.as_ref();
    Key {
        identity: identity.map(Into::into),
        algorithm: finding.algorithm.as_ref().map(algorithm),
        spki_sha256: spki.map(Into::into),
        key_only_sha256: finding.key.map(|key| hex(&key.key_only).into()),
        ciphertext_sha256: ciphertext.map(Into::into),
        ssh_sha256: public.and_then(|public| public.ssh_sha256.clone()).map(Into::into),
        ski_sha1: public.map(|public| hex(&public.ski_sha1).into()),
        jwk_thumbprint: public.and_then(|public| public.jwk_thumbprint.clone()).map(Into::into),
        pgp_fingerprints: finding.pgp_fingerprints.iter().cloned().map(Into::into).collect(),
    }
}

/// Converts an algorithm.
pub(crate) fn algorithm(algorithm: &material::Algorithm) -> Algorithm {
    Algorithm {
        name: algorithm.name.into(),
        bits: Some(algorithm.bits).filter(|bits| *bits > 0),
        curve: algorithm.curve.map(Into::into),
    }
}

/// Converts the place of a private key, or of a copy that a hunt found.
pub(crate) fn occurrence(occurrence: &material::Occurrence, allowed: Option<&allow::Allowance>) -> Occurrence {
    let material = &occurrence.material;
    Occurrence {
        place: place(occurrence),
        format: material.format.into(),
        encoding: material.encoding,
        proof: material.proof,
        protection: material.protection.as_ref().map(|protection| Protection {
            state: protection.state,
            detail: protection.detail.clone().into(),
            opened: protection.opened.as_ref().map(|opened| Opened {
                how: opened.how,
                place: opened.origin.as_ref().map(|origin| spot(origin, opened.line)),
                field: opened.field.clone().into(),
            }),
        }),
        labels: material
            .labels
            .iter()
            .map(|label| Label { kind: label.kind.into(), text: label.text.clone().into() })
            .collect(),
        container: material.container.map(Into::into),
        notes: material.remarks.iter().map(|remark| remark.text().into()).collect(),
        pgp_fingerprint: material.pgp_fingerprint.clone().map(Into::into),
        allowed: allowed.map(|allowed| Allowance {
            by: if allowed.inline { AllowedBy::Inline } else { AllowedBy::Config },
            place: allowed.place.clone().into(),
            reason: allowed.reason.clone().into(),
            until: allowed.until.map(|until| until.to_string().into()),
        }),
        git: occurrence.git.as_deref().map(provenance),
    }
}

fn provenance(git: &material::Provenance) -> Git {
    let commit = |facts: &material::CommitFacts| Commit {
        commit: facts.id.to_string().into(),
        author: facts.author.clone().into(),
        author_date: Some(moment::text(facts.author_time).into()),
        committer: facts.committer.clone().into(),
        commit_date: Some(moment::text(facts.commit_time).into()),
    };
    Git {
        attributed: git.attributed(),
        repository: printable_path(&git.repository).into(),
        object: git.object.to_string().into(),
        kind: git.kind,
        path: git.path.as_deref().map(|path| self::path(path).0),
        introduced: git.introduced.as_ref().map(commit),
        removed: git.removed.as_ref().map(commit),
        at_head: git.at_head,
        reach: git.reach,
        branches: git.branches.iter().cloned().map(Into::into).collect(),
        tags: git.tags.iter().cloned().map(Into::into).collect(),
    }
}

/// Converts the summary of a git history.
pub(crate) fn repository(summary: repository::Summary) -> Repository {
    let repository::Summary { path, format, packs, loose, commits, trees, blobs, tags, blob_bytes, shallow, partial } =
        summary;
    Repository {
        path: printable_path(&path).into(),
        object_format: format,
        packs,
        loose,
        objects: [commits, trees, blobs, tags].into_iter().fold(0, u64::saturating_add),
        commits,
        trees,
        blobs,
        tags,
        blob_bytes,
        shallow,
        partial,
    }
}

fn place(occurrence: &material::Occurrence) -> Place {
    let (path, path_bytes_hex) = path(&occurrence.origin.path);
    Place {
        path,
        path_bytes_hex,
        origin: occurrence.origin.to_string().into(),
        line: occurrence.line,
        offset: occurrence.offset,
        section: occurrence.section.clone().map(Into::into),
        counted_in: None,
    }
    .with_lines_of(occurrence.origin.outside_text().to_string())
}

/// A path as text, and its bytes in hexadecimal if it is not UTF-8.
pub(crate) fn path(path: &Path) -> (Text, Option<Word>) {
    match path.to_str() {
        Some(text) => (text.into(), None),
        None => (printable_path(path).into(), Some(hex(path.as_os_str().as_encoded_bytes()).into())),
    }
}

fn certificate(facts: &CertFacts) -> Certificate {
    Certificate {
        sha256: hex(&facts.sha256).into(),
        sha1: hex(&facts.sha1).into(),
        subject: facts.subject.clone().into(),
        issuer: facts.issuer.clone().into(),
        serial: facts.serial.clone().into(),
        not_before: Some(moment::text(facts.not_before).into()),
        not_after: Some(moment::text(facts.not_after).into()),
        version: facts.version,
        ca: facts.ca,
        path_len: facts.path_len,
        key_usage: facts.key_usage.map(key_usage),
        ext_key_usage: facts.ext_key_usage.iter().cloned().map(Into::into).collect(),
        policies: facts.policies.iter().cloned().map(Into::into).collect(),
        self_issued: facts.self_issued,
    }
}

/// The names of the bits of keyUsage, RFC 5280 4.2.1.3.
fn key_usage(bits: u16) -> Vec<KeyUsage> {
    KeyUsage::ALL.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1).map(|(_, usage)| *usage).collect()
}

fn related(occurrence: &material::Occurrence) -> Related {
    Related {
        kind: occurrence.material.kind,
        place: place(occurrence),
        format: occurrence.material.format.into(),
        certificate_sha256: occurrence.material.certificate.as_ref().map(|facts| hex(&facts.sha256).into()),
    }
}

/// Converts a gap: an input that was not read.
pub(crate) fn gap(gap: error::Gap) -> Gap {
    let (path, path_bytes_hex) = path(&gap.origin.path);
    Gap {
        path,
        path_bytes_hex,
        origin: gap.origin.to_string().into(),
        reason: gap.reason,
        deliberate: !gap.reason.leaves_incomplete(),
        detail: gap.detail.into(),
    }
}

/// Public material without a matching private key, by kind; with its places if `listed`.
pub(crate) fn public(findings: &[radius::Finding], others: &[material::Occurrence], listed: bool) -> Vec<Public> {
    let distrusted = findings.iter().filter(|finding| !finding.private);
    let mut all: Vec<&material::Occurrence> = distrusted.flat_map(|finding| &finding.occurrences).collect();
    all.extend(others);
    all.sort_by(|a, b| (&a.origin, a.offset).cmp(&(&b.origin, b.offset)));
    let mut groups: BTreeMap<&'static str, Public> = BTreeMap::new();
    for occurrence in all {
        let kind = occurrence.material.kind;
        let group = groups.entry(kind.id()).or_insert_with(|| Public { kind, count: 0, places: Vec::new() });
        group.count += 1;
        group.places.extend(listed.then(|| public_place(occurrence)));
    }
    groups.into_values().collect()
}

fn public_place(occurrence: &material::Occurrence) -> PublicPlace {
    let material: &Material = &occurrence.material;
    let spki_sha256 = match &material.identity {
        Some(Identity::Public(public)) => Some(hex(&public.id.spki_sha256).into()),
        _ => None,
    };
    let subject = material.certificate.as_ref().map(|facts| facts.subject.clone().into());
    PublicPlace { place: place(occurrence), format: material.format.into(), spki_sha256, subject }
}
