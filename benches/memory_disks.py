"""Inputs of memory.py: images of disks and flash memory whose tables ask for a lot of memory."""
import struct, zlib


def ubi_sum(of):
    """CRC-32 that is not inverted at the end, as in UBI and UBIFS."""
    return zlib.crc32(of) ^ 0xFFFFFFFF


def copies(folder, name, write, count=4):
    """Writes an image several times, so that several jobs read one at the same time."""
    for number in range(count):
        with open(f"{folder}/{number}.{name}", "wb") as out:
            write(out)


def ubifs_names(folder, many):
    """UBIFS: entries of folders with long names, each of another file."""
    def node(kind, number, rest):
        body = struct.pack("<QIBBBB", number, 24 + len(rest), kind, 0, 0, 0) + rest
        whole = b"\x31\x18\x10\x06" + struct.pack("<I", ubi_sum(body)) + body
        return whole + b"\xff" * (-len(whole) % 8)

    def write(out):
        out.write(node(6, 1, bytes(4072)))
        for number in range(many(100_000)):
            key = struct.pack("<II8x", 1, 2 << 29)
            name = b"%0255d" % number
            out.write(node(2, 2 + number, key + struct.pack("<QBBHI", 1000 + number, 0, 0, 255, 0) + name + b"\0"))

    copies(folder, "ubifs", write)


def ubi_volumes(folder, many):
    """UBI: every erase block belongs to another volume."""
    erase = b"UBI#\x01\0\0\0" + bytes(8) + struct.pack(">II", 64, 128) + bytes(36)
    erase += struct.pack(">I", ubi_sum(erase))

    def write(out):
        for number in range(many(32_768)):
            volume = b"UBI!\x01\x01\0\0" + struct.pack(">II", number, 0) + bytes(24) + struct.pack(">Q", number) + bytes(12)
            out.write((erase + volume + struct.pack(">I", ubi_sum(volume))).ljust(2048, b"\xff"))

    copies(folder, "ubi", write, 2)


def ubi_hole(folder, many):
    """UBI: a volume of two blocks, the second one at the end of four terabytes."""
    def write(out):
        for index in (0, many((1 << 20) - 1)):
            erase = b"UBI#\x01\0\0\0" + bytes(8) + struct.pack(">II", 64, 128) + bytes(36)
            volume = b"UBI!\x01\x01\0\0" + struct.pack(">II", 0, index) + bytes(24) + struct.pack(">Q", index) + bytes(12)
            head = erase + struct.pack(">I", ubi_sum(erase)) + volume + struct.pack(">I", ubi_sum(volume))
            out.write(head.ljust(4 << 20, b"\xff"))

    copies(folder, "ubi", write, 1)


def ntfs_runs(folder, many):
    """NTFS: a file of very many short runs, in records of 64 KiB."""
    size = 64 << 10

    def attribute(first, length, runs):
        head = struct.pack("<IIBBHHHQQHHIQQQ", 0x80, 64 + len(runs), 1, 0, 64, 0, 0, first, 0, 64, 0, 0, 0, length, length)
        return head + runs

    def record(base, body):
        head = b"FILE" + struct.pack("<HHQHHHHIIQ", 48, 1, 0, 1, 1, 56, 1, 0, size, base)
        return (head.ljust(56, b"\0") + body + b"\xff" * 4).ljust(size, b"\0")

    def write(out):
        others = many(200)
        count = 25 + others
        boot = bytearray(size)
        boot[3:11] = b"NTFS    "
        boot[11:14] = struct.pack("<HB", 512, 128)
        boot[48:56] = struct.pack("<Q", 1)
        boot[64:65] = b"\xf0"
        boot[510:512] = b"\x55\xaa"
        out.write(boot)
        out.write(record(0, attribute(0, count * size, b"\x24" + struct.pack("<I", count) + struct.pack("<H", 1) + b"\0")))
        out.write(bytes(23 * size))
        each = 21_000
        length = (others + 1) * each * size
        for number in range(others + 1):
            out.write(record(24 if number else 0, attribute(number * each, length, b"\x11\x01\x00" * each + b"\0")))

    copies(folder, "ntfs", write)


def erofs_chunks(folder, many):
    """EROFS: a file with an index of half a million chunks."""
    count = many(1 << 19)

    def write(out):
        image = bytearray(4096)
        image[1024:1152] = bytes(128)
        image[1024:1028] = b"\xe2\xe1\xf5\xe0"
        image[1024 + 12] = 9
        image[1024 + 14 : 1024 + 16] = struct.pack("<H", 0)
        image[1024 + 36 : 1024 + 44] = struct.pack("<II", 8 + count * 4 // 512 + 1, 4)
        image[2048:2080] = struct.pack("<HHHHIIIIII", 0, 0, 0x41ED, 1, 512, 0, 3, 1, 0, 0)
        image[2080:2112] = struct.pack("<HHHHIIIIII", 8, 0, 0x81A4, 1, count * 512, 0, 0, 2, 0, 0)
        image[1536:1548] = struct.pack("<QHBB", 1, 12, 1, 0)
        image[1548:1549] = b"f"
        out.write(image[: 2112])
        out.write(struct.pack("<I", 0) * count)
        out.write(bytes(4096))

    copies(folder, "erofs", write, 8)


def wim(folder, name, chunk, table, xml, write, count=4):
    """A WIM with a table and a description; each is a place and a length."""
    def resource(at, length):
        return struct.pack("<QQQ", length, at, length)

    def whole(out):
        head = b"MSWIM\0\0\0" + struct.pack("<IIII", 0xD0, 0x10D00, 0, chunk) + bytes(16) + struct.pack("<HHI", 1, 1, 0)
        out.write((head + resource(*table) + resource(*xml)).ljust(208, b"\0"))
        write(out)

    copies(folder, name, whole, count)


def wim_description(folder, many):
    """WIM: a description of a gigabyte that is said to be one chunk; no bytes of it are stored on disk."""
    length = many(1 << 30)
    wim(folder, "wim", 0xFFFFFFFF, (0, 0), (208, length), lambda out: out.truncate(208 + length), 2)


def wim_table(folder, many):
    """WIM: a table of half a million contents of eight bytes."""
    count = many(500_000)

    def write(out):
        out.write(b"12345678")
        for number in range(count):
            out.write(struct.pack("<QQQHI", 8, 208, 8, 1, 1) + b"%020d" % number)

    wim(folder, "wim", 32 << 10, (216, 50 * count), (0, 0), write)


INPUTS = {
    "ubifs-names": ubifs_names,
    "ubi-volumes": ubi_volumes,
    "ubi-hole": ubi_hole,
    "ntfs-runs": ntfs_runs,
    "erofs-chunks": erofs_chunks,
    "wim-description": wim_description,
    "wim-table": wim_table,
}
