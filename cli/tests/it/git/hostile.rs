//! Hostile repositories: the scan does not hang, exceed its memory or execute anything, and finds the keys next to the
//! trap.

use std::path::Path;
use std::process::Command;

use super::handmade::{BLOB, Entry, blob_id, bomb, hex, loose, number, pack, stored};
use super::plant::Plants;
use super::repo::{Ground, Repo, files};
use super::rng::Rng;
use super::seen::{Seen, scan};

/// A repository with one commit, whose file `key.pem` contains a key and is no longer in the work tree. Also returns
/// the blob's id.
fn small(folder: &Path) -> (Repo, String) {
    let repo = Repo::init(folder, &[]);
    let mut plants = Plants::default();
    let seed = folder.to_string_lossy().bytes().fold(7, |sum, byte| sum * 31 % 1_000_003 + u64::from(byte));
    repo.file("key.pem", plants.pem(&mut Rng::new(seed)).as_bytes());
    repo.git(&["add", "."]);
    repo.git(&["commit", "-q", "-m", "One"]);
    std::fs::remove_file(repo.dir.join("key.pem")).expect("removed");
    let id = repo.git(&["rev-parse", "main:key.pem"]);
    (repo, id)
}

fn fifo(path: &Path) {
    let _ = std::fs::remove_file(path);
    assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo runs").success());
}

#[track_caller]
fn finds(repo: &Repo, ids: &[&String], what: &str) -> Seen {
    let seen = scan(&repo.dir, &["."]);
    let found = seen.objects();
    assert!(ids.iter().all(|id| found.contains(*id)), "{what}: {found:?}, gaps {:?}", seen.gaps());
    seen
}

#[test]
fn alternates_of_every_kind() {
    let ground = Ground::new("hostile-alternates");
    for (name, text, told) in [
        ("itself", "SELF/.git/objects\n", false),
        ("itself-relative", "../objects\n", false),
        ("a-loop", "OTHER/.git/objects\n", false),
        ("relative", "../../../other/.git/objects\n", false),
        ("quoted", "\"OTHER/.git/objects\"\n", false),
        ("among-comments", "# a comment\n\nOTHER/.git/objects\n", false),
        ("without-end-of-line", "OTHER/.git/objects", false),
        ("missing", "/nonexistent/objects\n", true),
        ("a-fifo", "FIFO\n", true),
        ("a-device", "/dev/zero\n", true),
        ("no-utf-8", "/\u{1}\u{2}/\\xff\n", true),
    ] {
        let place = ground.join(name);
        let (repo, id) = small(&place.join("self"));
        let (other, other_id) = small(&place.join("other"));
        fifo(&place.join("fifo"));
        let fill = |text: &str| {
            let text = text.replace("SELF", &repo.dir.to_string_lossy()).replace("OTHER", &other.dir.to_string_lossy());
            text.replace("FIFO", &place.join("fifo").to_string_lossy())
        };
        std::fs::write(repo.dir.join(".git/objects/info/alternates"), fill(text)).expect("written");
        if name == "a-loop" {
            std::fs::write(other.dir.join(".git/objects/info/alternates"), fill("SELF/.git/objects\n"))
                .expect("written");
        }
        let both = text.contains("OTHER") || name == "relative";
        let ids = if both { vec![&id, &other_id] } else { vec![&id] };
        let seen = finds(&repo, &ids, name);
        assert_eq!(!seen.complete(), told, "{name}: {:?}", seen.gaps());
    }
    let (repo, id) = small(&ground.join("alternates-are-a-fifo"));
    fifo(&repo.dir.join(".git/objects/info/alternates"));
    finds(&repo, &[&id], "a FIFO");
}

/// git follows alternates five levels deep; deeper ones are not silently left out.
#[test]
fn a_long_chain_of_alternates() {
    let ground = Ground::new("hostile-chain");
    let made: Vec<(Repo, String)> = (0..9).map(|n| small(&ground.join(&n.to_string()))).collect();
    for pair in made.windows(2) {
        let next = pair[1].0.dir.join(".git/objects");
        let file = pair[0].0.dir.join(".git/objects/info/alternates");
        std::fs::write(file, next.to_string_lossy().as_bytes()).expect("written");
    }
    let near: Vec<&String> = made.iter().take(6).map(|(_, id)| id).collect();
    let seen = finds(&made[0].0, &near, "five deep");
    let all = made.iter().all(|(_, id)| seen.objects().contains(id));
    assert!(all || !seen.complete(), "{:?}", seen.gaps());
}

