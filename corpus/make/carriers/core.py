"""What all carriers share: fresh keys, running tools, the proof of a carrier, and the verdict of a scan."""

import base64
import fnmatch
import hashlib
import importlib.metadata
import json
import os
import pathlib
import random
import shutil
import subprocess
import time
import zlib

REGISTRY = []
ENV = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


class Drop(Exception):
    """The carrier could not be made, or its key does not read back. The message says why."""


def carrier(name, kind, tool, **options):
    """Registers a carrier. `tool` is an apt package, `pip:NAME`, `python3` (its standard library) or `own` (a writer
    in this folder, read back by another program). Several tools are separated by blanks."""

    def register(make):
        REGISTRY.append(dict(name=name, kind=kind, tool=tool, make=make, **options))
        return make

    return register


def run(command, cwd, data=None, ok=(0,), timeout=120, env=None):
    """Runs a shell command; returns its standard output. `ok` are the accepted exit statuses, `None` accepts all."""
    with subprocess.Popen(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**ENV, **(env or {})},
        start_new_session=True,
    ) as child:
        try:
            out, err = child.communicate(data if data is not None else b"", timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, 9)
            raise Drop(f"over {timeout} s: {command[:200]}") from None
    if ok is not None and child.returncode not in ok:
        raise Drop(f"exit {child.returncode}: {command[:200]}: {err.decode(errors='replace')[-300:]}")
    return out


def version(tool):
    """The version of each tool of a carrier, as its package manager states it."""
    words = []
    for name in tool.split():
        if name in ("own", "python3"):
            words.append("own writer" if name == "own" else "Python " + ".".join(map(str, os.sys.version_info[:3])))
        elif name.startswith("pip:"):
            try:
                words.append(f"{name[4:]} {importlib.metadata.version(name[4:])} (pip)")
            except importlib.metadata.PackageNotFoundError:
                raise Drop(f"not installed: {name}") from None
        else:
            done = subprocess.run(
                ["dpkg-query", "-W", "-f", "${Version} ${db:Status-Status}", name], capture_output=True, text=True
            )
            if done.returncode or "installed" not in done.stdout.split()[1:2]:
                raise Drop(f"not installed: {name}")
            words.append(f"{name} {done.stdout.split()[0]}")
    return ", ".join(words)


# Keys.


class Key:
    """One fresh private key. `data` is the file as its tool wrote it, `spki` the SHA-256 of its SPKI by openssl."""

    def __init__(self, form, data, spki, pem=None, der=None, password=None):
        self.form, self.data, self.spki, self.pem, self.der, self.password = form, data, spki, pem, der, password
        self.proofs = []
        self.place = ""
        self.file = ""  # The file of its own, where a carrier has one for each key.

    @property
    def text(self):
        return self.data.decode()

    @property
    def b64(self):
        """The file in base64 in lines of 64, with a newline at the end."""
        raw = base64.b64encode(self.data).decode()
        return "".join(raw[i : i + 64] + "\n" for i in range(0, len(raw), 64))


GEN = {
    "rsa": "-algorithm RSA -pkeyopt rsa_keygen_bits:2048",
    "p256": "-algorithm EC -pkeyopt ec_paramgen_curve:P-256",
    "ed25519": "-algorithm ed25519",
}


def spki_of_pem(pem, cwd):
    return hashlib.sha256(run("openssl pkey -pubout -outform DER", cwd, pem)).hexdigest()


