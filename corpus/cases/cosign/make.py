"""Keys of cosign.

No registry at hand has cosign itself (it is a Go program outside Debian). The samples are made as its source says it
(sigstore/cosign pkg/cosign/keys.go, which calls Encrypt of go-securesystemslib): PKCS#8 by openssl in a NaCl secretbox by
PyNaCl under scrypt of Python's hashlib, as JSON in PEM.
"""

import base64
import hashlib
import json
import os

import nacl.secret

from kit import PASS, Family, noise, pem
from occur import FEW, all_forms

f = Family("cosign", "cosign keys under both labels, with and without a password, made after its source")


def sealed(der, password, n, spaced=False):
    salt, nonce = os.urandom(32), os.urandom(24)
    key = hashlib.scrypt(password.encode(), salt=salt, n=n, r=8, p=1, maxmem=1 << 30, dklen=32)
    text = lambda b: base64.b64encode(b).decode()
    box = nacl.secret.SecretBox(key).encrypt(der, nonce).ciphertext
    # As encoding/json of Go writes it: no blanks, in the order of the struct.
    body = dict(kdf=dict(name="scrypt", params=dict(N=n, r=8, p=1), salt=text(salt)), cipher=dict(name="nacl/secretbox", nonce=text(nonce)), ciphertext=text(box))
    return json.dumps(body, indent=2) if spaced else json.dumps(body, separators=(",", ":"))


def block(label, body):
    return pem(label, body.encode() if isinstance(body, str) else body)


def row(stem):
    return f.key(f"{stem}.pem", "cosign", protection="strong", opaque=True)


TOOLS = "openssl genpkey; hashlib.scrypt; PyNaCl secretbox; JSON in PEM"
SIGSTORE, COSIGN = "ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY"
f.run("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out p256.pem; openssl genpkey -algorithm RSA -out rsa.pem; openssl genpkey -algorithm ed25519 -out ed.pem")
for stem in ("p256", "rsa", "ed"):
    f.run(f"openssl pkey -in {stem}.pem -outform DER -out {stem}.der.tmp; openssl pkcs8 -topk8 -nocrypt -in {stem}.pem -outform DER -out {stem}.der")
made = {}
for name, label, stem, password, n in (
    ("v2.key", SIGSTORE, "p256", PASS, 65536), ("v2_empty.key", SIGSTORE, "p256", "", 65536), ("v1.key", COSIGN, "p256", PASS, 32768), ("v1_empty.key", COSIGN, "p256", "", 32768),
    ("imported_rsa.key", SIGSTORE, "rsa", PASS, 65536), ("imported_ed25519.key", SIGSTORE, "ed", "", 65536),
):
    made[name] = block(label, sealed(f.read(f"{stem}.der"), password, n))
    f.add(name, made[name], TOOLS, [row(stem)])
f.add("indented.key", block(SIGSTORE, sealed(f.read("p256.der"), PASS, 65536, spaced=True)), TOOLS + ", JSON indented", [row("p256")])
all_forms(f, "occur", made["v2_empty.key"], [row("p256")], TOOLS, FEW)
f.add("secret.yaml", "apiVersion: v1\nkind: Secret\nmetadata:\n  name: cosign\ndata:\n  cosign.key: " + base64.b64encode(made["v2_empty.key"].encode()).decode() + "\n  cosign.password: \"\"\n", TOOLS + ", then: Kubernetes Secret", [row("p256")])

silent = f.silent

body = sealed(f.read("p256.der"), PASS, 65536)
silent("other_kdf.key", block(SIGSTORE, body.replace('"scrypt"', '"none"')), "a KDF that cosign does not have")
silent("no_ciphertext.key", block(SIGSTORE, body[: body.index('"ciphertext"')] + '"ciphertext":""}'), "nothing in the box")
silent("cut.key", block(SIGSTORE, body[:-40]), "JSON cut short")
silent("noise.key", block(SIGSTORE, noise("cosign", 500)), "a body of random bytes")
silent("empty_object.key", block(COSIGN, "{}" + " " * 60), "an empty object")
silent("source.go", 'package cosign\n\nconst (\n\tCosignPrivateKeyPemType = "ENCRYPTED COSIGN PRIVATE KEY"\n\tSigstorePrivateKeyPemType = "ENCRYPTED SIGSTORE PRIVATE KEY"\n)\n', "the source of cosign")
silent("docs.md", "-----BEGIN " + SIGSTORE + "-----\neyJrZGYiOnsibmFtZSI6InNjcnlwdCIsInBhcmFtcyI6...\n-----END " + SIGSTORE + "-----\n", "documentation with dots")
f.finish()
