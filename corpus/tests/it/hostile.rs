//! Bad input: no panic, no hang, bounded memory, a gap in the coverage, and no effect on other files.

#![allow(clippy::indexing_slicing, reason = "a test that indexes wrong fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use keyradius_core::budget::Limits;
use keyradius_core::engine::{Harvest, Progress};
use keyradius_core::error::Reason;
use keyradius_core::material::Kind;
use keyradius_core::source::fs::Tree;
use keyradius_core::source::stream::{AHEAD, CORE};
use keyradius_corpus::{cases_dir, pack};
use keyradius_git::Repositories;

/// A file of the corpus.
fn sample(family: &str, name: &str) -> Vec<u8> {
    let packed = fs::read(cases_dir().join(family).join("samples.pack")).expect("the pack");
    let files = pack::read(&packed).expect("the pack reads");
    files.into_iter().find(|f| f.name == name).expect("the file is in the pack").bytes
}

fn key() -> Vec<u8> {
    sample("pkcs8", "ec_P256.pem")
}

fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("a directory");
    path
}

fn walk(root: &Path, jobs: usize) -> Harvest {
    let tree = Tree { roots: vec![root.to_owned()], one_file_system: false, repositories: &Repositories::default() };
    keyradius_detectors::engine().scan(&[&tree], jobs, &Progress::default()).expect("the root is there")
}

fn keys(harvest: &Harvest) -> Vec<String> {
    let private = harvest.occurrences.iter().filter(|o| o.material.kind == Kind::PrivateKey);
    private.map(|o| format!("{}:{}@{}", o.origin, o.line, o.offset)).collect()
}

fn reasons(harvest: &Harvest) -> Vec<(String, Reason)> {
    let name = |path: &Path| path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    harvest.gaps.iter().map(|g| (name(&g.origin.path), g.reason)).collect()
}

#[cfg(unix)]
#[test]
fn odd_files_are_reported_and_others_are_still_read() {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

    let root = directory("hostile-tree");
    fs::write(root.join("key.pem"), key()).expect("written");
    fs::write(root.join(std::ffi::OsStr::from_bytes(b"\xff\xfe.pem")), key()).expect("written");
    fs::write(root.join("empty"), b"").expect("written");
    fs::create_dir_all(root.join(".hidden")).expect("made");
    fs::write(root.join(".hidden/.gitignore"), "*\n").expect("written");
    fs::write(root.join(".hidden/ignored.pem"), key()).expect("written");
    symlink(".", root.join("loop")).expect("linked");
    symlink("nowhere", root.join("dangling")).expect("linked");
    symlink("key.pem", root.join("link.pem")).expect("linked");
    let _socket = UnixListener::bind(root.join("socket")).expect("bound");
    let made = std::process::Command::new("mkfifo").arg(root.join("fifo")).status().expect("mkfifo runs");
    assert!(made.success());
    let locked = root.join("locked.pem");
    fs::write(&locked, key()).expect("written");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).expect("changed");
    // The superuser can read it anyway.
    let readable = fs::read(&locked).is_ok();

    let harvest = walk(&root, 2);
    let found = keys(&harvest);
    assert_eq!(found.len(), 3 + usize::from(readable), "{found:?}");
    assert!(found.iter().any(|f| f.contains("\\xff\\xfe.pem:1@0")), "{found:?}");
    let links = ("hostile-tree".to_owned(), Reason::LinksNotFollowed);
    let mut expected = vec![links, ("fifo".to_owned(), Reason::SpecialFile)];
    if !readable {
        expected.push(("locked.pem".to_owned(), Reason::Permission));
    }
    expected.push(("socket".to_owned(), Reason::SpecialFile));
    assert_eq!(reasons(&harvest), expected);
    fs::remove_dir_all(root).expect("removed");
}

#[cfg(target_os = "linux")]
#[test]
fn pseudo_file_systems_are_not_read() {
    let harvest = walk(Path::new("/proc/self"), 1);
    // It was a target, so reading nothing is reported.
    assert_eq!(reasons(&harvest), [("self".to_owned(), Reason::TargetUnread)]);
    assert_eq!(harvest.files, 0);
}

