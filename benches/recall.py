#!/usr/bin/env python3
"""Compares what keyradius finds in a tree with what the real tools load from it.

    cargo build --release
    benches/recall.py TREE... [--misses FILE]

The expectations come from the tools: every PEM block with a private key, and every file that may be DER, PKCS#12, JKS,
OpenPGP or PuTTY, is given to openssl, keytool, gpg, ssh-keygen and puttygen. A key that one of them loads without a password
has to be found with the same public key in that file; a key that it reports as locked has to be found there as a key or
keystore. A key found at the same line with another public key is counted separately: one key has several encodings (RSA and
RSA-PSS, named and explicit curves, compressed points), and test suites contain broken keys. Prints a row for each format and
lists the differences.

TREE is the unpacked source of a project with many keys, such as Debian's sources of openssl, gnutls28, nss, bouncycastle,
golang, wolfssl, mbedtls, gnupg2, openssh, putty, botan, or the wheel of cryptography_vectors.

Needs openssl, ssh-keygen, keytool, gpg and puttygen.
"""

import argparse
import collections
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?)-----.*?-----END \1-----", re.S)
# Text around a block is passed to the tools unchanged; nothing is repaired for them.
LARGEST = 1 << 20


def tool(*command, data=None):
    environment = dict(os.environ, LC_ALL="C", OPENSSL_CONF="/dev/null")
    try:
        done = subprocess.run(command, input=data, capture_output=True, check=False, timeout=20, env=environment)
    except subprocess.TimeoutExpired:
        return 1, b"", b"timeout"
    return done.returncode, done.stdout, done.stderr


