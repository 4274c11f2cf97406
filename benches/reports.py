#!/usr/bin/env python3
"""Cost of a report of 100,000 keys: peak memory and seconds of each command that writes or reads one.

    benches/reports.py KEYRADIUS [FOLDER]

Ed25519 keys in PEM, a hundred per file, and the reports are written to FOLDER (default: a temporary folder).
"""

import base64
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile
import time

# PKCS#8 of an Ed25519 key without its seed, RFC 8410 7.
HEADER = bytes.fromhex("302e020100300506032b657004220420")


def make(folder):
    label = "PRIVATE KEY"
    for file in range(1000):
        text = ""
        for number in range(100):
            der = HEADER + hashlib.sha256(f"{file} {number}".encode()).digest()
            text += f"-----BEGIN {label}-----\n{base64.b64encode(der).decode()}\n-----END {label}-----\n"
        (folder / f"{file:05}.pem").write_text(text)


def measure(name, command, stdin=None, stdout=None):
    began = time.monotonic()
    source = open(stdin, "rb") if stdin else subprocess.DEVNULL
    target = open(stdout, "wb") if stdout else subprocess.DEVNULL
    child = subprocess.Popen(command, stdin=source, stdout=target, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    assert os.waitstatus_to_exitcode(status) in (0, 1), (name, status)
    seconds = time.monotonic() - began
    print(f"| {name} | {usage.ru_maxrss / 1024:.0f} MiB | {usage.ru_utime:.1f} | {seconds:.1f} |", flush=True)


def main():
    keyradius = str(pathlib.Path(sys.argv[1]).resolve())
    folder = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp())
    keys, report = folder / "keys", str(folder / "report.json")
    keys.mkdir(parents=True, exist_ok=True)
    make(keys)
    scan = [keyradius, "scan", "--no-config", "--format", "json", str(keys)]
    measure("`scan --format json`", scan, stdout=report)
    print(f"{os.path.getsize(report):,} bytes of JSON", flush=True)
    for form in ["sarif", "json", "human"]:
        measure(f"`report - --format {form}`", [keyradius, "report", "-", "--format", form], stdin=report)
    measure("`report diff`", [keyradius, "report", "diff", report, report])
    with open(report, encoding="utf-8") as text:
        finding = next(line.split('"')[3] for line in text if '"id": "kr1:' in line)
    measure("`explain ID --report`", [keyradius, "explain", finding, "--report", report])


if __name__ == "__main__":
    main()
