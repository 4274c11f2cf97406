//! A core dump taken at the end of a run contains no secret number of the keys found: not in heap, stack or anonymous
//! maps.
//!
//! Keys of many kinds are planted in many carriers, the binary runs under gdb until it is about to exit, and gdb writes
//! a core. The core is searched for the numbers in every form in which they were processed: big and little endian, PEM
//! text, base64, hexadecimal, UTF-16. Where gdb is missing or may not trace, the test reports this and passes.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::workshop::{Workshop, base64, key_der};

/// Texts that must not be in the core, each with the name of its key.
#[derive(Default)]
struct Needles(BTreeMap<Vec<u8>, String>);

impl Needles {
    /// Adds the bytes of a key, in all forms in which they may be written.
    fn number(&mut self, name: &str, bytes: &[u8]) {
        let reversed: Vec<u8> = bytes.iter().rev().copied().collect();
        for (form, bytes) in [("big endian", bytes), ("little endian", &reversed)] {
            // Three pieces: a part of a number is as bad as the whole.
            for at in [0, bytes.len() / 2 - 8, bytes.len() - 16] {
                self.raw(&format!("{name}, {form}"), &bytes[at..at + 16]);
            }
        }
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.text(&format!("{name}, hexadecimal"), &hex[8..40]);
    }

    /// Adds a text, also as UTF-16.
    fn text(&mut self, name: &str, text: &str) {
        self.raw(name, text.as_bytes());
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        self.raw(&format!("{name}, UTF-16"), &wide);
    }

    /// Adds the lines of an armor without a public half.
    fn armor(&mut self, name: &str, pem: &str, lines: impl Iterator<Item = usize>) {
        let body: Vec<&str> = pem.lines().filter(|line| !line.starts_with('-')).collect();
        for line in lines {
            self.text(&format!("{name}, line {line} of its armor"), &body[line][..32.min(body[line].len())]);
        }
    }

    fn raw(&mut self, name: &str, bytes: &[u8]) {
        self.0.entry(bytes.to_vec()).or_insert_with(|| name.to_owned());
    }

    /// The names of texts in a memory image, with their number and places.
    fn found_in(&self, image: &[u8]) -> Vec<String> {
        // Indexed by the first eight bytes: one pass for all texts.
        let mut heads: BTreeMap<u64, Vec<&[u8]>> = BTreeMap::new();
        let mut seen = vec![false; 1 << 16];
        for needle in self.0.keys() {
            let head: [u8; 8] = needle[..8].try_into().expect("eight bytes");
            heads.entry(u64::from_le_bytes(head)).or_default().push(needle);
            seen[usize::from(u16::from_le_bytes([head[0], head[1]]))] = true;
        }
        let mut found: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for at in 0..image.len().saturating_sub(8) {
            if !seen[usize::from(u16::from_le_bytes([image[at], image[at + 1]]))] {
                continue;
            }
            let head = u64::from_le_bytes(image[at..at + 8].try_into().expect("eight bytes"));
            for needle in heads.get(&head).into_iter().flatten().filter(|needle| image[at..].starts_with(needle)) {
                found.entry(&self.0[*needle]).or_insert((at, 0)).1 += 1;
            }
        }
        found.iter().map(|(name, (at, count))| format!("{name}: {count} times, first at {at:#x}")).collect()
    }
}

fn tool(program: &str, args: &[&str], directory: &Path) -> Option<Vec<u8>> {
    let ran = Command::new(program).args(args).current_dir(directory).stdin(Stdio::null()).output().ok()?;
    ran.status.success().then_some(ran.stdout)
}

/// The INTEGERs of a PKCS#1 key.
fn integers(der: &[u8]) -> Vec<&[u8]> {
    let header = |bytes: &[u8]| match bytes[1] {
        0x82 => (4, usize::from(bytes[2]) << 8 | usize::from(bytes[3])),
        0x81 => (3, usize::from(bytes[2])),
        length => (2, usize::from(length)),
    };
    let mut rest = &der[header(der).0..];
    let mut all = Vec::new();
    while !rest.is_empty() {
        let (start, length) = header(rest);
        let number = &rest[start..start + length];
        all.push(number.strip_prefix(&[0]).unwrap_or(number));
        rest = &rest[start + length..];
    }
    all
}

