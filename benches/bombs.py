#!/usr/bin/env python3
"""Decompression bombs, and how keyradius handles each: time, memory, exit status, reported gaps.

    cargo build --release
    benches/bombs.py [--keyradius PATH] [--quine FILE] [--markdown] [NAME...]

The scan of every bomb has to end, in bounded memory, with a gap and exit status 3 (0 if everything was read). A key is
stored next to each bomb, which must not hide it, and after the hole in sparse ones. Takes about 30 minutes, mostly to
make the bombs. `--quine` adds an archive that contains itself, such as r.zip, to the one that is made here.
`--markdown` prints the table of docs/limits.md.

Needs gzip, bzip2, xz, zstd, lz4, tar, openssl, /usr/bin/time.
"""

import argparse
import base64
import io
import json
import pathlib
import re
import shutil
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
    """The given GiB of zeros, compressed."""
    with open(path, "wb") as out:
        feed = subprocess.Popen(["head", "-c", str(gib * GIB), "/dev/zero"], stdout=subprocess.PIPE)
        subprocess.run(command, stdin=feed.stdout, stdout=out, check=True)
        feed.wait()


def nested_zip(path, levels, copies):
    """A ZIP of `copies` ZIPs, nested to the given depth; the innermost contain a MiB of zeros."""
    content, name = b"\0" * (1 << 20), "zeros"
    for _ in range(levels):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for copy in range(copies):
                archive.writestr(f"{copy}-{name}", content)
        content, name = out.getvalue(), "all.zip"
    path.write_bytes(content)


def overlapping_zip(path, entries):
    """A ZIP whose entries all share the same 100 MB of deflated zeros."""
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


def deep_base64(path, levels):
    content = b"at the bottom, and far enough from forty digits"
    for _ in range(levels):
        content = base64.b64encode(content)
    path.write_bytes(content)


def quine(path):
    """A gzip stream that contains itself.

    After Russ Cox, "Zip Files All The Way Down": DEFLATE as a language of two instructions, `print these bytes` (a stored
    block) and `repeat the last bytes` (two matches), five bytes each, in which a program prints itself. The checksum of
    the whole occurs in it twice; a CRC is affine in its input, so it is the solution of 32 equations over bits.
    """

    def stored(length):
        return struct.pack("<BHH", 0, length, 0xFFFF ^ length)

    def packed(*fields):
        """Bits, lowest first; Huffman codes (second half) highest first."""
        bits = []
        for value, width, is_code in fields:
            some = [value >> place & 1 for place in range(width)]
            bits += reversed(some) if is_code else some
        bits += [0] * (-len(bits) % 8)
        return bytes(sum(bit << place for place, bit in enumerate(bits[at : at + 8])) for at in range(0, len(bits), 8))

    fixed, end = [(0, 1, False), (1, 2, False)], [(0, 7, True)]
    match = [(8, 7, True), (8, 5, True), (3, 3, False)]  # length 10, distance 20
    again = packed(*fixed, *match, *match, *end)
    nothing, one, four = stored(0), stored(5), stored(20)
    last = packed(*fixed, *end, *fixed, *end, (1, 1, False), (0, 2, False)) + struct.pack("<HH", 0, 0xFFFF)

    def program(name, crc, size=210):
        head = b"\x1f\x8b\x08\x08\0\0\0\0\0\xff%04d\0" % name
        tail = last + struct.pack("<II", crc, size)
        middle = [again, one, again, one, one, four, again, one, one, four] + 4 * [again, four]
        middle += 2 * [again, nothing, nothing, four]
        return b"".join([head, four, head, four, *middle, again, tail, again, tail])

    for name in range(100):
        base = zlib.crc32(program(name, 0))
        rows = {}
        for bit in range(32):
            value, solution = zlib.crc32(program(name, 1 << bit)) ^ base ^ 1 << bit, 1 << bit
            while value and value.bit_length() in rows:
                value, solution = value ^ rows[value.bit_length()][0], solution ^ rows[value.bit_length()][1]
            if value:
                rows[value.bit_length()] = value, solution
        value, solution = base, 0
        while value and value.bit_length() in rows:
            value, solution = value ^ rows[value.bit_length()][0], solution ^ rows[value.bit_length()][1]
        content = program(name, solution)
        if not value and zlib.decompress(content, 31) == content:
            path.write_bytes(content)
            return
    raise SystemExit("no quine")


