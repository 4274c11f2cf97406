//! Floods to exhaust the budget of password trials, so that a keystore stays locked next to its password: it is opened,
//! or the run is incomplete and reports why. Never exit status 0 with an untried password next to a keystore.
//!
//! The containers are made by openssl, ssh-keygen and keytool; decoys are copies with a damaged ciphertext.

use std::process::{Command, Stdio};

use crate::workshop::{Ran, Workshop};

/// The password of the real container: in no word list.
const WORD: &str = "Qu1tten-gelee/3";

/// Runs a tool in the workshop. Returns false, with a notice, if it is missing.
fn tool(shop: &Workshop, program: &str, args: &[&str]) -> bool {
    match Command::new(program).args(args).current_dir(shop.path()).stdin(Stdio::null()).output() {
        Ok(ran) if ran.status.success() => true,
        Ok(ran) => panic!("{program} {args:?}: {}", String::from_utf8_lossy(&ran.stderr)),
        Err(error) => {
            super::skipped(format!("{program}: {error}"));
            false
        }
    }
}

/// A kind of container: how `real/k.EXTENSION` is made, and which damage leaves it readable but never opens.
struct Kind {
    extension: &'static str,
    make: fn(&Workshop) -> bool,
    /// The place of the damage in the ciphertext, in percent of the file.
    at: usize,
    decoys: usize,
    /// Value of `--max-password-work`: only a part of what all decoys need.
    work: &'static str,
}

const KINDS: [Kind; 4] = [
    Kind { extension: "p12", make: pkcs12, at: 30, decoys: 300, work: "800ms" },
    Kind { extension: "p8", make: pkcs8, at: 60, decoys: 300, work: "1s" },
    Kind { extension: "jks", make: jks, at: 35, decoys: 300, work: "3ms" },
    Kind { extension: "ssh", make: openssh, at: 70, decoys: 60, work: "4s" },
];

fn key(shop: &Workshop) -> bool {
    std::fs::create_dir_all(shop.path().join("tree/real")).expect("a directory");
    tool(shop, "openssl", &["genpkey", "-quiet", "-algorithm", "RSA", "-out", "k.pem"])
}

fn pkcs12(shop: &Workshop) -> bool {
    let password = format!("pass:{WORD}");
    key(shop)
        && tool(shop, "openssl", &["req", "-x509", "-new", "-key", "k.pem", "-subj", "/CN=x", "-out", "c.pem"])
        && tool(
            shop,
            "openssl",
            &["pkcs12", "-export", "-inkey", "k.pem", "-in", "c.pem", "-out", "tree/real/k.p12", "-passout", &password],
        )
}

fn pkcs8(shop: &Workshop) -> bool {
    let password = format!("pass:{WORD}");
    let args = ["pkcs8", "-topk8", "-in", "k.pem", "-outform", "DER", "-out", "tree/real/k.p8", "-passout", &password];
    key(shop) && tool(shop, "openssl", &args)
}

fn jks(shop: &Workshop) -> bool {
    std::fs::create_dir_all(shop.path().join("tree/real")).expect("a directory");
    let args = [
        "-genkeypair",
        "-storetype",
        "JKS",
        "-keystore",
        "tree/real/k.jks",
        "-storepass",
        WORD,
        "-keypass",
        WORD,
        "-alias",
        "x",
        "-dname",
        "CN=x",
        "-keyalg",
        "RSA",
        "-keysize",
        "2048",
    ];
    tool(shop, "keytool", &args)
}

fn openssh(shop: &Workshop) -> bool {
    std::fs::create_dir_all(shop.path().join("tree/real")).expect("a directory");
    // One round of bcrypt_pbkdf, so that a trial is cheap.
    tool(
        shop,
        "ssh-keygen",
        &["-q", "-t", "rsa", "-b", "2048", "-a", "1", "-N", WORD, "-C", "x", "-f", "tree/real/k.ssh"],
    )
}

