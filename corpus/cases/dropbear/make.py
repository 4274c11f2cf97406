"""Private keys of Dropbear."""

import base64
import functools
import hashlib

from cryptography.hazmat.primitives import serialization as ser

from kit import Family, integer, noise, tlv

f = Family("dropbear", "files of dropbearkey and dropbearconvert: RSA, DSA, ECDSA, Ed25519")


def field(blob):
    n = 4 + int.from_bytes(blob[:4], "big")
    return blob[4:n], blob[n:]


def key(file):
    """Public key from dropbearkey, fingerprint from ssh-keygen."""
    ask = f"dropbearkey -y -f {file}"
    line = next(l for l in f.run(ask).decode().splitlines() if l.startswith(("ssh-", "ecdsa-")))
    blob = base64.b64decode(line.split()[1])
    ssh = "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    oracle = f"{ask}; SHA-256 of the blob"
    kind, rest = field(blob)
    if kind == b"ssh-dss":
        numbers = []
        while rest:
            number, rest = field(rest)
            numbers.append(integer(int.from_bytes(number, "big")))
        spki = tlv(0x30, tlv(0x30, bytes.fromhex("06072a8648ce380401") + tlv(0x30, b"".join(numbers[:3]))) + tlv(0x03, b"\0" + numbers[3]))
    else:
        spki = ser.load_ssh_public_key(line.encode()).public_bytes(ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo)
        oracle += "; python cryptography load_ssh_public_key"
    spki = f.run("openssl pkey -pubin -inform DER -outform DER", spki)
    return dict(format="dropbear", protection="plaintext", ssh=ssh, spki_sha256=hashlib.sha256(spki).hexdigest(), _oracle=oracle)


KINDS = {"rsa1024": "-t rsa -s 1024", "rsa2048": "-t rsa -s 2048", "rsa4096": "-t rsa -s 4096", "dss": "-t dss",
         "ecdsa256": "-t ecdsa -s 256", "ecdsa384": "-t ecdsa -s 384", "ecdsa521": "-t ecdsa -s 521", "ed25519": "-t ed25519"}
for stem, options in KINDS.items():
    name = f"dropbear_{stem}_host_key"
    f.tool(name, f"dropbearkey {options} -f {name}", lambda: [key(name)])
for stem, options in {"rsa2048": "-t rsa -b 2048", "ecdsa384": "-t ecdsa -b 384", "ed25519": "-t ed25519"}.items():
    name = f"converted_{stem}"
    f.tool(name, f"ssh-keygen -q {options} -m PEM -N '' -f ossh_{stem} && dropbearconvert openssh dropbear ossh_{stem} {name}", lambda: [key(name)])

silent = functools.partial(f.silent, made="made by hand", oracle="made by hand")

for stem in ("rsa2048", "ecdsa256", "ed25519"):
    line = next(l for l in f.run(f"dropbearkey -y -f dropbear_{stem}_host_key").decode().splitlines() if l.startswith(("ssh-", "ecdsa-")))
    silent(f"near_public_{stem}.bin", base64.b64decode(line.split()[1]), "a public blob begins with the same bytes")
rsa = f.read("dropbear_rsa2048_host_key")
silent("near_cut.bin", rsa[:-1], "cut by one byte")
silent("near_name.bin", rsa[:11] + noise("n", 800), "the name of a key type and random bytes")
silent("near_strings.bin", b"\0\0\0\x07ssh-rsa\0ssh-dss\0ecdsa-sha2-nistp256\0" + bytes(400), "the strings of a program")
damaged = bytearray(f.read("dropbear_ed25519_host_key"))
damaged[30] ^= 1
f.add("damaged_ed25519", bytes(damaged), "one bit of the seed flipped", oracle="made by hand", partial=True)
f.finish()
