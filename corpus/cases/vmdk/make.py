"""VMware disks by qemu-img."""

from virtual import Disk

f = Disk("vmdk", "VMware disks: monolithic and packed as a stream, damaged ones")
CONVERT = "qemu-img convert -f raw -O vmdk"
f.image("sparse.vmdk", "vmdk", f"{CONVERT} -o subformat=monolithicSparse disk.raw sparse.vmdk")
f.image("stream.vmdk", "vmdk", f"{CONVERT} -o subformat=streamOptimized disk.raw stream.vmdk")
f.run("tar -cf machine.ova stream.vmdk")
f.add("machine.ova", f.read("machine.ova"), "tar -cf machine.ova stream.vmdk", f.three(f.show("stream.vmdk", "vmdk")))
f.silent("near-text.txt", b"KDMV is the magic of VMware disks\n" * 20, "printf", "the magic alone")
f.finish()
