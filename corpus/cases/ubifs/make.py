"""UBIFS images by mkfs.ubifs."""

from contain import Packed

f = Packed("ubifs", "UBIFS images with every compression, and a near miss")
cat = lambda path: f"cat tree/{path}"
for method in ("none", "lzo", "zlib", "zstd"):
    f.tool(f"{method}.ubifs", f"mkfs.ubifs -q -r tree -m 512 -e 15360 -c 200 -x {method} -o {method}.ubifs", lambda: f.three(cat))
f.silent("near.bin", b"\x31\x18\x10\x06" + bytes(200), "printf", "the magic alone")
f.finish()
