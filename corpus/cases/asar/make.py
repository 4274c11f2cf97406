"""asar archives by @electron/asar."""

from contain import Packed

f = Packed("asar", "asar archives of Electron applications, with unpacked files beside them, damaged ones")
f.run("npm install --silent --no-fund --no-audit --prefix tool @electron/asar@3 >/dev/null")
ASAR = "node tool/node_modules/@electron/asar/bin/asar.js"
show = lambda name: lambda path: f"{ASAR} extract-file {name} {path} && cat $(basename {path})"
f.tool("app.asar", f"{ASAR} pack tree app.asar", lambda: f.three(show("app.asar")))
f.tool("unpacked.asar", f"{ASAR} pack tree unpacked.asar --unpack '*.der'", lambda: f.three(show("app.asar"))[:2], oracle="asar list --is-pack unpacked.asar; the file that is marked as unpacked lies beside it")
data = f.read("app.asar")
f.add("damaged_header.asar", data[:60] + b"\0" + data[61:], "app.asar with a byte of its header overwritten: read as the bytes it is", f.three(show("app.asar")))
f.silent("near-json.txt", 'const header_ = {"files":{"a":{"size":1,"offset":"0"}}};\n', "printf", "the same JSON in a program, at the same place")
f.finish()
