"""Keys as hexadecimal text."""

import json

from kit import Family, noise
from textkeys import make

f = Family("hex", "private keys, keystores and PEM as hexadecimal digits: plain, spaced, with colons, wrapped, in source code and settings")
KEYS = make(f, ["rsa", "p8", "ec", "ec384", "ec8", "ed", "enc", "p12", "jks", "jceks", "ssh", "pgp", "pgp_rsa"])


def wrapped(text, width, between):
    return between.join(text[i : i + width] for i in range(0, len(text), width))


for stem, (keys, pem, der, certs, how) in KEYS.items():
    f.path("k").write_bytes(der)
    lines = f.run("xxd -p k").decode()
    text = lines.replace("\n", "")
    pairs = wrapped(text, 2, " ")
    made = f"{how}, then xxd -p"
    add = lambda name, data, what, **more: f.add(f"{stem}.{name}", data, f"{made}, {what}", keys, certs, **more)
    # Whole files: every format has a beginning that is known.
    add("txt", text + "\n", "one line")
    add("upper.txt", text.upper(), "upper case")
    add("lines.txt", lines, "lines of 60")
    if stem in ("jks", "jceks", "ssh", "pgp", "pgp_rsa"):
        continue
    add("prefix.txt", "0x" + text, "0x before it")
    # Inside other files: what begins with a version.
    hard = dict(stretch=True) if stem == "enc" else {}
    add("spaced.txt", "Key:\n" + pairs + "\n", "blanks between the pairs", **hard)
    add("spaced_upper.txt", "Key: " + pairs.upper() + "\n", "blanks between the pairs, upper case", **hard)
    add("colons.txt", "key " + pairs.replace(" ", ":") + "\n", "colons between the pairs", **hard)
    add("colon_lines.txt", "priv:\n    " + wrapped(pairs.replace(" ", ":"), 45, "\n    ") + "\nend\n", "colons, 15 a line, indented", **hard)
    add("json", json.dumps({"id": 1, "key": text, "next": "00"}), "in JSON", **hard)
    add("env", f"A=1\nKEY={text.upper()}\nB=2\n", "in a dotenv file, upper case", **hard)
    add("go", f'package k\n\nvar key, _ = hex.DecodeString("{text}")\n', "in Go", **hard)
    add("java", 'class K { String k = "' + wrapped(text, 64, '" +\n        "') + '"; }\n', "in Java, concatenated", **hard)
    add("py", "K = bytes.fromhex('" + wrapped(text, 60, "'\n    '") + "')\n", "in Python, concatenated", **hard)
    add("sql", f"INSERT INTO k VALUES (1, X'{text.upper()}');\n", "in SQL", **hard)
    add("inside.txt", "data = " + (noise(stem, 30) + der + noise(stem, 9)).hex() + "\n", "between other bytes", **hard)
    if pem:
        coded = pem.encode().hex()
        f.add(f"{stem}.pem.txt", coded, f"{how}, xxd -p of the PEM", keys)
        f.add(f"{stem}.pem.upper.txt", coded.upper(), f"{how}, xxd -u -p of the PEM", keys)
        f.add(f"{stem}.pem.json", json.dumps({"key": coded}), f"{how}, xxd -p of the PEM, in JSON", keys)
        f.add(f"{stem}.pem.upper.py", f"k = '{coded.upper()}'\n", f"{how}, xxd -u -p of the PEM, in Python", keys)
        f.add(f"{stem}.pem.spaced.txt", wrapped(coded, 2, " "), f"{how}, xxd -p of the PEM, blanks", keys)

silent = lambda file, data, why: f.add(file, data, "by hand", oracle="nobody can sign with it", why=why, silent=True)
silent("near_hashes.txt", "".join(f"{noise(f'h{i}', 32).hex()}  src/file{i}.c\n" for i in range(200)), "a list of SHA-256")
silent("near_noise.txt", noise("n", 8000).hex() + "\n", "random bytes in hexadecimal")
silent("near_versions.txt", "".join(f"{i:02d}0201003013{i:02d}0201000282{i:02d}02010104\n" for i in range(100)), "the digits of the anchors among numbers")
silent("near_dates.txt", "".join(f"2002 01 {i:02d} 20:02:01:0{i % 10} 20020100{i:02d}\n" for i in range(1, 29)), "dates")
silent("near_prefix.txt", "# a PKCS#8 Ed25519 key begins with\n302e020100300506032b657004220420\n# and RSA with 308204a40201000282010100\n", "prefixes in a comment")
silent("near_header.txt", b"-----BEGIN RSA PRIVATE KEY-----\n".hex() + "\n" + b"-----END RSA PRIVATE KEY-----".hex(), "a PEM header and footer in hexadecimal, nothing between")
silent("near_zero.txt", "302e020100300506032b657004220420" + "00" * 32, "an Ed25519 key of zeros")
f.finish()
