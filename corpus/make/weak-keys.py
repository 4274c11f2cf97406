#!/usr/bin/env python3
"""Makes detectors/judgement/src/weak/vectors.tsv: public keys that one check has to find, and for each a near miss.

    pip install cryptography gmpy2 && corpus/make/weak-keys.py > detectors/judgement/src/weak/vectors.tsv

Only public halves are written. What a key is follows from how it was made here, never from asking keyradius; openssl
makes the keys on curves that Python does not know. The numbers are random, so another run writes other ones.
"""
import random
import subprocess

import gmpy2
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

R = random.SystemRandom()
SMALL = 1
for _p in range(2, 65538):
    if gmpy2.is_prime(_p):
        SMALL *= _p


# DER, as far as it is needed.
def tlv(tag, *parts):
    body = b"".join(parts)
    n = len(body)
    length = bytes([n]) if n < 128 else (lambda b: bytes([0x80 | len(b)]) + b)(n.to_bytes((n.bit_length() + 7) // 8, "big"))
    return bytes([tag]) + length + body


def integer(n):
    return tlv(2, int(n).to_bytes(int(n).bit_length() // 8 + 1, "big"))


def oid(*arcs):
    out = [arcs[0] * 40 + arcs[1]]
    for arc in arcs[2:]:
        groups = [arc & 127]
        while arc := arc >> 7:
            groups.insert(0, 128 | arc & 127)
        out += groups
    return tlv(6, bytes(out))


def spki(algorithm, bits):
    return tlv(0x30, tlv(0x30, *algorithm), tlv(3, b"\0", bits))


def rsa(n, e=65537):
    return spki([oid(1, 2, 840, 113549, 1, 1, 1), tlv(5)], tlv(0x30, integer(n), integer(e)))


def dsa(p, q, g, y):
    return spki([oid(1, 2, 840, 10040, 4, 1), tlv(0x30, integer(p), integer(q), integer(g))], integer(y))


def dh(p, y):
    return spki([oid(1, 2, 840, 113549, 1, 3, 1), tlv(0x30, integer(p), integer(2))], integer(y))


def raw(arc, public):
    return spki([oid(1, 3, 101, arc)], public)


EC = oid(1, 2, 840, 10045, 2, 1)
P256 = oid(1, 2, 840, 10045, 3, 1, 7)


def width(p):
    return (p.bit_length() + 7) // 8


def point(p, xy):
    return b"\4" + b"".join(int(c).to_bytes(width(p), "big") for c in xy)


def written(p, a, b, base, n, public):
    w = width(p)
    parameters = tlv(0x30, integer(1), tlv(0x30, oid(1, 2, 840, 10045, 1, 1), integer(p)),
                     tlv(0x30, tlv(4, a.to_bytes(w, "big")), tlv(4, b.to_bytes(w, "big"))),
                     tlv(4, point(p, base)), integer(n), integer(1))
    return spki([EC, parameters], point(p, public))


def add(p, a, left, right):
    if left is None or right is None:
        return left or right
    (x1, y1), (x2, y2) = left, right
    if x1 == x2 and (y1 + y2) % p == 0:
        return None
    slope = (3 * x1 * x1 + a) * pow(2 * y1, -1, p) if left == right else (y2 - y1) * pow(x2 - x1, -1, p)
    x = (slope * slope - x1 - x2) % p
    return x, (slope * (x1 - x) - y1) % p


def times(p, a, k, base):
    total = None
    while k:
        if k & 1:
            total = add(p, a, total, base)
        base = add(p, a, base, base)
        k >>= 1
    return total


def openssl(curve, *extra):
    made = subprocess.run(["openssl", "ecparam", "-name", curve, "-genkey", "-noout", *extra], capture_output=True, check=True)
    return subprocess.run(["openssl", "ec", "-pubout", "-outform", "DER"], input=made.stdout, capture_output=True, check=True).stdout


def of_scalar(curve, d):
    return ec.derive_private_key(d, curve).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


# RSA.
def prime(bits, at_least=0):
    return gmpy2.next_prime(R.getrandbits(bits) | 3 << bits - 2 if not at_least else at_least)


def modulus(bits):
    while (n := prime(bits // 2) * prime(bits - bits // 2)).bit_length() != bits:
        pass
    return n


def exactly(bits):
    """A product of two primes of this many bits, odd sizes too."""
    while True:
        p = gmpy2.next_prime(R.getrandbits(bits // 2) | 1 << bits // 2 - 1)
        q = gmpy2.next_prime(R.getrandbits(bits - bits // 2) | 1 << bits - bits // 2 - 1)
        if (p * q).bit_length() == bits and abs(p.bit_length() - q.bit_length()) < 8:
            return p * q


def beginning(top, bits=2048):
    """A product of two primes that begins with these bytes."""
    while True:
        p = prime(bits // 2)
        target = int.from_bytes(top, "big") << bits - 8 * len(top)
        q = gmpy2.next_prime((target + R.getrandbits(bits - 8 * len(top) - 8)) // p)
        n = p * q
        if n >> bits - 8 * len(top) == int.from_bytes(top, "big"):
            return n


def coprime(n, step=2):
    """The next number without small factors."""
    while gmpy2.gcd(n, SMALL) != 1:
        n += step
    return n


def damaged(n):
    """The number with one bit changed, so that it has a small factor and what remains is no prime."""
    for i in range(8, 2000):
        rest = flipped = n ^ 1 << i
        while (common := gmpy2.gcd(rest, SMALL)) != 1:
            rest //= common
        if rest != flipped and not gmpy2.is_prime(rest):
            return flipped


ROCA_ROOM = {512: 39, 1024: 71, 2048: 126, 3072: 126, 4096: 225}


def primorial(count):
    m, p = 1, 1
    for _ in range(count):
        p = int(gmpy2.next_prime(p))
        m *= p
    return m


def roca_prime(bits, m):
    while True:
        p = R.randrange((3 << bits - 2) // m, (1 << bits) // m) * m + pow(65537, R.getrandbits(62), m)
        if p >> bits - 2 == 3 and gmpy2.is_prime(p):
            return p


def roca(bits):
    m = primorial(ROCA_ROOM[bits])
    return roca_prime(bits // 2, m) * roca_prime(bits // 2, m)


def group_prime(bits):
    """A power of 65537 modulo every small prime, but with another exponent for each."""
    primes = [p for p in range(3, 168) if gmpy2.is_prime(p)]
    m = primorial(39)
    base = 0
    for p in primes + [2]:
        rest = m // p
        base += rest * pow(rest, -1, p) * pow(65537, R.getrandbits(20), p)
    while True:
        p = R.randrange((3 << bits - 2) // m, (1 << bits) // m) * m + base % m
        if p >> bits - 2 == 3 and gmpy2.is_prime(p):
            return p


def close(rounds):
    """Primes that Fermat's method needs about so many rounds for."""
    p = prime(1024)
    return p, gmpy2.next_prime(p + gmpy2.isqrt(8 * rounds * p))


def short_d(bits, common):
    while True:
        p, q = prime(1024), prime(1024)
        phi = (p - 1) * (q - 1) // (gmpy2.gcd(p - 1, q - 1) if common else 1)
        d = R.getrandbits(bits) | 1 << bits - 1 | 1
        if gmpy2.gcd(d, phi) == 1:
            return p * q, pow(d, -1, phi)


def sleeves():
    """As CompleteFTP did it: one byte of randomness in each word of 32 bits."""
    while True:
        p, q = (gmpy2.next_prime(sum(R.randrange(256) << 32 * i for i in range(32)) | 1 << 1023) for _ in range(2))
        if (n := p * q).bit_length() in (2047, 2048):
            n = int(n)
            if all(not n >> 32 * i & 0x3ff00000 for i in range(1, 64)):
                return n


def masked(period, zeros, bits=2048):
    mask = sum(1 << i for i in range(bits) if i % period not in zeros)
    while True:
        n = R.getrandbits(bits) & mask | 1 << bits - 1 | 1
        if gmpy2.gcd(n, SMALL) == 1 and n.bit_count() * 100 // bits < 40:
            return n


ROWS = []


def row(about, what, expected, key):
    ROWS.append((about, what, expected, key.hex()))


N = modulus(2048)
row("rsa-even-modulus", "even", "rsa-even-modulus=severe", rsa(N - 1))
row("rsa-even-modulus", "tiny", "rsa-even-modulus=severe", rsa(15, 7))
row("rsa-even-modulus", "odd", "", rsa(N))
for bits, grade in ((512, "computable"), (767, "computable"), (768, "severe"), (1023, "severe"), (1024, "weak"), (2047, "weak")):
    row("rsa-size", f"{bits} bits", f"rsa-size={grade}", rsa(exactly(bits)))
row("rsa-size", "2048 bits", "", rsa(exactly(2048)))
row("rsa-odd-size", "2056 bits", "rsa-odd-size=note", rsa(exactly(2056)))
row("rsa-odd-size", "2049 bits", "rsa-odd-size=note", rsa(exactly(2049)))
row("rsa-odd-size", "3072 bits", "", rsa(exactly(3072)))
row("rsa-odd-size", "16392 bits, beyond what is computed with, and with a factor 3", "rsa-odd-size=note",
    rsa(3 * (R.getrandbits(16389) | 1 << 16390 | 1)))
for e, grade in ((1, "computable"), (0, "severe"), (2, "severe"), (65536, "severe"), (3, "note"), (35, "note"), (37, "note")):
    row("rsa-exponent", f"e = {e}", f"rsa-exponent={grade}", rsa(N, e))
row("rsa-exponent", "e = n + 2", "rsa-exponent=severe", rsa(N, N + 2))
for e in (5, 17, 33, 257):
    row("rsa-exponent", f"e = {e}", "", rsa(N, e))
row("rsa-small-factor", "65537 times a prime", "rsa-small-factor=computable", rsa(65537 * prime(2032)))
row("rsa-small-factor", "3 * 3 * 7 times a prime", "rsa-small-factor=computable", rsa(63 * prime(2042)))
row("rsa-small-factor", "a damaged copy", "rsa-small-factor=weak", rsa(damaged(N)))
row("rsa-small-factor", "65539 times a prime", "", rsa(65539 * gmpy2.next_prime(R.getrandbits(2032) | 1 << 2031)))
p, q = close(0)
row("rsa-close-primes", "neighbours", "rsa-close-primes=computable", rsa(p * q))
p, q = close(60)
row("rsa-close-primes", "some 60 rounds", "rsa-close-primes=computable", rsa(p * q))
row("rsa-close-primes", "a square", "rsa-close-primes=computable", rsa(p * p))
p, q = close(200)
row("rsa-close-primes", "some 200 rounds", "", rsa(p * q))
row("rsa-small-d", "500 bits, phi", "rsa-small-d=computable", rsa(*short_d(500, False)))
row("rsa-small-d", "500 bits, lambda", "rsa-small-d=computable", rsa(*short_d(500, True)))
row("rsa-small-d", "40 bits", "rsa-small-d=computable", rsa(*short_d(40, True)))
row("rsa-small-d", "600 bits", "", rsa(*short_d(600, False)))
for bits, expected in ((512, "rsa-roca=computable rsa-size=computable"), (1024, "rsa-roca=computable rsa-size=weak"),
                       (2048, "rsa-roca=severe"), (3072, "rsa-roca=weak"), (4096, "rsa-roca=weak")):
    row("rsa-roca", f"{bits} bits", expected, rsa(roca(bits)))
row("rsa-roca", "one prime of two", "", rsa(roca_prime(1024, primorial(126)) * prime(1024)))
row("rsa-roca", "in every group, with exponents that do not fit", "", rsa(group_prime(1024) * group_prime(1024)))
head = bytes([0xc5]) + R.randbytes(31)
row("rsa-byte-pattern", "16 times A", "rsa-byte-pattern=weak", rsa(beginning(head + b"A" * 16 + b"\x17")))
row("rsa-byte-pattern", "15 times A", "", rsa(beginning(head + b"A" * 15 + b"\x17")))
row("rsa-bit-bias", "upper half nearly all ones", "rsa-bit-bias=note", rsa(beginning(bytes([0xef, 0xfe] * 60))))
row("rsa-bit-bias", "nearly all zeros", "rsa-bit-bias=weak rsa-byte-pattern=weak",
    rsa(gmpy2.next_prime((3 << 1022) + R.getrandbits(100)) * gmpy2.next_prime((7 << 1021) + R.getrandbits(100))))
row("rsa-bit-bias", "two thirds ones in the upper half", "", rsa(beginning(bytes([0xdb, 0x6d, 0xb6] * 40))))
n = sleeves()
row("rsa-short-sleeves", "a byte in each word", ("rsa-size=weak " if n.bit_length() < 2048 else "") + "rsa-short-sleeves=computable", rsa(n))
row("rsa-short-sleeves", "48 zeros in each 128", "rsa-short-sleeves=computable", rsa(masked(128, range(16, 64))))
n = masked(128, range(16, 64))
row("rsa-short-sleeves", "one lane that is not zero there", "rsa-bit-bias=weak", rsa(coprime(n | 1 << 1044, 1 << 64 + 128 * 3)))
while True:
    a, b = int.from_bytes(b"\0" + bytes([0x80 | R.randrange(128)]) + R.randbytes(2), "little"), R.getrandbits(32)
    xz = [a.to_bytes(4, "little") + b.to_bytes(4, "little") + ((k - a * b) % (1 << 64)).to_bytes(8, "little") for k in (2, 4)]
    if all(len(set(x)) > 8 for x in xz):
        break
for k, top in zip((2, 4), xz):
    row("rsa-xz-form", f"a * b + c = {k}", "rsa-xz-form=severe" if k < 4 else "", rsa(beginning(top[1:])))

# DSA, Diffie-Hellman.
def odd(bits):
    return R.getrandbits(bits) | 1 << bits - 1 | 1


for (p, q), expected in {(512, 160): "dsa-size=computable", (768, 160): "dsa-size=severe", (1024, 160): "dsa-size=weak",
                         (2048, 160): "dsa-size=weak", (2048, 224): "", (3072, 256): ""}.items():
    P = odd(p)
    row("dsa-size", f"{p} and {q} bits", expected, dsa(P, odd(q), R.randrange(2, P - 1), R.randrange(2, P - 1)))
P, Q, G = odd(2048), odd(256), R.getrandbits(2000)
for name, g, y, grade in (("y = 1", G, 1, "computable"), ("y = 0", G, 0, "severe"), ("y = p - 1", G, P - 1, "severe"),
                          ("y = p + 1", G, P + 1, "computable"), ("g = 1", 1, G, "computable"), ("g = 0", 0, G, "severe")):
    row("dsa-degenerate", name, f"dsa-degenerate={grade}", dsa(P, Q, g, y))
row("dsa-degenerate", "y = 2, g = p - 2", "", dsa(P, Q, P - 2, 2))
sparse = 0x800000 << 1000 | sum(1 << i for i in range(168, 1000) if not 4 <= (i - 168) % 32 < 24 and R.random() < .5) | odd(160)
row("dsa-sparse", "gaps", "dsa-size=weak dsa-sparse=computable", dsa(sparse, odd(160), G % sparse, G % sparse))
row("dsa-sparse", "gaps but one", "dsa-size=weak", dsa(sparse | 1 << 168 + 32 * 9 + 4, odd(160), G % sparse, G % sparse))
row("dsa-sparse", "another top", "dsa-size=weak", dsa(sparse | 1 << 1000, odd(160), G % sparse, G % sparse))
for bits, expected in {512: "dh-size=computable", 1024: "dh-size=severe", 1536: "dh-size=weak", 2048: ""}.items():
    row("dh-size", f"{bits} bits", expected, dh(odd(bits), R.getrandbits(bits - 2)))
row("dsa-degenerate", "Diffie-Hellman, y = p - 1", "dsa-degenerate=computable", dh(P, P - 1))

# Curves.
for name, expected in {
    "secp112r1": "computable", "secp128r1": "severe", "secp160r1": "weak", "prime192v1": "weak", "secp224r1": "note",
    "secp224k1": "weak", "brainpoolP160r1": "weak", "brainpoolP224r1": "weak", "sect113r1": "computable", "sect131r1": "severe",
    "sect163k1": "weak", "sect233r1": "note", "sect571k1": "note", "c2pnb163v1": "weak", "prime256v1": "", "secp256k1": "",
    "secp384r1": "", "secp521r1": "", "brainpoolP256r1": "", "prime239v1": "", "SM2": "",
}.items():
    row("ec-weak-curve", name, expected and f"ec-weak-curve={expected}", openssl(name))
row("ec-explicit-parameters", "P-256", "ec-explicit-parameters=note", openssl("prime256v1", "-param_enc", "explicit"))
row("ec-explicit-parameters", "P-192", "ec-explicit-parameters=note ec-weak-curve=weak", openssl("prime192v1", "-param_enc", "explicit"))
row("ec-explicit-parameters", "sect233r1", "ec-explicit-parameters=weak", openssl("sect233r1", "-param_enc", "explicit"))
p = 2**256 - 2**224 + 2**192 + 2**96 - 1
a, b = p - 3, 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b
n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
g = (0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296, 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5)
key = times(p, a, R.randrange(n), g)
other = times(p, a, pow(12345, -1, n), key)
assert times(p, a, 12345, other) == key
row("ec-explicit-parameters", "P-256 with another generator", "ec-explicit-parameters=severe", written(p, a, b, other, n, key))
row("ec-explicit-parameters", "P-256 by name", "", openssl("prime256v1"))
# FRP256v1 of ANSSI (JORF 241, 2011), which OpenSSL does not know.
p = 0xf1fd178c0b3ad58f10126de8ce42435b3961adbcabc8ca6de8fcf353d86e9c03
a, b = p - 3, 0xee353fca5428a9300d4aba754a44c00fdfec0c9ae4b1a1803075ed967b7bb73f
n = 0xf1fd178c0b3ad58f10126de8ce42435b53dc67e140d2bf941ffdd459c6d655e1
g = (0xb6b3d4c356c139eb31183d4749d423958c27d2dcaf98b70164c97a2dd98f5cff, 0x6142e0f7c8b204911f9271f0f3ecef8c2701c307e8e4c9e183115a1554062cfb)
assert times(p, a, n, g) is None
key = times(p, a, R.randrange(n), g)
row("ec-unsound-curve", "a sound one", "ec-explicit-parameters=weak", written(p, a, b, g, n, key))
row("ec-unsound-curve", "said to have a tiny order", "ec-explicit-parameters=weak ec-unsound-curve=computable ec-weak-curve=computable",
    written(p, a, b, g, 1000003, key))
row("ec-unsound-curve", "order one", "ec-explicit-parameters=weak ec-unsound-curve=severe ec-weak-curve=computable",
    written(p, a, b, g, 1, key))
# A curve of 160 bits whose order is p.
p = 730750818665451459112596905638433048232067471723
a, b = 425706413842211054102700238164133538302169176474, 203362936548826936673264444982866339953265530166
x = next(x for x in range(1, 99) if gmpy2.legendre(x**3 + a * x + b, p) == 1)
g = (x, pow(x**3 + a * x + b, (p + 1) // 4, p))
assert p % 4 == 3 and times(p, a, p, g) is None
row("ec-unsound-curve", "anomalous", "ec-explicit-parameters=weak ec-unsound-curve=computable ec-weak-curve=weak",
    written(p, a, b, g, p, times(p, a, R.randrange(p), g)))
# y² = x³: every point is (t², t³).
p = 2**255 - 19
row("ec-unsound-curve", "singular", "ec-explicit-parameters=weak ec-unsound-curve=computable",
    written(p, 0, 0, (4, 8), p - 1, (t := R.randrange(p), (t * t % p, t**3 % p))[1]))
# y² = x³ + 1 over p = 2 mod 3 has p + 1 points and embedding degree 2.
while True:
    n = int(gmpy2.next_prime(R.getrandbits(250) | 1 << 249))
    if (p := next((p for k in range(6, 400, 6) if gmpy2.is_prime(p := n * k - 1)), None)) and p % 12 == 11:
        break
cofactor = (p + 1) // n
g = None
while g is None:
    x = R.randrange(p)
    if gmpy2.legendre(x**3 + 1, p) == 1:
        g = times(p, 0, cofactor, (x, pow(x**3 + 1, (p + 1) // 4, p)))
assert times(p, 0, n, g) is None
row("ec-unsound-curve", "supersingular", "ec-explicit-parameters=weak ec-unsound-curve=severe", written(p, 0, 1, g, n, times(p, 0, R.randrange(n), g)))
m = int(prime(128) * prime(128))
x, y = R.randrange(m), R.randrange(m)
row("ec-unsound-curve", "a field that is none", "ec-explicit-parameters=weak ec-unsound-curve=severe",
    written(m, 1, (y * y - x**3 - x) % m, (x, y), int(prime(255)), times(m, 1, R.randrange(m), (x, y))))
good = of_scalar(ec.SECP256R1(), R.getrandbits(250))
row("ec-point-off-curve", "one bit", "ec-point-off-curve=severe", good[:-1] + bytes([good[-1] ^ 1]))
row("ec-point-off-curve", "infinity", "ec-point-off-curve=severe", spki([EC, P256], b"\0"))
row("ec-point-off-curve", "as it was", "", good)
row("ec-point-off-curve", "compressed", "", spki([EC, P256], bytes([2 | good[-1] & 1]) + good[-64:-32]))
for curve, order in ((ec.SECP256R1(), 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551),
                     (ec.SECP256K1(), 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141),
                     (ec.SECP384R1(), None), (ec.SECP521R1(), None)):
    size = (curve.key_size + 7) // 8
    values = {"1": 1, "2": 2, "17": 17, "1000": 1000, "byte 01": int("01" * size, 16)}
    if order:
        values |= {"n - 1": order - 1, "n - 1000": order - 1000, "byte 41": int("41" * size, 16), "byte fe": int("fe" * size, 16)}
    for name, d in values.items():
        row("ec-guessable-scalar", f"{curve.name} {name}", "ec-guessable-scalar=computable", of_scalar(curve, d))
    for name, d in {"100000": 100000, "byte 01 but the last": int("01" * (size - 2) + "0500", 16)}.items():
        row("ec-guessable-scalar", f"{curve.name} {name}", "", of_scalar(curve, d))

# Bare keys.
def le(n, size):
    return (n % (1 << 8 * size)).to_bytes(size, "little")


p25519, p448 = 2**255 - 19, 2**448 - 2**224 - 1
order8 = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
for name, public in {"zero": bytes(32), "one": le(1, 32), "minus one": le(p25519 - 1, 32), "p": le(p25519, 32), "order 8": order8,
                     "zero with a sign": le(1 << 255, 32)}.items():
    row("raw-small-order", f"Ed25519 {name}", "raw-small-order=computable", raw(112, public))
for name, public in {"zero": bytes(32), "one": le(1, 32), "minus one": le(p25519 - 1, 32), "p": le(p25519, 32), "p + 1": le(p25519 + 1, 32),
                     "order 8": bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
                     "other order 8": bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157")}.items():
    row("raw-small-order", f"X25519 {name}", "raw-small-order=computable", raw(110, public))
for arc, size, name in ((113, 57, "Ed448"), (111, 56, "X448")):
    for what, u in {"zero": 0, "one": 1, "minus one": p448 - 1, "p": p448, "p + 1": p448 + 1}.items():
        row("raw-small-order", f"{name} {what}", "raw-small-order=computable", raw(arc, le(u, size)))
    row("raw-small-order", f"{name} 5", "", raw(arc, le(5, size)))
row("raw-small-order", "X25519 9", "", raw(110, x25519.X25519PrivateKey.generate().public_key().public_bytes_raw()))
row("raw-small-order", "Ed25519", "", raw(112, ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw()))
d = -121665 * pow(121666, -1, p25519) % p25519
no, yes = (next(y for y in range(2, 99) if (gmpy2.legendre((y * y - 1) * pow(d * y * y + 1, -1, p25519), p25519) == 1) == wanted) for wanted in (False, True))
row("raw-no-point", f"y = {no}", "raw-no-point=severe", raw(112, le(no, 32)))
row("raw-no-point", f"y = {yes}", "", raw(112, le(yes, 32)))
for what, seed, expected in (("zeros", bytes(32), True), ("a byte", b"\xa5" * 32, True), ("a counter", bytes(range(32)), True),
                             ("but the last", b"\xa5" * 31 + b"\xa4", False)):
    expected = "raw-guessable=computable" if expected else ""
    row("raw-guessable", f"Ed25519 {what}", expected, raw(112, ed25519.Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()))
    if what != "but the last":
        row("raw-guessable", f"X25519 {what}", expected, raw(110, x25519.X25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()))

print("# Public keys for the checks of weak/. Made by corpus/make/weak-keys.py, which knows what each one is.")
print("# The check it is about, what it is, what has to be found (nothing: a near miss), SubjectPublicKeyInfo.")
for fields in ROWS:
    print("\t".join(fields))
