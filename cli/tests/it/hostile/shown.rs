//! All objects that git shows of a repository are read, or the run is incomplete, whatever indexes and refs contain.

use std::path::Path;

use crate::git::handmade::{BLOB, Entry, TREE, blob_id, crc32, hex, number, pack_listed, sha1, stored};
use crate::git::repo::{Ground, Repo, files};
use crate::git::seen::{scan, try_scan};
use crate::workshop::key_pem;

/// A row of an index: an object id, the number of the entry that it refers to, and an offset added to the entry's.
type Row = ([u8; 20], usize, u32);

/// The damage to the file that lists the objects.
#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    /// Every checksum is right.
    Whole,
    /// Its own checksum is wrong.
    Unsealed,
    /// The index is right, and a multi-pack-index is not.
    Multi,
}

/// Writes an index of an existing pack, or a multi-pack-index.
fn names(folder: &Path, entries: &[Entry], rows: &[Row], how: How) {
    let pack = files(folder, ".pack").remove(0);
    let trailer: Vec<u8> = std::fs::read(&pack).expect("a pack").split_off_tail(20);
    let starts: Vec<u32> =
        entries.iter().scan(12, |at, entry| Some(std::mem::replace(at, *at + entry.bytes.len() as u32))).collect();
    let mut rows: Vec<([u8; 20], u32)> = rows.iter().map(|(id, entry, more)| (*id, starts[*entry] + more)).collect();
    rows.sort_unstable();
    let fanout: Vec<u8> = (0..=255)
        .flat_map(|first: u8| (rows.iter().filter(|row| row.0[0] <= first).count() as u32).to_be_bytes())
        .collect();
    let ids: Vec<u8> = rows.iter().flat_map(|row| row.0).collect();
    let mut out;
    let path;
    if how == How::Multi {
        let name = format!("{}.idx\0", pack.file_stem().expect("a name").to_str().expect("UTF-8"));
        let padded = [name.as_bytes(), &vec![0; name.len().next_multiple_of(4) - name.len()]].concat();
        let places: Vec<u8> = rows.iter().flat_map(|row| [0_u32.to_be_bytes(), row.1.to_be_bytes()].concat()).collect();
        let chunks = [(b"PNAM", padded), (b"OIDF", fanout), (b"OIDL", ids), (b"OOFF", places)];
        out = [&b"MIDX\x01\x01\x04\0"[..], &1_u32.to_be_bytes()].concat();
        let mut at = out.len() as u64 + 12 * 5;
        for (name, bytes) in &chunks {
            out.extend([&name[..], &at.to_be_bytes()].concat());
            at += bytes.len() as u64;
        }
        out.extend([&[0; 4][..], &at.to_be_bytes()].concat());
        out.extend(chunks.iter().flat_map(|(_, bytes)| bytes));
        path = folder.join("multi-pack-index");
    } else {
        out = [&b"\xfftOc"[..], &2_u32.to_be_bytes(), &fanout, &ids].concat();
        out.extend(rows.iter().flat_map(|_| crc32(b"").to_be_bytes()));
        out.extend(rows.iter().flat_map(|row| row.1.to_be_bytes()));
        out.extend(trailer);
        path = pack.with_extension("idx");
    }
    let mut seal = sha1(&out);
    seal[0] ^= u8::from(how == How::Unsealed);
    out.extend(seal);
    let _ = std::fs::remove_file(&path);
    std::fs::write(path, out).expect("written");
}

trait Tail {
    fn split_off_tail(self, many: usize) -> Self;
}

impl Tail for Vec<u8> {
    fn split_off_tail(mut self, many: usize) -> Self {
        self.split_off(self.len() - many)
    }
}

