"""ML-DSA and SLH-DSA keys as PKCS#8 (RFC 9881, RFC 9909), their public keys and certificates."""

import datetime
import functools
import hashlib
import os
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import serialization as ser
from cryptography.x509.oid import NameOID

from kit import Family, integer, noise, pem, tlv

f = Family("post_quantum", "ML-DSA and SLH-DSA private keys in every form, public keys and certificates")
modules = pathlib.Path(os.environ["NODE_DIR"]).resolve() / "node_modules"
node = f"{modules}/.bin/node"
ORACLE = "node (OpenSSL 3.5) createPublicKey(...).export spki | sha256sum"


def js(code):
    """Runs a script in node; what it prints is hex."""
    f.path("run.mjs").write_text(f"import * as crypto from 'node:crypto';\nimport * as fs from 'node:fs';\n{code}")
    out = bytes.fromhex(f.run(f"{node} run.mjs").decode().strip())
    f.path("run.mjs").unlink()
    return out


def generate(kind):
    return js(f"const k = crypto.generateKeyPairSync('{kind}').privateKey; console.log(k.export({{type: 'pkcs8', format: 'der'}}).toString('hex'))")


def spki(der):
    """The public key that OpenSSL derives."""
    f.path("k.der").write_bytes(der)
    return js("const k = crypto.createPrivateKey({key: fs.readFileSync('k.der'), format: 'der', type: 'pkcs8'});"
              "console.log(crypto.createPublicKey(k).export({type: 'spki', format: 'der'}).toString('hex'))")


def expanded(size, seed):
    return js(f"const {{ml_dsa{size}}} = await import('{modules}/@noble/post-quantum/ml-dsa.js');"
              f"console.log(Buffer.from(ml_dsa{size}.keygen(Buffer.from('{seed.hex()}', 'hex')).secretKey).toString('hex'))")


def row(der):
    return dict(format="pkcs8", protection="plaintext", spki_sha256=hashlib.sha256(spki(der)).hexdigest(), _oracle=ORACLE)


def oid(last):
    return tlv(0x30, bytes.fromhex("0609608648016503040" "3") + bytes([last]))


def info(last, octets, tail=b"", version=0):
    return tlv(0x30, integer(version) + oid(last) + tlv(0x04, octets) + tail)


def both(stem, der, made, key, **more):
    f.add(f"{stem}.der", der, made, [key], **more)
    f.add(f"{stem}.pem", pem("PRIVATE KEY", der), made, [key], **more)


seeds = {}
for size, last in ((44, 17), (65, 18), (87, 19)):
    stem = f"ml_dsa_{size}"
    der = generate(f"ml-dsa-{size}")
    seed = der[-32:]
    seeds[size] = seed
    key = row(der)
    made = f"node generateKeyPairSync('ml-dsa-{size}')"
    long = expanded(size, seed)
    assert der == info(last, tlv(0x80, seed))
    both(f"{stem}_seed", der, made, key)
    for form, octets in (("expanded", tlv(0x04, long)), ("both", tlv(0x30, tlv(0x04, seed) + tlv(0x04, long)))):
        other = info(last, octets)
        assert row(other) == key, "OpenSSL reads the same key from it"
        both(f"{stem}_{form}", other, f"{made}; the form '{form}' of RFC 9881 with the expanded key of @noble/post-quantum", key)
    bits = spki(der)[-{44: 1312, 65: 1952, 87: 2592}[size] :]
    v2 = info(last, tlv(0x80, seed), tlv(0x81, b"\0" + bits), version=1)
    both(f"{stem}_v2", v2, f"{made}; put into version 2 of RFC 5958 by hand", key)
    public = spki(der)
    digest = [hashlib.sha256(public).hexdigest()]
    f.add(f"{stem}.pub.der", public, made, publics=digest, oracle=ORACLE)
    f.add(f"{stem}.pub.pem", pem("PUBLIC KEY", public), made, publics=digest, oracle=ORACLE)
    # A certificate.
    private = ser.load_der_private_key(der, None)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, stem)])
    now = datetime.datetime(2026, 1, 1)
    cert = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(private.public_key()).serial_number(size)
            .not_valid_before(now).not_valid_after(now + datetime.timedelta(days=90)).sign(private, None))
    body = cert.public_bytes(ser.Encoding.DER)
    f.add(f"{stem}.crt", body, "python cryptography CertificateBuilder", certs=[hashlib.sha256(body).hexdigest()], oracle="python hashlib over the certificate")
    f.add(f"{stem}_key_and_cert.pem", pem("PRIVATE KEY", der) + pem("CERTIFICATE", body), f"{made}; python cryptography", [key], [hashlib.sha256(body).hexdigest()])

SLH = ["sha2-128s", "sha2-128f", "sha2-192s", "sha2-192f", "sha2-256s", "sha2-256f"]
SLH += [s.replace("sha2", "shake") for s in SLH]
for number, name in enumerate(SLH):
    der = generate(f"slh-dsa-{name}")
    assert der[12 if der[1] < 0x80 else 13 :][:1] and bytes([0x65, 3, 4, 3, 20 + number]) in der
    key = row(der)
    both(f"slh_dsa_{name.replace('-', '_')}", der, f"node generateKeyPairSync('slh-dsa-{name}')", key)
    public = spki(der)
    f.add(f"slh_dsa_{name.replace('-', '_')}.pub.der", public, f"node generateKeyPairSync('slh-dsa-{name}')", publics=[hashlib.sha256(public).hexdigest()], oracle=ORACLE)

silent = functools.partial(f.silent, made="made by hand", oracle="made by hand")

seed = seeds[44]
silent("near_zero_seed.der", info(17, tlv(0x80, bytes(32))), "a seed of zeros in DER: a template")
silent("near_counting_seed.der", info(17, tlv(0x80, b"0123456789abcdef0123456789abcdef")), "text in the place of a seed")
silent("near_short_seed.pem", pem("PRIVATE KEY", info(17, tlv(0x80, seed[:31]))), "a seed of 31 bytes")
silent("near_long_expanded.pem", pem("PRIVATE KEY", info(17, tlv(0x04, noise("x", 2561)))), "an expanded key one byte too long")
silent("near_random_expanded.pem", pem("PRIVATE KEY", info(18, tlv(0x04, noise("y", 4032)))), "random bytes of the right length: the vectors hold numbers that are too large")
silent("near_slh_zero.pem", pem("PRIVATE KEY", info(20, bytes(64))), "an SLH-DSA key of zeros")
silent("near_slh_length.pem", pem("PRIVATE KEY", info(22, noise("z", 64))), "an SLH-DSA-192 key with the length of a 128")
silent("near_template.bin", noise("t", 100) + info(17, b"")[:-2] + bytes.fromhex("042280") + bytes(100), "the beginning of a key as programs carry it")
silent("near_oid_only.bin", bytes.fromhex("0609608648016503040311") * 20, "object identifiers alone")
f.finish()