impl Kind {
    /// Makes the real container, and distinct damaged copies. `None` if the tool is missing.
    fn made(&self, shop: &Workshop, copies: usize) -> Option<Vec<Vec<u8>>> {
        if !(self.make)(shop) {
            return None;
        }
        let _ = std::fs::remove_file(shop.path().join("tree/real/k.ssh.pub"));
        for rest in ["k.pem", "c.pem"] {
            let _ = std::fs::remove_file(shop.path().join(rest));
        }
        let real = std::fs::read(shop.path().join(format!("tree/real/k.{}", self.extension))).expect("the real one");
        let at = real.len() * self.at / 100;
        let decoy = |number: usize| {
            let mut bytes = real.clone();
            // In a text container, letters are replaced by letters.
            let digits = bytes[at..].iter_mut().filter(|byte| self.extension != "ssh" || byte.is_ascii_alphanumeric());
            for (place, byte) in digits.take(8).enumerate() {
                let four = (number >> (4 * place)) as u8 & 15;
                *byte = if self.extension == "ssh" { b'a' + four } else { *byte ^ (four << 4 | 1) };
            }
            bytes
        };
        Some((1..=copies).map(decoy).collect())
    }
}

/// Lines of a settings file with the given number of wrong passwords.
fn passwords(count: usize) -> String {
    (0..count).map(|n| format!("app{n}.password=decoy-{n}-Wx\n")).collect()
}

fn scan(shop: &Workshop, work: &str, jobs: &str) -> Ran {
    let args = ["scan", "--format", "json", "--fail-on", "9.0", "--reproducible", "--max-password-work", work];
    shop.run(&[&args[..], &["--jobs", jobs, "tree"]].concat())
}

/// The state of the real key, and whether the run was reported as complete.
fn state(ran: &Ran, path: &str) -> (String, bool) {
    let report = ran.json();
    let findings = report["findings"].as_array().expect("findings");
    let places = findings.iter().flat_map(|finding| finding["occurrences"].as_array().expect("places"));
    let place = places.clone().find(|place| place["path"] == path).unwrap_or_else(|| panic!("{path}: {ran:?}"));
    let state = place["protection"]["state"].as_str().expect("a state").to_owned();
    (state, report["scan"]["complete"].as_bool().expect("whether it is complete"))
}

#[test]
fn decoys_do_not_keep_a_keystore_from_its_password() {
    for kind in KINDS {
        let shop = Workshop::new(&format!("opening_{}", kind.extension));
        let Some(decoys) = kind.made(&shop, kind.decoys) else { continue };
        for (number, decoy) in decoys.iter().enumerate() {
            shop.file(&format!("tree/a/{number:04}.{}", kind.extension), decoy);
        }
        shop.file("tree/a/app.properties", passwords(50));
        shop.file("tree/real/store.properties", format!("{}storePassword={WORD}\n", passwords(3)));
        let real = format!("tree/real/k.{}", kind.extension);
        let ran = scan(&shop, kind.work, "1");
        assert_eq!(state(&ran, &real), ("opened".to_owned(), false), "{}: {ran:?}", kind.extension);
        let containers = ran.json()["coverage"]["locked"]["containers"].as_u64();
        assert_eq!(containers, Some(kind.decoys as u64 + 1), "{}: decoys are containers of their own", kind.extension);
        let again = scan(&shop, kind.work, "4");
        assert_eq!((ran.code, ran.stdout), (again.code, again.stdout), "{}: --jobs", kind.extension);
    }
}