#[test]
fn configuration_is_not_obeyed() {
    let ground = Ground::new("hostile-config");
    let (repo, id) = small(&ground.join("repo"));
    let witness = ground.join("witness");
    let script = ground.join("script.sh");
    std::fs::write(&script, format!("#!/bin/sh\n: > '{}'\n", witness.display())).expect("written");
    assert!(Command::new("chmod").arg("+x").arg(&script).status().expect("chmod runs").success());
    fifo(&ground.join("fifo"));
    let run = script.to_string_lossy();
    let mut config = std::fs::read_to_string(repo.dir.join(".git/config")).expect("read");
    let more = format!(
        "\tfsmonitor = {run}\n\thooksPath = {hooks}\n\talternateRefsCommand = {run}\n\tpager = {run}\n\tsshCommand = {run}\n\
         \tattributesFile = {fifo}\n\texcludesFile = {fifo}\n\tworktree = /dev\n\
         [filter \"f\"]\n\tclean = {run}\n\tsmudge = {run}\n\tprocess = {run}\n\trequired = true\n\
         [diff \"f\"]\n\ttextconv = {run}\n\tcommand = {run}\n[credential]\n\thelper = !{run}\n\
         [uploadpack]\n\tpackObjectsHook = {run}\n[include]\n\tpath = {fifo}\n\tpath = /dev/zero\n\
         [includeIf \"gitdir:/\"]\n\tpath = {fifo}\n",
        hooks = ground.path().display(),
        fifo = ground.join("fifo").display(),
    );
    config.push_str(&more);
    std::fs::write(repo.dir.join(".git/config"), config).expect("written");
    repo.file(".gitattributes", b"* filter=f diff=f\n");
    for hook in ["post-index-change", "reference-transaction", "post-checkout", "fsmonitor-watchman"] {
        std::fs::copy(&script, repo.dir.join(".git/hooks").join(hook)).expect("copied");
    }
    finds(&repo, &[&id], "hostile config");
    assert!(!witness.exists(), "something of the repository was executed");
}

#[cfg(unix)]
#[test]
fn files_of_a_repository_that_are_no_files() {
    use std::os::unix::fs::symlink;
    let ground = Ground::new("hostile-files");
    for name in [
        "HEAD",
        "config",
        "index",
        "packed-refs",
        "shallow",
        "logs/HEAD",
        "logs/refs/heads/main",
        "refs/heads/x",
        "refs/stash",
        "objects/info/alternates",
        "objects/info/commit-graph",
        "objects/pack/multi-pack-index",
        "info/grafts",
        "commondir",
        "objects/ab/00112233445566778899aabbccddeeff001122",
        "objects/pack/pack-00112233445566778899aabbccddeeff00112233.pack",
        "objects/pack/pack-00112233445566778899aabbccddeeff00112233.idx",
        "worktrees/w/gitdir",
        "modules/m/HEAD",
    ] {
        for kind in ["fifo", "loop", "directory", "endless"] {
            let (repo, id) = small(&ground.join(&format!("{}-{kind}", name.replace('/', "-"))));
            let path = repo.dir.join(".git").join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            let _ = std::fs::remove_file(&path);
            match kind {
                "fifo" => fifo(&path),
                "loop" => symlink(path.file_name().expect("a name"), &path).expect("linked"),
                "directory" => std::fs::create_dir(&path).expect("made"),
                _ => symlink("/dev/zero", &path).expect("linked"),
            }
            // Without HEAD or with another common directory, git sees no repository; then the scan only must not hang.
            if matches!(name, "HEAD" | "commondir") {
                let seen = scan(&repo.dir, &["."]);
                assert!(seen.objects().contains(&id) || !seen.complete(), "{name} is a {kind}: {:?}", seen.gaps());
            } else {
                finds(&repo, &[&id], &format!("{name} is a {kind}"));
            }
            std::fs::remove_dir_all(&repo.dir).expect("removed");
        }
    }
    // Old versions of git wrote HEAD as a symbolic link.
    let (repo, id) = small(&ground.join("linked-head"));
    std::fs::remove_file(repo.dir.join(".git/HEAD")).expect("removed");
    symlink("refs/heads/main", repo.dir.join(".git/HEAD")).expect("linked");
    let seen = finds(&repo, &[&id], "HEAD is a link");
    assert!(seen.complete() && seen.hits()[0].git["at_head"] == true, "{:?} {:?}", seen.gaps(), seen.hits());
}

