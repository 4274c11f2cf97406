//! Each condition, with near misses; and the roles of real certificates and files.

use std::collections::BTreeMap;

use keyradius_core::blob::Origin;
use keyradius_core::material::{
    Algorithm, CertFacts, Encoding, Identity, KeyId, Kind, Label, Material, Occurrence, PublicHalf, Remark, Uses,
};

use super::super::classify::classify;
use super::super::subject::Judge;
use super::super::{Estate, Evidence, Finding, KnownKeys, Tables};

const KEY: Algorithm = Algorithm { name: "RSA", bits: 2048, curve: None };

fn half(algorithm: Algorithm) -> PublicHalf {
    PublicHalf {
        id: KeyId { spki_sha256: [1; 32], key_only: [2; 32] },
        algorithm,
        spki: vec![3],
        ssh_sha256: None,
        ski_sha1: [4; 20],
        bk120: [5; 15],
        jwk_thumbprint: None,
    }
}

fn place(mut material: Material, path: &str, algorithm: Algorithm) -> Occurrence {
    material.identity = Some(Identity::public(half(algorithm)));
    Occurrence { material, origin: Origin::file(path), offset: 0, line: 1, section: None, mark: None, git: None }
}

fn key(path: &str, algorithm: Algorithm, change: impl FnOnce(&mut Material)) -> Occurrence {
    let mut material = Material::new(Kind::PrivateKey, "pkcs8", Encoding::Pem, 0..10);
    change(&mut material);
    place(material, path, algorithm)
}

/// A leaf of version 3, valid for one year, issued by another key.
fn facts(change: impl FnOnce(&mut CertFacts)) -> CertFacts {
    let mut facts = CertFacts {
        subject: "C=US, ST=CA, O=Acme, CN=x".into(),
        issuer: "CN=y".into(),
        serial: "01".into(),
        not_before: 1_700_000_000,
        not_after: 1_731_536_000,
        version: 3,
        ..CertFacts::default()
    };
    change(&mut facts);
    facts
}

fn certificate(number: u8, facts: CertFacts) -> Occurrence {
    let mut material = Material::new(Kind::Certificate, "x509", Encoding::Pem, 0..10);
    material.certificate = Some(Box::new(CertFacts { sha256: [number; 32], ..facts }));
    place(material, &format!("certs/{number}.crt"), KEY)
}

/// Tables with one role and one entry.
fn tables(conditions: &str) -> Tables {
    let role = format!(
        "title='t'\ntier='T3'\nsigns=false\nsarif='s'\ntrusted_by='b'\nnext='n'\nexpiry='none'\nrevocation='D'\n\
         old_signatures='o'\n[[evidence]]\nweight=30\ngroup='text'\ntext='x'\n{conditions}\n"
    );
    let words = "[test]\nwords=[]\n[stages]\nwords=[]\n";
    Tables::read([("unknown", role.as_str())].into_iter(), words).expect(conditions)
}

fn weighed(occurrences: Vec<Occurrence>, tables: &Tables) -> Vec<Evidence> {
    let estate = Estate::new(occurrences);
    super::weigh(&estate.keys[0], None, &estate, tables)
}

fn holds(conditions: &str, occurrences: Vec<Occurrence>) -> bool {
    !weighed(occurrences, &tables(conditions)).is_empty()
}

