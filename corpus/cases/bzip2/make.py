"""bzip2 streams by bzip2 itself: a key, an archive, several streams in one file, one that is cut off."""

from contain import Packed

f = Packed("bzip2", "bzip2 streams of keys and archives, several in one file, and one that is cut off")
f.streams("bz2", "bzip2 -c", "bzip2 -dc", 12)
f.tool("two.bz2", "(bzip2 -c < tree/readme.txt; bzip2 -c < tree/etc/id.pem) > two.bz2", lambda: [f.shown("bzip2 -dc < two.bz2")])
f.finish()
