//! `hunt` and `identify`, with keys made by the real tools, whose answers are the expectations.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::workshop::{Ran, Workshop, base64, key_der, key_pem};

/// What a tool prints; panics if it fails.
pub(crate) fn tool(dir: &Path, command: &[&str]) -> Vec<u8> {
    let [program, args @ ..] = command else { panic!("a command") };
    let ran = Command::new(program).args(args).current_dir(dir).output().unwrap_or_else(|e| panic!("{program}: {e}"));
    assert!(ran.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ran.stderr));
    ran.stdout
}

pub(crate) fn text(dir: &Path, command: &[&str]) -> String {
    String::from_utf8(tool(dir, command)).expect("text").trim().to_owned()
}

/// What ssh-keygen prints; `None` if it is not installed, which is said.
fn ssh_keygen(dir: &Path, args: &[&str]) -> Option<String> {
    if Command::new("ssh-keygen").arg("-?").output().is_err() {
        skipped("names of SSH, because ssh-keygen is not installed");
        return None;
    }
    Some(text(dir, &[&["ssh-keygen"], args].concat()))
}

pub(crate) fn skipped(what: &str) {
    let line = format!("SKIPPED: {what}\n");
    std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).expect("standard error");
}

/// An RSA key `key.pem`, its certificate and other copies below `src`, and files without it.
fn estate(name: &str) -> Workshop {
    let shop = Workshop::new(name);
    let dir = shop.path();
    std::fs::create_dir_all(dir.join("src")).expect("a directory");
    tool(dir, &["openssl", "genrsa", "-out", "key.pem", "2048"]);
    tool(dir, &["openssl", "req", "-x509", "-key", "key.pem", "-out", "cert.pem", "-subj", "/CN=Hunted", "-days", "9"]);
    tool(dir, &["openssl", "rsa", "-in", "key.pem", "-pubout", "-out", "pub.pem"]);
    shop.file("src/other.pem", key_pem(1));
    shop.file("src/notes.txt", "nothing here\n");
    shop
}

fn hunt(shop: &Workshop, target: &str) -> Value {
    let ran = shop.run(&["hunt", "--format", "json", "--reproducible", "-q", "-t", target, "src"]);
    assert!(ran.code == Some(1) || ran.code == Some(0), "{target}: {ran:?}");
    let faults = crate::schema::schema_faults(&shop.run(&["schema", "hunt"]).json(), &ran.json());
    assert!(faults.is_empty(), "{faults:#?}");
    ran.json()
}

/// Path and class of each match.
fn matches(answer: &Value) -> Vec<(String, String)> {
    let of = |found: &Value, field: &str| found[field].as_str().expect(field).to_owned();
    answer["matches"].as_array().expect("matches").iter().map(|m| (of(m, "path"), of(m, "class"))).collect()
}

