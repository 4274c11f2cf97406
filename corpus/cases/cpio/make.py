"""cpio archives by GNU cpio, initial RAM disks of several parts."""

from contain import Packed

f = Packed("cpio", "cpio archives in every format of GNU cpio, initial RAM disks of several parts, damaged ones")
for kind in ("newc", "crc", "odc", "bin"):
    name = f"{kind}.cpio"
    show = lambda path: f"cpio -i --quiet --to-stdout {path} < {name}"
    f.tool(name, f"cd tree && find . -mindepth 1 -printf '%P\\n' | LC_ALL=C sort | cpio -o -H {kind} --quiet > ../{name}", lambda: f.three(show))
show = lambda path: f"cpio -i --quiet --to-stdout {path} < newc.cpio"
swapped = bytearray(f.read("bin.cpio"))
# The same in the other byte order: header fields are numbers of two bytes; names and contents stay.
at = 0
while True:
    header = bytes(swapped[at:at + 26])
    words = [int.from_bytes(header[i:i + 2], "little") for i in range(0, 26, 2)]
    swapped[at:at + 26] = b"".join(header[i:i + 2][::-1] for i in range(0, 26, 2))
    name, size = words[10], words[11] << 16 | words[12]
    last = bytes(swapped[at + 26:at + 36]) == b"TRAILER!!!"
    at += 26 + name + name % 2 + size + size % 2
    if last:
        break
f.path("swapped.cpio").write_bytes(swapped)
swap = lambda path: f"cpio -i --quiet --to-stdout {path} < swapped.cpio"
f.add("swapped.cpio", bytes(swapped), "bin.cpio with its headers in the other byte order", f.three(swap))
f.run("mkdir early && cp tree/etc/id.pem early/ && cd early && echo id.pem | cpio -o -H newc --quiet > ../early.cpio")
early = f.shown("cpio -i --quiet --to-stdout id.pem < early.cpio")
rest = [k for k in f.three(show) if k["spki_sha256"] != early["spki_sha256"]]
f.run("mkdir main && cp -r tree/. main && rm main/etc/id.pem && cd main && find . -mindepth 1 -printf '%P\\n' | LC_ALL=C sort | cpio -o -H newc --quiet > ../main.cpio")
for tool, ext in (("gzip -9n", "gz"), ("zstd -q", "zst"), ("xz --check=crc32", "xz"), ("cat", "none")):
    f.tool(f"initramfs.{ext}.img", f"(cat early.cpio; {tool} < main.cpio) > initramfs.{ext}.img", [early] + rest)
data = bytearray(f.read("newc.cpio"))
at = data.index(b"etc/ssl/private/server.pem") - 110
data[at + 60] = ord("z")
keys = f.three(show)
# The key of the member with the damaged header can still be read from the file itself.
f.add("damaged_header.cpio", bytes(data), "newc.cpio with a length of one header overwritten", keys[1:] + keys[:1])
f.add("cut.cpio", f.read("newc.cpio")[:-600], "newc.cpio cut off behind its last file", keys, oracle="newc.cpio before the cut")
f.silent("near-text.txt", "070701 is how the header of a cpio archive begins; this is a line of text.\n" * 4, "printf", "the magic alone")
f.silent("near-number.txt", "0707070707070707070707\n", "printf", "digits")
f.silent("near-binary.bin", b"\xc7\x71" + bytes(range(200)), "printf", "the magic of the old format and noise")
f.finish()
