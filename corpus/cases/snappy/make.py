"""Framed Snappy streams by python-snappy: a key, an archive, one that is cut off."""

from contain import Packed

f = Packed("snappy", "framed Snappy streams of keys and archives, and one that is cut off")
for source, der in (("etc/id.pem", False), ("signing.der", True)):
    name = f"{source.rsplit('/')[-1]}.sz"
    f.tool(name, f"python3 -c \"import sys, snappy; snappy.stream_compress(sys.stdin.buffer, sys.stdout.buffer)\" < tree/{source} > {name}", lambda: [f.shown(f"python3 -c \"import sys, snappy; snappy.stream_decompress(sys.stdin.buffer, sys.stdout.buffer)\" < {name}", der=der)])
f.tool("tree.tar.sz", "tar -cf - -C tree . | python3 -c \"import sys, snappy; snappy.stream_compress(sys.stdin.buffer, sys.stdout.buffer)\" > tree.tar.sz", lambda: f.three(lambda path: f"python3 -c \"import sys, snappy; snappy.stream_decompress(sys.stdin.buffer, sys.stdout.buffer)\" < tree.tar.sz | tar -xO ./{path}"))
f.run("seq 1 400000 > numbers.txt && cat tree/etc/id.pem numbers.txt > long.txt && python3 -c \"import sys, snappy; snappy.stream_compress(sys.stdin.buffer, sys.stdout.buffer)\" < long.txt > long.sz")
cut = f.read("long.sz")
f.add("cut.sz", cut[: len(cut) * 9 // 10], "a key and numbers, cut off", [f.shown("head -c 4096 long.txt")], oracle="the text before it was packed")
f.silent("near.bin", f.read("signing.der.sz")[:10] + b"and then no stream at all " * 20, "the first bytes of a stream and text", "the magic alone")
f.finish()
