#!/usr/bin/env python3
"""Draws a random sample of packages to scan with keyradius: Debian packages, crates and npm packages.

    benches/draw-packages.py FOLDER [--debian GB] [--crates N] [--npm N] [--seed S]
    cargo run --release -- scan --no-config --only signing FOLDER
    benches/draw-packages.py FOLDER --debian GB --scan KEYRADIUS [--scan KEYRADIUS] [--seed S]

With --scan, each Debian package is scanned and deleted before the next one comes, so the disk holds one at a time. The
findings and gaps of each program are written to FOLDER/debian.jsonl, one package a line, and their numbers are printed.

The population is the package list of the Debian release (`apt-cache pkgnames`), which also names about a thousand
crates (`librust-NAME-dev`) and npm packages (`node-NAME`). Debian packages come with `apt-get download`, crates with `cargo
fetch` (including their dependencies), npm packages with `npm pack`. The current version of each is taken, so a second
draw is similar, not identical. Prints the list of files with their sizes.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import random
import re
import subprocess
import tempfile


def quietly(*command, cwd=None, **environment):
    """Runs a command without output; returns whether it succeeded."""
    done = subprocess.run(
        command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **environment}
    )
    return done.returncode == 0


def size(folder):
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def debian(names, folder, gigabytes):
    """Downloads packages in the order of the names, up to the given GB."""
    folder.mkdir(parents=True, exist_ok=True)
    for start in range(0, len(names), 8):
        if size(folder) >= gigabytes * 10**9:
            return
        for name in names[start : start + 8]:
            quietly("apt-get", "download", name, cwd=folder)


def scanned(program, file):
    """What a program says about a file: places of keys, gaps that were not chosen, formats that it did not open."""
    command = [program, "scan", "--no-config", "--only", "signing", "--no-passwords", "--format", "json", str(file)]
    try:
        report = json.loads(subprocess.run(command, capture_output=True, check=False, timeout=600).stdout)
    except (subprocess.TimeoutExpired, json.JSONDecodeError) as error:
        return {"failed": type(error).__name__}
    coverage = report["coverage"]
    places = [(found["id"], place["path"]) for found in report["findings"] for place in found["occurrences"]]
    gaps = [(gap["origin"], gap["reason"], gap["detail"]) for gap in coverage["gaps"] if not gap["deliberate"]]
    return {"keys": sorted(places), "gaps": gaps, "unopened": coverage.get("unopened") or {}, "read": coverage.get("members", 0)}


def streamed(names, folder, gigabytes, programs):
    """Scans packages in the order of the names, up to the given GB, each before the next one is downloaded."""
    folder.mkdir(parents=True, exist_ok=True)
    total, count = 0, 0
    sums = {program: collections.Counter() for program in programs}
    with (folder / "debian.jsonl").open("w") as rows:
        for name in names:
            if total >= gigabytes * 10**9:
                break
            quietly("apt-get", "download", name, cwd=folder)
            for file in folder.glob("*.deb"):
                said = {program: scanned(program, file) for program in programs}
                total, count = total + file.stat().st_size, count + 1
                rows.write(json.dumps({"package": file.name, "size": file.stat().st_size, "said": said}) + "\n")
                rows.flush()
                file.unlink()
                for program, one in said.items():
                    sums[program]["keys"] += len({key for key, _ in one.get("keys", ())})
                    sums[program]["places"] += len(one.get("keys", ()))
                    sums[program]["gaps"] += len(one.get("gaps", ()))
                    sums[program]["unopened"] += sum(one.get("unopened", {}).values())
                    sums[program]["failed"] += "failed" in one
    print(f"{count} packages, {total / 10**9:.2f} GB")
    for program, sum_ in sums.items():
        print(program, dict(sum_))


def crates(names, folder):
    """Downloads each crate with its dependencies, as the .crate files in cargo's cache."""
    home = folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    for name in names:
        with tempfile.TemporaryDirectory() as project:
            manifest = f'[package]\nname="drawn-for-keyradius"\nversion="0.0.0"\nedition="2021"\n[dependencies]\n{name}="*"\n'
            pathlib.Path(project, "Cargo.toml").write_text(manifest)
            pathlib.Path(project, "src").mkdir()
            pathlib.Path(project, "src/lib.rs").touch()
            quietly("cargo", "fetch", "--quiet", cwd=project, CARGO_HOME=str(home.resolve()))


def npm(names, folder):
    folder.mkdir(parents=True, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for _ in pool.map(lambda name: quietly("npm", "pack", "--silent", name, cwd=folder), names):
            pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--debian", type=float, default=0, metavar="GB")
    parser.add_argument("--crates", type=int, default=0, metavar="N")
    parser.add_argument("--npm", type=int, default=0, metavar="N")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--scan", action="append", metavar="KEYRADIUS")
    args = parser.parse_args()

    names = subprocess.run(["apt-cache", "pkgnames"], check=True, capture_output=True, text=True).stdout.split()
    names = sorted(names)
    random.Random(args.seed).shuffle(names)
    # The features of a crate are separate packages (librust-NAME+FEATURE-dev); older versions have a number.
    of_rust = [m[1] for n in names if (m := re.fullmatch(r"librust-([a-z0-9-]+?)(?:-[0-9][0-9.]*)?-dev", n))]
    of_node = [m[1] for n in names if (m := re.fullmatch(r"node-([a-z0-9.-]+)", n))]
    if args.debian and args.scan:
        return streamed(names, args.folder, args.debian, args.scan)
    if args.debian:
        debian(names, args.folder / "debian", args.debian)
    if args.crates:
        crates(of_rust[: args.crates], args.folder / "crates")
    if args.npm:
        npm(of_node[: args.npm], args.folder / "npm")
    for file in sorted(file for file in args.folder.rglob("*") if file.suffix in (".deb", ".crate", ".tgz")):
        print(file.stat().st_size, file.relative_to(args.folder))


if __name__ == "__main__":
    main()
