//! Findings built by hand, and reports of them, for tests.

use std::path::PathBuf;
use std::sync::Arc;

use keyradius_core::blob::{Origin, Wrap};
use keyradius_core::error::{Gap, Reason};
use keyradius_core::material::{
    Algorithm, CertFacts, CommitFacts, Encoding, How, KeyId, Kind, Label, Material, Name, Occurrence, Opened,
    OrdinarySecret, Proof, Protection, ProtectionState, Provenance, PublicHalf, Reach, Reference, SecretClass, Verdict,
};
use keyradius_core::oid::{Format, Kind as ObjectKind, ObjectId};
use keyradius_core::repository;
use keyradius_judgement::estate::Confidence;
use keyradius_judgement::known::Class;
use keyradius_judgement::{self as radius, Band, Evidence, Known, Modifier, RoleScore, RuleHit, Spot, Tier, Use};

use super::build;
use super::model::{Coverage, Finding, Id as _, Locked, Notice, Options, Reading, Report, SCHEMA, Scan, Summary, Tool};
use super::records::Records;
use crate::allow::Allowance;

/// A private key at a place.
pub(crate) fn occurrence(path: &str, line: u64) -> Occurrence {
    let mut material = Material::new(Kind::PrivateKey, "pkcs8", Encoding::Pem, 0..10);
    material.protection = Some(Protection::plaintext());
    material.proof = Proof::Verified;
    Occurrence { material, origin: Origin::file(path), offset: 7, line, section: None, mark: None, git: None }
}

fn certificate() -> CertFacts {
    CertFacts {
        sha1: [2; 20],
        sha256: [3; 32],
        subject: "CN=Acme \u{1b}[31mRelease\u{202e}".into(),
        issuer: "CN=Acme Root".into(),
        serial: "0a1b".into(),
        not_before: 1_704_067_200,
        not_after: 1_798_761_600,
        version: 3,
        ca: Some(false),
        key_usage: Some(1),
        ext_key_usage: vec!["1.3.6.1.5.5.7.3.3".into()],
        signature: "1.2.840.113549.1.1.11".into(),
        ..CertFacts::default()
    }
}

/// A signing key in twelve files and in a wrapper, with a certificate.
pub(crate) fn signing() -> radius::Finding {
    let algorithm = Algorithm { name: "RSA", bits: 4096, curve: None };
    let id = KeyId { spki_sha256: [0x11; 32], key_only: [0x22; 32] };
    let mut occurrences: Vec<_> = (1..12).map(|n| occurrence(&format!("keys/{n:02}.pem"), 1)).collect();
    let mut wrapped = occurrence("deploy.yaml", 14);
    wrapped.origin = wrapped.origin.inside(Wrap::text("base64", 0x40));
    wrapped.material.encoding = Encoding::Der;
    wrapped.material.labels = vec![Label::new("alias", b"release\x1b]0;x\x07")];
    occurrences.insert(0, wrapped);
    occurrences.push(buried());
    let mut related = occurrence("certs/acme.pem", 3);
    related.material.kind = Kind::Certificate;
    related.material.certificate = Some(Box::new(certificate()));
    radius::Finding {
        id: "kr1:0123456789abcdef".into(),
        private: true,
        key: Some(id),
        public: Some(Arc::new(PublicHalf {
            bk120: [0x7b; 15],
            id,
            algorithm: algorithm.clone(),
            spki: vec![0x30, 0],
            ssh_sha256: Some(format!("SHA256:{}", "a".repeat(43))),
            ski_sha1: [4; 20],
            jwk_thumbprint: Some("thumb".into()),
        })),
        ciphertext_sha256: None,
        algorithm: Some(algorithm),
        pgp_fingerprints: vec!["5".repeat(40)],
        proof: Proof::Verified,
        protection: ProtectionState::Plaintext,
        roles: vec![score("code_signing", 160, Band::Proven, Tier::T1)],
        hypotheses: vec![score("tls_server", 20, Band::Hint, Tier::T3)],
        tier: Tier::T1,
        tier_potential: Some(Tier::T0),
        severity: 91,
        signing: true,
        for_tests: None,
        limited: 0,
        evidence: vec![Evidence {
            role: "code_signing".into(),
            weight: 100,
            group: "cert".into(),
            locator: "certs/acme.pem:3".into(),
            text: "extended key usage codeSigning".into(),
            tier: None,
        }],
        modifiers: vec![
            Modifier { tenths: 86, text: "base of T1".into(), by: radius::Word::Key },
            Modifier { tenths: 5, text: "valid".into(), by: radius::Word::Author },
        ],
        reason: "Its certificate CN=Acme Release allows code signing until 2027-01-01.".into(),
        next_step: "Ask CN=Acme Root to revoke the certificate, then sign with a key in hardware.".into(),
        occurrences,
        certificates: vec![certificate()],
        rules: vec![RuleHit {
            rule: "HSM-REQUIRED",
            text: "a file where hardware is required".into(),
            places: vec![Spot { origin: Origin::file("certs/acme.pem"), line: 3 }],
        }],
        weaknesses: Vec::new(),
        known: None,
        first_seen: Some(1_500_000_060),
        dated: true,
        uses: vec![Use { reference: line_of_use().into(), sure: Confidence::Path }],
        issued: vec![related.clone()],
        same_name: Vec::new(),
        related: vec![related],
    }
}

