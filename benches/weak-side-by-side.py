#!/usr/bin/env python3
"""Compares the results of keyradius and badkeys for the same public keys: the corpus, and the vectors of detectors/judgement/src/weak.

    pip install badkeys && cargo build -p keyradius-corpus && benches/weak-side-by-side.py [badkeys [keyradius-corpus]]

Every key is given to badkeys as a PEM public key. Lists the keys with different results, with both results; differences
by design are counted with the reason. Exits with 1 if there is any other difference.
"""
import base64
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BADKEYS = sys.argv[1] if len(sys.argv) > 1 else "badkeys"
CORPUS = sys.argv[2] if len(sys.argv) > 2 else ROOT / "target/debug/keyradius-corpus"

# Names of badkeys' checks in keyradius.
SAME = {
    "fermat": {"rsa-close-primes"},
    "roca": {"rsa-roca"},
    "rsainvalid": {"rsa-exponent"},
    "rsapoly": {"rsa-short-sleeves"},
    "smalld": {"rsa-small-d"},
    "smallfactors": {"rsa-small-factor"},
    "dsasparse": {"dsa-sparse"},
    "rsabias": {"rsa-bit-bias"},
    "pattern": {"rsa-byte-pattern"},
    "xzbackdoor": {"rsa-xz-form"},
    "rsawarnings": {"rsa-size", "rsa-odd-size", "rsa-exponent"},
}
# Differences by design: (the tool that reports more, check) -> reason.
KNOWN = {
    ("badkeys", "rsawarnings", "unusual_keysize"): "sizes that are multiples of 1024 are not a weakness here",
    ("badkeys", "rsawarnings", "exponent_not_65537"): "other small odd exponents are sound",
    ("badkeys", "sharedprimes", None): "badkeys includes primes of known keys; keyradius compares the keys of one run",
    ("badkeys", "blocklist", None): "no block-list is bundled: --known-keys",
    ("badkeys", "rsapoly", None): "few one bits without the pattern: reported as rsa-bit-bias",
    ("badkeys", "xzbackdoor", None): "a sparse modulus starts with zeros: not a command",
}


def keyradius(paths):
    out = subprocess.run([CORPUS, "weak", *paths], check=True, capture_output=True, text=True).stdout
    found = {}
    for line in out.splitlines():
        spki, _, words = line.partition("\t")
        found[spki] = dict(word.split("=") for word in words.split())
    return found


def pem(spki):
    body = base64.encodebytes(bytes.fromhex(spki)).decode()
    return f"-----BEGIN PUBLIC KEY-----\n{body}-----END PUBLIC KEY-----\n"


def badkeys(folder, keys):
    paths = {}
    for number, spki in enumerate(keys):
        path = Path(folder) / f"{number}.pem"
        path.write_text(pem(spki))
        paths[str(path)] = spki
    listed = subprocess.run([BADKEYS, "--list"], capture_output=True, text=True).stdout
    checks = [line.split("/")[0] for line in listed.splitlines() if "/" in line]
    # The block list is a download of 60 MB.
    checks.remove("blocklist")
    run = subprocess.run([BADKEYS, "-j", "-a", "-c", ",".join(checks), *paths], capture_output=True, text=True)
    if not run.stdout:
        sys.exit(f"badkeys has no output: {run.stderr[-500:]}")
    found = {}
    for line in run.stdout.splitlines():
        said = json.loads(line)
        where = said.get("where") or said.get("file")
        name = next(path for path in paths if path in str(where))
        found[paths[name]] = said
    return found


def compare(title, keys, theirs):
    reasons, other, agreed, both, unread = Counter(), [], 0, 0, Counter()
    for spki, ours in keys.items():
        said = theirs.get(spki)
        if not said or said.get("type") in ("unsupported", "unparseable", "notfound"):
            unread[(said or {}).get("type", "no answer")] += 1
            continue
        results = said.get("results", {})
        clean = True
        for check, result in results.items():
            if SAME.get(check, set()) & ours.keys():
                continue
            subtest = result.get("subtest") if isinstance(result, dict) else None
            reason = KNOWN.get(("badkeys", check, subtest)) or KNOWN.get(("badkeys", check, None))
            clean = False
            if len(spki) > 16384 // 4:
                reason = "above 16,384 bits only the structure is looked at"
            if reason:
                reasons[reason] += 1
            else:
                other.append((spki, f"only badkeys: {check} {subtest or ''}", ours))
        for check, grade in ours.items():
            if any(check in SAME.get(theirs_, ()) for theirs_ in results):
                continue
            clean = False
            if not any(check in ids for ids in SAME.values()):
                reasons[f"badkeys has no check like {check}"] += 1
            elif check == "rsa-bit-bias" and "rsapoly" in results:
                reasons["few one bits without the pattern: said as rsa-bit-bias"] += 1
            elif check in ("rsa-exponent", "rsa-odd-size") and "rsawarnings" in results:
                reasons["badkeys gives one warning a key"] += 1
            else:
                other.append((spki, f"only keyradius: {check}={grade}", results))
        agreed += clean
        both += clean and bool(ours)
    print(f"{title}: {len(keys)} public keys; the same of {agreed}, {both} of them weak; badkeys does not read {sum(unread.values())} {dict(unread)}")
    for reason, count in reasons.most_common():
        print(f"  {count:5}  {reason}")
    for spki, what, rest in other:
        print(f"  DIFFERS  {what} (the other: {rest}) {spki[:60]}...")
    return other


with tempfile.TemporaryDirectory() as folder:
    files = []
    for case in sorted((ROOT / "corpus/cases").iterdir()):
        target = Path(folder) / case.name
        subprocess.run([CORPUS, "unpack", case / "samples.pack", target], check=True, capture_output=True)
        files += [path for path in target.rglob("*") if path.is_file()]
    corpus = keyradius(files)
    differ = compare("corpus", corpus, badkeys(folder, corpus))

    rows = [line.split("\t")[-1] for line in (ROOT / "detectors/judgement/src/weak/vectors.tsv").read_text().splitlines() if line[0] != "#"]
    single = Path(folder) / "vectors"
    single.mkdir()
    for number, spki in enumerate(rows):
        (single / f"{number}.pem").write_text(pem(spki))
    vectors = keyradius(sorted(single.iterdir()))
    differ += compare("vectors", vectors, badkeys(folder, vectors))
    print(f"(of {len(set(rows))} vectors, {len(set(rows)) - len(vectors)} are not keys to a scan: even modulus, too small, not a point)")
sys.exit(1 if differ else 0)
