"""zstd streams by zstd itself: a key, an archive, several streams in one file, one that is cut off."""

from contain import Packed

f = Packed("zstd", "zstd streams of keys and archives, several in one file, and one that is cut off")
f.streams("zst", "zstd -qc", "zstd -qdc", 12)
f.tool("two.zst", "(zstd -qc < tree/readme.txt; zstd -qc < tree/etc/id.pem) > two.zst", lambda: [f.shown("zstd -qdc < two.zst")])
f.finish()
