//! `hunt --evidence` and `evidence verify`, with sha256sum, ssh-keygen, minisign and openssl as the other side.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::hunt::{skipped, text, tool};
use crate::workshop::{Ran, Workshop, base64, key_pem};

/// A source with a private key, its certificate, a repository and a locked keystore, hunted with evidence in `case`.
fn hunted(name: &str, more: &[&str]) -> Workshop {
    let shop = Workshop::new(name);
    let dir = shop.path();
    fs::create_dir_all(dir.join("src/repo")).expect("a directory");
    shop.file("key.pem", key_pem(1)).file("src/key.pem", key_pem(1)).file("src/repo/key.pem", key_pem(1));
    let subject = "/CN=Marker Of A Person";
    tool(dir, &["openssl", "req", "-x509", "-key", "key.pem", "-out", "src/cert.pem", "-subj", subject, "-days", "9"]);
    let keystore = ["-inkey", "key.pem", "-in", "src/cert.pem", "-passout", "pass:unguessable-7", "-out", "src/a.p12"];
    tool(dir, &[&["openssl", "pkcs12", "-export", "-name", "marker-alias"][..], &keystore].concat());
    let git = |args: &[&str]| tool(&dir.join("src/repo"), &[&["git"], args].concat());
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["-c", "user.name=Marker Author", "-c", "user.email=marker@example.org", "commit", "-qm", "x"]);
    let ran = shop.run(&[&["hunt", "-t", "key.pem", "--evidence", "case"], more, &["src"]].concat());
    assert_eq!(ran.code, Some(1), "{ran:?}");
    shop
}

fn verify(shop: &Workshop, args: &[&str]) -> Ran {
    shop.run(&[&["evidence", "verify"], args, &["case"]].concat())
}

fn all(shop: &Workshop) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(shop.path().join("case")).expect("a directory").map(|entry| entry.expect("an entry"));
    let named =
        entries.map(|entry| (entry.file_name().into_string().expect("text"), fs::read(entry.path()).expect("a file")));
    named.collect()
}