/// A line of a script that uses a key, with a control sequence for terminals.
fn line_of_use() -> Occurrence {
    let mut line = occurrence("build\x1b[2J.bat", 7);
    line.material.kind = Kind::Reference;
    line.material.reference = Some(Box::new(Reference {
        tool: "signtool".into(),
        role: "code_signing".into(),
        weight: 60,
        text: "signtool signs with it".into(),
        names: vec![Name::Path("keys\\01\x1b]0;x\x07.pem".into()), Name::Variable("CSC_LINK".into())],
    }));
    line
}

/// A place in a git history that was removed from HEAD.
fn buried() -> Occurrence {
    let object = ObjectId::of(Format::Sha1, ObjectKind::Blob, b"a key");
    let commit = |n: u8, time| CommitFacts {
        id: ObjectId::of(Format::Sha1, ObjectKind::Commit, &[n]),
        author: "Ann \u{1b}[1m <ann@example.org>".into(),
        author_time: time,
        committer: "Bob <bob@example.org>".into(),
        commit_time: time + 60,
    };
    let mut occurrence = occurrence("old/release.pem", 3);
    occurrence.origin.object = Some(object);
    occurrence.git = Some(Box::new(Provenance {
        repository: ".".into(),
        object,
        kind: ObjectKind::Blob,
        path: Some("old/release.pem".into()),
        introduced: Some(commit(1, 1_500_000_000)),
        removed: Some(commit(2, 1_600_000_000)),
        at_head: false,
        reach: Reach::Refs,
        branches: ["main".to_owned()].into(),
        tags: ["v1".to_owned(), "v2".to_owned()].into(),
    }));
    occurrence
}

/// The summary of a git history that was read.
fn repository() -> super::model::Repository {
    build::repository(repository::Summary {
        path: ".".into(),
        format: Format::Sha256,
        packs: 1,
        loose: 2,
        commits: 3,
        trees: 4,
        blobs: 5,
        tags: 6,
        blob_bytes: 7_000_000,
        shallow: true,
        partial: false,
    })
}

