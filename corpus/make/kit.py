"""What every family's recipe shares: running real tools, asking oracles, writing a pack with its expectations.

A recipe never says what a key is: it names a file that a tool can read, and the tool is asked. Nothing here knows
keyradius; an expectation that came from the scanner would only prove that the scanner agrees with itself.
"""

import base64
import gzip
import hashlib
import io
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

PASS = "changeit"
MAGIC = b"KRPACK1\n"
MASK = bytes(b ^ 0xA5 for b in range(256))
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


class Family:
    """One case folder in the making. Commands run in a scratch folder; what is added goes into the pack."""

    def __init__(self, name, about):
        self.name = name
        self.about = about
        self.case = pathlib.Path(__file__).resolve().parent.parent / "cases" / name
        self.work = pathlib.Path(tempfile.mkdtemp(prefix=f"corpus-{name}-"))
        self.samples = []
        self.generated = []

    # Tools.

    def run(self, command, data=None, ok=(0,)):
        """Runs a shell command in the scratch folder; returns its standard output."""
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=self.work,
            input=data,
            capture_output=True,
            env={**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC"},
        )
        if done.returncode not in ok:
            raise RuntimeError(f"{self.name}: {command}\n{done.stderr.decode(errors='replace')}")
        return done.stdout

    def path(self, name):
        return self.work / name

    def read(self, name):
        return self.path(name).read_bytes()

    # Samples.

    def tool(self, file, command, keys=(), certs=(), **more):
        """A sample that a command writes; the command must create `file`. `keys` may be a function to call after it."""
        self.run(command)
        keys = keys() if callable(keys) else keys
        return self.add(file, self.read(file), command, keys, certs, **more)

    def add(self, file, data, made, keys=(), certs=(), publics=(), **more):
        """A sample from bytes. `keys` are dicts as from `key`, `certs` SHA-256 of certificates, `publics` of SPKIs."""
        if isinstance(data, str):
            data = data.encode()
        if any(s["file"] == file for s in self.samples):
            raise ValueError(f"{self.name}: {file} twice")
        keys = [dict(k) for k in keys]
        oracles = dict.fromkeys(k.pop("_oracle", "") for k in keys)
        oracle = more.pop("oracle", None) or "; ".join(filter(None, oracles)) or "the file it was made from"
        self.samples.append(
            dict(file=file, data=data, made=made, oracle=oracle, keys=keys, certs=list(certs), publics=list(publics), **more)
        )
        return file

    def silent(self, file, data, why, made="by hand", oracle="nobody can sign with it", **more):
        """A near-miss: nothing in it is a private key, and `why` says what it is."""
        return self.add(file, data, made, oracle=oracle, why=why, silent=True, **more)

    def random(self, **row):
        """A negative that the scorer makes from a seed."""
        self.generated.append(row)

    # Oracles.

    def key(self, file, format, password=None, protection="plaintext", der=False, opaque=False, **more):
        """What `openssl pkey` says of a private key file."""
        cmd = f"openssl pkey -in {file}{' -inform DER' if der else ''}"
        if password is not None:
            cmd += f" -passin pass:{password}"
        cmd += " -provider default -provider legacy -pubout -outform DER"
        spki = hashlib.sha256(self.run(cmd)).hexdigest()
        row = dict(format=format, protection=protection, _oracle=f"{cmd} | sha256sum")
        if opaque:
            row.update(opaque=True, opened_spki_sha256=spki)
        else:
            row.update(spki_sha256=spki)
        row.update(more)
        return row

    def cert(self, file, der=False):
        """SHA-256 of a certificate, from openssl."""
        cmd = f"openssl x509 -in {file}{' -inform DER' if der else ''} -outform DER"
        return hashlib.sha256(self.run(cmd)).hexdigest()

    def cert_key(self, file, format, **more):
        """The key a certificate vouches for, from openssl."""
        cmd = f"openssl x509 -in {file} -noout -pubkey | openssl pkey -pubin -outform DER"
        spki = hashlib.sha256(self.run(cmd)).hexdigest()
        return dict(format=format, spki_sha256=spki, _oracle=f"{cmd} | sha256sum", **more)

    def public(self, file, der=False):
        """SHA-256 of the SPKI in a public key file, from openssl."""
        cmd = f"openssl pkey -pubin -in {file}{' -inform DER' if der else ''} -outform DER"
        return hashlib.sha256(self.run(cmd)).hexdigest()

    # Writing.

    def finish(self):
        """Writes samples.pack and expect.toml into the case folder."""
        self.case.mkdir(parents=True, exist_ok=True)
        tar = io.BytesIO()
        with tarfile.open(fileobj=tar, mode="w", format=tarfile.USTAR_FORMAT) as out:
            for s in sorted(self.samples, key=lambda s: s["file"]):
                info = tarfile.TarInfo(s["file"])
                info.size = len(s["data"])
                info.mode = 0o644
                out.addfile(info, io.BytesIO(s["data"]))
        packed = MAGIC + gzip.compress(tar.getvalue(), 9, mtime=0).translate(MASK)
        (self.case / "samples.pack").write_bytes(packed)
        (self.case / "expect.toml").write_text(self.toml())
        shutil.rmtree(self.work)
        keys = sum(len(s["keys"]) for s in self.samples)
        print(f"{self.name}: {len(self.samples)} samples, {keys} keys, {len(packed)} bytes", file=sys.stderr)

    def toml(self):
        lines = [
            "# Written by make.sh from what the tools say; not by hand, never from the scanner.",
            f"id = {quote(self.name)}",
            f"about = {quote(self.about)}",
        ]
        for g in self.generated:
            lines += ["", "[[generated]]"] + fields(g)
        for s in sorted(self.samples, key=lambda s: s["file"]):
            plain = {k: v for k, v in s.items() if k not in ("data", "keys", "certs", "publics")}
            if s["certs"]:
                plain["certificates"] = len(s["certs"])
                plain["cert_sha256"] = s["certs"]
            if s["publics"]:
                plain["public_spki_sha256"] = s["publics"]
            lines += ["", "[[sample]]"] + fields(plain)
            for k in s["keys"]:
                lines += ["", "[[sample.key]]"] + fields(k)
        return "\n".join(lines) + "\n"


