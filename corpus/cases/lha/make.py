"""LHA archives by jLHA: headers of level 0, 1 and 2, methods lh0, lh5, lh6 and lh7."""

from contain import Packed

f = Packed("lha", "LHA archives: every level of headers and every method that jlha writes")
lha = lambda name: lambda path: f"lha -pq {name} '{path}'"
f.run("cp -r tree t")
for level in "012":
    for method in ("o5", "o6", "o7", "z"):
        name = f"level{level}-{method}.lzh"
        f.tool(name, f"cd t && jlha a{level}{method} ../{name} etc/ssl/private/server.pem etc/id.pem signing.der var/numbers.txt readme.txt >/dev/null", lambda: f.three(lambda path: f"cat t/{path}"))
f.silent("near.bin", b"\x20\x11-lh5-" + b"and then no header at all " * 20, "the method and text", "the magic alone")
f.finish()
