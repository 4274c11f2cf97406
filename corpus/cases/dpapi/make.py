"""Key containers of CryptoAPI, written by hand after the structures that Mimikatz published (kull_m_key_capi): there is no
Windows at hand that would write them. The private halves are random bytes behind the head of a DPAPI blob."""

import hashlib
import struct
import uuid

from cryptography.hazmat.primitives import serialization as ser

from kit import Family, noise

f = Family("dpapi", "Key containers of CryptoAPI, by hand after published structures")
MADE = "by hand after Mimikatz's kull_m_key_capi"
PROVIDER = struct.pack("<I", 1) + uuid.UUID("df9d8cd0-1501-11d1-8c7a-00c04fc297eb").bytes_le
MASTER = uuid.UUID("0b1d4d6e-3f3c-4c5a-9d57-0f6a5f2c7e11")


def public(stem, bits):
    """The public half as a container has it, and its SPKI."""
    f.run(f"openssl genrsa -out {stem}.pem {bits}")
    spki = f.run(f"openssl pkey -in {stem}.pem -pubout -outform DER")
    n = ser.load_der_public_key(spki).public_numbers()
    size = bits // 8 + 8
    blob = b"RSA1" + struct.pack("<4I", size, bits, bits // 8 - 1, n.e) + n.n.to_bytes(size, "little")
    return blob, dict(format="dpapi", protection="strong", spki_sha256=hashlib.sha256(spki).hexdigest(), _oracle=f"openssl pkey -in {stem}.pem -pubout -outform DER | sha256sum")


def private(seed):
    head = struct.pack("<I", 1) + MASTER.bytes_le + struct.pack("<II", 0, 32) + "CryptoAPI Private Key\0".encode("utf-16-le")
    return PROVIDER + head + noise(seed, 700)


def container(name, sign=(b"", b""), exchange=(b"", b""), flags=b""):
    flag = [flags if key[0] else b"" for key in (sign, exchange)]
    name = name.encode() + b"\0"
    parts = [name, sign[0], sign[1], exchange[0], exchange[1]]
    lengths = struct.pack("<8I", *[len(p) for p in parts], 20, len(flag[0]), len(flag[1]))
    return struct.pack("<2I", 2, 0) + lengths + name + noise(name.decode(), 20) + sign[0] + sign[1] + flag[0] + exchange[0] + exchange[1] + flag[1]


a, key_a = public("a", 2048)
b, key_b = public("b", 1024)
sign = container("CodeSign", sign=(a, private("a")), flags=private("f"))
f.add("sign", sign, MADE, [key_a])
f.add("exchange", container("iisConfigurationKey", exchange=(b, private("b"))), MADE, [key_b])
f.add("both", container("{5E0F0D5B-9C5B-4E59-9B0D-0B0B6B4F5A11}", sign=(a, private("a")), exchange=(b, private("b")), flags=private("g")), MADE, [key_a, key_b])
silent = dict(silent=True, oracle="the bytes themselves")
f.add("near_empty", container("Empty"), MADE, why="no key in it", **silent)
f.add("near_public", container("Public", sign=(a, b"")), MADE, why="no private half", **silent)
f.add("near_behind", sign + b"\0", "sign, with a byte behind it", why="lengths do not add up", **silent)
f.add("near_cut", sign[:-100], "sign, cut", why="lengths do not add up", **silent)
f.add("near_blob.bin", private("bare"), "a DPAPI blob alone", why="it does not say that it is a key", **silent)
f.add("near_numbers.bin", struct.pack("<2I", 2, 0) + bytes(range(256)) * 8, "the first numbers of a container, then others", why="lengths do not add up", **silent)
f.finish()
