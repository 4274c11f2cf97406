"""Loose objects of git by git itself: a key, a DER key, one in a commit's message, one that is cut off."""

from contain import Packed

f = Packed("git_loose", "objects of git as they are stored, outside of a repository")
f.run("git init -q repo")


def loose(oid, file):
    return f"o=$({oid}) && cp repo/.git/objects/$(echo $o | cut -c1-2)/$(echo $o | cut -c3-) {file}"


for source, der in (("etc/id.pem", False), ("signing.der", True)):
    name = f"{source.rsplit('/')[-1]}.object"
    stored = f"git -C repo hash-object -w ../tree/{source}"
    f.tool(name, loose(stored, name), lambda: [f.shown(f"git -C repo cat-file blob $({stored})", der=der)])
who = "GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b"
commit = f"{who} GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000' git -C repo commit-tree -F ../tree/etc/id.pem $(git -C repo mktree </dev/null)"
f.tool("commit.object", loose(commit, "commit.object"), lambda: [f.shown(f"git -C repo cat-file commit $({commit}) | sed 1,/^$/d")])
f.silent("near.object", b"\x78\x01and then no stream at all " * 20, "the first bytes of a stream and text", "the magic alone")
f.finish()
