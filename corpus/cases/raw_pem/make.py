"""Keys whose PEM label alone says what the bytes are."""

import base64
import functools
import hashlib

from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519

import signs
from kit import Family, der_of, noise, pem

f = Family("raw_pem", "Nebula keys by nebula-cert, and by hand after the sources of Nebula and of cosmos-sdk what it does not write")
ORACLE = "python cryptography on the bytes that the label names"


def row(private, **more):
    spki = private.public_key().public_bytes(ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo)
    spki = f.run("openssl pkey -pubin -inform DER -outform DER", spki)
    return dict(format="raw_pem", protection="plaintext", spki_sha256=hashlib.sha256(spki).hexdigest(), _oracle=ORACLE, **more)


f.run("nebula-cert ca -name 'a test' -out-key ca.key -out-crt ca.crt && nebula-cert keygen -out-key host.key -out-pub host.pub")
ca = der_of(f.read("ca.key").decode())
host = der_of(f.read("host.key").decode())
# nebula-cert says what the public halves are.
assert der_of(f.read("host.pub").decode()) == x25519.X25519PrivateKey.from_private_bytes(host).public_key().public_bytes_raw()
assert ed25519.Ed25519PrivateKey.from_private_bytes(ca[:32]).public_key().public_bytes_raw() == ca[32:]
ca_row = row(ed25519.Ed25519PrivateKey.from_private_bytes(ca[:32]))
host_row = row(x25519.X25519PrivateKey.from_private_bytes(host))
f.add("ca.key", f.read("ca.key"), "nebula-cert ca", [ca_row])
f.add("host.key", f.read("host.key"), "nebula-cert keygen", [host_row])
f.add("both.yaml", "pki:\n  key: |\n    " + f.read("host.key").decode().replace("\n", "\n    ") + "\n  ca_key: |\n    " + f.read("ca.key").decode().replace("\n", "\n    "), "nebula-cert, in a configuration", [host_row, ca_row])
f.add("env.txt", "NEBULA_CA=" + f.read("ca.key").decode().strip().replace("\n", "\\n") + "\n", "nebula-cert ca, in one line", [ca_row])

scalar = ec.generate_private_key(ec.SECP256R1())
number = scalar.private_numbers().private_value.to_bytes(32, "big")
for label in ("NEBULA P256 PRIVATE KEY", "NEBULA ECDSA P256 PRIVATE KEY"):
    f.add(label.lower().replace(" ", "_") + ".pem", pem(label, number), "made by hand after Nebula cert/pem.go", [row(scalar)])
f.add("ed25519_64.pem", pem("ED25519 PRIVATE KEY", ca), "made by hand: seed and public key", [ca_row])
f.add("ed25519_32.pem", pem("ED25519 PRIVATE KEY", ca[:32]), "made by hand: the seed", [ca_row])
f.run("openssl genpkey -algorithm ED25519 -out ed.pem")
der = der_of(f.read("ed.pem").decode())
f.add("ed25519_pkcs8.pem", pem("ED25519 PRIVATE KEY", der), "openssl genpkey, label changed", [f.key("ed.pem", "pkcs8")])
f.add("any_pkcs8.pem", pem("ANY PRIVATE KEY", der), "openssl genpkey, label changed", [f.key("ed.pem", "pkcs8")])


def field(number, data):
    return bytes([number << 3 | 2, len(data)]) + data


argon = bytes([0x08, 0x13, 0x10, 0x80, 0x80, 0x80, 0x01, 0x18, 1, 0x20, 4]) + field(5, noise("salt", 32))
sealed = field(1, field(1, b"AES-256-GCM") + field(2, argon)) + field(2, noise("sealed", 12 + 64 + 16))
for label in ("NEBULA ED25519 ENCRYPTED PRIVATE KEY", "NEBULA ECDSA P256 ENCRYPTED PRIVATE KEY"):
    f.add("noise_sealed_" + label.lower().replace(" ", "_") + ".pem", pem(label, sealed), "made by hand after Nebula cert/cert_v1.proto: random ciphertext",
          [dict(format="raw_pem", protection="strong", opaque=True)], oracle="made by hand")
