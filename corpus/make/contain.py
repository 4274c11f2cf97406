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
