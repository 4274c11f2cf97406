"""lzma streams by lzma itself: a key, an archive, several streams in one file, one that is cut off."""

from contain import Packed

f = Packed("lzma", "lzma streams of keys and archives, several in one file, and one that is cut off")
f.streams("lzma", "xz --format=lzma -c", "xz --format=lzma -dc", 12)
f.finish()