#[test]
fn a_missing_root_is_an_error() {
    let tree = Tree {
        roots: vec!["/nonexistent/keyradius".into()],
        one_file_system: false,
        repositories: &Repositories::default(),
    };
    let error = keyradius_detectors::engine().scan(&[&tree], 1, &Progress::default()).expect_err("no such root");
    assert!(error.to_string().starts_with("cannot scan /nonexistent/keyradius: "), "{error}");
}

#[test]
fn paths_that_overlap_are_read_once() {
    let root = directory("hostile-overlap");
    let inner = root.join("inner");
    fs::create_dir_all(&inner).expect("made");
    fs::write(inner.join("key.pem"), key()).expect("written");
    let roots = vec![inner.join("key.pem"), root.clone(), inner, root.join(".")];
    let tree = Tree { roots, one_file_system: false, repositories: &Repositories::default() };
    let harvest = keyradius_detectors::engine().scan(&[&tree], 2, &Progress::default()).expect("the roots are there");
    assert_eq!((keys(&harvest).len(), harvest.files), (1, 1));
    fs::remove_dir_all(root).expect("removed");
}

#[test]
fn a_sparse_file_is_read_in_windows() {
    use std::io::{Seek, SeekFrom, Write};
    let path = directory("hostile-sparse").join("disk.img");
    let mut file = fs::File::create(&path).expect("created");
    let at = 300 << 20;
    file.seek(SeekFrom::Start(at)).expect("seeks");
    file.write_all(&key()).expect("written");
    file.set_len(400 << 20).expect("grown");
    let harvest = walk(&path, 1);
    assert_eq!(keys(&harvest), [format!("{}:1@{at}", path.display())]);
    assert_eq!(harvest.bytes, 400 << 20);
    fs::remove_file(path).expect("removed");
}

#[test]
fn a_key_is_found_once_wherever_the_windows_fall() {
    let root = directory("hostile-seams");
    let (text, der) = (key(), sample("pkcs1", "rsa2048.der"));
    for key in [&text, &der] {
        for end in [CORE - 1, CORE, CORE + 1, CORE + key.len() / 2, CORE + key.len(), CORE + AHEAD, 2 * CORE] {
            let at = end - key.len();
            let mut bytes = vec![b'\n'; 3 * CORE];
            bytes[at..end].copy_from_slice(key);
            let path = root.join("large");
            fs::write(&path, &bytes).expect("written");
            assert_eq!(keys(&walk(&path, 1)), [format!("{}:{}@{at}", path.display(), at + 1)]);
        }
    }
    fs::remove_dir_all(root).expect("removed");
}

#[test]
fn the_number_of_jobs_changes_nothing() {
    let root = directory("hostile-jobs");
    for (number, family) in ["pkcs8", "openssh", "pkcs12", "jks", "base64", "openpgp"].iter().enumerate() {
        let packed = fs::read(cases_dir().join(family).join("samples.pack")).expect("the pack");
        let folder = root.join(number.to_string());
        fs::create_dir_all(&folder).expect("made");
        for file in pack::read(&packed).expect("the pack reads") {
            fs::write(folder.join(file.name.replace('/', "_")), file.bytes).expect("written");
        }
    }
    let plain = |jobs| {
        let harvest = walk(&root, jobs);
        harvest.occurrences.iter().map(|o| format!("{o:?}")).collect::<Vec<_>>()
    };
    let one = plain(1);
    assert!(one.len() > 500);
    for jobs in [2, 7] {
        assert!(plain(jobs) == one, "{jobs} jobs");
    }
    fs::remove_dir_all(root).expect("removed");
}

