"""U-Boot images by mkimage: legacy, several payloads, FIT."""

from contain import Packed

f = Packed("uboot", "U-Boot images: legacy ones, several payloads, flattened image trees with payloads inside and behind, damaged ones")
f.run("cd tree && find . -mindepth 1 -printf '%P\\n' | LC_ALL=C sort | cpio -o -H newc --quiet | gzip -9n > ../rd.gz; cd ..; cp tree/etc/id.pem id.pem; head -c 5001 /dev/zero | tr '\\0' k > kernel")
cpio = lambda command: lambda path: f"{command} && zcat out | cpio -i --quiet --to-stdout {path}"
f.tool("ramdisk.uimage", "mkimage -A arm -T ramdisk -C gzip -n rootfs -d rd.gz ramdisk.uimage >/dev/null", lambda: f.three(cpio("dumpimage -T ramdisk -p 0 -o out ramdisk.uimage >/dev/null")))
f.tool("multi.uimage", "mkimage -A arm -T multi -C none -n multi -d kernel:rd.gz:id.pem multi.uimage >/dev/null", lambda: f.three(cpio("dumpimage -T multi -p 1 -o out multi.uimage >/dev/null")) + [f.shown("dumpimage -T multi -p 2 -o out2 multi.uimage >/dev/null && cat out2")])
ITS = """/dts-v1/; / { description = "k"; #address-cells = <1>; images {
 kernel { description = "k"; data = /incbin/("kernel"); type = "kernel"; arch = "arm"; os = "linux"; compression = "none"; load = <0>; entry = <0>; };
 ramdisk { description = "r"; data = /incbin/("rd.gz"); type = "ramdisk"; arch = "arm"; os = "linux"; compression = "none"; }; };
 configurations { default = "c"; c { kernel = "kernel"; ramdisk = "ramdisk"; }; }; };"""
f.path("k.its").write_text(ITS)
f.tool("inside.itb", "mkimage -f k.its inside.itb >/dev/null 2>&1", lambda: f.three(cpio("dumpimage -T flat_dt -p 1 -o out inside.itb >/dev/null")))
f.tool("behind.itb", "mkimage -E -f k.its behind.itb >/dev/null 2>&1", lambda: f.three(cpio("dumpimage -T flat_dt -p 1 -o out behind.itb >/dev/null")))
f.tool("placed.itb", "mkimage -E -p 0x1000 -f k.its placed.itb >/dev/null 2>&1", lambda: f.three(cpio("dumpimage -T flat_dt -p 1 -o out placed.itb >/dev/null")))
f.tool("near-tree.dtb", "echo '/dts-v1/; / { model = \"no image\"; };' | dtc -O dtb -o near-tree.dtb 2>/dev/null", silent=True, why="a device tree without images")
f.silent("near-magic.bin", b"\x27\x05\x19\x56" + bytes(100), "printf", "the magic alone")
f.finish()
