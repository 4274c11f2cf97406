"""Keys as escaped bytes in string literals."""

import json
import pickle

from kit import Family, noise
from textkeys import make

f = Family("escape", "private keys in string literals with \\x escapes: C, Python, PHP, Ruby, shells")
KEYS = make(f, ["rsa", "p8", "ec", "ec384", "ec8", "ed", "p12"])
for stem, (keys, pem, der, certs, how) in KEYS.items():
    f.path("k").write_bytes(der)
    x = f.run("hexdump -v -e '\"\\\\\\x\" 1/1 \"%02x\"' k").decode()
    lines = [x[i : i + 64] for i in range(0, len(x), 64)]
    add = lambda name, data, what: f.add(f"{stem}.{name}", data, f"{how}; {what}", keys, certs)
    add("c", f'const char key[] = "{x}";\n', "hexdump -e, C")
    add("lines.c", "static const char key[] =\n" + "".join(f'    "{line}"\n' for line in lines) + "    ;\n", "C, 16 bytes a line")
    add("upper.c", f'char *key = "{x.upper()}";\n'.replace("\\X", "\\x"), "C, upper case")
    add("py", "KEY = (\n" + "".join(f"    b'{line}'\n" for line in lines) + ")\n", "Python, implicit concatenation")
    add("repr.py", f"KEY = {der!r}\n", "Python repr")
    add("log", f"DEBUG:root:loaded key {der!r} from disk\n", "Python repr in a log")
    add("php", "<?php $key = " + " .\n    ".join(f'"{line}"' for line in lines) + ";\n", "PHP, dots")
    add("rb", f.run("ruby -e 'print \"KEY = \", File.binread(\"k\").inspect.sub(/^/, \"\"), \"\\n\"'"), "Ruby inspect")
    add("sh", "printf '" + x + "' > key.der\n", "shell printf")
    add("bash", "key=$'" + "\\\n".join(lines) + "'\n", "bash, continued lines")
    add("js", f'const key = Buffer.from("{x}", "latin1");\n', "JavaScript")
    if pem:
        f.path("p").write_text(pem)
        text = "".join(f"\\x{b:02x}" for b in pem.encode())
        add("pem.c", f'const char key[] = "{text}";\n', "PEM, C")
        add("pem.json", json.dumps({"log": f"loaded b'{text}'"}), "PEM, in a string of JSON")
    add("cell.ipynb", json.dumps({"cells": [{"outputs": [{"data": {"text/plain": [repr(der)]}}]}]}), "Python repr in the output of a notebook")
    add("0.pickle", pickle.dumps({"k": der.decode("latin-1")}, protocol=0), "pickle of protocol 0")
    if stem != "ed":  # whose prefix is the same in UTF-8: its seed is read as it is
        add("2.pickle", pickle.dumps({"k": der}, protocol=2), "pickle of protocol 2: Latin-1 in UTF-8")
    if stem not in ("ec", "ec384"):
        add("mysql.sql", b"INSERT INTO `t` VALUES (1,'" + der.replace(b"\\", b"\\\\").replace(b"\0", b"\\0").replace(b"\n", b"\\n").replace(b"\r", b"\\r").replace(b"'", b"\\'").replace(b'"', b'\\"').replace(b"\x1a", b"\\Z") + b"');\n", "escapes as mysqldump writes them")
    add("csv", b'1,"' + der.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r").replace(b'"', b'\\"') + b'"\n', "escapes of the CSV engine of MariaDB")
    add("inside.py", f"fw = {noise(stem, 90) + der + noise(stem, 80)!r}\n", "Python repr, between other bytes")
silent = lambda file, data, why: f.add(file, data, "by hand", oracle="nobody can sign with it", why=why, silent=True)
silent("near_noise.py", f"D = {noise('e', 3000)!r}\n", "random bytes")
silent("near_versions.c", 'char *t = "' + "\\x05\\x02\\x01\\x00\\x30\\x82" * 90 + '";\n', "the bytes of the anchor")
silent("near_prefix.py", "PREFIX = b'\\x30\\x2e\\x02\\x01\\x00\\x30\\x05\\x06\\x03\\x2b\\x65\\x70\\x04\\x22\\x04\\x20'\n", "the prefix that a library puts before a seed")
silent("near_zero.py", "K = b'" + "".join(f"\\x{b:02x}" for b in bytes.fromhex("302e020100300506032b657004220420") + bytes(32)) + "'\n", "an Ed25519 key of zeros")
f.finish()