#[cfg(unix)]
#[test]
fn git_files_that_lead_astray() {
    let ground = Ground::new("hostile-gitfile");
    let mut plants = Plants::default();
    let key = plants.pem(&mut Rng::new(1));
    for (name, text) in [
        ("itself", "gitdir: .git\n"),
        ("each-other", "gitdir: ../b/.git\n"),
        ("missing", "gitdir: /nonexistent\n"),
        ("root", "gitdir: /\n"),
        ("proc", "gitdir: /proc/self\n"),
        ("nothing", ""),
        ("noise", "\0\0\0\0"),
        ("long", &format!("gitdir: {}\n", "a/".repeat(100_000))),
    ] {
        let folder = ground.join(name);
        for (one, other) in [("a", "b"), ("b", "a")] {
            let repo = Repo::at(folder.join(one));
            repo.file(".git", text.replace("../b", &format!("../{other}")).as_bytes());
            repo.file("key.pem", key.as_bytes());
        }
        let seen = scan(&folder, &["."]);
        assert_eq!(seen.occurrences().len(), 2, "{name}: the files are read all the same");
    }
}

#[test]
fn refs_that_lead_astray() {
    let ground = Ground::new("hostile-refs");
    let (repo, id) = small(&ground.join("repo"));
    let long = "f".repeat(100_000);
    for (name, text) in [
        ("refs/heads/loop", "ref: refs/heads/loop\n"),
        ("refs/heads/one", "ref: refs/heads/two\n"),
        ("refs/heads/two", "ref: refs/heads/one\n"),
        ("refs/heads/out", "ref: ../../../../etc/passwd\n"),
        ("refs/heads/absent", "0123456789012345678901234567890123456789\n"),
        ("refs/heads/blob", &format!("{id}\n")),
        ("refs/heads/empty", ""),
        ("refs/heads/long", &long),
        ("packed-refs", "# pack-refs with: peeled\nnonsense\n^^^\n0123 refs/heads/short\n"),
        ("logs/refs/heads/main", "nonsense\n0 0 0\n"),
        ("shallow", "nonsense\n"),
    ] {
        repo.file(&format!(".git/{name}"), text.as_bytes());
    }
    finds(&repo, &[&id], "refs");
}

#[test]
fn commits_and_trees_that_no_git_would_write() {
    let ground = Ground::new("hostile-commits");
    let (repo, id) = small(&ground.join("repo"));
    let (tree, main) = (repo.git(&["rev-parse", "main^{tree}"]), repo.git(&["rev-parse", "main"]));
    for (number, (kind, text)) in [
        ("commit", String::new()),
        ("commit", "tree \n\n".into()),
        ("commit", format!("tree {tree}\nparent {main}\nauthor \ncommitter x <> 99999999999999999999999 +9999\n\nx")),
        ("commit", format!("tree {tree}\nauthor A <a@b> -5 +0000\ncommitter \u{1b}[31mA <a@b> -99999999999 -0000\n\n")),
        (
            "commit",
            format!("tree {}\nparent {}\nauthor A <a> 1 +0\ncommitter A <a> 1 +0\n\n", "0".repeat(40), "1".repeat(40)),
        ),
        (
            "commit",
            format!(
                "tree {tree}\n{}author A <a> 1 +0\ncommitter A <a> 1 +0\n\n",
                format!("parent {main}\n").repeat(5000)
            ),
        ),
        ("commit", format!("tree {main}\nauthor A <a> 1 +0\ncommitter A <a> 1 +0\n\n")),
        ("tree", "100644 a".into()),
        ("tree", "999999999999999999999 a\0aaaaaaaaaaaaaaaaaaaa".into()),
        ("tree", "100644 ../../x\0aaaaaaaaaaaaaaaaaaaa40000 .git\0aaaaaaaaaaaaaaaaaaaa".into()),
        ("tag", format!("object {main}\ntype blob\ntag \n\n")),
        ("tag", "object x".into()),
    ]
    .iter()
    .enumerate()
    {
        let made = repo.feed_line(&["hash-object", "-t", kind, "-w", "--literally", "--stdin"], text.as_bytes());
        let name = if *kind == "commit" { "heads" } else { "tags" };
        repo.file(&format!(".git/refs/{name}/n{number}"), format!("{made}\n").as_bytes());
    }
    let seen = finds(&repo, &[&id], "commits");
    assert!(!seen.stdout.contains('\u{1b}') && !seen.stderr.contains('\u{1b}'));
}

