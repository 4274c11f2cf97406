"""Files as Firefox writes them, by the block encoder of python-lz4."""

from contain import Packed

f = Packed("mozlz4", "Mozilla LZ4 files of keys")
PACK = "python3 -c 'import sys, lz4.block; d = sys.stdin.buffer.read(); sys.stdout.buffer.write(b\"mozLz40\\0\" + lz4.block.compress(d))'"
SHOW = "python3 -c 'import sys, lz4.block; sys.stdout.buffer.write(lz4.block.decompress(sys.stdin.buffer.read()[8:]))'"
for source, der in (("etc/id.pem", False), ("signing.der", True), ("etc/ssl/private/server.pem", False)):
    name = f"{source.rsplit('/')[-1]}.mozlz4"
    f.tool(name, f"{PACK} < tree/{source} > {name}", lambda: [f.shown(f"{SHOW} < {name}", der=der)])
f.silent("near.bin", b"mozLz40\0" + b"and then no block at all " * 20, "the magic number and text", "the magic alone")
f.finish()
