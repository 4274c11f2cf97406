"""xz streams by xz itself: a key, an archive, several streams in one file, one that is cut off."""

from contain import Packed

f = Packed("xz", "xz streams of keys and archives, several in one file, and one that is cut off")
for source, der in (("etc/id.pem", False), ("signing.der", True)):
    name = f"{source.rsplit('/')[-1]}.xz"
    f.tool(name, f"xz -c < tree/{source} > {name}", lambda: [f.shown(f"xz -dc < {name}", der=der)])
f.tool("tree.tar.xz", "tar -cf - -C tree . | xz -c > tree.tar.xz", lambda: f.three(lambda path: f"xz -dc < tree.tar.xz | tar -xO ./{path}"))
f.tool("two.xz", "(xz -c < tree/readme.txt; xz -c < tree/etc/id.pem) > two.xz", lambda: [f.shown("xz -dc < two.xz")])
f.run("seq 1 400000 > numbers.txt && cat tree/etc/id.pem numbers.txt > long.txt && xz -c < long.txt > long.xz")
cut = f.read("long.xz")
f.add("cut.xz", cut[: len(cut) * 9 // 10], "a key and numbers, cut off", [f.shown("head -c 4096 long.txt")], oracle="the text before it was packed")
f.silent("near.bin", f.read("signing.der.xz")[:12] + b"and then no stream at all " * 20, "the first bytes of a stream and text", "the magic alone")
f.finish()
