//! Scans of small trees: exit statuses, formats, allowances.

use std::io::Write;
use std::process::Stdio;

use crate::workshop::{Ran, Workshop, base64, key_der, key_pem};

#[test]
fn the_exit_code_says_what_came_of_it() {
    let shop = Workshop::new("exit");
    shop.file("key/a.pem", key_pem(1))
        .file("none/readme.md", "nothing")
        .file("rar/a.rar", "Rar!\x1a\x07\x01\0 and so on");
    for (args, code) in [
        (&["scan", "none"][..], 0),
        (&["scan", "key"], 1),
        (&["scan", "key", "none"], 1),
        (&["scan", "--fail-on", "none", "key"], 0),
        (&["scan", "--fail-on", "10", "key"], 0),
        (&["scan", "--fail-on", "0.0", "key"], 1),
        (&["scan", "--exit-zero", "key"], 0),
        (&["scan", "rar"], 0),
        (&["scan", "--strict", "rar"], 3),
        (&["scan", "--max-file-size", "2", "none"], 3),
        (&["scan", "--max-file-size", "2", "--exit-zero", "none"], 3),
    ] {
        let ran = shop.run(args);
        assert_eq!(ran.code, Some(code), "{args:?} {ran:?}");
    }
}

/// A tar archive of one file.
fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut block = [0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    block[156] = b'0';
    block[257..263].copy_from_slice(b"ustar\0");
    block[148..156].fill(b' ');
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut all = [&block[..], content].concat();
    all.resize(all.len().next_multiple_of(512) + 1024, 0);
    all
}

