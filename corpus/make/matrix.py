#!/usr/bin/env python3
"""Each key format inside of each wrapper, two deep, made by real tools and looked for by keyradius.

    cargo build --release && cargo build --release -p keyradius-corpus
    corpus/make/matrix.py [--only zip,tar] [--formats pkcs8,jks] [-o docs/matrix.md]

Two samples of every key format are taken from corpus/cases. Each is packed with one wrapper, and the result with a second
one; one scan of the result has to find the key under the identity that it has as a plain file. Prints docs/matrix.md: a
row for each format, a column for each outer wrapper, and why what was not found was not. What no cause is known for is
listed on the standard error and makes the exit code 1.

Wanted: zip, tar, gzip, bzip2, xz, zstd, lz4, 7z, ar, cpio, dpkg-deb, rpmbuild, genisoimage, mksquashfs, mke2fs,
mkfs.fat and mcopy, gcab. A wrapper whose tool is not there is left out, and said so.
"""

import argparse
import base64
import collections
import json
import os
import pathlib
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import textwrap
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
CASES = ROOT / "corpus" / "cases"


def run(*command, cwd=None, stdin=None):
    subprocess.run(
        [str(c) for c in command], cwd=cwd, stdin=stdin, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


# Archives: every file of `source` into the one file `target`.


def zip_(source, target):
    run("zip", "-qr", target, ".", cwd=source)


def tar(source, target):
    run("tar", "cf", target, "-C", source, ".")


def sevenz(source, target):
    run("7z", "a", "-bd", target, ".", cwd=source)


def ar(source, target):
    run("ar", "rc", target, *sorted(os.listdir(source)), cwd=source)


def cpio(source, target):
    names = "\n".join(sorted(os.listdir(source))) + "\n"
    with open(target, "wb") as out:
        subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=source, input=names.encode(), stdout=out, check=True)


def deb(source, target):
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        shutil.copytree(source, work / "usr" / "share" / "x")
        (work / "DEBIAN").mkdir()
        text = "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n"
        (work / "DEBIAN" / "control").write_text(text)
        run("dpkg-deb", "--root-owner-group", "-b", work, target)


def rpm(source, target):
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        spec = work / "x.spec"
        spec.write_text(
            "Name: x\nVersion: 1\nRelease: 1\nSummary: x\nLicense: x\nBuildArch: noarch\n%description\nx\n"
            f"%install\nmkdir -p %{{buildroot}}/x\ncp {source}/* %{{buildroot}}/x/\n%files\n/x\n"
        )
        run("rpmbuild", "-bb", "--define", f"_topdir {work}", "--define", "__os_install_post %{nil}", spec)
        shutil.move(next(work.glob("RPMS/*/*.rpm")), target)


def iso(source, target):
    run("genisoimage", "-quiet", "-J", "-R", "-o", target, source)


def squashfs(source, target):
    run("mksquashfs", source, target, "-quiet", "-no-progress")


def room(source):
    """Enough of a disk for these files, in bytes."""
    return (1 << 20) + 2 * sum(path.stat().st_size for path in pathlib.Path(source).iterdir())


def ext(source, target):
    run("mke2fs", "-q", "-t", "ext4", "-d", source, target, f"{room(source) >> 10}k")


def fat(source, target):
    with open(target, "wb") as out:
        out.truncate(room(source))
    run("mkfs.fat", target)
    run("mcopy", "-i", target, *sorted(str(p) for p in pathlib.Path(source).iterdir()), "::")


def cab(source, target):
    run("gcab", "-c", "-z", target, *sorted(os.listdir(source)), cwd=source)


def sqlite(source, target):
    base = sqlite3.connect(target)
    base.execute("create table files (name text, content blob)")
    for path in sorted(pathlib.Path(source).iterdir()):
        base.execute("insert into files values (?, ?)", (path.name, path.read_bytes()))
    base.commit()
    base.close()


def asar(source, target):
    """Electron's archive: a pickled JSON header, then the files (asar's own README describes it)."""
    files, content = {}, b""
    for path in sorted(pathlib.Path(source).iterdir()):
        data = path.read_bytes()
        files[path.name] = {"size": len(data), "offset": str(len(content))}
        content += data
    head = json.dumps({"files": files}).encode()
    padded = head + b"\0" * (-len(head) % 4)
    pickle = struct.pack("<II", len(padded) + 4, len(head)) + padded
    pathlib.Path(target).write_bytes(struct.pack("<II", 4, len(pickle)) + pickle + content)


ARCHIVES = {
    "zip": (zip_, "zip"),
    "tar": (tar, "tar"),
    "7z": (sevenz, "7z"),
    "ar": (ar, "ar"),
    "cpio": (cpio, "cpio"),
    "deb": (deb, "dpkg-deb"),
    "rpm": (rpm, "rpmbuild"),
    "iso9660": (iso, "genisoimage"),
    "squashfs": (squashfs, "mksquashfs"),
    "ext": (ext, "mke2fs"),
    "fat": (fat, "mcopy"),
    "cab": (cab, "gcab"),
    "sqlite": (sqlite, "python3"),
    "asar": (asar, "python3"),
}

