//! `keyradius report`: lossless conversions, refusals, and comparisons.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use crate::facts::{estate, run};
use crate::git::repo::Ground;
use crate::workshop::{CEILING, Ran, Workshop, base64, key_der, key_pem};

/// Runs with standard input.
fn piped(dir: &Path, args: &[&str], input: &str) -> Ran {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_keyradius"));
    command
        .env(CEILING.0, CEILING.1)
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.as_bytes().to_vec();
    // A refusal may come before all input was written.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let ran = Ran::from(child.wait_with_output().expect("it ends"));
    writer.join().expect("the writer ends");
    ran
}

#[test]
fn a_report_converts_to_what_the_scan_would_have_written() {
    let ground = Ground::new("report-converts");
    estate(&ground);
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x/O=\u{1b}[31m", "-addext"])
        .args(["keyUsage=keyCertSign,cRLSign", "-keyout", "c.key", "-out", "c.crt"])
        .current_dir(ground.path())
        .output();
    assert!(made.is_ok_and(|made| made.status.success()), "openssl makes a certificate");
    let file = |name: &str, text: &str| std::fs::write(ground.join(name), text).expect("a file");
    file("t.env", &format!("T={}\n", crate::secrets::github()));
    file("sign.sh", "signtool sign /f c.key x.exe\n");
    file("long.txt", &"x".repeat(9000));
    file("y.yaml", &format!("# one\nkey: {}\n", base64(key_pem(6).as_bytes())));
    let whole = ["one", "two", "a.pem", "b.pem", "c.key", "c.crt", "t.env", "sign.sh", "long.txt", "y.yaml"];
    let allowed =
        "[[allow]]\npath = \"one/vendor/**\"\nreason = \"of others\"\n[[allow]]\npath = \"no\"\nreason = \"r\"\n";
    file("keyradius.toml", allowed);
    let scan = ["scan", "--reproducible", "--today", "2026-11-29", "--max-file-size", "8kB", "--show-public"];
    let scanned = |format: &str, look: &[&str]| {
        let ran = run(ground.path(), &[&scan[..], &["--format", format], look, &whole].concat());
        assert_eq!(ran.code, Some(1), "{ran:?}");
        ran
    };
    for source in ["json", "jsonl"] {
        let report = scanned(source, &[]).stdout;
        for kind in ["\"private_key\"", "\"git\"", "\"gaps\"", "keyCertSign", "\"secret\"", "\"issued\"", "of others"] {
            assert!(report.contains(kind) || kind == "\"issued\"", "{kind}");
        }
        for (format, look) in [
            ("json", &[][..]),
            ("jsonl", &[]),
            ("sarif", &[]),
            ("human", &[]),
            ("human", &["-v", "--show-skipped", "--color", "always"]),
        ] {
            let one = scanned(format, look);
            let args = [&["report", "-", "--format", format], look, &["--show-public"]].concat();
            let other = piped(ground.path(), &args, &report);
            assert_eq!(other.code, Some(0), "{other:?}");
            assert_eq!(one.stdout, other.stdout, "{source} to {format} {look:?}");
            // With fixed times the summary line has less in it; its last part is not compared.
            let last = |ran: &Ran| ran.stderr.rsplit_once(" · ").map(|(line, _)| line.to_owned());
            assert!(format != "human" || last(&one).is_some() && last(&one) == last(&other), "{one:?} {other:?}");
            assert!(format == "human" || other.stderr.is_empty(), "{other:?}");
        }
    }
}

#[test]
fn files_are_read_written_and_refused() {
    let shop = Workshop::new("report_files");
    shop.file("a.pem", key_pem(1)).file("x.txt", "hunter2").file("empty", "");
    assert_eq!(shop.run(&["scan", "--no-config", "--format", "json", "-o", "r.json", "a.pem"]).code, Some(1));
    let ran = shop.run(&["report", "r.json", "--format", "sarif", "-o", "r.sarif"]);
    assert!(ran.code == Some(0) && ran.stdout.is_empty() && ran.stderr.is_empty(), "{ran:?}");
    let sarif = std::fs::read_to_string(shop.path().join("r.sarif")).expect("a log");
    assert!(sarif.contains("\"version\": \"2.1.0\""), "{sarif}");
    // The input file itself: it is read completely before it is replaced.
    assert_eq!(shop.run(&["report", "r.json", "--format", "json", "-o", "r.json"]).code, Some(0));
    let ran = shop.run(&["report", "r.json"]);
    assert!(ran.code == Some(0) && ran.stdout.contains("a.pem:1") && ran.stderr.contains("1 other key"), "{ran:?}");
    let quiet = shop.run(&["report", "-q", "r.json"]);
    assert!(quiet.stderr.is_empty() && quiet.stdout == ran.stdout, "{quiet:?}");
    let report = std::fs::read_to_string(shop.path().join("r.json")).expect("a report");
    shop.file("cut.json", &report[..report.len() - 9]);
    shop.file("next.json", report.replace("keyradius.report/1", "keyradius.report/2"));
    shop.file("tier.json", report.replacen("\"tier\": \"T", "\"tier\": \"U", 1));
    for (args, told) in [
        (&["report", "none.json"][..], "error: cannot read none.json: no such file or directory\nhint: "),
        (&["report", "."], "error: cannot read .: is a directory\nhint: "),
        (&["report", "x.txt"], "error: x.txt is not a JSON document (line 1, column 1)\nhint: "),
        (&["report", "empty"], "error: empty is empty\nhint: "),
        (
            &["report", "r.sarif"],
            "error: r.sarif is not a report of keyradius\nhint: SARIF does not contain a full report",
        ),
        (&["report", "cut.json"], "error: cut.json is truncated (line "),
        (&["report", "next.json"], "error: next.json has the schema keyradius.report/2: this version reads"),
        (&["report", "tier.json"], "error: tier.json: unknown value: \"U"),
        (&["report", "r.json", "--max-report", "1kB"], "error: r.json is larger than --max-report (1.0 kB)\nhint: "),
        (&["report", "r.json", "--format", "facts"], "possible values: human, json, jsonl, sarif"),
        (&["report", "r.json", "-o", "no/x.json"], "error: cannot write no/x.json: no such file"),
        (&["report"], "<FILE>"),
        (&["report", "diff", "r.json"], "<NEW>"),
        (&["report", "diff", "-", "-"], "error: standard input is named twice\nhint: "),
        (&["report", "diff", "r.json", "cut.json"], "error: cut.json is truncated"),
        (&["explain", "kr1:0", "--report", "next.json"], "error: next.json has the schema keyradius.report/2"),
        (
            &["explain", "kr1:ffffffffffff", "--report", "r.json"],
            "error: r.json contains no finding kr1:ffffffffffff\n",
        ),
        (&["explain", "kr1:", "--report", "r.json", "--max-report", "9"], "is larger than --max-report (9 bytes)"),
    ] {
        let ran = shop.run(args);
        assert_eq!(ran.code, Some(2), "{args:?} {ran:?}");
        assert!(ran.stderr.contains(told) && !ran.stderr.contains("hunter2"), "{args:?} {ran:?}");
        assert!(ran.stdout.is_empty(), "{args:?} {ran:?}");
    }
    // Public material that the scan only counted.
    let mut sample: serde_json::Value =
        serde_json::from_str(include_str!("../../src/report/samples/report.json")).expect("JSON");
    sample["public"][0].as_object_mut().expect("a group").remove("places");
    shop.file("sample.json", sample.to_string());
    for (args, said) in [(&["--show-public"][..], true), (&[], false), (&["--show-public", "--format", "json"], false)]
    {
        let ran = shop.run(&[&["report", "sample.json"], args].concat());
        assert!(ran.code == Some(0) && ran.stderr.contains("ran without --show-public") == said, "{args:?} {ran:?}");
        assert!(
            ran.stderr.contains("note: sample.json: the summary of the report does not match its findings"),
            "{ran:?}"
        );
    }
    // JSON Lines have explanations too.
    let lines = shop.run(&["report", "r.json", "--format", "jsonl"]).stdout;
    shop.file("r.jsonl", lines);
    let ran = shop.run(&["explain", "kr1:", "--report", "r.jsonl"]);
    assert!(ran.code == Some(0) && ran.stdout.contains("\nScore of the severity\n"), "{ran:?}");
}

/// Writes a report of a scan of these targets.
fn scan(shop: &Workshop, name: &str, args: &[&str]) {
    let ran = shop.run(&[&["scan", "--no-config", "--format", "json", "-o", name], args].concat());
    assert!(matches!(ran.code, Some(0 | 1 | 3)), "{ran:?}");
}

/// The JSON output of `report diff`, and its exit status.
fn diff(shop: &Workshop, old: &str, new: &str) -> (serde_json::Value, Option<i32>) {
    let ran = shop.run(&["report", "diff", old, new, "--format", "json"]);
    let diff = ran.json();
    let schema = shop.run(&["schema", "diff"]).json();
    let faults = crate::schema::schema_faults(&schema, &diff);
    assert!(faults.is_empty(), "{faults:#?}");
    let human = shop.run(&["report", "diff", old, new]);
    assert_eq!(human.code, ran.code, "{human:?}");
    (diff, ran.code)
}

fn counts(diff: &serde_json::Value) -> [u64; 6] {
    ["new", "worse", "changed", "gone", "not_seen", "unchanged"]
        .map(|what| diff["summary"][what].as_u64().expect("a count"))
}

#[test]
fn what_is_new_worse_gone_or_not_seen() {
    let shop = Workshop::new("report_diff");
    let token = crate::secrets::github();
    shop.file("d/a.pem", key_pem(1)).file("d/b.pem", key_pem(2)).file("e/c.pem", key_pem(3));
    scan(&shop, "old.json", &["d", "e"]);
    assert_eq!(diff(&shop, "old.json", "old.json").1, Some(0));

    // New: a key and a secret. Gone: a key. A moved line changes nothing.
    shop.file("d/new.der", key_der(4))
        .file("d/t.env", format!("T={token}\n"))
        .file("d/a.pem", "\n\n".to_owned() + &key_pem(1));
    std::fs::remove_file(shop.path().join("d/b.pem")).expect("removed");
    scan(&shop, "new.json", &["d", "e"]);
    let (told, code) = diff(&shop, "old.json", "new.json");
    assert_eq!((counts(&told), code), ([2, 0, 0, 1, 0, 2], Some(1)), "{told:#}");
    assert_eq!(told["gone"][0]["places"]["listed"][0], "d/b.pem");
    assert_eq!(told["new_findings"][1]["kind"], "secret");
    assert_eq!(told["new_findings"][0]["old_read"], true);
    let human = shop.run(&["report", "diff", "old.json", "new.json"]);
    for part in ["New\n", "  at     d/new.der\n", "\nGone\n", "  was    d/b.pem\n"] {
        assert!(human.stdout.contains(part), "{part} {human:?}");
    }
    assert!(human.stderr.starts_with("2 new, 1 gone, 2 unchanged"), "{human:?}");

    // The other direction: what the newer scan did not read is not gone.
    scan(&shop, "part.json", &["d"]);
    let (told, code) = diff(&shop, "old.json", "part.json");
    assert_eq!((counts(&told), code), ([2, 0, 0, 1, 1, 1], Some(1)), "{told:#}");
    assert_eq!(
        (&told["not_seen"][0]["why"], &told["not_seen"][0]["places"]["listed"][0]),
        (&"no_target".into(), &"e/c.pem".into())
    );
    assert_eq!(told["coverage"]["targets_only_old"], serde_json::json!(["e"]));

    // A copy is worse; a removed copy is a change; a place that was not read is neither.
    shop.file("d/copy.txt", key_pem(1));
    scan(&shop, "copy.json", &["d"]);
    let (told, code) = diff(&shop, "part.json", "copy.json");
    assert_eq!((counts(&told), code), ([0, 1, 0, 0, 0, 2], Some(1)), "{told:#}");
    assert_eq!(told["changed"][0]["added"]["listed"], serde_json::json!(["d/copy.txt"]));
    let (told, code) = diff(&shop, "copy.json", "part.json");
    assert_eq!((counts(&told), code), ([0, 0, 1, 0, 0, 2], Some(0)), "{told:#}");
    scan(&shop, "small.json", &["--max-file-size", "100B", "d"]);
    let (told, code) = diff(&shop, "part.json", "small.json");
    assert_eq!((counts(&told)[3], counts(&told)[4] > 0, code), (0, true, Some(3)), "{told:#}");
    assert!(told["not_seen"].as_array().is_some_and(|all| all.iter().any(|one| one["why"] == "gap")), "{told:#}");
    assert!(told["coverage"]["gaps_only_new"].as_array().is_some_and(|gaps| !gaps.is_empty()), "{told:#}");

    // Allowed: not counted while allowed, and worse when no longer allowed.
    shop.file("k.toml", "[[allow]]\npath = \"d/**\"\nreason = \"tests\"\n");
    let ran = shop.run(&["scan", "-c", "k.toml", "--format", "json", "-o", "allowed.json", "d"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    shop.file("none.txt", "");
    scan(&shop, "none.json", &["none.txt"]);
    assert_eq!(diff(&shop, "none.json", "allowed.json").1, Some(0));
    let (told, code) = diff(&shop, "copy.json", "allowed.json");
    assert_eq!((counts(&told), code), ([0, 0, 3, 0, 0, 0], Some(0)), "{told:#}");
    let (told, code) = diff(&shop, "allowed.json", "copy.json");
    assert_eq!((counts(&told), code), ([0, 3, 0, 0, 0, 0], Some(1)), "{told:#}");
    let human = shop.run(&["report", "diff", "allowed.json", "copy.json"]);
    assert!(human.stdout.contains("no longer allowed"), "{human:?}");
}