#[test]
fn conditions_on_certificates() {
    type Change = fn(&mut CertFacts);
    let cases: [(&str, Change, Change); 27] = [
        ("ca=true", |c| c.ca = Some(true), |c| c.ca = Some(false)),
        ("ca=false", |_| (), |c| c.ca = Some(true)),
        ("self_issued=true", |c| c.self_issued = true, |_| ()),
        ("leaf=true", |c| (c.ca, c.self_issued) = (Some(true), true), |c| c.ca = Some(true)),
        ("leaf=true", |c| c.ca = Some(false), |c| c.ca = Some(true)),
        ("version=1", |c| c.version = 1, |_| ()),
        ("path_len=0", |c| c.path_len = Some(0), |c| c.path_len = Some(1)),
        ("name_constrained=true", |c| c.extensions.push("2.5.29.30".into()), |c| c.extensions.push("2.5.29.3".into())),
        ("years=1", |c| c.not_after += 86_400, |_| ()),
        ("serial_negative=true", |c| c.serial = "ea01".into(), |c| c.serial = "00ea01".into()),
        ("key_usage=5", |c| c.key_usage = Some(1 << 5), |c| c.key_usage = Some(1 << 6)),
        ("key_usage=[0,2]", |c| c.key_usage = Some(0b111), |c| c.key_usage = Some(0b011)),
        ("key_usage_absent=5", |c| c.key_usage = Some(1), |_| ()),
        ("key_usage_only=[2,4]", |c| c.key_usage = Some(0b100), |c| c.key_usage = Some(0b101)),
        ("key_usage_only=6", |c| c.key_usage = Some(1 << 6), |c| c.key_usage = Some(0)),
        ("no_key_usage=true", |_| (), |c| c.key_usage = Some(0)),
        (
            "eku='1.2.3'",
            |c| c.ext_key_usage = vec!["9.9".into(), "1.2.3".into()],
            |c| c.ext_key_usage = vec!["1.2".into()],
        ),
        ("no_eku=true", |_| (), |c| c.ext_key_usage = vec!["1.2".into()]),
        ("eku_absent='1.2.3'", |c| c.ext_key_usage = vec!["1.2.4".into()], |_| ()),
        (
            "eku_absent='1.2.3'",
            |c| c.ext_key_usage = vec!["9.9".into()],
            |c| c.ext_key_usage = vec!["2.5.29.37.0".into()],
        ),
        (
            "eku_absent=['1.2.3','4.5']",
            |c| c.ext_key_usage = vec!["9.9".into()],
            |c| c.ext_key_usage = vec!["4.5".into()],
        ),
        ("policy='1.2.*'", |c| c.policies = vec!["1.2.7".into()], |c| c.policies = vec!["1.20".into()]),
        ("extension='1.2.3'", |c| c.extensions = vec!["1.2.3".into()], |c| c.policies = vec!["1.2.3".into()]),
        ("no_extension='1.2.3'", |_| (), |c| c.extensions = vec!["1.2.3".into()]),
        ("subject='secure boot'", |c| c.subject = "CN=A Secure-Boot B".into(), |c| c.issuer = "CN=Secure Boot".into()),
        ("subject='ca'", |c| c.subject = "C=US, CN=My CA".into(), |c| c.subject = "C=CA, ST=CA, CN=My Server".into()),
        ("issuer='root agency'", |c| c.issuer = "CN=Root Agency".into(), |c| c.subject = "CN=Root Agency".into()),
    ];
    for (conditions, hit, near) in cases {
        let found = |change: Change| holds(conditions, vec![key("a.key", KEY, |_| ()), certificate(1, facts(change))]);
        assert!(found(hit), "{conditions}");
        assert!(!found(near), "{conditions}: near miss");
    }
    let not = "subject='boot'\nnot_subject='module'";
    for (subject, found) in [("CN=Boot", true), ("CN=Boot Module", false)] {
        let certificate = certificate(1, facts(|c| c.subject = subject.into()));
        assert_eq!(holds(not, vec![key("a.key", KEY, |_| ()), certificate]), found, "{subject}");
    }
}

#[test]
fn conditions_on_files() {
    type Change = fn(&mut Material);
    type Case<'a> = (&'a str, (&'a str, Change), (&'a str, Change));
    let none: Change = |_| ();
    let cases: [Case<'_>; 16] = [
        ("format='pkcs8'", ("a", none), ("a", |m| m.format = "openssh")),
        ("format=['openssh','putty']", ("a", |m| m.format = "putty"), ("a", none)),
        (
            "uses='encrypt'",
            ("a", |m| m.uses = Some(Uses { encrypt: true, ..Uses::default() })),
            ("a", |m| m.uses = Some(Uses { encrypt: true, sign: true, ..Uses::default() })),
        ),
        (
            "uses='authenticate'",
            ("a", |m| m.uses = Some(Uses { authenticate: true, ..Uses::default() })),
            ("a", |m| m.uses = Some(Uses { sign: true, ..Uses::default() })),
        ),
        ("subkey=true", ("a", |m| m.remarks = vec![Remark::Subkey]), ("a", none)),
        ("subkey=false\nformat='pkcs8'", ("a", none), ("a", |m| m.remarks = vec![Remark::Subkey])),
        (
            "label='deploy@'",
            ("a", |m| m.labels = vec![Label::new("comment", b"deploy@host")]),
            ("a", |m| m.labels = vec![Label::new("comment", b"deploy on host")]),
        ),
        (
            "label='key'\nnot_label='party'",
            ("a", |m| m.labels = vec![Label::new("alias", b"my key")]),
            ("a", |m| m.labels = vec![Label::new("alias", b"3rd party key")]),
        ),
        ("path='**/certs/signing_key.pem'", ("linux/Certs/signing_key.pem", none), ("certs/signing_key.pem.bak", none)),
        ("path=['**/*.a','**/*.b']", ("x/y.b", none), ("x/y.c", none)),
        ("path='**/x/*'", ("x/y", none), ("x/y/z", none)),
        ("word='code sign'", ("a/code_sign/b", none), ("a/sign/code", none)),
        ("word='a'\nnot_word='b'", ("x/a", none), ("b/a", none)),
        ("container=['JKS']", ("a", |m| m.container = Some("JKS")), ("a", |m| m.container = Some("JCEKS"))),
        ("path='**/privkey.pem'\nbeside='1.crt'", ("certs/privkey.pem", none), ("other/privkey.pem", none)),
        ("path='**/*.pem'\nbeside='{stem}.crt'", ("certs/1.pem", none), ("certs/2.pem", none)),
    ];
    for (conditions, hit, near) in cases {
        let found = |(path, change): (&str, Change)| {
            holds(conditions, vec![key(path, KEY, change), certificate(1, facts(|_| ()))])
        };
        assert!(found(hit), "{conditions}");
        assert!(!found(near), "{conditions}: near miss");
    }
}