/// An encrypted key of unknown purpose, in a keystore whose name is not UTF-8.
pub(crate) fn opaque() -> radius::Finding {
    #[cfg(unix)]
    let path =
        PathBuf::from(<std::ffi::OsString as std::os::unix::ffi::OsStringExt>::from_vec(b"old\xff.p12".to_vec()));
    #[cfg(not(unix))]
    let path = PathBuf::from("old.p12");
    let mut place = occurrence("", 1);
    place.origin = Origin::file(path);
    place.offset = 0;
    place.material.format = "pkcs12";
    place.material.encoding = Encoding::Der;
    place.material.container = Some("PKCS#12");
    let mut protection = Protection::new(ProtectionState::Weak, "SHA-1, RC2-40, 2048 iterations");
    protection.opened = Some(Box::new(Opened {
        how: How::Found,
        origin: Some(Origin::file("pass\x1b[0m.txt")),
        line: 2,
        field: "storePassword".into(),
    }));
    place.material.protection = Some(protection);
    radius::Finding {
        id: "kr1:fedcba9876543210".into(),
        private: true,
        key: None,
        public: None,
        ciphertext_sha256: Some([9; 32]),
        algorithm: None,
        pgp_fingerprints: Vec::new(),
        proof: Proof::Structure,
        protection: ProtectionState::Weak,
        roles: vec![score("unknown", 0, Band::Hint, Tier::T4)],
        hypotheses: Vec::new(),
        tier: Tier::T4,
        tier_potential: None,
        severity: 50,
        signing: false,
        for_tests: None,
        limited: 0,
        evidence: Vec::new(),
        modifiers: vec![Modifier { tenths: 50, text: "base of T4".into(), by: radius::Word::Key }],
        reason: "No certificate or name tells what it is for.".into(),
        next_step: "Find out who uses it, then rotate it.".into(),
        occurrences: vec![place],
        certificates: Vec::new(),
        related: Vec::new(),
        rules: Vec::new(),
        weaknesses: Vec::new(),
        known: Some(Known {
            class: Class::Listed,
            role: String::new(),
            label: "list 3".into(),
            source: "badkeys".into(),
        }),
        first_seen: None,
        dated: false,
        uses: Vec::new(),
        issued: Vec::new(),
        same_name: Vec::new(),
    }
}

/// A token that can publish, in two places, and an expired token.
pub(crate) fn secrets() -> Vec<radius::SecretFinding> {
    let token = |rule: &'static str, title: &'static str, class, verdict| OrdinarySecret {
        rule: rule.into(),
        title: title.into(),
        class,
        unlocks: "publishes packages".into(),
        next: "revoke it".into(),
        verdict,
        expires: None,
        by_user: false,
    };
    let place = |path: &str, line, secret: &OrdinarySecret| {
        let mut occurrence = occurrence(path, line);
        occurrence.material = Material::new(Kind::Secret, "secrets", Encoding::Text, 0..10);
        occurrence.material.labels = vec![Label::new("issuer", b"acme\x1b[2J")];
        occurrence.material.secret = Some(Box::new(secret.clone()));
        occurrence
    };
    let npm = token("npm-token", "npm token", SecretClass::Publish, Verdict::Checksum);
    let mut jwt = token("jwt", "JSON Web Token", SecretClass::Password, Verdict::Decodes);
    jwt.expires = Some(1_700_000_000);
    vec![
        radius::SecretFinding {
            id: "kr1:00000000000000bb".into(),
            class: SecretClass::Publish,
            severity: 55,
            expired: false,
            occurrences: vec![place("ci\x1b[2J.yml", 7, &npm), place(".npmrc", 1, &npm)],
            secret: npm,
        },
        radius::SecretFinding {
            id: "kr1:00000000000000cc".into(),
            class: SecretClass::Note,
            severity: 10,
            expired: true,
            occurrences: vec![place("old.txt", 3, &jwt)],
            secret: jwt,
        },
    ]
}

fn score(role: &str, score: i32, band: Band, tier: Tier) -> RoleScore {
    RoleScore {
        role: role.into(),
        title: role.replace("unknown", "purpose unknown").replace('_', " "),
        score,
        band,
        tier,
    }
}

