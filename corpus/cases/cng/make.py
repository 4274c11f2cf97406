"""CNG key blobs: by wine's bcrypt.dll, and by hand after bcrypt.h what wine does not export."""

import hashlib
import pathlib
import struct

from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

import signs
from kit import Family, noise
from occur import raw_forms

f = Family("cng", "CNG key blobs: RSA, ECDSA, ECDH by wine, P-521 and DSA by hand from keys of python's cryptography")
SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent / "make" / "cng.c"
f.run(f"x86_64-w64-mingw32-gcc -o cng.exe {SOURCE} -lbcrypt && WINEPREFIX=$PWD/wine WINEDEBUG=-all wine cng.exe")
CURVES = {256: ec.SECP256R1(), 384: ec.SECP384R1(), 521: ec.SECP521R1()}


def spki(public):
    return hashlib.sha256(public.public_bytes(ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def of_public(blob):
    """The SPKI of a public blob, by its numbers."""
    if blob[:4] == b"RSA1":
        _, _, e, n, _, _ = struct.unpack("<6I", blob[:24])
        return spki(rsa.RSAPublicNumbers(int.from_bytes(blob[24 : 24 + e], "big"), int.from_bytes(blob[24 + e : 24 + e + n], "big")).public_key())
    size = struct.unpack("<I", blob[4:8])[0]
    x, y = (int.from_bytes(blob[8 + i * size : 8 + (i + 1) * size], "big") for i in (0, 1))
    return spki(ec.EllipticCurvePublicNumbers(x, y, CURVES[size * 8]).public_key())


def key(digest, oracle):
    return dict(format="cng", protection="plaintext", spki_sha256=digest, _oracle=oracle)


made = "x86_64-w64-mingw32-gcc cng.c -lbcrypt; wine cng.exe: BCryptGenerateKeyPair, BCryptExportKey"
kept = {}
for stem in ("rsa2048", "rsa3072", "ecdsa256", "ecdsa384", "ecdh256", "ecdh384"):
    public = f.read(f"{stem}_public.blob")
    row = key(of_public(public), "wine: BCryptExportKey of the public half; python cryptography for its SPKI")
    for suffix in ("", "_more") if stem.startswith("rsa") else ("",):
        kept[f"{stem}{suffix}.blob"] = row
        f.add(f"{stem}{suffix}.blob", f.read(f"{stem}{suffix}.blob"), made, [row])
    f.add(f"{stem}_public.blob", public, made, silent=True, why="a public blob", oracle="wine exported it as such")

# By hand.
hand = "by hand after bcrypt.h from a key of python cryptography"
oracle = "python cryptography, the key it was made from"
k = ec.generate_private_key(CURVES[521])
n = k.private_numbers()
for magic, name in ((b"ECS6", "ecdsa521"), (b"ECK6", "ecdh521")):
    blob = magic + struct.pack("<I", 66) + b"".join(i.to_bytes(66, "big") for i in (n.public_numbers.x, n.public_numbers.y, n.private_value))
    f.add(f"{name}.blob", blob, hand, [key(spki(k.public_key()), oracle)])
    kept[f"{name}.blob"] = key(spki(k.public_key()), oracle)
for bits, file in ((1024, "dsa1024.blob"), (2048, "dsa2048.blob")):
    k = dsa.generate_private_key(bits)
    x, y = k.private_numbers().x, k.private_numbers().public_numbers
    p, q, g = y.parameter_numbers.p, y.parameter_numbers.q, y.parameter_numbers.g
    group = (q.bit_length() + 7) // 8
    size = bits // 8
    numbers = b"".join(i.to_bytes(size, "big") for i in (p, g, y.y)) + x.to_bytes(group, "big")
    if group == 20:
        blob = b"DSPV" + struct.pack("<I", size) + b"\xff" * 24 + q.to_bytes(20, "big") + numbers
    else:
        blob = b"DPV2" + struct.pack("<5I", size, 1, 1, group, group) + b"\xff" * 4 + noise("seed", group) + q.to_bytes(group, "big") + numbers
    f.add(file, blob, hand, [key(spki(k.public_key()), oracle)])
rsa1024 = rsa.generate_private_key(65537, 1024)
n = rsa1024.private_numbers()
blob = b"RSA2" + struct.pack("<5I", 1024, 3, 128, 64, 64) + b"\1\0\1" + n.public_numbers.n.to_bytes(128, "big") + n.p.to_bytes(64, "big") + n.q.to_bytes(64, "big")
f.add("rsa1024.blob", blob, hand, [key(spki(rsa1024.public_key()), oracle)])
f.add("behind_rsa1024.bin", b"\n" + blob, hand + ", behind another byte", [key(spki(rsa1024.public_key()), oracle)], stretch=True)

for stem in ("rsa2048.blob", "rsa3072_more.blob", "ecdsa256.blob", "ecdsa384.blob"):
    raw_forms(f, f"raw_{stem}", f.read(stem), [kept[stem]], stem)

# Near-misses.
silent = dict(silent=True, oracle="the bytes themselves")
# A bit of a prime (the other one is sound), of the scalar (another key), of the point (on no curve, the scalar is sound).
big = lambda blob, at, size: int.from_bytes(blob[at : at + size], "big")
for stem, at, signing in (
    ("rsa2048.blob", 400, lambda blob: signs.of_prime(big(blob, 27, 256), big(blob, 411, 128))),
    ("ecdsa256.blob", 100, lambda blob: signs.of_scalar(big(blob, 72, 32), CURVES[256])),
    ("ecdsa384.blob", 60, lambda blob: signs.of_scalar(big(blob, 104, 48), CURVES[384])),
):
    broken = bytearray(f.read(stem))
    broken[at] ^= 1
    f.add(f"near_{stem}", bytes(broken), f"{stem} with a bit turned", [signs.row("cng", signing(broken))], oracle=signs.ORACLE)
# Among other bytes only a point of the curve says that a blob is one.
f.add("near_point.bin", bytes(broken) + b"\n", "near_ecdsa384.blob, then another byte", why="a point that is not on the curve, and more than a blob", **silent)
f.add("near_program.bin", b"RSA2RSA3ECS2\x20\0\0\0ECS4\x30\0\0\0" + noise("p", 900), "magic numbers as a program has them", why="constants", **silent)
f.add("near_zeros.bin", b"ECS2\x20\0\0\0" + bytes(96), "a head, then zeros", why="no point", **silent)
f.add("near_text.txt", "RSA2 is a magic number, and so is ECS2 ", "words", why="text", **silent)
f.finish()
