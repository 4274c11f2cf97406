"""Keys of FreeBSD's pkg key.

pkg's ecc signer is built on FreeBSD only. The samples are made as its source says it (libpkg/pkgsign_ecc.c,
PkgPublicKeyInfo), from the numbers of keys that openssl made.
"""

import base64

from cryptography.hazmat.primitives import serialization as ser

from kit import Family, noise, tlv
from occur import raw_forms

f = Family("freebsd_pkg", "ECDSA and EdDSA keys of pkg key, made after its source from openssl's numbers")
CURVES = {"SECP256K1": "secp256k1", "SECP384R1": "secp384r1", "SECP521R1": "secp521r1", "BRAINPOOLP256R1": "brainpoolP256r1", "BRAINPOOLP384R1": "brainpoolP384r1", "BRAINPOOLP512R1": "brainpoolP512r1"}


def der(curve, public, key):
    text = lambda s: tlv(0x0C, s.encode())
    return tlv(0x30, text("pkg") + tlv(0x02, b"\1") + text("ecc") + text(curve) + tlv(0x01, bytes([public])) + tlv(0x03, b"\0\4" + key))


made = "openssl genpkey; the DER of libpkg/pkgsign_ecc.c by hand"
for name, curve in CURVES.items():
    f.run(f"openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:{curve} -out {curve}.pem")
    key = ser.load_pem_private_key(f.read(f"{curve}.pem"), None)
    size = (key.key_size + 7) // 8
    point = key.public_key().public_bytes(ser.Encoding.X962, ser.PublicFormat.UncompressedPoint)[1:]
    f.run(f"openssl pkey -in {curve}.pem -pubout -out {curve}.pub.pem")
    row = f.key(f"{curve}.pem", "freebsd_pkg", label=name)
    scalar = key.private_numbers().private_value.to_bytes(size, "big")
    f.add(f"{name}.key", der(name, 0, scalar), made, [row])
    f.add(f"{name}.pub", der(name, 1, point), made, publics=[f.public(f"{curve}.pub.pem")], oracle="openssl pkey")
    if name == "SECP256K1":
        raw_forms(f, "raw", der(name, 0, scalar), [row], made)
f.add("eddsa.key", der("WEI25519", 0, noise("eddsa", 32)), made, [dict(format="freebsd_pkg", protection="plaintext", opaque=True, _oracle="32 random bytes")])

silent = f.silent

silent("zeros.key", der("SECP256K1", 0, bytes(32)), "zeros")
silent("large.key", der("SECP256K1", 0, b"\xff" * 32), "a number that is larger than the order of the curve")
silent("cut.key", der("SECP256K1", 0, noise("cut", 32))[:-5], "cut short")
silent("strings.bin", b"\x7fELF" + bytes(60) + b"\x0c\3pkg\2\1\1\x0c\3ecc" + bytes(90), "the constants of a program")
f.finish()
