"""ZIP archives by Info-ZIP, 7-Zip and python: every method that a tool here writes, ZIP64, stubs, damage, encryption."""

from contain import Packed

f = Packed("zip", "ZIP archives by zip, 7z and python: methods, ZIP64, streamed ones, stubs in front, deleted members")
def three(name):
    return f.three(lambda path: f"7z x -so -bd {name} {path} 2>/dev/null")
f.tool("deflated.zip", "cd tree && zip -qr ../deflated.zip .", lambda: three("deflated.zip"))
f.tool("stored.zip", "cd tree && zip -0qr ../stored.zip .", lambda: three("stored.zip"))
f.tool("bzip2.zip", "cd tree && zip -qr -Z bzip2 ../bzip2.zip .", lambda: three("bzip2.zip"))
for method in ("Deflate64", "LZMA"):
    name = f"{method.lower()}.zip"
    f.tool(name, f"cd tree && 7z a -bd -tzip -mm={method} ../{name} . > /dev/null", lambda: three(name))
f.tool("zip64.zip", "cd tree && find . -type f | LC_ALL=C sort | zip -q -fz -@ ../zip64.zip", lambda: three("zip64.zip"))
f.tool("streamed.zip", "cd tree && zip -qr - . | cat > ../streamed.zip", lambda: three("streamed.zip"))
f.tool("app.apk", "mkdir -p app/META-INF && cp -r tree/. app/ && cd app && zip -qr ../app.apk .", lambda: three("app.apk"))
f.tool("nested.jar", "mkdir nest && cp deflated.zip nest/lib.jar && cd nest && zip -qr ../nested.jar .", lambda: three("deflated.zip"))
f.tool("encrypted_entry.zip", "cd tree && zip -q ../encrypted_entry.zip signing.der && zip -q -P secret ../encrypted_entry.zip etc/id.pem", lambda: [
    f.shown("7z x -so -bd -psecret encrypted_entry.zip signing.der 2>/dev/null", der=True)])
f.add("cut.zip", f.read("deflated.zip")[:-300], "deflated.zip without its directory", three("deflated.zip"), oracle="deflated.zip before the cut")
f.silent("near-text.txt", "PK\x03\x04 is how a ZIP begins\n" * 20, "printf", "the magic in a text")
f.finish()
