"""What every scenario shares: a small tree made with real tools, and what a person who knows the incident would say of it."""

import gzip
import io
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile

from kit import MAGIC, MASK, quote, value

HERE = pathlib.Path(__file__).resolve().parent
ALL = []


class Scenario:
    """One tree. Files are put below `self.dir` by the functions here or by commands run in it."""

    def __init__(self, name, story, twin_of=""):
        if any(s.name == name for s in ALL):
            raise ValueError(name)
        self.name, self.story, self.twin_of = name, story, twin_of
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="scenario-"))
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="scenario-work-"))
        self.findings = []
        self.nothing = []
        self.known = False
        ALL.append(self)

    # Making files.

    def run(self, command, data=None):
        """A shell command in the tree; `$W` is a scratch folder that does not become part of it."""
        env = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC", "W": str(self.work), "GNUPGHOME": str(self.work / "gnupg")}
        done = subprocess.run(["bash", "-eo", "pipefail", "-c", command], cwd=self.dir, input=data, capture_output=True, env=env)
        if done.returncode:
            raise RuntimeError(f"{self.name}: {command}\n{done.stderr.decode(errors='replace')}")
        return done.stdout

    def write(self, path, text):
        """A file by hand: scripts and settings."""
        full = self.dir / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def key(self, path, kind="ec"):
        """A private key in PKCS#8 PEM."""
        (self.dir / path).parent.mkdir(parents=True, exist_ok=True)
        how = {
            "ec": "-algorithm EC -pkeyopt ec_paramgen_curve:P-256",
            "ed": "-algorithm ED25519",
            "x25519": "-algorithm X25519",
        }.get(kind) or f"-algorithm RSA -pkeyopt rsa_keygen_bits:{kind[3:]}"
        self.run(f"openssl genpkey {how} -out '{path}'")
        return path

    def cert(self, path, key, subject, ext=(), by=None, days=7300, out="PEM"):
        """A certificate: self-signed, or by (certificate, key). `ext` are lines of an OpenSSL extension section."""
        (self.dir / path).parent.mkdir(parents=True, exist_ok=True)
        lines = "\n".join(ext)
        (self.work / "c.cnf").write_text(f"[req]\ndistinguished_name=dn\nprompt=no\nx509_extensions=v3\n[dn]\nCN=x\n[v3]\nsubjectKeyIdentifier=hash\n{lines}\n")
        if by is None:
            self.run(f"openssl req -new -x509 -key '{key}' -config $W/c.cnf -subj '{subject}' -days {days} -sha256 -outform {out} -out '{path}'")
        else:
            ca, ca_key = by
            (self.work / "x.cnf").write_text(f"subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n{lines}\n")
            self.run(f"openssl req -new -key '{key}' -config $W/c.cnf -subj '{subject}' -out $W/r.csr")
            self.run(f"openssl x509 -req -in $W/r.csr -CA '{ca}' -CAkey '{ca_key}' -CAcreateserial -CAserial $W/serial -extfile $W/x.cnf -days {days} -sha256 -outform {out} -out '{path}'")
        return path

    def pfx(self, path, key, cert, password, options=""):
        """A PKCS#12 of both, which then go."""
        (self.dir / path).parent.mkdir(parents=True, exist_ok=True)
        self.run(f"openssl pkcs12 -export -inkey '{key}' -in '{cert}' {options} -out '{path}' -passout 'pass:{password}'")
        self.run(f"rm '{key}' '{cert}'")
        return path

    # What is expected.

    def finds(self, file, roles, tier, severity, **more):
        """The key at `file`: the roles that must be asserted, its tier, the band of its severity in tenths."""
        self.findings.append(dict(file=file, roles=roles, tier=tier, severity=list(severity), **more))


def toml():
    lines = ["# Written by make.sh: what a person who knows the incident would say; never from the scanner."]
    for s in sorted(ALL, key=lambda s: s.name):
        lines += ["", "[[scenario]]", f"name = {quote(s.name)}", f"story = {quote(s.story)}"]
        if s.twin_of:
            lines.append(f"twin_of = {quote(s.twin_of)}")
        if s.known:
            lines.append("known = true")
        if s.nothing:
            lines.append(f"nothing_at = {value(s.nothing)}")
        for f in s.findings:
            lines += ["", "[[scenario.finding]]"] + [f"{k} = {value(v)}" for k, v in f.items()]
    return "\n".join(lines) + "\n"


def twins():
    """A harmless twin for everything that has none: the same key among fixtures, and nothing that uses it."""
    have = {s.twin_of for s in ALL}
    for s in [s for s in ALL if not s.twin_of and s.name not in have and not s.known]:
        for f in s.findings:
            # What has its password in its own name, or no private half, is as it is wherever it lies.
            if s.name in ("own_name", "weak_ca"):
                continue
            file = pathlib.PurePosixPath(f["file"])
            twin = Scenario(f"{s.name}_twin", f"The key of {s.name} among fixtures, without what uses it", s.name)
            twin.write(f"tests/fixtures/{file.name}", (s.dir / file).read_bytes())
            most = 70 if f["tier"] == "T0" else 65
            twin.finds(f"tests/fixtures/{file.name}", [], "", (10, most), not_rules=["PASSWORD-BESIDE-KEYSTORE", "TRUSTS-PUBLIC-KEY"])


def finish():
    """Writes scenarios.pack and expect.toml."""
    twins()
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.USTAR_FORMAT) as out:
        for s in sorted(ALL, key=lambda s: s.name):
            for file in sorted(p for p in s.dir.rglob("*") if p.is_file()):
                # A pack holds plain names: the separators of paths become `|`.
                info = tarfile.TarInfo(f"{s.name}/{file.relative_to(s.dir)}".replace("/", "|"))
                info.size, info.mode = file.stat().st_size, 0o644
                out.addfile(info, io.BytesIO(file.read_bytes()))
            shutil.rmtree(s.dir)
            shutil.rmtree(s.work)
    packed = MAGIC + gzip.compress(tar.getvalue(), 9, mtime=0).translate(MASK)
    (HERE / "scenarios.pack").write_bytes(packed)
    (HERE / "expect.toml").write_text(toml())
    harmless = sum(bool(s.twin_of) for s in ALL)
    print(f"{len(ALL)} scenarios, {harmless} of them harmless twins, {len(packed)} bytes")
