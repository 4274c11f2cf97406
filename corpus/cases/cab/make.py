"""Windows cabinets by gcab; LZX, for which there is no free packer, by hand from [MS-PATCH] with blocks that are not packed."""

import struct
import zlib

from contain import Packed

f = Packed("cab", "Windows cabinets: stored, MSZIP over several blocks, LZX, parts of a set, damaged ones")
show = lambda name: lambda path: f"cabextract -q -p -F {path} {name}"
f.run("cd tree && seq 1 20000 > var/more.txt")
FILES = "readme.txt var/more.txt etc/id.pem etc/ssl/private/server.pem var/zeros.bin signing.der"
f.tool("mszip.cab", f"cd tree && gcab -c -z ../mszip.cab {FILES}", lambda: f.three(show("mszip.cab")))
f.tool("stored.cab", f"cd tree && gcab -c ../stored.cab {FILES}", lambda: f.three(show("stored.cab")))


def cabinet(kind, blocks, files, flags=0, names=b""):
    """[MS-CAB]: a header, one folder, the files, the blocks (packed, length)."""
    start = 36 + len(names) + 8
    entries = b"".join(struct.pack("<IIHHHH", size, at, folder, 0, 0, 0) + name + b"\0" for name, at, size, folder in files)
    data = b"".join(struct.pack("<IHH", 0, len(packed), length) + packed for packed, length in blocks)
    total = start + len(entries) + len(data)
    header = b"MSCF" + struct.pack("<IIIIIBBHHHHH", 0, total, 0, start, 0, 3, 1, 1, len(files), flags, 7, 0)
    return header + names + struct.pack("<IHH", start + len(entries), len(blocks), kind) + entries + data


def lzx(content):
    """One LZX block of type 3: no E8 translation (a bit 0), type (3 bits), length (24 bits), padding, R0 to R2, the bytes."""
    bits = f"0{3:03b}{len(content):024b}".ljust(32, "0")
    words = b"".join(int(bits[i:i + 16], 2).to_bytes(2, "little") for i in (0, 16))
    return words + struct.pack("<III", 1, 1, 1) + content + b"\0" * (len(content) % 2)


key, other = f.read("tree/etc/id.pem"), f.read("tree/readme.txt")
content = other + key
files = [(b"readme.txt", 0, len(other), 0), (b"id.pem", len(other), len(key), 0)]
f.path("lzx.cab").write_bytes(cabinet(3 | 16 << 8, [(lzx(content), len(content))], files))
f.add("lzx.cab", f.read("lzx.cab"), "make.py: an LZX folder with a block that is not packed", [f.shown("cabextract -q -p -F id.pem lzx.cab")])
part = files + [(b"rest.pem", 0, 900, 0xfffe)]
deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
mszip = b"CK" + deflate.compress(content) + deflate.flush()
f.path("set.cab").write_bytes(cabinet(1, [(mszip, len(content))], part, 2, b"next.cab\0disk 2\0"))
f.add("set.cab", f.read("set.cab"), "make.py: the first cabinet of a set", [f.shown("cabextract -q -p -F id.pem set.cab 2>/dev/null")])
data = f.read("mszip.cab")
f.add("cut.cab", data[: data.index(b"CK") + 100], "mszip.cab cut off in its first block", silent=True, why="no block is whole")
f.add("quantum.cab", cabinet(2 | 4 << 4 | 18 << 8, [(b"packed", 40)], files), "make.py: a folder packed by Quantum", silent=True, why="a method that is not decoded: told as not read")
f.silent("near-magic.bin", b"MSCF" + bytes(100), "printf", "the magic alone")
f.finish()