#[test]
fn deep_chains_and_deep_trees() {
    let ground = Ground::new("hostile-deep");
    let repo = Repo::init(ground.join("repo.git"), &["--bare"]);
    let (mut rng, mut plants) = (Rng::new(3), Plants::default());
    let (mut stream, mut text) = (Vec::new(), String::new());
    for number in 0..4000 {
        let line = format!("line {number} {:x}\n", rng.next());
        text.push_str(&line);
        let text = if number % 500 == 499 { text.clone() + &plants.pem(&mut rng) } else { text.clone() };
        // Only the last kilobytes, or the chain would take a gigabyte.
        let text = &text[text.len().saturating_sub(3000)..];
        stream.extend(format!("blob\nmark :{}\ndata {}\n{text}\n", number + 1, text.len()).into_bytes());
    }
    let path = format!("{}key.pem", "d/".repeat(1900));
    let key = plants.pem(&mut rng);
    stream.extend(b"commit refs/heads/main\ncommitter C <c@d> 1700000000 +0000\ndata 0\n");
    stream.extend(
        format!("M 100644 :500 chained.txt\nM 100644 inline {path}\ndata {}\n{key}\ndone\n", key.len()).into_bytes(),
    );
    let import = ["-c", "fastimport.unpackLimit=0", "fast-import", "--quiet", "--done", "--depth=4095"];
    repo.feed(&import, &stream);
    let index = files(&repo.dir.join("objects/pack"), ".idx").remove(0);
    let chains = repo.git(&["verify-pack", "-s", &index.to_string_lossy()]);
    assert!(chains.contains("chain length = 3500"), "{}", chains.lines().last().unwrap_or_default());

    let deep = repo.git(&["rev-parse", &format!("main:{path}")]);
    let seen = finds(&repo, &[&deep], "1900 directories");
    let hits = seen.hits();
    assert_eq!(hits.iter().filter(|hit| hit.path.as_deref() == Some(&path)).count(), 1);
    assert_eq!(seen.objects().len(), plants.count(), "every key of a chain of four thousand: {:?}", seen.gaps());
}

