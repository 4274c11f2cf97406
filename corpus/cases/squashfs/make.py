"""squashfs images by mksquashfs, with every method it has."""

from contain import Packed

f = Packed("squashfs", "squashfs images: gzip, lzma, xz, lz4 and zstd, with and without fragments and compression, damaged ones")
show = lambda name: lambda path: f"unsquashfs -cat {name} {path}"
OPTIONS = "-noappend -quiet -no-progress -all-root -mkfs-time 0 -all-time 0"
for method in ("gzip", "lzma", "xz", "lz4", "zstd"):
    name = f"{method}.squashfs"
    f.tool(name, f"mksquashfs tree {name} -comp {method} {OPTIONS} >/dev/null", lambda: f.three(show(name)))
f.tool("no_fragments.squashfs", f"mksquashfs tree no_fragments.squashfs -no-fragments -b 4096 {OPTIONS} >/dev/null", lambda: f.three(show("no_fragments.squashfs")))
f.tool("stored.squashfs", f"mksquashfs tree stored.squashfs -noI -noD -noF -noX {OPTIONS} >/dev/null", lambda: f.three(show("stored.squashfs")))
f.run("cp -r tree many && for i in $(seq 1 700); do mkdir -p many/d$((i % 9)); echo $i > many/d$((i % 9))/file_with_a_longer_name_$i.txt; done && ln many/etc/id.pem many/link.pem && truncate -s 3M many/sparse.img")
f.tool("many.squashfs", f"mksquashfs many many.squashfs -b 131072 {OPTIONS} >/dev/null", lambda: f.three(show("many.squashfs")))
# Only what is packed: stored blocks of a damaged image are also read as the bytes they are.
f.run("mkdir packed && (cat tree/etc/id.pem; seq 1 3000) > packed/id.pem && (seq 1 3000; cat tree/etc/ssl/private/server.pem; seq 1 3000) > packed/server.pem")
f.run(f"mksquashfs packed packed.squashfs -no-fragments -b 1M {OPTIONS} >/dev/null")
data = bytearray(f.read("packed.squashfs"))
data[96:100] = bytes(4)
f.path("damaged.squashfs").write_bytes(data)
left = [path for path in ("id.pem", "server.pem") if b"BEGIN" in f.run(f"unsquashfs -cat damaged.squashfs {path} 2>/dev/null || true")]
assert len(left) == 1, left
f.add("damaged_block.squashfs", bytes(data), "two files, one of them with the first bytes of its block zero", [f.shown(f"unsquashfs -cat damaged.squashfs {left[0]} | sed -n '/BEGIN/,/END/p'")])
f.add("cut.squashfs", f.read("gzip.squashfs")[:2000], "gzip.squashfs cut off before its tables", silent=True, why="the list of files is gone")
f.tool("near-lzo.squashfs", f"mksquashfs tree/var near-lzo.squashfs -comp lzo {OPTIONS} >/dev/null", silent=True, why="LZO is not decoded: told as not read")
f.silent("near-text.txt", "hsqs is the magic of squashfs, and this is a text.\n" * 4, "printf", "the magic alone")
f.finish()
