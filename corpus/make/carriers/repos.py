"""Repositories inside containers, and repositories and backups of other systems."""

import base64
import os

from .core import carrier

KIND = "containers: a repository inside a container"
OTHER = "containers: other version control and backup"
GIT = "git -c user.name=k -c user.email=k@e.org"


def repo(c, name="r", packed=False, bare=False, current=True):
    """A git repository whose keys are in its history; `current` leaves them in the work tree."""
    keys = c.tree(f"{name}")
    c.sh(
        f"cd {name} && git init -q . && git add -A && {GIT} commit -qm one && echo x >> readme.txt && {GIT} commit"
        " -qam two"
    )
    if not current:
        c.sh(f"cd {name} && git rm -qr etc app home web log data && {GIT} commit -qm gone")
    if packed:
        c.sh(f"cd {name} && git gc -q --aggressive")
    for path, key in keys.items():
        c.prove(key, c.sh(f"cd {name} && git show HEAD{'' if current else '~1'}:{path}"), "git show")
    if bare:
        c.sh(f"git clone -q --bare {name} {name}.git && rm -rf {name} && mv {name}.git {name}")
    return keys


CONTAINERS = [
    ("tar", "tar -cf f.tar r", "f.tar", "tar git"),
    ("tgz", "tar -czf f.tgz r", "f.tgz", "tar git"),
    ("zip", "zip -qr f.zip r", "f.zip", "zip git"),
    ("7z", "7z a -bso0 f.7z r", "f.7z", "p7zip-full git"),
    ("squashfs", "mksquashfs r f.sqfs -quiet -no-progress", "f.sqfs", "squashfs-tools git"),
    ("ext4", "truncate -s 6M f.img; mkfs.ext4 -q -N 800 -d r f.img", "f.img", "e2fsprogs git"),
    ("iso", "genisoimage -quiet -R -o f.iso r", "f.iso", "genisoimage git"),
    ("cpio-xz", "find r | cpio --quiet -o -H newc | xz > f.cpio.xz", "f.cpio.xz", "cpio xz-utils git"),
    ("erofs", "mkfs.erofs --quiet -zlz4hc f.erofs r >/dev/null", "f.erofs", "erofs-utils git"),
    ("tar-lz", "tar -c r | lzip > f.tar.lz", "f.tar.lz", "lzip git"),
]
STATES = [
    ("loose-gone", dict(current=False)),
    ("packed-gone", dict(packed=True, current=False)),
    ("bare-packed-gone", dict(packed=True, bare=True, current=False)),
]


def register(name, pack, file, packages, state, options):
    def make(c):
        repo(c, **options)
        c.sh(pack)
        c.take(file)

    carrier(f"repo-{state}-in-{name}", KIND, packages)(make)


for n, row in enumerate(CONTAINERS):
    for m, (state, options) in enumerate(STATES):
        if (n + m) % 3 != 2 or row[0] in ("tar", "zip", "squashfs"):
            register(*row, state, options)


@carrier("repo-bundle", KIND, "git")
def bundle(c):
    repo(c, current=False)
    c.sh("cd r && git bundle create -q ../f.bundle --all")
    c.take("f.bundle")


@carrier("repo-bundle-in-tgz", KIND, "git tar")
def bundle_tgz(c):
    repo(c, current=False)
    c.sh("cd r && git bundle create -q ../b.bundle --all && cd .. && tar -czf f.tgz b.bundle")
    c.take("f.tgz")


@carrier("repo-bundle-in-zip-in-tar", KIND, "git zip")
def bundle_zip(c):
    repo(c, current=False)
    c.sh("cd r && git bundle create -q ../b.bundle --all && cd .. && zip -q b.zip b.bundle && tar -cf f.tar b.zip")
    c.take("f.tar")