def fields(row):
    return [f"{k} = {value(v)}" for k, v in row.items() if v is not None]


def value(v):
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, int):
        return str(v)
    if isinstance(v, (list, tuple)):
        return "[" + ", ".join(value(x) for x in v) + "]"
    return quote(v)


def quote(text):
    out = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    out = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in out)
    return f'"{out}"'


# DER by hand, for the few forms that no tool at hand writes.


def tlv(tag, body):
    n = len(body)
    if n < 0x80:
        head = bytes([n])
    else:
        size = n.to_bytes((n.bit_length() + 7) // 8, "big")
        head = bytes([0x80 | len(size)]) + size
    return bytes([tag]) + head + body


def integer(n):
    return tlv(0x02, n.to_bytes(n.bit_length() // 8 + 1, "big"))


def pem(label, der, width=64):
    text = base64.b64encode(der).decode()
    body = "\n".join(text[i : i + width] for i in range(0, len(text), width))
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n"


def der_of(text):
    """The bytes of the first PEM block."""
    body = re.search(r"-----BEGIN [^-]+-----(.*?)-----END", text, re.S).group(1)
    body = re.sub(r"^[A-Za-z-]+:.*$", "", body, flags=re.M)
    return base64.b64decode("".join(body.split()))


def noise(seed, n):
    """Bytes that look random and are the same every time."""
    out = b""
    i = 0
    while len(out) < n:
        out += hashlib.sha256(f"{seed}/{i}".encode()).digest()
        i += 1
    return out[:n]
