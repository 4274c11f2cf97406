//! Facts on the command line: written, joined, truncated, and of other schemas.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;

use crate::git::repo::{Ground, Repo};
use crate::workshop::{CEILING, Ran, Workshop, base64, key_der, key_pem};

pub(crate) fn run(dir: &Path, args: &[&str]) -> Ran {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_keyradius"));
    Ran::from(command.env(CEILING.0, CEILING.1).args(args).current_dir(dir).output().expect("the binary runs"))
}

/// Two repositories, one of them with another one inside, and two files: five keys, one of them at four places.
pub(crate) fn estate(ground: &Ground) {
    let one = Repo::init(ground.join("one"), &[]);
    one.file("deploy/release.pem", key_pem(1).as_bytes());
    one.file("src/main.c", b"int main;\n");
    one.git(&["add", "."]);
    one.git(&["commit", "-q", "-m", "One"]);
    one.git(&["rm", "-q", "deploy/release.pem"]);
    one.git(&["commit", "-q", "-m", "Two"]);
    one.file("tools/sign.sh", b"minisign -S -s ../../two/keys/other.der\n");
    let two = Repo::init(ground.join("two"), &[]);
    two.file("keys/other.der", &key_der(2));
    two.file("k8s/secret.yaml", format!("data:\n  key: {}\n", base64(key_pem(1).as_bytes())).as_bytes());
    two.git(&["add", "."]);
    two.git(&["commit", "-q", "-m", "Keys"]);
    let nested = Repo::init(ground.join("one/vendor/lib"), &[]);
    nested.file("k.pem", key_pem(3).as_bytes());
    std::fs::write(ground.join("a.pem"), key_pem(1)).expect("a file");
    std::fs::write(ground.join("b.pem"), key_pem(4)).expect("a file");
}

