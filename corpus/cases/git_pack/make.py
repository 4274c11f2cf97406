"""Packs and bundles of git by git itself, in archives: keys of an earlier commit, also as deltas on a longer text."""

from contain import Packed

f = Packed("git_pack", "packs and bundles of git in archives")
who = "-c user.name=a -c user.email=a@b -c commit.gpgsign=false"
f.run(
    "git init -q -b main repo && cd repo && seq 1 4000 > log.txt && git add . && git %s commit -qm one &&"
    " cat ../tree/etc/id.pem >> log.txt && cp ../tree/signing.der . && git add . && git %s commit -qm two &&"
    " seq 1 4001 > log.txt && git rm -q signing.der && git add . && git %s commit -qm three && git gc -q --aggressive"
    % (who, who, who)
)


def two():
    return [
        f.shown("git -C repo show HEAD~1:log.txt | sed -n '/BEGIN/,$p'"),
        f.shown("git -C repo show HEAD~1:signing.der", der=True),
    ]


f.tool("repo.tar", "tar -cf repo.tar repo", two)
f.tool("bundle.zip", "git -C repo bundle create -q ../a.bundle --all && zip -q bundle.zip a.bundle", two)
f.tool("refs.tar", "git -C repo -c repack.useDeltaBaseOffset=false repack -adfq && tar -cf refs.tar repo", two)
f.silent("near.bin", b"PACK\0\0\0\x02\0\0\0\x03" + b"and then no object at all " * 20, "a header and text", "the magic alone")
f.finish()