def make_key(form, cwd):
    """Makes a key. Forms: rsa, p256, ed25519 (PKCS#8 PEM), X:der, X:trad (traditional PEM), ssh, ssh-rsa, p12,
    p12:pass, jwk, jwk-rsa, pgp."""
    base, _, how = form.partition(":")
    if base in ("ssh", "ssh-rsa"):
        kind = "ed25519" if base == "ssh" else "rsa -b 2048"
        at = pathlib.Path(cwd) / f"mk{os.urandom(6).hex()}"
        run(f"ssh-keygen -q -t {kind} -N '' -C u@host -f {at}", cwd)
        blob = base64.b64decode(at.with_suffix(".pub").read_bytes().split()[1])
        data = at.read_bytes()
        if base == "ssh":
            spki = bytes.fromhex("302a300506032b6570032100") + blob[-32:]
        else:
            pub = run(f"ssh-keygen -e -m pkcs8 -f {at}", cwd)
            spki = run("openssl pkey -pubin -pubout -outform DER", cwd, pub)
        at.unlink()
        at.with_suffix(".pub").unlink()
        return Key(form, data, hashlib.sha256(spki).hexdigest())
    if base == "pgp":
        return pgp_key(form, how or "rsa2048", cwd)
    kind = {"p12": "rsa", "jwk": "p256", "jwk-rsa": "rsa"}.get(base, base)
    pem = run(f"openssl genpkey {GEN[kind]} 2>/dev/null", cwd)
    spki = spki_of_pem(pem, cwd)
    der = run("openssl pkey -outform DER", cwd, pem)
    if base == "p12":
        password = os.urandom(9).hex() if how == "pass" else ""
        args = "-nodes -subj /CN=kc -x509 -days 3650 -key /dev/stdin"
        cert = run(f"openssl req {args}", cwd, pem)
        data = run(f"openssl pkcs12 -export -passout pass:{password}", cwd, pem + cert)
        return Key(form, data, spki, pem, der, password)
    if base.startswith("jwk"):
        return Key(form, jwk_of(pem, cwd).encode(), spki, pem, der)
    if how == "der":
        return Key(form, der, spki, pem, der)
    if how == "trad":
        return Key(form, run("openssl pkey -traditional", cwd, pem), spki, pem, der)
    return Key(form, pem, spki, pem, der)


