//! No key can be hidden among git's files: not by a name, not after a checksum, not between two objects, not in an
//! object missing from an index, and not by removing a file while it is read.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::git::handmade::{BLOB, Entry, TREE, blob_id, bomb, hex, loose, number, pack, pack_listed, sha1, stored};
use crate::git::plant::Plants;
use crate::git::repo::{Ground, Repo, files};
use crate::git::rng::Rng;
use crate::git::seen::{Seen, keyradius, scan, try_scan};
use crate::patience::Pauses;
use crate::workshop::key_pem;

/// A repository with one commit and no key, with packs and loose objects.
fn repository(folder: &Path) -> Repo {
    let repo = Repo::init(folder, &[]);
    for round in 0..3 {
        repo.file("readme.md", format!("Round {round}\n").repeat(40).as_bytes());
        repo.git(&["add", "."]);
        repo.git(&["commit", "-q", "-m", "A round"]);
        if round == 1 {
            repo.git(&["repack", "-adfq"]);
        }
    }
    repo.git(&["commit-graph", "write", "--reachable"]);
    repo.git(&["multi-pack-index", "write"]);
    repo
}

/// Writes a file, replacing an existing one: git's files are read-only.
fn put(path: &Path, bytes: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
    let _ = std::fs::remove_file(path);
    std::fs::write(path, bytes).expect("written");
}

fn found(seen: &Seen) -> usize {
    seen.occurrences().len()
}

/// Every name that git gives, or could give, to a file in its directory.
const NAMES: &[&str] = &[
    "objects/pack/release.keep",
    "objects/pack/release.idx",
    "objects/pack/release.rev",
    "objects/pack/release.bitmap",
    "objects/pack/release.mtimes",
    "objects/pack/release.promisor",
    "objects/pack/release.midx",
    "objects/pack/release.lock",
    "objects/pack/release.pack",
    "objects/pack/pack-0123456789abcdef0123456789abcdef01234567.keep",
    "objects/pack/pack-0123456789abcdef0123456789abcdef01234567.idx",
    "objects/pack/multi-pack-index",
    "objects/pack/multi-pack-index-x",
    "objects/pack/multi-pack-index.d/multi-pack-index-chain",
    "objects/pack/tmp_pack_x",
    "objects/pack/release",
    "objects/pack/ab/release.pem",
    "objects/info/packs",
    "objects/info/alternates.old",
    "objects/info/commit-graph",
    "objects/info/commit-graphs/graph-x.graph",
    "objects/release",
    "objects/ab/0123456789abcdef0123456789abcdef012345",
    "objects/ab/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd",
    "objects/ab/tmp_obj_x",
    "objects/ab/deeper/still/release.pem",
    "objects/AB/0123456789ABCDEF0123456789ABCDEF012345",
    "objects/abc/0123456789abcdef0123456789abcdef012345",
    "refs/heads/release",
    "refs/release",
    "packed-refs",
    "logs/HEAD",
    "logs/refs/heads/release",
    "reftable/0x1-0x1.ref",
    "config.worktree",
    "description",
    "hooks/pre-commit",
    "info/exclude",
    "info/attributes",
    "index",
    "sharedindex.0123456789abcdef0123456789abcdef01234567",
    "shallow",
    "COMMIT_EDITMSG",
    "FETCH_HEAD",
    "MERGE_MSG",
    "rebase-merge/message",
    "rr-cache/0123456789abcdef0123456789abcdef01234567/preimage",
    "lfs/objects/ab/cd/abcdef",
    "lfs/tmp/x",
    "modules/x/release.keep",
    "worktrees/x/gitdir",
    "branches/release",
    "svn/release",
];

#[test]
fn a_key_under_any_name_of_git() {
    let ground = Ground::new("hostile-names");
    for kind in ["repository/.git", "bare.git", "looks-like-one", "without-head"] {
        for (number, name) in NAMES.iter().enumerate() {
            let place = ground.join("place");
            let git = place.join(kind);
            match kind {
                "repository/.git" => drop(repository(&place.join("repository"))),
                "bare.git" => drop(Repo::init(&git, &["--bare"])),
                "looks-like-one" => {
                    std::fs::create_dir_all(git.join("objects")).expect("made");
                    std::os::unix::fs::symlink("nowhere", git.join("HEAD")).expect("linked");
                }
                _ => std::fs::create_dir_all(git.join("objects/pack")).expect("made"),
            }
            put(&git.join(name), key_pem(number as u8));
            let seen = scan(&place, &["."]);
            assert_eq!((seen.code, found(&seen)), (Some(1), 1), "{kind}/{name}: {:?}", seen.gaps());
            std::fs::remove_dir_all(&place).expect("removed");
        }
    }
}

