"""bzip2 streams by bzip2 itself: a key, an archive, several streams in one file, one that is cut off."""

from contain import Packed

f = Packed("bzip2", "bzip2 streams of keys and archives, several in one file, and one that is cut off")
for source, der in (("etc/id.pem", False), ("signing.der", True)):
    name = f"{source.rsplit('/')[-1]}.bz2"
    f.tool(name, f"bzip2 -c < tree/{source} > {name}", lambda: [f.shown(f"bzip2 -dc < {name}", der=der)])
f.tool("tree.tar.bz2", "tar -cf - -C tree . | bzip2 -c > tree.tar.bz2", lambda: f.three(lambda path: f"bzip2 -dc < tree.tar.bz2 | tar -xO ./{path}"))
f.tool("two.bz2", "(bzip2 -c < tree/readme.txt; bzip2 -c < tree/etc/id.pem) > two.bz2", lambda: [f.shown("bzip2 -dc < two.bz2")])
f.run("seq 1 400000 > numbers.txt && cat tree/etc/id.pem numbers.txt > long.txt && bzip2 -c < long.txt > long.bz2")
cut = f.read("long.bz2")
f.add("cut.bz2", cut[: len(cut) * 9 // 10], "a key and numbers, cut off", [f.shown("head -c 4096 long.txt")], oracle="the text before it was packed")
f.silent("near.bin", f.read("signing.der.bz2")[:12] + b"and then no stream at all " * 20, "the first bytes of a stream and text", "the magic alone")
f.finish()