def sparse_tar(path, work):
    """A file of ten terabytes with only a key stored, in GNU tar's own header format."""
    hole = work / "hole"
    with open(hole, "wb") as out:
        out.seek(8 * GIB)
        out.write((work / "tree" / "zz.pem").read_bytes())
    subprocess.run(["tar", "--sparse", "--format=gnu", "-cf", path, "-C", work, "hole"], check=True)
    hole.unlink()
    # The file system may not support ten terabytes: the real size is written at offset 483 (base 256).
    data = bytearray(path.read_bytes())
    data[483:495] = b"\x80" + (10 << 40).to_bytes(11, "big")
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    path.write_bytes(data)


def pax_tar(path, work):
    """The same file with a pax map (GNU tar manual, "PAX Format, Version 1.0")."""
    key = (work / "tree" / "zz.pem").read_bytes()
    content = b"1\n%d\n%d\n" % ((10 << 40) - len(key), len(key))
    content += b"\0" * (-len(content) % 512) + key
    info = tarfile.TarInfo("GNUSparseFile.1/hole")
    info.size = len(content)
    sparse = {"major": "1", "minor": "0", "name": "hole", "realsize": str(10 << 40)}
    info.pax_headers = {f"GNU.sparse.{name}": value for name, value in sparse.items()}
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info, io.BytesIO(content))
    with tarfile.open(path) as archive:
        assert archive.getmembers()[0].size == 10 << 40


def hole_tar(path):
    """A tar of 64 GiB that is a hole on disk: nothing is unpacked, everything is read."""
    with open(path, "wb") as out:
        info = tarfile.TarInfo("zeros")
        info.size = 64 * GIB
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
    "gzip-quine": lambda path, _: quine(path),
    "gzip-1000-deep": lambda path, _: deep_gzip(path, 1000),
    "zip-1000-deep": lambda path, _: nested_zip(path, 1000, 1),
    "base64-40-deep": lambda path, _: deep_base64(path, 40),
    "tar-10TB-gnu": sparse_tar,
    "tar-10TB-pax": pax_tar,
    "tar-64GB-hole": lambda path, _: hole_tar(path),
    "tar-many-members": lambda path, _: many_members(path, 6_000_000),
}

# The member after the hole is found where its archive stores it.
HOLDS_KEY = {"tar-10TB-gnu", "tar-10TB-pax"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keyradius", default=ROOT / "target" / "release" / "keyradius")
    parser.add_argument("--quine", type=pathlib.Path, help="an archive that contains itself")
    parser.add_argument("--markdown", action="store_true", help="print a table for docs/limits.md")
    parser.add_argument("names", nargs="*", metavar="NAME")
    args = parser.parse_args()
    bombs = BOMBS | ({args.quine.name: lambda path, _: shutil.copy(args.quine, path)} if args.quine else {})
    bad = 0
    if args.markdown:
        print("| bomb | bytes | seconds | MiB | exit code | left out |\n|---|---:|---:|---:|---:|---|")
    else:
        print(f"{'bomb':18} {'bytes':>13} {'seconds':>8} {'MiB':>6} {'exit':>4} {'key':>4}  gaps")
    for name, make in bombs.items():
        if args.names and name not in args.names:
            continue
        with tempfile.TemporaryDirectory(prefix="bombs-") as work:
            work = pathlib.Path(work)
            (work / "tree").mkdir()
            key, bomb = work / "tree" / "zz.pem", work / "tree" / name
            command = ["openssl", "ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", key]
            subprocess.run([str(c) for c in command], check=True)
            make(bomb, work)
            size = bomb.stat().st_size
            timed = ["/usr/bin/time", "-f", "%e %M", args.keyradius, "scan", "--no-config", "--format", "json"]
            # Findings would make the status 1: this test is about incomplete runs.
            timed += ["--fail-on", "none", work / "tree"]
            done = subprocess.run([str(c) for c in timed], capture_output=True, check=False)
            report = json.loads(done.stdout)
            seconds, kib = re.findall(r"^([0-9.]+) ([0-9]+)$", done.stderr.decode(), re.M)[-1]
            gaps = sorted({(gap["reason"], gap["detail"]) for gap in report["coverage"]["gaps"]})
            places = [place for finding in report["findings"] for place in finding["occurrences"]]
            found = {pathlib.Path(place["path"]).name for place in places}
            key = found >= ({"zz.pem", name} if name in HOLDS_KEY else {"zz.pem"})
            told = "; ".join(f"{reason}: {detail}" for reason, detail in gaps[:3])
            if args.markdown:
                print(f"| {name} | {size:,} | {float(seconds):.1f} | {int(kib) >> 10} | {done.returncode} | {told or 'nothing'} |")
            else:
                print(f"{name:18} {size:13} {seconds:>8} {int(kib) >> 10:>6} {done.returncode:>4} {'yes' if key else 'NO':>4}  {told}")
            sys.stdout.flush()
            bad += not key or done.returncode != (3 if gaps else 0)
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