# Streams: one file into another.


def piped(*command):
    def wrap(source, target):
        with open(source, "rb") as read, open(target, "wb") as write:
            subprocess.run(command, stdin=read, stdout=write, check=True)

    return wrap, command[0]


def written(convert):
    def wrap(source, target):
        data = convert(pathlib.Path(source).read_bytes())
        if data is not None:
            pathlib.Path(target).write_bytes(data)

    return wrap, "python3"


def c_array(data):
    lines = [", ".join(f"0x{b:02x}" for b in data[i : i + 12]) for i in range(0, len(data), 12)]
    return ("static const unsigned char key[] = {\n    " + ",\n    ".join(lines) + "\n};\n").encode()


def is_text(data):
    return all(b in b"\t\r\n" or 32 <= b < 127 for b in data)


STREAMS = {
    "gzip": piped("gzip", "-nc"),
    "bzip2": piped("bzip2", "-c"),
    "xz": piped("xz", "-c"),
    "lzma": piped("xz", "--format=lzma", "-c"),
    "zstd": piped("zstd", "-qc"),
    "lz4": piped("lz4", "-qc"),
    "base64": written(lambda data: base64.encodebytes(data)),
    "hex": written(lambda data: data.hex().encode() + b"\n"),
    "c_array": written(c_array),
    # Text only: what has no UTF-16 is not made.
    "utf16": written(lambda data: data.decode("ascii").encode("utf-16") if is_text(data) else None),
    "json": written(lambda data: json.dumps({"key": data.decode("ascii")}).encode() if is_text(data) else None),
}


def samples(work, keyradius, unpack, wanted):
    """Two plain samples of each key format, and the ids of what is found in each."""
    plain = work / "plain"
    plain.mkdir()
    chosen = collections.defaultdict(list)
    for case in sorted(CASES.iterdir()):
        if case.name in {"negatives", "opening", "base64", "utf16", "encoded"} or not (case / "samples.pack").exists():
            continue
        run(unpack, "unpack", case / "samples.pack", work / "cases" / case.name)
        for sample in tomllib.loads((case / "expect.toml").read_text())["sample"]:
            keys = [k for k in sample.get("key", []) if not k.get("stretch")]
            formats = {k.get("format", case.name) for k in keys}
            # One key to a sample: which one was found is beyond doubt.
            if len(keys) == 1 and not sample.get("stretch"):
                chosen[formats.pop()].append((case.name, sample["file"], keys[0].get("spki_sha256")))
    names = {}
    for format, found in sorted(chosen.items()):
        if wanted and format not in wanted:
            continue
        for case, file, spki in sorted(found, key=lambda f: (f[0] != format, f[2] is None, f[1]))[:2]:
            name = f"{format}-{len([n for n in names.values() if n[0] == format])}"
            shutil.copy(work / "cases" / case / file, plain / name)
            names[name] = (format, file, spki)
    ids = {name: set() for name in names}
    for finding in scan(keyradius, plain)["findings"]:
        for place in finding["occurrences"]:
            name = pathlib.Path(place["path"]).name
            if name in ids:
                ids[name].add(finding["id"])
    return plain, {name: (names[name][0], ids[name]) for name in names if ids[name]}


def scan(keyradius, path):
    command = [keyradius, "scan", "--no-config", "--no-passwords", "--only", "signing", "--format", "json", path]
    return json.loads(subprocess.run([str(c) for c in command], capture_output=True, check=False).stdout)