/// An Ed25519 key for this part of the test only, in DER; adds its seed to the needles.
fn seed(needles: &mut Needles, name: &str, number: u8) -> (Vec<u8>, String) {
    let der = key_der(number);
    needles.number(name, &der[16..]);
    let body = base64(&der);
    // If the DER starts on a multiple of three bytes, this is the base64 of its seed.
    needles.text(&format!("{name}, base64"), &body[24..56]);
    let label = "PRIVATE KEY";
    (der, format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n"))
}

/// Plants the keys. Returns the texts that must not be in the core.
fn plant(shop: &Workshop) -> Needles {
    let mut needles = Needles::default();
    let root = shop.path();
    std::fs::create_dir_all(root.join("tree/members")).expect("a directory");
    let write = |name: &str, bytes: &[u8]| {
        shop.file(name, bytes);
    };
    // RSA: a PEM of PKCS#8, and DER of PKCS#1.
    for (name, file) in [("RSA in PEM", "tree/rsa.pem"), ("RSA in PKCS#12", "tree/p12/k.pem")] {
        std::fs::create_dir_all(root.join("tree/p12")).expect("a directory");
        let made = tool("openssl", &["genpkey", "-quiet", "-algorithm", "RSA", "-out", file], root);
        let der = made.and_then(|_| tool("openssl", &["rsa", "-in", file, "-outform", "DER", "-traditional"], root));
        let Some(der) = der else { panic!("openssl makes no RSA key") };
        for (number, value) in integers(&der).iter().enumerate().skip(3) {
            needles.number(&format!("{name}, number {number}"), value);
        }
        let pem = std::fs::read_to_string(root.join(file)).expect("a key");
        needles.armor(name, &pem, 8..24);
    }
    // The PKCS#12 is stored next to its password, and the key itself is removed.
    let password = "Pfl4umen-kuchen-77";
    let request = ["req", "-x509", "-new", "-key", "tree/p12/k.pem", "-subj", "/CN=x", "-out", "c.pem"];
    let export =
        ["pkcs12", "-export", "-inkey", "tree/p12/k.pem", "-in", "c.pem", "-out", "tree/p12/k.p12", "-passout"];
    let pass = format!("pass:{password}");
    let export = [&export[..], &[pass.as_str()]].concat();
    let made = tool("openssl", &request, root).and_then(|_| tool("openssl", &export, root));
    assert!(made.is_some(), "openssl makes no PKCS#12");
    std::fs::remove_file(root.join("tree/p12/k.pem")).expect("removed");
    write("tree/p12/key.properties", format!("storeFile=k.p12\nstorePassword={password}\n").as_bytes());
    needles.text("the password of the PKCS#12", password);
    // OpenSSH: the seed precedes the second public half.
    if tool("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", "x", "-f", "tree/id"], root).is_some() {
        let pem = std::fs::read_to_string(root.join("tree/id")).expect("a key");
        needles.armor("OpenSSH", &pem, 3..4);
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        std::fs::write(root.join("b64"), body).expect("a file");
        let bytes = tool("openssl", &["base64", "-d", "-A", "-in", "b64"], root).expect("base64");
        std::fs::remove_file(root.join("b64")).expect("removed");
        // Magic, names, counts, the public key, two numbers, the name, the public half, a length (PROTOCOL.key).
        needles.number("OpenSSH", &bytes[161..193]);
    }
    // EC.
    if tool("openssl", &["ecparam", "-genkey", "-noout", "-name", "secp384r1", "-out", "tree/ec.pem"], root).is_some() {
        let der = tool("openssl", &["ec", "-in", "tree/ec.pem", "-outform", "DER"], root).expect("DER");
        needles.number("EC", &der[8..56]);
        needles.armor("EC", &std::fs::read_to_string(root.join("tree/ec.pem")).expect("a key"), 0..1);
    }
    // Carriers of text.
    let (der, _) = seed(&mut needles, "DER", 101);
    write("tree/key.der", &der);
    let (_, pem) = seed(&mut needles, "base64 in YAML", 102);
    let inner = base64(pem.as_bytes());
    needles.text("base64 in YAML, outer", &inner[40..72]);
    write("tree/secret.yaml", format!("data:\n  tls.key: {inner}\n").as_bytes());
    let (der, _) = seed(&mut needles, "hexadecimal", 103);
    let hex: String = der.iter().map(|byte| format!("{byte:02x}")).collect();
    write("tree/hex.txt", hex.as_bytes());
    let (_, pem) = seed(&mut needles, "UTF-16", 104);
    let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain(pem.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    write("tree/wide.txt", &wide);
    // Archives, with filler so that their windows and dictionaries are used.
    let filler: String = (0..4000).map(|n| format!("line {n} of something that is no key\n")).collect();
    let archives: [(&str, &[&str]); 5] = [
        ("k.tar.gz", &["tar", "-czf", "tree/k.tar.gz", "members/k.tar.gz"]),
        ("k.tar.xz", &["tar", "-cJf", "tree/k.tar.xz", "members/k.tar.xz"]),
        ("k.tar.zst", &["tar", "--zstd", "-cf", "tree/k.tar.zst", "members/k.tar.zst"]),
        ("k.tar.bz2", &["tar", "-cjf", "tree/k.tar.bz2", "members/k.tar.bz2"]),
        ("k.zip", &["zip", "-q", "tree/k.zip", "members/k.zip"]),
    ];
    for (number, (name, command)) in archives.iter().enumerate() {
        let (_, pem) = seed(&mut needles, name, 110 + number as u8);
        write(&format!("members/{name}"), [filler.as_bytes(), pem.as_bytes(), filler.as_bytes()].concat().as_slice());
        if tool(command[0], &command[1..], root).is_none() {
            super::skipped(format!("{} is missing or failed", command[0]));
        }
    }
    std::fs::remove_dir_all(root.join("members")).expect("removed");
    // A history: one key in a blob, one in a delta against it, one in a loose object.
    let git = |args: &[&str]| {
        tool("git", &[&["-C", "tree/repo", "-c", "user.name=x", "-c", "user.email=x@x"], args].concat(), root)
    };
    tool("git", &["init", "-q", "tree/repo"], root).expect("a repository");
    for (number, name) in ["git blob", "git delta", "git loose"].iter().enumerate() {
        let (_, pem) = seed(&mut needles, name, 120 + number as u8);
        write("tree/repo/f.txt", [filler.as_bytes(), pem.as_bytes(), filler.as_bytes()].concat().as_slice());
        git(&["add", "f.txt"]).expect("added");
        git(&["commit", "-q", "-m", name]).expect("committed");
        if number == 1 {
            git(&["gc", "-q"]).expect("packed");
        }
    }
    std::fs::remove_file(root.join("tree/repo/f.txt")).expect("removed");
    needles
}

/// Runs the binary under gdb until it is about to exit, and returns its memory; `None` where that is impossible. The
/// output has to contain `proof`, so that a run that ends early does not pass.
fn core_of(shop: &Workshop, args: &str, proof: &str) -> Option<Vec<u8>> {
    let mut command = Command::new("gdb");
    command.args(["-batch", "-nx"]);
    let args = format!("set args {args} > out 2>&1");
    let settings = ["set debuginfod enabled off", "set startup-with-shell on", "set dump-excluded-mappings on", &args];
    for line in settings.into_iter().chain(["catch syscall exit_group", "run", "gcore core", "kill"]) {
        command.args(["-ex", line]);
    }
    command.arg(env!("CARGO_BIN_EXE_keyradius"));
    // Without this variable, only root may trace the process: see `docs/limits.md`.
    command.env("KEYRADIUS_ALLOW_CORE", "1");
    let ran = command.current_dir(shop.path()).stdin(Stdio::null()).output();
    let said = match &ran {
        Ok(ran) => format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr)),
        Err(error) => error.to_string(),
    };
    let image = std::fs::read(shop.path().join("core")).ok();
    let Some(image) = image else {
        super::skipped(format!("no core can be taken here (gdb missing, or ptrace denied): {said}"));
        return None;
    };
    let out = std::fs::read_to_string(shop.path().join("out")).expect("what it wrote");
    assert!(out.contains(proof), "it did not run to its end: {out}\n{said}");
    assert!(image.len() > 1 << 20, "{} bytes are no core: {said}", image.len());
    Some(image)
}