#[test]
fn every_name_of_a_key_leads_to_its_copies() {
    let shop = estate("hunt-names");
    let dir = shop.path();
    std::fs::copy(dir.join("cert.pem"), dir.join("src/cert.pem")).expect("a copy");
    tool(dir, &["openssl", "rsa", "-in", "key.pem", "-outform", "DER", "-out", "src/old.der"]);
    let mut names_of_ssh = Vec::new();
    if let Some(line) = ssh_keygen(dir, &["-y", "-f", "key.pem"]) {
        shop.file("id.pub", &line);
        for kind in ["sha256", "md5"] {
            let print = ssh_keygen(dir, &["-l", "-E", kind, "-f", "id.pub"]).expect("a line");
            names_of_ssh.push(print.split(' ').nth(1).expect("a fingerprint").to_owned());
            names_of_ssh.push(print);
        }
        names_of_ssh.extend(["id.pub".to_owned(), line]);
    }
    let modulus = text(dir, &["openssl", "rsa", "-in", "key.pem", "-noout", "-modulus"]);
    shop.file("modulus", format!("{modulus}\n"));
    let digest = |kind: &str, file: &str| {
        let line = text(dir, &["openssl", "dgst", kind, "-r", file]);
        line.split(' ').next().expect("a digest").to_owned()
    };
    tool(dir, &["openssl", "rsa", "-in", "key.pem", "-pubout", "-outform", "DER", "-out", "spki.der"]);
    tool(dir, &["openssl", "x509", "-in", "cert.pem", "-outform", "DER", "-out", "cert.der"]);
    let pin = base64(&tool(dir, &["openssl", "dgst", "-sha256", "-binary", "spki.der"]));
    let key_id = text(dir, &["openssl", "x509", "-in", "cert.pem", "-noout", "-ext", "subjectKeyIdentifier"]);
    let key_id = key_id.lines().nth(1).expect("an identifier").trim().to_owned();
    // Names of the key find the private key and the certificate.
    let names = [
        "key.pem".to_owned(),
        "cert.pem".to_owned(),
        "pub.pem".to_owned(),
        modulus.clone(),
        format!("0x{}", modulus.strip_prefix("Modulus=").expect("hex").to_lowercase()),
        digest("-sha256", "modulus"),
        digest("-md5", "modulus"),
        digest("-sha256", "spki.der"),
        digest("-sha1", "spki.der"),
        format!("pin-sha256=\"{pin}\""),
        format!("sha256//{pin}"),
        key_id,
    ];
    for target in names.into_iter().chain(names_of_ssh) {
        let both = [("src/old.der", "exact_private"), ("src/cert.pem", "exact_public")];
        let mut found = matches(&hunt(&shop, &target));
        found.dedup();
        assert_eq!(found, both.map(|(path, class)| (path.to_owned(), class.to_owned())), "{target}");
    }
    // A digest of a certificate finds the certificate, and that leads to the key.
    for target in [
        digest("-sha1", "cert.der"),
        digest("-sha256", "cert.der"),
        text(dir, &["openssl", "x509", "-in", "cert.pem", "-noout", "-fingerprint", "-sha256"]),
        text(dir, &["openssl", "x509", "-in", "cert.pem", "-noout", "-fingerprint", "-sha1"]),
        "modulus".to_owned(),
    ] {
        let mut found = matches(&hunt(&shop, &target));
        found.dedup();
        let both = [("src/old.der", "exact_private"), ("src/cert.pem", "exact_public")];
        assert_eq!(found, both.map(|(path, class)| (path.to_owned(), class.to_owned())), "{target}");
    }
    for target in ["cn:hunted", &text(dir, &["openssl", "x509", "-in", "cert.pem", "-noout", "-serial"])] {
        let found = matches(&hunt(&shop, target));
        assert_eq!(found, [("src/cert.pem".to_owned(), "metadata".to_owned())], "{target}");
        let ran = shop.run(&["hunt", "-q", "-t", target, "src"]);
        assert_eq!(ran.code, Some(0), "a name alone: {ran:?}");
        let ran = shop.run(&["hunt", "-q", "--fail-on", "metadata", "-t", target, "src"]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
    }
}

#[test]
fn numbers_are_found_in_the_layouts_of_programs() {
    let shop = estate("hunt-numbers");
    let dir = shop.path();
    let asn1 = text(dir, &["openssl", "asn1parse", "-in", "key.pem", "-inform", "PEM", "-strparse", "22"]);
    let numbers: Vec<Vec<u8>> = asn1
        .lines()
        .filter_map(|line| line.rsplit_once("INTEGER").and_then(|(_, rest)| rest.split_once(':')))
        .map(|(_, digits)| unhex(digits.trim()))
        .collect();
    let [_, n, _, d, p, ..] = &numbers[..] else { panic!("{asn1}") };
    let noise: Vec<u8> = (0..70_001_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let around = |bytes: &[u8]| [&noise[..], bytes, &noise[..4099]].concat();
    let reversed = |number: &[u8], word: usize| -> Vec<u8> {
        number.chunks(word).flat_map(|word| word.iter().rev().copied()).collect()
    };
    let little: Vec<u8> = p.iter().rev().copied().collect();
    // CPython: 30 bits in each 32-bit word, the lowest first.
    let bits: Vec<bool> = d.iter().rev().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1)).collect();
    let word = |bits: &[bool]| bits.iter().rev().fold(0_u32, |word, bit| word << 1 | u32::from(*bit));
    let python: Vec<u8> = bits.chunks(30).flat_map(|bits| word(bits).to_le_bytes()).collect();
    shop.file("src/openssl.core", around(&little));
    shop.file("src/java.core", around(&reversed(p, 4)));
    shop.file(
        "src/mips.core",
        around(&{
            let mut words: Vec<&[u8]> = p.chunks(4).collect();
            words.reverse();
            words.concat()
        }),
    );
    shop.file("src/python.core", around(&python));
    shop.file("src/prime.bin", around(p));
    shop.file("src/cut.core", around(&little[20..76]));
    shop.file("src/log.txt", format!("got n={}\n", hex(n)));
    let found = matches(&hunt(&shop, "key.pem"));
    let partial = |name: &str| (format!("src/{name}"), "partial_private".to_owned());
    let cores = ["cut.core", "java.core", "mips.core", "openssl.core", "prime.bin", "python.core"].map(partial);
    assert_eq!(found[..6], cores);
    assert_eq!(found[6..], [("src/log.txt".to_owned(), "exact_public".to_owned())]);
    // Who has only the certificate finds only public numbers.
    assert_eq!(matches(&hunt(&shop, "cert.pem")), [("src/log.txt".to_owned(), "exact_public".to_owned())]);
    // Fragments of text too, in either alphabet of base64.
    let url = base64(p).replace('+', "-").replace('/', "_");
    shop.file("text/hex.txt", &hex(d)[91..150]);
    shop.file("text/url.txt", &url[40..100]);
    let ran = shop.run(&["hunt", "--format", "json", "-q", "-t", "key.pem", "text"]);
    let found = matches(&ran.json());
    assert_eq!(found, ["hex.txt", "url.txt"].map(|name| (format!("text/{name}"), "partial_private".to_owned())));
    // A private number that was given as a modulus is not repeated.
    let ran = shop.run(&["hunt", "--format", "json", "-t", &format!("Modulus={}", hex(p)), "src"]);
    assert!(
        ran.code == Some(1) && !ran.stdout.contains(&hex(p)[..40]) && !ran.stderr.contains(&hex(p)[..40]),
        "{ran:?}"
    );
    // No private number is in any output.
    let ran = shop.run(&["hunt", "--format", "json", "-t", "key.pem", "src"]);
    for number in [p, d] {
        for secret in [hex(number), hex(number).to_uppercase(), base64(number)] {
            let piece = &secret[secret.len() / 3..][..24];
            assert!(!ran.stdout.contains(piece) && !ran.stderr.contains(piece), "a private number");
        }
    }
}

