//! Ways to push a key: each has to end with the key refused at its place.

use std::fmt::Write as _;

use super::super::boxes::{gzip, tar};
use super::server::{commit, hooked, object, push, push_of_shallow, push_raw, tree, unhooked};
use crate::hook::repo::Repo;
use crate::workshop::{Ran, base64, key_der, key_pem};

/// A case: its name, the push, the expected messages.
pub(super) type Case = (&'static str, fn(&mut Repo) -> Ran, &'static [&'static str]);

pub(super) const CASES: &[Case] = &[
    (
        "a key that the pack holds and nothing reaches",
        |r| {
            let tip = r.file("x", "1").commit_all("x").answer(&["rev-parse", "HEAD"]);
            let (root, x) = (r.answer(&["rev-parse", "HEAD^{tree}"]), r.answer(&["rev-parse", "HEAD:x"]));
            let key = object(r, "blob", key_pem(1).as_bytes());
            push_raw(r, "refs/heads/x", &tip, &[&tip, &root, &x, &key])
        },
        &[", not reachable from a new commit:1"],
    ),
    (
        "a key in the padding behind a member of a tar, which no program reads",
        |r| {
            let (mut archive, key) = (tar(&[(b"a.txt", b"x")]), format!("\n{}", key_pem(1)));
            let padding = archive.get_mut(514..514 + key.len()).expect("the second block");
            padding.copy_from_slice(key.as_bytes());
            r.file("a.tar", archive).commit_all("an archive");
            push(r, &["origin", "HEAD:refs/heads/x"])
        },
        &["at    a.tar"],
    ),
    (
        "a key in the certificate of a signed push, which git stores",
        |r| {
            r.git(&["-C", "../server.git", "config", "receive.certNonceSeed", "seed"]).passes("configured");
            let place = r.file("x", "1").commit_all("x").place();
            let made = std::process::Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f", "../signer"])
                .current_dir(place)
                .status();
            assert!(made.is_ok_and(|made| made.success()), "ssh-keygen");
            r.git(&["config", "gpg.format", "ssh"]).passes("configured");
            r.git(&["config", "user.signingkey", "../signer"]).passes("configured");
            push(r, &["--signed", "-o", &format!("x={}", base64(&key_der(1))), "origin", "HEAD:refs/heads/x"])
        },
        &[", not reachable from a new commit"],
    ),
    (
        "a commit that names an object which was there before, unreachable",
        |r| {
            let key = object(r, "blob", key_pem(1).as_bytes());
            r.file("../key", key_pem(1));
            r.git(&["-C", "../server.git", "hash-object", "-w", "../key"]).passes("stored");
            let root = tree(r, &[("100644", "a.pem", &key)]);
            let tip = commit(r, &root, &["main"]);
            push_raw(r, "refs/heads/x", &tip, &[&tip, &root])
        },
        &["at    a.pem:1  in commit"],
    ),
    (
        "a locked key in a folder of tests",
        |r| {
            let place = r.file("tests/fixtures/k.pem", key_pem(1)).place().join("tests/fixtures");
            let locked = ["pkcs8", "-topk8", "-in", "k.pem", "-out", "l.pem", "-passout", "pass:tr0ub4dor"];
            let made = std::process::Command::new("openssl").args(locked).current_dir(&place).output();
            assert!(made.as_ref().is_ok_and(|made| made.status.success()), "{made:?}");
            std::fs::remove_file(place.join("k.pem")).expect("removed");
            r.commit_all("fixtures");
            push(r, &["origin", "HEAD:refs/heads/x"])
        },
        &["at    tests/fixtures/l.pem:1  in commit"],
    ),
    (
        "a branch that was let in, deleted, and comes again",
        |r| {
            r.file("a.pem", key_pem(1)).commit_all("key");
            assert_eq!(push(r, &["-o", "keyradius.allow=once", "origin", "HEAD:refs/heads/x"]).code, Some(0));
            push(r, &["origin", ":x"]).passes("deleted");
            push(r, &["origin", "HEAD:refs/heads/again"])
        },
        &["at    a.pem:1  in commit"],
    ),
    (
        "a commit that is on the server already",
        |r| {
            r.file("a.pem", key_pem(1)).commit_all("key");
            let tip = r.answer(&["rev-parse", "HEAD"]);
            unhooked(r);
            push(r, &["origin", "HEAD:refs/heads/x"]).passes("before the hook");
            push(r, &["origin", ":x"]).passes("deleted");
            hooked(r, "");
            // No object is sent.
            push_raw(r, "refs/heads/y", &tip, &[])
        },
        &["at    a.pem:1  in commit"],
    ),
    (
        "an object that only an alternate has",
        |r| {
            let format = format!("--object-format={}", r.answer(&["rev-parse", "--show-object-format"]));
            r.file("a.pem", key_pem(1)).commit_all("key");
            r.git(&["init", "-q", "--bare", &format, "../other.git"]).passes("other");
            push(r, &["../other.git", "HEAD:refs/heads/x"]).passes("to the other");
            let other = r.around().join("other.git/objects");
            r.file("../server.git/objects/info/alternates", format!("{}\n", other.display()));
            push(r, &["origin", "HEAD:refs/heads/x"])
        },
        &["at    a.pem:1  in commit"],
    ),
    (
        "a key that the second of two commits has at the same path",
        |r| {
            r.file("a.pem", key_pem(1)).commit_all("key").file("a.pem", key_pem(1) + "more\n").commit_all("edit");
            push(r, &["origin", "main"])
        },
        &["this push would add 1 new key", "at    a.pem:1  in commit"],
    ),
    (
        "two branches, one built on the other",
        |r| {
            r.file("a.pem", key_pem(1)).commit_all("key").git(&["branch", "one"]).passes("one");
            r.file("a.pem", key_pem(1) + "more\n").commit_all("edit");
            push(r, &["origin", "main", "one"])
        },
        &["at    a.pem:1  in commit"],
    ),
    (
        "a merge that brings what no parent has",
        |r| {
            r.git(&["checkout", "-q", "-b", "side"]).passes("side");
            r.file("s", "s").commit_all("side").git(&["checkout", "-q", "main"]).passes("main");
            r.file("m", "m").commit_all("main").git(&["merge", "-q", "--no-commit", "side"]);
            r.file("a.pem", key_pem(1)).commit_all("merge");
            push(r, &["origin", "main"])
        },
        &["at    a.pem:1  in commit"],
    ),
    (
        "a ref to a blob",
        |r| {
            let key = object(r, "blob", key_pem(1).as_bytes());
            push(r, &["origin", &format!("{key}:refs/tags/x")])
        },
        &["at    object "],
    ),
    (
        "a ref to a tree",
        |r| {
            let key = object(r, "blob", &key_der(1));
            let root = tree(r, &[("100644", "a.der", &key)]);
            push(r, &["origin", &format!("{root}:refs/x/y")])
        },
        &["at    a.der:1"],
    ),
    (
        "a tag of a tag of a blob",
        |r| {
            let key = object(r, "blob", key_pem(1).as_bytes());
            r.git(&["tag", "-a", "-m", "x", "one", &key]).passes("one");
            r.git(&["tag", "-a", "-m", "x", "two", "one"]).passes("two");
            push(r, &["origin", "two"])
        },
        &["at    object "],
    ),
    (
        "a key that was known at its path, and a ref to its blob",
        |r| {
            r.file("a.pem", key_pem(1)).commit_all("key");
            assert_eq!(push(r, &["-o", "keyradius.allow=once", "origin", "main"]).code, Some(0));
            r.file("a.pem", key_pem(1) + "more\n").commit_all("edit");
            let blob = r.answer(&["rev-parse", "HEAD:a.pem"]);
            push(r, &["origin", "main", &format!("{blob}:refs/tags/x")])
        },
        &["this push would add 1 new key"],
    ),
    (
        "the message of a tag",
        |r| {
            r.file("../message", key_pem(1)).git(&["tag", "-a", "-F", "../message", "x"]).passes("tag");
            push(r, &["origin", "x"])
        },
        &["at    tag "],
    ),
    (
        "an archive as the message of a commit",
        |r| {
            let root = r.answer(&["rev-parse", "main^{tree}"]);
            let parent = r.answer(&["rev-parse", "main"]);
            let header = format!("tree {root}\nparent {parent}\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\n");
            let tip = object(r, "commit", &[header.into_bytes(), gzip(key_pem(1).as_bytes())].concat());
            push_raw(r, "refs/heads/x", &tip, &[&tip])
        },
        &["at    commit "],
    ),
    (
        "an archive as the message of a tag",
        |r| {
            let main = r.answer(&["rev-parse", "main"]);
            let header = format!("object {main}\ntype commit\ntag x\ntagger a <a@b> 1 +0000\n\n");
            let tag = object(r, "tag", &[header.into_bytes(), gzip(key_pem(1).as_bytes())].concat());
            push_raw(r, "refs/tags/x", &tag, &[&tag])
        },
        &["at    tag "],
    ),
    (
        "an archive as the message of a large commit, behind a long header",
        |r| {
            let root = r.answer(&["rev-parse", "main^{tree}"]);
            let parent = r.answer(&["rev-parse", "main"]);
            let header = format!("tree {root}\nparent {parent}\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n");
            let long = format!("more {}\n\n", "x".repeat(500_000));
            let tail = vec![b'-'; 6 << 20];
            let message = gzip(&[key_pem(1).as_bytes(), &tail].concat());
            let bytes = [header.as_bytes(), long.as_bytes(), &message, &tail].concat();
            let tip = object(r, "commit", &bytes);
            push_raw(r, "refs/heads/x", &tip, &[&tip])
        },
        &["at    commit "],
    ),
    (
        "a note",
        |r| {
            r.file("../note", key_pem(1)).git(&["notes", "add", "-F", "../note"]).passes("note");
            push(r, &["origin", "refs/notes/commits"])
        },
        &["in commit"],
    ),
    (
        "a replacement of a blob without a key",
        |r| {
            let (key, old) = (object(r, "blob", key_pem(1).as_bytes()), r.answer(&["rev-parse", "HEAD:readme.md"]));
            r.git(&["replace", &old, &key]).passes("replace");
            push(r, &["origin", "refs/replace/*"])
        },
        &["at    object "],
    ),
    (
        "a commit that is replaced by one without the key",
        |r| {
            r.git(&["tag", "clean"]).passes("clean");
            r.file("a.pem", key_pem(1)).commit_all("key").git(&["replace", "HEAD", "clean"]).passes("replace");
            push(r, &["-f", "origin", "main", "refs/replace/*"])
        },
        &["at    a.pem:1  in commit"],
    ),
    (
        "a hidden ref",
        |r| {
            r.git(&["-C", "../server.git", "config", "transfer.hideRefs", "refs/hidden"]).passes("hide");
            r.file("a.pem", key_pem(1)).commit_all("key");
            unhooked(r);
            r.git(&["-C", "../server.git", "config", "--unset", "transfer.hideRefs"]).passes("show");
            push(r, &["origin", "HEAD:refs/hidden/x"]).passes("before the hook");
            r.git(&["-C", "../server.git", "update-ref", "-d", "refs/hidden/x"]).passes("gone");
            hooked(r, "");
            push(r, &["origin", "HEAD:refs/heads/x"])
        },
        &["at    a.pem:1  in commit"],
    ),
    (
        "a push from a shallow clone",
        |r| {
            r.git(&["-C", "../server.git", "config", "receive.shallowUpdate", "true"]).passes("shallow");
            r.file("b", "b").commit_all("b");
            let origin = format!("file://{}", r.place().display());
            r.git(&["clone", "-q", "--depth=1", &origin, "../shallow"]).passes("clone");
            r.go("shallow").file("c", "c").commit_all("c");
            push(r, &["../server.git", "HEAD:refs/heads/no-key"]).passes("no key");
            r.file("a.pem", key_pem(1)).commit_all("key");
            push(r, &["../server.git", "HEAD:refs/heads/x"])
        },
        &["at    a.pem:1  in commit"],
    ),
    (
        "an object that a shallow push left out and a later one brings",
        |r| {
            r.git(&["-C", "../server.git", "config", "receive.shallowUpdate", "true"]).passes("shallow");
            let key = object(r, "blob", key_pem(1).as_bytes());
            let root = tree(r, &[("100644", "a.pem", &key)]);
            let lacks = commit(r, &root, &[]);
            // Git accepts this: it does not check what a commit declared without parents refers to.
            push_of_shallow(r, Some(&lacks), "refs/heads/lacks", &lacks, &[&lacks, &root]).passes("without the key");
            let other = commit(r, &tree(r, &[]), &["main"]);
            push_raw(r, "refs/heads/x", &other, &[&other, &tree(r, &[]), &key])
        },
        &[", not reachable from a new commit:1"],
    ),
    (
        "a tree that a shallow push left out, over a key that lies there",
        |r| {
            r.git(&["-C", "../server.git", "config", "receive.shallowUpdate", "true"]).passes("shallow");
            let key = object(r, "blob", key_pem(1).as_bytes());
            let root = tree(r, &[("100644", "a.pem", &key)]);
            let lacks = commit(r, &root, &[]);
            push_of_shallow(r, Some(&lacks), "refs/heads/lacks", &lacks, &[&lacks]).passes("without the tree");
            r.file("../key", key_pem(1));
            r.git(&["-C", "../server.git", "hash-object", "-w", "../key"]).passes("stored");
            let other = commit(r, &tree(r, &[]), &["main"]);
            push_raw(r, "refs/heads/x", &other, &[&other, &tree(r, &[]), &root])
        },
        &[", not reachable from a new commit:1"],
    ),
    (
        "a commit upon one whose tree was left out, with that tree over a key that lies there",
        |r| {
            r.git(&["-C", "../server.git", "config", "receive.shallowUpdate", "true"]).passes("shallow");
            let key = object(r, "blob", key_pem(1).as_bytes());
            let root = tree(r, &[("100644", "a.pem", &key)]);
            let lacks = commit(r, &root, &[]);
            push_of_shallow(r, Some(&lacks), "refs/heads/lacks", &lacks, &[&lacks]).passes("without the tree");
            let other = commit(r, &tree(r, &[]), &["main"]);
            push(r, &["origin", &format!("{other}:refs/heads/other")]).passes("while the tree is not there");
            r.file("../key", key_pem(1));
            r.git(&["-C", "../server.git", "hash-object", "-w", "../key"]).passes("stored");
            let upon = commit(r, &root, &[&lacks]);
            push_raw(r, "refs/heads/x", &upon, &[&upon, &root])
        },
        &[", not reachable from a new commit:1"],
    ),
    (
        "a file of Chinese characters that git writes as the PEM that they are in UTF-16",
        |r| {
            let mut pem = key_pem(1).into_bytes();
            pem.resize(pem.len().next_multiple_of(2), b'\n');
            let units: Vec<u16> = pem.chunks(2).map(|two| u16::from_le_bytes([two[0], two[1]])).collect();
            let key = object(r, "blob", String::from_utf16(&units).expect("no surrogates").as_bytes());
            let attributes = object(r, "blob", b"h.txt working-tree-encoding=UTF-16LE\n");
            let root = tree(r, &[("100644", ".gitattributes", &attributes), ("100644", "h.txt", &key)]);
            let tip = commit(r, &root, &["main"]);
            push(r, &["origin", &format!("{tip}:refs/heads/x")])
        },
        &["at    h.txt!reencoded:1  in commit"],
    ),
    (
        "a file that is a key in every archive",
        |r| {
            let escaped: String = key_pem(1).bytes().map(|byte| format!("%x{byte:02x}")).collect();
            let key = object(r, "blob", format!("$Format:{escaped}$").as_bytes());
            let attributes = object(r, "blob", b"k export-subst\n");
            let root = tree(r, &[("100644", ".gitattributes", &attributes), ("100644", "k", &key)]);
            let tip = commit(r, &root, &["main"]);
            push(r, &["origin", &format!("{tip}:refs/heads/x")])
        },
        &["at    k!reencoded:1  in commit"],
    ),
    (
        "a PEM that is in pieces until it is in an archive",
        |r| {
            let parted = key_pem(1).replace("PRIVATE", "PRI$Format:%Creset$VATE").replace("END", "E$Format:$ND");
            r.file(".gitattributes", "k export-subst\n").file("k", parted).commit_all("key");
            push(r, &["origin", "main"])
        },
        &["at    k!reencoded:1  in commit"],
    ),
    (
        "a key in place of a submodule that has its name",
        |r| {
            let key = object(r, "blob", key_pem(1).as_bytes());
            let link = commit(r, &tree(r, &[("160000", "k.pem", &key)]), &["main"]);
            push(r, &["origin", &format!("{link}:refs/heads/x")]).passes("a submodule holds nothing");
            let file = commit(r, &tree(r, &[("100644", "k.pem", &key)]), &[&link]);
            push(r, &["origin", &format!("{file}:refs/heads/x")])
        },
        &["at    k.pem:1  in commit"],
    ),
    (
        "a tree whose entries have one name and no order",
        |r| {
            let (key, no) = (object(r, "blob", key_pem(1).as_bytes()), object(r, "blob", b"nothing"));
            let root = tree(r, &[("100644", "z", &no), ("100644", "a.pem", &no), ("100644", "a.pem", &key)]);
            let tip = commit(r, &root, &["main"]);
            push_raw(r, "refs/heads/x", &tip, &[&tip, &root, &key, &no])
        },
        &["at    a.pem:1  in commit"],
    ),
    (
        "a million paths from a kilobyte",
        |r| {
            let key = object(r, "blob", key_pem(1).as_bytes());
            let names: Vec<String> = (0..10).map(|n| format!("d{n}")).collect();
            let all = |mode: &'static str, oid: &str| {
                let entries: Vec<_> = names.iter().map(|name| (mode, name.as_str(), oid)).collect();
                tree(r, &entries)
            };
            let root = (0..5).fold(all("100644", &key), |below, _| all("40000", &below));
            let tip = commit(r, &root, &["main"]);
            push(r, &["origin", &format!("{tip}:refs/heads/x")])
        },
        &["at    d0/d0/d0/d0/d0/d0:1"],
    ),
    (
        "a configuration of 200,000 globs",
        |r| {
            let globs = (0..200_000).fold(String::new(), |mut globs, n| {
                let _ = writeln!(globs, "[[allow]]\npath = \"a{n}/**/*.pem\"\nreason = \"x\"");
                globs
            });
            r.file("keyradius.toml", globs).file("a.pem", key_pem(1)).commit_all("key");
            push(r, &["origin", "main"])
        },
        &["at    a.pem:1  in commit", "Ignored on a server: the keyradius.toml of this push"],
    ),
    (
        "a tree of 20 MB",
        |r| {
            let key = object(r, "blob", key_pem(1).as_bytes());
            let names: Vec<String> = (0..600_000).map(|n| format!("f{n:07}")).collect();
            let entries: Vec<_> = names.iter().map(|name| ("100644", name.as_str(), key.as_str())).collect();
            let tip = commit(r, &tree(r, &entries), &["main"]);
            push(r, &["origin", &format!("{tip}:refs/heads/x")])
        },
        &["this push would add 1 new key"],
    ),
];

/// Content that a hook cannot read: the hook reports it, and refuses the push.
pub(super) const UNREAD: &[Case] = &[
    ("files that git writes in EBCDIC", |r| pushed_attribute(r, "IBM037"), &[FILES]),
    ("files in a code page between those with ASCII", |r| pushed_attribute(r, "CP870"), &[FILES]),
    ("files in a name that only converters read", |r| pushed_attribute(r, "IBM(037)"), &[FILES]),
    ("files in units of four bytes", |r| pushed_attribute(r, "UCS-4LE"), &[FILES]),
    ("files whose letters are written as others", |r| pushed_attribute(r, "ASCII//TRANSLIT"), &[FILES]),
    ("files in what nobody knows", |r| pushed_attribute(r, "x-mine"), &[FILES]),
    ("a commit in EBCDIC", |r| pushed_header(r, "IBM037"), &[MESSAGE]),
    ("a commit in EBCDIC with other letters", |r| pushed_header(r, "CP875"), &[MESSAGE]),
    ("a commit in an encoding with blanks in its name", |r| pushed_header(r, "\"IBM 037"), &[MESSAGE]),
    ("a commit in an encoding with a state", |r| pushed_header(r, "ISO-2022-JP"), &[MESSAGE]),
];

const FILES: &str = "git writes files in an unsupported encoding";
const MESSAGE: &str = "commit in an unsupported encoding";

/// Pushes an attributes file that names an encoding.
fn pushed_attribute(r: &mut Repo, encoding: &str) -> Ran {
    let attributes = object(r, "blob", format!("h.txt working-tree-encoding={encoding}\n").as_bytes());
    let root = tree(r, &[("100644", ".gitattributes", &attributes)]);
    let tip = commit(r, &root, &["main"]);
    push(r, &["origin", &format!("{tip}:refs/heads/x")])
}

/// Pushes a commit that names its encoding.
fn pushed_header(r: &mut Repo, encoding: &str) -> Ran {
    let parent = r.answer(&["rev-parse", "main"]);
    let who = "a <a@b> 1700000000 +0000";
    let root = tree(r, &[]);
    let head = format!("tree {root}\nparent {parent}\nauthor {who}\ncommitter {who}\nencoding {encoding}\n\n");
    let tip = object(r, "commit", &[head.as_bytes(), b"%%\x60\x60\x60\x60\x60\xc2\xc5\xc7\xc9\xd5"].concat());
    push(r, &["origin", &format!("{tip}:refs/heads/x")])
}
