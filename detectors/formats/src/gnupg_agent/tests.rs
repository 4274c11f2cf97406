//! Tests of `gnupg_agent`.

use crate::samples::bytes;
use keyradius_core::blob::Origin;
use keyradius_core::material::Proof;
use keyradius_core::material::Remark;
use keyradius_readers::curves;
use keyradius_readers::proof;
use keyradius_readers::public::{self, Raw};

use super::*;

/// The private key of RFC 8032 7.1, test 1.
const SEED: &str = "9D61B19DEFFD5A60BA844AF492EC2CC44449C5697B326919703BAC031CAE7F60";
const POINT: &str = "D75A980182B10AB7D54BFED3C964073A0EE172F3DAA62325AF021A68F707511A";

fn inspect(bytes: &[u8]) -> Result<Vec<Material>, Malformed> {
    let origin = Origin::file("k");
    let mut out = Inspection::default();
    for anchor in [CANONICAL, PRIVATE, OTHERS] {
        let found = memchr::memmem::find(bytes, anchor.bytes).filter(|at| !anchor.at_start || *at == 0);
        if let Some(at) = found {
            GnuPgAgent.inspect(Blob::whole(bytes, &origin), Hit { anchor, at }, &mut out)?;
        }
    }
    Ok(out.take())
}

fn ed25519(head: &str, rest: &str) -> String {
    format!(
        "Created: 20261120T195954\nLabel: build key\nKey: ({head} (ecc (curve Ed25519)(flags eddsa)(q\n  #40{POINT}#){rest}))\n"
    )
}