#[test]
fn histories_and_archives_are_searched() {
    let shop = Workshop::new("hunt-history");
    let dir = shop.path();
    let repo = crate::git::repo::Repo::init(dir.join("src"), &[]);
    repo.file("deploy/key.pem", key_pem(7).as_bytes());
    repo.git(&["add", "."]);
    repo.git(&["commit", "-q", "-m", "One"]);
    repo.git(&["rm", "-q", "deploy/key.pem"]);
    repo.file("dump.bin", &[&[0xa5; 999][..], &key_der(7)[16..], &[0x5a; 999]].concat());
    repo.git(&["add", "."]);
    repo.git(&["commit", "-q", "-m", "Two"]);
    shop.file("leaked.pem", key_pem(7));
    tool(dir, &["tar", "czf", "src/backup.tgz", "leaked.pem"]);
    let answer = hunt(&shop, "leaked.pem");
    let found = matches(&answer);
    let has = |path: &str, class: &str| found.contains(&(path.to_owned(), class.to_owned()));
    assert!(has("src/backup.tgz", "exact_private") && has("src/dump.bin", "partial_private"), "{found:?}");
    let history: Vec<&Value> =
        answer["matches"].as_array().expect("matches").iter().filter(|found| !found["git"].is_null()).collect();
    let removed = history.iter().find(|found| found["class"] == "exact_private").expect("the commit");
    assert_eq!(removed["git"]["path"], "deploy/key.pem");
    assert!(removed["git"]["removed"]["commit"].is_string() && !removed["git"]["at_head"].as_bool().expect("a flag"));
}