#[test]
fn a_core_at_the_end_of_a_scan_holds_no_secret_number() {
    let shop = Workshop::new("memory_scan");
    let needles = plant(&shop);
    // All keys are found, so all of them were in memory.
    let ran = shop.run(&["scan", "--format", "json", "--fail-on", "none", "tree"]);
    let report = ran.json();
    let keys = report["findings"].as_array().expect("findings").len();
    assert!(keys >= 14, "{keys} keys: {ran:?}");
    for jobs in [1, 3] {
        let args = format!("scan --format json --jobs {jobs} tree");
        let Some(image) = core_of(&shop, &args, "tree/k.tar.zst") else { return };
        let found = needles.found_in(&image);
        assert!(found.is_empty(), "--jobs {jobs}, {} bytes of core:\n{}", image.len(), found.join("\n"));
    }
}

#[test]
fn a_core_at_the_end_of_a_scan_of_standard_input_holds_no_secret_number() {
    let shop = Workshop::new("memory_stdin");
    let mut needles = Needles::default();
    let (_, pem) = seed(&mut needles, "standard input", 140);
    // A small buffer keeps the last bytes of an input.
    shop.file("input", format!("{}{pem}", "x\n".repeat(35_000)));
    let Some(image) = core_of(&shop, "scan --format json - < input", "\"path\": \"-\"") else { return };
    assert_eq!(needles.found_in(&image), [""; 0]);
}

#[test]
fn a_core_at_the_end_of_a_hook_holds_no_secret_number() {
    let shop = Workshop::new("memory_hook");
    let mut needles = Needles::default();
    let (_, pem) = seed(&mut needles, "staged", 141);
    let root = shop.path();
    std::fs::remove_dir_all(root.join(".git")).expect("removed");
    tool("git", &["init", "-q"], root).expect("a repository");
    shop.file("staged.pem", format!("{}{pem}", "x\n".repeat(2000)));
    tool("git", &["add", "staged.pem"], root).expect("staged");
    assert_eq!(shop.run(&["hook", "pre-commit"]).code, Some(1));
    let Some(image) = core_of(&shop, "hook pre-commit", "staged.pem") else { return };
    assert_eq!(needles.found_in(&image), [""; 0]);
}

#[test]
fn the_search_finds_what_it_is_for() {
    let mut needles = Needles::default();
    let (der, pem) = seed(&mut needles, "planted", 142);
    let reversed: Vec<u8> = der.iter().rev().copied().collect();
    let wide: Vec<u8> = pem.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for image in [der, reversed, pem.into_bytes(), wide] {
        let image = [&b"some memory"[..], &image, b" and more of it"].concat();
        assert!(!needles.found_in(&image).is_empty());
    }
    assert!(needles.found_in(&[7; 4096]).is_empty());
}