@carrier("repo-oci-image-layer", KIND, "git tar")
def layer(c):
    import hashlib
    import json

    repo(c, current=False)
    c.sh("mkdir -p l/app && mv r l/app/r && tar -czf layer.tgz -C l .")
    blob = (c.work / "layer.tgz").read_bytes()
    oci = c.out / "oci/blobs/sha256"
    oci.mkdir(parents=True)

    def add(data):
        name = hashlib.sha256(data).hexdigest()
        (oci / name).write_bytes(data)
        return {"digest": f"sha256:{name}", "size": len(data)}

    config = add(
        json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}).encode()
    )
    kind = "application/vnd.oci.image."
    manifest = add(
        json.dumps(
            {
                "schemaVersion": 2,
                "config": {"mediaType": kind + "config.v1+json", **config},
                "layers": [{"mediaType": kind + "layer.v1.tar+gzip", **add(blob)}],
            }
        ).encode()
    )
    (c.out / "oci/index.json").write_text(
        json.dumps({"schemaVersion": 2, "manifests": [{"mediaType": kind + "manifest.v1+json", **manifest}]})
    )
    (c.out / "oci/oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')


@carrier("repo-stash-and-tag-message-in-zip", KIND, "git zip")
def stash(c):
    one, two, three = c.key("rsa", "stash"), c.key("p256", "tag message"), c.key("ed25519", "commit message")
    c.sh(f"git init -q r && cd r && echo a > a && git add a && {GIT} commit -qm a")
    (c.work / "r/a").write_bytes(one.data)
    (c.work / "m2").write_bytes(two.data)
    (c.work / "m3").write_bytes(three.data)
    c.sh(f"cd r && {GIT} stash -q && {GIT} tag -a -F ../m2 v1 && {GIT} commit -q --allow-empty -F ../m3 && git gc -q")
    c.prove(one, c.sh("cd r && git show stash@{0}:a"), "git show")
    c.prove(two, c.sh("cd r && git cat-file tag v1"), "git cat-file")
    c.prove(three, c.sh("cd r && git log -1 --format=%B"), "git log")
    c.sh("zip -qr f.zip r")
    c.take("f.zip")


@carrier("repo-names-of-branch-and-author", KIND, "git")
def names(c):
    made = [c.key("ed25519:der", p) for p in ("branch name", "author name", "file name in history")]
    words = [base64.urlsafe_b64encode(k.data).decode().rstrip("=") for k in made]
    c.sh(
        f"git init -q -b main r && cd r && echo a > a && echo b > {words[2]} && git add -A && git -c"
        f" user.name={words[1]} -c user.email=a@b commit -qm a && git branch k/{words[0]}"
    )
    shown = [
        c.sh("cd r && git branch --list").decode(),
        c.sh("cd r && git log --format=%an").decode(),
        c.sh("cd r && git ls-tree --name-only HEAD").decode(),
    ]
    for key, word, text in zip(made, words, shown):
        c.prove(key, base64.urlsafe_b64decode(word) if word in text else None, "git")
    c.take("r")


@carrier("repo-lfs-like-in-tar", KIND, "git tar")
def lfs(c):
    keys = c.tree("t")
    import hashlib

    c.sh("git init -q r")
    for path, key in keys.items():
        data = (c.work / "t" / path).read_bytes()
        oid = hashlib.sha256(data).hexdigest()
        at = c.work / "r/.git/lfs/objects" / oid[:2] / oid[2:4] / oid
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_bytes(data)
        c.prove(key, at.read_bytes(), "the object")
    c.sh("tar -czf f.tgz r")
    c.take("f.tgz")


@carrier("repo-alternates-and-worktree-packed-in-tar", KIND, "git tar")
def alternates(c):
    repo(c, packed=True, current=False)
    c.sh("git clone -q -s r s && tar -cf f.tar r s")
    c.take("f.tar")


@carrier("git-patch-binary-mbox", KIND, "git")
def mbox(c):
    keys = repo(c, current=True)
    c.sh("cd r && git format-patch -q --root --stdout > ../f.mbox")
    for path, key in keys.items():
        key.proofs.clear()
    c.sh(f"git init -q s && cd s && {GIT} am -q < ../f.mbox")
    c.prove_tree(keys, lambda p: (c.work / "s" / p).read_bytes(), "git am")
    c.take("f.mbox")


@carrier("git-fast-export", KIND, "git")
def fast_export(c):
    keys = repo(c, current=False)
    c.sh("cd r && git fast-export --all > ../f.fi; git init -q ../s; cd ../s; git fast-import --quiet < ../f.fi")
    c.prove_tree(
        keys, lambda p: c.sh(f"cd s && git show master~1:{p} 2>/dev/null || git show main~1:{p}"), "git fast-import"
    )
    c.take("f.fi")


@carrier("hg-repository", OTHER, "mercurial")
def hg(c):
    keys = c.tree("r")
    c.sh(
        "cd r && hg init && hg -q add && hg commit -u k -m one && hg -q rm etc app home web log data && hg commit -u"
        " k -m gone"
    )
    c.prove_tree(keys, lambda p: c.sh(f"cd r && hg cat -r 0 {p}"), "hg cat")
    c.take("r")


@carrier("hg-bundle-zstd", OTHER, "mercurial")
def hg_bundle(c):
    keys = c.tree("r")
    c.sh("cd r && hg init && hg -q add && hg commit -u k -m one && hg -q bundle -a -t zstd-v2 ../f.hg")
    c.prove_tree(keys, lambda p: c.sh(f"cd r && hg cat -r 0 {p}"), "hg cat")
    c.take("f.hg")


@carrier("hg-bundle-bzip2", OTHER, "mercurial")
def hg_bundle_bz(c):
    keys = c.tree("r")
    c.sh("cd r && hg init && hg -q add && hg commit -u k -m one && hg -q bundle -a -t bzip2-v1 ../f.hg")
    c.prove_tree(keys, lambda p: c.sh(f"cd r && hg cat -r 0 {p}"), "hg cat")
    c.take("f.hg")


@carrier("svn-fsfs-repository", OTHER, "subversion")
def svn(c):
    keys = c.tree("t")
    c.sh(
        "svnadmin create r && svn -q import t file://$PWD/r -m one && svn -q rm -m gone file://$PWD/r/etc"
        " file://$PWD/r/app file://$PWD/r/log"
    )
    c.prove_tree(keys, lambda p: c.sh(f"svn cat file://$PWD/r/{p}@1"), "svn cat")
    c.take("r")


@carrier("svn-dump", OTHER, "subversion")
def svn_dump(c):
    keys = c.tree("t")
    c.sh("svnadmin create r && svn -q import t file://$PWD/r -m one && svnadmin -q dump r > f.dump")
    c.prove_tree(keys, lambda p: c.sh(f"svn cat file://$PWD/r/{p}"), "svn cat")
    c.take("f.dump")


@carrier("svn-dump-deltas", OTHER, "subversion")
def svn_deltas(c):
    keys = c.tree("t")
    c.sh("svnadmin create r && svn -q import t file://$PWD/r -m one && svnadmin -q dump --deltas r > f.dump")
    c.prove_tree(keys, lambda p: c.sh(f"svn cat file://$PWD/r/{p}"), "svn cat")
    c.take("f.dump")


@carrier("svn-working-copy-pristine", OTHER, "subversion")
def svn_wc(c):
    keys = c.tree("t")
    c.sh(
        "svnadmin create r && svn -q import t file://$PWD/r -m one && svn -q co file://$PWD/r w && cd w && rm -rf etc"
        " app home web log data"
    )
    c.prove_tree(keys, lambda p: c.sh(f"cd w && svn cat {p}"), "svn cat")
    c.take("w")


@carrier("fossil-repository", OTHER, "fossil")
def fossil(c):
    keys = c.tree("t")
    c.sh(
        "export HOME=$PWD USER=k; fossil init -A k r.fossil >/dev/null; cd t && fossil open -f ../r.fossil >/dev/null"
        " && fossil add . >/dev/null && fossil commit -m one --no-warnings --no-prompt --allow-empty >/dev/null 2>&1;"
        " fossil close -f >/dev/null"
    )
    c.prove_tree(keys, lambda p: c.sh(f"export HOME=$PWD USER=k; fossil cat -R r.fossil -r tip {p}"), "fossil cat")
    c.take("r.fossil")


@carrier("rcs-file", OTHER, "rcs")
def rcs(c):
    key = c.key("rsa", "revision 1.1")
    (c.work / "k.pem").write_bytes(key.data)
    c.sh("ci -q -l -t-k -mone k.pem && echo gone > k.pem && ci -q -l -mtwo k.pem")
    c.prove(key, c.sh("co -q -p1.1 k.pem"), "co")
    c.take("k.pem,v")


@carrier("cvs-repository", OTHER, "cvs")
def cvs(c):
    keys = c.tree("t", forms=("rsa", "ssh", "jwk", "rsa:trad"))
    c.sh("export CVSROOT=$PWD/cv; cvs init; cd t && rm -f *.bin && cvs -Q import -ko -m one k v r1")
    c.prove_tree(keys, lambda p: c.sh(f"cvs -Q -d $PWD/cv co -p k/{p}"), "cvs co -p")
    c.take("cv")


@carrier("ostree-archive-repo", OTHER, "ostree")
def ostree(c):
    keys = c.tree("t")
    c.sh("ostree --repo=r init --mode=archive && ostree --repo=r commit -b main t >/dev/null")
    c.prove_tree(keys, lambda p: c.sh(f"ostree --repo=r cat main /{p}"), "ostree cat")
    c.take("r")


@carrier("ostree-static-delta", OTHER, "ostree")
def ostree_delta(c):
    keys = c.tree("t")
    c.sh(
        "ostree --repo=r init --mode=archive && ostree --repo=r commit -b main t >/dev/null && ostree --repo=r"
        " static-delta generate main --empty --inline --filename=$PWD/f.delta --min-fallback-size=0 >/dev/null &&"
        " ostree --repo=s init --mode=archive && ostree --repo=s static-delta apply-offline f.delta && ostree"
        " --repo=s refs --create main $(ostree --repo=r rev-parse main)"
    )
    c.prove_tree(keys, lambda p: c.sh(f"ostree --repo=s cat main /{p}"), "ostree cat")
    c.take("f.delta")


@carrier("flatpak-bundle", OTHER, "flatpak ostree")
def flatpak(c):
    keys = c.tree("t")
    (c.work / "t/metadata").write_text("[Application]\nname=org.k.K\nruntime=org.k.P/x86_64/1\n")
    c.sh(
        "mkdir -p b/files b/export; cp t/metadata b/; cp -r t/* b/files/; ostree --repo=r init --mode=archive;"
        " flatpak build-export --disable-sandbox r b 2>&1 >/dev/null || ostree --repo=r commit -b"
        " app/org.k.K/x86_64/master b; flatpak build-bundle r f.flatpak org.k.K"
    )
    c.prove_tree(keys, lambda p: c.sh(f"ostree --repo=r cat app/org.k.K/x86_64/master /files/{p}"), "ostree cat")
    c.take("f.flatpak")


@carrier("restic-repository", OTHER, "restic", locked=True)
def restic(c):
    keys = c.tree("t")
    env = {"RESTIC_PASSWORD": os.urandom(6).hex(), "RESTIC_CACHE_DIR": str(c.work / "cache")}
    c.sh("restic -q init -r r && restic -q -r r backup t && restic -q -r r restore latest --target x", env=env)
    c.prove_tree(keys, lambda p: next(iter((c.work / "x").rglob(p))).read_bytes(), "restic restore")
    c.take("r")


def borg_env(c, password=""):
    return {
        "BORG_PASSPHRASE": password,
        "BORG_BASE_DIR": str(c.work / "bb"),
        "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
    }


for mode, extra, locked in (
    ("none", "none", False),
    ("none-no-compression", "none", False),
    ("zstd", "zstd,6", False),
    ("repokey-locked", "lz4", True),
):

    def make(c, mode=mode, extra=extra, locked=locked):
        keys = c.tree("t")
        env = borg_env(c, "pw" + os.urandom(4).hex() if locked else "")
        c.sh(
            f"borg init -e {'repokey' if locked else 'none'} r 2>/dev/null && borg create -C"
            f" {extra if 'no-comp' in mode or extra != 'none' else 'lz4'} r::a t && mkdir x && cd x && borg extract"
            " ../r::a",
            env=env,
        )
        c.prove_tree(keys, lambda p: (c.work / "x/t" / p).read_bytes(), "borg extract")
        c.take("r")

    carrier(f"borg-{mode}", OTHER, "borgbackup", locked=locked)(make)


@carrier("bup-repository", OTHER, "bup git")
def bup(c):
    keys = c.tree("t")
    env = {"BUP_DIR": str(c.work / "r")}
    c.sh(
        "bup init 2>/dev/null && bup index t 2>/dev/null && bup save -q -n k t 2>/dev/null && bup restore -q -C x"
        " /k/latest/. 2>/dev/null",
        env=env,
    )
    c.prove_tree(keys, lambda p: next(iter((c.work / "x").rglob(p))).read_bytes(), "bup restore")
    c.take("r")


@carrier("duplicity-volumes-plain", OTHER, "duplicity")
def duplicity(c):
    keys = c.tree("t")
    c.sh(
        "duplicity full --no-encryption --archive-dir $PWD/ca t file://$PWD/r >/dev/null && duplicity restore"
        " --no-encryption --archive-dir $PWD/ca file://$PWD/r x >/dev/null"
    )
    c.prove_tree(keys, lambda p: (c.work / "x" / p).read_bytes(), "duplicity restore")
    c.take("r")