#[test]
fn what_lies_in_an_archive_is_a_place_of_its_own() {
    let shop = Workshop::new("archives");
    let inner = tar("etc/ssl/server.pem", format!("\n\n{}", key_pem(1)).as_bytes());
    shop.file("image.tar", tar("layer.tar", &inner)).file("plain.pem", key_pem(1));
    let ran = shop.run(&["scan"]);
    assert!(ran.stdout.contains("image.tar!layer.tar!etc/ssl/server.pem:3"), "{ran:?}");
    assert!(ran.stderr.contains("(2 places)"), "one key: {ran:?}");
    let report = shop.run(&["scan", "--format", "json"]).json();
    assert_eq!(report["coverage"]["containers"]["tar"], 2);
    assert_eq!(report["coverage"]["members"], 2);
    // An exceeded limit is reported, and makes the result incomplete.
    let ran = shop.run(&["scan", "--max-depth", "1", "--fail-on", "none", "--show-skipped", "image.tar"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.stdout.contains("image.tar!layer.tar: nested deeper than --max-depth"), "{ran:?}");
    let ran = shop.run(&["scan", "--max-members", "1", "--fail-on", "none", "--show-skipped", "image.tar"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    // Through a pipe, the archive is a stream.
    let mut piped = shop.command(&["scan", "-"]);
    piped.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = piped.spawn().expect("keyradius");
    child.stdin.take().expect("a pipe").write_all(&tar("a.pem", key_pem(2).as_bytes())).expect("written");
    let out = child.wait_with_output().expect("an end");
    assert!(String::from_utf8_lossy(&out.stdout).contains("-!a.pem:1"), "{out:?}");
}

#[test]
fn standard_output_is_data_and_the_last_line_for_people_counts() {
    let shop = Workshop::new("streams");
    shop.file("a.pem", key_pem(1)).file("copy/b.yaml", format!("key: {}\n", base64(&key_der(1))));
    let ran = shop.run(&["scan"]);
    assert!(ran.stdout.contains("\n  at    a.pem:1"), "{ran:?}");
    assert!(ran.stdout.contains("copy/b.yaml:1"), "one key, two places: {ran:?}");
    assert!(ran.stderr.contains("1 other key (2 places) · 2 files, "), "{ran:?}");
    assert!(!ran.stdout.contains('\x1b'), "no colours in a pipe");
    assert!(shop.run(&["scan", "--color", "always"]).stdout.contains('\x1b'));
    assert_eq!(shop.run(&["scan", "-q"]).stderr, "");

    std::fs::remove_file(shop.path().join("a.pem")).expect("gone");
    std::fs::remove_file(shop.path().join("copy/b.yaml")).expect("gone");
    shop.file("c.txt", "12345");
    let ran = shop.run(&["scan", "--max-file-size", "1"]);
    assert_eq!(ran.stdout, "");
    let told = "no findings in the inputs read; 1 input could not be read (--show-skipped lists them) · ";
    assert!(ran.stderr.starts_with(told), "{ran:?}");
    assert!(shop.run(&["scan", "--max-file-size", "1", "--show-skipped"]).stdout.contains("c.txt: larger than"));
}

#[test]
fn every_format_is_what_it_says() {
    let shop = Workshop::new("formats");
    shop.file("a.pem", key_pem(1)).file("b/c.pem", key_pem(1)).file("d.der", key_der(2));
    let report = shop.run(&["scan", "--format", "json"]).json();
    assert_eq!(report["schema"], "keyradius.report/1");
    assert_eq!(report["scan"]["exit_code"], 1);
    assert_eq!(report["findings"].as_array().map(Vec::len), Some(2));
    let places = |finding: &serde_json::Value| finding["occurrences"].as_array().map_or(0, Vec::len);
    let places: usize = report["findings"].as_array().into_iter().flatten().map(places).sum();
    assert_eq!(places, 3);

    let lines = shop.run(&["scan", "--format", "jsonl"]);
    assert_eq!(lines.stdout.lines().count(), 4, "two findings, a playbook, the summary");
    let last: serde_json::Value = serde_json::from_str(lines.stdout.lines().last().expect("a line")).expect("JSON");
    assert_eq!(last["type"], "summary");

    let ran = shop.run(&["scan", "--format", "sarif", "-o", "out.sarif"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    let log = std::fs::read(shop.path().join("out.sarif")).expect("a file");
    let log: serde_json::Value = serde_json::from_slice(&log).expect("JSON");
    let results = log["runs"][0]["results"].as_array().expect("results");
    assert_eq!(results.len(), 2);
    for result in results {
        let rule = result["ruleIndex"].as_u64().expect("an index") as usize;
        assert_eq!(log["runs"][0]["tool"]["driver"]["rules"][rule]["id"], result["ruleId"]);
    }
}

#[test]
fn reproducible_reports_are_equal_byte_for_byte_whatever_the_threads() {
    let shop = Workshop::new("reproducible");
    for number in 0..20 {
        shop.file(&format!("{number}/a.pem"), key_pem(number % 7));
    }
    for format in ["json", "jsonl", "sarif", "human"] {
        let run = |jobs: &str| shop.run(&["scan", "--reproducible", "--format", format, "--jobs", jobs]).stdout;
        assert_eq!(run("1"), run("4"), "{format}");
    }
    let epoch = shop.command(&["scan", "--format", "json"]).env("SOURCE_DATE_EPOCH", "1700000000").output();
    let scan = Ran::from(epoch.expect("runs")).json()["scan"].clone();
    assert_eq!((&scan["started"], &scan["finished"]), (&"2023-11-14T22:13:20Z".into(), &"2023-11-14T22:13:20Z".into()));
    assert_eq!(scan["duration_ms"], 0);
}

#[test]
fn standard_input_is_a_source() {
    let shop = Workshop::new("stdin");
    let mut child = shop
        .command(&["scan", "--format", "json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("runs");
    child.stdin.take().expect("a pipe").write_all(key_pem(3).as_bytes()).expect("written");
    let report = Ran::from(child.wait_with_output().expect("ends")).json();
    assert_eq!(report["findings"][0]["occurrences"][0]["path"], "-");
}

#[test]
fn what_is_allowed_is_counted_and_carried() {
    let shop = Workshop::new("allow");
    shop.file("a.pem", key_pem(1)).file("tests/b.pem", key_pem(1)).file("tests/c.pem", key_pem(2));
    let allow = |what: &str, rest: &str| format!("[[allow]]\n{what}\nreason = 'ours'\n{rest}\n");
    let report = shop.run(&["scan", "--format", "json"]).json();
    let both = report["findings"].as_array().expect("findings");
    let key_of_a = both.iter().find(|finding| finding["occurrences"].as_array().map(Vec::len) == Some(2));
    let spki = key_of_a.and_then(|finding| finding["key"]["spki_sha256"].as_str()).expect("a key").to_owned();
    let id = key_of_a.and_then(|finding| finding["id"].as_str()).expect("an id").to_owned();

    for (config, open, allowed, notices) in [
        (allow("path = 'tests'", ""), 1, 1, 0),
        (allow("path = 'tests/**'", ""), 1, 1, 0),
        (allow("path = '*.pem'", ""), 0, 2, 0),
        (allow(&format!("key = '{spki}'"), ""), 1, 1, 0),
        (allow(&format!("finding = '{id}'"), "until = 2999-01-01"), 1, 1, 0),
        (allow("path = '*.pem'", "until = '2020-01-31'"), 2, 0, 1),
        (allow("path = 'elsewhere'", ""), 2, 0, 1),
    ] {
        shop.file("keyradius.toml", &config);
        let ran = shop.run(&["scan", "--format", "json"]);
        let report = ran.json();
        let count = |name: &str| report[name].as_array().map(Vec::len);
        let counts = (count("findings"), count("allowed"), count("notices"));
        assert_eq!(counts, (Some(open), Some(allowed), Some(notices)), "{config}");
        assert_eq!(ran.code, Some(i32::from(open > 0)), "{config}");
        assert_eq!(ran.stderr.lines().filter(|line| line.starts_with("note: keyradius.toml:1: ")).count(), notices);
    }
    // An allow entry may be about something that was not read.
    shop.file("keyradius.toml", allow("path = 'tests'", ""));
    let unread = shop.run(&["scan", "--format", "json", "--max-file-size", "10"]).json();
    assert_eq!((&unread["scan"]["complete"], &unread["notices"]), (&false.into(), &serde_json::json!([])));
    // The configuration of the current tree applies, not that of the scanned tree.
    shop.file("keyradius.toml", allow("path = '*.pem'", ""));
    let other = Workshop::new("allow_from_elsewhere");
    let scanned = shop.path().to_str().expect("UTF-8");
    assert_eq!(other.run(&["scan", "--format", "json", scanned]).json()["summary"]["allowed"], 0);
    assert_eq!(shop.run(&["scan", "--no-config"]).code, Some(1));
}

#[test]
fn a_mark_beside_the_key_allows_it_and_cannot_carry_the_key_out() {
    let shop = Workshop::new("inline");
    shop.file("a.pem", format!("# keyradius:allow reason=\"a key of the tests\"\n{}", key_pem(1)));
    let body = base64(&key_der(2));
    shop.file(
        "b.json",
        format!("{{\"keyradius:allow reason=\\\"in JSON\\\"\": \"{}\"}}\n", key_pem(2).replace('\n', "\\n")),
    );
    let ran = shop.run(&["scan", "--format", "json"]);
    let report = ran.json();
    assert_eq!(report["summary"]["allowed"], 2, "{ran:?}");
    let reasons: Vec<&str> = report["allowed"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|finding| finding["occurrences"][0]["allowed"]["reason"].as_str())
        .collect();
    assert!(reasons.contains(&"a key of the tests") && reasons.contains(&"in JSON"), "{reasons:?}");
    assert!(!ran.stdout.contains(&body[20..40]), "{ran:?}");
}

#[test]
fn a_text_in_utf16_keeps_its_lines() {
    let shop = Workshop::new("utf16");
    let text = format!("one\r\n{}\r\nzwölf\r\n# keyradius:allow reason=\"ours\"\r\n{}", key_pem(1), key_pem(2));
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    shop.file("a.txt", [&[0xff, 0xfe][..], &wide].concat());
    let report = shop.run(&["scan", "--format", "json"]).json();
    let lines = |list: &str| -> Vec<u64> {
        let findings = report[list].as_array().into_iter().flatten();
        findings.filter_map(|finding| finding["occurrences"][0]["line"].as_u64()).collect()
    };
    let line = |label: &str| text.lines().position(|line| line.contains(label)).expect("there") as u64;
    assert_eq!(lines("findings"), [line("one") + 2], "{report}");
    assert_eq!(lines("allowed"), [line("keyradius:allow") + 2], "{report}");
}

#[cfg(unix)]
#[test]
fn a_second_ctrl_c_ends_it_at_once() {
    let shop = Workshop::new("ctrl_c");
    let mut child = shop
        .command(&["scan", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("runs");
    let pid = child.id().to_string();
    let mut code = None;
    for _ in 0..50 {
        std::thread::sleep(std::time::Duration::from_millis(100));
        let _ = std::process::Command::new("kill").args(["-INT", &pid]).stderr(Stdio::null()).status();
        code = child.try_wait().expect("waits").map(|status| status.code());
        if code.is_some() {
            break;
        }
    }
    assert_eq!(code, Some(Some(130)));
}

#[cfg(unix)]
#[test]
fn a_reader_that_went_away_is_no_error() {
    let shop = Workshop::new("pipe");
    shop.file("a.pem", key_pem(1));
    let mut child = shop.command(&["scan"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
    drop(child.stdout.take());
    let ran = Ran::from(child.wait_with_output().expect("ends"));
    assert_eq!(ran.code, Some(1));
    assert!(!ran.stderr.contains("error"), "{ran:?}");
}

#[test]
fn overlapping_targets_name_a_place_once_and_without_a_dot() {
    let shop = Workshop::new("overlap");
    shop.file("src/a.pem", key_pem(1));
    let report = shop.run(&["scan", "--format", "json", ".", "src", "./src/a.pem"]).json();
    let places = report["findings"][0]["occurrences"].as_array().expect("places");
    assert_eq!(places.len(), 1, "{places:?}");
    assert_eq!(places[0]["path"], "src/a.pem");
}

#[test]
fn a_key_in_another_language_is_rewritten_once() {
    let shop = Workshop::new("rewritten");
    // No key: the number is too short. What was rewritten was rewritten again, down to the maximum depth.
    shop.file("a.js", "const k = {kty: 'OKP', x: 'AAEC', n: 7};\n");
    let ran = shop.run(&["scan", "--show-skipped"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{ran:?}");
}
