//! The grammar against its own examples, near misses, and hostile text.

use std::fmt::Write;
use std::path::Path;

use keyradius_core::blob::{Blob, Origin};
use keyradius_core::material::Name;
use keyradius_core::seam::{UsageHints, UsageReader};

use super::tables::{FILES_JSON, Files, JSON, Rule, TABLES, Tables};
use super::{CANDIDATES, REFERENCES, Usage};

/// Stands for every password of the examples: if it is shown anywhere, a password was revealed.
const MARKER: &str = "kR7marker5Qz";

fn read(file: &str, bytes: &[u8]) -> UsageHints {
    let origin = Origin::file(file);
    let mut usage_hints = UsageHints::default();
    Usage.read(Blob::whole(bytes, &origin), &mut usage_hints);
    usage_hints
}

fn name(name: &Name) -> String {
    let kind = match name {
        Name::Path(_) => "path",
        Name::Directory(_) => "directory",
        Name::Alias(_) => "alias",
        Name::Variable(_) => "variable",
        Name::Digits(_) => "digits",
    };
    format!("{kind}:{}", name.text())
}

/// All names that a rule gives to keys, without duplicates, in the order of the text.
fn names(usage_hints: &UsageHints, rule: &str) -> Vec<String> {
    let mut out = Vec::new();
    for material in &usage_hints.references {
        let reference = material.reference.as_deref().unwrap();
        if reference.tool == rule {
            for text in reference.names.iter().map(name) {
                if !out.contains(&text) {
                    out.push(text);
                }
            }
        }
    }
    out
}

fn rules() -> Vec<&'static Rule> {
    TABLES.command.iter().chain(&TABLES.assignment).chain(&TABLES.step).collect()
}

#[test]
fn the_grammar_is_sound() {
    let parsed = serde_json::from_str::<Tables>(JSON);
    assert!(parsed.is_ok(), "{:?}", parsed.err());
    let files = serde_json::from_str::<Files>(FILES_JSON);
    assert!(files.is_ok(), "{:?}", files.err());
    let mut ids: Vec<&str> = rules().iter().map(|rule| rule.id.as_str()).collect();
    ids.sort_unstable();
    let count = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), count, "duplicate id");
    for rule in rules() {
        assert!(!rule.examples.is_empty(), "{}: no example", rule.id);
        assert!(!rule.group.is_empty() && rule.parts().count() > 0, "{}", rule.id);
        assert_eq!(rule.role.is_some(), !rule.text.is_empty(), "{}: a role needs a text and vice versa", rule.id);
        assert!((10..=60).contains(&rule.weight()), "{}", rule.id);
    }
}

