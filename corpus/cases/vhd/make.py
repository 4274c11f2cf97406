"""Disks of Virtual PC by qemu-img."""

from virtual import Disk

f = Disk("vhd", "Virtual PC disks: dynamic and fixed")
CONVERT = "qemu-img convert -f raw -O vpc"
f.image("dynamic.vhd", "vpc", f"{CONVERT} -o subformat=dynamic,force_size=on disk.raw dynamic.vhd")
f.image("fixed.vhd", "vpc", f"{CONVERT} -o subformat=fixed,force_size=on disk.raw fixed.vhd")
f.silent("near-text.txt", b"conectix is the cookie of Virtual PC\n" * 20, "printf", "the magic alone")
f.finish()
