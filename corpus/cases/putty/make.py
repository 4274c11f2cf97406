"""PuTTY private keys, versions 1 to 3."""

import base64
import hashlib
import hmac
import re

from cryptography.hazmat.primitives import serialization as ser

from kit import PASS, Family, integer, tlv
from occur import all_forms

f = Family("putty", "PuTTY-User-Key-File versions 2 and 3 by puttygen, and version 1 written by hand from version 2")
f.path("pw.txt").write_text(PASS + "\n")
f.path("none.txt").write_text("\n")


def field(blob):
    """One length-prefixed field of an SSH blob, and the rest."""
    n = 4 + int.from_bytes(blob[:4], "big")
    return blob[4:n], blob[n:]


def key(ppk, protection, password="none.txt"):
    """Fingerprint and public key from puttygen."""
    ask = f"puttygen {ppk} -O public-openssh --old-passphrase {password}"
    text = f.run(ask)
    ssh = f.run(f"puttygen {ppk} -l -E sha256").decode().split()
    row = dict(format="putty", protection=protection, ssh=next(w for w in ssh if w.startswith("SHA256:")), _oracle=f"puttygen {ppk} -l -E sha256; {ask}")
    blob = base64.b64decode(text.split()[1])
    kind, rest = field(blob)
    if kind == b"ssh-ed448":
        # SSH has no SPKI for it; the curve's own does: RFC 8410 prefix and the 57 bytes.
        spki = bytes.fromhex("3043300506032b6571033a00") + field(rest)[0]
    elif kind == b"ssh-dss":
        numbers = []
        while rest:
            number, rest = field(rest)
            numbers.append(integer(int.from_bytes(number, "big")))
        algorithm = tlv(0x30, bytes.fromhex("06072a8648ce380401") + tlv(0x30, b"".join(numbers[:3])))
        spki = tlv(0x30, algorithm + tlv(0x03, b"\0" + numbers[3]))
    else:
        spki = ser.load_ssh_public_key(text.strip()).public_bytes(ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo)
        row["_oracle"] += "; python cryptography load_ssh_public_key"
    spki = f.run("openssl pkey -pubin -inform DER -outform DER", spki)
    row["spki_sha256"] = hashlib.sha256(spki).hexdigest()
    return row


TYPES = {"rsa1024": "-t rsa -b 1024", "rsa2048": "-t rsa -b 2048", "rsa4096": "-t rsa -b 4096", "dsa1024": "-t dsa -b 1024", "dsa2048": "-t dsa -b 2048",
         "ecdsa256": "-t ecdsa -b 256", "ecdsa384": "-t ecdsa -b 384", "ecdsa521": "-t ecdsa -b 521", "ed25519": "-t ed25519", "ed448": "-t ed448"}
for stem, options in TYPES.items():
    f.run(f"puttygen -q {options} -C '{stem} comment' --new-passphrase none.txt -o {stem}.ppk")
    for version in (2, 3):
        for enc, password in (("", "none.txt"), ("_enc", "pw.txt")):
            name = f"v{version}_{stem}{enc}.ppk"
            make = f"puttygen {stem}.ppk --old-passphrase none.txt --new-passphrase {password} --ppk-param version={version} -P -O private -o {name}"
            f.run(make)
            grade = "plaintext" if not enc else "weak" if version == 2 else "strong"
            f.add(name, f.read(name), make, [key(name, grade, password)])
for kdf in ("argon2i", "argon2d"):
    name = f"v3_{kdf}.ppk"
    make = f"puttygen ed25519.ppk --old-passphrase none.txt --new-passphrase pw.txt --ppk-param kdf={kdf},memory=1024,passes=3,parallelism=2 -P -O private -o {name}"
    f.run(make)
    f.add(name, f.read(name), make, [key(name, "strong", "pw.txt")])

# Version 1 as PuTTY 0.51 wrote it: no tool of today writes it. The header differs, and the MAC (or hash) covers the
# private blob alone. The oracle for its identity is the version 2 file it came from.
for stem in ("rsa1024", "rsa2048", "dsa1024"):
    text = f.read(f"v2_{stem}.ppk").decode()
    lines = text.splitlines()
    at = next(i for i, l in enumerate(lines) if l.startswith("Private-Lines"))
    private = base64.b64decode("".join(lines[at + 1 : at + 1 + int(lines[at].split()[1])]))
    key1 = hashlib.sha1(b"putty-private-key-file-mac-key").digest()
    v1 = text.replace("PuTTY-User-Key-File-2", "PuTTY-User-Key-File-1")
    for name, line in (("mac", "Private-MAC: " + hmac.new(key1, private, hashlib.sha1).hexdigest()), ("hash", "Private-Hash: " + hashlib.sha1(private).hexdigest())):
        f.add(f"v1_{stem}_{name}.ppk", re.sub(r"Private-MAC: .*", line, v1), f"v2_{stem}.ppk, made version 1 by hand with a {line.split(':')[0]} line", [key(f"v2_{stem}.ppk", "plaintext")])
v1 = f.read("v2_rsa2048_enc.ppk").decode().replace("PuTTY-User-Key-File-2", "PuTTY-User-Key-File-1")
f.add("v1_rsa2048_enc.ppk", v1, "v2_rsa2048_enc.ppk, header made version 1 by hand", [key("v2_rsa2048_enc.ppk", "weak", "pw.txt")])

# As it really occurs. PPK has no BEGIN and END: only the forms that keep its lines make sense.
base = f.read("v3_ed25519.ppk").decode().replace("\r\n", "\n")
row = key("v3_ed25519.ppk", "plaintext")
FORMS = ["json", "json_crlf", "json_twice", "yaml_escaped", "yaml_block", "dotenv", "c_concat", "java_plus", "python_implicit", "python_triple", "heredoc",
         "indented_tabs", "crlf", "cr", "bom", "no_newline", "mail_quote", "hash_comment", "slash_comment", "star_comment", "double_escaped"]
# A PPK file that was put into source code or comments line by line has lost its shape: harder than what is promised.
HARD = {"c_concat", "java_plus", "python_implicit", "mail_quote", "hash_comment", "slash_comment", "star_comment"}
all_forms(f, "occur", base, [row], "puttygen", FORMS, HARD)
enc = f.read("v3_rsa2048_enc.ppk").decode().replace("\r\n", "\n")
all_forms(f, "occur_enc", enc, [key("v3_rsa2048_enc.ppk", "strong", "pw.txt")], "puttygen", ["json", "yaml_block", "crlf", "no_newline"])
f.add("several.txt", base + enc, "two files joined", [row, key("v3_rsa2048_enc.ppk", "strong", "pw.txt")])
f.finish()
