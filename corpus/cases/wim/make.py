"""WIM files by wimlib-imagex."""

from contain import Packed

f = Packed("wim", "WIM files of every method but LZMS, with chunks of two sizes and an integrity table, and a near miss")


def extracted(name):
    return lambda path: f"wimlib-imagex extract {name} 1 /{path} --to-stdout 2>/dev/null"


for name, flags in (("none", "--compress=none"), ("xpress", "--compress=XPRESS"), ("lzx", "--compress=LZX --check"), ("large", "--compress=LZX --chunk-size=256K")):
    f.tool(f"{name}.wim", f"wimlib-imagex capture tree {name}.wim {flags}", lambda: f.three(extracted(f"{name}.wim")))
f.silent("near.bin", b"MSWIM\0\0\0\xd0\0\0\0" + bytes(300), "printf", "the magic alone")
f.finish()
