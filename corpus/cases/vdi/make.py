"""VirtualBox disks with a file system, by qemu-img."""

from contain import Packed

f = Packed("vdi", "VirtualBox disks by qemu-img: dynamic, fixed, and a near miss")
f.run("truncate -s 4M disk.img && mkfs.ext4 -q -d tree disk.img 2>/dev/null || (truncate -s 4M disk.img && mke2fs -q -t ext4 -d tree disk.img)")
cat = lambda path: f"cat tree/{path}"

f.tool("dynamic.vdi", "qemu-img convert -f raw -O vdi disk.img dynamic.vdi", lambda: f.three(cat))
f.tool("fixed.vdi", "qemu-img convert -f raw -O vdi -o static=on disk.img fixed.vdi", lambda: f.three(cat))
f.silent("near.bin", bytes(64) + b"\x7f\x10\xda\xbe" + bytes(400), "printf", "the magic alone")
f.finish()