/// Entries of a pack, with an object that has no entry of its own, and the place that an index gives for it.
type Case = (&'static str, Vec<Entry>, Vec<Row>);

#[test]
fn whatever_names_objects_shows_what_was_read() {
    let ground = Ground::new("hostile-shown");
    let pem = key_pem(1);
    let key = blob_id(pem.as_bytes());
    // Two bases: with one the delta is a key, with the other it is nothing.
    let one: Vec<u8> = (0..=255).collect();
    let two: Vec<u8> = one.iter().map(|byte| byte.wrapping_add(7)).collect();
    let copies: Vec<u8> = pem.bytes().flat_map(|byte| [0x91, byte, 1]).collect();
    let delta = [number(256), number(pem.len() as u64), copies].concat();
    let whole = |bytes: &[u8]| Entry::object(BLOB, blob_id(bytes), bytes.len() as u64, &stored(bytes));
    // A key inside another object, deflated, so that it is not visible there.
    let inner = [&[0x3f | 0x80, (pem.len() >> 4) as u8][..], &deflated(pem.as_bytes())].concat();
    let inner = [&[0xb0 | (pem.len() & 15) as u8][..], &inner[1..]].concat();
    let outer = [&b"\x89PNG"[..], &[b'z'; 50], &inner, &[b'y'; 30]].concat();
    let at = whole(&outer).bytes.windows(inner.len()).position(|bytes| bytes == inner).expect("it is in it") as u32;
    let (first, second) = (blob_id(&one), blob_id(&two));
    let cases: [Case; 3] = [
        (
            "one name for two bases",
            vec![whole(&one), whole(&two), Entry::delta(key, second, &delta)],
            vec![(second, 0, 0), (second, 1, 0), (key, 2, 0)],
        ),
        (
            "the names of two bases, exchanged",
            vec![whole(&one), whole(&two), Entry::delta(key, second, &delta)],
            vec![(second, 0, 0), (first, 1, 0), (key, 2, 0)],
        ),
        ("an object inside of another", vec![whole(&outer), whole(b"x")], vec![(key, 0, at), (blob_id(b"x"), 1, 0)]),
    ];
    for (what, entries, rows) in cases {
        for how in [How::Whole, How::Unsealed, How::Multi] {
            let repo = Repo::init(ground.join(&format!("{what}-{how:?}")), &["--bare"]);
            let folder = repo.dir.join("objects/pack");
            let tree = [&b"100644 k.pem\0"[..], &key].concat();
            let root = sha1(&[&b"tree 33\0"[..], &tree].concat());
            let commit = format!("tree {}\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\nx\n", hex(&root));
            let tip = sha1(format!("commit {}\0{commit}", commit.len()).as_bytes());
            let mut entries: Vec<Entry> =
                entries.iter().map(|entry| Entry { id: entry.id, bytes: entry.bytes.clone() }).collect();
            let mut rows = rows.clone();
            rows.extend([(root, entries.len(), 0), (tip, entries.len() + 1, 0)]);
            entries.push(Entry::object(TREE, root, tree.len() as u64, &stored(&tree)));
            entries.push(Entry::object(1, tip, commit.len() as u64, &stored(commit.as_bytes())));
            let all: Vec<usize> = (0..entries.len()).collect();
            pack_listed(&folder, &entries, &all, entries.len() as u32);
            names(&folder, &entries, &rows, how);
            std::fs::write(repo.dir.join("refs/heads/main"), hex(&tip) + "\n").expect("a ref");
            let shown = repo.attempt(&["show", "main:k.pem"]).stdout == pem.as_bytes();
            let seen = scan(&repo.dir, &["."]);
            assert!(seen.code != Some(0), "{what}, {how:?}, and git shows the key: {shown}: {:?}", seen.gaps());
        }
    }
}

/// A zlib stream of literals in one block of fixed codes: no byte of the text appears unchanged.
fn deflated(bytes: &[u8]) -> Vec<u8> {
    crate::git::handmade::bomb(bytes, 0).0
}

#[test]
fn healthy_indexes_of_git_are_complete() {
    let ground = Ground::new("hostile-healthy");
    let repo = Repo::init(ground.join("repo"), &[]);
    for round in 0..4 {
        repo.file("a", format!("Round {round}\n").repeat(50).as_bytes());
        repo.git(&["add", "."]);
        repo.git(&["commit", "-q", "-m", "x"]);
        repo.git(&["repack", "-dq"]);
    }
    repo.git(&["multi-pack-index", "write", "--bitmap"]);
    let seen = scan(&repo.dir, &["."]);
    assert_eq!((seen.code, seen.gaps()), (Some(0), Vec::new()));
    // One of the packs is missing, as between two runs of gc.
    let pack = files(&repo.dir.join(".git/objects/pack"), ".pack").remove(0);
    std::fs::remove_file(pack.with_extension("idx")).expect("removed");
    let seen = scan(&repo.dir, &["."]);
    assert_eq!((seen.code, seen.complete()), (Some(0), true), "{:?}", seen.gaps());
}

/// A repository whose branch `topic` has a key in its first commit and none in its second; `main` is before both.
fn with_topic(ground: &Ground, name: &str) -> (Repo, [String; 3]) {
    let repo = Repo::init(ground.join(name), &[]);
    let commit = |message: &str| {
        repo.git(&["add", "-A"]);
        repo.git(&["commit", "-q", "-m", message]);
        repo.git(&["rev-parse", "HEAD"]).trim().to_owned()
    };
    repo.file("a", b"a");
    let main = commit("main");
    repo.git(&["checkout", "-q", "-b", "topic"]);
    repo.file("k.pem", key_pem(1).as_bytes());
    let key = commit("key");
    std::fs::remove_file(repo.dir.join("k.pem")).expect("removed");
    let tip = commit("without");
    repo.git(&["update-ref", "refs/remotes/origin/main", &main]);
    (repo, [main, key, tip])
}

#[test]
fn a_name_of_two_refs_is_said() {
    let ground = Ground::new("hostile-range");
    let (repo, [main, key, tip]) = with_topic(&ground, "repo");
    let history = |range: &str| {
        let seen = try_scan(&repo.dir, &["--history", range, "."]);
        (seen.code, seen.gap("ambiguous"))
    };
    assert_eq!(history("origin/main..HEAD"), (Some(1), false));
    for (name, to, range, code) in [
        ("refs/tags/origin/main", &tip, "origin/main..HEAD", 3),
        ("refs/tags/origin/main", &tip, "refs/remotes/origin/main..HEAD", 1),
        ("refs/tags/origin/main", &main, "origin/main..HEAD", 1),
        ("refs/heads/origin/main", &key, "origin/main~0..HEAD", 3),
        ("refs/tags/HEAD", &tip, "origin/main..HEAD", 1),
        ("refs/heads/HEAD", &key, "HEAD..HEAD", 3),
        (&format!("refs/tags/{main}"), &tip, &format!("{main}..HEAD"), 1),
        (&format!("refs/replace/{main}"), &tip, "origin/main..HEAD", 1),
    ] {
        repo.git(&["update-ref", name, to]);
        let (seen, ambiguous) = history(range);
        assert_eq!(seen, Some(code), "{name} {range}");
        assert!(ambiguous || code == 1, "{name} {range}");
        repo.git(&["update-ref", "-d", name]);
    }
}

#[test]
fn head_is_what_git_shows_for_it() {
    let ground = Ground::new("hostile-head");
    for (number, what) in ["plain", "replaced", "replaced tree", "twice", "unsorted", "link"].into_iter().enumerate() {
        let (repo, [main, key, _]) = with_topic(&ground, &format!("{number}"));
        let git = repo.dir.join(".git");
        repo.git(&["checkout", "-q", "main"]);
        match what {
            "plain" => drop(repo.git(&["update-ref", "refs/heads/main", &key])),
            "replaced" => drop(repo.git(&["replace", &main, &key])),
            "replaced tree" => {
                let tree = |commit: &str| repo.git(&["rev-parse", &format!("{commit}^{{tree}}")]).trim().to_owned();
                repo.git(&["replace", &tree(&main), &tree(&key)]);
            }
            "twice" | "unsorted" => {
                let other = if what == "twice" { "refs/heads/main" } else { "refs/heads/a" };
                let refs =
                    format!("# pack-refs with: peeled fully-peeled sorted \n{key} refs/heads/main\n{main} {other}\n");
                std::fs::remove_dir_all(git.join("refs/heads")).expect("removed");
                std::fs::create_dir(git.join("refs/heads")).expect("made");
                std::fs::write(git.join("packed-refs"), refs).expect("written");
            }
            _ => {
                #[cfg(unix)]
                {
                    repo.git(&["pack-refs", "--all"]);
                    repo.git(&["update-ref", "refs/heads/x", &key]);
                    std::os::unix::fs::symlink("refs/heads/x", git.join("refs/heads/main")).expect("a link");
                }
            }
        }
        // Only the history: the work tree is not tested here.
        let bare = ground.join(&format!("{number}.git"));
        std::fs::rename(git, &bare).expect("moved");
        let seen = scan(&bare, &["--history", "head", "."]);
        let expected: &[i32] = if matches!(what, "twice" | "unsorted") { &[1, 3] } else { &[1] };
        assert!(seen.code.is_some_and(|code| expected.contains(&code)), "{what}: {:?} {:?}", seen.code, seen.gaps());
        if matches!(what, "twice" | "unsorted") {
            assert!(seen.gap("ambiguous"), "{what}: {:?}", seen.gaps());
        }
    }
}

#[test]
fn a_tree_that_is_not_there_is_said_of_a_part_of_a_history() {
    let ground = Ground::new("hostile-part");
    let repo = Repo::init(ground.join("repo"), &[]);
    repo.file("d/k.pem", key_pem(1).as_bytes());
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-q", "-m", "x"]);
    let tree = repo.git(&["rev-parse", "HEAD:d"]).trim().to_owned();
    std::fs::remove_file(repo.dir.join(".git/objects").join(&tree[..2]).join(&tree[2..])).expect("removed");
    let bare = ground.join("bare.git");
    std::fs::rename(repo.dir.join(".git"), &bare).expect("moved");
    let seen = scan(&bare, &["--history", "head", "."]);
    assert_eq!((seen.code, seen.gap("missing_objects")), (Some(3), true), "{:?}", seen.gaps());
}