def wrap(name, source, target, holds):
    """Packs the directory `source` into the directory `target`. `holds` says which samples lie in which file of the
    source; returns the same of the target."""
    target.mkdir(parents=True)
    if name in ARCHIVES:
        ARCHIVES[name][0](source.resolve(), (target / f"all.{name}").resolve())
        return {f"all.{name}": set().union(*holds.values())}
    for path in sorted(source.iterdir()):
        STREAMS[name][0](path, target / f"{path.name}.{name}")
    written = {path.name for path in target.iterdir()}
    return {f"{file}.{name}": inside for file, inside in holds.items() if f"{file}.{name}" in written}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keyradius", default=ROOT / "target" / "release" / "keyradius")
    parser.add_argument("--corpus", default=ROOT / "target" / "release" / "keyradius-corpus", help="what unpacks samples")
    parser.add_argument("--only", help="wrappers, with commas")
    parser.add_argument("--formats", help="key formats, with commas")
    parser.add_argument("-o", "--output", help="write the table there")
    args = parser.parse_args()
    wrappers = args.only.split(",") if args.only else [*ARCHIVES, *STREAMS]
    tools = {name: tool for name, (_, tool) in [*ARCHIVES.items(), *STREAMS.items()]}
    missing = [name for name in wrappers if not shutil.which(tools[name])]
    wrappers = [name for name in wrappers if name not in missing]
    if missing:
        print("left out, no tool:", ", ".join(missing), file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="matrix-") as work:
        work = pathlib.Path(work)
        plain, names = samples(work, args.keyradius, args.corpus, set(args.formats.split(",")) if args.formats else None)
        cells, total = collections.Counter(), collections.Counter()
        lost = collections.defaultdict(set)
        for inner in wrappers:
            one = work / "one"
            once = wrap(inner, plain, one, {name: {name} for name in names})
            for outer in wrappers:
                two = work / "two"
                try:
                    twice = wrap(outer, one, two, once)
                except subprocess.CalledProcessError as error:
                    print(f"{outer} of {inner}: {error}", file=sys.stderr)
                    shutil.rmtree(two, ignore_errors=True)
                    continue
                found = {finding["id"] for finding in scan(args.keyradius, two)["findings"]}
                for name in set().union(*twice.values()):
                    format, ids = names[name]
                    total[format, outer] += 1
                    if ids & found:
                        cells[format, outer] += 1
                    else:
                        lost[inner, outer].add(format)
                shutil.rmtree(two)
            shutil.rmtree(one)
    text, unexplained = document(sorted({format for format, _ in names.values()}), wrappers, cells, total, lost)
    print(text)
    if args.output:
        pathlib.Path(args.output).write_text(text)
    for line in unexplained:
        print("no cause known:", line, file=sys.stderr)
    sys.exit(bool(unexplained))


# Why a key is not found in one wrapper inside of another: who, and the words. The first that fits is told.
CAUSES = [
    (
        lambda inner, outer, format: outer == "json" and inner in {"base64", "hex"},
        "**base64 and hex in json**: digits in the middle of a file. Only what shows an anchor through them is decoded: PEM, "
        "DER, and in base64 OpenSSH, JKS, JCEKS, strong names, OpenPGP on Curve25519, gzip and ZIP. A search for the others "
        "would decode every long word of every file.",
    ),
    (
        lambda inner, outer, format: outer == "json" and inner == "c_array",
        "**c_array in json**: source code in a JSON string. Its line breaks are written out, and are no blanks between numbers.",
    ),
    (
        lambda inner, outer, format: "json" in {inner, outer} and format == "nix",
        "**nix in json**: the format has no word of its own, so it is known by how its file begins.",
    ),
    (
        lambda inner, outer, format: "json" in {inner, outer} and format == "session_secret",
        "**session_secret in json**: whether `SecretKey` of an appsettings.json is one is told by the names around it, those by "
        "the indentation of lines, and a JSON string has none. `machineKey`, the other sample, is found.",
    ),
]


def document(formats, wrappers, cells, total, lost):
    """docs/matrix.md, and what of it nobody can explain."""
    lines = [
        "# Formats in wrappers",
        "",
        "What `corpus/make/matrix.py` found, and wrote here: two samples of each key format, made by real tools, in one wrapper",
        "and the result in a second one. A cell counts over all inner wrappers in how many the key was found, under the identity",
        "that it has as a plain file; `all` is all of them, a dash says that there is no such thing (binary files as UTF-16 or",
        "as a JSON string).",
        "",
        "| format | " + " | ".join(wrappers) + " |",
        "|---|" + "---|" * len(wrappers),
    ]
    for format in formats:
        row = []
        for outer in wrappers:
            seen, of = cells[format, outer], total[format, outer]
            row.append("all" if seen == of > 0 else f"{seen}/{of}" if of else "-")
        lines.append(f"| {format} | " + " | ".join(row) + " |")
    every, seen = sum(total.values()), sum(cells.values())
    lines += ["", f"{seen:,} of {every:,} were found ({len(formats)} formats, {len(wrappers)} wrappers).", ""]
    told, unexplained = collections.defaultdict(set), []
    for (inner, outer), which in sorted(lost.items()):
        for format in sorted(which):
            cause = next((text for fits, text in CAUSES if fits(inner, outer, format)), None)
            if cause:
                told[cause].add((inner, outer, format))
            else:
                unexplained.append(f"{format} in {inner} in {outer}")
    if told:
        lines += ["## What was not found, and why", ""]
    for _, cause in CAUSES:
        if cause in told:
            lines += textwrap.wrap(cause, 124, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)
    lines += [
        "",
        "What is larger than the samples here: files in base64, hexadecimal or as numbers are decoded up to 5 MiB, UTF-16 up to",
        "that size (`limits.md`).",
    ]
    return "\n".join(lines).rstrip() + "\n", unexplained


if __name__ == "__main__":
    main()
