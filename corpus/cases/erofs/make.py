"""EROFS images by mkfs.erofs."""

from contain import Packed

f = Packed("erofs", "EROFS images with stored files, chunks, and both kinds of indexes of LZ4, and a near miss")
cat = lambda path: f"cat tree/{path}"
for name, flags in (("plain", ""), ("chunks", "--chunksize=4096"), ("lz4", "-zlz4"), ("lz4hc", "-zlz4hc"), ("big", "-zlz4hc -C65536"), ("legacy", "-zlz4 -Elegacy-compress")):
    f.tool(f"{name}.erofs", f"mkfs.erofs {flags} {name}.erofs tree", lambda: f.three(cat))
f.silent("near.bin", bytes(1024) + b"\xe2\xe1\xf5\xe0" + bytes(200), "printf", "the magic alone")
f.finish()
