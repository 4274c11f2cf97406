#!/usr/bin/env python3
"""What keyradius and other scanners find in the corpus, by family: reported files that contain a private key.

    cargo build --release && benches/found-side-by-side.py

Unpacks the corpus into a temporary directory. Runs kingfisher if it is on the path (PyPI: kingfisher-bin).
"""
import json
import re
import shutil
import subprocess
import tempfile
import tomllib
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / "target/release"


def run(*command):
    return subprocess.run(command, capture_output=True).stdout.decode(errors="replace")


with tempfile.TemporaryDirectory() as folder:
    wanted = {}
    for case in sorted((ROOT / "corpus/cases").iterdir()):
        target = Path(folder) / case.name
        subprocess.run([BIN / "keyradius-corpus", "unpack", case / "samples.pack", target], check=True, capture_output=True)
        for sample in tomllib.loads((case / "expect.toml").read_text()).get("sample", []):
            keys = [key for key in sample.get("key", []) if not key.get("stub")]
            if keys:
                wanted[str(target / sample["file"])] = case.name
    everything = {str(path) for path in Path(folder).rglob("*") if path.is_file()}

    report = json.loads(run(BIN / "keyradius", "scan", folder, "--no-config", "--exit-zero", "--format", "json"))
    tools = {"keyradius": {place["path"] for finding in report["findings"] for place in finding["occurrences"]}}
    if shutil.which("kingfisher"):
        out = run("kingfisher", "scan", folder, "--rule", "all", "--no-validate", "--git-history", "none",
                  "--no-update-check", "--format", "jsonl")
        tools["kingfisher"] = set(re.findall(f'"({re.escape(folder)}/[^"]+)"', out))

    total = Counter(wanted.values())
    print(f'{"family":18}{"files":>8}' + "".join(f"{name:>12}" for name in tools))
    for family, files in total.items():
        print(f"{family:18}{files:8}" + "".join(f"{sum(wanted.get(p) == family for p in t):12}" for t in tools.values()))
    print(f'{"all":18}{len(wanted):8}' + "".join(f"{len(t & wanted.keys()):12}" for t in tools.values()))
    others = everything - wanted.keys()
    print(f'{"without a key":18}{len(others):8}' + "".join(f"{len(t & others):12}" for t in tools.values()))
    print("Without a key: negatives, public material, and damaged keys. keyradius reports these as damaged, never as verified.")
