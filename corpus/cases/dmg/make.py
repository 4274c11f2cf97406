"""Apple disk images by a writer of our own, read back by 7-Zip."""

from contain import Packed

f = Packed("dmg", "Apple disk images with chunks of every method, and a near miss")
import base64, bz2, lzma, zlib
f.run("truncate -s 4M disk.img && mke2fs -q -t ext4 -d tree disk.img")
def dmg(disk, pack, kind, per=512):
    be = lambda n, size: n.to_bytes(size, "big")
    data, entries, sectors = b"", b"", len(disk) // 512
    for first in range(0, sectors, per):
        part = disk[first * 512 : (first + per) * 512]
        packed = b"" if not any(part) else pack(part)
        entries += be(kind if packed else 0, 4) + bytes(4) + be(first, 8) + be(len(part) // 512, 8) + be(len(data), 8) + be(len(packed), 8)
        data += packed
    entries += be(0xFFFFFFFF, 4) + bytes(4) + be(sectors, 8) + be(0, 8) + be(len(data), 8) + be(0, 8)
    mish = b"mish" + be(1, 4) + be(0, 8) + be(sectors, 8) + be(0, 8) + be(0x208, 4) + be(0, 4) + bytes(24) + be(2, 4) + be(32, 4) + be(zlib.crc32(disk), 4) + bytes(124) + be(len(entries) // 40, 4) + entries
    text = base64.encodebytes(mish).decode()
    plist = f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n<plist version="1.0">\n<dict>\n<key>resource-fork</key>\n<dict>\n<key>blkx</key>\n<array>\n<dict>\n<key>Attributes</key>\n<string>0x0050</string>\n<key>Data</key>\n<data>\n{text}</data>\n<key>ID</key>\n<string>0</string>\n<key>Name</key>\n<string>disk image</string>\n</dict>\n</array>\n</dict>\n</dict>\n</plist>\n'.encode()
    koly = b"koly" + be(4, 4) + be(512, 4) + be(1, 4) + bytes(8) + be(0, 8) + be(len(data), 8) + bytes(16) + be(1, 4) + be(1, 4) + bytes(16) + be(0, 4) + be(0, 4) + bytes(128) + be(len(data), 8) + be(len(plist), 8) + bytes(120) + be(0, 4) + be(0, 4) + bytes(128) + be(1, 4) + be(sectors, 8) + bytes(12)
    assert len(koly) == 512
    return data + plist + koly
disk = f.read("disk.img")
for name, pack, kind in (("zlib", zlib.compress, 0x80000005), ("bzip2", bz2.compress, 0x80000006), ("lzma", lzma.compress, 0x80000008), ("raw", bytes, 1)):
    f.path(f"{name}.dmg").write_bytes(dmg(disk, pack, kind))
    f.run(f"mkdir {name} && 7z x -y -tdmg -o{name} {name}.dmg >/dev/null && cmp {name}/0* disk.img")
    f.add(f"{name}.dmg", f.read(f"{name}.dmg"), "by the format's description; 7z extracts the same disk", f.three(lambda path: f"cat tree/{path}"))
f.silent("near.bin", bytes(600) + b"koly" + bytes(508), "printf", "the magic alone")
f.finish()
