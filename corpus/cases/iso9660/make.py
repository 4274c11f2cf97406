"""ISO 9660 images by xorriso and genisoimage."""

from contain import Packed

f = Packed("iso9660", "ISO 9660 images: plain, Joliet, Rock Ridge, several extents, boot images, an image in an image, damaged ones")
rock = lambda name: lambda path: f"bsdtar -xOf {name} {path}"
QUIET = "-quiet -V K"
f.tool("rock_ridge.iso", f"genisoimage {QUIET} -r -o rock_ridge.iso tree", lambda: f.three(rock("rock_ridge.iso")))
f.tool("joliet.iso", f"genisoimage {QUIET} -J -o joliet.iso tree", lambda: f.three(rock("joliet.iso")))
f.tool("both.iso", f"genisoimage {QUIET} -r -J -o both.iso tree", lambda: f.three(rock("both.iso")))
plain = {"etc/ssl/private/server.pem": "ETC/SSL/PRIVATE/SERVER.PEM", "etc/id.pem": "ETC/ID.PEM", "signing.der": "SIGNING.DER"}
f.tool("plain.iso", f"genisoimage {QUIET} -o plain.iso tree", lambda: f.three(lambda path: f"bsdtar -xOf plain.iso {plain[path]}"))
xorriso = lambda name: lambda path: f"osirrox -indev {name} -extract_single /{path} /dev/stdout 2>/dev/null"
f.tool("xorriso.iso", "xorriso -as mkisofs -quiet -r -J -V K -o xorriso.iso tree 2>/dev/null", lambda: f.three(rock("xorriso.iso")))
# A name of 200 letters goes on in another area (CE).
f.run("mkdir -p deep/a/b/c/d/e/f/g/h/i && cp tree/etc/id.pem deep/a/b/c/d/e/f/g/h/i/ && cp tree/etc/ssl/private/server.pem deep/$(printf 'n%.0s' $(seq 200)).pem")
f.tool("deep.iso", "xorriso -as mkisofs -quiet -r -V K -o deep.iso deep 2>/dev/null",
       lambda: [f.shown("bsdtar -xOf deep.iso a/b/c/d/e/f/g/h/i/id.pem"), f.shown("bsdtar -xOf deep.iso $(printf 'n%.0s' $(seq 200)).pem")])
f.tool("only_joliet.iso", f"genisoimage {QUIET} -r -J -hide etc -o only_joliet.iso tree", lambda: f.three(rock("both.iso")), oracle="both.iso, made from the same files; bsdtar shows the folder of this one by Joliet only")
f.run("mkdir outer && cp both.iso outer/inner.iso && cp tree/etc/id.pem outer/")
f.tool("nested.iso", f"genisoimage {QUIET} -r -o nested.iso outer", lambda: f.three(lambda path: f"bsdtar -xOf nested.iso inner.iso | bsdtar -xOf - {path}") + [f.shown("bsdtar -xOf nested.iso id.pem")])
f.run("mkdir boot && echo x > boot/readme.txt && truncate -s 1440K efi.img && mkfs.vfat efi.img >/dev/null && mcopy -i efi.img tree/etc/id.pem ::id.pem && cp efi.img boot/efi.img")
f.tool("boot.iso", f"genisoimage {QUIET} -r -b efi.img -c boot.cat -o boot.iso boot", lambda: [f.shown("bsdtar -xOf boot.iso efi.img > shown.img && mtype -i shown.img ::id.pem")])
data = f.read("both.iso")
f.add("cut.iso", data[: 40 * 2048], "both.iso cut off behind its folders", silent=True, why="the files are gone")
f.silent("near-text.txt", b" " * 0x8001 + b"CD001 is the magic of ISO 9660" + b" " * 4000, "printf", "the magic alone")
f.finish()
