"""Expert Witness images of a disk with a file system, by ewf-tools."""

from contain import Packed

f = Packed("ewf", "Expert Witness images by ewfacquirestream: several compressions, chunk sizes, and a near miss")
f.run("truncate -s 4M disk.img && mkfs.ext4 -q -d tree disk.img 2>/dev/null || (truncate -s 4M disk.img && mke2fs -q -t ext4 -d tree disk.img)")
cat = lambda path: f"cat tree/{path}"

for name, flags in (("best", "-c best"), ("none", "-c none"), ("chunks", "-c fast -b 128")):
    f.tool(f"{name}.E01", f"ewfacquirestream -q -C case -D d -E e -e x -N n -m fixed -M logical -t {name} -f encase6 {flags} < disk.img >/dev/null", lambda: f.three(cat))
f.silent("near.bin", b"EVF\x09\x0d\x0a\xff\0\x01\x01\0\0\0" + bytes(400), "printf", "the magic alone")
f.finish()
