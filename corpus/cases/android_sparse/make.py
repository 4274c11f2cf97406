"""Android sparse images by img2simg."""

from contain import Packed

f = Packed("android_sparse", "Android sparse images of ext4 file systems, with holes and filled chunks, damaged ones")
f.run("truncate -s 2M ext.img && mke2fs -q -F -t ext4 -b 4096 -O ^has_journal -d tree ext.img")
show = lambda name: lambda path: f"simg2img {name} back.img && debugfs -R 'cat {path}' back.img 2>/dev/null"
f.tool("system.simg", "img2simg ext.img system.simg", lambda: f.three(show("system.simg")))
f.tool("blocks.simg", "img2simg ext.img blocks.simg 1024", lambda: f.three(show("blocks.simg")))
data = f.read("system.simg")
f.silent("near-header.simg", data[:20] + bytes(60), "the header of system.simg and zeros", "a header without chunks")
f.finish()
