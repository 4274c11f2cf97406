"""Streams of compress(1): a key, an archive, short codes, one that is cut off."""

from contain import Packed

f = Packed("unix_compress", "compress streams of keys and archives, with codes of several lengths, and one that is cut off")
for source, der in (("etc/id.pem", False), ("signing.der", True)):
    name = f"{source.rsplit('/')[-1]}.Z"
    f.tool(name, f"compress -cf < tree/{source} > {name}", lambda: [f.shown(f"compress -dc < {name}", der=der)])
f.tool("tree.tar.Z", "tar -cf - -C tree . | compress -cf > tree.tar.Z", lambda: f.three(lambda path: f"compress -dc < tree.tar.Z | tar -xO ./{path}"))
f.run("seq 1 400000 > numbers.txt && cat tree/etc/id.pem numbers.txt > long.txt && compress -cf < long.txt > long.Z")
cut = f.read("long.Z")
f.add("cut.Z", cut[: len(cut) * 9 // 10], "a key and numbers, cut off", [f.shown("head -c 4096 long.txt")], oracle="the text before it was packed")
f.silent("near.bin", f.read("signing.der.Z")[:3] + b"and then no stream at all " * 20, "the first bytes of a stream and text", "the magic alone")

f.tool("ten.Z", "cat tree/etc/id.pem tree/var/numbers.txt | compress -b 10 -cf > ten.Z", lambda: [f.shown("compress -dc < ten.Z")])
f.finish()
