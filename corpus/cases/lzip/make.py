"""lzip streams by lzip itself: a key, an archive, several members, one that is cut off."""

from contain import Packed

f = Packed("lzip", "lzip streams of keys and archives, several in one file, and one that is cut off")
f.streams("lz", "lzip -c", "lzip -dc", 6)
f.tool("two.lz", "(lzip -c < tree/readme.txt; lzip -c < tree/etc/id.pem) > two.lz", lambda: [f.shown("lzip -dc < two.lz")])
f.finish()
