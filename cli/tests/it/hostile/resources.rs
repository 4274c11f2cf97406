//! Memory, threads and time have limits that no input exceeds; inputs beyond a limit are counted. `benches/memory.py`
//! has the full sizes.

use std::process::Command;

use crate::workshop::{Ran, Workshop, base64, key_der, key_pem};

/// Memory limit of two jobs, in KiB: 256 MiB and 64 MiB for each.
const TWO_JOBS: u64 = (256 + 2 * 64) << 10;

/// A scan whose private memory is limited by the system (RLIMIT_DATA counts anonymous mappings; an allocation beyond it
/// fails).
fn bounded(shop: &Workshop, args: &[&str]) -> Ran {
    let script = format!("ulimit -d {TWO_JOBS} && exec \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_keyradius"), "scan", "--no-config", "--jobs", "2"]);
    command.args(["--format", "json", "--fail-on", "none"]).args(args).current_dir(shop.path());
    Ran::from(command.output().expect("sh runs"))
}

fn gaps(ran: &Ran) -> Vec<(String, String)> {
    let report = ran.json();
    let gaps = report["coverage"]["gaps"].as_array().expect("gaps");
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    gaps.iter().map(|gap| (text(&gap["reason"]), text(&gap["detail"]))).collect()
}

/// Stored members of a ZIP, by name, flags and content.
fn zip(members: impl Iterator<Item = (String, u16, Vec<u8>)>) -> Vec<u8> {
    let (mut all, mut directory, mut count) = (Vec::new(), Vec::new(), 0_u32);
    for (name, flags, content) in members {
        let size = (content.len() as u32).to_le_bytes();
        let mut fields = [&flags.to_le_bytes()[..], &[0; 10], &size, &size].concat();
        fields.extend((name.len() as u16).to_le_bytes());
        fields.extend([0; 2]);
        directory
            .extend([&b"PK\x01\x02\x14\0\x14\0"[..], &fields, &[0; 10], &(all.len() as u32).to_le_bytes()].concat());
        directory.extend(name.as_bytes());
        all.extend([&b"PK\x03\x04\x14\0"[..], &fields, name.as_bytes(), &content].concat());
        count += 1;
    }
    let (start, size) = (all.len() as u32, directory.len() as u32);
    all.extend(directory);
    let entries = (count as u16).to_le_bytes();
    all.extend(
        [&b"PK\x05\x06\0\0\0\0"[..], &entries, &entries, &size.to_le_bytes(), &start.to_le_bytes(), &[0; 2]].concat(),
    );
    all
}

