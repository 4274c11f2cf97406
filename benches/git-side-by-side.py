#!/usr/bin/env python3
"""Compares the git reader with git, on your own repositories: the same objects, the same findings, and the time.

    benches/git-side-by-side.py [--runs N] [--kingfisher] REPOSITORY...

For each repository, bare or not:

* objects, blobs and bytes of blobs that keyradius reports as read, against `git cat-file --batch-all-objects
  --batch-check`: they must be equal;
* the report with the delta shortcut and without it, and with one job and with two: they must be equal;
* CPU and wall time and peak memory of keyradius (--jobs 2, everything included: scan, provenance, report), of one job,
  of `git cat-file --batch-all-objects --batch --unordered --buffer > /dev/null`, and with --kingfisher of its run with
  only the rule for private keys. All in one run, alternating, with a warm cache; medians, and ratios of CPU time.

Needs git and Python 3.9. A public repository for comparison: a mirror clone of git's own.
"""

import argparse, json, os, statistics, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
KEYRADIUS = os.path.join(HERE, "..", "target", "release", "keyradius")


def run(command, cwd=None):
    """CPU seconds, wall seconds, peak anonymous memory in MiB."""
    started = time.monotonic()
    child = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0
    while True:
        try:
            with open(f"/proc/{child.pid}/status") as status:
                for line in status:
                    if line.startswith("RssAnon:"):
                        peak = max(peak, int(line.split()[1]))
        except OSError:
            pass
        pid, _, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            return usage.ru_utime + usage.ru_stime, time.monotonic() - started, peak / 1024
        time.sleep(0.01)


def scan(repository, out, *more):
    return [KEYRADIUS, "scan", repository, "--no-config", "--exit-zero", "--quiet", "--reproducible", "--format", "json",
            "--output", out, *more]


def expected(repository):
    check = subprocess.run(["git", "cat-file", "--batch-all-objects", "--unordered", "--buffer",
                            "--batch-check=%(objecttype) %(objectsize)"],
                           cwd=repository, capture_output=True, check=True).stdout
    objects = blobs = size = 0
    for line in check.splitlines():
        kind, length = line.split()
        objects += 1
        if kind == b"blob":
            blobs += 1
            size += int(length)
    return objects, blobs, size


def main():
    arguments = argparse.ArgumentParser(usage=__doc__)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--kingfisher", action="store_true")
    arguments.add_argument("repositories", nargs="+")
    args = arguments.parse_args()
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"], cwd=os.path.join(HERE, ".."), check=True)
    failed = False
    for repository in args.repositories:
        with tempfile.TemporaryDirectory() as directory:
            reports = {}
            for name, more in {"two jobs": ["--jobs", "2"], "one job": ["--jobs", "1"],
                               "no shortcut": ["--jobs", "2", "--no-delta-shortcut"]}.items():
                out = os.path.join(directory, "report.json")
                subprocess.run(scan(repository, out, *more), check=True)
                reports[name] = json.load(open(out))
            report = reports["two jobs"]
            read = [r for r in report["coverage"]["repositories"]]
            ours = tuple(sum(r[field] for r in read) for field in ("objects", "blobs", "blob_bytes"))
            theirs = expected(repository)
            equal = all(other == report for other in reports.values())
            failed |= ours != theirs or not equal
            print(f"{repository}: {ours[0]} objects, {ours[1]} blobs, {ours[2]} bytes; "
                  f"{'as git says' if ours == theirs else f'GIT SAYS {theirs}'}; reports {'equal' if equal else 'DIFFER'}; "
                  f"{len(report['findings'])} keys in {report['summary']['places']} places")
            commands = {
                "keyradius, two jobs": scan(repository, os.devnull, "--jobs", "2"),
                "keyradius, one job": scan(repository, os.devnull, "--jobs", "1"),
                "git cat-file": ["git", "cat-file", "--batch-all-objects", "--batch", "--unordered", "--buffer"],
            }
            if args.kingfisher:
                commands["kingfisher"] = ["kingfisher", "scan", repository, "--rule", "betterleaks.private-key",
                                          "--no-validate", "--no-update-check"]
            times = {name: [] for name in commands}
            for _ in range(args.runs):
                for name, command in commands.items():
                    times[name].append(run(command, cwd=repository if name.startswith("git") else None))
            base = statistics.median(cpu for cpu, _, _ in times["keyradius, two jobs"])
            for name, rows in times.items():
                cpu, wall, memory = (statistics.median(column) for column in zip(*rows))
                print(f"  {name:22} {cpu:7.2f} s CPU {wall:7.2f} s wall {memory:5.0f} MiB anonymous   "
                      f"CPU of keyradius {base / cpu:5.3f}x")
    sys.exit(failed)


if __name__ == "__main__":
    main()
