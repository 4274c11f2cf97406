"""gzip streams by gzip itself: a key, an archive, several streams in one file, one that is cut off."""

from contain import Packed

f = Packed("gzip", "gzip streams of keys and archives, several in one file, and one that is cut off")
f.streams("gz", "gzip -nc", "gzip -dc", 12)
f.tool("two.gz", "(gzip -nc < tree/readme.txt; gzip -nc < tree/etc/id.pem) > two.gz", lambda: [f.shown("gzip -dc < two.gz")])
f.finish()