/// A report of both keys and an allowed one, with every part that a report can have.
pub(crate) fn report() -> Report {
    let allowance = Allowance {
        inline: false,
        place: "keyradius.toml:4".into(),
        reason: "a test key".into(),
        until: "2027-01-31".parse().ok(),
    };
    let allowed = radius::Finding { id: "kr1:00000000000000aa".into(), ..opaque() };
    let gap = Gap::new(Origin::file("root.key"), Reason::Permission, "denied".into());
    let public = [Occurrence { offset: 99, ..signing().related.remove(0) }];
    let allowed_secret = radius::SecretFinding { id: "kr1:00000000000000dd".into(), ..secrets().remove(1) };
    let today = "2026-11-20".parse().expect("a date");
    let exposure = build::exposure(&signing(), today);
    let all = [signing(), opaque()];
    let signing = Finding { exposure, ..build::finding(&signing(), &[]) };
    Report {
        public: build::public(&all, &public, true),
        playbooks: build::playbooks(all.iter()).into_iter().take(1).collect(),
        findings: vec![signing, build::finding(&opaque(), &[])].into(),
        secrets: Records::of(secrets(), |secret| Some(build::secret(secret, &[]))),
        allowed_secrets: vec![build::secret(&allowed_secret, &[Some(allowance.clone())])].into(),
        allowed: vec![build::finding(&allowed, &[Some(allowance)])].into(),
        coverage: Coverage {
            files: 12_483,
            bytes: 1_200_000_000,
            rejected: 4,
            containers: [("zip".into(), 3), ("gzip".into(), 1)].into(),
            members: 120,
            unopened: [("rar".into(), 10), ("qcow2".into(), 2)].into(),
            locked: Locked { containers: 3, tried: 200, opened: 1 },
            repositories: vec![repository()],
            gaps: vec![build::gap(gap)],
        },
        notices: vec![Notice {
            kind: "allow_unused".into(),
            place: "keyradius.toml:9".into(),
            message: "unused".into(),
        }],
        ..empty()
    }
}

/// A report without findings.
pub(crate) fn empty() -> Report {
    Report {
        schema: SCHEMA,
        tool: Tool::THIS,
        scan: Scan {
            started: "2026-11-20T22:00:00Z".into(),
            finished: "2026-11-20T22:00:01Z".into(),
            duration_ms: 412,
            complete: true,
            interrupted: false,
            exit_code: 0,
            targets: vec![".".into()],
            options: Some(Options {
                reading: vec![Reading {
                    history: Some("main..topic".into()),
                    since: Some("90d".into()),
                    only: None,
                    one_file_system: false,
                    passwords: true,
                    limits: [("max_depth".into(), Some(3)), ("max_expanded".into(), None)].into(),
                }],
                fail_on: "any".into(),
                tests_fail: "always".into(),
                strict: false,
                exit_zero: false,
                config: Some("../keyradius.toml".into()),
                inline_allow: true,
                known_keys: vec!["lost.pem".into()],
                badkeys_blocklist: None,
            }),
        },
        summary: Summary {
            signing_keys: 0,
            other_keys: 0,
            notes: 0,
            signing_notes: 0,
            test_keys: 0,
            signing_tests: 0,
            places: 0,
            by_tier: Tier::ALL.iter().map(|tier| (*tier, 0)).collect(),
            secrets: 0,
            secret_places: 0,
            allowed: 0,
            skipped: 0,
            unopened: 0,
        },
        findings: Records::default(),
        secrets: Records::default(),
        public: Vec::new(),
        allowed: Records::default(),
        allowed_secrets: Records::default(),
        playbooks: Vec::new(),
        coverage: Coverage {
            files: 0,
            bytes: 0,
            rejected: 0,
            containers: [].into(),
            members: 0,
            unopened: [].into(),
            locked: Locked::default(),
            repositories: Vec::new(),
            gaps: Vec::new(),
        },
        notices: Vec::new(),
    }
}

/// Reports with different content.
pub(crate) fn reports() -> [Report; 2] {
    [report(), empty()]
}
