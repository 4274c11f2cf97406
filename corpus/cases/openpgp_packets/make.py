"""Compressed messages of GnuPG behind other packets: a marker, a public key, both, in armor too."""

from contain import Packed

f = Packed("openpgp_packets", "compressed messages of OpenPGP behind markers and public keys, by GnuPG")
f.run("mkdir -m 700 home && GNUPGHOME=home gpg --batch --quiet --passphrase '' --quick-gen-key 'A <a@x>' ed25519 sign 0 2>/dev/null")
GPG = "GNUPGHOME=home gpg --batch --quiet --yes"
f.run("printf '\\312\\003PGP' > marker")
for algorithm in ("zip", "zlib", "bzip2"):
    name = f"id.pem.{algorithm}.gpg"
    made = f"({GPG} --compress-algo {algorithm} -z 9 -s -o - tree/etc/id.pem) | cat marker - > {name}"
    f.tool(name, made, lambda: [f.shown(f"{GPG} -d {name} 2>/dev/null")])
name = "markers.der.gpg"
f.tool(name, f"({GPG} --compress-algo zip -s -o - tree/signing.der) | cat marker marker marker - > {name}", lambda: [f.shown(f"{GPG} -d {name} 2>/dev/null", der=True)])
name = "armor.asc"
f.tool(name, f"({GPG} --compress-algo zlib -s -o - tree/etc/id.pem) | cat marker - | gpg --enarmor 2>/dev/null | sed 's/ARMORED FILE/MESSAGE/' > {name}", lambda: [f.shown(f"{GPG} -d {name} 2>/dev/null")])
f.silent("near.gpg", b"\xca\x03PGP" * 20 + b"\xa3\x02and then no stream at all ", "markers, the first bytes of compressed data and text", "the tag and the algorithm alone")
f.run("GNUPGHOME=home gpgconf --kill all")
f.finish()
