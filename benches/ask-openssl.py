#!/usr/bin/env python3
"""Checks every place of a report with openssl: whether it loads the key there, with the same public half.

    keyradius scan /usr --format json -o usr.json; benches/ask-openssl.py usr.json

Lists what openssl cannot load without a password or at all (keystores, encrypted keys, PuTTY, OpenPGP).
"""
import base64
import hashlib
import json
import re
import subprocess
import sys


def spki(data, form):
    command = ["openssl", "pkey", "-inform", form, "-pubout", "-outform", "DER"]
    done = subprocess.run(command, input=data, capture_output=True)
    return hashlib.sha256(done.stdout).hexdigest() if done.returncode == 0 else None


def der(data):
    """The first DER value of the bytes."""
    if data[1] < 0x80:
        return data[: 2 + data[1]]
    octets = data[1] & 0x7F
    return data[: 2 + octets + int.from_bytes(data[2 : 2 + octets], "big")]


def pem(data):
    """The first PEM block, without escapes and quotes."""
    end = re.search(rb"-----END [A-Z ]*-----", data)
    text = (data[: end.end()] if end else data[:20000]).replace(b"\\n", b"\n")
    return re.sub(rb"\n[ \t]+", b"\n", re.sub(rb'"\s*\n\s*"', b"", text)) + b"\n"


same, others = 0, []
for finding in json.load(open(sys.argv[1]))["findings"]:
    for place in finding["occurrences"]:
        data = open(place["path"], "rb").read()
        wrapped = re.search(r"!base64@0x([0-9a-f]+)", place["origin"])
        if wrapped:
            run = re.match(rb'[A-Za-z0-9+/=\s\\"]+', data[int(wrapped.group(1), 16) :]).group(0).replace(b"\\n", b"")
            digits = re.sub(rb"[^A-Za-z0-9+/]", b"", run)
            data = base64.b64decode(digits[: len(digits) // 4 * 4])
        data = data[place["offset"] :]
        found = None
        if place["encoding"] in ("pem", "der"):
            found = spki(pem(data), "PEM") if data.startswith(b"-----") else spki(der(data), "DER")
        if found and found == (finding["key"] or {}).get("spki_sha256"):
            same += 1
        else:
            others.append(f'{place["format"]:16} {place["origin"]}:{place["line"]} openssl says {(found or "no")[:16]}')
print(f"{same} places: openssl loads the key and prints the same SPKI; {len(others)} others:")
print("\n".join(others))