def jwk_of(pem, cwd):
    """A JWK by the numbers that `openssl pkey -text` prints."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    def b(n, size=None):
        size = size or (n.bit_length() + 7) // 8
        return base64.urlsafe_b64encode(n.to_bytes(size, "big")).rstrip(b"=").decode()

    key = load_pem_private_key(pem, None)
    n = key.private_numbers()
    if hasattr(n, "p"):
        p = n.public_numbers
        fields = dict(
            kty="RSA",
            kid="k1",
            use="sig",
            n=b(p.n),
            e=b(p.e),
            d=b(n.d),
            p=b(n.p),
            q=b(n.q),
            dp=b(n.dmp1),
            dq=b(n.dmq1),
            qi=b(n.iqmp),
        )
    else:
        p = n.public_numbers
        fields = dict(kty="EC", kid="k1", crv="P-256", x=b(p.x, 32), y=b(p.y, 32), d=b(n.private_value, 32))
    return json.dumps(fields, indent=1)


def pgp_key(form, algo, cwd):
    home = pathlib.Path(cwd) / f"g{os.urandom(3).hex()}"
    home.mkdir(mode=0o700)
    env = {"GNUPGHOME": str(home)}
    opts = "gpg --batch --quiet --pinentry-mode loopback --passphrase ''"
    try:
        run(f"{opts} --quick-gen-key 'Kc Test <kc@example.org>' {algo} sign,auth 0 2>/dev/null", cwd, env=env)
        data = run(f"{opts} {'--armor' if form.endswith('armor') else ''} --export-secret-keys", cwd, env=env)
        fpr = (
            run("gpg --batch --with-colons --list-keys | awk -F: '/^fpr/{print $10;exit}'", cwd, env=env)
            .decode()
            .strip()
        )
        ssh = run(f"gpg --batch --export-ssh-key {fpr}!", cwd, env=env)
        if algo == "ed25519":
            spki = bytes.fromhex("302a300506032b6570032100") + base64.b64decode(ssh.split()[1])[-32:]
        else:
            (home / "k.pub").write_bytes(ssh)
            pub = run(f"ssh-keygen -e -m pkcs8 -f {home}/k.pub", cwd)
            spki = run("openssl pkey -pubin -pubout -outform DER", cwd, pub)
    finally:
        run("gpgconf --kill all", cwd, env=env, ok=None)
        shutil.rmtree(home, ignore_errors=True)
    return Key(form, data, hashlib.sha256(spki).hexdigest())


# One carrier in the making.


class Carrier:
    def __init__(self, row, root):
        self.row, self.name = row, row["name"]
        self.root = pathlib.Path(root) / self.name
        shutil.rmtree(self.root, ignore_errors=True)
        self.work, self.out = self.root / "work", self.root / "out"
        self.work.mkdir(parents=True)
        self.out.mkdir()
        self.keys, self.cleanup = [], []
        self.rand = random.Random(os.urandom(8))

    def sh(self, command, data=None, ok=(0,), timeout=120, env=None):
        return run(command, self.work, data, ok, timeout, env)

    def key(self, form, place=""):
        key = make_key(form, self.work)
        key.place = place
        self.keys.append(key)
        return key

    def put(self, name, data):
        """Writes a file that is scanned."""
        path = self.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    def take(self, *names):
        """Moves files of the scratch folder to what is scanned."""
        for name in names:
            shutil.move(self.work / name, self.out / pathlib.Path(name).name)

    def prove(self, key, data, how):
        """Checks that what a tool read back holds the key, by content or by openssl."""
        if isinstance(data, str):
            data = data.encode()
        if data is None:
            raise Drop(f"nothing read back by {how}")
        same = key.data.strip() in data or key.data.strip() in data.replace(b"\r\n", b"\n")
        if not same:
            if key.pem is None and b"PRIVATE KEY" in data:
                at = self.work / f"prove{os.urandom(4).hex()}"
                at.write_bytes(data)
                at.chmod(0o600)
                same = run(f"ssh-keygen -l -f {at}", self.work) != b""
            elif key.pem is not None:
                form = "-inform DER" if data[:1] == b"\x30" else ""
                out = run(f"openssl pkey {form} -pubout -outform DER", self.work, data, ok=None)
                same = hashlib.sha256(out).hexdigest() == key.spki
        if not same:
            raise Drop(f"does not read back by {how}: {data[:80]!r}")
        key.proofs.append(how)

    def tree(self, where="tree", forms=None):
        """A folder with keys: small members, one behind 90 KiB of compressible text, one at a 64 KiB border. Returns
        the keys by relative path."""
        top = self.work / where
        keys = {}

        def add(path, form, wrap=None):
            if forms and form.partition(":")[0] not in forms and form not in forms:
                return
            key = self.key(form, path)
            at = top / path
            at.parent.mkdir(parents=True, exist_ok=True)
            at.write_bytes(wrap(key.data) if wrap else key.data)
            keys[path] = key

        add("etc/server.pem", "rsa")
        add("app/signing.der", "p256:der")
        add("home/id_ed25519", "ssh")
        add("app/store.p12", "p12")
        add("web/jwk.json", "jwk")
        add("log/big.log", "rsa:trad", lambda d: filler(91000) + d + filler(60000))
        add("data/edge.bin", "ed25519", lambda d: bytes(65536) + d + bytes(5000))
        top.mkdir(exist_ok=True)
        (top / "readme.txt").write_text("no key here\n")
        (top / "random.bin").write_bytes(os.urandom(20000))
        (top / "zeros.bin").write_bytes(bytes(70000))
        return keys

    def prove_tree(self, keys, read, how):
        """`read` makes of a path the bytes that the tool reads, or the command that prints them."""
        for path, key in keys.items():
            got = read(path)
            self.prove(key, self.sh(got) if isinstance(got, str) else got, how)


def filler(size):
    """Compressible text, lines of a log."""
    out, i = [], 0
    total = 0
    while total < size:
        line = (
            f"2026-11-30T12:{i // 60 % 60:02d}:{i % 60:02d}Z app[{i % 7}]: request {i * 7919 % 10007} took {i % 97}"
            " ms\n"
        )
        out.append(line)
        total += len(line)
        i += 1
    return "".join(out).encode()


# The verdict.


def scan(binary, out):
    """Scans one carrier. Returns seconds, exit status and the report."""
    begin = time.monotonic()
    command = [str(binary), "scan", "--format", "json", "--no-config", "--progress", "never", "."]
    try:
        done = subprocess.run(["nice", "-n", "10", *command], cwd=out, capture_output=True, timeout=300)
    except subprocess.TimeoutExpired:
        return 300.0, None, None
    took = time.monotonic() - begin
    try:
        return took, done.returncode, json.loads(done.stdout)
    except ValueError:
        return took, done.returncode, None


def judge(keys, status, report):
    """The verdict (found, said, lost, failed), the keys missing, what the coverage says, and hashes not expected."""
    if report is None:
        return "failed", [k.place or k.form for k in keys], "no report", []
    have = {f["key"]["spki_sha256"] for f in report["findings"] if f.get("kind") == "private_key" and f.get("key")}
    want = {k.spki for k in keys}
    missing = [k.place or k.form for k in keys if k.spki not in have]
    cover = report["coverage"]
    words = []
    for gap in cover["gaps"]:
        reason = gap.get("reason") or gap.get("kind") or ""
        words.append(f"{gap.get('path', gap.get('origin', ''))}: {reason} {gap.get('detail', '')}".strip())
    words += [f"unopened {k}: {v}" for k, v in cover["unopened"].items()]
    locked = cover["locked"]
    shut = locked["containers"] - locked["opened"]
    unopened = sum(v if isinstance(v, int) else 1 for v in cover["unopened"].values())
    silent = [k for k in keys if k.spki not in have and k.file and not any(k.file in w for w in words)]
    if shut > 0:
        words.append(f"locked: {shut}")
    if not missing:
        verdict = "found"
    elif (
        len(missing) <= shut
        or status == 3
        or (words != [f"locked: {shut}"] and words and len(silent) <= shut + unopened)
    ):
        verdict = "said"
    else:
        verdict = "lost"
    return verdict, missing, "; ".join(words)[:400], sorted(have - want - {None})


def attempt(row, root, binary, keep, hunts=None):
    """Makes, proves and scans one carrier. Returns its row of the table."""
    row_out = dict(name=row["name"], kind=row["kind"], tool=row["tool"], locked=bool(row.get("locked")))
    made = None
    begin = time.monotonic()
    try:
        row_out["version"] = version(row["tool"])
        made = Carrier(row, root)
        row["make"](made)
        unproved = [k.place or k.form for k in made.keys if not k.proofs]
        if not made.keys or unproved:
            raise Drop(f"not proved: {', '.join(unproved) or 'no key'}")
    except Exception as error:  # A carrier that cannot be made is listed, whatever the cause.
        row_out.update(verdict="dropped", why=f"{type(error).__name__}: {error}"[:500])
        return row_out
    finally:
        for undo in reversed(made.cleanup if made else []):
            try:
                undo()
            except Exception:
                pass
    row_out["make_seconds"] = round(time.monotonic() - begin, 1)
    took, status, report = scan(binary, made.out)
    verdict, missing, words, extra = judge(made.keys, status, report)
    row_out.update(
        verdict=verdict,
        missing=missing,
        coverage=words,
        extra=extra,
        exit=status,
        seconds=round(took, 2),
        spki=[k.spki for k in made.keys],
        keys=[f"{k.form} {k.place}".strip() for k in made.keys],
        proof=sorted({p for k in made.keys for p in k.proofs}),
        path=str(made.out),
        bytes=sum(f.stat().st_size for f in made.out.rglob("*") if f.is_file() and not f.is_symlink()),
        containers=(report or {}).get("coverage", {}).get("containers", {}),
    )
    if hunts:
        found = {f["key"]["spki_sha256"] for f in (report or {}).get("findings", []) if f.get("key")}
        try:
            row_out["hunt"] = hunts.hunt(binary, made, found)
        except Exception as error:  # Names that a tool does not print are listed, whatever the cause.
            row_out["hunt"] = [("any", "", f"{type(error).__name__}: {error}"[:300])]
    if verdict == "found" and not keep:
        shutil.rmtree(made.root, ignore_errors=True)
    else:
        shutil.rmtree(made.work, ignore_errors=True)
    return row_out


def chosen(patterns):
    rows = [
        r for r in REGISTRY if any(fnmatch.fnmatch(r["name"], p) or fnmatch.fnmatch(r["kind"], p) for p in patterns)
    ]
    names = [r["name"] for r in REGISTRY]
    twice = {n for n in names if names.count(n) > 1}
    if twice:
        raise SystemExit(f"error: carriers named twice: {', '.join(sorted(twice))}")
    return rows


def crc(data):
    return zlib.crc32(data) & 0xFFFFFFFF
