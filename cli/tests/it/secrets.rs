//! Ordinary secrets from end to end: reports, exit statuses, allowances, user rules, conversion, hooks.

use crate::hook::repo::Repo;
use crate::workshop::{Ran, Workshop, key_pem};

/// The examples that npm and GitHub published with their checksums, in parts.
pub(crate) fn npm() -> String {
    ["npm_", "qkJaB6MffYVzZXWqmcoF49yrUxP3wf", "0LsakP"].concat()
}

pub(crate) fn github() -> String {
    ["ghp_", "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ", "0mLq17"].concat()
}

fn url() -> String {
    format!("postgres://app:{}@db.acme.test/x", "tr0ub4dor-Q")
}

fn silent(ran: &Ran) {
    for secret in [npm(), github(), "tr0ub4dor".to_owned()] {
        let body = &secret[4..secret.len().min(20)];
        assert!(!ran.stdout.contains(body) && !ran.stderr.contains(body), "{body} is printed: {ran:?}");
    }
}

#[test]
fn they_come_last_in_every_format_and_are_never_printed() {
    let shop = Workshop::new("secrets-formats");
    shop.file("a/ci.yml", format!("env:\n  T: {}\n", npm())).file("b/.npmrc", format!("_authToken={}\n", npm()));
    shop.file("db.env", format!("URL={}\n", url())).file("k.pem", key_pem(1));

    let human = shop.run(&["scan", "--no-config", "."]);
    silent(&human);
    assert_eq!(human.code, Some(1));
    let (keys, secrets) = human.stdout.split_once("\nOrdinary secrets\n").expect("the section");
    assert!(keys.contains("k.pem:1"), "{human:?}");
    let lines: Vec<&str> = secrets.lines().collect();
    assert_eq!(lines.len(), 2, "one line each: {human:?}");
    assert!(lines[0].starts_with(" 5.5  npm-token"), "{human:?}");
    assert!(lines[0].contains("a/ci.yml:2 and 1 more  checksum fits · npm token revoke"), "{human:?}");
    assert!(lines[1].starts_with(" 2.5  database-url"), "{human:?}");
    assert!(human.stderr.contains(", 2 ordinary secrets (3 places)"), "{human:?}");

    let json = shop.run(&["scan", "--no-config", "--format", "json", "."]);
    silent(&json);
    let report = json.json();
    assert_eq!(report["findings"].as_array().map(Vec::len), Some(1));
    assert_eq!(report["secrets"][0]["rule"], "npm-token");
    assert_eq!(report["secrets"][0]["verdict"], "checksum");
    assert_eq!(report["secrets"][0]["occurrences"].as_array().map(Vec::len), Some(2));
    assert_eq!(report["summary"]["secrets"], 2);

    let lines = shop.run(&["scan", "--no-config", "--format", "jsonl", "."]);
    silent(&lines);
    assert_eq!(lines.stdout.matches("{\"type\":\"secret\",\"status\":\"open\"").count(), 2, "{lines:?}");

    let sarif = shop.run(&["scan", "--no-config", "--format", "sarif", "."]);
    silent(&sarif);
    let results = &sarif.json()["runs"][0]["results"];
    assert_eq!(results[1]["ruleId"], "SECRET-NPM-TOKEN");
    assert_eq!(results[1]["level"], "warning");

    shop.file("report.json", &json.stdout);
    let id = report["secrets"][0]["id"].as_str().expect("an id");
    let page = shop.run(&["explain", id, "--report", "report.json"]);
    assert!(page.stdout.contains("npm token") && page.stdout.contains("a/ci.yml:2"), "{page:?}");
}

#[test]
fn only_signing_leaves_them_out_and_fail_on_tells_them_apart() {
    let shop = Workshop::new("secrets-fail-on");
    shop.file("a.env", format!("T={}\n", npm()));
    for (args, code, told) in [
        (&["scan", "--no-config", "."][..], 1, true),
        (&["scan", "--no-config", "--only", "signing", "."], 0, false),
        (&["scan", "--no-config", "--fail-on", "signing", "."], 0, true),
        (&["scan", "--no-config", "--fail-on", "T4", "."], 0, true),
        (&["scan", "--no-config", "--fail-on", "5.5", "."], 1, true),
        (&["scan", "--no-config", "--fail-on", "5.6", "."], 0, true),
        (&["scan", "--no-config", "--fail-on", "none", "."], 0, true),
    ] {
        let ran = shop.run(args);
        assert_eq!(ran.code, Some(code), "{args:?} {ran:?}");
        assert_eq!(ran.stdout.contains("npm-token"), told, "{args:?} {ran:?}");
    }
}

#[test]
fn they_are_allowed_like_keys() {
    let shop = Workshop::new("secrets-allow");
    shop.file("a.env", format!("T={}\n", npm()))
        .file("b.env", format!("# keyradius:allow reason=\"x\"\nU={}\n", url()));
    let id =
        shop.run(&["scan", "--format", "json", "a.env"]).json()["secrets"][0]["id"].as_str().expect("an id").to_owned();
    shop.file("keyradius.toml", format!("[[allow]]\nfinding = '{id}'\nreason = 'a dummy'\n"));
    let ran = shop.run(&["scan", "--format", "json", "."]);
    let report = ran.json();
    assert_eq!((ran.code, report["secrets"].as_array().map(Vec::len)), (Some(0), Some(0)), "{ran:?}");
    assert_eq!(report["allowed_secrets"].as_array().map(Vec::len), Some(2));
    assert_eq!(report["summary"]["allowed"], 2);
    assert_eq!(report["notices"].as_array().map(Vec::len), Some(0), "{ran:?}");
}

