#!/usr/bin/env python3
"""Archives that are made to hurt, and what keyradius does with each: time, memory, exit code, what it says.

    cargo build --release
    benches/bombs.py [--keyradius PATH] [NAME...]

Every one has to end by itself, in bounded memory, with a coverage entry and exit code 3 (0 where all of it was read). A
key lies in each where one can still be found, so that a bomb cannot hide what stands beside it.

Wanted: gzip, bzip2, xz, zstd, lz4, tar, openssl, /usr/bin/time.
"""

import argparse
import io
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[1]
GIB = 1 << 30


def zeros(path, command, gib):
    """So many GiB of zeros through a compressor."""
    with open(path, "wb") as out:
        feed = subprocess.Popen(["head", "-c", str(gib * GIB), "/dev/zero"], stdout=subprocess.PIPE)
        subprocess.run(command, stdin=feed.stdout, stdout=out, check=True)
        feed.wait()


def nested_zip(path, levels, copies):
    """A ZIP of `copies` ZIPs, so many levels deep; the innermost hold a MiB of zeros."""
    content, name = b"\0" * (1 << 20), "zeros"
    for _ in range(levels):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for copy in range(copies):
                archive.writestr(f"{copy}-{name}", content)
        content, name = out.getvalue(), "all.zip"
    path.write_bytes(content)


def overlapping_zip(path, entries):
    """A ZIP whose entries all lead to the same 100 MB of deflated zeros."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = squeeze.compress(b"\0" * 100_000_000) + squeeze.flush()
    head = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 8, 0, 0, 0, len(packed), 100_000_000, 1, 0) + b"a"
    entry = struct.pack(
        "<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 8, 0, 0, 0, len(packed), 100_000_000, 1, 0, 0, 0, 0, 0, 0
    )
    central = (entry + b"a") * entries
    start = len(head) + len(packed)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, entries & 0xFFFF, entries & 0xFFFF, len(central), start, 0)
    path.write_bytes(head + packed + central + end)


def deep_gzip(path, levels):
    content = b"at the bottom"
    for _ in range(levels):
        squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
        content = squeeze.compress(content) + squeeze.flush()
    path.write_bytes(content)


def sparse_tar(path, work):
    """Ten terabytes that store nothing, as GNU tar writes them."""
    hole = work / "hole"
    with open(hole, "wb") as out:
        out.truncate(8 * GIB)
    subprocess.run(["tar", "--sparse", "-cf", path, "-C", work, "hole"], check=True)
    hole.unlink()
    # The file system may not hold ten terabytes: the size is written into the header instead (offset 483, base 256).
    data = bytearray(path.read_bytes())
    data[483:495] = b"\x80" + (10 << 40).to_bytes(11, "big")
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    path.write_bytes(data)


def hole_tar(path):
    """A tar of a terabyte that is itself a hole on disk."""
    with open(path, "wb") as out:
        info = tarfile.TarInfo("zeros")
        info.size = 1 << 40
        out.write(info.tobuf(tarfile.GNU_FORMAT))
        out.truncate(512 + info.size + 1024)


def many_members(path, count):
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        info = tarfile.TarInfo("x")
        for _ in range(count):
            archive.addfile(info)


BOMBS = {
    "gzip": lambda path, _: zeros(path, ["gzip", "-c"], 20),
    "bzip2": lambda path, _: zeros(path, ["bzip2", "-c"], 20),
    "xz": lambda path, _: zeros(path, ["xz", "-1", "-c"], 20),
    "zstd": lambda path, _: zeros(path, ["zstd", "-qc"], 100),
    "lz4": lambda path, _: zeros(path, ["lz4", "-qc"], 20),
    "zip-nested": lambda path, _: nested_zip(path, 6, 16),
    "zip-overlapping": lambda path, _: overlapping_zip(path, 60_000),
    "gzip-1000-deep": lambda path, _: deep_gzip(path, 1000),
    "zip-1000-deep": lambda path, _: nested_zip(path, 1000, 1),
    "tar-10TB-sparse": sparse_tar,
    "tar-1TB-hole": lambda path, _: hole_tar(path),
    "tar-many-members": lambda path, _: many_members(path, 6_000_000),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keyradius", default=ROOT / "target" / "release" / "keyradius")
    parser.add_argument("names", nargs="*", metavar="NAME")
    args = parser.parse_args()
    bad = 0
    print(f"{'bomb':18} {'bytes':>13} {'seconds':>8} {'MiB':>6} {'exit':>4} {'key':>4}  what was left out")
    for name, make in BOMBS.items():
        if args.names and name not in args.names:
            continue
        with tempfile.TemporaryDirectory(prefix="bombs-") as work:
            work = pathlib.Path(work)
            (work / "tree").mkdir()
            bomb = work / "tree" / name
            make(bomb, work)
            command = ["openssl", "ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", work / "tree" / "zz.pem"]
            subprocess.run([str(c) for c in command], check=True)
            size = bomb.stat().st_size
            timed = ["/usr/bin/time", "-f", "%e %M", args.keyradius, "scan", "--no-config", "--format", "json"]
            # Findings would make it 1: what is asked here is whether the run says that it is incomplete.
            timed += ["--fail-on", "none", work / "tree"]
            done = subprocess.run([str(c) for c in timed], capture_output=True, check=False)
            report = json.loads(done.stdout)
            seconds, kib = re.findall(r"^([0-9.]+) ([0-9]+)$", done.stderr.decode(), re.M)[-1]
            gaps = sorted({(gap["reason"], gap["detail"]) for gap in report["coverage"]["gaps"]})
            key = any(place["path"].endswith("zz.pem") for f in report["findings"] for place in f["occurrences"])
            told = "; ".join(f"{reason}: {detail}" for reason, detail in gaps[:3])
            print(f"{name:18} {size:13} {seconds:>8} {int(kib) >> 10:>6} {done.returncode:>4} {'yes' if key else 'NO':>4}  {told}")
            bad += not key or done.returncode != (3 if gaps else 0)
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
