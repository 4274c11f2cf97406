"""JFFS2 images by mkfs.jffs2."""

from contain import Packed

f = Packed("jffs2", "JFFS2 images of both byte orders and several compressions, one with an erased block, and a near miss")
cat = lambda path: f"cat tree/{path}"
for name, flags in (("little", "-l"), ("big", "-b"), ("none", "-l -m none"), ("rtime", "-b -x zlib -X rtime -m size"), ("padded", "-l -n -e 64KiB --pad=0x80000")):
    f.tool(f"{name}.jffs2", f"mkfs.jffs2 -q {flags} -d tree -o {name}.jffs2", lambda: f.three(cat))
f.silent("near.bin", b"\x85\x19\x01\xe0" + bytes(200), "printf", "the magic alone")
f.finish()
