//! Keys for tests, and findings that are folded: what is shown, what is counted, what fails.

use crate::workshop::{Ran, Workshop, key_pem};

/// A CA whose name says that it is for tests, made by openssl, in a place for tests: `tests/pki/NAME.key` and `.pem`.
fn ca(shop: &Workshop, folder: &str, name: &str, subject: &str) {
    std::fs::create_dir_all(shop.path().join(folder)).expect("a folder");
    let (key, certificate) = (format!("{folder}/{name}.key"), format!("{folder}/{name}.pem"));
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650"])
        .args([
            "-addext",
            "keyUsage=critical,keyCertSign,cRLSign",
            "-subj",
            subject,
            "-keyout",
            &key,
            "-out",
            &certificate,
        ])
        .current_dir(shop.path())
        .output()
        .expect("openssl");
    assert!(made.status.success(), "{made:?}");
}

#[test]
fn a_key_for_tests_is_told_apart_and_fails_as_before() {
    let shop = Workshop::new("test-keys");
    ca(&shop, "tests/pki", "root", "/CN=Acme Test Root");
    ca(&shop, "tests/pki", "sub", "/CN=Acme Test Sub");
    ca(&shop, "pki", "real", "/CN=Acme Root");
    // A place alone makes no test key, nor does a name alone.
    ca(&shop, "tests/other", "plain", "/CN=Acme Root 2");
    ca(&shop, "prod", "named", "/CN=Acme Test Root 3");
    let report = shop.run(&["scan", "--format", "json"]).json();
    let mut tests = Vec::new();
    for finding in report["findings"].as_array().expect("findings") {
        let path = finding["occurrences"][0]["path"].as_str().expect("a path");
        let severity = finding["severity"].as_f64().expect("a number");
        if let Some(reason) = finding["for_tests"].as_str() {
            assert!(severity <= 5.0 && reason.contains("named for tests (CN=Acme Test "), "{finding:#}");
            tests.push(path.to_owned());
        } else {
            assert!(severity > 6.0, "{finding:#}");
        }
    }
    tests.sort();
    assert_eq!(tests, ["tests/pki/root.key", "tests/pki/sub.key"]);
    assert_eq!(report["summary"]["test_keys"], 2);

    let ran = shop.run(&["scan"]);
    assert!(ran.stdout.contains("\nKeys for tests\n 5.0  "), "{ran:?}");
    assert!(
        ran.stdout.contains("tests/pki  2 keys, the first is in a place for tests (tests/pki/root.key)"),
        "{ran:?}"
    );
    assert!(!ran.stdout.contains("at    tests/pki"), "folded: {ran:?}");
    assert!(ran.stderr.contains("3 signing keys, 2 keys for tests ("), "{ran:?}");
    let shown = shop.run(&["scan", "--tests", "show"]);
    assert!(
        shown.stdout.contains("at    tests/pki/root.key") && shown.stdout.contains("tests a key for tests: "),
        "{shown:?}"
    );
    let hidden = shop.run(&["scan", "--tests", "hide"]);
    assert!(!hidden.stdout.contains("tests/pki") && hidden.stderr.contains("2 keys for tests ("), "{hidden:?}");

    // What is shown changes nothing about what fails. A severity is compared without the limit for tests.
    for (args, code) in [
        (&["scan", "tests/pki"][..], 1),
        (&["scan", "--tests", "hide", "tests/pki"], 1),
        (&["scan", "--fail-on", "signing", "tests/pki"], 1),
        (&["scan", "--fail-on", "6.0", "tests/pki"], 1),
        (&["scan", "--fail-on", "9.9", "tests/pki"], 0),
        (&["scan", "--fail-on", "signing", "--tests-fail", "never", "tests/pki"], 0),
        (&["scan", "--fail-on", "T4", "--tests-fail", "never", "tests/pki"], 0),
        (&["scan", "--tests-fail", "never", "tests/pki"], 1),
    ] {
        let ran = shop.run(args);
        assert_eq!(ran.code, Some(code), "{args:?} {ran:?}");
    }
}

#[test]
fn use_elsewhere_undoes_a_key_for_tests() {
    let shop = Workshop::new("test-keys-used");
    ca(&shop, "tests/pki", "root", "/CN=Acme Test Root");
    let is_test = |shop: &Workshop| {
        let report = shop.run(&["scan", "--format", "json"]).json();
        report["findings"][0]["for_tests"].is_string()
    };
    assert!(is_test(&shop));
    // A line that names another file with this name proves nothing.
    let script = |key: &str| format!("#!/bin/sh\nopenssl x509 -req -in a.csr -CA a.pem -CAkey {key} -out b.pem\n");
    shop.file("deploy/issue.sh", script("elsewhere/root.key"));
    assert!(is_test(&shop));
    shop.file("deploy/issue.sh", script("tests/pki/root.key"));
    assert!(!is_test(&shop));
}

