"""ext2, ext3 and ext4 file systems by mke2fs."""

from contain import Packed

f = Packed("ext", "ext2, ext3 and ext4 file systems: block maps and extents, checksums, inline data, small blocks, damaged ones")
show = lambda name: lambda path: f"debugfs -R 'cat {path}' {name} 2>/dev/null"
for name, options in {
    "ext2.img": "-t ext2 -b 1024",
    "ext3.img": "-t ext3 -b 1024 -J size=1",
    "ext4.img": "-t ext4 -b 4096 -O ^has_journal",
    "inline.img": "-t ext4 -b 1024 -I 512 -O inline_data,^has_journal",
    "checksums.img": "-t ext4 -b 1024 -O metadata_csum,64bit,^has_journal",
    "old_inodes.img": "-t ext2 -b 1024 -I 128 -r 1 -O ^dir_index,^filetype",
}.items():
    size = "3M" if "ext3" in name else "1M"
    f.tool(name, f"truncate -s {size} {name} && mke2fs -q -F {options} -d tree {name}", lambda: f.three(show(name)))
f.run("cp -r tree many && for i in $(seq 1 900); do mkdir -p many/d; echo > many/d/a_name_that_takes_room_$i; done && cp tree/etc/id.pem many/d/zz.pem && rm many/etc/id.pem")
f.tool("indexed.img", "truncate -s 4M indexed.img && mke2fs -q -F -t ext4 -b 1024 -N 2000 -O ^has_journal -d many indexed.img && (e2fsck -fyD indexed.img >/dev/null || true)",
       lambda: [f.shown("debugfs -R 'cat d/zz.pem' indexed.img 2>/dev/null"), f.shown("debugfs -R 'cat etc/ssl/private/server.pem' indexed.img 2>/dev/null"), f.shown("debugfs -R 'cat signing.der' indexed.img 2>/dev/null", der=True)])
data = bytearray(f.read("ext4.img"))
data[1024 + 32:1024 + 36] = b"\xff\xff\xff\xff"
f.add("damaged_superblock.img", bytes(data), "ext4.img with a superblock that contradicts itself: read as the bytes it is", f.three(show("ext4.img")))
f.tool("deleted.img", "cp ext4.img deleted.img && debugfs -w -R 'rm etc/id.pem' deleted.img 2>/dev/null", lambda: f.three(show("ext4.img")), oracle="ext4.img, before the file was deleted")
f.silent("near-magic.bin", bytes(1080) + b"\x53\xef" + bytes(4000), "printf", "the magic alone")
f.silent("near-text.txt", b"x" * 1080 + b"\x53\xef" + b"x" * 4000, "printf", "the magic in text")
f.finish()