#[test]
fn conditions_on_keys() {
    let ec = |curve| Algorithm { name: "EC", bits: 256, curve: Some(curve) };
    let rsa = |bits| Algorithm { name: "RSA", bits, curve: None };
    for (conditions, hit, near) in [
        ("algorithm='RSA'", rsa(2048), ec("secp256r1")),
        ("curve='secp256k1'", ec("secp256k1"), ec("secp256r1")),
        ("bits_below=1024", rsa(1023), rsa(1024)),
        ("bits_below=1024", rsa(512), rsa(0)),
    ] {
        assert!(holds(conditions, vec![key("a", hit, |_| ())]), "{conditions}");
        assert!(!holds(conditions, vec![key("a", near, |_| ())]), "{conditions}: near miss");
    }
}

const SERVER: &str = "1.3.6.1.5.5.7.3.1";
const CLIENT: &str = "1.3.6.1.5.5.7.3.2";
const CODE: &str = "1.3.6.1.5.5.7.3.3";
const MAIL: &str = "1.3.6.1.5.5.7.3.4";
const SAN: &str = "2.5.29.17";

fn with(purposes: &[&str], change: impl FnOnce(&mut CertFacts)) -> CertFacts {
    facts(|c| {
        c.ext_key_usage = purposes.iter().map(ToString::to_string).collect();
        change(c);
    })
}

fn judged(occurrences: Vec<Occurrence>) -> Finding {
    let (tables, known, weak) = (Tables::built_in(), KnownKeys::default(), BTreeMap::new());
    let judge = Judge { tables: &tables, known: &known, weak: &weak, author: true, now: 1_710_000_000 };
    classify(&Estate::new(occurrences), judge).remove(0)
}

/// Asserted roles with points, then hypotheses.
fn roles(finding: &Finding) -> String {
    let list = |scores: &[super::super::RoleScore]| {
        scores.iter().map(|s| format!("{} {}", s.role, s.score)).collect::<Vec<_>>().join(", ")
    };
    format!("{}; {}", list(&finding.roles), list(&finding.hypotheses))
}

