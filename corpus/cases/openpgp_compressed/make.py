"""Files that GnuPG signed and compressed: by every algorithm, in armor, and a near miss."""

from contain import Packed

f = Packed("openpgp_compressed", "files in signed and compressed messages of OpenPGP, by GnuPG")
f.run("mkdir -m 700 home && GNUPGHOME=home gpg --batch --quiet --passphrase '' --quick-gen-key 'A <a@x>' ed25519 sign 0 2>/dev/null")
GPG = "GNUPGHOME=home gpg --batch --quiet --yes"
for algorithm in ("zip", "zlib", "bzip2"):
    for source, der in (("etc/id.pem", False), ("signing.der", True)):
        name = f"{source.rsplit('/')[-1]}.{algorithm}.gpg"
        made = f"{GPG} --compress-algo {algorithm} -z 9 -s -o {name} tree/{source}"
        f.tool(name, made, lambda: [f.shown(f"{GPG} -d {name} 2>/dev/null", der=der)])
name = "id.pem.asc"
f.tool(name, f"{GPG} --armor --compress-algo zlib -s -o {name} tree/etc/id.pem", lambda: [f.shown(f"{GPG} -d {name} 2>/dev/null")])
f.silent("near.gpg", b"\xa3\x02and then no stream at all " * 20, "the first bytes of compressed data and text", "the tag and the algorithm alone")
f.run("GNUPGHOME=home gpgconf --kill all")
f.finish()
