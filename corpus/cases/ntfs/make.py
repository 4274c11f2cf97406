"""NTFS volumes by mkntfs, with files by ntfscp."""

from contain import Packed

f = Packed("ntfs", "NTFS volumes: files in records and in clusters, an alternate stream, and a near miss")
KEYS = {"etc/ssl/private/server.pem": "server.pem", "etc/id.pem": "id.pem", "signing.der": "signing.der"}


def copied(image, mkntfs):
    copies = " && ".join(f"ntfscp -q {image} tree/{path} /{name}" for path, name in KEYS.items())
    return f"truncate -s 2M {image} && mkntfs -F -Q -q {mkntfs} {image} && {copies} && ntfscp -q {image} tree/var/numbers.txt /numbers.txt"


def files():
    stream = f.shown("ntfscat -q -n zone files.ntfs id.pem")
    return [*f.three(lambda path: f"ntfscat -q files.ntfs {KEYS[path]}"), stream]


f.run(
    "openssl genpkey -algorithm ed448 -out other.pem && cat tree/var/numbers.txt other.pem tree/var/numbers.txt > long.txt"
)
STREAM = " && ntfscp -q -N zone files.ntfs long.txt /id.pem"
f.tool("files.ntfs", copied("files.ntfs", "") + STREAM, files)
f.tool("clusters.ntfs", copied("clusters.ntfs", "-c 512 -s 512"), lambda: f.three(lambda path: f"ntfscat -q clusters.ntfs {KEYS[path]}"))
f.silent("near.bin", b"\xeb\x52\x90NTFS    " + bytes(499) + b"\x55\xaa" + bytes(512), "printf", "a boot sector without sizes")
f.finish()