/// The shapes are those of certificates that `openssl req -x509` and `openssl x509 -req` made with the options named.
#[test]
fn shapes_of_certificates() {
    let own = |change: fn(&mut CertFacts)| {
        facts(|c| {
            (c.self_issued, c.ca) = (true, Some(true));
            change(c);
        })
    };
    for (what, facts, expected) in [
        ("req -x509 -subj /CN=Acme Root CA", own(|c| c.subject = "CN=Acme Root CA".into()), "ca_root_private 70; "),
        (
            "req -x509 -subj /CN=acme.com",
            own(|c| c.subject = "CN=acme.com".into()),
            "tls_server 10; ca_root_private 10",
        ),
        (
            "req -x509 -subj /CN=localhost",
            own(|c| c.subject = "CN=localhost".into()),
            "tls_server 30; ca_root_private 10",
        ),
        (
            "req -x509 -addext subjectAltName",
            own(|c| c.extensions = vec![SAN.into()]),
            "tls_server 30; ca_root_private 10",
        ),
        ("req -x509 -addext keyUsage=keyCertSign", own(|c| c.key_usage = Some(1 << 5)), "ca_root_private 60; "),
        ("version 1, self-issued", facts(|c| (c.version, c.self_issued) = (1, true)), "unknown 0; ca_root_private 10"),
        (
            "a root for servers",
            with(&[SERVER, CLIENT], |c| {
                (c.ca, c.self_issued, c.key_usage) = (Some(true), true, Some(1 << 5));
                c.subject = "CN=Acme Root CA".into();
            }),
            "ca_root_private 120; ",
        ),
        (
            "a server that says CA:TRUE",
            with(&[SERVER], |c| (c.ca, c.self_issued, c.key_usage) = (Some(true), true, Some(1 << 5))),
            "tls_server 60; ",
        ),
        (
            "a subordinate CA for servers",
            with(&[SERVER], |c| (c.ca, c.key_usage) = (Some(true), Some(1 << 5))),
            "ca_intermediate 60; ",
        ),
        ("a server", with(&[SERVER, CLIENT], |_| ()), "tls_server 100, tls_client 100; "),
        (
            "Apple development",
            with(&[CODE], |c| c.extensions = vec!["1.2.840.113635.100.6.1.12".into()]),
            "code_signing_dev 100; code_signing 40",
        ),
        ("a machine owner key", with(&[CODE, "1.3.6.1.4.1.2312.16.1.2"], |_| ()), "os_kernel 100; code_signing 40"),
        ("mail, encryption only", with(&[MAIL], |c| c.key_usage = Some(0b100)), "encryption_only 100; email_smime 40"),
        (
            "an RPKI CA",
            facts(|c| (c.ca, c.key_usage, c.extensions) = (Some(true), Some(1 << 5), vec!["1.3.6.1.5.5.7.1.7".into()])),
            "rpki_ca 100; ",
        ),
        ("nothing at all", facts(|_| ()), "unknown 0; "),
    ] {
        let finding = judged(vec![key("a.key", KEY, |_| ()), certificate(1, facts)]);
        assert_eq!(roles(&finding), expected, "{what}");
    }
}

#[test]
fn a_certificate_is_evidence_for_its_own_key_only() {
    let mut other = certificate(1, with(&[CODE], |_| ()));
    let mut public = half(KEY);
    public.id = KeyId { spki_sha256: [7; 32], key_only: [8; 32] };
    other.material.identity = Some(Identity::public(public));
    assert_eq!(roles(&judged(vec![key("certs/1.key", KEY, |_| ()), other])), "tls_server 30; ");
}

#[test]
fn what_one_certificate_excludes_another_allows() {
    let code = || certificate(1, with(&[CODE], |_| ()));
    let server = || certificate(2, with(&[SERVER], |_| ()));
    let key = || key("signtool/codesign.key", KEY, |_| ());
    assert_eq!(roles(&judged(vec![key(), code(), server()])), "code_signing 110, tls_server 100; ");
    // The words of the path support code signing; a certificate for servers alone contradicts that.
    assert_eq!(roles(&judged(vec![key(), server()])), "tls_server 100; ");
}

#[test]
fn constraints_count_only_if_every_certificate_has_them() {
    let ca = |number, change: fn(&mut CertFacts)| {
        certificate(
            number,
            facts(|c| {
                (c.ca, c.key_usage) = (Some(true), Some(1 << 5));
                change(c);
            }),
        )
    };
    let bound: fn(&mut CertFacts) = |c| c.extensions = vec!["2.5.29.30".into()];
    let lowered =
        |occurrences: Vec<Occurrence>| judged(occurrences).modifiers.iter().any(|change| change.tenths == -10);
    let key = || key("a", KEY, |_| ());
    assert!(lowered(vec![key(), ca(1, bound)]));
    assert!(lowered(vec![key(), ca(1, bound), certificate(2, facts(|_| ()))]), "a leaf needs no bounds");
    assert!(!lowered(vec![key(), ca(1, bound), ca(2, |_| ())]));
    let purposes: fn(&mut CertFacts) = |c| (c.path_len, c.ext_key_usage) = (Some(0), vec![SERVER.into()]);
    assert!(lowered(vec![key(), ca(1, purposes)]));
    assert!(!lowered(vec![key(), ca(1, |c| c.path_len = Some(0))]), "pathLen alone leaves every purpose");
}

#[test]
fn lifetime_signing_ends_with_the_certificate() {
    let expired = |purposes: &[&str]| {
        let certificate = certificate(1, with(purposes, |c| c.not_after = 1_705_000_000));
        judged(vec![key("a", KEY, |_| ()), certificate]).severity
    };
    assert_eq!(expired(&[CODE]), 86);
    assert_eq!(expired(&[CODE, "1.3.6.1.4.1.311.10.3.13"]), 71);
}

