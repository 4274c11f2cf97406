"""lz4 streams by lz4 itself: a key, an archive, several streams in one file, one that is cut off."""

from contain import Packed

f = Packed("lz4", "lz4 streams of keys and archives, several in one file, and one that is cut off")
f.streams("lz4", "lz4 -qc", "lz4 -qdc", 12)
f.tool("two.lz4", "(lz4 -qc < tree/readme.txt; lz4 -qc < tree/etc/id.pem) > two.lz4", lambda: [f.shown("lz4 -qdc < two.lz4")])
f.finish()
