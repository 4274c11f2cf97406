#!/usr/bin/env python3
"""User seconds of hunts in one large file, beside a scan of it and ripgrep for one literal.

    cargo build --release
    benches/hunt.py target/release/keyradius [--megabytes N]

The file is half random, half text. Targets: a private RSA key, and 1, 100 and 10,000 RSA moduli. Needs openssl and rg.
"""

import argparse
import pathlib
import random
import resource
import subprocess
import tempfile


def seconds(*command):
    """User seconds and peak memory in MiB of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    timed = ["/usr/bin/time", "-f", "%M", *command]
    done = subprocess.run(timed, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    return used, int(done.stderr.splitlines()[-1]) >> 10


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--megabytes", type=int, default=2048)
    args = parser.parse_args()
    draw = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        image, key = work / "image", work / "key.pem"
        noise = draw.randbytes(1 << 20)
        text = b"".join(b"line %d of a log, with words and digits %x\n" % (i, i * 2654435761) for i in range(20000))
        with image.open("wb") as out:
            for i in range(args.megabytes // 2):
                # No two megabytes are alike.
                out.write(i.to_bytes(8, "little") + noise[8 + i % 4096 :] + text[: 1 << 20])
        subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
        commands = {
            "rg, one literal": ["rg", "-uuu", "-a", "-c", "-j1", "zqxjvkqwpfz", str(image)],
            "scan --only signing": [args.binary, "scan", "--no-config", "--only", "signing", "-j1", "-q", str(image)],
            "hunt, a private key": [args.binary, "hunt", "-j1", "-q", "-t", str(key), str(image)],
        }
        for count in [1, 100, 10_000]:
            targets = work / f"{count}.txt"
            moduli = (draw.getrandbits(2048) | 1 | 1 << 2047 for _ in range(count))
            targets.write_text("".join(f"Modulus={modulus:0512X}\n" for modulus in moduli))
            commands[f"hunt, {count} moduli"] = [args.binary, "hunt", "-j1", "-q", "-t", f"@{targets}", str(image)]
        image.read_bytes()
        print("| command | user seconds | peak |\n|---|---|--:|")
        for name, command in commands.items():
            runs = [seconds(*command) for _ in range(2)]
            print(f"| {name} | {', '.join(f'{used:.2f}' for used, _ in runs)} | {runs[0][1]} MiB |")


if __name__ == "__main__":
    main()
