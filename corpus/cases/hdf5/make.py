"""HDF5 files by h5py, with gzip and LZF as filters."""

from contain import Packed

f = Packed("hdf5", "HDF5 files by h5py: keys in chunks that are compressed, and a near miss")
f.path("h.py").write_text("import sys, h5py, numpy\nh = h5py.File(sys.argv[1], 'w')\nfor n, p in enumerate(sys.argv[2:]):\n    d = numpy.frombuffer(open(p, 'rb').read(), dtype='u1')\n    h.create_dataset(f'd{n}', data=d, chunks=(min(512, len(d)),), compression='gzip')\nh.close()\n")
f.tool("keys.h5", "python3 h.py keys.h5 tree/etc/ssl/private/server.pem tree/etc/id.pem tree/signing.der", lambda: f.three(lambda path: f"cat tree/{path}"))
f.run("sed \"s/'gzip'/'lzf'/\" h.py > z.py")
f.tool("lzf.h5", "python3 z.py lzf.h5 tree/etc/ssl/private/server.pem tree/etc/id.pem tree/signing.der", lambda: f.three(lambda path: f"cat tree/{path}"))
f.tool("near-lzf.h5", "python3 z.py near-lzf.h5 tree/var/numbers.txt", silent=True, why="numbers in chunks of LZF")
f.tool("near.h5", "python3 h.py near.h5 tree/var/numbers.txt", silent=True, why="numbers in compressed chunks")
f.finish()
