"""lzip streams by lzip itself: a key, an archive, several members, one that is cut off."""

from contain import Packed

f = Packed("lzip", "lzip streams of keys and archives, several in one file, and one that is cut off")
for source, der in (("etc/id.pem", False), ("signing.der", True)):
    name = f"{source.rsplit('/')[-1]}.lz"
    f.tool(name, f"lzip -c < tree/{source} > {name}", lambda: [f.shown(f"lzip -dc < {name}", der=der)])
f.tool("tree.tar.lz", "tar -cf - -C tree . | lzip -c > tree.tar.lz", lambda: f.three(lambda path: f"lzip -dc < tree.tar.lz | tar -xO ./{path}"))
f.run("seq 1 400000 > numbers.txt && cat tree/etc/id.pem numbers.txt > long.txt && lzip -c < long.txt > long.lz")
cut = f.read("long.lz")
f.add("cut.lz", cut[: len(cut) * 9 // 10], "a key and numbers, cut off", [f.shown("head -c 4096 long.txt")], oracle="the text before it was packed")
f.silent("near.bin", f.read("signing.der.lz")[:6] + b"and then no stream at all " * 20, "the first bytes of a stream and text", "the magic alone")

f.tool("two.lz", "(lzip -c < tree/readme.txt; lzip -c < tree/etc/id.pem) > two.lz", lambda: [f.shown("lzip -dc < two.lz")])
f.finish()