fn lines(bytes: &[u8]) -> Vec<Value> {
    str::from_utf8(bytes).expect("text").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn evidence_is_complete_and_any_change_is_noticed() {
    let shop = hunted("evidence-whole", &["--case", "17", "--examiner", "Bo"]);
    let dir = shop.path().join("case");
    tool(&dir, &["sha256sum", "--strict", "-c", "SHA256SUMS"]);
    let manifest: Value = serde_json::from_slice(&fs::read(dir.join("manifest.json")).expect("a file")).expect("JSON");
    let faults = crate::schema::schema_faults(&shop.run(&["schema", "evidence"]).json(), &manifest);
    assert!(faults.is_empty(), "{faults:#?}");
    assert_eq!(
        (&manifest["case"], &manifest["examiner"], &manifest["exit_code"]),
        (&"17".into(), &"Bo".into(), &1.into())
    );
    assert_eq!(manifest["complete"], false);
    let answer: Value = serde_json::from_slice(&fs::read(dir.join("hunt.json")).expect("a file")).expect("JSON");
    let faults = crate::schema::schema_faults(&shop.run(&["schema", "hunt"]).json(), &answer);
    assert!(faults.is_empty(), "{faults:#?}");
    let findings = lines(&fs::read(dir.join("findings.jsonl")).expect("a file"));
    assert_eq!(Value::from(findings), answer["matches"]);
    let events: Vec<&str> =
        answer["timeline"].as_array().expect("events").iter().filter_map(|event| event["event"].as_str()).collect();
    for event in ["committed", "certificate_begins", "file_written"] {
        assert!(events.contains(&event), "{events:?}");
    }
    let covered = lines(&fs::read(dir.join("coverage.jsonl")).expect("a file"));
    assert!(covered.iter().any(|line| line["type"] == "locked" && line["path"] == "src/a.p12"), "{covered:?}");
    let sources = lines(&fs::read(dir.join("sources.jsonl")).expect("a file"));
    for path in ["src/key.pem", "src/cert.pem", "src/a.p12", "src/repo/key.pem"] {
        let line = text(shop.path(), &["sha256sum", path]);
        let found = sources.iter().find(|source| source["path"] == path).expect(path);
        assert_eq!(found["sha256"], line.split(' ').next().expect("a digest"), "{path}");
    }
    let ran = verify(&shop, &["--sources"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");

    // Every byte of every file is covered: a changed one, a missing one, an added one.
    for (name, bytes) in all(&shop) {
        let path = dir.join(&name);
        for changed in [[&bytes[..], b" "].concat(), bytes[1..].to_vec(), flipped(&bytes)] {
            fs::write(&path, changed).expect("written");
            let ran = verify(&shop, &[]);
            assert!(ran.code == Some(1) || (ran.code == Some(2) && name == "SHA256SUMS"), "{name}: {ran:?}");
        }
        fs::remove_file(&path).expect("removed");
        let ran = verify(&shop, &[]);
        assert!(ran.code == Some(1) || (ran.code == Some(2) && name == "SHA256SUMS"), "{name}: {ran:?}");
        fs::write(&path, bytes).expect("written");
    }
    shop.file("case/more", "x");
    assert_eq!(verify(&shop, &[]).code, Some(1));
    fs::remove_file(dir.join("more")).expect("removed");
    assert_eq!(verify(&shop, &[]).code, Some(0));

    // Another digest in the list, and the file to match: only the manifest, or a signature, knows better.
    let sums = fs::read_to_string(dir.join("SHA256SUMS")).expect("text");
    let report = fs::read(dir.join("report.txt")).expect("a file");
    shop.file("case/report.txt", "nothing was found\n");
    let digest = text(&dir, &["sha256sum", "report.txt"]);
    let others: Vec<&str> = sums.lines().filter(|line| !line.ends_with("report.txt")).collect();
    shop.file("case/SHA256SUMS", format!("{digest}\n{}\n", others.join("\n")));
    let ran = verify(&shop, &[]);
    assert!(ran.code == Some(1) && ran.stdout.contains("differ about report.txt"), "{ran:?}");
    shop.file("case/SHA256SUMS", sums).file("case/report.txt", report);

    // A source that changed, and one that is gone.
    shop.file("src/key.pem", key_pem(2));
    fs::remove_file(shop.path().join("src/cert.pem")).expect("removed");
    let ran = verify(&shop, &["--sources"]);
    assert!(ran.code == Some(1) && ran.stdout.contains("source changed: src/key.pem"), "{ran:?}");
    assert!(ran.stdout.contains("source cannot be read: src/cert.pem"), "{ran:?}");
    shop.file("src/key.pem", key_pem(1));
    assert_eq!(verify(&shop, &["--sources"]).code, Some(3));
}

fn flipped(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bytes
}

/// A string of SSH.
fn field(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).expect("short").to_be_bytes(), bytes].concat()
}

/// What openssl signs with a new Ed25519 key `name.pem`, and the raw public key.
fn signed_by_openssl(dir: &Path, name: &str, message: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let key = format!("{name}.pem");
    if !dir.join(&key).exists() {
        tool(dir, &["openssl", "genpkey", "-algorithm", "ed25519", "-out", &key]);
    }
    fs::write(dir.join("message"), message).expect("written");
    let sign = ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", &key, "-in", "message"];
    let spki = tool(dir, &["openssl", "pkey", "-in", &key, "-pubout", "-outform", "DER"]);
    (tool(dir, &sign), spki[spki.len() - 32..].to_vec())
}

/// A signature as `ssh-keygen -Y sign` writes it (PROTOCOL.sshsig), and the line of the public key.
fn ssh_signature(dir: &Path, name: &str, namespace: &str, sums: &[u8]) -> (String, String) {
    fs::write(dir.join("sums"), sums).expect("written");
    let digest = tool(dir, &["openssl", "dgst", "-sha512", "-binary", "sums"]);
    let tail = [field(namespace.as_bytes()), field(b""), field(b"sha512")].concat();
    let message = [&b"SSHSIG"[..], &tail, &field(&digest)].concat();
    let (value, public) = signed_by_openssl(dir, name, &message);
    let blob = [field(b"ssh-ed25519"), field(&public)].concat();
    let signature = [field(b"ssh-ed25519"), field(&value)].concat();
    let whole = [&b"SSHSIG\0\0\0\x01"[..], &field(&blob), &tail, &field(&signature)].concat();
    let armor = format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", base64(&whole));
    (armor, format!("ssh-ed25519 {} x\n", base64(&blob)))
}

#[test]
fn signatures_of_ssh_are_verified() {
    let shop = hunted("evidence-ssh", &[]);
    let dir = shop.path();
    let sums = fs::read(dir.join("case/SHA256SUMS")).expect("a file");
    let (signature, line) = ssh_signature(dir, "alice", "keyradius-evidence", &sums);
    let (_, other) = ssh_signature(dir, "mallory", "keyradius-evidence", &sums);
    shop.file("alice.pub", line).file("mallory.pub", other);
    // Without a signature, a demanded signer is an error.
    assert_eq!(verify(&shop, &["--signer", "alice.pub"]).code, Some(1));
    shop.file("case/SHA256SUMS.sig", &signature);
    for (signer, code) in [(None, 0), (Some("alice.pub"), 0), (Some("mallory.pub"), 1)] {
        let args: Vec<&str> = signer.into_iter().flat_map(|signer| ["--signer", signer]).collect();
        let ran = verify(&shop, &args);
        assert_eq!(ran.code, Some(code), "{signer:?}: {ran:?}");
        assert!(ran.stdout.contains("SHA256:"), "{ran:?}");
    }
    // For another purpose, over other bytes, cut.
    let (mail, _) = ssh_signature(dir, "alice", "file", &sums);
    let (stale, _) = ssh_signature(dir, "alice", "keyradius-evidence", b"other sums");
    for wrong in [mail.as_str(), &stale, &signature[..signature.len() / 2], ""] {
        shop.file("case/SHA256SUMS.sig", wrong);
        assert_eq!(verify(&shop, &["--signer", "alice.pub"]).code, Some(1), "{wrong}");
    }
    if Command::new("ssh-keygen").arg("-?").output().is_err() {
        skipped("signatures of ssh-keygen, because it is not installed");
        return;
    }
    for kind in [
        &["ed25519"][..],
        &["rsa", "-b", "2048"],
        &["ecdsa", "-b", "256"],
        &["ecdsa", "-b", "384"],
        &["ecdsa", "-b", "521"],
    ] {
        let _ = fs::remove_file(dir.join("case/SHA256SUMS.sig"));
        let _ = fs::remove_file(dir.join("id"));
        tool(dir, &[&["ssh-keygen", "-q", "-N", "", "-f", "id", "-t"], kind].concat());
        tool(dir, &["ssh-keygen", "-q", "-Y", "sign", "-n", "keyradius-evidence", "-f", "id", "case/SHA256SUMS"]);
        let ran = verify(&shop, &["--signer", "id.pub"]);
        assert_eq!(ran.code, Some(0), "{kind:?}: {ran:?}");
        assert_eq!(verify(&shop, &["--signer", "alice.pub"]).code, Some(1), "{kind:?}");
        let print = text(dir, &["ssh-keygen", "-l", "-f", "id.pub"]);
        assert!(ran.stdout.contains(print.split(' ').nth(1).expect("a fingerprint")), "{ran:?}");
    }
}

#[test]
fn signatures_of_minisign_are_verified() {
    let shop = hunted("evidence-minisign", &[]);
    let dir = shop.path();
    fs::copy(dir.join("case/SHA256SUMS"), dir.join("sums")).expect("a copy");
    let digest = tool(dir, &["openssl", "dgst", "-blake2b512", "-binary", "sums"]);
    let sums = fs::read(dir.join("sums")).expect("a file");
    // minisign's own form and its legacy one, whose signature is over the file itself.
    for (kind, over) in [(b"ED", &digest), (b"Ed", &sums)] {
        let (value, public) = signed_by_openssl(dir, "alice", over);
        let comment = "timestamp:1 file:SHA256SUMS";
        let (whole, _) = signed_by_openssl(dir, "alice", &[&value[..], comment.as_bytes()].concat());
        let body = base64(&[&kind[..], b"ABCDEFGH", &value].concat());
        let file =
            |comment: &str| format!("untrusted comment: x\n{body}\ntrusted comment: {comment}\n{}\n", base64(&whole));
        let line = base64(&[&b"EdABCDEFGH"[..], &public].concat());
        shop.file("alice.pub", format!("untrusted comment: minisign public key 1\n{line}\n"));
        shop.file("case/SHA256SUMS.minisig", file(comment));
        let ran = verify(&shop, &["--signer", "alice.pub"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        // Without the key it cannot be checked.
        assert_eq!(verify(&shop, &[]).code, Some(3));
        shop.file("case/SHA256SUMS.minisig", file("timestamp:2 file:SHA256SUMS"));
        assert_eq!(verify(&shop, &["--signer", "alice.pub"]).code, Some(1));
    }
    if Command::new("minisign").arg("-v").output().is_err() {
        skipped("signatures of minisign itself, because it is not installed");
        return;
    }
    fs::remove_file(dir.join("case/SHA256SUMS.minisig")).expect("removed");
    tool(dir, &["minisign", "-G", "-W", "-f", "-p", "m.pub", "-s", "m.key"]);
    tool(dir, &["minisign", "-S", "-s", "m.key", "-m", "case/SHA256SUMS"]);
    assert_eq!(verify(&shop, &["--signer", "m.pub"]).code, Some(0));
    assert_eq!(verify(&shop, &["--signer", "alice.pub"]).code, Some(1));
}

#[test]
fn no_secret_reaches_the_evidence_and_names_can_be_left_out() {
    let plain = hunted("evidence-plain", &[]);
    let redacted = hunted("evidence-redacted", &["--redact"]);
    let contains = |shop: &Workshop, marker: &str| {
        let has = |bytes: &[u8]| bytes.windows(marker.len()).any(|window| window == marker.as_bytes());
        all(shop).into_iter().filter(|(_, bytes)| has(bytes)).map(|(name, _)| name).collect::<Vec<_>>()
    };
    let host = text(plain.path(), &["uname", "-n"]);
    for marker in ["Marker Of A Person", "Marker Author", "marker@example.org", &host] {
        assert!(!contains(&plain, marker).is_empty(), "{marker}: the test cannot fail");
        assert_eq!(contains(&redacted, marker), [""; 0], "{marker}");
    }
    assert_eq!(verify(&redacted, &["--sources"]).code, Some(0));
    // Lines of the body of the key, and the password that opens nothing here.
    for line in key_pem(1).lines().filter(|line| line.len() > 40).chain(["unguessable-7"]) {
        assert_eq!(contains(&plain, line), [""; 0]);
    }
}

#[test]
fn evidence_is_never_written_into_a_source_or_over_other_evidence() {
    let shop = hunted("evidence-place", &[]);
    let before = all(&shop);
    for (directory, why) in [
        ("case", "it is not empty"),
        ("src/new", "it is in src, which is searched"),
        ("src/../src/new", "it is in src, which is searched"),
        ("key.pem", "not a directory"),
        ("no/such/place", "no such file or directory"),
    ] {
        let ran = shop.run(&["hunt", "-t", "key.pem", "--evidence", directory, "src"]);
        assert!(ran.code == Some(2) && ran.stderr.contains(why), "{directory}: {ran:?}");
    }
    assert_eq!(all(&shop), before);
    assert!(!shop.path().join("src/new").exists());
    for args in [&["--evidence", "new", "--reproducible"][..], &["--case", "1"], &["--evidence", "new", "-o", "x"]] {
        let ran = shop.run(&[&["hunt", "-t", "key.pem"], args, &["src"]].concat());
        assert_eq!(ran.code, Some(2), "{args:?}: {ran:?}");
    }
    for directory in ["src", "missing", "key.pem"] {
        let ran = shop.run(&["evidence", "verify", directory]);
        assert!(ran.code == Some(2) && ran.stderr.contains("hint: "), "{directory}: {ran:?}");
    }
}

/// Name, content and all times of each file and directory below one.
fn state(directory: &Path) -> Vec<(String, [i64; 6], u64)> {
    let listed = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    let mut all: Vec<_> = listed.collect();
    all.sort();
    let mut states = Vec::new();
    for path in all {
        let meta = path.symlink_metadata().expect("metadata");
        // Listing a directory is a read that no flag hides.
        let read = if meta.is_dir() { [0, 0] } else { [meta.atime(), meta.atime_nsec()] };
        let times = [read[0], read[1], meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec()];
        states.push((path.display().to_string(), times, meta.size()));
        if meta.is_dir() {
            states.extend(state(&path));
        }
    }
    states
}

#[test]
fn a_hunt_leaves_no_trace_in_what_it_searches() {
    let shop = hunted("evidence-read-only", &[]);
    // Older than a day, so that a read would set the access time even with `relatime` (mount(8)).
    tool(shop.path(), &["find", "src", "-type", "f", "-exec", "touch", "-a", "-d", "2001-02-03", "{}", "+"]);
    let before = state(&shop.path().join("src"));
    let ran = shop.run(&["hunt", "-t", "key.pem", "--evidence", "other", "src"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(state(&shop.path().join("src")), before);
    if Command::new("strace").arg("-V").output().is_err() {
        skipped("system calls of a hunt, because strace is not installed");
        return;
    }
    let mut traced = Command::new("strace");
    traced.args(["-f", "-e", "trace=file,ftruncate,fallocate,mmap,socket", "-o", "calls"]);
    let plain = shop.command(&["hunt", "-t", "key.pem", "--evidence", "third", "src"]);
    traced.arg(plain.get_program()).args(plain.get_args()).current_dir(shop.path()).env("KEYRADIUS_ALLOW_CORE", "1");
    let code = traced.output().expect("strace").status.code();
    let calls = fs::read_to_string(shop.path().join("calls")).unwrap_or_default();
    if code != Some(1) || !calls.contains("SHA256SUMS") {
        skipped("system calls of a hunt, because strace may not trace here");
        return;
    }
    assert!(calls.contains("\"src/cert.pem\", O_RDONLY"), "the test cannot fail: {calls}");
    let changes = [
        "O_WRONLY", "O_RDWR", "O_CREAT", "unlink", "rename", "mkdir", "chmod", "chown", "utime", "truncate", "socket(",
    ];
    for call in calls.lines().filter(|call| changes.iter().any(|change| call.contains(change))) {
        assert!(!call.contains("\"src"), "{call}");
    }
}
