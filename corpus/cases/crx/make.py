"""Chrome extensions by the npm package crx3; version 2, which no tool writes any more, by hand."""

import struct

from contain import Packed

f = Packed("crx", "Chrome extensions of version 3 and 2, damaged ones")
f.run("npm install --silent --no-fund --no-audit --prefix tool crx3@1 >/dev/null")
f.run("""echo '{"manifest_version":3,"name":"k","version":"1"}' > tree/manifest.json""")
f.path("pack.js").write_text("require('./tool/node_modules/crx3')(['tree/manifest.json'],{keyPath:'sign.pem',crxPath:'three.crx'}).then(()=>0,e=>{console.error(e);process.exit(1)})")
f.run("openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out sign.pem 2>/dev/null")
f.run("node pack.js")
f.run("openssl pkey -in sign.pem -pubout -out sign.pub")
show = lambda name: lambda path: f"bsdtar -xOf {name} {path}"
data = f.read("three.crx")
at = data.index(b"PK\x03\x04")
f.path("three.zip").write_bytes(data[at:])
public = f.public("sign.pub")
f.add("three.crx", data, "crx3 tree", f.three(show("three.zip")), publics=[public])
f.run("openssl dgst -sha1 -sign sign.pem -out signature three.zip; openssl pkey -in sign.pem -pubout -outform DER -out public.der")
key, signature = f.read("public.der"), f.read("signature")
second = b"Cr24" + struct.pack("<III", 2, len(key), len(signature)) + key + signature + data[at:]
f.add("two.crx", second, "make.py: the header of version 2 before the archive of three.crx", f.three(show("three.zip")), publics=[public])
f.add("cut.crx", data[: at + 40], "three.crx cut off in its archive", publics=[public], silent=True, why="no file is whole")
f.silent("near-text.txt", "Cr24 is the magic of Chrome extensions.\n", "printf", "the magic alone")
f.finish()
