//! Every member of a ZIP is described twice, and programs differ in which description they use. A key that any of them
//! extracts is found, and an archive that contradicts itself is reported as damaged.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::workshop::{Ran, Workshop, key_pem};

/// A member as described by header, directory and end record.
#[derive(Clone)]
struct Archive {
    content: Vec<u8>,
    local: Description,
    central: Description,
    /// Extra fields of the local header and of the directory.
    extra: [Vec<u8>; 2],
    /// After the member: a data descriptor, or anything else.
    after: Vec<u8>,
    comment: Vec<u8>,
    entries: u16,
    /// Added to the size and to the start of the directory in the end record.
    moved: [u32; 2],
    /// Whether the directory lists the member at all.
    listed: bool,
}

#[derive(Clone)]
struct Description {
    name: &'static str,
    flags: u16,
    method: u16,
    packed: u32,
    unpacked: u32,
}

/// Raw deflate, made with gzip (RFC 1952 2.3: ten bytes before it, eight after).
fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = Command::new("gzip")
        .args(["-9", "-n", "-c"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("gzip runs");
    gzip.stdin.take().expect("a pipe").write_all(bytes).expect("written");
    let out = gzip.wait_with_output().expect("gzip ends").stdout;
    out[10..out.len() - 8].to_vec()
}

impl Archive {
    /// A consistent member: a key between lines that make compression worthwhile.
    fn new(key: u8) -> Self {
        let text = format!("{}{}{}", "a line that repeats\n".repeat(40), key_pem(key), "another line\n".repeat(40));
        let content = deflate(text.as_bytes());
        let (packed, unpacked) = (content.len() as u32, text.len() as u32);
        let description = Description { name: "key.txt", flags: 0, method: 8, packed, unpacked };
        Self {
            content,
            local: description.clone(),
            central: description,
            extra: [Vec::new(), Vec::new()],
            after: Vec::new(),
            comment: Vec::new(),
            entries: 1,
            moved: [0; 2],
            listed: true,
        }
    }

    fn write(&self) -> Vec<u8> {
        let fields = |description: &Description, extra: &[u8]| {
            let mut bytes = Vec::new();
            bytes.extend(description.flags.to_le_bytes());
            bytes.extend(description.method.to_le_bytes());
            bytes.extend([0; 8]);
            bytes.extend(description.packed.to_le_bytes());
            bytes.extend(description.unpacked.to_le_bytes());
            bytes.extend((description.name.len() as u16).to_le_bytes());
            bytes.extend((extra.len() as u16).to_le_bytes());
            bytes
        };
        let mut all = [&b"PK\x03\x04\x14\0"[..], &fields(&self.local, &self.extra[0])].concat();
        all.extend(self.local.name.as_bytes());
        all.extend(&self.extra[0]);
        all.extend(&self.content);
        all.extend(&self.after);
        let start = all.len() as u32;
        if self.listed {
            all.extend(b"PK\x01\x02\x14\0\x14\0");
            all.extend(fields(&self.central, &self.extra[1]));
            all.extend([0; 14]);
            all.extend(self.central.name.as_bytes());
            all.extend(&self.extra[1]);
        }
        let size = all.len() as u32 - start;
        all.extend(b"PK\x05\x06\0\0\0\0");
        all.extend(self.entries.to_le_bytes());
        all.extend(self.entries.to_le_bytes());
        all.extend(size.wrapping_add(self.moved[0]).to_le_bytes());
        all.extend(start.wrapping_add(self.moved[1]).to_le_bytes());
        all.extend((self.comment.len() as u16).to_le_bytes());
        all.extend(&self.comment);
        all
    }
}

/// An extra field of an unknown kind that contains a key.
fn extra(key: u8) -> Vec<u8> {
    let text = key_pem(key).into_bytes();
    [&0xcafe_u16.to_le_bytes()[..], &(text.len() as u16).to_le_bytes(), &text].concat()
}

type Change = fn(&mut Archive);

/// Contradictions, and whether each makes the archive a damaged one. All of them use key 7.
const CHANGES: [(&str, bool, Change); 26] = [
    ("nothing", false, |_| {}),
    ("stored, and empty", true, |a| (a.central.method, a.central.packed, a.central.unpacked) = (0, 0, 0)),
    ("empty", true, |a| (a.central.packed, a.central.unpacked) = (0, 0)),
    ("stored", true, |a| a.central.method = 0),
    ("stored in the header", true, |a| (a.local.method, a.local.packed) = (0, 0)),
    ("an unknown method", true, |a| a.central.method = 77),
    ("an unknown method in the header", true, |a| a.local.method = 77),
    ("encrypted", true, |a| a.central.flags = 1),
    ("encrypted in the header", true, |a| a.local.flags = 1),
    ("a shorter member", true, |a| a.central.packed /= 2),
    ("a longer member", true, |a| a.central.packed *= 2),
    ("no size once it is unpacked", true, |a| a.central.unpacked = 0),
    ("another size once it is unpacked", true, |a| a.local.unpacked = 5),
    ("another name", true, |a| a.central.name = "readme.txt"),
    ("a folder", true, |a| (a.central.name, a.central.packed) = ("key.txt/", 0)),
    ("length after the member, honest", false, |a| {
        (a.local.flags, a.central.flags) = (8, 8);
        a.after = [&b"PK\x07\x08\0\0\0\0"[..], &a.local.packed.to_le_bytes(), &a.local.unpacked.to_le_bytes()].concat();
        (a.local.packed, a.local.unpacked) = (0, 0);
    }),
    ("length after the member, and none in the directory", true, |a| {
        (a.local.flags, a.central.flags) = (8, 8);
        a.after = [&b"PK\x07\x08\0\0\0\0"[..], &a.local.packed.to_le_bytes(), &a.local.unpacked.to_le_bytes()].concat();
        (a.local.packed, a.local.unpacked, a.central.packed, a.central.unpacked) = (0, 0, 0, 0);
    }),
    ("a member that is not listed", true, |a| a.listed = false),
    ("more entries than there are", true, |a| a.entries = 9),
    ("a directory that starts later", true, |a| a.moved = [u32::MAX - 9, 10]),
    ("an end record in the comment", true, |a| {
        a.comment = [&b"PK\x05\x06"[..], &[0; 18]].concat();
    }),
    ("the key after the compressed data", true, |a| {
        let more = key_pem(7);
        a.content = [deflate(b"nothing here\n"), more.into_bytes()].concat();
        a.local.packed = a.content.len() as u32;
        (a.central.packed, a.local.unpacked, a.central.unpacked) = (a.local.packed, 13, 13);
    }),
    ("the key in the comment", false, |a| *a = Archive { comment: key_pem(7).into_bytes(), ..Archive::new(8) }),
    ("the key in an extra field", false, |a| *a = Archive { extra: [extra(7), Vec::new()], ..Archive::new(8) }),
    ("the key in an extra field of the directory", false, |a| {
        *a = Archive { extra: [Vec::new(), extra(7)], ..Archive::new(8) }
    }),
    ("an archive in the comment", true, |a| {
        let hidden = Archive::new(7).write();
        *a = Archive { comment: hidden[..hidden.len() - 22].to_vec(), ..Archive::new(8) };
    }),
];

fn scan(shop: &Workshop) -> Ran {
    shop.run(&["scan", "--no-config", "--format", "json", "--fail-on", "none", "tree"])
}

/// The ids of all findings.
fn ids(ran: &Ran) -> Vec<String> {
    let report = ran.json();
    let findings = report["findings"].as_array().expect("findings");
    findings.iter().map(|finding| finding["id"].as_str().expect("an id").to_owned()).collect()
}

fn reasons(ran: &Ran) -> Vec<String> {
    let report = ran.json();
    let gaps = report["coverage"]["gaps"].as_array().expect("gaps");
    gaps.iter().map(|gap| gap["reason"].as_str().expect("a reason").to_owned()).collect()
}

/// The id of the finding of a key, for the test of this name.
fn id_of(test: &str, key: u8) -> String {
    let shop = Workshop::new(&format!("zip-plain-{test}"));
    shop.file("tree/key.pem", key_pem(key));
    ids(&scan(&shop)).remove(0)
}

#[test]
fn whatever_describes_a_member_it_is_read() {
    let key = id_of("described", 7);
    for (index, (what, damaged, change)) in CHANGES.into_iter().enumerate() {
        let shop = Workshop::new(&format!("zip-{index}"));
        let mut archive = Archive::new(7);
        change(&mut archive);
        shop.file("tree/a.zip", archive.write());
        let ran = scan(&shop);
        assert!(ids(&ran).contains(&key), "{what}: {ran:?}");
        let told = reasons(&ran).iter().any(|reason| reason == "damaged");
        // An archive that a tool can read only by one of its descriptions is not sound.
        assert!(told || !damaged || what.contains("in the comment") || what.contains("not listed"), "{what}: {ran:?}");
        assert!(damaged || (ran.code == Some(0) && !told), "{what}: {ran:?}");
    }
}

/// Two contradictions at once, and the archive inside another one that contradicts itself: found, or incomplete.
#[test]
fn contradictions_of_two_kinds_and_two_deep() {
    let key = id_of("two", 7);
    // One tree per first kind, so that the program starts about thirty times and not a thousand.
    for (first, (what, _, change)) in CHANGES.into_iter().enumerate() {
        let shop = Workshop::new(&format!("zip-two-{first}"));
        for (second, (_, _, also)) in CHANGES.into_iter().enumerate().skip(1) {
            let mut archive = Archive::new(7);
            change(&mut archive);
            let inner = archive.write();
            let mut around = Archive::new(9);
            around.content = deflate(&inner);
            (around.local.packed, around.local.unpacked) = (around.content.len() as u32, inner.len() as u32);
            around.central = Description { name: "inner.zip", ..around.local.clone() };
            around.local.name = "inner.zip";
            also(&mut around);
            // These changes replace the content with a key of their own.
            if around.content == deflate(&inner) {
                shop.file(&format!("tree/{second:02}.zip"), around.write());
            }
        }
        let ran = scan(&shop);
        let report = ran.json();
        let finding =
            report["findings"].as_array().expect("findings").iter().find(|finding| finding["id"] == key.as_str());
        let places =
            finding.map(|finding| finding["occurrences"].as_array().expect("places").clone()).unwrap_or_default();
        let gaps = report["coverage"]["gaps"].as_array().expect("gaps").clone();
        for entry in std::fs::read_dir(shop.path().join("tree")).expect("the tree") {
            let name = format!("tree/{}", entry.expect("an entry").file_name().to_string_lossy());
            let is_here = |item: &serde_json::Value| item["path"] == name.as_str();
            assert!(places.iter().any(is_here) || gaps.iter().any(is_here), "{what}, then {name}: {ran:?}");
        }
    }
}

/// keyradius finds what other programs extract from an archive.
#[test]
fn what_other_programs_extract_is_found() {
    let tools: [(&str, &[&str]); 4] = [
        ("7z", &["e", "-so", "-y", "-pnone"]),
        ("bsdtar", &["-xOf"]),
        ("unzip", &["-p", "-P", "none"]),
        (
            "python3",
            &[
                "-c",
                "import sys,zipfile\nz=zipfile.ZipFile(sys.argv[1])\n[sys.stdout.buffer.write(z.read(i)) for i in z.infolist()]",
            ],
        ),
    ];
    let present: Vec<_> = tools
        .into_iter()
        .filter(|(tool, _)| {
            let there = Command::new(tool).arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
            if !there {
                super::skipped(format_args!("{tool} is not installed; what it extracts is not compared"));
            }
            there
        })
        .collect();
    let marker = key_pem(7);
    let marker = marker.lines().nth(1).expect("a line of digits");
    let key = id_of("tools", 7);
    for (index, (what, _, change)) in CHANGES.into_iter().enumerate() {
        let shop = Workshop::new(&format!("zip-tools-{index}"));
        let mut archive = Archive::new(7);
        change(&mut archive);
        shop.file("tree/a.zip", archive.write());
        for (tool, args) in &present {
            let out = Command::new(tool).args(*args).arg(shop.path().join("tree/a.zip")).stdin(Stdio::null()).output();
            let out = out.expect("the tool runs").stdout;
            let extracted = String::from_utf8_lossy(&out).contains(marker);
            assert!(!extracted || ids(&scan(&shop)).contains(&key), "{tool} extracts it: {what}");
        }
    }
}