#[test]
fn keys_of_the_same_roles_in_one_directory_are_folded() {
    let shop = Workshop::new("folded");
    for number in 1..=9 {
        shop.file(&format!("out/{number}.pem"), key_pem(number));
    }
    shop.file("else/a.pem", key_pem(10));
    let places = |args: &[&str]| {
        let ran = shop.run(args);
        (ran.stdout.matches("\n  at    ").count(), ran)
    };
    let (count, ran) = places(&["scan"]);
    assert_eq!(count, 4, "{ran:?}");
    assert!(ran.stdout.contains("\n  and   6 more keys in out: purpose unknown (5.5)\n"), "{ran:?}");
    assert!(ran.stderr.contains("10 other keys"), "{ran:?}");
    assert_eq!(places(&["scan", "--group", "file"]).0, 10);
    assert_eq!(places(&["scan", "--group", "none"]).0, 10);
    assert_eq!(places(&["scan", "-v"]).0, 10);
    assert_eq!(shop.run(&["scan", "--format", "json"]).json()["findings"].as_array().map(Vec::len), Some(10));
}

/// Anyone can put a key below `tests`, with a certificate that they make with it: neither makes a note of it.
#[test]
fn a_place_for_tests_makes_no_note() {
    let shop = Workshop::new("test-places");
    let openssl = |args: &[&str]| {
        let made = std::process::Command::new("openssl").args(args).current_dir(shop.path()).output().expect("openssl");
        assert!(made.status.success(), "{made:?}");
    };
    for folder in ["tests/a", "tests/b"] {
        std::fs::create_dir_all(shop.path().join(folder)).expect("a folder");
    }
    let key = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
    openssl(&[&key[..], &["-aes-256-cbc", "-pass", "pass:kept elsewhere", "-out", "tests/a/deploy.pem"]].concat());
    openssl(&[&key[..], &["-out", "tests/b/release.pem"]].concat());
    let (names, usage) = (["-subj", "/CN=acme"], ["-addext", "extendedKeyUsage=clientAuth"]);
    let request = ["req", "-x509", "-days", "1", "-key", "tests/b/release.pem", "-out", "tests/b/release.crt"];
    openssl(&[&request[..], &names, &usage].concat());
    for target in ["tests/a", "tests/b"] {
        // In the year 2100 the certificate is expired.
        let args = ["scan", "--no-config", "--format", "json", target];
        let ran = Ran::from(shop.command(&args).env("SOURCE_DATE_EPOCH", "4102444800").output().expect("a scan"));
        assert_eq!(ran.code, Some(1), "{target}: {ran:?}");
        assert_eq!(ran.json()["findings"][0]["severity"], 2.0, "{target}");
    }
}

#[test]
fn findings_below_a_severity_are_counted() {
    let shop = Workshop::new("min-severity");
    shop.file("a.pem", key_pem(1));
    ca(&shop, "pki", "root", "/CN=Acme Root");
    shop.file("token.txt", crate::secrets::npm());
    let all = shop.run(&["scan", "--no-config"]);
    let shown = |ran: &Ran| ran.stdout.matches("\n  at    ").count();
    assert_eq!(shown(&all), 2, "{all:?}");
    assert!(!all.stdout.contains("Not shown"), "{all:?}");
    let some = shop.run(&["scan", "--no-config", "--min-severity", "7"]);
    assert_eq!(shown(&some), 1, "{some:?}");
    assert!(some.stdout.contains("Not shown: 1 key and 1 ordinary secret below 7.0 (--min-severity)"), "{some:?}");
    assert_eq!(some.code, all.code);
    let json = shop.run(&["scan", "--no-config", "--min-severity", "9.9", "--format", "json"]);
    assert_eq!(json.json()["findings"].as_array().map(Vec::len), Some(2));
    let wrong = shop.run(&["scan", "--min-severity", "11"]);
    assert!(wrong.stderr.contains("expected a severity from 0.0 to 10.0"), "{wrong:?}");
}

#[test]
fn keys_of_a_history_are_folded_by_directory_and_by_version() {
    let shop = Workshop::new("folded-history");
    let git = |args: &[&str]| {
        let done = std::process::Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
            .args(args)
            .current_dir(shop.path())
            .output()
            .expect("git");
        assert!(done.status.success(), "{done:?}");
    };
    git(&["init", "-q", "."]);
    for number in 1..=6 {
        shop.file(&format!("a/b/{number}.pem"), key_pem(number));
    }
    shop.file("two.pem", key_pem(7) + &key_pem(8));
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "One"]);
    for number in 9..=11 {
        shop.file("made.pem", key_pem(number));
        git(&["add", "."]);
        git(&["commit", "-q", "-m", "Again"]);
    }
    let ran = shop.run(&["scan", ".git"]);
    // Three of the directory; both of one file; of the versions of another, one.
    assert_eq!(ran.stdout.matches("\n  at    ").count(), 6, "{ran:?}");
    assert!(ran.stdout.contains("3 more keys in a/b: purpose unknown"), "{ran:?}");
    assert!(ran.stdout.contains("2 more keys in made.pem: purpose unknown"), "{ran:?}");
}
