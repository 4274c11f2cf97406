"""gzip streams by gzip itself: a key, an archive, several streams in one file, one that is cut off."""

from contain import Packed

f = Packed("gzip", "gzip streams of keys and archives, several in one file, and one that is cut off")
for source, der in (("etc/id.pem", False), ("signing.der", True)):
    name = f"{source.rsplit('/')[-1]}.gz"
    f.tool(name, f"gzip -nc < tree/{source} > {name}", lambda: [f.shown(f"gzip -dc < {name}", der=der)])
f.tool("tree.tar.gz", "tar -cf - -C tree . | gzip -nc > tree.tar.gz", lambda: f.three(lambda path: f"gzip -dc < tree.tar.gz | tar -xO ./{path}"))
f.tool("two.gz", "(gzip -nc < tree/readme.txt; gzip -nc < tree/etc/id.pem) > two.gz", lambda: [f.shown("gzip -dc < two.gz")])
f.run("seq 1 400000 > numbers.txt && cat tree/etc/id.pem numbers.txt > long.txt && gzip -nc < long.txt > long.gz")
cut = f.read("long.gz")
f.add("cut.gz", cut[: len(cut) * 9 // 10], "a key and numbers, cut off", [f.shown("head -c 4096 long.txt")], oracle="the text before it was packed")
f.silent("near.bin", f.read("signing.der.gz")[:12] + b"and then no stream at all " * 20, "the first bytes of a stream and text", "the magic alone")
f.finish()
