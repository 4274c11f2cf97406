"""Public halves of keys with a wrong number, by python cryptography: a key is what the numbers that sign make of it."""

import hashlib

from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

ORACLE = "python cryptography, from the numbers that sign"


def spki(public):
    """SHA-256 of the SPKI of a public key."""
    return hashlib.sha256(public.public_bytes(ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def of_seed(seed):
    """The key of a seed of Ed25519."""
    return spki(ed25519.Ed25519PrivateKey.from_private_bytes(seed).public_key())


def sign(seed, message):
    """A signature of Ed25519."""
    return ed25519.Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def of_scalar(scalar, curve):
    """The key of a private number on a curve."""
    return spki(ec.derive_private_key(scalar, curve).public_key())


def of_prime(n, prime, e=65537):
    """The RSA key of a modulus and one of its primes."""
    assert 1 < prime < n and n % prime == 0
    return of_modulus(n, e)


def of_modulus(n, e=65537):
    """The RSA key of a modulus. Says nothing of the private numbers."""
    return spki(rsa.RSAPublicNumbers(e, n).public_key())


def row(format, digest, **more):
    """A key that has the given SPKI, and is not encrypted."""
    return dict(format=format, protection="plaintext", spki_sha256=digest, **more)
