//! Random objects and their keys: the reference for the server.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use keyradius_core::oid::{Format, Kind, ObjectId};

use crate::git::handmade::stored;
use crate::git::rng::Rng;
use crate::workshop::base64;

/// The number of a key.
pub(super) type Key = usize;

/// The files of a tree: mode and object by path.
pub(super) type Files = BTreeMap<String, (&'static str, String)>;

/// A commit that was made.
#[derive(Clone, Debug)]
pub(super) struct Commit {
    pub(super) oid: String,
    pub(super) files: Files,
}

/// Every object of a sequence, in the object directory of a repository that keeps all of them.
pub(super) struct Things {
    format: Format,
    objects: PathBuf,
    /// The keys of each object that contains any.
    pub(super) holds: BTreeMap<String, BTreeSet<Key>>,
    pub(super) commits: Vec<Commit>,
    /// Objects that refs other than branches can refer to.
    pub(super) others: Vec<String>,
    blobs: Vec<(&'static str, String)>,
    /// Blobs that edit a file without moving its key, each with the commit before.
    pub(super) edits: BTreeMap<String, String>,
    keys: Key,
    clock: u64,
}

/// Keys made by common tools, `openssl` and `ssh-keygen`, once per run.
fn of_tools() -> &'static [String] {
    static KEYS: OnceLock<Vec<String>> = OnceLock::new();
    KEYS.get_or_init(|| {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("push-keys");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a directory");
        let mut keys = Vec::new();
        let commands = [
            "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out",
            "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out",
            "openssl ecparam -name prime256v1 -genkey -noout -out",
            "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out",
            "openssl genpkey -algorithm ed25519 -out",
            "ssh-keygen -q -t ed25519 -N EMPTY -C someone -f",
        ];
        for (number, command) in commands.iter().cycle().take(12).enumerate() {
            let file = folder.join(format!("{number}.pem"));
            let words: Vec<&str> = command.split(' ').map(|word| if word == "EMPTY" { "" } else { word }).collect();
            let made = Command::new(words[0]).args(&words[1..]).arg(&file).output();
            match made.ok().filter(|output| output.status.success()).and_then(|_| std::fs::read_to_string(&file).ok()) {
                Some(text) => keys.push(text),
                None => {
                    super::super::skipped(format_args!(
                        "`{command}` makes no key here: the sequences go on without it"
                    ));
                }
            }
        }
        let _ = std::fs::remove_dir_all(&folder);
        keys
    })
}

impl Things {
    /// No objects yet, in the object directory of the repository at `git_dir`.
    pub(super) fn new(format: Format, git_dir: &Path) -> Self {
        Self {
            format,
            objects: git_dir.join("objects"),
            holds: BTreeMap::new(),
            commits: Vec::new(),
            others: Vec::new(),
            blobs: Vec::new(),
            edits: BTreeMap::new(),
            keys: 0,
            clock: 1_730_000_000,
        }
    }

    /// Writes an object that contains these keys.
    pub(super) fn put(&mut self, kind: Kind, content: &[u8], keys: &BTreeSet<Key>) -> String {
        let oid = ObjectId::of(self.format, kind, content);
        let name: String = oid.raw().iter().fold(String::new(), |mut name, byte| {
            let _ = write!(name, "{byte:02x}");
            name
        });
        let folder = self.objects.join(&name[..2]);
        let file = folder.join(&name[2..]);
        if !file.exists() {
            std::fs::create_dir_all(&folder).expect("a directory");
            let whole = [format!("{} {}\0", kind.id(), content.len()).as_bytes(), content].concat();
            std::fs::write(file, stored(&whole)).expect("an object");
        }
        if !keys.is_empty() {
            self.holds.entry(name.clone()).or_default().extend(keys);
        }
        name
    }

    /// The keys of all these objects.
    pub(super) fn keys_of<'a>(&self, oids: impl IntoIterator<Item = &'a String>) -> BTreeSet<Key> {
        oids.into_iter().filter_map(|oid| self.holds.get(oid)).flatten().copied().collect()
    }

    /// A new key, or one made by a tool: its text, and its DER if it is short.
    fn key(&mut self, rng: &mut Rng) -> (String, Option<Vec<u8>>, Key) {
        let tools = of_tools();
        if !tools.is_empty() && rng.chance(30) {
            let number = rng.below(tools.len());
            return (tools[number].clone(), None, number);
        }
        self.keys += 1;
        // Ed25519 in PKCS#8, RFC 8410 7.
        let head = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
        let der = [&head[..], &rng.bytes(32)].concat();
        let label = "PRIVATE KEY";
        let pem = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", base64(&der));
        (pem, Some(der), 1000 + self.keys)
    }

    /// Bytes that contain a new key, in one of the usual forms.
    pub(super) fn planted(&mut self, rng: &mut Rng) -> (Vec<u8>, Key) {
        let (pem, der, key) = self.key(rng);
        let digits = "0123456789abcdef".repeat(4);
        let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{digits}\nsize 12345\n");
        let bytes = match rng.below(8) {
            0 => format!("# keyradius:allow reason=\"mine\"\n{pem}").into_bytes(),
            1 => format!("data:\n  tls.key: |\n    {}\n", pem.trim_end().replace('\n', "\n    ")).into_bytes(),
            2 => format!("{pointer}{pem}").into_bytes(),
            3 => format!("{{\"key\": \"{}\"}}\n", pem.replace('\n', "\\n")).into_bytes(),
            4 => [filler(rng, 60).as_slice(), pem.as_bytes(), &filler(rng, 60)].concat(),
            5 => der.unwrap_or_else(|| pem.into_bytes()),
            6 => der.map_or(pem, |der| format!("signing_key = \"{}\"\n", base64(&der))).into_bytes(),
            _ => pem.into_bytes(),
        };
        (bytes, key)
    }

    /// A blob, with a key in `percent` of all cases.
    pub(super) fn blob(&mut self, rng: &mut Rng, percent: usize) -> String {
        if rng.chance(percent) {
            let (bytes, key) = self.planted(rng);
            return self.put(Kind::Blob, &bytes, &BTreeSet::from([key]));
        }
        let lines = if rng.chance(20) { 120 } else { 3 };
        let bytes = filler(rng, lines);
        self.put(Kind::Blob, &bytes, &BTreeSet::new())
    }

    /// A tree of these files.
    fn tree(&mut self, files: &Files) -> String {
        let mut entries: BTreeMap<&str, (&'static str, String)> = BTreeMap::new();
        let mut folders: BTreeMap<&str, Files> = BTreeMap::new();
        for (path, what) in files {
            match path.split_once('/') {
                Some((folder, rest)) => {
                    folders.entry(folder).or_default().insert(rest.to_owned(), what.clone());
                }
                None => {
                    entries.insert(path, what.clone());
                }
            }
        }
        for (name, files) in folders {
            let oid = self.tree(&files);
            entries.insert(name, ("40000", oid));
        }
        // Git sorts a folder as if its name ended in a slash.
        let mut sorted: Vec<_> = entries.into_iter().collect();
        sorted.sort_by_key(|(name, (mode, _))| format!("{name}{}", if *mode == "40000" { "/" } else { "" }));
        let mut bytes = Vec::new();
        for (name, (mode, oid)) in sorted {
            bytes.extend(format!("{mode} {name}\0").bytes());
            bytes.extend(ObjectId::from_hex(self.format, oid.as_bytes()).expect("an id").raw());
        }
        self.put(Kind::Tree, &bytes, &BTreeSet::new())
    }

    /// A commit of these files.
    pub(super) fn commit_of(
        &mut self,
        files: Files,
        parents: &[String],
        head: &str,
        said: &str,
        keys: &[Key],
    ) -> Commit {
        let tree = self.tree(&files);
        self.clock += 60;
        let mut text = format!("tree {tree}\n");
        for parent in parents {
            let _ = writeln!(text, "parent {parent}");
        }
        let _ = write!(
            text,
            "author Ada <ada@example.org> {0} +0000\ncommitter Ada <ada@example.org> {0} +0000\n",
            self.clock
        );
        let _ = write!(text, "{head}\n{said}");
        let oid = self.put(Kind::Commit, text.as_bytes(), &keys.iter().copied().collect());
        let commit = Commit { oid, files };
        self.commits.push(commit.clone());
        commit
    }

    /// A commit on one or two others or without a parent, with a few files changed.
    pub(super) fn commit(&mut self, rng: &mut Rng, percent: usize) {
        let mut parents: Vec<Commit> = Vec::new();
        if !self.commits.is_empty() && !rng.chance(8) {
            parents.push(self.some_commit(rng));
            if rng.chance(15) {
                parents.push(self.some_commit(rng));
            }
        }
        let mut files = Files::new();
        for parent in parents.iter().rev() {
            files.extend(parent.files.clone());
        }
        for _ in 0..rng.between(1, 4) {
            let depth = rng.below(5);
            let path: String =
                (0..depth).map(|_| format!("d{}/", rng.below(3))).collect::<String>() + &format!("f{}", rng.below(6));
            match rng.below(20) {
                0 => drop(files.remove(&path)),
                1..4 if !self.blobs.is_empty() => drop(files.insert(path, rng.pick(&self.blobs).clone())),
                4 => {
                    // A submodule: nobody follows it, whatever its id.
                    let oid = self
                        .commits
                        .last()
                        .map_or_else(|| "1".repeat(self.format.bytes() * 2), |last| last.oid.clone());
                    drop(files.insert(path, ("160000", oid)));
                }
                5 => {
                    let (name, text) = *rng.pick(&[
                        ("keyradius.toml", "[[allow]]\npath = \"**\"\nreason = \"all of it\"\n"),
                        (".gitattributes", "* -diff -text filter=lfs merge=binary export-ignore\n"),
                        (".lfsconfig", "[lfs]\nurl = https://example.org/\n"),
                        (".gitmodules", "[submodule \"x\"]\npath = d0\nurl = ../x\nupdate = !touch /tmp/x\n"),
                    ]);
                    let oid = self.put(Kind::Blob, text.as_bytes(), &BTreeSet::new());
                    drop(files.insert(name.to_owned(), ("100644", oid)));
                }
                _ => {
                    let oid = self.blob(rng, percent);
                    let mode = *rng.pick(&["100644", "100644", "100755", "120000"]);
                    self.blobs.push((mode, oid.clone()));
                    drop(files.insert(path, (mode, oid)));
                }
            }
        }
        let (mut head, mut said, mut keys) = (String::new(), "Change\n".to_owned(), Vec::new());
        if rng.chance(percent / 4) {
            let (pem, _, key) = self.key(rng);
            said.push_str(&format!("\nIt is\n\n{pem}"));
            keys.push(key);
        } else if rng.chance(percent / 8) {
            let (pem, _, key) = self.key(rng);
            head = format!("x-signed-by {}\n", pem.trim_end().replace('\n', "\n "));
            keys.push(key);
        }
        let parents: BTreeSet<String> = parents.into_iter().map(|parent| parent.oid).collect();
        self.commit_of(files, &Vec::from_iter(parents), &head, &said, &keys);
    }

    /// A commit, most often the latest.
    pub(super) fn some_commit(&self, rng: &mut Rng) -> Commit {
        let count = self.commits.len();
        let at = if rng.chance(60) { count - 1 - rng.below(count.min(3)) } else { rng.below(count) };
        self.commits[at].clone()
    }

    /// A tag of anything, notes on a commit, or a separate blob or tree.
    pub(super) fn other(&mut self, rng: &mut Rng, percent: usize) {
        let commit = self.some_commit(rng);
        let oid = match rng.below(8) {
            0 => self.blob(rng, percent),
            1 => {
                let mut files = Files::new();
                for name in ["a", "b/c", "b/d/e"] {
                    files.insert(name.to_owned(), ("100644", self.blob(rng, percent)));
                }
                self.tree(&files)
            }
            2 | 3 => {
                let note = self.blob(rng, percent);
                let files = Files::from([(commit.oid, ("100644", note))]);
                self.commit_of(files, &[], "", "Notes added by 'git notes add'\n", &[]).oid
            }
            _ => {
                let (named, kind) = match rng.below(6) {
                    0 if !self.others.is_empty() => {
                        let named = rng.pick(&self.others).clone();
                        let kind = self.kind_of(&named);
                        (named, kind)
                    }
                    1 => (self.blob(rng, percent), "blob"),
                    _ => (commit.oid, "commit"),
                };
                let (mut said, mut keys) = ("A tag\n".to_owned(), BTreeSet::new());
                if rng.chance(percent) {
                    let (pem, _, key) = self.key(rng);
                    said.push_str(&pem);
                    keys.insert(key);
                }
                self.clock += 60;
                let head = format!(
                    "object {named}\ntype {kind}\ntag v{}\ntagger Ada <ada@example.org> {} +0000\n",
                    self.clock, self.clock
                );
                self.put(Kind::Tag, format!("{head}\n{said}").as_bytes(), &keys)
            }
        };
        self.others.push(oid);
    }

    /// The kind of an object: readable after the head of an uncompressed stream.
    fn kind_of(&self, oid: &str) -> &'static str {
        let bytes = std::fs::read(self.objects.join(&oid[..2]).join(&oid[2..])).expect("an object");
        let kinds = ["commit", "tree", "blob", "tag"];
        kinds.into_iter().find(|kind| bytes[7..].starts_with(kind.as_bytes())).expect("a kind")
    }

    /// A commit on `base` that edits a file next to its key, if one of its files has any.
    pub(super) fn edit(&mut self, rng: &mut Rng, base: &Commit) -> Option<Commit> {
        let held: Vec<(&String, &(&'static str, String))> =
            base.files.iter().filter(|(_, (mode, oid))| *mode != "160000" && self.holds.contains_key(oid)).collect();
        if held.is_empty() {
            return None;
        }
        let (path, (mode, oid)) = *rng.pick(&held);
        let (path, mode, oid) = (path.clone(), *mode, oid.clone());
        let bytes = std::fs::read(self.objects.join(&oid[..2]).join(&oid[2..])).expect("an object");
        let content = unstored(&bytes);
        let edited = [&content[..], &b"\n"[..], &filler(rng, 1)].concat();
        let keys = self.holds[&oid].clone();
        let edited = self.put(Kind::Blob, &edited, &keys);
        let mut files = base.files.clone();
        files.insert(path, (mode, edited.clone()));
        let commit = self.commit_of(files, std::slice::from_ref(&base.oid), "", "Edit\n", &[]);
        self.edits.insert(edited, base.oid.clone());
        Some(commit)
    }
}

/// The content of a loose object written by [`stored`].
fn unstored(zlib: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), &zlib[2..]);
    loop {
        let length = usize::from(u16::from_le_bytes([rest[1], rest[2]]));
        out.extend_from_slice(&rest[5..5 + length]);
        if rest[0] == 1 {
            let head = out.iter().position(|byte| *byte == 0).expect("a head");
            return out.split_off(head + 1);
        }
        rest = &rest[5 + length..];
    }
}

/// Lines without a key.
fn filler(rng: &mut Rng, lines: usize) -> Vec<u8> {
    const WORDS: &[&str] = &["alpha", "bucket", "cargo", "deploy", "engine", "forest", "gradle", "harbor"];
    let mut out = String::new();
    for line in 0..lines {
        let _ = writeln!(out, "{line}: {} {} {}", rng.pick(WORDS), rng.below(7), rng.pick(WORDS));
    }
    out.into_bytes()
}