#[test]
fn every_rule_matches_its_examples() {
    let mut wrong = String::new();
    for rule in rules() {
        for example in &rule.examples {
            let file = if example.file.is_empty() { "build.sh" } else { &example.file };
            if !Usage.wants(Path::new(file)) {
                let _ = writeln!(wrong, "{}: {file} is not read", rule.id);
            }
            let usage_hints = read(file, example.text.replace("PW", MARKER).as_bytes());
            let mut got = names(&usage_hints, &rule.id);
            let mut wanted = example.names.clone();
            got.sort();
            wanted.sort();
            if rule.role.is_none() {
                wanted.clear();
            }
            if got != wanted {
                let _ = writeln!(wrong, "{}: {:?}\n    wanted {wanted:?}\n    got    {got:?}", rule.id, example.text);
            }
            for material in &usage_hints.references {
                let reference = material.reference.as_deref().unwrap();
                if reference.tool == rule.id && Some(&reference.role) != rule.role.as_ref() {
                    let _ = writeln!(wrong, "{}: role {}", rule.id, reference.role);
                }
            }
            for field in &example.fields {
                let has = usage_hints
                    .candidates
                    .iter()
                    .any(|c| c.field == *field && c.secret.expose().as_slice() == MARKER.as_bytes());
                if !has {
                    let fields: Vec<(&str, usize)> =
                        usage_hints.candidates.iter().map(|c| (c.field.as_str(), c.secret.expose().len())).collect();
                    let _ = writeln!(wrong, "{}: {:?}\n    no field {field}, got {fields:?}", rule.id, example.text);
                }
            }
            if example.fields.is_empty()
                && usage_hints.candidates.iter().any(|c| c.secret.expose().as_slice() != MARKER.as_bytes())
            {
                let _ = writeln!(wrong, "{}: {:?}\n    a candidate that is not a password", rule.id, example.text);
            }
            let shown = format!("{usage_hints:?}");
            if shown.contains(MARKER) {
                let _ = writeln!(wrong, "{}: {:?}\n    shows a password: {shown}", rule.id, example.text);
            }
            for material in &usage_hints.references {
                let span = example.text.replace("PW", MARKER);
                let span = span.as_bytes().get(material.span.clone()).unwrap_or_default();
                if String::from_utf8_lossy(span).contains(MARKER) {
                    let _ = writeln!(wrong, "{}: a span contains a password", rule.id);
                }
            }
        }
        for near in &rule.near {
            let file = if near.file.is_empty() { "build.sh" } else { &near.file };
            let got = names(&read(file, near.text.as_bytes()), &rule.id);
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
    for n in 0..3000 {
        let _ = writeln!(text, "signtool sign /f k{n}.pfx /p {MARKER}{n} a.exe");
    }
    let usage_hints = read("a.sh", text.as_bytes());
    assert_eq!((usage_hints.references.len(), usage_hints.candidates.len()), (REFERENCES, CANDIDATES));
}

fn fields(usage_hints: &UsageHints) -> Vec<(String, String, u64)> {
    usage_hints
        .candidates
        .iter()
        .map(|c| (c.field.clone(), String::from_utf8_lossy(c.secret.expose()).into_owned(), c.line))
        .collect()
}

#[test]
fn passwords_of_files_without_a_rule() {
    for (file, text, field, password, line) in [
        ("app.env", "DB=x\nAPP_KEYSTORE_PASSWORD='hunter 2'\n", "APP_KEYSTORE_PASSWORD", "hunter 2", 2),
        ("docker-compose.yml", "environment:\n  - P12_PASS=abc\n", "P12_PASS", "abc", 2),
        ("values.yaml", "tls:\n  keystorePassword: abc # x\n", "keystorePassword", "abc", 2),
        ("secret.yaml", "kind: Secret\ndata:\n  password: aHVudGVyMg==\n", "password", "hunter2", 3),
        ("secret.yaml", "kind: Secret\nstringData:\n  password: aHVu!\n", "password", "aHVu!", 3),
        ("terraform.tfvars", "cert_password = \"abc\"\n", "cert_password", "abc", 1),
        ("jetty.xml", "<Set name=\"KeyStorePassword\">OBF:20771x1b206z</Set>", "KeyStorePassword", "you", 1),
        ("app.config", "<add key=\"CertPassword\" value=\"a&amp;b\"/>", "CertPassword", "a&b", 1),
        ("terraform.tfstate", "{\"attributes\": {\"password\": \"abc\"}}", "password", "abc", 1),
        ("README.md", "# Release\n\nThe keystore password is `abc`.\n", "password", "abc", 3),
        ("README", "Password: changeme\n", "Password", "changeme", 1),
        ("README", "The password is: a1b\nor\n", "password", "a1b", 1),
        ("README", "The password for the key is: a1b\n", "password", "a1b", 1),
        ("README", "The key is encrypted with the password a1b.\n", "password", "a1b", 1),
        ("README.md", "- **Password:** abc\n", "Password", "abc", 1),
        ("README.md", "- **Password**: `abc`\n", "Password", "abc", 1),
        ("README.md", "| user | password |\n|---|---|\n| password | abc |\n", "password", "abc", 3),
        ("README.md", "Passwort ist abc\n", "Passwort", "abc", 1),
        ("README.md", "password → abc, passphrase - abd\n", "passphrase", "abd", 1),
        ("password.txt", "abc\n", "line", "abc", 1),
        ("release.pass", "abc\r\n", "line", "abc", 1),
        ("pw", "store: abc", "line", "abc", 1),
        ("build.gradle", "// keyPassword 'old'\n", "keyPassword", "old", 1),
        ("setup.iss", "SignTool=x /pPassword=abc\n#define CertPassword \"abc\"\n", "CertPassword", "abc", 2),
        ("a.sh", "tool --storepass abc --other", "storepass", "abc", 1),
        ("ansible.yml", "vars:\n  - cert_passphrase: abc\n", "cert_passphrase", "abc", 2),
    ] {
        let got = fields(&read(file, text.as_bytes()));
        assert!(got.contains(&(field.to_owned(), password.to_owned(), line)), "{file} {text:?}: {got:?}");
    }
}

#[test]
fn texts_that_are_not_passwords() {
    for (file, text) in [
        ("a.yml", "password: ${{ secrets.X }}\npassphrase: $PASS\nstore_password: '{{ vault_pw }}'"),
        ("a.yml", "password: vault:secret/x#y\nkey_password: ENC(abc)\nx_password: !vault |\n  abc\n"),
        ("a.properties", "storePassword=\nkeyPassword=<password>\nx.password=${X}\n"),
        ("a.env", "X_PASSWORD=xxx\nY_PASSWORD=***\nZ_PASSWORD=your-password-here\n"),
        ("a.sh", "echo $PASSWORD\nif [ \"$PASSWORD\" == \"\" ]; then\nbypass=1\n"),
        ("a.sh", "read -s PASSWORD\nunset PASSWORD\n"),
        ("a.bat", "signtool sign /f a.pfx /p %PASSWORD% x.exe"),
        ("README.md", "It needs a password.\nThe password protects the key. A password, if any\n"),
        ("README.md", "The password for the key\nis not told. Enter your password and press return.\n"),
        ("web.config", "<machineKey validationKey=\"AutoGenerate,IsolateApps\"/>"),
    ] {
        assert_eq!(fields(&read(file, text.as_bytes())), [], "{file} {text:?}");
    }
}

#[test]
fn a_password_lists_the_keystores_near_it() {
    for (file, text, about) in [
        ("a.bat", "signtool sign /f keys\\a.pfx /p abc x.exe", &["keys\\a.pfx"][..]),
        ("key.properties", "storePassword=abc\nstoreFile=up.jks\nkeyAlias=up\n", &["up", "up.jks"]),
        ("a.yml", "a:\n  file: x.p12\n  password: abc\nb:\n  file: y.p12\n", &["x.p12"]),
        ("a.sh", "PASS=abc\nopenssl pkcs12 -in store/z.p12 -passin pass:$PASS\n", &["store/z.p12"]),
    ] {
        let usage_hints = read(file, text.as_bytes());
        let got: Vec<&str> = usage_hints.candidates.iter().flat_map(|c| &c.about).map(String::as_str).collect();
        for name in about {
            assert!(got.contains(name), "{file}: {got:?}");
        }
        assert!(!got.contains(&"y.p12"), "{file}: {got:?}");
    }
}

#[test]
fn a_password_equal_to_the_alias_is_not_shown() {
    for (file, text) in [
        ("key.properties", "storeFile=a.jks\nstorePassword=PW\nkeyAlias=PW\n"),
        ("a.sh", "jarsigner -keystore a.jks -storepass PW app.jar PW"),
    ] {
        let usage_hints = read(file, text.replace("PW", MARKER).as_bytes());
        assert_eq!((usage_hints.references.len(), usage_hints.candidates.len()), (1, 1), "{file}");
        assert!(!format!("{usage_hints:?}").contains(MARKER), "{file}");
    }
}

#[test]
fn commented_lines_weigh_less_and_prose_gives_no_references() {
    let weights = |file: &str, text: &str| -> Vec<i32> {
        // What a description is about is another matter.
        let references = read(file, text.as_bytes()).references;
        let references = references.iter().map(|material| material.reference.as_deref().unwrap());
        references.filter(|reference| reference.tool != "topic-place").map(|reference| reference.weight).collect()
    };
    assert_eq!(weights("a.bat", "signtool sign /f a.pfx x.exe"), [60]);
    assert_eq!(weights("a.bat", "REM signtool sign /f a.pfx x.exe"), [10]);
    assert_eq!(weights("a.gradle", "// storeFile file('a.jks')"), [10]);
    assert_eq!(weights("README.md", "signtool sign /f a.pfx /p abc x.exe"), [0_i32; 0]);
    assert_eq!(fields(&read("README.md", b"signtool sign /f a.pfx /p abc x.exe")).len(), 1);
}

#[test]
fn a_key_in_the_value_is_named_by_its_setting() {
    let base64 = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC".repeat(4);
    for (file, text, line) in [
        (".env", format!("A=1\nCSC_LINK={base64}\n"), 1),
        ("ci.yml", format!("env:\n  CSC_LINK: |\n    {base64}\n    {base64}\n"), 2),
    ] {
        let usage_hints = read(file, text.as_bytes());
        assert_eq!(names(&usage_hints, "electron-builder"), ["variable:CSC_LINK"], "{file}");
        let at = usage_hints.references[0].span.start;
        assert_eq!(text[..at].matches('\n').count(), line, "{file}");
    }
}

#[test]
fn which_files_are_read() {
    for (path, expected) in [
        ("Makefile", true),
        ("a/Makefile.am", true),
        ("x.gradle.kts", true),
        (".github/workflows/a.yml", true),
        ("Dockerfile.prod", true),
        (".env.local", true),
        ("configs/acme_defconfig", true),
        ("sdkconfig.defaults", true),
        ("rules/defs.bzl", true),
        ("etc/ipsec.secrets", true),
        ("olc/config.ldif", true),
        ("install.c", false),
        ("release.pdf", false),
        ("conf/distributions", true),
        ("README.md", true),
        ("password.txt", true),
        ("main.c", false),
        ("App.java", false),
        ("index.js", false),
        ("package-lock.json", false),
        ("key.pem", false),
        ("photo.png", false),
        ("", false),
    ] {
        let is_source = [".c", ".java", ".js"].iter().any(|end| path.ends_with(end));
        assert_eq!(Usage.wants(Path::new(path)), expected || is_source, "{path}");
        assert_eq!(Usage.takes_passwords(Path::new(path)), expected, "{path}");
    }
}

/// Text made to be slow or to break a reader: every kind of file with some of it, one with the maximum size.
#[test]
fn hostile_text_is_read_in_time() {
    const FILES: [&str; 9] = ["a.sh", "a.bat", "a.ps1", "a.yml", "a.json", "a.xml", "a.gradle", "a.conf", "README"];
    let seeds = [
        "signtool sign /f ",
        "pass=",
        "\"",
        "'",
        "\\\n",
        "^\r\n",
        "$(",
        "${",
        "{{",
        "<",
        "((",
        "[\"",
        "a: >\n b\n",
        "- x\n",
        "signtool ",
        "password",
        "PASSWORD=$PASSWORD ",
        "A=$A$A\n",
        "<a ",
        "<arg value=\"",
        "uses: crazy-max/ghaction-import-gpg\n",
        "key ",
        "dev tun\nkey a\n",
        "\\\"",
        "`",
        "%a%",
        "storeFile file(\"",
        "\u{fffd}",
        "kind: Secret\npassword: YQ==\n",
        "gpg -u a -s | ",
        ".jks",
        "/a.pem ",
        "*/ /*",
        "<!-- ",
        "OBF:",
        "sign-file a b ",
        "\"signtool \\\"sign\\\" ",
    ];
    for (number, seed) in seeds.into_iter().enumerate() {
        for (file, size) in
            FILES.into_iter().map(|file| (file, 1 << 15)).chain([(FILES[number % FILES.len()], 1 << 20)])
        {
            let head = "password=a signtool sign ";
            let text = head.to_owned() + &seed.repeat((size - head.len()) / seed.len());
            let usage_hints = read(file, text.as_bytes());
            assert!(
                usage_hints.references.len() <= REFERENCES && usage_hints.candidates.len() <= CANDIDATES,
                "{file} {seed:?}"
            );
        }
    }
}

/// Every truncation and every changed byte of every example.
#[test]
fn random_text_never_panics() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for example in rules().into_iter().flat_map(|rule| &rule.examples) {
        let file = if example.file.is_empty() { "build.sh" } else { &example.file };
        let bytes = example.text.as_bytes();
        for cut in 0..bytes.len() {
            let mut changed = bytes[..cut].to_vec();
            changed.extend_from_slice(&bytes[cut + 1..]);
            read(file, &changed);
            read(file, &bytes[..cut]);
            let signs = b"\"'`$%{}()<>[]\\\n\r\t =:;|&,#^@\xff\x80\xc3";
            let mut changed = bytes.to_vec();
            changed[cut] = signs[next() as usize % signs.len()];
            read(file, &changed);
        }
    }
}
