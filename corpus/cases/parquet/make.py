"""Parquet files by pyarrow."""

from contain import Packed

f = Packed("parquet", "Parquet files with keys in columns, compressed by every codec that is read")
f.path("p.py").write_text("import sys, pyarrow as pa, pyarrow.parquet as pq\nkeys = [open(p, 'rb').read() for p in sys.argv[4:]]\nn = 400\nrows = [k for k in keys] + [b'nothing of interest %d' % i for i in range(n)]\nt = pa.table({'n': list(range(len(rows))), 'blob': rows, 'text': ['row %d of many' % i for i in range(len(rows))]})\npq.write_table(t, sys.argv[1], compression=sys.argv[2], data_page_version=sys.argv[3], use_dictionary=False, write_statistics=False)\n")
KEYS = "tree/etc/ssl/private/server.pem tree/etc/id.pem tree/signing.der"
cat = lambda path: f"cat tree/{path}"
for method in ("snappy", "gzip", "zstd", "lz4", "none"):
    f.tool(f"{method}.parquet", f"python3 p.py {method}.parquet {method} 1.0 {KEYS}", lambda: f.three(cat))
f.tool("second.parquet", f"python3 p.py second.parquet snappy 2.0 {KEYS}", lambda: f.three(cat))
f.tool("near.parquet", "python3 p.py near.parquet snappy 1.0 tree/readme.txt", silent=True, why="a table without keys")
f.finish()
