"""Programs by PyInstaller: its archive, behind the first bytes of its boot loader."""

from contain import Packed

f = Packed("pyinstaller", "A program by PyInstaller with keys as data, and one without")
f.path("k.py").write_text("print('a program')\n")
DATA = "--add-data tree/etc/ssl/private/server.pem:. --add-data tree/etc/id.pem:. --add-data tree/signing.der:."
f.run(f"pyinstaller -F --log-level ERROR {DATA} k.py && mv dist/k whole")
# Without the interpreter, which has 8 MB: the boot loader is replaced, and only files of the program are kept.
f.path("cut.py").write_text("import sys\nfrom PyInstaller.archive.readers import CArchiveReader\nimport struct, zlib\na = CArchiveReader(sys.argv[1])\ntoc, data = b'', b''\nfor name, e in a.toc.items():\n    if name.split('.')[-1] not in ('pem', 'der') and name != 'k':\n        continue\n    if len(sys.argv) > 3 and name != 'k':\n        continue\n    raw = a.extract(name)\n    packed = zlib.compress(raw, 9)\n    n = name.encode() + b'\\0'\n    n += b'\\0' * (-(18 + len(n)) % 16)\n    toc += struct.pack('!iIIIBc', 18 + len(n), len(data), len(packed), len(raw), 1, e[4].encode()) + n\n    data += packed\nhead = open(sys.argv[1], 'rb').read(3000)\nlength = len(data) + len(toc) + 88\nopen(sys.argv[2], 'wb').write(head + data + toc + struct.pack('!8sIIII64s', b'MEI\\014\\013\\012\\013\\016', length, len(data), len(toc), 311, b'libpython3.11.so.1.0'))\n")
show = lambda path: "python3 -c 'import sys; from PyInstaller.archive.readers import CArchiveReader; sys.stdout.buffer.write(CArchiveReader(\"keys\").extract(sys.argv[1]))' " + path.rsplit("/")[-1]
f.tool("keys", "python3 cut.py whole keys", lambda: f.three(show))
f.tool("near", "python3 cut.py whole near none", silent=True, why="a program without keys")
f.finish()
