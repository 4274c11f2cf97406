"""UF2 files by the description of the format: 256 or 476 bytes a block."""

from contain import Packed

f = Packed("uf2", "UF2 files: keys across blocks, with a gap in the addresses")
def uf2(content, address=0x10000000, size=256):
    parts = [content[at : at + size] for at in range(0, len(content), size)]
    word = lambda *numbers: b"".join(n.to_bytes(4, "little") for n in numbers)
    return b"".join(word(0x0A324655, 0x9E5D5157, 0x2000, address + size * n, size, n, len(parts), 0xE48BFF56) + part.ljust(476, b"\0") + word(0x0AB16F30) for n, part in enumerate(parts))
cat = lambda path: f"cat tree/{path}"
image = b"\0" * 1000 + f.read("tree/etc/id.pem") + b"\0" * 300 + f.read("tree/signing.der") + b"\xff" * 700
more = f.read("tree/etc/ssl/private/server.pem")
f.add("image.uf2", uf2(image) + uf2(more, 0x10100000), "blocks of 256 bytes, by the format's description", f.three(cat))
f.add("large.uf2", uf2(image, size=476), "blocks of 476 bytes", [f.shown(cat("etc/id.pem")), f.shown(cat("signing.der"), der=True)])
f.silent("near.bin", b"UF2\nWQ]\x9e" + bytes(504), "printf", "the magic numbers alone")
f.finish()
