#!/usr/bin/env python3
"""Makes detectors/judgement/data/guessable-keys.tsv: public halves of private keys that anybody would try first.

    pip install cryptography && corpus/make/guessable-keys.py > detectors/judgement/data/guessable-keys.tsv

A unit test of `keyradius_detectors::weak` works every row out again, with other code.
"""
import hashlib
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

WORDS = """
123456 12345678 123456789 1234567890 abc abc123 admin alice bob changeit changeme correct+horse+battery+staple default
demo dev development example foo foobar hello hello+world key letmein master password password1 passwd private
privatekey private+key pass prod production qwerty root secret seed sign signing signing+key staging test test+key test+seed
testing testkey testseed toor welcome
""".split()

print("""# Public halves of easily guessed private keys. Made by corpus/make/guessable-keys.py.
# Kind, public key, private key: `byte:XX` is that byte 32 times; `counter:XX` is 32 bytes that count up from that byte;
# `sha256:TEXT` is the digest of that text (+ is a space; nothing after the colon is the empty text).
# The scanner only reports which of the three it is.""")
for kind, private in (("Ed25519", Ed25519PrivateKey), ("X25519", X25519PrivateKey)):
    seeds = [(f"byte:{b:02x}", bytes([b]) * 32) for b in range(256)]
    seeds += [(f"counter:{b:02x}", bytes(range(b, b + 32))) for b in (0, 1)]
    seeds += [(f"sha256:{w}", hashlib.sha256(w.replace("+", " ").encode()).digest()) for w in [""] + WORDS]
    for how, seed in seeds:
        print(kind, private.from_private_bytes(seed).public_key().public_bytes_raw().hex(), how, sep="\t")