for kdf in ("bcrypt", "argon2"):
    body = pem("TENDERMINT PRIVATE KEY", noise(kdf, 24 + 37 + 16))
    head, rest = body.split("\n", 1)
    text = f"{head}\nkdf: {kdf}\nsalt: {noise('s', 16).hex().upper()}\ntype: secp256k1\n\n{rest}"
    text = text.replace("\n-----END", "\n=" + base64.b64encode(noise("crc", 3)).decode() + "\n-----END")
    f.add(f"noise_sealed_tendermint_{kdf}.txt", text, "made by hand after cosmos-sdk crypto/armor.go: random ciphertext", [dict(format="raw_pem", protection="strong", opaque=True)], oracle="made by hand")

silent = functools.partial(f.silent, made="made by hand", oracle="made by hand")

B, E = "-----BEGIN ", "-----END "
silent("near_zero_ca.key", pem("NEBULA ED25519 PRIVATE KEY", bytes(64)), "zeros, as Nebula's own tests have them")
silent("near_zero_host.key", pem("NEBULA X25519 PRIVATE KEY", bytes(32)), "zeros")
silent("near_short.key", pem("NEBULA ED25519 PRIVATE KEY", ca[:63]), "63 bytes")
f.add("near_mismatch.key", pem("NEBULA ED25519 PRIVATE KEY", ca[:32] + noise("p", 32)), "a public half of another key: the seed signs", [signs.row("raw_pem", signs.of_seed(ca[:32]))], oracle="openssl pkey -pubout -outform DER, from the seed | sha256sum")
silent("near_abc.key", f"{B}NEBULA X25519 PRIVATE KEY-----\nabcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ=\n{E}NEBULA X25519 PRIVATE KEY-----\n", "the alphabet")
silent("near_abc_repeated.key", f"{B}ED25519 PRIVATE KEY-----\n{'abc' * 14}a=\n{E}ED25519 PRIVATE KEY-----\n", "abcabcabc")
silent("near_docs.md", f"{B}NEBULA ED25519 PRIVATE KEY-----\n...\n{E}NEBULA ED25519 PRIVATE KEY-----\n", "documentation")
silent("near_tendermint_no_salt.txt", f"{B}TENDERMINT PRIVATE KEY-----\nkdf: bcrypt\n\n" + base64.b64encode(noise("t", 77)).decode() + f"\n{E}TENDERMINT PRIVATE KEY-----\n", "no salt")
silent("near_tendermint_golden.txt", f"{B}TENDERMINT PRIVATE KEY-----\nkdf: argon2\n\n" + base64.b64encode(bytes([0xab] * 129)).decode() + f"\n{E}TENDERMINT PRIVATE KEY-----\n", "the golden text of a test")
f.run("openssl genrsa -out rsa.pem 1024 && openssl rsa -in rsa.pem -traditional -out rsa1.pem && openssl ecparam -name prime256v1 -genkey -noout -out ec.pem")
# DER that is labelled as a key for tests (RFC 9500) is found.
TESTING = "openssl pkey -pubout -outform DER, with PRIVATE for TESTING | sha256sum"
for name, label, source, format in (("rsa_testing", "RSA ", "rsa1", "pkcs1"), ("ec_testing", "EC ", "ec", "sec1"), ("testing", "", "rsa", "pkcs8")):
    f.add(f"near_{name}.pem", pem(f"{label}TESTING KEY", der_of(f.read(f"{source}.pem").decode())), "made by hand", [f.key(f"{source}.pem", format)], oracle=TESTING)
silent("near_public.pem", f.read("host.pub").decode() + f.read("ca.crt").decode(), "Nebula's public key and certificate")
f.finish()
