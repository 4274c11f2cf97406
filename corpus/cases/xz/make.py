"""xz streams by xz itself: a key, an archive, several streams in one file, one that is cut off."""

from contain import Packed

f = Packed("xz", "xz streams of keys and archives, several in one file, and one that is cut off")
f.streams("xz", "xz -c", "xz -dc", 12)
f.tool("two.xz", "(xz -c < tree/readme.txt; xz -c < tree/etc/id.pem) > two.xz", lambda: [f.shown("xz -dc < two.xz")])
f.finish()
