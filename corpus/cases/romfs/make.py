"""romfs images by genromfs."""

from contain import Packed

f = Packed("romfs", "romfs images, and a near miss")
cat = lambda path: f"cat tree/{path}"
f.tool("tree.romfs", "genromfs -f tree.romfs -d tree -V k", lambda: f.three(cat))
f.tool("aligned.romfs", "genromfs -a 512 -f aligned.romfs -d tree", lambda: f.three(cat))
f.silent("near.bin", b"-rom1fs-" + bytes(200), "printf", "the magic alone")
f.finish()
