"""Streams of compress(1): a key, an archive, short codes, one that is cut off."""

from contain import Packed

f = Packed("unix_compress", "compress streams of keys and archives, with codes of several lengths, and one that is cut off")
f.streams("Z", "compress -cf", "compress -dc", 3)
f.tool("ten.Z", "cat tree/etc/id.pem tree/var/numbers.txt | compress -b 10 -cf > ten.Z", lambda: [f.shown("compress -dc < ten.Z")])
f.finish()
