//! Names in scanned data are printed: on terminals, in logs of build servers, in reports on web pages. Whatever a name
//! contains, it must have no effect there.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use super::boxes::{ZipMember, tar, zip};
use crate::git::repo::without_opinions;
use crate::workshop::{Workshop, key_pem};

/// Names with an effect where names are shown. None contains a slash.
pub(super) const NAMES: &[&[u8]] = &[
    b"\x1b[31mred",
    b"\x1b]8;;http:x\x1b\\link\x1b]8;;\x1b\\",
    b"\x1b]52;c;aGk=\x07",
    b"\x1b[2J\x1b[H",
    b"\xc2\x9b2J",
    b"\xc2\x85next",
    b"\x7f\x08del",
    b"a\rb",
    b"a\nb",
    b"n\n::error::x",
    b"::error::boo",
    b"::add-mask::x",
    b"w ::error::z",
    b"::",
    b"##vso[task.setvariable variable=x]y",
    b"##[add-mask]x",
    b"###[group]x",
    b"##teamcity[buildStop]",
    b"section_start:1:x\r\x1b[0K",
    b"travis_fold:start:x\r",
    "\u{202e}gpj.".as_bytes(),
    "\u{2066}x\u{2069}".as_bytes(),
    "\u{200b}zero".as_bytes(),
    "\u{200d}\u{2060}\u{ad}\u{3164}".as_bytes(),
    "\u{2028}line\u{2029}".as_bytes(),
    "\u{feff}\u{e0041}".as_bytes(),
    "\u{61c}mark".as_bytes(),
    b"<script>x<",
    b"[x](javascript:y)",
    b"a,\"b\",'c'",
    b"=cmd|x",
    b"%0a::error",
    b"--- group",
    b"-rf",
    b"\xff\xfe\x80",
    b"\xed\xa0\x80",
    b"a\\x1bb",
    b"Key.PEM",
    b"key.pem",
    b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

fn name(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

/// Characters that no output may contain: the list of this test, independent of the code. Line feeds are checked
/// separately.
fn acts(c: char) -> bool {
    matches!(c, '\0'..='\u{9}' | '\u{b}'..='\u{1f}' | '\u{7f}'..='\u{9f}')
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{3164}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// Checks an output against the rule, after removing keyradius' own colours.
#[track_caller]
pub(super) fn obeys(what: &str, output: &[u8], painted: bool) {
    let text = std::str::from_utf8(output).unwrap_or_else(|error| panic!("{what}: {error}"));
    let text = if painted { without_paint(text) } else { text.to_owned() };
    for line in text.split('\n') {
        if let Some(c) = line.chars().find(|c| acts(*c)) {
            panic!("{what}: {c:?} in {line:?}");
        }
        let start = line.trim_start();
        assert!(!start.starts_with("::"), "{what}: a command to GitHub: {line:?}");
        for command in ["##[", "##vso[", "##teamcity["] {
            assert!(!line.contains(command), "{what}: a command to a build server: {line:?}");
        }
        for group in ["--- ", "+++ ", "~~~ ", "section_", "travis_"] {
            assert!(!line.starts_with(group), "{what}: a command to a build server: {line:?}");
        }
    }
}

/// Removes colours (SGR) and links to files.
fn without_paint(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((plain, after)) = rest.split_once('\u{1b}') {
        out.push_str(plain);
        rest = if let Some(sgr) = after.strip_prefix('[') {
            let end = sgr.find('m').expect("the end of a colour");
            assert!(sgr[..end].bytes().all(|byte| byte.is_ascii_digit() || byte == b';'), "{after:?}");
            &sgr[end + 1..]
        } else {
            let link = after.strip_prefix("]8;;").unwrap_or_else(|| panic!("{after:?}"));
            let (target, after) = link.split_once("\u{1b}\\").expect("the end of a link");
            assert!(target.is_empty() || target.starts_with("file:///"), "{target:?}");
            assert!(target.bytes().all(|byte| byte.is_ascii_graphic()), "{target:?}");
            after
        };
    }
    out + rest
}

/// Runs a tool; prints a notice if it is missing.
fn tool(shop: &Path, program: &str, args: &[&OsStr]) -> bool {
    let ran = Command::new(program).args(args).current_dir(shop).env("HOME", shop).output();
    match ran {
        Ok(output) if output.status.success() => true,
        Ok(output) => panic!("{program} {args:?}: {output:?}"),
        Err(error) => {
            super::skipped(format_args!("{program} cannot be run ({error}): what it would have made is not tried"));
            false
        }
    }
}

/// A tree in which everything that has a name has a hostile one. Returns the paths of the files as bytes.
fn tree(shop: &Workshop) -> BTreeSet<Vec<u8>> {
    let mut files = BTreeSet::new();
    let mut write = |path: &[u8], bytes: &[u8]| {
        let file = shop.path().join("tree").join(name(path));
        std::fs::create_dir_all(file.parent().expect("a parent")).expect("a directory");
        std::fs::write(file, bytes).expect("a file");
        files.insert(path.to_vec());
    };
    for (number, bytes) in (1..).zip(NAMES) {
        write(bytes, key_pem(number).as_bytes());
        write(&[b"folder/", *bytes, b"/", *bytes].concat(), key_pem(number).as_bytes());
        let marked = [b"# keyradius:allow reason=\"", *bytes, b"\"\n", key_pem(100 + number).as_bytes()].concat();
        write(format!("marked/{number}").as_bytes(), &marked);
        // A member that cannot be read: a gap with its name.
        let locked = ZipMember { flags: 0x801, ..ZipMember::new(bytes, &b"locked"[..]) };
        let plain = ZipMember::new(bytes, key_pem(number).into_bytes());
        write(format!("zips/{number}.zip").as_bytes(), &zip(&[locked, plain]));
        let short = &bytes[..bytes.len().min(100)];
        write(format!("tars/{number}.tar").as_bytes(), &tar(&[(short, key_pem(number).as_bytes())]));
        let uses = [b"signtool sign /f ", *bytes, b" /p ", *bytes, b"\nsigntool sign /f marked/1 # ", *bytes, b"\n"];
        write(format!("uses/{number}.bat").as_bytes(), &uses.concat());
    }
    for (number, bytes) in (1..).zip(NAMES) {
        write(format!("pgp/{number}.gpg").as_bytes(), &openpgp(bytes));
    }
    write("utf16.zip".as_bytes(), &zip(&[ZipMember::new(b"k\0e\0y\0.\0p\0e\0m\0", key_pem(1).into_bytes())]));
    files
}

/// An OpenPGP secret key with a user id: the published key of RFC 8032 7.1 (RFC 9580 5.5.3).
fn openpgp(user: &[u8]) -> Vec<u8> {
    let packet = |tag: u8, body: &[u8]| [&[0xc0 | tag, 0xff][..], &(body.len() as u32).to_be_bytes(), body].concat();
    let number = |hex: [&str; 2], bits: u16| [&bits.to_be_bytes()[..], &unhex(&hex.concat())].concat();
    let secret = number(["9d61b19deffd5a60ba844af492ec2cc4", "4449c5697b326919703bac031cae7f60"], 256);
    let public = number(["40d75a980182b10ab7d54bfed3c964073a", "0ee172f3daa62325af021a68f707511a"], 263);
    let curve = [22, 9, 0x2b, 6, 1, 4, 1, 0xda, 0x47, 0x0f, 1];
    let sum: u16 = secret.iter().map(|byte| u16::from(*byte)).sum();
    let body = [&[4, 0x65, 0x53, 0xf1, 0][..], &curve, &public, &[0], &secret, &sum.to_be_bytes()].concat();
    [packet(5, &body), packet(13, user)].concat()
}

fn unhex(hex: &str) -> Vec<u8> {
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("hex"), 16).expect("hex");
    hex.as_bytes().chunks(2).map(pair).collect()
}

/// A certificate, a keystore, an OpenSSH key and a history whose names are hostile.
fn named_by_tools(shop: &Workshop) {
    let tree = shop.path().join("tree");
    let words: Vec<&[u8]> = NAMES.iter().filter(|bytes| bytes.len() < 60).copied().collect();
    for (number, bytes) in words.iter().enumerate() {
        // A subject is UTF-8, and a slash or a NUL would end it.
        let Ok(text) = std::str::from_utf8(bytes) else { continue };
        let (key, cert) = (format!("tool{number}.key"), format!("tool{number}.crt"));
        let subject = format!("/CN={}/O=a b c d ::error::x", text.replace(['\\', '/', '+', '='], "."));
        let args = [
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-utf8",
            "-subj",
            &subject,
        ];
        let args: Vec<&OsStr> =
            args.into_iter().chain(["-days", "9", "-keyout", &key, "-out", &cert]).map(OsStr::new).collect();
        if number % 4 == 0 && tool(&tree, "openssl", &args) {
            let p12 = format!("tool{number}.p12");
            let args =
                ["pkcs12", "-export", "-inkey", &key, "-in", &cert, "-passout", "pass:", "-name", text, "-out", &p12];
            tool(&tree, "openssl", &args.map(OsStr::new));
        }
        if number % 4 == 1 {
            let file = format!("tool{number}.ssh");
            let args: Vec<&OsStr> =
                ["-q", "-t", "ed25519", "-N", "", "-f", &file, "-C"].into_iter().map(OsStr::new).collect();
            tool(&tree, "ssh-keygen", &[&args[..], &[OsStr::from_bytes(bytes)]].concat());
        }
    }
    history(&tree.join("history"), &words);
}

/// A repository whose authors, branches, tags and paths are hostile, with a key in each commit.
fn history(repo: &Path, words: &[&[u8]]) {
    std::fs::create_dir_all(repo).expect("a directory");
    let git = |args: &[&str], input: &[u8]| -> String {
        let mut command = Command::new("git");
        without_opinions(&mut command).args(args).current_dir(repo).env("HOME", repo);
        command.envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null")]);
        let output = crate::git::repo::fed(&mut command, input);
        assert!(output.status.success(), "{args:?} {output:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    git(&["init", "-q", "-b", "main"], b"");
    let mut refs = b"# pack-refs with: peeled fully-peeled sorted \n".to_vec();
    let mut lines = Vec::new();
    for (number, bytes) in (1..).zip(words) {
        let blob = git(&["hash-object", "-w", "--stdin"], key_pem(60 + number).as_bytes());
        let tree = git(&["mktree", "-z"], &[format!("100644 blob {blob}\t").as_bytes(), bytes, b"\0"].concat());
        // A line feed ends a header, and angle brackets an address.
        let author: Vec<u8> = bytes.iter().map(|byte| if b"\n<>".contains(byte) { b'.' } else { *byte }).collect();
        let date = 1_700_000_000 + u32::from(number);
        let who = [&author[..], format!(" <{number}@example.org> {date} +0000\n").as_bytes()].concat();
        let head = format!("tree {tree}\n");
        let text = [head.as_bytes(), b"author ", &who, b"committer ", &who, b"\n", bytes, b"\n"].concat();
        let commit = git(&["hash-object", "-w", "-t", "commit", "--stdin", "--literally"], &text);
        let named: Vec<u8> = bytes.iter().map(|byte| if *byte == b'\n' { b'.' } else { *byte }).collect();
        for space in [&b"refs/heads/"[..], b"refs/tags/"] {
            lines.push([format!("{commit} ").as_bytes(), space, &named, b"\n"].concat());
        }
    }
    lines.sort_by(|a, b| a[41..].cmp(&b[41..]));
    refs.extend(lines.concat());
    std::fs::write(repo.join(".git/packed-refs"), refs).expect("written");
}

fn scan(shop: &Workshop, args: &[&str]) -> Output {
    shop.command(&[&["scan"], args].concat()).output().expect("the binary runs")
}

#[test]
fn names_are_names_in_every_report() {
    let shop = Workshop::new("said");
    let files = tree(&shop);
    named_by_tools(&shop);
    for looks in [&[][..], &["-v", "--show-skipped", "--show-public"]] {
        for (color, link) in [("never", "never"), ("always", "auto")] {
            let ran = scan(&shop, &[&["--color", color, "--hyperlink", link, "tree"], looks].concat());
            assert_eq!(ran.status.code(), Some(1), "{}", String::from_utf8_lossy(&ran.stderr));
            obeys(&format!("human {looks:?} {color}"), &ran.stdout, color == "always");
            obeys("human, standard error", &ran.stderr, false);
        }
    }
    let facts = scan(&shop, &["--format", "facts", "tree"]);
    obeys("facts", &facts.stdout, false);
    let mut reports = Vec::new();
    for format in ["json", "jsonl", "sarif"] {
        let ran = scan(&shop, &["--format", format, "--show-public", "tree"]);
        obeys(format, &ran.stdout, false);
        obeys("standard error", &ran.stderr, false);
        assert!(!ran.stdout.windows(8).any(|bytes| bytes.eq_ignore_ascii_case(b"</script")), "{format}");
        reports.push(ran.stdout);
    }

    let report: Value = serde_json::from_slice(&reports[0]).expect("JSON");
    let lines: Vec<Value> = reports[1]
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).expect("JSON"))
        .collect();
    let log: Value = serde_json::from_slice(&reports[2]).expect("JSON");
    let mut told = BTreeSet::new();
    for finding in report["findings"].as_array().expect("findings") {
        told.extend(finding["occurrences"].as_array().expect("occurrences").iter().map(path_of));
    }
    for finding in lines.iter().filter(|line| line["type"] == "finding" && line["status"] == "open") {
        assert!(
            finding["occurrences"].as_array().expect("occurrences").iter().all(|place| told.contains(&path_of(place)))
        );
    }
    for path in files.iter().filter(|path| !path.starts_with(b"uses/") && !path.starts_with(b"marked/")) {
        assert!(told.contains(&[b"tree/", &path[..]].concat()), "{} is in no report", String::from_utf8_lossy(path));
    }
    let labels = report["findings"].as_array().into_iter().flatten();
    let labels = labels.flat_map(|finding| finding["occurrences"].as_array().into_iter().flatten());
    let labels = labels.flat_map(|place| place["labels"].as_array().into_iter().flatten());
    let kinds: BTreeSet<&str> = labels.filter_map(|label| label["kind"].as_str()).collect();
    for kind in ["user id", "comment", "friendly name"] {
        assert!(kinds.contains(kind), "nothing hostile is a {kind}: {kinds:?}");
    }
    let mut uris = BTreeSet::new();
    for result in log["runs"][0]["results"].as_array().expect("results") {
        for place in
            ["locations", "relatedLocations"].iter().flat_map(|key| result[*key].as_array().into_iter().flatten())
        {
            let uri = place["physicalLocation"]["artifactLocation"]["uri"].as_str().expect("a URI");
            assert!(uri.bytes().all(|byte| byte.is_ascii_graphic()), "{uri}");
            uris.insert(percent_decode(uri));
        }
        let message = result["message"]["text"].as_str().expect("a text");
        assert!(!message.contains("[x](javascript"), "a link: {message}");
    }
    assert!(uris.contains(&b"tree/##[add-mask]x"[..]) && uris.contains(&b"tree/\xff\xfe\x80"[..]), "{uris:?}");

    shop.file("report.json", &reports[0]);
    let mut explained = 0;
    for finding in report["findings"].as_array().expect("findings").iter().take(80) {
        let id = finding["id"].as_str().expect("an id");
        for format in ["human", "json"] {
            let ran =
                shop.command(&["explain", id, "--report", "report.json", "--format", format]).output().expect("runs");
            assert_eq!(ran.status.code(), Some(0), "{ran:?}");
            obeys(&format!("explain {id}"), &ran.stdout, false);
            obeys("explain, standard error", &ran.stderr, false);
            explained += 1;
        }
    }
    assert!(explained > 60, "{explained}");
}

/// The path of a place, as bytes.
fn path_of(place: &Value) -> Vec<u8> {
    match place["path_bytes_hex"].as_str() {
        Some(hex) => unhex(hex),
        None => place["path"].as_str().expect("a path").as_bytes().to_vec(),
    }
}

fn percent_decode(uri: &str) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), uri.as_bytes());
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'%' {
            let pair = std::str::from_utf8(&after[..2]).expect("digits");
            out.push(u8::from_str_radix(pair, 16).expect("digits"));
            rest = &after[2..];
        } else {
            out.push(byte);
            rest = after;
        }
    }
    out
}

