"""What the recipes of virtual disks share: a disk with one partition, and the way back from an image to its keys."""

from contain import Packed


class Disk(Packed):
    """A family of virtual disks. `disk.raw` in the scratch folder is what is converted."""

    def __init__(self, name, about):
        super().__init__(name, about)
        self.run(
            "truncate -s 1M ext.img && mke2fs -q -F -t ext4 -b 4096 -O ^has_journal -d tree ext.img &&"
            " truncate -s 3M disk.raw && printf '2048,2048,83\\n' | sfdisk -q disk.raw &&"
            " dd if=ext.img of=disk.raw bs=512 seek=2048 conv=notrunc status=none"
        )

    def show(self, image, kind, more=""):
        """Converted back by qemu-img, cut out by dd, shown by debugfs."""
        back = f"qemu-img convert -f {kind} {more} -O raw {image} back.raw && dd if=back.raw bs=512 skip=2048 status=none > part.img"
        return lambda path: f"({back}) && debugfs -R 'cat {path}' part.img 2>/dev/null"

    def image(self, file, kind, command, options="", **more):
        self.tool(file, command, lambda: self.three(self.show(file, kind, options)), **more)
