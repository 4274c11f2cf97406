"""LevelDB tables by LevelDB itself, through plyvel."""

from contain import Packed

f = Packed("sstable", "LevelDB tables by LevelDB: compressed by Snappy, stored, with many blocks")
f.path("l.py").write_text("import sys, plyvel\ndb = plyvel.DB(sys.argv[1], create_if_missing=True, compression=sys.argv[2] if sys.argv[2] != 'none' else None, block_size=4096)\nfor p in sys.argv[3:]:\n    db.put(p.encode(), open(p, 'rb').read())\nfor n in range(3000):\n    db.put(b'n%d' % n, b'a value %d of no interest' % n)\ndb.compact_range()\ndb.close()\n")
KEYS = "tree/etc/ssl/private/server.pem tree/etc/id.pem tree/signing.der"
for method in ("snappy", "none"):
    f.tool(f"{method}.ldb", f"python3 l.py {method} {method} {KEYS} && cat $(ls -S {method}/*.ldb | head -1) > {method}.ldb", lambda: f.three(lambda path: f"python3 -c 'import sys, plyvel; sys.stdout.buffer.write(plyvel.DB(\"{method}\").get(b\"tree/{path}\"))'"))
f.tool("near.ldb", "python3 l.py near snappy tree/var/numbers.txt && cat $(ls -S near/*.ldb | head -1) > near.ldb", silent=True, why="a table without keys")
f.finish()
