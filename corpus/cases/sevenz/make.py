"""7z archives by p7zip, with every method it has."""

from contain import Packed

f = Packed("sevenz", "7z archives: every method and filter, solid and not, encrypted and damaged ones")
show = lambda name: lambda path: f"7z x -so {name} {path} 2>/dev/null"
ALL = "cd tree && 7z a -bd ../{name} {options} . >/dev/null"
for name, options in {
    "lzma.7z": "-m0=lzma", "lzma2.7z": "-m0=lzma2", "ppmd.7z": "-m0=ppmd", "bzip2.7z": "-m0=bzip2", "deflate.7z": "-m0=deflate",
    "copy.7z": "-m0=copy", "not_solid.7z": "-ms=off", "bcj.7z": "-m0=bcj -m1=lzma", "bcj2.7z": "-m0=bcj2 -m1=lzma:d20 -m2=lzma:d18 -m3=lzma:d18 -mb0:1 -mb0s1:2 -mb0s2:3",
    "delta.7z": "-m0=delta:4 -m1=lzma2", "arm.7z": "-m0=arm -m1=lzma2", "plain_header.7z": "-mhc=off",
}.items():
    f.tool(name, ALL.format(name=name, options=options), lambda: f.three(show(name)))
f.tool("encrypted.7z", ALL.format(name="encrypted.7z", options="-ppassword"), silent=True, why="encrypted members: told as not read")
f.tool("encrypted_names.7z", ALL.format(name="encrypted_names.7z", options="-ppassword -mhe=on"), silent=True, why="an encrypted header: told as not read")
f.tool("half_encrypted.7z", "cd tree && 7z a -bd ../half_encrypted.7z etc >/dev/null && 7z a -bd -ppassword ../half_encrypted.7z signing.der >/dev/null",
       lambda: f.three(show("lzma.7z"))[:2], oracle="7z x -so half_encrypted.7z etc/id.pem | openssl pkey")
f.tool("deflate64.7z", ALL.format(name="deflate64.7z", options="-m0=deflate64"), silent=True, why="a method that is not decoded: told as not read")
f.run("cd tree && 7z a -bd -ms=off -m0=lzma ../two.7z etc >/dev/null")
data = bytearray(f.read("two.7z"))
data[40:44] = b"\xff" * 4
f.path("damaged.7z").write_bytes(data)
lost = f.run("7z t damaged.7z 2>&1 || true").decode()
left = [path for path in ("etc/id.pem", "etc/ssl/private/server.pem") if path not in lost.split("ERROR", 1)[-1]]
assert len(left) == 1, lost
f.add("damaged_block.7z", bytes(data), "two.7z with bytes of its first block overwritten", [f.shown(f"7z x -so damaged.7z {left[0]} 2>/dev/null")])
f.add("cut.7z", f.read("lzma.7z")[:500], "lzma.7z cut off: the list of files stands at the end", silent=True, why="the list is gone")
f.silent("near-magic.bin", b"7z\xbc\xaf\x27\x1c" + b"\x00\x04" + bytes(100), "printf", "the magic alone")
f.finish()