#[test]
fn names_are_names_in_errors() {
    let shop = Workshop::new("said-errors");
    shop.file("broken.toml", "[[allow]]\npath = \"\u{1b}[2J\n").file("not.json", "\u{1b}[2J");
    for bytes in NAMES {
        let odd = OsStr::from_bytes(bytes);
        let flag = [b"--", *bytes].concat();
        let inside = [*bytes, b"/x"].concat();
        let id = [b"kr1:", *bytes].concat();
        let (flag, inside, id) = (OsStr::from_bytes(&flag), OsStr::from_bytes(&inside), OsStr::from_bytes(&id));
        let cases: [&[&OsStr]; 14] = [
            &["scan".as_ref(), "--".as_ref(), inside],
            &["scan".as_ref(), flag],
            &["scan".as_ref(), "--format".as_ref(), odd],
            &["scan".as_ref(), "--output".as_ref(), inside],
            &["scan".as_ref(), "--config".as_ref(), inside],
            &["scan".as_ref(), "--known-keys".as_ref(), inside],
            &["scan".as_ref(), "--fail-on".as_ref(), odd],
            &["scan".as_ref(), "--history".as_ref(), odd],
            &["scan".as_ref(), "--max-ratio".as_ref(), odd],
            &["explain".as_ref(), "--".as_ref(), odd],
            &["explain".as_ref(), id, "--report".as_ref(), "not.json".as_ref()],
            &["rules".as_ref(), odd],
            &["hook".as_ref(), odd],
            &[odd],
        ];
        for args in cases {
            let ran = shop.command(args).output().expect("the binary runs");
            assert_ne!(ran.status.code(), Some(101), "{args:?}: {ran:?}");
            obeys(&format!("{args:?}"), &ran.stderr, false);
            obeys(&format!("{args:?}"), &ran.stdout, false);
        }
    }
    let ran = shop.command(&["scan", "--config", "broken.toml", "."]).output().expect("the binary runs");
    assert_eq!(ran.status.code(), Some(2));
    obeys("a configuration", &ran.stderr, false);
}

