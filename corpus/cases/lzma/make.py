"""lzma streams by lzma itself: a key, an archive, several streams in one file, one that is cut off."""

from contain import Packed

f = Packed("lzma", "lzma streams of keys and archives, several in one file, and one that is cut off")
for source, der in (("etc/id.pem", False), ("signing.der", True)):
    name = f"{source.rsplit('/')[-1]}.lzma"
    f.tool(name, f"xz --format=lzma -c < tree/{source} > {name}", lambda: [f.shown(f"xz --format=lzma -dc < {name}", der=der)])
f.tool("tree.tar.lzma", "tar -cf - -C tree . | xz --format=lzma -c > tree.tar.lzma", lambda: f.three(lambda path: f"xz --format=lzma -dc < tree.tar.lzma | tar -xO ./{path}"))
f.run("seq 1 400000 > numbers.txt && cat tree/etc/id.pem numbers.txt > long.txt && xz --format=lzma -c < long.txt > long.lzma")
cut = f.read("long.lzma")
f.add("cut.lzma", cut[: len(cut) * 9 // 10], "a key and numbers, cut off", [f.shown("head -c 4096 long.txt")], oracle="the text before it was packed")
f.silent("near.bin", f.read("signing.der.lzma")[:12] + b"and then no stream at all " * 20, "the first bytes of a stream and text", "the magic alone")
f.finish()
