//! Extreme dates: of the machine, commits, certificates and allowances. The run reports its findings, and no date hides
//! a finding.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::hostile::skipped;
use crate::workshop::{Ran, Workshop, key_der, key_pem};

/// Seconds since 1970 around the limits of clocks and calendars.
const MOMENTS: &[&str] = &[
    "0",
    "-1",
    "1",
    "2147483647",
    "2147483648",
    "4294967296",
    "-62135596800",
    "-62167219200",
    "-62167219201",
    "-377705116800",
    "-377705116801",
    "253402207199",
    "253402207200",
    "253402207201",
    "253402300799",
    "253402300800",
    "9223372036854775",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551615",
    "99999999999999999999999999",
];

fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = content.len();
    let head = if length < 0x80 { vec![tag, length as u8] } else { vec![tag, 0x82, (length >> 8) as u8, length as u8] };
    [head, content].concat()
}

/// The public half of an Ed25519 key, by openssl.
fn public_half(private: &[u8]) -> Option<Vec<u8>> {
    let mut command = Command::new("openssl");
    command.args(["pkey", "-inform", "DER", "-pubout", "-outform", "DER"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    child.stdin.take()?.write_all(private).ok()?;
    let out = child.wait_with_output().ok()?;
    out.status.success().then_some(out.stdout)
}

/// A certificate for this public half, valid from one GeneralizedTime to another. Its signature is zeros.
fn certificate(spki: &[u8], from: &str, to: &str) -> Vec<u8> {
    let ed25519 = tlv(0x30, &[&[0x06, 0x03, 0x2b, 0x65, 0x70]]);
    let common_name = tlv(0x30, &[&[0x06, 0x03, 0x55, 0x04, 0x03], &tlv(0x0c, &[b"clock"])]);
    let name = tlv(0x30, &[&tlv(0x31, &[&common_name])]);
    let validity = tlv(0x30, &[&tlv(0x18, &[from.as_bytes()]), &tlv(0x18, &[to.as_bytes()])]);
    let version = tlv(0xa0, &[&tlv(0x02, &[&[2]])]);
    let body = tlv(0x30, &[&version, &tlv(0x02, &[&[7]]), &ed25519, &name, &validity, &name, spki]);
    tlv(0x30, &[&body, &ed25519, &tlv(0x03, &[&[0; 65]])])
}

/// A commit with these dates, in a repository made by git. No porcelain command writes such dates.
fn commit(repository: &Path, author: &str, committer: &str) {
    let git = |args: &[&str], input: Option<&str>| -> String {
        let mut command = Command::new("git");
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GIT_")) {
            command.env_remove(name);
        }
        command.args(args).current_dir(repository).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("git runs");
        let mut pipe = child.stdin.take().expect("a pipe");
        pipe.write_all(input.unwrap_or_default().as_bytes()).expect("written");
        drop(pipe);
        let out = child.wait_with_output().expect("ends");
        assert!(out.status.success(), "{args:?}: {out:?}");
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    };
    git(&["init", "-q", "."], None);
    let blob = git(&["hash-object", "-w", "--stdin"], Some(&key_pem(9)));
    let tree = git(&["mktree"], Some(&format!("100644 blob {blob}\told.pem\n")));
    let text = format!("tree {tree}\nauthor A <a@x> {author} +0000\ncommitter C <c@x> {committer} -0000\n\nm\n");
    let commit = git(&["hash-object", "-t", "commit", "-w", "--literally", "--stdin"], Some(&text));
    std::fs::write(repository.join(".git/refs/heads/odd"), format!("{commit}\n")).expect("a ref");
}

/// Asserts that the run found everything and did not crash.
fn sound(ran: &Ran, keys: usize, what: &str) -> serde_json::Value {
    assert_eq!(ran.code, Some(1), "{what}: {ran:?}");
    assert!(!ran.stderr.contains("internal error"), "{what}: {ran:?}");
    let report = ran.json();
    assert_eq!(report["findings"].as_array().map(Vec::len), Some(keys), "{what}: {report}");
    report
}

#[test]
fn the_clock_of_the_machine() {
    let shop = Workshop::new("clock_machine");
    shop.file("a.pem", key_pem(1));
    std::fs::create_dir_all(shop.path().join("history")).expect("a directory");
    commit(&shop.path().join("history"), "-5", "-5");
    let (mut ran_well, mut refused) = (0, 0);
    for moment in MOMENTS {
        for format in ["json", "jsonl", "sarif", "human"] {
            let ran = shop.command(&["scan", "--format", format, "."]).env("SOURCE_DATE_EPOCH", moment).output();
            let ran = Ran::from(ran.expect("runs"));
            assert!(!ran.stderr.contains("internal error"), "{moment} {format}: {ran:?}");
            match ran.code {
                Some(1) => ran_well += 1,
                Some(2) if ran.stderr.starts_with("error: SOURCE_DATE_EPOCH is") => refused += 1,
                _ => panic!("{moment} {format}: {ran:?}"),
            }
        }
    }
    assert!(ran_well >= 40 && refused >= 4, "{ran_well} {refused}");
    for day in ["-009999-01-01", "0000-01-01", "1969-12-31", "9999-12-30", "9999-12-31"] {
        let report = sound(&shop.run(&["scan", "--format", "json", &format!("--today={day}"), "."]), 2, day);
        let of_history = report["findings"].as_array().expect("findings").iter().find(|f| f["exposure"].is_object());
        assert!(of_history.is_some_and(|finding| finding["exposure"]["days"].as_i64() >= Some(0)), "{day}: {report}");
    }
    // The system clock, where a library can replace it.
    for year in ["9999-12-31 23:59:59", "9999-12-30 00:00:00", "1901-01-01 00:00:00"] {
        let mut command = Command::new("faketime");
        command.args([year, env!("CARGO_BIN_EXE_keyradius"), "scan", "--format", "json", "."]).current_dir(shop.path());
        match command.output() {
            Ok(out) => drop(sound(&Ran::from(out), 2, year)),
            Err(error) => skipped(format_args!("no faketime on this system, so its clock stays as it is: {error}")),
        }
    }
}

#[test]
fn dates_of_commits() {
    let shop = Workshop::new("clock_commits");
    for (number, moment) in MOMENTS.iter().enumerate() {
        let repository = shop.path().join(number.to_string());
        std::fs::create_dir_all(&repository).expect("a directory");
        commit(&repository, moment, moment);
        let folder = number.to_string();
        for extra in [&[][..], &["--today=9999-12-31"], &["--today=-009999-01-01"], &["--since=-009999-01-01"]] {
            let ran = shop.run(&[&["scan", "--format", "json"][..], extra, &[&folder]].concat());
            if extra.first() == Some(&"--since=-009999-01-01") && ran.code == Some(0) {
                assert!(moment.starts_with('-'), "{moment}: nothing is older than the first day there is");
                continue;
            }
            let report = sound(&ran, 1, moment);
            let finding = &report["findings"][0];
            let exposure = &finding["exposure"];
            assert!(exposure["days"].as_i64() >= Some(0), "{moment} {extra:?}: {finding}");
            let introduced = &finding["occurrences"][0]["git"]["introduced"];
            assert_eq!(introduced["commit_date"], exposure["first_seen"], "{moment} {extra:?}: {finding}");
            assert!(introduced["author_date"].is_string(), "{moment} {extra:?}: {finding}");
        }
        let human = shop.run(&["scan", "-v", &folder]);
        assert!(human.code == Some(1) && human.stdout.contains("\n  since "), "{moment}: {human:?}");
    }
}

#[test]
fn dates_of_certificates() {
    let shop = Workshop::new("clock_certificates");
    let Some(spki) = public_half(&key_der(1)) else {
        skipped(format_args!("no openssl on this system, so there is no certificate to date"));
        return;
    };
    shop.file("a.pem", key_pem(1));
    let times = ["00000101000000Z", "00000229235959Z", "19691231235959Z", "99991230220000Z", "99991231235959Z"];
    for from in times {
        for to in times {
            shop.file("a.crt", certificate(&spki, from, to));
            for day in ["-009999-01-01", "0000-01-01", "2026-11-28", "9999-12-31"] {
                let what = format!("{from} {to} {day}");
                let report = sound(&shop.run(&["scan", "--format", "json", &format!("--today={day}"), "."]), 1, &what);
                let certificate = &report["findings"][0]["certificates"][0];
                let year = |field: &str| certificate[field].as_str().and_then(|time| time.get(..4)).map(str::to_owned);
                assert_eq!(year("not_before").as_deref(), from.get(..4), "{what}: {report}");
                assert_eq!(year("not_after").as_deref(), to.get(..4), "{what}: {report}");
            }
        }
    }
    // The date that means "no end" (RFC 5280 4.1.2.5) is reported unchanged.
    shop.file("a.crt", certificate(&spki, "20200101000000Z", "99991231235959Z"));
    let report = sound(&shop.run(&["scan", "--format", "json", "."]), 1, "no end");
    assert_eq!(report["findings"][0]["certificates"][0]["not_after"], "9999-12-31T23:59:59Z", "{report}");
}

#[test]
fn dates_of_allowances_and_of_selections() {
    let shop = Workshop::new("clock_allowances");
    let marked = |until: &str| format!("# keyradius:allow reason=\"ours\" until={until}\n{}", key_pem(1));
    for (until, holds) in [
        ("9999-12-31", true),
        ("0000-01-01", false),
        ("0001-01-01", false),
        ("10000-01-01", false),
        ("99999999999999999999-01-01", false),
    ] {
        shop.file("a.pem", marked(until));
        for day in ["2026-11-28", "9999-12-31"] {
            let ran = shop.run(&["scan", "--format", "json", "--today", day, "."]);
            // An invalid date allows nothing.
            assert_eq!(ran.code, Some(i32::from(!holds)), "{until} {day}: {ran:?}");
        }
    }
    shop.file("a.pem", key_pem(1));
    for (until, code) in [("9999-12-31", 0), ("0000-01-01", 1), ("10000-01-01", 2), ("99999-12-31", 2)] {
        shop.file("keyradius.toml", format!("[[allow]]\npath = '*.pem'\nreason = 'ours'\nuntil = '{until}'\n"));
        let ran = shop.run(&["scan", "."]);
        assert_eq!(ran.code, Some(code), "{until}: {ran:?}");
        assert!(!ran.stderr.contains("internal error"), "{until}: {ran:?}");
    }
    std::fs::remove_file(shop.path().join("keyradius.toml")).expect("gone");
    for (since, code) in [
        ("9999-12-31", 1),
        ("-009999-01-01", 1),
        ("9223372036854775807h", 2),
        ("25000000000y", 1),
        ("10000-01-01", 2),
        ("9999-12-31T23:59:59Z", 2),
    ] {
        let ran = shop.run(&["scan", &format!("--since={since}"), "."]);
        assert_eq!(ran.code, Some(code), "{since}: {ran:?}");
        assert!(!ran.stderr.contains("internal error"), "{since}: {ran:?}");
    }
}