#[test]
fn what_was_guessable_is_known_by_its_place() {
    let shop = Workshop::new("secrets-place");
    let id = |text: String| {
        shop.file("a.env", text);
        shop.run(&["scan", "--no-config", "--format", "json", "a.env"]).json()["secrets"][0]["id"].clone()
    };
    let first = id(format!("U={}\n", url()));
    assert_eq!(first, id(format!("\n\nU={}\n", url())), "moving it changes nothing");
    assert_eq!(first, id(format!("U={}\n", url().replace("tr0ub4dor-Q", "Zx9-other-q"))), "nor does another password");
}

#[test]
fn rules_of_the_user_are_searched_in_the_users_own_tree() {
    let shop = Workshop::new("secrets-rules");
    shop.file("keyradius.toml", "[[secret]]\nid = 'acme'\ntitle = 'Acme key'\nregex = 'acme_([0-9a-f]{16})'\nanchors = ['acme_']\nclass = 'publish'\n");
    shop.file("src/a.txt", "key acme_0f1e2d3c4b5a6978\n");
    let ran = shop.run(&["scan", "."]);
    assert!(ran.stdout.contains(" 5.5  acme  src/a.txt:1  shape only"), "{ran:?}");
    assert!(!ran.stdout.contains("0f1e2d3c"), "{ran:?}");
    assert_eq!(ran.code, Some(1));
    assert_eq!(shop.run(&["scan", "--no-config", "."]).code, Some(0));
    assert_eq!(shop.run(&["scan", "--only", "signing", "."]).code, Some(0));
    let check = shop.run(&["rules", "check"]);
    assert_eq!(check.stdout, "keyradius.toml:1: acme: valid; searched for: acme_\n1 rule is valid\n");
    // The configuration of a tree that is only scanned is not read.
    let other = Workshop::new("secrets-rules-other");
    let ran = other.run(&["scan", shop.path().to_str().expect("UTF-8")]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{ran:?}");
}

#[test]
fn rules_of_gitleaks_are_converted_and_found() {
    let shop = Workshop::new("secrets-gitleaks");
    shop.file(
        "gitleaks.toml",
        "title = 'x'\n[[rules]]\nid = 'acme'\ndescription = 'Acme'\nregex = '''(?i)acme[\\w-.]{0,9}=\\s*([0-9a-f]{16})'''\n\
         keywords = ['acme']\n[[rules]]\nid = 'name'\npath = '''\\.p12$'''\n",
    );
    let ran = shop.run(&["rules", "import", "gitleaks", "gitleaks.toml", "-o", "keyradius.toml"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    for line in [
        "rule acme: converted, with changes\n  regex: rewritten: a `-` in a class that is not part of a range is `\\-`\n",
        "rule name: DROPPED: it matches only file names",
        "2 rules: 1 converted, 1 of them with changes; 1 dropped\n",
    ] {
        assert!(ran.stderr.contains(line), "{line}\n{ran:?}");
    }
    shop.file("a.env", "ACME_KEY= 0f1e2d3c4b5a6978\n");
    let found = shop.run(&["scan", "."]);
    assert!(found.stdout.contains(" 3.5  acme  a.env:1"), "{found:?}");
    let again = shop.run(&["rules", "import", "gitleaks", "gitleaks.toml", "-o", "keyradius.toml"]);
    assert_eq!(again.code, Some(2), "what is there is never overwritten: {again:?}");
    let printed = shop.run(&["rules", "import", "gitleaks", "gitleaks.toml"]);
    assert!(printed.stdout.contains("[[secret]]\nid = 'acme'\n"), "{printed:?}");
}

#[test]
fn a_commit_that_adds_one_is_stopped() {
    let repo = Repo::begun("secrets");
    let ran = repo.file("ci.env", format!("T={}\n", npm())).stage().commit();
    ran.fails(
        "a token",
        &[
            "this commit would add 1 new ordinary secret\n",
            " 5.5  npm-token  ci.env:1  checksum fits",
            "finding = \"kr1:",
        ],
    );
    silent(&ran);
    let ran = repo.file("k.pem", key_pem(1)).stage().commit();
    ran.blocked("a key first", &["would add 1 new key\n", "would add 1 new ordinary secret\n"]);
    // A secret that is allowed or was there before is not new.
    std::fs::remove_file(repo.place().join("k.pem")).expect("removed");
    repo.file("ci.env", format!("T={} # keyradius:allow reason=\"a dummy\"\n", npm()))
        .stage()
        .commit()
        .passes("allowed");
    repo.file("ci.env", format!("A=1\nT={}\n", npm())).stage().commit().passes("it was there before");
    let ran = repo.file("ci.env", format!("A=1\nT={}\nU={}\n", npm(), github())).stage().commit();
    ran.fails("another one", &["would add 1 new ordinary secret\n", "github-token"]);
    repo.keyradius(&["hook", "pre-commit", "--only", "signing"]).passes("keys alone");
    repo.keyradius(&["hook", "pre-commit", "--fail-on", "5.0"]).passes("below the limit");
}
