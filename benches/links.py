#!/usr/bin/env python3
"""Checks every link `issued` of a JSON report with another implementation: the signature over the TBS bytes of the certificate
by Python's `cryptography`, not by keyradius. Dates and usages are not checked: a link says who signed.

    keyradius scan --format json -o report.json REPOSITORY
    benches/links.py report.json

Certificates are read from the places in the report: files, and objects of git. Needs: pip install cryptography.
"""

import base64
import hashlib
import json
import re
import subprocess
import sys
import warnings

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, pkcs7

warnings.simplefilter("ignore")
PEM = re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----.*?-----END (?:X509 |TRUSTED )?CERTIFICATE-----", re.S)
KEY = re.compile(rb"-----BEGIN (?:RSA |EC |DSA )?PRIVATE KEY-----.*?-----END (?:RSA |EC |DSA )?PRIVATE KEY-----", re.S)


def spki(key):
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


class Bytes:
    """The bytes of places, each read once."""

    def __init__(self):
        self.known = {}

    def at(self, place):
        git, path = place.get("git"), place["path"]
        object_id = re.search(r"@([0-9a-f]{12,64})", place["origin"])
        key = (git["object"], git["repository"]) if git else (object_id and object_id[1], path)
        if key not in self.known:
            self.known[key] = self.read(place, key)
        return self.known[key]

    @staticmethod
    def read(place, key):
        if key[0]:
            for directory in candidates(place["path"]):
                done = subprocess.run(["git", "-C", directory, "cat-file", "blob", key[0]], capture_output=True)
                if done.returncode == 0:
                    return done.stdout
            return b""
        try:
            with open(place["path"], "rb") as file:
                return file.read()
        except OSError:
            return b""


def candidates(path):
    """Directories in which git may find the repository of a path."""
    parts = path.split("/")
    return ["/".join(parts[:end]) or "/" for end in range(len(parts) - 1, 0, -1)]


RUN = re.compile(rb"[A-Za-z0-9+/]{200,}={0,2}")


def decoded(data):
    """What base64 in the bytes stands for, such as the values of a Kubernetes secret."""
    for run in RUN.findall(re.sub(rb"\\n|\s*\n\s*(?=[A-Za-z0-9+/])", b"", data)) + RUN.findall(data):
        try:
            yield base64.b64decode(run + b"=" * (-len(run) % 4))
        except ValueError:
            pass


def certificates(data, deeper=True):
    found = []
    if deeper:
        for inner in decoded(data):
            found += certificates(inner, False)
    texts = PEM.findall(data) + PEM.findall(data.replace(b"\\n", b"\n"))
    for text in texts:
        # Indented, quoted or joined lines: only the digits count.
        body = re.sub(rb"-----[^-]*-----|[^A-Za-z0-9+/=]", b"", text)
        block = b"-----BEGIN CERTIFICATE-----\n" + b"\n".join(body[i : i + 64] for i in range(0, len(body), 64)) + b"\n-----END CERTIFICATE-----\n"
        try:
            found.append(x509.load_pem_x509_certificate(block))
        except Exception:
            pass
    for read in (lambda: [x509.load_der_x509_certificate(data)], lambda: pkcs7.load_der_pkcs7_certificates(data)):
        try:
            found += read()
        except Exception:
            pass
    return found


def keys(data):
    found = [c.public_key() for c in certificates(data)]
    for text in KEY.findall(data) + [key for inner in decoded(data) for key in KEY.findall(inner)]:
        try:
            found.append(serialization.load_pem_private_key(text, None).public_key())
        except Exception:
            pass
    return found


def signed(certificate, key):
    """Whether a key signed a certificate, whatever the names say."""
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa

    tbs, signature, digest = certificate.tbs_certificate_bytes, certificate.signature, certificate.signature_hash_algorithm
    try:
        if isinstance(key, rsa.RSAPublicKey):
            scheme = certificate.signature_algorithm_parameters
            key.verify(signature, tbs, scheme if isinstance(scheme, padding.PSS) else padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, tbs, ec.ECDSA(digest))
        elif isinstance(key, dsa.DSAPublicKey):
            key.verify(signature, tbs, digest)
        elif isinstance(key, (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)):
            key.verify(signature, tbs)
        else:
            return None
    except InvalidSignature:
        return False
    except Exception:
        return None
    return True


def main():
    total = dict(true=0, false=0, unread=0)
    for name in sys.argv[1:]:
        with open(name, encoding="utf-8") as file:
            report = json.load(file)
        data, count = Bytes(), dict(true=0, false=0, unread=0)
        for finding in report["findings"]:
            links = [link for link in finding["links"] if link["kind"] == "issued"]
            if not links:
                continue
            wanted = finding["key"]["spki_sha256"]
            places = finding["occurrences"] + finding["related"]
            key = next((k for place in places for k in keys(data.at(place)) if spki(k) == wanted), None)
            for link in links:
                answers = [signed(c, key) for c in certificates(data.at(link["place"]))] if key else []
                result = "true" if True in answers else "unread" if not answers or None in answers else "false"
                count[result] += 1
                if result != "true":
                    print(result, finding["id"], link["place"]["origin"])
        print(name, count)
        for word, number in count.items():
            total[word] += number
    print("all", total)
    return 1 if total["false"] else 0


if __name__ == "__main__":
    sys.exit(main())
