//! `keyradius:allow` counts in plain text files below the user's own root, and nowhere else.

use std::process::Command;

use super::super::workshop::{Workshop, base64, key_pem};

const MARK: &str = "# keyradius:allow reason=\"trust me\"\n";

fn marked(number: u8) -> String {
    format!("{MARK}{}", key_pem(number))
}

/// Number of open findings, of allowed findings, and the notices about ignored marks.
fn told(shop: &Workshop, args: &[&str]) -> (usize, usize, Vec<String>) {
    let args = [&["scan", "--format", "json", "--fail-on", "none"][..], args].concat();
    let report = shop.run(&args).json();
    let count = |list: &str| report[list].as_array().map_or(0, Vec::len);
    let notices = report["notices"].as_array().into_iter().flatten();
    let ignored = notices.filter(|notice| notice["kind"] == "allow_ignored");
    let message = |notice: &serde_json::Value| notice["message"].as_str().unwrap_or_default().to_owned();
    (count("findings"), count("allowed"), ignored.map(message).collect())
}

#[test]
fn marks_count_below_the_own_root_only() {
    let shop = Workshop::new("marks");
    let foreign = Workshop::new("marks_foreign");
    foreign.file("a.pem", marked(1));
    let foreign = foreign.path().to_str().expect("UTF-8");
    let wide: Vec<u8> = marked(6).encode_utf16().flat_map(u16::to_le_bytes).collect();
    shop.file("own.pem", marked(1))
        .file("deep/own.yaml", format!("key: {} # keyradius:allow reason='ours'\n", base64(key_pem(2).as_bytes())))
        .file("wide.txt", [&[0xff, 0xfe][..], &wide].concat())
        .file("clone/.git/HEAD", "ref: refs/heads/main\n")
        .file("clone/a.pem", marked(3))
        .file("bare.git/HEAD", "ref: refs/heads/main\n")
        .file("bare.git/objects/info/packs", "")
        .file("bare.git/refs/heads/x", "")
        .file("bare.git/a.pem", marked(12))
        .file("program.bin", [b"\x7f\0\0\0\n", marked(4).as_bytes()].concat())
        .file("inside.b64", base64(marked(5).as_bytes()))
        .file("bare.pem", format!("# keyradius:allow\n{}", key_pem(8)))
        .file("soon.pem", format!("# keyradius:allow reason=\"x\" until=soon\n{}", key_pem(9)))
        .file("day.pem", format!("# keyradius:allow reason=\"x\" until=2027-13-45\n{}", key_pem(10)))
        .file("untl.pem", format!("# keyradius:allow reason=\"x\" untl=2027-01-01\n{}", key_pem(11)))
        .file("a.tar", tar("member.pem", marked(7).as_bytes()));
    for (target, obeyed, why) in [
        ("own.pem", true, ""),
        ("deep/own.yaml", true, ""),
        ("wide.txt", true, ""),
        (foreign, false, "outside"),
        ("clone", false, "another repository"),
        ("bare.git/a.pem", false, "another repository"),
        ("program.bin", false, "binary"),
        ("inside.b64", false, "encoding"),
        ("a.tar", false, "archive"),
        ("bare.pem", false, "needs a reason"),
        ("soon.pem", false, "needs a date"),
        ("day.pem", false, "is invalid"),
        ("untl.pem", false, "something other"),
    ] {
        let (open, allowed, notices) = told(&shop, &[target]);
        assert_eq!((open, allowed), (usize::from(!obeyed), usize::from(obeyed)), "{target}: {notices:?}");
        assert_eq!(notices.len(), usize::from(!obeyed), "{target}: {notices:?}");
        assert!(notices.iter().all(|notice| notice.contains(why)), "{target}: {notices:?}");
        for switch in ["--no-inline-allow", "--no-config"] {
            let (open, allowed, notices) = told(&shop, &[switch, target]);
            assert_eq!((open, allowed, notices.len()), (1, 0, 1), "{switch} {target}");
        }
    }
    shop.file("keyradius.toml", "[scan]\ninline_allow = false\n");
    assert_eq!(told(&shop, &["own.pem"]).0, 1, "the configuration says so");
}

#[test]
fn a_mark_on_standard_input_is_no_word_of_the_user() {
    use std::io::Write as _;
    let shop = Workshop::new("marks_stdin");
    let mut child = shop
        .command(&["scan", "-"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the binary runs");
    child.stdin.take().expect("a pipe").write_all(marked(1).as_bytes()).expect("written");
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
}

#[test]
fn a_mark_reaches_what_its_line_shows_and_no_key_that_is_hidden_there() {
    let shop = Workshop::new("marks_reach");
    let both = [super::super::workshop::key_der(1), super::super::workshop::key_der(2)].concat();
    let alone = key_pem(1);
    let block = alone.lines().enumerate().map(|(n, line)| if n == 1 { base64(&both) } else { line.to_owned() });
    shop.file("a.pem", format!("{MARK}{}\n", block.collect::<Vec<_>>().join("\n")));
    let (open, allowed, notices) = told(&shop, &["a.pem"]);
    assert_eq!((open, allowed), (1, 1), "{notices:?}");
}

#[test]
fn history_is_obeyed_for_the_file_that_is_marked_now() {
    let shop = Workshop::new("marks_history");
    let git = |args: &[&str]| {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"];
        let ran = Command::new("git").args(identity).args(args).current_dir(shop.path()).output().expect("git runs");
        assert!(ran.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&ran.stderr));
    };
    std::fs::remove_dir_all(shop.path().join(".git")).expect("removed");
    git(&["init", "-q"]);
    shop.file("kept.pem", marked(1)).file("gone.pem", marked(2));
    git(&["add", "."]);
    git(&["commit", "-qm", "a"]);
    git(&["rm", "-q", "gone.pem"]);
    git(&["commit", "-qm", "b"]);
    let (open, allowed, notices) = told(&shop, &["."]);
    assert_eq!((open, allowed), (1, 1), "{notices:?}");
    assert!(notices.iter().any(|notice| notice.contains("git history")), "{notices:?}");
}

/// A tar archive of one file (POSIX.1 ustar).
fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0_u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..107].copy_from_slice(b"0000644");
    header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    header[148..156].fill(b' ');
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let padding = content.len().next_multiple_of(512) - content.len();
    [&header[..], content, &vec![0; padding + 1024]].concat()
}