#[test]
fn a_tier_is_wider_where_a_rule_says_so() {
    let ca = |policy: &str| {
        let policies = vec![policy.to_owned()];
        facts(|c| (c.ca, c.key_usage, c.policies) = (Some(true), Some(1 << 5), policies))
    };
    for (policy, tier) in [("2.23.140.1.2.1", "T0"), ("1.2.3.4", "T1")] {
        let finding = judged(vec![key("a", KEY, |_| ()), certificate(1, ca(policy))]);
        assert_eq!((finding.roles[0].role.as_str(), finding.tier.id()), ("ca_intermediate", tier), "{policy}");
    }
}

#[test]
fn shapes_of_files() {
    let named = |path: &str, change: fn(&mut Material)| roles(&judged(vec![key(path, KEY, change)]));
    for (path, change, expected) in [
        (
            "out/debug.keystore",
            (|m| m.labels = vec![Label::new("alias", b"androiddebugkey")]) as fn(&mut Material),
            "code_signing_dev 90; ",
        ),
        ("etc/ssh/ssh_host_rsa_key", |m| m.format = "openssh", "ssh_host 90; "),
        ("home/a/.ssh/id_rsa", |m| m.format = "openssh", "ssh_user 60; "),
        ("ca/users_ca", |m| m.format = "openssh", "ssh_ca 60; "),
        ("root/etc/ssh_host_key", |m| m.format = "ssh1", "ssh_host 90; "),
        ("home/a/.ssh/identity", |m| m.format = "ssh1", "ssh_user 60; "),
        ("home/a/.ssh2/id_rsa_1024_a", |m| m.format = "ssh2_com", "ssh_user 60; "),
        ("etc/dropbear/dropbear_rsa_host_key", |m| m.format = "dropbear", "ssh_host 90; "),
        ("home/a/.ssh/id_dropbear", |m| m.format = "dropbear", "ssh_user 30; "),
        ("keys/root_key.vbprivk", |m| m.format = "vbprivk", "boot_root 90; "),
        ("certs/distribution/A1.p12", |m| m.format = "fastlane_match", "mobile_upload 40; tls_server 10"),
        (
            "mesh.key",
            |m| (m.format, m.labels) = ("raw_pem", vec![Label::new("PEM label", b"NEBULA ED25519 PRIVATE KEY")]),
            "vpn_ca 60; ",
        ),
        (
            "export.txt",
            |m| (m.format, m.labels) = ("raw_pem", vec![Label::new("PEM label", b"TENDERMINT PRIVATE KEY")]),
            "wallet 60; ",
        ),
        ("a.xml", |m| m.format = "android_keybox", "device_attestation 60; "),
        ("src/Acme.snk", |m| m.format = "capi", "strong_name 90; "),
        ("src/acme.SNK", |m| m.format = "pkcs1", "strong_name 30; "),
        ("src/acme.key", |m| m.format = "capi", "unknown 0; "),
        ("efi/PK.key", |_| (), "boot_root 30; "),
        ("a/b.pem", |_| (), "unknown 0; "),
    ] {
        assert_eq!(named(path, change), expected, "{path}");
    }
    let openpgp = |user: &str| {
        let label = Label::new("user id", user.as_bytes());
        let uses = Some(Uses { certify: true, sign: true, ..Uses::default() });
        roles(&judged(vec![key("k.asc", KEY, |m| (m.format, m.uses, m.labels) = ("openpgp", uses, vec![label]))]))
    };
    assert_eq!(openpgp("Jo Doe <jo@acme.example>"), "openpgp_certify 100; ");
    assert_eq!(openpgp("Acme Package Signing <deb@packages.acme.example>"), "package_repo 60; ");
    assert_eq!(openpgp("Acme Security <security@acme.example>"), "openpgp_certify 100; email_pgp 30");
}

#[test]
fn a_verifier_of_a_public_half_gives_its_key_a_role() {
    for (note, expected) in [
        (Remark::ChromeOsBoot, "boot_root 100; "),
        (Remark::AndroidBoot, "boot_root 100; "),
        (Remark::AndroidImage, "boot_root 100; "),
        (Remark::UefiTrusted, "boot_root 100; "),
        (Remark::UefiSigner, "boot_root 100; "),
        (Remark::Profile, "mobile_upload 60; "),
        (Remark::DevelopmentProfile, "code_signing_dev 60; "),
        (Remark::EnterpriseProfile, "code_signing 100; "),
        (Remark::NoEnd, "unknown 0; "),
    ] {
        let mut place = certificate(1, facts(|_| ()));
        place.material.remarks.push(note);
        assert_eq!(roles(&judged(vec![key("a", KEY, |_| ()), place])), expected, "{note}");
    }
}
