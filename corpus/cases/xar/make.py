"""xar archives by libarchive."""

from contain import Packed

f = Packed("xar", "xar archives by bsdtar, with every compression, and a near miss")
for name in ("gzip", "bzip2", "xz", "lzma", "none"):
    f.tool(f"{name}.xar", f"bsdtar --format xar --options compression={name} -cf {name}.xar -C tree .", lambda: f.three(lambda path: f"bsdtar -xOf {name}.xar ./{path}"))
f.silent("near.bin", b"xar!\0\x1c\0\x01" + bytes(200), "printf", "the magic alone")
f.finish()
