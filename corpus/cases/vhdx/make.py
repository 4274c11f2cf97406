"""Hyper-V disks with a file system, by qemu-img."""

from contain import Packed

f = Packed("vhdx", "Hyper-V disks by qemu-img: dynamic, with small blocks, and a near miss")
f.run("truncate -s 4M disk.img && mkfs.ext4 -q -d tree disk.img 2>/dev/null || (truncate -s 4M disk.img && mke2fs -q -t ext4 -d tree disk.img)")
cat = lambda path: f"cat tree/{path}"

f.tool("dynamic.vhdx", "qemu-img convert -f raw -O vhdx -o block_size=1M disk.img dynamic.vhdx", lambda: f.three(cat))
f.silent("near.bin", b"vhdxfile" + bytes(4000), "printf", "the magic alone")
f.finish()