#[test]
fn parts_that_are_judged_together_give_the_report_of_the_whole() {
    let ground = Ground::new("facts-parts");
    estate(&ground);
    let dir = ground.path();
    let scan = ["scan", "--no-config", "--reproducible", "--today", "2026-11-29"];
    let judge = ["judge", "--no-config", "--reproducible", "--today", "2026-11-29"];
    let whole = ["one", "two", "a.pem", "b.pem"];
    for (name, targets) in [("1", &["one"][..]), ("2", &["two"]), ("3", &["a.pem", "b.pem"])] {
        let name = format!("{name}.facts");
        let ran = run(dir, &[&scan[..], &["--format", "facts", "-o", &name], targets].concat());
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }
    let ran = run(dir, &[&scan[..], &["--format", "facts", "-o", "all.facts"], &whole].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for format in ["json", "jsonl", "sarif", "human"] {
        let one = run(dir, &[&scan[..], &["--format", format], &whole].concat());
        let many = run(dir, &[&judge[..], &["--format", format, "1.facts", "2.facts", "3.facts"]].concat());
        assert!(one.code == Some(1) && many.code == Some(1), "{one:?} {many:?}");
        assert_eq!(one.stdout, many.stdout, "{format}");
        let all = run(dir, &[&judge[..], &["--format", format, "all.facts"]].concat());
        assert_eq!(one.stdout, all.stdout, "{format}");
        assert!(
            all.stderr.contains("note: what 1 file of facts calls verified was verified by whoever wrote it"),
            "{all:?}"
        );
        assert!(many.stderr.contains("note: what 3 files of facts call verified"), "{many:?}");
    }
    // Keys allowed by the configuration or by a mark are allowed in both reports.
    let allowed = "[[allow]]\npath = \"one/vendor/**\"\nreason = \"of others\"\n";
    std::fs::write(ground.join("keyradius.toml"), allowed).expect("a file");
    let with = |command: &str, rest: &[&str]| {
        let args = [command, "--reproducible", "--today", "2026-11-29", "--format", "json"];
        run(dir, &[&args[..], rest].concat())
    };
    let (one, many) = (with("scan", &whole), with("judge", &["1.facts", "2.facts", "3.facts"]));
    assert_eq!(one.json()["allowed"].as_array().map(Vec::len), Some(1), "{one:?}");
    assert_eq!(one.stdout, many.stdout);
    let report = run(dir, &[&judge[..], &["--format", "json", "3.facts", "1.facts"]].concat()).json();
    assert_eq!(report["findings"].as_array().map(Vec::len), Some(3), "{report}");
}

#[test]
fn the_options_of_a_scan_are_in_its_report_and_in_that_of_its_facts() {
    let ground = Ground::new("facts-options");
    let repo = Repo::init(ground.join("a"), &[]);
    repo.file("k.pem", key_pem(1).as_bytes());
    repo.git(&["add", "."]);
    repo.git(&["commit", "-q", "-m", "Key"]);
    std::fs::write(ground.join("b.pem"), key_pem(2)).expect("a file");
    let run = |args: &[&str]| run(ground.path(), args);
    let common = ["--reproducible", "--today", "2026-11-29"];
    let options = |args: &[&str]| {
        let ran = run(&[args, &common, &["--format", "json"]].concat());
        let faults = crate::schema::schema_faults(&run(&["schema", "report"]).json(), &ran.json());
        assert!(faults.is_empty(), "{faults:#?}");
        ran.json()["scan"]["options"].clone()
    };
    let plain = serde_json::json!({
        "history": "all", "since": null, "only": null, "one_file_system": false, "passwords": true, "limits": {},
    });
    let default = serde_json::json!({
        "reading": [plain], "fail_on": "any", "tests_fail": "always", "strict": false, "exit_zero": false, "config": null,
        "inline_allow": false, "known_keys": [], "badkeys_blocklist": null,
    });
    assert_eq!(options(&["scan", "--no-config", "a"]), default);
    std::fs::write(ground.join("keyradius.toml"), "[scan]\nfail_on = \"T4\"\nmax_depth = 5\n").expect("a file");
    std::fs::write(ground.join("lost.tsv"), "class\tlabel\n").expect("a file");
    let reading = [
        ["--history", "head"],
        ["--since", "90d"],
        ["--only", "signing"],
        ["--max-expanded", "none"],
        ["--timeout-per-file", "2m"],
    ]
    .concat();
    let judging = ["--strict", "--known-keys", "lost.tsv"];
    let told = options(&[&["scan", "--no-passwords", "--one-file-system", "a"], &reading[..], &judging].concat());
    let read = serde_json::json!({
        "history": "head", "since": "90d", "only": "signing", "one_file_system": true, "passwords": false,
        "limits": {
            "max_depth": 5, "max_expanded": null, "max_expanded_text": null, "timeout_per_file_ms": 120_000,
        },
    });
    let expected = serde_json::json!({
        "reading": [read], "fail_on": "T4", "tests_fail": "always", "strict": true, "exit_zero": false, "config": "keyradius.toml",
        "inline_allow": true, "known_keys": ["lost.tsv"], "badkeys_blocklist": null,
    });
    assert_eq!(told, expected);
    let facts = ["scan", "--no-passwords", "--one-file-system", "--format", "facts", "-o", "a.facts", "a"];
    assert_eq!(run(&[&facts[..], &reading].concat()).code, Some(0));
    assert_eq!(options(&[&["judge", "a.facts"], &judging[..]].concat()), expected);
    // Two scans with different options: both are reported, and the difference is a note.
    assert_eq!(run(&["scan", "--no-config", "--format", "facts", "-o", "b.facts", "b.pem"]).code, Some(0));
    assert_eq!(options(&["judge", "a.facts", "b.facts"])["reading"], serde_json::json!([read, plain]));
    let said = run(&["judge", "a.facts", "b.facts"]).stderr;
    let note = "different options of reading: history=all, history=head,since=90d,only=signing,";
    assert!(said.contains(note), "{said}");
}

#[test]
fn every_line_obeys_the_published_schema() {
    let ground = Ground::new("facts-schema");
    estate(&ground);
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-addext", "keyUsage=keyCertSign"])
        .args(["-keyout", "c.key", "-out", "c.crt"])
        .current_dir(ground.path())
        .output();
    assert!(made.is_ok_and(|made| made.status.success()), "openssl makes a certificate");
    std::fs::write(ground.join("t.env"), format!("T={}\n# keyradius:allow\n", crate::secrets::github()))
        .expect("a file");
    std::fs::write(ground.join("long.txt"), "x".repeat(9000)).expect("a file");
    std::fs::write(ground.join("sign.sh"), "signtool sign /f c.key x.exe\n").expect("a file");
    let schema = run(ground.path(), &["schema", "facts"]).json();
    let ran = run(ground.path(), &["scan", "--no-config", "--max-file-size", "8kB", "--format", "facts", "."]);
    let mut kinds = std::collections::BTreeSet::new();
    for line in ran.stdout.lines() {
        let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let faults = crate::schema::schema_faults(&schema, &value);
        assert!(faults.is_empty(), "{faults:#?}\n{line}");
        let object = value.as_object().expect("an object");
        assert_eq!(object.len(), 1, "{line}");
        kinds.extend(object.keys().cloned());
        kinds.extend(object.values().filter_map(|of| of["material"]["kind"].as_str().map(str::to_owned)));
    }
    for kind in ["facts", "occurrence", "gap", "repository", "end", "private_key", "certificate", "reference", "secret"]
    {
        assert!(kinds.contains(kind), "{kind} is in {kinds:?}");
    }
}

#[test]
fn facts_that_are_cut_foreign_or_invalid_are_refused() {
    let shop = Workshop::new("facts_refused");
    shop.file("a.pem", key_pem(1)).file("b.pem", key_pem(2));
    let facts = shop.run(&["scan", "--no-config", "--format", "facts", "."]).stdout;
    let lines: Vec<&str> = facts.lines().collect();
    assert!(lines.len() > 3, "{facts}");
    let without_end = lines[..lines.len() - 1].join("\n") + "\n";
    let without_one = [&lines[..1], &lines[2..]].concat().join("\n") + "\n";
    let forged = facts.replacen("\"spki_sha256\":\"", "\"spki_sha256\":\"00", 1);
    let other_key = {
        let at = facts.find("\"spki\":\"").expect("a key") + 40;
        format!("{}{}{}", &facts[..at], if &facts[at..=at] == "0" { "1" } else { "0" }, &facts[at + 1..])
    };
    for (name, text, said) in [
        ("empty", String::new(), "an empty file"),
        ("end", without_end, "the end record is missing"),
        ("half a line", facts[..facts.len() - 5].to_owned(), "the end record is missing"),
        ("one", without_one, "records were written"),
        ("schema", facts.replacen("keyradius.facts/1", "keyradius.facts/2\\u001b[31m", 1), "not keyradius.facts/1"),
        ("report", "{\"schema\":\"keyradius.report/1\"}\n".to_owned(), "another kind of file"),
        ("pem", key_pem(1), "another kind of file"),
        ("twice", facts.clone() + &facts, "data after the end record"),
        (
            "fingerprint",
            facts.replacen("\"pgp_fingerprint\":null", "\"pgp_fingerprint\":\"\\u001b[2J\"", 1),
            "not an OpenPGP fingerprint",
        ),
        ("forged", forged, "line 2"),
        ("another key", other_key, "line 2"),
    ] {
        shop.file("x.facts", text);
        let ran = shop.run(&["judge", "--no-config", "x.facts"]);
        assert_eq!(ran.code, Some(2), "{name}: {ran:?}");
        assert!(ran.stderr.contains(said) && !ran.stderr.contains('\u{1b}'), "{name}: {ran:?}");
        assert!(ran.stderr.contains("hint: "), "{name}: {ran:?}");
    }
    let ran = shop.run(&["judge", "--max-facts", "1kB", "x.facts"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("exceed --max-facts"), "{ran:?}");
    let ran = shop.run(&["judge", "--format", "facts", "x.facts"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("reports, not facts"), "{ran:?}");
}

#[test]
fn facts_of_one_target_come_before_the_next_is_read() {
    let shop = Workshop::new("facts_stream");
    shop.file("a/k.pem", key_pem(1));
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_keyradius"));
    command.env(CEILING.0, CEILING.1).args(["scan", "--no-config", "--format", "facts", "a", "-"]);
    let mut child = command
        .current_dir(shop.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut next = || lines.next().expect("a line").expect("text");
    assert!(next().starts_with("{\"facts\":"));
    let first = next();
    assert!(first.starts_with("{\"occurrence\":") && first.contains("a/k.pem"), "{first}");
    // Nothing was written to standard input until now: the second target cannot have been read.
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(key_pem(2).as_bytes()).expect("the program reads");
    drop(stdin);
    assert!(next().starts_with("{\"occurrence\":"));
    let end = next();
    assert!(end.starts_with("{\"end\":") && end.contains("\"records\":2"), "{end}");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn facts_may_be_written_into_what_is_scanned() {
    let shop = Workshop::new("facts_inside");
    shop.file("a/k.pem", key_pem(1)).file("b/l.pem", key_pem(2));
    for output in ["a/x.facts", "b/x.facts", "x.facts"] {
        let ran = shop.run(&["scan", "--no-config", "--format", "facts", "-o", output, "a", "b"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let ran = shop.run(&["judge", "--no-config", "--format", "json", output]);
        let report = ran.json();
        assert_eq!(report["findings"].as_array().map(Vec::len), Some(2), "{report}");
        assert_eq!(report["coverage"]["files"].as_u64(), Some(2), "{output}: {report}");
        std::fs::remove_file(shop.path().join(output)).expect("written");
    }
}

#[test]
fn a_target_that_is_not_there_is_said_before_anything_is_written() {
    let shop = Workshop::new("facts_absent");
    shop.file("a/k.pem", key_pem(1));
    let ran = shop.run(&["scan", "--no-config", "--format", "facts", "a", "absent"]);
    assert!(ran.code == Some(2) && ran.stdout.is_empty() && ran.stderr.contains("cannot scan absent"), "{ran:?}");
}

#[test]
fn what_was_not_read_stays_a_gap() {
    let shop = Workshop::new("facts_gap");
    shop.file("a.txt", "nothing\n").file("long.txt", "x".repeat(2000));
    let ran = shop.run(&["scan", "--max-file-size", "1kB", "--format", "facts", "-o", "x.facts", "a.txt", "long.txt"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let ran = shop.run(&["judge", "--no-config", "--show-skipped", "x.facts"]);
    assert!(ran.code == Some(3) && ran.stdout.contains("long.txt"), "{ran:?}");
}

#[cfg(unix)]
#[test]
fn ordinary_secrets_are_joined_by_a_key_that_nobody_else_may_read() {
    use std::os::unix::fs::PermissionsExt;
    let shop = Workshop::new("facts_secrets");
    let token = crate::secrets::github();
    shop.file("a/x.env", format!("T={token}\n")).file("b/y.env", format!("T={token}\n"));
    let facts = |name: &str, dir: &str, extra: &[&str]| {
        let output = format!("{name}.facts");
        let ran = shop.run(&[&["scan", "--no-config", "--format", "facts", "-o", &output], extra, &[dir]].concat());
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let text = std::fs::read_to_string(shop.path().join(output)).expect("facts");
        assert!(!text.contains(&token) && text.contains("github"), "{text}");
        text
    };
    let secrets = |args: &[&str]| {
        let ran = shop.run(&[&["judge", "--no-config", "--format", "json"], args].concat());
        (ran.json()["secrets"].as_array().map(Vec::len), ran.stderr)
    };
    let (a, _) = (facts("a", "a", &[]), facts("b", "b", &[]));
    assert!(a.contains("\"identity\":null"), "no digest without a key: {a}");
    assert_eq!(secrets(&["a.facts", "b.facts"]).0, Some(2), "by their places");
    shop.file("join.key", "0123456789abcdef0123456789abcdef\n").file("other.key", "f".repeat(32));
    let key = shop.path().join("join.key");
    for (mode, text, said) in [(0o644, None, "can be read by others"), (0o600, Some("short"), "shorter than")] {
        if let Some(text) = text {
            shop.file("join.key", text);
        }
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).expect("changed");
        let ran = shop.run(&["scan", "--no-config", "--format", "facts", "--join-key", "join.key", "a"]);
        assert!(ran.code == Some(2) && ran.stderr.contains(said) && ran.stderr.contains("hint: "), "{ran:?}");
    }
    shop.file("join.key", "0123456789abcdef0123456789abcdef\n");
    std::fs::set_permissions(shop.path().join("other.key"), std::fs::Permissions::from_mode(0o600)).expect("changed");
    facts("a", "a", &["--join-key", "join.key"]);
    facts("b", "b", &["--join-key", "join.key"]);
    assert_eq!(secrets(&["a.facts", "b.facts"]).0, Some(1), "by the digest");
    facts("b", "b", &["--join-key", "other.key"]);
    let (count, said) = secrets(&["a.facts", "b.facts"]);
    assert!(count == Some(2) && said.contains("different join keys"), "{said}");
}