#[test]
fn names_are_names_in_hooks() {
    let repo = crate::hook::repo::Repo::bare_of_hooks("said", &[]);
    let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12\n", "ab".repeat(32));
    for (number, bytes) in (1..).zip(NAMES) {
        let marked = [b"# keyradius:allow reason=\"", *bytes, b"\"\n", key_pem(100 + number).as_bytes()].concat();
        repo.file(name(&[b"a/", *bytes].concat()), key_pem(number)).file(name(bytes), marked);
        repo.file(name(&[b"lfs/", *bytes].concat()), &pointer);
        let locked = ZipMember { flags: 0x801, ..ZipMember::new(bytes, &b"locked"[..]) };
        repo.file(name(&[b"zips/", *bytes].concat()), zip(&[locked]));
    }
    repo.file("keyradius.toml", "[[allow]]\npath = \"a/\\u001b*\"\nreason = \"\\u001b[2J\\n::error::x\"\n");
    repo.stage();
    let run = |what: &str, args: &[&str], variables: &[(&str, &OsStr)], input: &str| {
        let mut command = repo.command(env!("CARGO_BIN_EXE_keyradius"), args);
        let output = crate::git::repo::fed(command.envs(variables.iter().copied()), input.as_bytes());
        assert!(matches!(output.status.code(), Some(0 | 1 | 3)), "{what}: {output:?}");
        assert!(!output.stderr.is_empty(), "{what}");
        obeys(what, &output.stderr, false);
        obeys(what, &output.stdout, false);
    };
    run("pre-commit", &["hook", "pre-commit"], &[], "");
    run("pre-commit, allowing", &["hook", "pre-commit", "--fail-on", "none"], &[], "");
    repo.commit_all("all");
    let (commit, zero) = (repo.answer(&["rev-parse", "HEAD"]), "0".repeat(40));
    run("pre-push", &["hook", "pre-push"], &[], &format!("refs/heads/main {commit} refs/heads/main {zero}\n"));
    repo.git(&["update-ref", "-d", "refs/heads/main"]).passes("no ref leads to it");
    let line = format!("{zero} {commit} refs/heads/main\n");
    for bytes in NAMES {
        let option = [b"keyradius.allow=", *bytes].concat();
        let variables = [("GIT_PUSH_OPTION_COUNT", OsStr::new("1")), ("GIT_PUSH_OPTION_0", OsStr::from_bytes(&option))];
        run("pre-receive", &["hook", "pre-receive", "--budget", "5m"], &variables, &line);
    }
}
