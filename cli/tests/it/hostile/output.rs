//! `-o`: a report is complete or absent, whatever happens to the disk and to the process, and is written nowhere else.

#![cfg(unix)]

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::hostile::skipped;
use crate::patience::Pauses;
use crate::workshop::{Ran, Workshop, key_pem};

/// The content of an older report.
const OLD: &str = "an older report\n";

/// A directory with about a hundred keys, whose report has some hundred kilobytes.
fn many_keys(test: &str) -> Workshop {
    let shop = Workshop::new(test);
    for number in 0..200 {
        shop.file(&format!("keys/{number}.pem"), key_pem(number));
    }
    shop
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect()
}

fn mode(path: &Path) -> u32 {
    path.metadata().expect("there").mode() & 0o7777
}

fn is_fifo(path: &Path) -> bool {
    path.symlink_metadata().expect("there").file_type().is_fifo()
}

/// Whether these bytes are a complete report.
fn whole(bytes: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(bytes).is_ok_and(|report| report["summary"].is_object())
}

fn sh(shop: &Workshop, script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_keyradius")]).current_dir(shop.path()).stdin(Stdio::null());
    command
}

#[test]
fn a_new_file_goes_by_the_umask_and_an_old_one_keeps_its_permissions() {
    let shop = Workshop::new("output_modes");
    shop.file("a.pem", key_pem(1)).file("out/old", OLD);
    for umask in [0o022, 0o077, 0o002] {
        let name = format!("out/new-{umask:o}");
        let ran = sh(&shop, &format!("umask {umask:o}; exec \"$0\" scan -q --format json -o {name} a.pem")).status();
        assert_eq!(ran.expect("runs").code(), Some(1));
        assert_eq!(mode(&shop.path().join(&name)), 0o666 & !umask, "{name}");
    }
    let old = shop.path().join("out/old");
    for permissions in [0o600, 0o640, 0o664, 0o604] {
        std::fs::set_permissions(&old, Permissions::from_mode(permissions)).expect("set");
        let inode = old.metadata().expect("there").ino();
        assert_eq!(shop.run(&["scan", "-q", "--format", "json", "-o", "out/old", "a.pem"]).code, Some(1));
        assert_eq!(mode(&old), permissions);
        assert_ne!(old.metadata().expect("there").ino(), inode, "another file took its place");
        assert!(whole(&std::fs::read(&old).expect("a report")));
    }
    let expected = ["new-2", "new-22", "new-77", "old"].map(str::to_owned);
    assert_eq!(names(&shop.path().join("out")), BTreeSet::from(expected), "nothing else is left there");
}