#[test]
fn what_is_behind_the_end_of_a_file_of_git() {
    let ground = Ground::new("hostile-appended");
    let repo = repository(&ground.join("repo"));
    repo.git(&["bundle", "create", "-q", "all.bundle", "--all"]);
    let mut targets = files(&repo.dir.join(".git/objects"), "");
    targets.extend(["all.bundle", ".git/index", ".git/packed-refs", ".git/HEAD"].map(|name| repo.dir.join(name)));
    targets.retain(|file| file.is_file());
    assert!(targets.len() > 9, "{targets:?}");
    let packs = |file: &Path| file.extension().is_some_and(|end| end == "pack" || end == "bundle");
    for (number, file) in targets.iter().enumerate() {
        let whole = std::fs::read(file).expect("read");
        for between in [&b""[..], b"\n", &[0; 4096]] {
            put(file, [&whole, between, key_pem(number as u8).as_bytes()].concat());
            let seen = scan(&repo.dir, &["."]);
            let what = file.display();
            assert_eq!((seen.code, found(&seen)), (Some(1), 1), "{what} + {}: {:?}", between.len(), seen.gaps());
            assert!(!packs(file) || seen.gap("damaged"), "{what}: {:?}", seen.gaps());
        }
        put(file, &whole);
    }
    let seen = scan(&repo.dir, &["."]);
    assert_eq!((seen.code, seen.gaps()), (Some(0), Vec::new()), "everything is in its place again");
}

/// The entry of a blob with a key, compressed or stored: stored bytes are visible from outside.
fn key_entry(number: u8) -> Entry {
    let pem = key_pem(number);
    let delta = [number_of(3), number_of(pem.len()), inserted(pem.as_bytes())].concat();
    Entry::delta(blob_id(pem.as_bytes()), blob_id(b"abc"), &delta)
}

fn number_of(value: usize) -> Vec<u8> {
    number(value as u64)
}

fn inserted(bytes: &[u8]) -> Vec<u8> {
    bytes.chunks(100).flat_map(|chunk| [&[chunk.len() as u8][..], chunk].concat()).collect()
}

fn base() -> Entry {
    Entry::object(BLOB, blob_id(b"abc"), 3, &stored(b"abc"))
}

#[test]
fn an_index_that_leaves_objects_out() {
    let ground = Ground::new("hostile-unlisted");
    let pem = key_pem(1);
    let whole = || Entry::object(BLOB, blob_id(pem.as_bytes()), pem.len() as u64, &stored(pem.as_bytes()));
    let small = |text: &[u8]| Entry::object(BLOB, blob_id(text), text.len() as u64, &stored(text));
    for (name, entries, listed, declared) in [
        ("the last", vec![base(), whole()], &[0][..], 2),
        ("the last, and the count agrees", vec![base(), whole()], &[0], 1),
        ("the first", vec![whole(), base()], &[1], 2),
        ("one between two", vec![base(), whole(), small(b"x")], &[0, 2], 3),
        ("one between two, and the count agrees", vec![base(), whole(), small(b"x")], &[0, 2], 2),
        ("all", vec![whole()], &[], 1),
        ("all, and the count agrees", vec![whole()], &[], 0),
        ("a delta", vec![base(), key_entry(1)], &[0], 2),
        ("a delta on one that is left out", vec![small(b"x"), base(), key_entry(1)], &[0], 1),
        ("many", vec![base(), small(b"y"), small(b"z"), whole()], &[0], 1),
    ] {
        let repo = Repo::init(ground.join(name), &["--bare"]);
        pack_listed(&repo.dir.join("objects/pack"), &entries, listed, declared);
        let seen = scan(&repo.dir, &["."]);
        assert_eq!((seen.code, found(&seen)), (Some(1), 1), "{name}: {:?}", seen.gaps());
        assert!(seen.gap("index_rebuilt"), "{name}: {:?}", seen.gaps());
    }
    // A wrong count hides nothing, and is reported.
    let repo = Repo::init(ground.join("count"), &["--bare"]);
    pack_listed(&repo.dir.join("objects/pack"), &[base(), small(b"x")], &[0, 1], 7);
    assert!(scan(&repo.dir, &["."]).gap("index_rebuilt"));
}

