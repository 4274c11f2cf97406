"""What the recipes of wallets share: public halves by python ecdsa and openssl."""

import hashlib

from kit import pem, tlv


def secp256k1(f, secret):
    """SHA-256 of the SPKI of a private number, from openssl."""
    ec = tlv(0x30, tlv(0x02, b"\1") + tlv(0x04, secret) + tlv(0xA0, bytes.fromhex("06052b8104000a")))
    return hashlib.sha256(f.run("openssl pkey -pubout -outform DER", pem("EC PRIVATE KEY", ec).encode())).hexdigest()


def ed25519(f, seed):
    """The same for the seed of an Ed25519 key."""
    der = bytes.fromhex("302e020100300506032b657004220420") + seed
    return hashlib.sha256(f.run("openssl pkey -inform DER -pubout -outform DER", der)).hexdigest()