/// The layout of decoys, passwords and the real container, and whether it has to open.
type Layout = (&'static str, fn(&Workshop, &[Vec<u8>]), bool);

const LAYOUTS: [Layout; 5] = [
    ("decoys in an archive", in_archive, true),
    ("decoys between the passwords and the keystore", nearer, false),
    ("named from elsewhere", named, true),
    ("passwords in the same directory, the right one last", flood, true),
    ("many copies of one decoy", copies, true),
];

fn in_archive(shop: &Workshop, decoys: &[Vec<u8>]) {
    for (number, decoy) in decoys.iter().enumerate() {
        shop.file(&format!("a/{number:04}.p12"), decoy);
    }
    shop.file("a/app.properties", passwords(50));
    assert!(tool(shop, "tar", &["-czf", "tree/a.tar.gz", "a"]));
    shop.file("tree/real/store.properties", format!("storePassword={WORD}\n"));
}

fn nearer(shop: &Workshop, decoys: &[Vec<u8>]) {
    for (number, decoy) in decoys.iter().enumerate() {
        shop.file(&format!("tree/real/deep/{number:04}.p12"), decoy);
    }
    shop.file("tree/real/deep/app.properties", format!("a.password={WORD}\n{}", passwords(50)));
}

fn named(shop: &Workshop, decoys: &[Vec<u8>]) {
    for (number, decoy) in decoys.iter().enumerate() {
        shop.file(&format!("tree/a/{number:04}.p12"), decoy);
    }
    let line = format!("keytool -list -keystore ../real/k.p12 -storepass {WORD}\n");
    shop.file("tree/a/app.properties", passwords(50)).file("tree/a/sign.sh", line);
}

fn flood(shop: &Workshop, decoys: &[Vec<u8>]) {
    for (number, decoy) in decoys.iter().take(20).enumerate() {
        shop.file(&format!("tree/a/{number:04}.p12"), decoy);
    }
    for file in 0..10 {
        shop.file(&format!("tree/real/{file}.properties"), passwords(60 * (file + 1)));
    }
    shop.file("tree/real/z.properties", format!("storePassword={WORD}\n"));
}

fn copies(shop: &Workshop, decoys: &[Vec<u8>]) {
    for number in 0..300 {
        shop.file(&format!("tree/a/{number:04}/x.p12"), &decoys[0]);
        shop.file(&format!("tree/a/{number:04}/app.properties"), passwords(50));
    }
    shop.file("tree/real/store.properties", format!("storePassword={WORD}\n"));
}

#[test]
fn wherever_decoys_stand_the_keystore_opens_or_the_run_is_incomplete() {
    for (what, lay_out, opens) in LAYOUTS {
        let shop = Workshop::new("opening_layouts");
        let Some(decoys) = KINDS[0].made(&shop, 300) else { return };
        lay_out(&shop, &decoys);
        for work in ["3s", "200ms"] {
            let ran = scan(&shop, work, "2");
            let (state, complete) = state(&ran, "tree/real/k.p12");
            if opens && work == "3s" {
                assert_eq!(state, "opened", "{what}: {ran:?}");
            }
            assert!(state == "opened" || (!complete && ran.code == Some(3)), "{what}, {work}: {state} {:?}", ran.code);
        }
    }
}

#[test]
fn what_is_not_read_for_passwords_is_not_called_complete() {
    // One more password than the limit per file, and files too large to be read for passwords.
    let long = format!("{}\n", "# nothing\n".repeat(120_000));
    let cases = [
        ("app.properties", format!("{}store.password={WORD}\n", passwords(1200))),
        ("app.properties", format!("{long}store.password={WORD}\n")),
        ("passwords.txt", format!("{}{WORD}\n", "some other word\n".repeat(3000))),
    ];
    for (name, text) in cases {
        let shop = Workshop::new("opening_unread");
        if !(KINDS[0].make)(&shop) {
            return;
        }
        shop.file(&format!("tree/real/{name}"), &text);
        let ran = scan(&shop, "20s", "2");
        let (state, complete) = state(&ran, "tree/real/k.p12");
        assert!(state == "opened" || (!complete && ran.code == Some(3)), "{name}, {} bytes: {ran:?}", text.len());
        assert!(state == "opened" || ran.stdout.contains("near_passwords_not_tried"), "{name}: {ran:?}");
    }
}

/// A store that is completely encrypted shows no key before it is opened: passwords next to it are still read, from
/// files and from a history.
#[test]
fn a_store_that_shows_nothing_gets_the_password_beside_it() {
    let shop = Workshop::new("opening_opaque");
    let password = format!("pass:{WORD}");
    let export = ["pkcs12", "-export", "-nokeys", "-in", "c.pem", "-out", "tree/real/k.p12", "-passout", &password];
    if !key(&shop)
        || !tool(&shop, "openssl", &["req", "-x509", "-new", "-key", "k.pem", "-subj", "/CN=x", "-out", "c.pem"])
        || !tool(&shop, "openssl", &export)
    {
        return;
    }
    shop.file("tree/real/app.properties", format!("keystore.password={WORD}\n"));
    let opened = |what: &str| {
        let report = shop.run(&["scan", "--format", "json", "tree"]).json();
        assert_eq!(report["coverage"]["locked"]["opened"], 1, "{what}: {report}");
    };
    opened("a directory");
    let tree = shop.path().join("tree");
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        crate::git::repo::without_opinions(&mut command).args(["-c", "user.name=a", "-c", "user.email=a@b"]).args(args);
        assert!(command.current_dir(&tree).output().expect("git runs").status.success(), "{args:?}");
    };
    git(&["init", "-q", "."]);
    git(&["add", "."]);
    git(&["commit", "-qm", "both"]);
    git(&["rm", "-rqf", "real"]);
    git(&["commit", "-qm", "none"]);
    opened("a history");
}