#[test]
fn heads_determine_the_protection() {
    let s2k = |count: u32, mode: &str| {
        format!(
            "(protected {mode} ((sha1 #0102030405060708#\n  \"{count}\")#000102030405060708090a0b#)#{}#)(protected-at \"20261120T195954\")",
            "5a".repeat(64)
        )
    };
    for (text, state, detail, proof) in [
        (ed25519("private-key", &format!("(d #{SEED}#)")), ProtectionState::Plaintext, "", Proof::Verified),
        (
            ed25519("protected-private-key", &s2k(26_000_000, "openpgp-s2k3-ocb-aes")),
            ProtectionState::Strong,
            "S2K SHA-1 26000000 octets, AES-128-OCB",
            Proof::Structure,
        ),
        (
            ed25519("protected-private-key", &s2k(65_536, "openpgp-s2k3-sha1-aes-cbc")),
            ProtectionState::Weak,
            "S2K SHA-1 65536 octets, AES-128-CBC",
            Proof::Structure,
        ),
        (
            ed25519("shadowed-private-key", "(shadowed t1-v1 (#D2760001#OPENPGP.1))"),
            ProtectionState::Stub,
            "on the card d2760001",
            Proof::Structure,
        ),
        (
            ed25519("shadowed-private-key", "(shadowed tpm2-v1 (#00#))"),
            ProtectionState::Hardware,
            "wrapped by a TPM",
            Proof::Structure,
        ),
    ] {
        let found = inspect(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
        let [material] = found.as_slice() else { panic!("{text}") };
        assert_eq!((material.protection.clone(), material.proof), (Some(Protection::new(state, detail)), proof));
        let Some(Identity::Public(half)) = &material.identity else { panic!("identity") };
        assert_eq!(hex(&half.spki[12..]).to_uppercase(), POINT);
        assert_eq!(material.labels, [Label::new("label", b"build key")]);
    }
}

#[test]
fn names_are_read_in_every_form_of_token() {
    let text = format!(
        "(#{}#(#{}#(|{}|Ed25519)(5\"flags\"\"\\x65ddsa\")(1#71#[x]#40{POINT}#)(d #{SEED}#)(comment \"((((((((((((((((((\\\"\")))",
        hex(b"private-key"),
        hex(b"ecc"),
        keyradius_readers::text::base64(b"curve")
    );
    for (name, before) in [("Key: ", "Key: "), ("no blank", "Label: x\nKey:"), ("next line", "key:\n "), ("alone", "")]
    {
        let whole = format!("{before}{text}\n");
        let origin = Origin::file("k");
        let mut found = Vec::new();
        for anchor in VALUES.into_iter().chain([EXPRESSION]) {
            let at = memchr::memmem::find(whole.as_bytes(), anchor.bytes).filter(|at| !anchor.at_start || *at == 0);
            let mut out = Inspection::default();
            if let Some(at) = at {
                GnuPgAgent.inspect(Blob::whole(whole.as_bytes(), &origin), Hit { anchor, at }, &mut out).unwrap();
            }
            found.extend(out.take());
        }
        let [material] = found.as_slice() else { panic!("{name}: {whole}") };
        assert_eq!((material.proof, material.span.end), (Proof::Verified, whole.len() - 1), "{name}");
    }
    // Texts that begin like a key.
    for text in ["key: (a, b)\n", "  key:\n  (x)\n", "(a)\n", "(", "Key: (private-key"] {
        assert!(inspect(text.as_bytes()).map_or(true, |found| found.is_empty()), "{text}");
    }
}

#[test]
fn lines_may_break_inside_words() {
    let text = ed25519("private-key", &format!("(d #{SEED}#)"));
    let broken = text.replace("(flags", "(fl\n ags").replace("(d #", "(\n d #9\n ").replacen("9\n 9", "9\n ", 1);
    for (text, indent) in [(broken.clone(), ""), (broken.replace('\n', "\r\n"), ""), (broken, "    ")] {
        let text = format!("k: |\n{indent}{}", text.replace('\n', &format!("\n{indent}")));
        let found = inspect(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!((found.len(), found[0].proof), (1, Proof::Verified), "{text}");
        assert!(text[..found[0].span.end].ends_with(")))"), "{text}");
    }
}

#[test]
fn canonical_and_guix_are_the_same_key() {
    let atom = |bytes: &[u8]| [format!("{}:", bytes.len()).as_bytes(), bytes].concat();
    let (point, seed) = ([&[0x40][..], &bytes(POINT)].concat(), bytes(SEED));
    let canonical = [
        &b"(11:private-key(3:ecc(5:curve7:Ed25519)(5:flags5:eddsa)(1:q"[..],
        &atom(&point),
        b")(1:d",
        &atom(&seed),
        b")))",
    ]
    .concat();
    let guix = format!(
        "(key-data\n (public-key \n  (ecc \n   (curve Ed25519)\n   (flags eddsa)\n   (q #{POINT}#)\n   )\n  )\n (private-key \n  \
         (ecc \n   (curve Ed25519)\n   (flags eddsa)\n   (q #{POINT}#)\n   (d #{SEED}#)\n   )\n  )\n )\n"
    );
    for bytes in [&canonical[..], guix.as_bytes()] {
        let found = inspect(bytes).unwrap();
        assert_eq!((found.len(), found[0].proof), (1, Proof::Verified));
    }
}

#[test]
fn curves_have_the_names_of_libgcrypt() {
    let scalar = [7; 32];
    for (name, curve) in [
        ("\"NIST P-256\"", "P-256"),
        ("nistp256", "P-256"),
        ("1.2.840.10045.3.1.7", "P-256"),
        ("secp256k1", "secp256k1"),
        ("brainpoolP256r1", "brainpoolP256r1"),
    ] {
        let point = curves::by_name(curve).unwrap().public_point(&scalar).unwrap();
        let text = format!("(private-key (ecc (curve {name})(q #{}#)(d #00{}#)))", hex(&point), hex(&scalar));
        let found = inspect(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(found[0].proof, Proof::Verified, "{name}");
    }
    // Curve25519 has its secret as a big-endian number.
    let mut secret = scalar.to_vec();
    let public = proof::raw_public(Raw::X25519, &secret).unwrap();
    secret[0] = 9;
    secret.reverse();
    let text = format!(
        "(private-key (ecc (curve Curve25519)(flags djb-tweak)(q #40{}#)(d #{}#)))",
        hex(&public),
        hex(&secret)
    );
    assert!(inspect(text.as_bytes()).is_err());
}

#[test]
fn a_private_number_with_a_foreign_public_one_is_reported() {
    let seed = bytes(&SEED.replacen("9D", "9E", 1));
    let found = inspect(ed25519("private-key", &format!("(d #{}#)", hex(&seed))).as_bytes()).unwrap();
    let bytes = proof::raw_public(Raw::Ed25519, &seed).unwrap();
    let half = public::half(&public::PublicKey::Raw { kind: Raw::Ed25519, bytes: &bytes });
    assert_eq!((found[0].proof, &found[0].identity), (Proof::Structure, &Some(Identity::public(half))));
    assert_eq!(found[0].remarks, [Remark::ForeignPublicNumbers]);
}

#[test]
fn a_point_that_is_on_no_curve_is_a_remark() {
    let scalar: Vec<u8> = (0..32_u8).map(|n| n.wrapping_mul(37) | 1).collect();
    let curve = curves::by_name("P-256").unwrap();
    let own = curve.public_point(&scalar).unwrap();
    let half = public::half(&public::PublicKey::Ec { domain: public::Domain::Named(curve), point: &own });
    for point in ["04".to_owned() + &"11".repeat(64), "05".to_owned() + &hex(&own[1..]), "00".to_owned()] {
        let text = format!("(private-key (ecc (curve \"NIST P-256\")(q #{point}#)(d #{}#)))", hex(&scalar));
        let found = inspect(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!((found[0].proof, &found[0].identity), (Proof::Structure, &Some(Identity::public(half.clone()))));
        assert_eq!(found[0].remarks, [Remark::ForeignPublicNumbers]);
        let placeholder = text.replace(&hex(&scalar), &"11".repeat(32));
        assert!(inspect(placeholder.as_bytes()).is_err(), "{placeholder}");
    }
    let protected = "(protected openpgp-s2k3-ocb-aes ((sha1 #01# \"65536\")#00#)#".to_owned() + &"5a".repeat(64) + "#)";
    for rest in [protected, "(shadowed t1-v1 (#D276#OPENPGP.1))".to_owned()] {
        let head = if rest.contains("s2k3") { "protected" } else { "shadowed" };
        let text = format!("({head}-private-key (ecc (curve Ed25519)(q #40{}#){rest}))", "11".repeat(30));
        let found = inspect(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert!(matches!(found[0].identity, Some(Identity::Opaque(_))), "{text}");
    }
}

#[test]
fn inconsistent_keys_are_refused() {
    for text in [
        ed25519("private-key", &format!("(d #{}#)", "99".repeat(32))),
        ed25519("private-key", ""),
        ed25519("protected-private-key", ""),
        ed25519("protected-private-key", "(protected rot13 ((sha1 #00# \"1\")#00#)#00#)"),
        ed25519("shadowed-private-key", ""),
        "(private-key (rsa (n #00#)(e #03#)(d #01#)))".to_owned(),
        "(private-key name)".to_owned(),
        "(define (private-key->string key) (sexp->string key))".to_owned(),
        "\"(private-key (ecc (curve Ed25519)(q %b)(d %b)))\"".to_owned(),
    ] {
        assert!(inspect(text.as_bytes()).is_err(), "{text}");
    }
}
