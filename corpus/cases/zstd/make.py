"""zstd streams by zstd itself: a key, an archive, several streams in one file, one that is cut off."""

from contain import Packed

f = Packed("zstd", "zstd streams of keys and archives, several in one file, and one that is cut off")
for source, der in (("etc/id.pem", False), ("signing.der", True)):
    name = f"{source.rsplit('/')[-1]}.zst"
    f.tool(name, f"zstd -qc < tree/{source} > {name}", lambda: [f.shown(f"zstd -qdc < {name}", der=der)])
f.tool("tree.tar.zst", "tar -cf - -C tree . | zstd -qc > tree.tar.zst", lambda: f.three(lambda path: f"zstd -qdc < tree.tar.zst | tar -xO ./{path}"))
f.tool("two.zst", "(zstd -qc < tree/readme.txt; zstd -qc < tree/etc/id.pem) > two.zst", lambda: [f.shown("zstd -qdc < two.zst")])
f.run("seq 1 400000 > numbers.txt && cat tree/etc/id.pem numbers.txt > long.txt && zstd -qc < long.txt > long.zst")
cut = f.read("long.zst")
f.add("cut.zst", cut[: len(cut) * 9 // 10], "a key and numbers, cut off", [f.shown("head -c 4096 long.txt")], oracle="the text before it was packed")
f.silent("near.bin", f.read("signing.der.zst")[:12] + b"and then no stream at all " * 20, "the first bytes of a stream and text", "the magic alone")
f.finish()
