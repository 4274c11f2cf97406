"""RSA private keys of SSH protocol 1."""

import base64
import functools
import hashlib

from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import rsa

from kit import PASS, Family, noise

f = Family("ssh1", "SSH PRIVATE KEY FILE FORMAT 1.1 by puttygen")
f.path("pw.txt").write_text(PASS + "\n")
f.path("none.txt").write_text("\n")


def key(file, protection):
    """The public line of puttygen (bits, e, n, comment), which needs no password."""
    ask = f"puttygen {file} -O public"
    _, e, n, *comment = f.run(ask).decode().split()
    public = rsa.RSAPublicNumbers(int(e), int(n)).public_key()
    spki = public.public_bytes(ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo)
    return dict(format="ssh1", protection=protection, spki_sha256=hashlib.sha256(spki).hexdigest(), label=" ".join(comment),
                _oracle=f"{ask}; python cryptography RSAPublicNumbers")


for bits in (768, 1023, 1024, 2048, 4096):
    for enc, password, grade in (("", "none.txt", "plaintext"), ("_enc", "pw.txt", "weak")):
        name = f"rsa{bits}{enc}"
        f.tool(name, f"puttygen -q -t rsa1 -b {bits} -C 'host key {bits}' --new-passphrase {password} -o {name}", lambda: [key(name, grade)])
row = key("rsa1024", "plaintext")
f.run("puttygen -q -t rsa1 -b 1024 -C '' --new-passphrase none.txt -o no_comment")
f.add("no_comment", f.read("no_comment"), "puttygen -t rsa1 -C ''", [key("no_comment", "plaintext")])
plain = f.read("rsa1024")
f.add("inside.bin", noise("a", 300) + plain + noise("b", 300), "rsa1024 between other bytes", [row])
f.add("inside_enc.bin", noise("a", 300) + f.read("rsa1024_enc") + noise("b", 300), "rsa1024_enc between other bytes", [key("rsa1024_enc", "weak")])
f.add("two.bin", plain + f.read("rsa2048"), "two files joined", [row, key("rsa2048", "plaintext")])

silent = functools.partial(f.silent, made="made by hand", oracle="made by hand")

MAGIC = b"SSH PRIVATE KEY FILE FORMAT 1.1\n\0"
silent("near_strings.bin", MAGIC + b"ssh-rsa1\0unable to open key file\0" + bytes(500) + MAGIC + noise("s", 500), "the strings of a program that reads the format")
silent("near_header.bin", plain[:200], "cut in the middle of the public number")
silent("near_public_only.bin", plain[: len(MAGIC) + 9 + 2 + 128 + 2 + 3 + 4 + len("host key 1024")], "the public half and nothing else")
check = bytearray(plain)
check[len(MAGIC) + 9 + 2 + 128 + 2 + 3 + 4 + len("host key 1024")] ^= 1
silent("near_check_bytes.bin", bytes(check), "check bytes that differ")
silent("near_text.txt", MAGIC.decode().strip("\n\0") + "\nis how such a file begins\n", "documentation")
damaged = bytearray(plain)
damaged[len(MAGIC) + 9 + 40] ^= 0x10
f.add("damaged_modulus", bytes(damaged), "rsa1024 with one bit of the modulus flipped", oracle="made by hand", partial=True)
f.finish()