#[test]
fn what_is_between_two_objects_of_a_pack() {
    let ground = Ground::new("hostile-between");
    let pem = key_pem(1);
    let padded = |mut entry: Entry, more: &[u8]| {
        entry.bytes.extend_from_slice(more);
        entry
    };
    let small = |text: &[u8]| Entry::object(BLOB, blob_id(text), text.len() as u64, &stored(text));
    let more = [b"\n", pem.as_bytes()].concat();
    for (name, entries) in [
        ("between", vec![padded(base(), &more), small(b"x")]),
        ("behind the last", vec![base(), padded(small(b"x"), &more)]),
        ("behind a tree", vec![padded(Entry::object(TREE, sha1(b"tree 0\0"), 0, &stored(b"")), &more), base()]),
        ("behind a delta", vec![base(), padded(key_free_delta(), &more), small(b"x")]),
        ("in the place of an entry", vec![base(), Entry { id: blob_id(b"q"), bytes: more.clone() }]),
        ("in a stream that is damaged", vec![base(), Entry::object(BLOB, blob_id(b"q"), 3, &more)]),
    ] {
        let repo = Repo::init(ground.join(name), &["--bare"]);
        pack(&repo.dir.join("objects/pack"), &entries);
        let seen = scan(&repo.dir, &["."]);
        assert_eq!((seen.code, found(&seen)), (Some(1), 1), "{name}: {:?}", seen.gaps());
        assert!(seen.gap("damaged") && !seen.complete(), "{name}: {:?}", seen.gaps());
    }
}

fn key_free_delta() -> Entry {
    Entry::delta(blob_id(b"abcabc"), blob_id(b"abc"), &[number_of(3), number_of(6), inserted(b"abcabc")].concat())
}

/// Builds a case in a directory.
type Make<'a> = &'a dyn Fn(&Path);

