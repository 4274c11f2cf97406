"""lzop files by lzop itself: a key, an archive, several members, one that is cut off."""

from contain import Packed

f = Packed("lzop", "lzop files of keys and archives, several in one file, and one that is cut off")
f.streams("lzo", "lzop -c", "lzop -dc", 9)
f.tool("two.lzo", "(lzop -c < tree/readme.txt; lzop -9 -c < tree/etc/id.pem) > two.lzo", lambda: [f.shown("cat tree/etc/id.pem")])
f.finish()
