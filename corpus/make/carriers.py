#!/usr/bin/env python3
"""Makes carriers of private keys with real tools, scans each with keyradius, and prints what was found, said or lost.

Usage: carriers.py --binary target/release/keyradius [--from DIR] [--only GLOB]... [--keep] [--hunt]
                   [--install] [--list]

--install   installs the apt and pip packages that the carriers need (as root), then goes on
--from DIR  scratch directory [default: a new temporary directory]; `kept` in it holds what was not found
--only GLOB only carriers whose name or kind matches; may be repeated
--keep      keep also the carriers whose keys were all found
--hunt      also hunt for each key that the scan found, by every name that other tools print for it
--table F   write the Markdown table to F [default: standard output]; the rows go to DIR/rows.json

Every key is made for its carrier at run time, so no key is ever stored. A carrier is scanned only after its own tool
has read its keys back; otherwise it is dropped and listed with the reason.
"""

import argparse
import concurrent.futures
import importlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
MODULES = [  # In the order of the table.
    "breaks", "records", "terminal", "source", "encodings", "documents", "mail", "archives", "streams", "offset", "gaps",
    "fields", "repos", "disks", "images", "flash", "databases", "servers", "tables", "columns", "nested", "odd",
]


def venv():
    return pathlib.Path(os.environ.get("CARRIERS_VENV", pathlib.Path.home() / ".cache" / "keyradius-carriers"))


def install():
    """Installs what the carriers need. Packages that are not to be had are skipped; their carriers are dropped."""
    apt = (HERE / "carriers" / "apt.list").read_text().split()
    have = [p for p in apt if subprocess.run(["apt-cache", "show", p], capture_output=True).returncode == 0]
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *have], env=env, check=True)
    if not venv().exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv())], check=True)
    for name in (HERE / "carriers" / "pip.list").read_text().split():
        if subprocess.run([str(venv() / "bin/pip"), "install", "-q", name]).returncode:
            print(f"warning: pip cannot install {name}", file=sys.stderr)


def arguments():
    take = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    take.add_argument("--binary", default="target/release/keyradius")
    take.add_argument("--from", dest="root")
    take.add_argument("--only", action="append")
    take.add_argument("--keep", action="store_true")
    take.add_argument("--hunt", action="store_true")
    take.add_argument("--install", action="store_true")
    take.add_argument("--list", action="store_true")
    take.add_argument("--table")
    take.add_argument("--jobs", type=int, default=2)
    return take.parse_args()


def main():
    args = arguments()
    if args.install:
        install()
    python = venv() / "bin/python"
    if python.exists() and pathlib.Path(sys.prefix).resolve() != venv().resolve():
        os.execv(python, [str(python), __file__, *[a for a in sys.argv[1:] if a != "--install"]])
    sys.path.insert(0, str(HERE))
    from carriers import core, hunts, report

    for name in MODULES:
        importlib.import_module(f"carriers.{name}")
    rows = core.chosen(args.only or ["*"])
    if args.list:
        for row in rows:
            print(f"{row['kind']}\t{row['name']}\t{row['tool']}")
        return 0
    root = pathlib.Path(args.root or tempfile.mkdtemp(prefix="carriers-")).resolve()
    kept = root / "kept"
    kept.mkdir(parents=True, exist_ok=True)
    binary = pathlib.Path(args.binary).resolve()
    done = []
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        work = [pool.submit(core.attempt, row, kept, binary, args.keep, hunts if args.hunt else None) for row in rows]
        for one in concurrent.futures.as_completed(work):
            row = one.result()
            done.append(row)
            what = ", ".join(row.get("missing") or [])[:90]
            print(f"{row['verdict']:8} {row['name']} {what} {row.get('why', '')[:300]}", file=sys.stderr, flush=True)
    order = {r["name"]: i for i, r in enumerate(rows)}
    done.sort(key=lambda r: order[r["name"]])
    report.save(root / "rows.json", done)
    text = report.table(json.loads((root / "rows.json").read_text()))
    if args.table:
        pathlib.Path(args.table).write_text(text)
    else:
        print(text)
    if args.hunt:
        hunted, lost = hunts.table(done)
        print("\n".join([hunted, *lost]))
    return 1 if any(r["verdict"] in ("lost", "failed") for r in done) else 0


if __name__ == "__main__":
    sys.exit(main())
