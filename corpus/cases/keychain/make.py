"""Keychains of macOS, written by hand.

No macOS was at hand, and no free tool writes keychains. The files are laid out as Apple's AppleDatabase.cpp and KeySchema.h
and the schema that the chainbreaker project published describe them: header, schema, one table a record type, records with
their attributes. The keys in them are noise in the place of ciphertext. What this cannot show is that a keychain of a Mac
looks the same; the certificates and the hashes of public keys are real and asked of openssl.
"""

import hashlib

from kit import Family, der_of, noise

f = Family("keychain", "macOS keychains written by hand after the published layout: private keys, certificates")


def u32(*numbers):
    return b"".join(n.to_bytes(4, "big") for n in numbers)


def attribute(value):
    """A number, or bytes with their length before them, padded to four."""
    if isinstance(value, int):
        return u32(value)
    return u32(len(value)) + value + bytes(-len(value) % 4)


def record(number, data, attributes):
    head = 24 + 4 * len(attributes) + len(data) + -len(data) % 4
    offsets, tail = [], b""
    for value in attributes:
        offsets.append(0 if value is None else (head + len(tail)) | 1)
        tail += b"" if value is None else attribute(value)
    return u32(head + len(tail), number, 1, 0, len(data), 0) + u32(*offsets) + data + bytes(-len(data) % 4) + tail


def table(kind, records):
    size = 28 + 4 * (len(records) + 2)
    numbers, at = [], size
    for r in records:
        numbers.append(at)
        at += len(r)
    # A free number, and one that was never used.
    return u32(at, kind, len(records), at, at, 0, len(records) + 2) + u32(*numbers, 0x15, 0) + b"".join(records)


def keychain(tables):
    offset, offsets = 8 + 4 * len(tables), []
    for t in tables:
        offsets.append(offset)
        offset += len(t)
    return b"kych" + u32(0x00010000, 0x10, 20, 20 + offset) + u32(offset, len(tables)) + u32(*offsets) + b"".join(tables) + noise("auth", 64)


def certificate(number, name):
    der = der_of(f.read(f"{name}.crt").decode())
    return record(number, der, [3, 3, name.encode(), None, b"s", b"i", b"\1", b"k" * 20, bits(name)])


def bits(name):
    """SHA-1 of the bits of the public key, as openssl writes it into subjectKeyIdentifier."""
    text = f.run(f"openssl x509 -in {name}.crt -noout -ext subjectKeyIdentifier").decode()
    return bytes.fromhex(text.splitlines()[1].strip().replace(":", ""))


def key(number, name, digest, sign=1):
    blob = bytes.fromhex("fade0711") + u32(0x100, 0x28, 0x28 + 704) + noise(name, 24) + noise(name + "c", 704) + noise(name + "s", 20)
    attributes = [16, name.encode(), None, 1, 1, 1, digest, None, None, 42, 2048, 2048, None, None, 1, 1, 1, 0, 0, 1, 0, sign, 0, 0, 0, 0, 1]
    return record(number, blob, attributes)


for name, options in (("dist", "rsa:2048"), ("ec", "ec -pkeyopt ec_paramgen_curve:P-256")):
    f.run(f"openssl req -x509 -newkey {options} -nodes -keyout {name}.key -out {name}.crt -subj '/CN=Developer ID Application: corpus/O=corpus' -days 800")
META = table(0x80008000, [record(0, bytes.fromhex("fade0711") + noise("db", 120), [])])
both = keychain([
    table(0, []), table(0x0F, [key(0, "public", bits("dist"))]), table(0x10, [key(0, "dist", bits("dist")), key(1, "ec", bits("ec")), key(2, "alone", noise("alone", 20), 0)]),
    table(0x11, []), table(0x80001000, [certificate(0, "dist"), certificate(1, "ec")]), META,
])
rows = [f.cert_key(f"{name}.crt", "keychain", protection="weak", alias=name) for name in ("dist", "ec")]
rows.append(dict(format="keychain", protection="weak", opaque=True, alias="alone"))
OPENSSL = "openssl x509 -pubkey; openssl x509 -ext subjectKeyIdentifier"
f.add("login.keychain-db", both, "by hand, see make.py", rows, [f.cert("dist.crt"), f.cert("ec.crt")])
f.add("roots.keychain", keychain([table(0x80001000, [certificate(0, "dist"), certificate(1, "ec")]), META]), "by hand: certificates only", certs=[f.cert("dist.crt"), f.cert("ec.crt")], oracle=OPENSSL)
f.add("empty.keychain", keychain([table(0x10, []), META]), "by hand: no keys", why="a keychain without keys", silent=True, oracle="make.py")
f.add("magic.bin", b"kych\0\1\0\0" + bytes(300), "by hand: the magic number alone", why="no table follows", silent=True, oracle="make.py")
f.add("cut.keychain", both[:600], "login.keychain-db, cut in the table of private keys", why="no record is whole", silent=True, oracle="make.py")
f.finish()
