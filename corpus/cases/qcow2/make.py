"""qcow2 images by qemu-img."""

from virtual import Disk

f = Disk("qcow2", "QEMU disks: version 2 and 3, packed by deflate and zstd, small clusters, over a backing file, encrypted ones")
CONVERT = "qemu-img convert -f raw -O qcow2"
for name, options in {
    "three.qcow2": "", "two.qcow2": "-o compat=0.10", "deflate.qcow2": "-c", "zstd.qcow2": "-c -o compression_type=zstd", "small.qcow2": "-o cluster_size=512",
    "large.qcow2": "-c -o cluster_size=2M",
}.items():
    f.image(name, "qcow2", f"{CONVERT} {options} disk.raw {name}")
f.image("preallocated.qcow2", "qcow2", f"{CONVERT} -o preallocation=metadata disk.raw preallocated.qcow2")
f.image(
    "snapshot.qcow2",
    "qcow2",
    f"{CONVERT} -c disk.raw snapshot.qcow2 && qemu-img snapshot -c before snapshot.qcow2 && qemu-io -c 'write -q -P 0 0 3M' snapshot.qcow2 > log",
    options="-l before",
)
f.tool("over.qcow2", "cp three.qcow2 base.qcow2 && qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 over.qcow2", silent=True, why="all of it lies in its backing file: told as not read")
f.tool("encrypted.qcow2", f"truncate -s 64K small.raw && {CONVERT} --object secret,id=s,data=password -o encrypt.format=aes,encrypt.key-secret=s small.raw encrypted.qcow2", silent=True, why="encrypted: told as not read")
f.image("subclusters.qcow2", "qcow2", f"{CONVERT} -o extended_l2=on disk.raw subclusters.qcow2", stretch=True)
f.silent("near-text.txt", b"QFI\xfb is the magic of qcow2\n" * 9, "printf", "the magic alone")
f.finish()
