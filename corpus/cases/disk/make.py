"""Partitioned disks by sfdisk and sgdisk, with file systems in their partitions."""

from contain import Packed

f = Packed("disk", "partitioned disk images: MBR with logical partitions, GPT, its backup, large sectors, damaged ones")
f.run("truncate -s 1M ext.img && mke2fs -q -F -t ext4 -O ^has_journal -d tree ext.img; truncate -s 1M fat.img && mkfs.vfat -s 1 fat.img >/dev/null && mcopy -i fat.img tree/etc/id.pem ::")
f.run("mksquashfs tree root.squashfs -noappend -quiet -no-progress >/dev/null && cp tree/etc/id.pem only/ 2>/dev/null || true")


def keys(name, sector=512):
    """Cut out by dd at the place the partition tool shows, then shown by the tool of the file system."""
    return lambda start: lambda path: f"dd if={name} bs={sector} skip={start} status=none > part.img && debugfs -R 'cat {path}' part.img 2>/dev/null"


fat = lambda name, start: f.shown(f"dd if={name} bs=512 skip={start} count=2048 status=none > fat.part && mtype -i fat.part ::id.pem")
f.tool("mbr.img", "truncate -s 4M mbr.img && printf '2048,2048,83\\n' | sfdisk -q mbr.img && dd if=ext.img of=mbr.img bs=512 seek=2048 conv=notrunc status=none",
       lambda: f.three(keys("mbr.img")(2048)))
f.tool("logical.img", "truncate -s 6M logical.img && printf '2048,2048,6\\n4096,8000,5\\n6144,2048,83\\n' | sfdisk -q logical.img && dd if=fat.img of=logical.img bs=512 seek=2048 conv=notrunc status=none && dd if=ext.img of=logical.img bs=512 seek=6144 conv=notrunc status=none",
       lambda: f.three(keys("logical.img")(6144)) + [fat("logical.img", 2048)])
f.tool("gpt.img", "truncate -s 5M gpt.img && sgdisk -n 1:2048:+1M -t 1:ef00 -c 1:EFI -n 2:4096:+1M -c 2:root gpt.img >/dev/null && dd if=fat.img of=gpt.img bs=512 seek=2048 conv=notrunc status=none && dd if=ext.img of=gpt.img bs=512 seek=4096 conv=notrunc status=none",
       lambda: f.three(keys("gpt.img")(4096)) + [fat("gpt.img", 2048)])
data = bytearray(f.read("gpt.img"))
data[512:520] = bytes(8)
f.add("gpt_backup.img", bytes(data), "gpt.img with its first header overwritten: sgdisk uses the backup", f.three(keys("gpt.img")(4096)) + [fat("gpt.img", 2048)])
f.tool("gap.img", "cp mbr.img gap.img && dd if=tree/etc/id.pem of=gap.img bs=512 seek=40 conv=notrunc status=none",
       lambda: f.three(keys("gap.img")(2048)) + [f.shown("dd if=gap.img bs=512 skip=40 count=1 status=none")])
boot = bytearray(512)
boot[510:] = b"\x55\xaa"
f.silent("near-boot-sector.bin", bytes(boot) + bytes(4096), "printf", "a boot sector without partitions")
f.silent("near-gpt.txt", b" " * 512 + b"EFI PART is the signature of a GPT" + b" " * 4096, "printf", "the magic alone")
f.finish()