def openssl_key(data, form):
    """The SPKI of a private key, or None."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        code, out, _ = tool(
            "openssl", "pkey", "-in", file.name, "-inform", form, "-passin", "pass:", "-pubout", "-outform", "DER"
        )
    return hashlib.sha256(out).hexdigest() if code == 0 and out else None


def ssh_key(data):
    with tempfile.TemporaryDirectory() as work:
        path = pathlib.Path(work) / "key"
        path.write_bytes(data + b"\n")
        path.chmod(0o600)
        code, out, _ = tool("ssh-keygen", "-y", "-P", "", "-f", str(path))
        if code == 0 and out:
            code, out, _ = tool("ssh-keygen", "-l", "-f", "/dev/stdin", data=out)
            return out.split()[1].decode() if code == 0 and len(out.split()) > 1 else None
        # The public half is in the file, so a locked file still has a fingerprint.
        code, out, _ = tool("ssh-keygen", "-l", "-f", str(path))
        return out.split()[1].decode() if code == 0 and len(out.split()) > 1 else None


def truths(path):
    """The tools' results for one file: (format, identity or None if it is locked, line)."""
    data = path.read_bytes()
    if len(data) > LARGEST:
        return
    for match in BLOCK.finditer(data):
        label, block = match.group(1).decode(), match.group(0)
        line = data.count(b"\n", 0, match.start()) + 1
        if b"\\n" in block or b'"' in block:
            continue
        if label == "OPENSSH PRIVATE KEY":
            if identity := ssh_key(block):
                yield "openssh", identity, line
        elif label == "PGP PRIVATE KEY BLOCK":
            code, out, _ = tool("gpg", "--batch", "--list-packets", data=block)
            if b"secret key packet" in out:
                yield "openpgp", None, line
        elif b"ENCRYPTED" in block:
            # Locked: openssl asks for a password for an encrypted key, and reports another error otherwise.
            with tempfile.NamedTemporaryFile() as file:
                file.write(block)
                file.flush()
                _, _, err = tool("openssl", "pkey", "-in", file.name, "-passin", "pass:not this", "-noout")
            if re.search(rb"bad decrypt|bad password|maybe wrong password|pkcs12 cipherfinal", err):
                yield "locked pem", None, line
            elif identity := openssl_key(block, "PEM"):
                yield "pem", identity, line
        elif identity := openssl_key(block, "PEM"):
            yield "pem", identity, line
    start = data[:8]
    if start[:1] == b"\x30":
        if identity := openssl_key(data, "DER"):
            yield "der", identity, 1
        else:
            with tempfile.NamedTemporaryFile() as file:
                file.write(data)
                file.flush()
                code, out, err = tool("openssl", "pkcs12", "-in", file.name, "-passin", "pass:", "-noout", "-info")
                told = out + err
                if b"Shrouded Keybag" in told or b"Key bag" in told:
                    yield "pkcs12", None, 1
                elif b"Mac verify error" in told or b"invalid password" in told:
                    yield "locked pkcs12", None, 1
    elif start[:4] in (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce"):
        kind = "JKS" if start[:1] == b"\xfe" else "JCEKS"
        _, out, _ = tool("keytool", "-list", "-keystore", str(path), "-storetype", kind, data=b"\n")
        if b"PrivateKeyEntry" in out:
            yield kind.lower(), None, 1
    elif start[:8] == b"PuTTY-Us":
        code, out, _ = tool("puttygen", str(path), "-O", "fingerprint")
        if code == 0 and out:
            yield "ppk", out.split()[-1].decode(), 1
    elif start and start[0] in (0x94, 0x95, 0xC5) and path.suffix in (".gpg", ".pgp", ".key", ".bin", ".sec", ""):
        _, out, _ = tool("gpg", "--batch", "--list-packets", str(path))
        if b":secret key packet:" in out:
            yield "openpgp binary", None, 1


def asked(path):
    try:
        return path, list(truths(path))
    except OSError as error:
        return path, [("unreadable", str(error), 1)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keyradius", default=ROOT / "target" / "release" / "keyradius")
    parser.add_argument("--misses", help="write the list of differences to this file")
    parser.add_argument("trees", nargs="+", metavar="TREE", type=pathlib.Path)
    args = parser.parse_args()
    command = [args.keyradius, "scan", "--no-config", "--history", "none", "--no-passwords", "--only", "signing"]
    command += ["--format", "json", *args.trees]
    report = json.loads(subprocess.run([str(c) for c in command], capture_output=True, check=False).stdout)
    found = collections.defaultdict(set)
    there, lines = set(), collections.defaultdict(set)
    for finding in report["findings"]:
        key = finding.get("key") or {}
        names = {value for value in key.values() if isinstance(value, str)}
        for place in finding["occurrences"]:
            found[place["path"]] |= names
            there.add(place["path"])
            lines[place["path"]].add(place["line"])
    places = collections.Counter()
    for finding in report["findings"]:
        for place in finding["occurrences"]:
            places[place["format"]] += 1
    files = [p for tree in args.trees for p in sorted(tree.rglob("*")) if p.is_file() and not p.is_symlink()]
    total, hit, other = collections.Counter(), collections.Counter(), collections.Counter()
    differ = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, said in pool.map(asked, files):
            for format, identity, line in said:
                total[format] += 1
                if str(path) in there and (identity is None or identity in found[str(path)]):
                    hit[format] += 1
                elif line in lines[str(path)]:
                    other[format] += 1
                    differ.append((f"other key {format}", str(path), line, identity))
                else:
                    differ.append((f"missed {format}", str(path), line, identity))
    print("| what a tool loads | keys | found | found with another public key | missed |\n|---|---|---|---|---|")
    for format in [*sorted(total), "all"]:
        row = [sum(counter.values()) if format == "all" else counter[format] for counter in (total, hit, other)]
        print(f"| {format} | {row[0]} | {row[1]} | {row[2]} | {row[0] - row[1] - row[2]} |")
    print("\nfound by keyradius, in places: ", dict(places.most_common()))
    text = "".join(f"{what}: {path}:{line} {identity or ''}\n" for what, path, line, identity in sorted(differ, key=str))
    if args.misses:
        pathlib.Path(args.misses).write_text(text)
    else:
        print(text)
    sys.exit(sum(total.values()) != sum(hit.values()) + sum(other.values()))


if __name__ == "__main__":
    main()