#[test]
fn what_is_called_something_else_than_it_is() {
    let ground = Ground::new("hostile-called");
    let pem = key_pem(1);
    let bytes = pem.as_bytes();
    let tree = Entry::object(TREE, blob_id(b"t"), bytes.len() as u64, &stored(bytes));
    let as_tree = format!("tree {}\0{pem}", bytes.len());
    let as_blob = format!("blob {}\0{pem}", bytes.len());
    let objects = |place: &Path| place.join("bare.git/objects");
    let cases: [(&str, Make<'_>); 8] = [
        ("a tree of a pack", &|place| pack(&objects(place).join("pack"), std::slice::from_ref(&tree))),
        ("a loose tree", &|place| loose(&objects(place), &blob_id(b"t"), &stored(as_tree.as_bytes()))),
        ("a loose object that a pack has too", &|place| {
            pack(&objects(place).join("pack"), &[base()]);
            loose(&objects(place), &blob_id(b"abc"), &stored(as_blob.as_bytes()));
        }),
        ("an object that another pack has too", &|place| {
            pack(&objects(place).join("pack"), &[base()]);
            let other = Entry::object(BLOB, blob_id(b"abc"), bytes.len() as u64, &stored(bytes));
            pack(&objects(place).join("pack"), &[other]);
        }),
        ("a pack without the end of its name", &|place| {
            pack(
                &objects(place).join("pack"),
                &[Entry::object(BLOB, blob_id(bytes), bytes.len() as u64, &stored(bytes))],
            );
            for file in files(&objects(place).join("pack"), "") {
                let name = if file.extension().is_some_and(|end| end == "pack") { "x.keep" } else { "y.rev" };
                std::fs::rename(&file, file.with_file_name(name)).expect("renamed");
            }
        }),
        ("objects that are said to be elsewhere", &|place| {
            Repo::init(place.join("other.git"), &["--bare"]);
            std::fs::write(place.join("bare.git/commondir"), "../other.git\n").expect("written");
            loose(&objects(place), &blob_id(bytes), &stored(as_blob.as_bytes()));
        }),
        ("objects of no repository", &|place| {
            loose(&place.join("store/objects"), &blob_id(bytes), &stored(as_blob.as_bytes()));
        }),
        ("a loose object somewhere", &|place| put(&place.join("somewhere.bin"), stored(as_blob.as_bytes()))),
    ];
    for (name, make) in cases {
        let place = ground.join(name);
        Repo::init(place.join("bare.git"), &["--bare"]);
        make(&place);
        let seen = scan(&place, &["."]);
        assert!(seen.code == Some(1) && found(&seen) >= 1, "{name}: {:?} {:?}", seen.code, seen.gaps());
    }
}

#[test]
fn a_key_in_the_text_of_a_bundle() {
    let ground = Ground::new("hostile-bundle");
    let repo = repository(&ground.join("repo"));
    repo.git(&["bundle", "create", "-q", "all.bundle", "--all"]);
    let bundle = std::fs::read(repo.dir.join("all.bundle")).expect("read");
    let line = bundle.iter().position(|byte| *byte == b'\n').expect("a line") + 1;
    let (head, rest) = bundle.split_at(line);
    // Its header is also read as bytes, and is not taken for an unopened bundle.
    let strict = scan(&repo.dir, &["--strict", "all.bundle"]);
    assert_eq!(strict.code, Some(0), "{:?}", strict.gaps());
    let pem = key_pem(1);
    for (name, bytes) in [
        ("among the refs", [head, pem.as_bytes(), rest].concat()),
        ("a header and nothing else", [head, pem.as_bytes()].concat()),
        ("a header and no pack", [head, pem.as_bytes(), b"\n\nno pack"].concat()),
        ("of a version that nobody knows", [b"# v9 git bundle\n", pem.as_bytes(), rest].concat()),
    ] {
        let place = ground.join(name);
        put(&place.join("x.bundle"), bytes);
        let seen = scan(&place, &["."]);
        assert_eq!((seen.code, found(&seen)), (Some(1), 1), "{name}: {:?}", seen.gaps());
    }
}

/// The memory limit holds for a pack that is a tree of deltas: every level holds a large object while the next is read.
#[test]
fn a_tree_of_deltas_is_read_in_bounded_memory() {
    let ground = Ground::new("hostile-deltas");
    // Objects of 16 MB, each based on the last but one: a walk that keeps what it needs later would keep all of them.
    let (zeros, size) = bomb(b"", 62_000);
    let marker = format!("-----BEGIN RSA {}-----", "PRIVATE KEY");
    let (mut entries, mut ids) = (vec![Entry::object(BLOB, [1; 20], size, &zeros)], vec![[1; 20]]);
    let copy = |length: u64| -> Vec<u8> {
        let mut code = Vec::new();
        let (mut at, mut left) = (0_u64, length);
        while left > 0 {
            let many = left.min(0xff_ffff);
            code.push(0xff);
            code.extend(&(at as u32).to_le_bytes());
            code.extend(&(many as u32).to_le_bytes()[..3]);
            (at, left) = (at + many, left - many);
        }
        code
    };
    // A binary tree, eight levels deep: each node has two children, and the leaves contain a marker, so that each is
    // built.
    let mut level = vec![0_usize];
    for depth in 0..7_u8 {
        let mut next = Vec::new();
        for parent in level {
            for side in 0..2_u8 {
                let mut id = [depth + 2; 20];
                id[1] = ids.len() as u8;
                id[2] = side;
                let text = format!("{marker}{:08}", ids.len());
                let code = [copy(size - text.len() as u64), inserted(text.as_bytes())].concat();
                entries.push(Entry::delta(id, ids[parent], &[number(size), number(size), code].concat()));
                next.push(ids.len());
                ids.push(id);
            }
        }
        level = next;
    }
    let repo = Repo::init(ground.join("repo"), &["--bare"]);
    pack(&repo.dir.join("objects/pack"), &entries);
    put(&repo.dir.join("objects/pack/beside.keep"), key_pem(1));
    for index in [true, false] {
        for file in files(&repo.dir.join("objects/pack"), ".idx").into_iter().filter(|_| !index) {
            std::fs::remove_file(file).expect("removed");
        }
        for held in ["256M", "32M"] {
            let peak = peak(&repo.dir, &["--jobs", "2", "--max-held", held, "."]);
            assert!(peak < 330 << 10, "{peak} KiB with --max-held {held}, index: {index}");
        }
    }
}

/// Peak memory of a scan, in KiB. The scan has to find the key next to the pack.
fn peak(directory: &Path, args: &[&str]) -> u64 {
    let mut command = keyradius(directory, args);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it runs");
    let mut peak = 0;
    let status = loop {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let now = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok()).unwrap_or(0);
        peak = peak.max(now);
        if let Some(status) = child.try_wait().expect("it waits") {
            break status;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    assert_eq!(status.code(), Some(1));
    peak
}

/// Work on a pack is limited: the rest is counted, and everything else is still reported.
#[test]
fn a_pack_that_costs_too_much_work() {
    let ground = Ground::new("hostile-work");
    let repo = Repo::init(ground.join("repo"), &["--bare"]);
    let (zeros, size) = bomb(b"", 20_000);
    let entries: Vec<Entry> = (0..60_u8).map(|n| Entry::object(BLOB, [n; 20], size, &zeros)).collect();
    pack(&repo.dir.join("objects/pack"), &entries);
    put(&repo.dir.join("description"), key_pem(1));
    let seen = scan(&repo.dir, &["--max-expanded", "20M", "--max-ratio", "2", "--jobs", "1", "."]);
    assert_eq!((seen.code, found(&seen)), (Some(1), 1), "{:?}", seen.gaps());
    assert!(seen.gap("too_much_output") && !seen.complete(), "{:?}", seen.gaps());
    assert!(scan(&repo.dir, &["."]).complete(), "at default limits it is read");
}

/// A file truncated while it is read affects only itself: no signal, a message, and everything else.
#[test]
fn files_that_are_cut_short_while_they_are_read() {
    let ground = Ground::new("hostile-truncated");
    let repo = repository(&ground.join("repo"));
    let mut rng = Rng::new(5);
    let mut plants = Plants::default();
    for number in 0..60 {
        let text: Vec<u8> = (0..4000).flat_map(|_| format!("{:x}\n", rng.below(1 << 30)).into_bytes()).collect();
        repo.file(&format!("data{number}.txt"), &text);
    }
    repo.file("hidden.pem", plants.pem(&mut rng).as_bytes());
    repo.git(&["add", "."]);
    repo.git(&["commit", "-q", "-m", "Data"]);
    repo.git(&["repack", "-adfq"]);
    repo.git(&["bundle", "create", "-q", "all.bundle", "--all"]);
    repo.git(&["rm", "-q", "--cached", "hidden.pem"]);
    std::fs::remove_file(repo.dir.join("hidden.pem")).expect("removed");
    repo.file("beside.pem", key_pem(1).as_bytes());
    let mut targets = files(&repo.dir.join(".git/objects/pack"), "");
    targets.extend(["all.bundle", "data1.txt"].map(|name| repo.dir.join(name)));
    assert_eq!(try_scan(&repo.dir, &["."]).code, Some(1));
    let mut pauses = Pauses::growing_by(4);
    for round in 0..40 {
        let file = &targets[round % targets.len()];
        let bytes = std::fs::read(file).expect("read");
        let mut child = keyradius(&repo.dir, &["--jobs", "2", "."]).stdout(Stdio::piped()).spawn().expect("it runs");
        pauses.outlast(&mut child);
        let signal = |name: &str| {
            let _ = Command::new("kill").args([name, &child.id().to_string()]).stderr(Stdio::null()).status();
        };
        signal("-STOP");
        let cut = rng.below(bytes.len()) as u64;
        let _ = Command::new("chmod").arg("u+w").arg(file).status();
        std::fs::File::options().write(true).open(file).and_then(|file| file.set_len(cut)).expect("cut");
        signal("-CONT");
        let mut report = String::new();
        std::io::Read::read_to_string(&mut child.stdout.take().expect("a pipe"), &mut report).expect("read");
        let status = child.wait().expect("an end");
        put(file, &bytes);
        let what = format!("{} cut to {cut} of {} bytes", file.display(), bytes.len());
        assert_eq!(status.code(), Some(1), "{what}: {status:?}");
        assert!(report.contains("beside.pem"), "{what}");
    }
}

/// More packs than may be open at a time, and more than are reported by name.
#[test]
fn more_packs_than_may_be_open() {
    let ground = Ground::new("hostile-many-packs");
    let repo = Repo::init(ground.join("repo"), &["--bare"]);
    let objects = repo.dir.join("objects/pack");
    for number in 0..700_u32 {
        let text = number.to_string();
        pack(&objects, &[Entry::object(BLOB, blob_id(text.as_bytes()), text.len() as u64, &stored(text.as_bytes()))]);
    }
    let pem = key_pem(1);
    pack(&objects, &[Entry::object(BLOB, blob_id(pem.as_bytes()), pem.len() as u64, &stored(pem.as_bytes()))]);
    let mut command = Command::new("sh");
    let binary = env!("CARGO_BIN_EXE_keyradius");
    let script = "ulimit -n 512; exec \"$0\" scan --no-config --format json .";
    let output = command.args(["-c", script, binary]).current_dir(&repo.dir).output().expect("it runs");
    let report = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{report}");
    assert!(report.contains(&hex(&blob_id(pem.as_bytes()))[..12]) && report.contains("\"complete\": true"), "{report}");
}
