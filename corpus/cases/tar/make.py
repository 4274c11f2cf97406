"""tar archives by GNU tar and python: every format, long names, sparse files, damaged headers."""

from contain import Packed

f = Packed("tar", "tar archives (ustar, GNU, pax, sparse, several in one file) by GNU tar, damaged and cut ones")
show = lambda path: f"tar -xOf gnu.tar ./{path}"
for kind in ("gnu", "ustar", "posix"):
    name = f"{kind}.tar"
    f.tool(name, f"tar --format={kind} -cf {name} -C tree .", lambda: f.three(lambda path: f"tar -xOf {name} ./{path}"))
long = "a-directory-with-a-long-name/" * 8
f.run(f"mkdir -p 'deep/{long}' && cp tree/etc/id.pem 'deep/{long}key.pem'")
for kind in ("gnu", "posix"):
    name = f"long.{kind}.tar"
    f.tool(name, f"tar --format={kind} -cf {name} -C deep .", lambda: [f.shown(f"tar -xOf {name} './{long}key.pem'")])
f.run("mkdir sparse && cp tree/etc/id.pem sparse/disk.img && truncate -s 1G sparse/disk.img")
for name, flags in (("sparse.gnu.tar", "--format=gnu"), ("sparse.pax.tar", "--format=posix")):
    f.tool(name, f"tar --sparse {flags} -cf {name} -C sparse .", lambda: [f.shown("cat tree/etc/id.pem")])
f.tool("two.tar", "(tar -cf - -C tree ./etc/id.pem; tar -cf - -C tree ./signing.der) > two.tar", lambda: [
    f.shown("tar -xOf two.tar ./etc/id.pem"), f.shown("tar -ixOf two.tar ./signing.der", der=True)])
f.tool("deleted.layer.tar", "mkdir -p layer/etc && cp tree/etc/id.pem layer/etc/ && touch layer/etc/.wh.id.pem && tar -cf deleted.layer.tar -C layer .", lambda: [
    f.shown("tar -xOf deleted.layer.tar ./etc/id.pem")])
data = bytearray(f.read("gnu.tar"))
at = data.index(b"./signing.der\0")
data[at + 120] ^= 1
f.add("damaged_header.tar", bytes(data), "gnu.tar with one byte of a header changed", f.three(show), oracle="gnu.tar before the damage")
f.silent("near-text.txt", " " * 257 + "ustar  is where the magic of a tar archive stands\n", "printf", "the magic in a text")
f.finish()
