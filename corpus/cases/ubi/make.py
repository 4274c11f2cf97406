"""UBI images by ubinize, with a UBIFS and with plain files in their volumes."""

from contain import Packed

f = Packed("ubi", "UBI images: a UBIFS and static volumes, erase blocks of two sizes, and a near miss")
cat = lambda path: f"cat tree/{path}"
VOLUME = "[v%d]\\nmode=ubi\\nimage=%s\\nvol_id=%d\\nvol_type=%s\\nvol_name=%s\\n%s\\n"


def ubinize(name, size, volumes):
    ini = "".join(VOLUME % (number, *volume) for number, volume in enumerate(volumes))
    return f"printf '{ini}' > {name}.ini && ubinize -m 2048 -p {size} -o {name}.ubi {name}.ini"


f.run("mkfs.ubifs -q -r tree -m 2048 -e 126976 -c 100 -x zlib -o root.ubifs && tar -cf tree.tar -C tree .")
f.tool("ubifs.ubi", ubinize("ubifs", "128KiB", [("root.ubifs", 0, "dynamic", "rootfs", "vol_size=4MiB")]), lambda: f.three(cat))
f.tool("static.ubi", ubinize("static", "64KiB", [("tree.tar", 3, "static", "data", ""), ("tree/readme.txt", 7, "static", "text", "")]), lambda: f.three(cat))
f.silent("near.bin", b"UBI#\x01\0\0\0" + bytes(200), "printf", "the magic alone")
f.finish()