/// Bytes made to keep a scanner busy, and the reason for the time limit.
#[test]
fn bytes_made_to_be_slow_are_scanned_in_time() {
    let header = "-----BEGIN RSA PRIVATE KEY-----";
    let mebibyte = |unit: &[u8]| unit.repeat((1 << 20) / unit.len());
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("headers", mebibyte(header.as_bytes())),
        ("headers and lines", mebibyte(format!("{header}\n").as_bytes())),
        ("one header, endless body", [header.as_bytes(), &mebibyte(b"\nAAAA")].concat()),
        ("header, then headers of mail", [header.as_bytes(), &mebibyte(b"\nA: b")].concat()),
        ("two integers", mebibyte(&[0x30, 0x82, 0x01, 0x00, 0x02, 0x01, 0x00, 0x02])),
        ("sequences", mebibyte(&[0x30, 0x80])),
        ("sequences of PKCS#12", [&[0x30, 0x80, 2, 1, 3][..], &mebibyte(&[0x30, 0x80])].concat()),
        ("object identifiers", mebibyte(&[0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1])),
        ("anchors in base64", mebibyte(b"KoZIhvcNAQ ")),
        ("short lines of base64", mebibyte(b"MIIEpAIBAAKCAQEAMIIEpAIBAAKCAQEA\n")),
        ("base64 of base64", mebibyte(b"LS0tLS1CRUdJTiBQUklWQVRF")),
        (
            "base64 of base64 of base64",
            (0..12).fold(b"MIIEpAIBAAKCAQEA".repeat(2000), |text, _| base64(&text).into_bytes()),
        ),
        ("gzip in base64", mebibyte(b"H4sIAAAAAAAA")),
        ("gzip in base64, cut short", mebibyte(&[&b"H4sIAAAAAAAA".repeat(4)[..], b" "].concat())),
        ("ZIP in base64", mebibyte(b"UEsDBBQAAAAIAAAA")),
        ("UTF-16 with a mark", [&[0xff, 0xfe][..], &mebibyte(b"-\0")].concat()),
        ("marks", mebibyte(&[0xff, 0xfe])),
        ("a file of hexadecimal zeros", mebibyte(b"00")),
        ("a file of digits", mebibyte(b"A")),
        ("JKS", mebibyte(&[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff])),
        ("UTF-16", mebibyte(b"B\0E\0G\0I\0N\0 \0")),
        ("escapes", [header.as_bytes(), &mebibyte(b"\\")].concat()),
        ("PuTTY", mebibyte(b"PuTTY-User-Key-File-3: ssh-rsa\n")),
        ("base64 of base64, cut short", mebibyte(b"TUlJRXBBSUJBQUtDQVFFQQ ")),
        ("literals of base64", mebibyte(b"\"MIIEpAIBAAKCAQEAMIIEpAIB\" + ")),
        ("literals of base64, cut short", mebibyte(b"\"MIIEpAIBAAKCAQEA\" + ")),
        ("hexadecimal versions", mebibyte(b"3003020100")),
        ("hexadecimal versions, cut short", mebibyte(b"3003020100x")),
        ("spaced versions", mebibyte(b"30 03 02 01 00 x")),
        ("lines of a dump that do not go on", mebibyte(b"00000000  30 03 02 01 00\n")),
        ("lines of dumps of eight bytes", mebibyte(b"00000000  02 01 00 30\n00000004  02 01 00 30\nx\n")),
        ("arrays, cut short", mebibyte(b"a 0x30, 0x03, 0x02, 0x01, 0x00, ")),
        ("small arrays", mebibyte(b"{0x30,0x03,0x02,0x01,0x00},")),
        ("decimal arrays, cut short", mebibyte(b"48, 3, 2, 1, 0, a")),
        ("comments that do not end", mebibyte(b"/*48, 3, 2, 1, 0, ")),
        ("blanks between numbers", mebibyte(b"48, 3, 2, 1, 0,                                  a")),
        ("quotes before escapes", mebibyte(b"\"\\x30\\x03\\x02\\x01\\x00")),
        ("escapes without quotes", mebibyte(b"\\x30\\x03\\x02\\x01\\x00")),
        ("percent-encoded headers", mebibyte(b"-----BEGIN%20-----%0A ")),
        ("dashes of UTF-16", mebibyte("\u{2d2d}\u{2d2d}".as_bytes())),
        ("headers in UTF-16", mebibyte("\u{2d2d}\u{2d2d}\u{422d}\u{4745}\u{4e49}\u{5020}".as_bytes())),
        ("percent-encoded headers in one word", mebibyte(b"-----BEGIN%20-----%0A")),
        ("records of Intel HEX", mebibyte(b":00000001FF\n")),
        ("registry", [b"REGEDIT4\n", &mebibyte(b"\"a\"=hex:00,\\\n")[..]].concat()),
        ("names of grep", mebibyte(b"1:-----BEGIN X KEY-----\n")),
        ("tags", [header.as_bytes(), &mebibyte(b"<br><")].concat()),
        ("code between literals", [header.as_bytes(), &mebibyte(b"\" + \"")].concat()),
        ("minisign", mebibyte(b"untrusted comment: \\\\\\\\")),
        ("minisign in base64", mebibyte(b"dW50cnVzdGVkIGNvbW1lbnQ6")),
        ("quoted-printable", mebibyte(b"quoted-printable=3D ")),
        ("Tendermint", mebibyte(b"tendermint/PrivKeyEd25519 ")),
        ("backslashes in a JWK", [&br#"{"kty":"OKP","crv":"Ed25519","d":""#[..], &mebibyte(b"\\"), br#""}"#].concat()),
        ("TUF", mebibyte(b"{\"keyval\": {\"keyids\": [")),
        ("gpg-agent", mebibyte(b"Key: (private-key")),
        ("gpg-agent in hex", mebibyte(b"Key: (protected-private-key (ecc #00")),
        ("DNSSEC", mebibyte(b"Private-key-format: v1.3\\\\\\\\")),
        ("TSIG", mebibyte(b"key a { algorithm hmac-")),
        ("WireGuard", mebibyte(b"[Interface]PrivateKey")),
    ];
    for (name, bytes) in cases {
        let limits = Limits { max_time: Duration::from_secs(5), ..Limits::default() };
        let (done, ended) = mpsc::channel();
        std::thread::spawn(move || drop(done.send(keyradius_detectors::engine().limited(limits).bytes(name, &bytes))));
        // A guard against code that ignores its limit, not a measurement.
        let harvest = ended.recv_timeout(Duration::from_mins(10)).unwrap_or_else(|_| panic!("{name} does not end"));
        assert!(keys(&harvest).is_empty(), "{name}: {:?}", keys(&harvest));
        assert!(harvest.gaps.iter().all(|g| g.reason != Reason::DetectorFault), "{name}: {:?}", harvest.gaps);
    }
}

#[test]
fn exceeded_limits_are_reported() {
    let pem = key();
    let mut nested = pem.clone();
    for _ in 0..8 {
        nested = base64(&nested).into_bytes();
    }
    let shallow = Limits { max_depth: 1, ..Limits::default() };
    let twice = base64(base64(&pem).as_bytes());
    let harvest = keyradius_detectors::engine().limited(shallow).bytes("twice", twice.as_bytes());
    assert_eq!((keys(&harvest).len(), harvest.gaps[0].reason), (0, Reason::TooDeep));

    let narrow = Limits { max_expanded: 16, ..Limits::default() };
    let harvest = keyradius_detectors::engine().limited(narrow).bytes("once", base64(&pem).as_bytes());
    assert_eq!((keys(&harvest).len(), harvest.gaps[0].reason), (0, Reason::TooMuchOutput));

    let few = Limits { max_materials: 2, ..Limits::default() };
    let harvest = keyradius_detectors::engine().limited(few).bytes("many", &pem.repeat(5));
    assert_eq!((keys(&harvest).len(), harvest.gaps[0].reason), (2, Reason::TooMany));
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().chain(&[0, 0]).take(3).fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
        for digit in 0..4 {
            let value = DIGITS[(word >> (18 - 6 * digit)) as usize & 63];
            out.push(if digit <= chunk.len() { char::from(value) } else { '=' });
        }
    }
    out
}

/// Every sample, truncated at every length and with every kind of byte changed: no panic, no hang.
#[test]
fn damaged_samples_neither_panic_nor_hang() {
    for family in [
        "pkcs1",
        "pkcs8",
        "sec1",
        "dsa",
        "encrypted_pkcs8",
        "openssh",
        "openpgp",
        "pkcs12",
        "jks",
        "x509",
        "hex",
        "hexdump",
        "array",
        "escape",
        "percent",
        "registry",
        "ihex",
    ] {
        let packed = fs::read(cases_dir().join(family).join("samples.pack")).expect("the pack");
        let files = pack::read(&packed).expect("the pack reads");
        for file in files.iter().filter(|f| f.bytes.len() < 8192).step_by(9) {
            let step = (file.bytes.len() / 40).max(1);
            for at in (0..file.bytes.len()).step_by(step) {
                let mut damaged = file.bytes.clone();
                damaged[at] = damaged[at].wrapping_add(0x81);
                for bytes in [&file.bytes[..at], &damaged] {
                    let harvest = keyradius_detectors::engine().bytes(&file.name, bytes);
                    assert!(harvest.gaps.is_empty(), "{family}/{} at {at}: {:?}", file.name, harvest.gaps);
                }
            }
        }
    }
}
