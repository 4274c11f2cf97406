"""Framed Snappy streams by python-snappy: a key, an archive, one that is cut off."""

from contain import Packed

f = Packed("snappy", "framed Snappy streams of keys and archives, and one that is cut off")
f.streams("sz", "python3 -c \"import sys, snappy; snappy.stream_compress(sys.stdin.buffer, sys.stdout.buffer)\"", "python3 -c \"import sys, snappy; snappy.stream_decompress(sys.stdin.buffer, sys.stdout.buffer)\"", 10)
f.finish()
