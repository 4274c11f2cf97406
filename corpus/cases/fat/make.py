"""FAT file systems by mkfs.vfat and mtools."""

from contain import Packed

f = Packed("fat", "FAT12, FAT16 and FAT32: long names, pieces, deleted files, odd sectors, damaged ones")
show = lambda name: lambda path: f"mtype -i {name} ::{path}"
for name, size, options in (
    ("fat12.img", "1440K", ""),
    ("fat16.img", "9M", "-F 16"),
    ("sectors.img", "2M", "-S 2048 -F 12"),
):
    f.tool(name, f"truncate -s {size} {name} && mkfs.vfat {options} {name} >/dev/null 2>&1 && mcopy -s -i {name} tree/* ::", lambda: f.three(show(name)))
# mtools writes no FAT32 below 33 MB, so 65,600 clusters of 512 bytes are filled and the image is cut behind the last one used.
f.run("truncate -s 34M whole.img && mkfs.vfat -F 32 -s 1 whole.img >/dev/null && mcopy -s -i whole.img tree/* :: && head -c 2M whole.img > fat32.img")
f.add("fat32.img", f.read("fat32.img"), "mkfs.vfat -F 32 -s 1; mcopy; the first 2 MiB", f.three(show("whole.img")))
# Files with gaps between their clusters: three small ones, the middle one deleted, then a larger one.
f.run("head -c 3000 /dev/urandom > a; cp a b; cp a c; cat tree/etc/id.pem > long.pem; seq 1 2000 >> long.pem; cat tree/etc/ssl/private/server.pem >> long.pem")
f.tool("pieces.img", "truncate -s 160K pieces.img && mkfs.vfat -s 1 pieces.img >/dev/null && mcopy -i pieces.img a b c :: && mdel -i pieces.img ::b && mcopy -i pieces.img long.pem ::",
       lambda: [f.shown("mtype -i pieces.img ::long.pem | head -3"), f.shown("mtype -i pieces.img ::long.pem | tail -5")])
f.tool("deleted.img", "truncate -s 160K deleted.img && mkfs.vfat -s 1 deleted.img >/dev/null && mcopy -i deleted.img tree/etc/id.pem tree/signing.der :: && mdel -i deleted.img ::id.pem",
       lambda: [f.shown("cat tree/etc/id.pem"), f.shown("mtype -i deleted.img ::signing.der", der=True)])
data = bytearray(f.read("fat12.img"))
f.add("no_sense.img", bytes(data[:13]) + b"\x03" + bytes(data[14:]), "fat12.img with three sectors to a cluster: read as the bytes it is", f.three(show("fat12.img")))
f.silent("near-text.txt", b" " * 54 + b"FAT16   " + b" " * 2000, "printf", "the magic alone")
f.tool("near-empty.img", "truncate -s 1440K near-empty.img && mkfs.vfat near-empty.img >/dev/null", silent=True, why="no file in it")
f.finish()
