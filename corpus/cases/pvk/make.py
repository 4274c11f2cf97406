"""PVK files by openssl."""

import hashlib

import signs
from kit import PASS, Family, noise
from occur import raw_forms

f = Family("pvk", "PVK files by openssl: RSA and DSA, plain, with strong and with weak encryption")
LEGACY = "-provider default -provider legacy"


def key(file, protection):
    ask = "" if protection == "plaintext" else f" -passin pass:{PASS}"
    cmd = f"openssl pkey -inform PVK -in {file}{ask} {LEGACY} -pubout -outform DER"
    spki = hashlib.sha256(f.run(cmd)).hexdigest()
    row = dict(format="pvk", protection=protection, _oracle=f"{cmd} | sha256sum")
    row.update(dict(spki_sha256=spki) if protection == "plaintext" else dict(opaque=True, opened_spki_sha256=spki))
    return row


f.run("openssl genpkey -genparam -algorithm DSA -pkeyopt dsa_paramgen_bits:1024 -pkeyopt dsa_paramgen_q_bits:160 -out params")
for stem, make in (("rsa1024", "openssl genrsa 1024"), ("rsa2048", "openssl genrsa 2048"), ("rsa4096", "openssl genrsa 4096"), ("dsa1024", "openssl gendsa params")):
    f.run(f"{make} > {stem}.pem")
    tool = "dsa" if stem.startswith("dsa") else "rsa"
    for level in ("none", "weak", "strong"):
        file = f"{stem}_{level}.pvk"
        word = "" if level == "none" else f" -passout pass:{PASS}"
        command = f"openssl {tool} -in {stem}.pem -outform PVK -pvk-{level}{word} {LEGACY} -out {file}"
        f.tool(file, command, lambda: [key(file, "plaintext" if level == "none" else "weak")])
for file, protection in (("rsa2048_none.pvk", "plaintext"), ("rsa2048_strong.pvk", "weak")):
    raw_forms(f, f"raw_{file}", f.read(file), [key(file, protection)], file)

# Near-misses: the magic number stands in every libcrypto.
plain, locked = f.read("rsa2048_none.pvk"), f.read("rsa2048_strong.pvk")
silent = dict(silent=True, oracle="the bytes themselves")
f.add("near_magic.bin", noise("a", 400) + plain[:8] + noise("b", 2000), "the magic number in a program", why="a constant", **silent)
f.add("near_header.bin", locked[:24] + noise("b", 2000), "the head of an encrypted file, then random bytes", why="no key blob behind the salt", **silent)
f.add("near_public.pvk", locked[:40] + b"\x06" + locked[41:], "a file that says that it holds a public key", why="no PVK has one", **silent)
f.add("near_cut.pvk", locked[:-1], "an encrypted file without its last byte", why="cut", **silent)
broken = bytearray(plain)
broken[400] ^= 1
# The other prime is sound, and with it the key (n at 44, q at 428, both little-endian).
little = lambda at, size: int.from_bytes(plain[at : at + size], "little")
f.add("near_prime.pvk", bytes(broken), "a plain file with a bit of a prime turned", [signs.row("pvk", signs.of_prime(little(44, 256), little(428, 128)))], oracle=signs.ORACLE)
f.finish()