#[test]
fn packs_made_by_hand() {
    let ground = Ground::new("hostile-packs");
    let base = vec![b'x'; 1 << 20];
    let id = |name: &str| blob_id(name.as_bytes());
    // Twenty gigabytes from a delta of ninety kilobytes: repeated copies of the whole base.
    let copies = [&[0xf0_u8, 0, 0, 16][..]].concat().repeat(20_000);
    let delta = |size: u64, code: &[u8]| [&number(1 << 20)[..], &number(size), code].concat();
    let (zeros, zeros_size) = bomb(b"", 2_000_000);
    let whole = || Entry::object(BLOB, blob_id(&base), 1 << 20, &stored(&base));
    for (name, entries) in [
        (
            "cycle",
            vec![
                Entry::delta(id("a"), id("b"), &delta(4, b"\x04abcd")),
                Entry::delta(id("b"), id("a"), &delta(4, b"\x04abcd")),
            ],
        ),
        ("itself", vec![Entry::delta(id("a"), id("a"), &delta(4, b"\x04abcd"))]),
        ("absent base", vec![Entry::delta(id("a"), id("nowhere"), &delta(4, b"\x04abcd"))]),
        ("delta bomb", vec![whole(), Entry::delta(id("a"), blob_id(&base), &delta(20_000 << 20, &copies))]),
        ("lying delta", vec![whole(), Entry::delta(id("a"), blob_id(&base), &delta(5, &copies))]),
        ("copy beyond", vec![whole(), Entry::delta(id("a"), blob_id(&base), &delta(1 << 16, b"\x88\x7f"))]),
        ("reserved", vec![whole(), Entry::delta(id("a"), blob_id(&base), &delta(4, b"\x00abcd"))]),
        ("huge size", vec![Entry::object(BLOB, id("a"), 1 << 62, &stored(b"small"))]),
        ("large size", vec![Entry::object(BLOB, id("a"), 3 << 30, &stored(b"small"))]),
        ("small size", vec![Entry::object(BLOB, id("a"), 2, &zeros)]),
        ("bomb", vec![Entry::object(BLOB, id("a"), zeros_size, &zeros)]),
        ("type 0", vec![Entry::object(0, id("a"), 5, &stored(b"small"))]),
        ("type 5", vec![Entry::object(5, id("a"), 5, &stored(b"small"))]),
        ("no zlib", vec![Entry::object(BLOB, id("a"), 5, b"small")]),
        ("wrong id", vec![Entry::object(BLOB, id("a"), 5, &stored(b"small"))]),
    ] {
        let (repo, key) = small(&ground.join(name));
        pack(&repo.dir.join(".git/objects/pack"), &entries);
        let seen = finds(&repo, &[&key], name);
        // A blob of zeros of any size can be read in windows. A wrong id of a blob without a key is not worth a digest
        // of every blob.
        let told = !matches!(name, "bomb" | "wrong id");
        assert!(!told || !seen.complete(), "{name}: nothing is said");
        std::fs::remove_dir_all(&repo.dir).expect("removed");
    }
    let (zeros, _) = bomb(b"blob 5\0", 2_000_000);
    for (name, zlib) in [
        ("loose bomb", &zeros[..]),
        ("loose noise", b"noise"),
        ("loose nothing", b""),
        ("loose huge", &stored(b"blob 99999999999999999999\0abc")),
        ("loose minus", &stored(b"blob -1\0abc")),
        ("loose kind", &stored(b"bulb 3\0abc")),
        ("loose headless", &stored(&[b'b'; 5000])),
    ] {
        let (repo, key) = small(&ground.join(name));
        loose(&repo.dir.join(".git/objects"), &id(name), zlib);
        let seen = finds(&repo, &[&key], name);
        assert!(!seen.complete(), "{name}: nothing is said");
    }
}

/// A key in an object stored under another id is reported, and so is the damage.
#[test]
fn a_key_under_a_false_name() {
    let ground = Ground::new("hostile-name");
    let (repo, key) = small(&ground.join("repo"));
    let pem = Plants::default().pem(&mut Rng::new(9));
    pack(
        &repo.dir.join(".git/objects/pack"),
        &[Entry::object(BLOB, blob_id(b"x"), pem.len() as u64, &stored(pem.as_bytes()))],
    );
    let seen = finds(&repo, &[&key], "a false name");
    assert!(seen.gap("damaged"), "{:?}", seen.gaps());
    assert!(seen.gaps().iter().any(|gap| gap.contains(&hex(&blob_id(b"x"))[..12])), "{:?}", seen.gaps());
    assert_eq!(seen.json["findings"].as_array().map(Vec::len), Some(2), "the key is a key all the same");
}

/// Repositories of other users, and names that are not valid text.
#[cfg(unix)]
#[test]
fn strange_owners_and_strange_names() {
    let ground = Ground::new("hostile-owner");
    let (repo, id) = small(&ground.join("repo"));
    let key = Plants::default().pem(&mut Rng::new(11));
    let stream = [
        &b"commit refs/heads/odd\ncommitter C <c@d> 1700000000 +0000\ndata 0\nM 100644 inline \"a\\377\\033[31m.pem\"\n"[..],
        format!("data {}\n{key}\ndone\n", key.len()).as_bytes(),
    ]
    .concat();
    repo.feed(&["fast-import", "--quiet", "--done"], &stream);
    // This works for the superuser only; otherwise the repository remains the user's own, which has to work as well.
    let _ = Command::new("chown").args(["-R", "12345:12345"]).arg(&repo.dir).output();
    let odd = repo.git(&["rev-parse", "odd^{tree}"]);
    let odd = repo.git(&["ls-tree", &odd]).split(['\t', ' ']).nth(2).expect("an id").to_owned();
    let seen = finds(&repo, &[&id, &odd], "of another user");
    assert!(seen.complete() && !seen.stdout.contains('\u{1b}'), "{:?}", seen.gaps());
    let hit = seen.hits().into_iter().find(|hit| hit.object == odd).expect("found");
    assert_eq!(hit.path.as_deref(), Some("a\\xff\\x1b[31m.pem"));
}
