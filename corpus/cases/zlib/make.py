"""zlib streams by zlib-flate of qpdf: a key, an archive, one after its length, one that is cut off."""

from contain import Packed

f = Packed("zlib", "zlib streams of keys and archives, one after its length, and one that is cut off")
f.streams("zz", "zlib-flate -compress", "zlib-flate -uncompress", 2)

f.run("zlib-flate -compress < tree/etc/ssl/private/server.pem > server.zz")
size = f.path("tree/etc/ssl/private/server.pem").stat().st_size
f.add("length.bin", size.to_bytes(4, "big") + f.read("server.zz"), "a length of four bytes, as Fossil and Qt write it, then zlib-flate", [f.shown("zlib-flate -uncompress < server.zz")])
f.finish()
