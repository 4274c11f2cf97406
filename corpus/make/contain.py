"""What the recipes of archives and images share: files to pack, keys as the tool that unpacks them shows them."""

import hashlib

from kit import Family

# What lies in every sample: three keys, one of them deep and small, and files that hold none.
TREE = "tree"


class Packed(Family):
    """A family of containers. `tree/` in the scratch folder holds what is packed."""

    def __init__(self, name, about):
        super().__init__(name, about)
        self.run(
            f"mkdir -p {TREE}/etc/ssl/private {TREE}/var/empty && cd {TREE} &&"
            " openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out etc/ssl/private/server.pem 2>/dev/null &&"
            " openssl genpkey -algorithm ed25519 -out etc/id.pem &&"
            " openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -outform DER -out signing.der 2>/dev/null &&"
            " seq 1 4000 > var/numbers.txt && head -c 70000 /dev/zero > var/zeros.bin && echo no key here > readme.txt"
        )

    def shown(self, command, der=False, format="pkcs8"):
        """The key in what a command writes to its standard output, from openssl."""
        command = f"{command} | openssl pkey {'-inform DER ' if der else ''}-pubout -outform DER"
        spki = hashlib.sha256(self.run(command)).hexdigest()
        return dict(format=format, protection="plaintext", spki_sha256=spki, _oracle=f"{command} | sha256sum")

    def three(self, show):
        """The three keys of the tree. `show` makes of a path the command that shows this file of the container."""
        return [
            self.shown(show("etc/ssl/private/server.pem")),
            self.shown(show("etc/id.pem")),
            self.shown(show("signing.der"), der=True),
        ]

    def silent(self, file, data, made, why, **more):
        """A near miss."""
        self.add(file, data, made, silent=True, why=why, **more)

    def streams(self, suffix, pack, unpack, magic):
        """What every format of one stream has: two keys, an archive, a long text that is cut off, and a near miss that begins
        with the first `magic` bytes of a stream. `pack` and `unpack` are commands from standard input to standard output."""
        for source, der in (("etc/id.pem", False), ("signing.der", True)):
            name = f"{source.rsplit('/')[-1]}.{suffix}"
            self.tool(name, f"{pack} < {TREE}/{source} > {name}", lambda: [self.shown(f"{unpack} < {name}", der=der)])
        name = f"tree.tar.{suffix}"
        self.tool(name, f"tar -cf - -C {TREE} . | {pack} > {name}", lambda: self.three(lambda path: f"{unpack} < {name} | tar -xO ./{path}"))
        self.run(f"seq 1 400000 > numbers.txt && cat {TREE}/etc/id.pem numbers.txt > long.txt && {pack} < long.txt > long.{suffix}")
        long = self.read(f"long.{suffix}")
        shown = [self.shown("head -c 4096 long.txt")]
        self.add(f"cut.{suffix}", long[: len(long) * 9 // 10], "a key and numbers, cut off", shown, oracle="the text before it was packed")
        near = self.read(f"signing.der.{suffix}")[:magic] + b"and then no stream at all " * 20
        self.silent("near.bin", near, "the first bytes of a stream and text", "the magic alone")