#[test]
fn the_exit_code_says_whether_the_answer_is_certain() {
    let shop = estate("hunt-exit");
    let dir = shop.path();
    let run = |args: &[&str]| shop.run(&[&["hunt", "-t", "key.pem"][..], args].concat());
    let ran = run(&["src"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.is_empty() && ran.stderr.starts_with("none in 2 files ("), "{ran:?}");
    // A locked keystore may contain any key.
    tool(dir, &["openssl", "genrsa", "-out", "unrelated.pem", "1024"]);
    let locked =
        ["openssl", "pkcs8", "-topk8", "-in", "unrelated.pem", "-out", "src/locked.pem", "-passout", "pass:Xk2#kkq"];
    tool(dir, &locked);
    let ran = run(&["src"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.stderr.contains("1 locked, with a key that cannot be told"), "{ran:?}");
    // A name that it has decides nothing about what is in it.
    let ran = shop.run(&["hunt", "-t", "key.pem", "-t", "cn:locked.pem", "-t", "alias:x", "src"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.stdout.contains("src/locked.pem: locked"), "{ran:?}");
    // Where nothing is, nothing is certain.
    std::fs::create_dir(dir.join("void")).expect("a directory");
    let ran = run(&["void"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.stderr.contains("nothing was there to read"), "{ran:?}");
    // The operator may know the password, wherever the container lies; it is not repeated.
    tool(dir, &["openssl", "pkcs8", "-topk8", "-in", "key.pem", "-out", "src/own.pem", "-passout", "pass:Xk2#kkq"]);
    shop.file("passwords.txt", "one\r\ntwo\nXk2#kkq\n");
    let ran = run(&["--passwords", "passwords.txt", "--format", "json", "src"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(matches(&ran.json()), [("src/own.pem".to_owned(), "exact_private".to_owned())]);
    assert_eq!(ran.json()["coverage"]["locked"], 0);
    assert!(!ran.stdout.contains("kkq") && !ran.stderr.contains("kkq"), "the password is repeated");
    std::fs::remove_file(dir.join("src/own.pem")).expect("removed");
    let ran = run(&["--passwords", "passwords.txt", "src"]);
    assert_eq!(ran.code, Some(0), "opened, and another key: {ran:?}");
    // A cut archive was not read to its end.
    std::fs::remove_file(dir.join("src/locked.pem")).expect("removed");
    shop.file("src/a/notes.txt", "n".repeat(9000));
    tool(dir, &["tar", "czf", "src/cut.tgz", "src/a"]);
    let whole = std::fs::read(dir.join("src/cut.tgz")).expect("an archive");
    shop.file("src/cut.tgz", &whole[..whole.len() / 2]);
    let ran = run(&["src"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    std::fs::remove_file(dir.join("src/cut.tgz")).expect("removed");
    std::fs::copy(dir.join("cert.pem"), dir.join("src/c.pem")).expect("a copy");
    let ran = run(&["src"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.starts_with("1 copy in "), "{ran:?}");
}

#[test]
fn wrong_targets_are_refused_with_a_hint() {
    let shop = estate("hunt-refused");
    shop.file("empty.txt", "no key\n");
    shop.file("list.txt", "# nothing\n");
    let secret: String = "key ".to_owned() + &key_pem(9).lines().collect::<Vec<_>>().join("\\n");
    for (target, says) in [
        ("deadbeef", "is too short"),
        ("hello", "neither a file nor a name of a key"),
        ("empty.txt", "no key found in the target empty.txt"),
        ("@list.txt", "the list of targets is empty"),
        ("src", "the target src is a directory"),
        ("@missing.txt", "cannot read missing.txt"),
        (&secret, "is a private key, and other users can see it"),
    ] {
        let ran = shop.run(&["hunt", "-t", target, "src"]);
        assert_eq!(ran.code, Some(2), "{target}: {ran:?}");
        assert!(ran.stderr.contains(says) && ran.stderr.contains("hint: "), "{target}: {ran:?}");
        assert!(!ran.stderr.contains(&base64(&key_der(9))[..40]), "the key is repeated: {ran:?}");
    }
}

#[test]
fn many_targets_are_told_apart() {
    let shop = Workshop::new("hunt-many");
    let pem = |n: u8| key_pem(n);
    for n in 1..=3 {
        shop.file(&format!("t{n}.pem"), pem(n));
        shop.file(&format!("src/k{n}.der"), key_der(n));
    }
    shop.file("list.txt", "# three\nt1.pem\n\nt2.pem\nt3.pem\n");
    let answer = hunt(&shop, "@list.txt");
    let found: Vec<(u64, String)> = answer["matches"]
        .as_array()
        .expect("matches")
        .iter()
        .map(|found| (found["target"].as_u64().expect("an index"), found["path"].as_str().expect("a path").to_owned()))
        .collect();
    let each = |n: u64| (n, format!("src/k{}.der", n + 1));
    assert_eq!(found, [each(0), each(1), each(2)]);
    let one =
        |jobs: &str| shop.run(&["hunt", "--format", "json", "--reproducible", "-j", jobs, "-t", "@list.txt", "src"]);
    let (a, b): (Ran, Ran) = (one("1"), one("4"));
    assert_eq!(a.stdout, b.stdout);
}

#[test]
fn identify_says_what_the_tools_say() {
    let shop = estate("identify");
    let dir = shop.path();
    tool(
        dir,
        &["openssl", "pkcs12", "-export", "-inkey", "key.pem", "-in", "cert.pem", "-out", "k.p12", "-passout", "pass:"],
    );
    let ran = shop.run(&["identify", "--format", "json", "k.p12"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let answer = ran.json();
    let faults = crate::schema::schema_faults(&shop.run(&["schema", "identity"]).json(), &answer);
    assert!(faults.is_empty(), "{faults:#?}");
    let key = &answer["keys"][0];
    assert_eq!((&key["private"], answer["keys"].as_array().map(Vec::len)), (&Value::Bool(true), Some(1)));
    let name = |form: &str| {
        let all = key["names"].as_array().expect("names");
        all.iter().find(|name| name["form"] == form).expect(form)["text"].as_str().expect("text").to_owned()
    };
    let ssh = ssh_keygen(dir, &["-y", "-f", "key.pem"]);
    if let Some(line) = &ssh {
        shop.file("id.pub", line);
        for (form, kind) in [("ssh_sha256", "sha256"), ("ssh_md5", "md5")] {
            let print = ssh_keygen(dir, &["-l", "-E", kind, "-f", "id.pub"]).expect("a line");
            assert_eq!(name(form), print.split(' ').nth(1).expect("a fingerprint"));
        }
        assert_eq!(shop.run(&["identify", "--public", "ssh", "k.p12"]).stdout.trim(), line);
    }
    let colons = |text: String| text.split_once('=').expect("a value").1.replace(':', "").to_lowercase();
    for (form, kind) in [("certificate_sha1", "-sha1"), ("certificate_sha256", "-sha256")] {
        let line = text(dir, &["openssl", "x509", "-in", "cert.pem", "-noout", "-fingerprint", kind]);
        assert_eq!(name(form), colons(line));
    }
    let modulus = text(dir, &["openssl", "rsa", "-in", "key.pem", "-noout", "-modulus"]);
    assert_eq!(name("modulus"), colons(modulus));
    // GnuPG names the file of a key by its keygrip.
    if let Ok(version) = Command::new("gpgsm").arg("--version").output() {
        assert!(version.status.success());
        let home = dir.join("gnupg");
        std::fs::create_dir(&home).expect("a directory");
        let home = home.to_str().expect("a path");
        tool(dir, &["chmod", "700", home]);
        tool(dir, &["gpgsm", "--homedir", home, "--batch", "--import", "cert.pem"]);
        let list = text(dir, &["gpgsm", "--homedir", home, "--with-keygrip", "-k", "--with-colons"]);
        let grip = list.lines().find(|line| line.starts_with("grp:")).expect("a keygrip");
        assert_eq!(name("keygrip"), grip.trim_start_matches("grp:").trim_matches(':'));
    } else {
        skipped("the keygrip, because gpgsm is not installed");
    }
    // The public half, as the tools write it.
    let pem = text(dir, &["openssl", "rsa", "-in", "key.pem", "-pubout"]);
    assert_eq!(shop.run(&["identify", "--public", "pem", "k.p12"]).stdout.trim(), pem);
    let jwk = shop.run(&["identify", "--public", "jwk", "key.pem"]);
    shop.file("k.jwk", &jwk.stdout);
    let again = shop.run(&["identify", "--public", "pem", "k.jwk"]);
    assert_eq!(again.stdout.trim(), pem, "a JSON Web Key that is read back");
    // What is locked is named.
    tool(dir, &["openssl", "pkcs8", "-topk8", "-in", "key.pem", "-out", "locked.pem", "-passout", "pass:Xk2#kkq"]);
    let ran = shop.run(&["identify", "locked.pem"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("locked") && ran.stdout.contains("PBKDF2"), "{ran:?}");
    // A key in a pipe.
    let ran = shop.run(&["identify", "src/notes.txt"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"))
}

fn unhex(digits: &str) -> Vec<u8> {
    (0..digits.len() / 2).map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).expect("digits")).collect()
}
