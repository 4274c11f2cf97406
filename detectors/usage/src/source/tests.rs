//! The table against its own examples and near misses.

use std::fmt::Write;

use keyradius_core::blob::Origin;

use super::*;

/// Stands for a private key in PEM: the table contains no key.
fn filled(text: &str) -> String {
    let head = ["-----BEGIN", "PRIVATE KEY-----"].join(" ");
    text.replace("PEMKEY", &format!("{head}\\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7"))
}

/// What a rule found: paths, and `here:LINE` for keys in the source.
fn names(file: &str, text: &str, rule: &str) -> Vec<String> {
    let text = filled(text);
    let origin = Origin::file(file);
    let mut hints = UsageHints::default();
    read(Blob::whole(text.as_bytes(), &origin), Path::new(file), &mut hints);
    let mut out = Vec::new();
    for material in &hints.references {
        let reference = material.reference.as_deref().unwrap();
        if reference.tool != rule {
            continue;
        }
        if reference.names.is_empty() {
            out.push(format!("here:{}", text[..material.span.start].matches('\n').count() + 1));
        }
        out.extend(reference.names.iter().map(|name| format!("path:{}", name.text())));
    }
    out.sort();
    out.dedup();
    out
}

#[test]
fn the_table_is_sound() {
    let parsed = serde_json::from_str::<rules::Sources>(rules::JSON);
    assert!(parsed.is_ok(), "{:?}", parsed.err());
    let gate = serde_json::from_str::<Vec<String>>(rules::GATE_JSON);
    assert!(gate.is_ok_and(|gate| !gate.is_empty()), "no gate");
    let mut ids: Vec<&str> = SOURCES.source.iter().map(|rule| rule.id.as_str()).collect();
    ids.sort_unstable();
    assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "duplicate id");
    for rule in &SOURCES.source {
        assert!(!rule.examples.is_empty(), "{}: no example", rule.id);
        assert!((10..=60).contains(&rule.weight()) && !rule.text.is_empty(), "{}", rule.id);
        assert_eq!(rule.calls.is_empty(), rule.key.is_empty(), "{}: calls have key arguments", rule.id);
    }
}

#[test]
fn every_rule_matches_its_examples() {
    let mut wrong = String::new();
    for rule in &SOURCES.source {
        for example in &rule.examples {
            let got = names(&example.file, &example.text, &rule.id);
            let mut wanted = example.names.clone();
            wanted.sort();
            if got != wanted {
                let _ = writeln!(wrong, "{}: {:?}\n    wanted {wanted:?}\n    got    {got:?}", rule.id, example.text);
            }
        }
        for near in &rule.near {
            let got = names(&near.file, &near.text, &rule.id);
            if !got.is_empty() {
                let _ = writeln!(wrong, "{}: near {:?} gave {got:?}", rule.id, near.text);
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn limits_are_enforced() {
    let mut text = String::new();
    for number in 0..3000 {
        let _ = writeln!(text, "jwt.sign(x, r('k{number}.pem'))");
    }
    let origin = Origin::file("a.js");
    let mut hints = UsageHints::default();
    read(Blob::whole(text.as_bytes(), &origin), Path::new("a.js"), &mut hints);
    assert_eq!(hints.references.len(), REFERENCES);
    // Names that lead to each other, brackets that are not closed, and strings that do not end.
    for text in
        ["a = b\nb = a\n".repeat(5000), "jwt.sign((((".repeat(5000), "'.pem\"".repeat(9000), "f({k:".repeat(9000)]
    {
        let text = format!("{text}\njwt.sign(a, b, 'x.pem')");
        let mut hints = UsageHints::default();
        read(Blob::whole(text.as_bytes(), &origin), Path::new("a.js"), &mut hints);
        assert!(hints.references.len() <= REFERENCES);
    }
}

#[test]
fn passwords_of_code_that_names_a_key_file() {
    for (file, text, expected) in [
        ("a.c", "load(\"a.key\");\nchar *password = \"one\";\n#define KEY_PASS \"two\"\n", &["one", "two"][..]),
        ("A.java", "ks.load(open(\"a.jks\"), \"one\".toCharArray());", &["a.jks", "one"]),
        ("a.py", "open('a.pem')\nload(data, password=os.environ.get('P', 'one'))", &["P", "one"]),
        ("a.kt", "storeFile = File(\"a.keystore\")\nstorePassword =\n    \"000000\"", &["000000"]),
        ("a.js", "read('a.p12'); opts = { passphrase: 'it\\'s' }", &["it's"]),
        ("a.go", "pkcs12.Decode(read(\"a.pfx\"), \"one\")", &["a.pfx", "one"]),
        ("build.gradle", "storeFile file('a.jks')\nstorePassword System.getenv('P') ?: 'one'", &["P", "one"]),
        ("a.py", "open('a.pem')\nprint('Enter the password: ', 'the password of a key file is wrong')", &[]),
        ("a.py", "password = 'one'", &[]),
    ] {
        let origin = Origin::file(file);
        let mut hints = UsageHints::default();
        read(Blob::whole(text.as_bytes(), &origin), Path::new(file), &mut hints);
        read_passwords(Blob::whole(text.as_bytes(), &origin), Path::new(file), &mut hints);
        let found: Vec<_> =
            hints.candidates.iter().map(|one| String::from_utf8_lossy(one.secret.expose()).into_owned()).collect();
        assert_eq!(found, expected, "{text}");
        let names = |one: &keyradius_core::seam::Candidate| !one.about.is_empty();
        assert!(hints.candidates.iter().all(names), "{text}");
    }
}

#[test]
fn uses_in_parts_for_tests_are_marked() {
    let load = "EncodingKey::from_rsa_pem(include_bytes!(\"a.pem\"))";
    for (text, marked) in [
        (format!("fn k() {{ {load}; }}"), false),
        (format!("#[cfg(test)]\nmod tests {{ fn k() {{ {load}; }} }}"), true),
        (format!("#[cfg(test)] #[allow(x)]\nfn k() {{ {load}; }}"), true),
        (format!("#[cfg(test)]\nmod tests {{ }}\nfn k() {{ {load}; }}"), false),
        (format!("#[cfg(test)]\nmod tests;\nfn k() {{ {load}; }}"), false),
        (format!("#[cfg(not(test))]\nmod real {{ fn k() {{ {load}; }} }}"), false),
        (format!("#[cfg(test)]\nmod tests {{ fn k() {{ {load}; }}"), false),
    ] {
        let origin = Origin::file("src/lib.rs");
        let mut hints = UsageHints::default();
        read(Blob::whole(text.as_bytes(), &origin), Path::new("src/lib.rs"), &mut hints);
        let uses = || hints.references.iter().filter(|m| m.reference.as_deref().is_some_and(|r| r.tool == "rust-jwt"));
        assert_eq!(uses().count(), 1, "{text}");
        assert_eq!(uses().any(|material| material.remarks.contains(&Remark::InTest)), marked, "{text}");
    }
}
