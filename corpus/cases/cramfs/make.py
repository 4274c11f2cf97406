"""cramfs images by mkfs.cramfs."""

from contain import Packed

f = Packed("cramfs", "cramfs images of both byte orders, and a near miss")
cat = lambda path: f"cat tree/{path}"
for name, flags in (("little", "-N little"), ("big", "-N big")):
    f.tool(f"{name}.cramfs", f"mkfs.cramfs {flags} tree {name}.cramfs >/dev/null", lambda: f.three(cat))
f.silent("near.bin", b"\x45\x3d\xcd\x28" + bytes(200), "printf", "the magic alone")
f.finish()