#[test]
fn nothing_is_followed_and_nothing_is_lost_where_writing_is_refused() {
    let shop = Workshop::new("output_refused");
    shop.file("a.pem", key_pem(1)).file("precious", OLD).file("folder/x", "x");
    let at = |name: &str| shop.path().join(name);
    symlink("precious", at("link")).expect("a link");
    symlink("nowhere", at("dangling")).expect("a link");
    symlink("folder", at("elsewhere")).expect("a link");
    symlink("/dev/null", at("null")).expect("a link");
    symlink("..", at("folder/up")).expect("a link");
    for (output, why, hint) in [
        ("link", "it is a symbolic link", "name the file itself (precious)"),
        ("dangling", "it is a symbolic link", "name the file itself (nowhere)"),
        ("elsewhere", "it is a symbolic link", "name the file itself (folder)"),
        ("null", "it is a symbolic link", "name the file itself (/dev/null)"),
        ("folder", "it is a directory", "name a file in it"),
        ("folder/", "it is a directory", "name a file in it"),
        ("elsewhere/report", "elsewhere is a symbolic link", "name the directory itself (folder)"),
        ("./elsewhere/report", "./elsewhere is a symbolic link", "name the directory itself (folder)"),
        ("folder/up/folder/report", "folder/up is a symbolic link", "name the directory itself (..)"),
        ("absent/report", "no such file or directory", "in an existing directory"),
        ("precious/report", "not a directory", "in an existing directory"),
    ] {
        let before = names(shop.path());
        let ran = shop.run(&["scan", "-o", output, "a.pem"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{output}: {ran:?}");
        assert!(ran.stderr.starts_with(&format!("error: cannot write {output}: {why}")), "{ran:?}");
        assert!(ran.stderr.contains(hint), "{ran:?}");
        assert_eq!(names(shop.path()), before, "{output}");
        assert_eq!(std::fs::read_to_string(at("precious")).expect("there"), OLD, "{output}");
    }
    assert_eq!(
        at("nowhere").symlink_metadata().map_err(|error| error.kind()).err(),
        Some(std::io::ErrorKind::NotFound)
    );
    let ran = shop.run(&["rules", "import", "gitleaks", "gitleaks.toml", "-o", "elsewhere/rules.toml"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("elsewhere is a symbolic link"), "{ran:?}");
    // Links above the current directory belong to the system.
    let mut below = shop.command(&["scan", "-q", "--format", "json", "-o", "../elsewhere/report", "../a.pem"]);
    assert_eq!(below.current_dir(at("folder")).status().expect("runs").code(), Some(1));
    assert!(whole(&std::fs::read(at("folder/report")).expect("a report")));
    // `rules import -o` never overwrites a file.
    shop.file("gitleaks.toml", "[[rules]]\nid = \"a\"\nregex = '''abcdefgh[0-9]{8}'''\nkeywords = [\"abcdefgh\"]\n");
    let ran = shop.run(&["rules", "import", "gitleaks", "gitleaks.toml", "-o", "precious"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert_eq!(std::fs::read_to_string(at("precious")).expect("there"), OLD);
    let before = names(shop.path());
    let ran = shop.run(&["rules", "import", "gitleaks", "gitleaks.toml", "-o", "rules.toml"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let new: Vec<String> = names(shop.path()).difference(&before).cloned().collect();
    assert_eq!(new, ["rules.toml"]);
}

#[test]
fn pipes_and_devices_are_written_in_place() {
    let shop = Workshop::new("output_places");
    shop.file("a.pem", key_pem(1));
    for (output, to_stdout) in
        [("/dev/null", false), ("/dev/stdout", true), ("/dev/fd/1", true), ("/proc/self/fd/1", true)]
    {
        if !Path::new(output).exists() {
            skipped(format_args!("no {output} on this system"));
            continue;
        }
        let ran = shop.run(&["scan", "-q", "--format", "json", "-o", output, "a.pem"]);
        assert_eq!(ran.code, Some(1), "{output}: {ran:?}");
        assert_eq!(whole(ran.stdout.as_bytes()), to_stdout, "{output}: {ran:?}");
    }
    // Standard output is a file: its content is kept.
    let script = "echo before > log; \"$0\" scan -q --format json -o /dev/stdout a.pem >> log; echo after >> log";
    assert!(sh(&shop, script).status().expect("runs").success());
    let log = std::fs::read_to_string(shop.path().join("log")).expect("a log");
    let inside = log.strip_prefix("before\n").and_then(|log| log.strip_suffix("after\n")).expect("what was there");
    assert!(whole(inside.as_bytes()), "{log}");
    // A full device is an error, and no temporary file is left next to it.
    if Path::new("/dev/full").exists() {
        let ran = shop.run(&["scan", "-o", "/dev/full", "a.pem"]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.stderr.starts_with("error: cannot write /dev/full: no space left on device\nhint: "), "{ran:?}");
    }

    let fifo = shop.path().join("fifo");
    if !Command::new("mkfifo").arg(&fifo).status().is_ok_and(|status| status.success()) {
        skipped(format_args!("no mkfifo on this system"));
        return;
    }
    let mut child = shop.command(&["scan", "-q", "--format", "json", "-o", "fifo", "a.pem"]).spawn().expect("runs");
    let mut read = Vec::new();
    std::fs::File::open(&fifo).expect("opened").read_to_end(&mut read).expect("read");
    assert_eq!(child.wait().expect("ends").code(), Some(1));
    assert!(whole(&read));
    // A reader that closed its end has read enough.
    let mut child = shop.command(&["scan", "-q", "-o", "fifo", "a.pem"]).stderr(Stdio::piped()).spawn().expect("runs");
    drop(std::fs::File::open(&fifo).expect("opened"));
    assert_eq!(child.wait().expect("ends").code(), Some(1));
    assert!(is_fifo(&fifo), "the pipe is still one");
}

#[test]
fn a_process_that_is_cut_off_in_the_middle_leaves_the_old_report_whole() {
    let shop = many_keys("output_cut_off");
    let folder = shop.path().join("out");
    for (there, name) in [(true, "old"), (false, "new")] {
        shop.file("out/old", OLD);
        // A file of at most 8 KiB (of 1 KiB in some shells): the signal arrives while the report is written.
        let script = format!("ulimit -f 8; exec \"$0\" scan -q --format json -o out/{name} keys");
        let status = sh(&shop, &script).status().expect("runs");
        assert_eq!(status.signal(), Some(25), "SIGXFSZ while it writes: {status:?}");
        assert_eq!(std::fs::read_to_string(folder.join("old")).expect("there"), OLD);
        assert_eq!(folder.join(name).exists(), there, "no half report under the name that was asked for");
        // On a file system that supports unnamed files, nothing at all is left.
        for left in names(&folder).iter().filter(|left| *left != "old") {
            assert!(left.starts_with(".keyradius-"), "{left}");
            std::fs::remove_file(folder.join(left)).expect("removed");
        }
    }
    // The same limit, but writing fails and the process continues: the error is reported, and nothing is left.
    let script = "trap '' XFSZ; ulimit -f 8; exec \"$0\" scan -q --format json -o out/old keys";
    let ran = Ran::from(sh(&shop, script).output().expect("runs"));
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.starts_with("error: cannot write out/old: file too large"), "{ran:?}");
    assert!(ran.stderr.contains("the old file is unchanged"), "{ran:?}");
    assert_eq!(std::fs::read_to_string(folder.join("old")).expect("there"), OLD);
    assert_eq!(names(&folder).len(), 1, "{:?}", names(&folder));
}

#[test]
fn a_kill_at_any_time_leaves_one_whole_report() {
    let shop = many_keys("output_killed");
    let path = shop.path().join("out/report");
    let (mut old, mut pauses, mut ended) = (0, Pauses::growing_by(16), false);
    // From before its start to after its end, most often around the end.
    while !ended {
        shop.file("out/report", OLD);
        let mut child =
            shop.command(&["scan", "-q", "--format", "json", "-o", "out/report", "keys"]).spawn().expect("runs");
        ended = pauses.outlast(&mut child);
        let _ = child.kill();
        let _ = child.wait();
        let bytes = std::fs::read(&path).expect("a report is always there");
        if bytes == OLD.as_bytes() {
            old += 1;
        } else {
            assert!(whole(&bytes), "half a report of {} bytes", bytes.len());
        }
    }
    assert!(old > 0, "no kill came before the end");
}

#[test]
fn a_full_disk_leaves_the_old_report_whole() {
    let shop = many_keys("output_full");
    // A file system of 64 KiB, visible only to this process and its children.
    let script = "mkdir -p small && mount -t tmpfs -o size=64k none small || exit 77\n\
                  printf 'an older report\\n' > small/report\n\
                  \"$0\" scan -q --format json -o small/report keys; echo \"code $?\"\n\
                  ls -A small; cat small/report\n\
                  rm small/report; \"$0\" scan -q --format json -o small/new keys; echo \"code $?\"; ls -A small";
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", script, env!("CARGO_BIN_EXE_keyradius")]).current_dir(shop.path());
    let out = match command.output() {
        Ok(out) if out.status.code() != Some(77) && !out.stdout.is_empty() => Ran::from(out),
        other => {
            skipped(format_args!("no file system may be mounted here, so no disk can be full: {other:?}"));
            return;
        }
    };
    assert_eq!(out.stdout, format!("code 2\nreport\n{OLD}code 2\n"), "{out:?}");
    let told =
        out.stderr.matches("no space left on device\nhint: check that the disk is not full; the old file is unchanged");
    assert_eq!(told.count(), 2, "{out:?}");
}

#[test]
fn a_report_inside_of_the_scanned_tree_does_not_change_what_is_found() {
    let shop = Workshop::new("output_inside");
    shop.file("a.pem", key_pem(1)).file("b/c.pem", key_pem(2));
    let mut ids: Vec<Vec<String>> = Vec::new();
    for round in 0..3 {
        let args = ["scan", "--reproducible", "--format", "json", "-o", "report.json", "."];
        assert_eq!(shop.run(&args).code, Some(1));
        let report: serde_json::Value =
            serde_json::from_slice(&std::fs::read(shop.path().join("report.json")).expect("a report")).expect("JSON");
        // The report of the previous run is a normal file; the one being written does not exist yet.
        assert_eq!(report["coverage"]["files"], if round == 0 { 2 } else { 3 }, "round {round}");
        assert_eq!(report["coverage"]["gaps"], serde_json::json!([]), "round {round}");
        let findings = report["findings"].as_array().expect("findings");
        ids.push(findings.iter().map(|finding| finding["id"].to_string()).collect());
        assert_eq!(names(shop.path()), BTreeSet::from([".git", "a.pem", "b", "report.json"].map(str::to_owned)));
    }
    assert!(ids.iter().all(|these| these.len() == 2 && *these == ids[0]), "{ids:?}");
}

#[test]
fn manual_pages_replace_what_is_there_and_follow_no_link() {
    let shop = Workshop::new("output_man");
    shop.file("pages/keyradius-scan.1", OLD).file("precious", OLD);
    symlink("../precious", shop.path().join("pages/keyradius.1")).expect("a link");
    assert_eq!(shop.run(&["man", "pages"]).code, Some(0));
    assert_eq!(std::fs::read_to_string(shop.path().join("precious")).expect("there"), OLD);
    let pages = names(&shop.path().join("pages"));
    assert!(
        pages.contains("keyradius-hook-pre-commit.1") && pages.iter().all(|name| name.ends_with(".1")),
        "{pages:?}"
    );
    for page in pages {
        let path = shop.path().join("pages").join(&page);
        assert!(path.symlink_metadata().expect("there").is_file(), "{page}");
        assert!(std::fs::read_to_string(path).expect("a page").contains(".TH"), "{page}");
    }
}