#[test]
fn gaps_beyond_the_limit_are_counted() {
    let shop = Workshop::new("resources-gaps");
    let name = |i: u32| format!("{i:06}{}", "n".repeat(1500));
    shop.file("tree/a.zip", zip((0..10_000).map(|i| (name(i), 1, vec![b'?'; 16]))));
    shop.file("tree/b.pem", key_pem(1));
    let ran = bounded(&shop, &["tree"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let gaps = gaps(&ran);
    let listed = gaps.iter().filter(|(_, detail)| detail == "encrypted member").count();
    assert!((10..1000).contains(&listed), "{listed}");
    assert!(
        gaps.contains(&("encrypted".to_owned(), format!("and {} more in it", 10_000 - listed))),
        "{:?}",
        gaps.last()
    );
    assert_eq!(ran.json()["summary"]["skipped"].as_u64(), Some(10_001));
    assert_eq!(ran.json()["findings"].as_array().map(Vec::len), Some(1));
}

#[test]
fn places_beyond_the_limit_are_counted() {
    let shop = Workshop::new("resources-places");
    shop.file("tree/a.bin", [&key_der(1)[..], b"\n"].concat().repeat(25_000));
    let scan = |jobs: &str| {
        let args =
            ["scan", "--no-config", "--format", "json", "--fail-on", "none", "--reproducible", "--jobs", jobs, "tree"];
        shop.run(&args)
    };
    let ran = scan("1");
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert_eq!(ran.json()["findings"][0]["occurrences"].as_array().map(Vec::len), Some(10_000));
    let told = "and 15000 more places of the same key or secret, beyond the first 10000".to_owned();
    assert_eq!(gaps(&ran), [("too_many".to_owned(), told)]);
    assert!(scan("4").stdout == ran.stdout, "the report depends on the number of threads");
}

#[test]
fn many_keys_fit_into_memory() {
    let shop = Workshop::new("resources-keys");
    let key = |number: u32| {
        let mut der = key_der(0);
        der[16..20].copy_from_slice(&number.to_le_bytes());
        format!("-----BEGIN {0}-----\n{1}\n-----END {0}-----\n", "PRIVATE KEY", base64(&der))
    };
    shop.file("tree/keys.pem", (0..20_000).map(key).collect::<String>());
    let ran = bounded(&shop, &["tree"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.json()["findings"].as_array().map(Vec::len), Some(20_000));
}

#[test]
fn archives_that_are_held_share_what_there_is() {
    let shop = Workshop::new("resources-held");
    for i in 0..4 {
        let big = ("big".to_owned(), 0, vec![b'x'; 90 << 20]);
        let inner = zip([big, ("key.pem".to_owned(), 0, key_pem(i).into_bytes())].into_iter());
        // Inside a sequentially read archive, so that it has to be held in memory.
        let mut tar = vec![0; 512];
        tar[..9].copy_from_slice(b"inner.zip");
        tar[124..135].copy_from_slice(format!("{:011o}", inner.len()).as_bytes());
        tar[156] = b'0';
        tar[257..263].copy_from_slice(b"ustar\0");
        tar[148..156].fill(b' ');
        let sum: u64 = tar.iter().map(|byte| u64::from(*byte)).sum();
        tar[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        tar.extend(&inner);
        tar.resize(tar.len().next_multiple_of(512) + 1024, 0);
        shop.file(&format!("tree/{i}.tar"), tar);
    }
    let ran = bounded(&shop, &["tree"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.json()["findings"].as_array().map(Vec::len), Some(4));
}

/// The memory of a decoder is known before it is created; too much is a gap with a name.
#[test]
fn windows_and_dictionaries_beyond_the_limit_are_named() {
    let shop = Workshop::new("resources-windows");
    // An xz stream with a dictionary of 1.5 GiB, a Zstandard frame with a window of 2 GiB.
    shop.file("tree/a.xz", [&b"\xfd7zXZ\0\0\x01\x69\x22\xde\x36\x02\0\x21\x01\x25\0\0\0"[..], &[0; 64]].concat());
    shop.file("tree/b.zst", [&b"\x28\xb5\x2f\xfd\0\xa8"[..], &[0; 64]].concat());
    let ran = bounded(&shop, &["tree"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let named = |what: &str| ("too_large".to_owned(), what.to_owned());
    assert_eq!(gaps(&ran), [named("dictionary"), named("window")]);
}

/// A repeated start of a key: the work is limited, and giving up is reported.
#[test]
fn a_file_of_nothing_but_starts_of_keys_is_given_up() {
    let shop = Workshop::new("resources-starts");
    shop.file("tree/a.json", b"{\"kty\":".repeat((4 << 20) / 7));
    let ran = shop.run(&["scan", "--no-config", "--format", "json", "--fail-on", "none", "tree"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let gaps = gaps(&ran);
    assert!(
        gaps.iter().all(|(reason, detail)| reason == "too_slow" && detail.starts_with("jwk: gave up at byte ")),
        "{gaps:?}"
    );
}

/// Stored members of a truncated archive are found once each, as members, whatever their number.
#[test]
fn members_of_a_damaged_archive_are_found_once() {
    let shop = Workshop::new("resources-twins");
    let key = |i: u32| {
        let mut der = key_der(0);
        der[16..20].copy_from_slice(&i.to_le_bytes());
        der
    };
    let mut whole = zip((0..4000).map(|i| (format!("{i}.der"), 0, key(i))));
    whole.truncate(whole.len() - 40);
    shop.file("tree/a.zip", whole);
    let ran = shop.run(&["scan", "--no-config", "--format", "json", "--fail-on", "none", "tree"]);
    let report = ran.json();
    let findings = report["findings"].as_array().expect("findings");
    assert_eq!((ran.code, findings.len()), (Some(3), 4000));
    assert!(findings.iter().all(|finding| finding["occurrences"].as_array().is_some_and(|places| places.len() == 1)));
}

#[test]
fn more_threads_than_help_are_not_made() {
    let shop = Workshop::new("resources-jobs");
    shop.file("tree/a.pem", key_pem(1));
    let ran = shop.run(&["scan", "--jobs", "100000", "tree"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains(" threads instead of 100000: more would only wait for each other"), "{ran:?}");
    shop.file("keyradius.toml", "[scan]\njobs = 100000\n");
    let ran = shop.run(&["scan", "tree"]);
    assert!(ran.stderr.contains(" threads instead of 100000: "), "{ran:?}");
    let ran = shop.run(&["scan", "--jobs", "2", "tree"]);
    assert!(!ran.stderr.contains(" threads instead of "), "{ran:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn threads_that_cannot_be_made_are_an_error_with_advice() {
    let shop = Workshop::new("resources-threads");
    shop.file("tree/a.pem", key_pem(1));
    // The superuser has no such limit: run as nobody.
    let id = Command::new("id").arg("-u").output().expect("id runs").stdout;
    // dash calls the option -p, which bash refuses; bash calls it -u.
    let script = "{ ulimit -p 1 || ulimit -u 1; } 2>/dev/null && exec \"$@\"";
    let mut command = if id.starts_with(b"0\n") { Command::new("setpriv") } else { Command::new("env") };
    if id.starts_with(b"0\n") {
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    }
    command.args(["sh", "-c", script, "sh", env!("CARGO_BIN_EXE_keyradius"), "scan", "--jobs", "4", "tree"]);
    let Ok(output) = command.current_dir(shop.path()).output() else {
        super::skipped(format_args!("setpriv is not installed, and the superuser has no limit on processes"));
        return;
    };
    let ran = Ran::from(output);
    if matches!(ran.code, Some(126 | 127 | 1)) && ran.stdout.is_empty() {
        super::skipped(format_args!("nobody cannot run the program here: {}", ran.stderr));
        return;
    }
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.starts_with("error: cannot start threads: "), "{ran:?}");
    assert!(ran.stderr.contains("hint: lower --jobs, or raise the limits"), "{ran:?}");
}
