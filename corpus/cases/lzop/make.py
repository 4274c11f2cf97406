"""lzop files by lzop itself: a key, an archive, several members, one that is cut off."""

from contain import Packed

f = Packed("lzop", "lzop files of keys and archives, several in one file, and one that is cut off")
for source, der in (("etc/id.pem", False), ("signing.der", True)):
    name = f"{source.rsplit('/')[-1]}.lzo"
    f.tool(name, f"lzop -c < tree/{source} > {name}", lambda: [f.shown(f"lzop -dc < {name}", der=der)])
f.tool("tree.tar.lzo", "tar -cf - -C tree . | lzop -c > tree.tar.lzo", lambda: f.three(lambda path: f"lzop -dc < tree.tar.lzo | tar -xO ./{path}"))
f.run("seq 1 400000 > numbers.txt && cat tree/etc/id.pem numbers.txt > long.txt && lzop -c < long.txt > long.lzo")
cut = f.read("long.lzo")
f.add("cut.lzo", cut[: len(cut) * 9 // 10], "a key and numbers, cut off", [f.shown("head -c 4096 long.txt")], oracle="the text before it was packed")
f.silent("near.bin", f.read("signing.der.lzo")[:9] + b"and then no stream at all " * 20, "the first bytes of a stream and text", "the magic alone")

f.tool("two.lzo", "(lzop -c < tree/readme.txt; lzop -9 -c < tree/etc/id.pem) > two.lzo", lambda: [f.shown("cat tree/etc/id.pem")])
f.finish()
