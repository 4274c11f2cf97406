"""Private keys of ssh.com."""

import base64
import functools
import hashlib
import re

from cryptography.hazmat.primitives import serialization as ser

from kit import PASS, Family, integer, tlv
from occur import all_forms

f = Family("ssh2_com", "SSH2 ENCRYPTED PRIVATE KEY blocks by puttygen: RSA and DSA, plain and under 3DES")
f.path("pw.txt").write_text(PASS + "\n")
f.path("none.txt").write_text("\n")


def field(blob):
    n = 4 + int.from_bytes(blob[:4], "big")
    return blob[4:n], blob[n:]


def key(stem, protection):
    """Fingerprint and public key of the PuTTY key that it was exported from."""
    ask = f"puttygen {stem}.ppk -O public-openssh"
    line = f.run(ask).strip()
    if line.startswith(b"ssh-dss"):
        # SSH knows no DSA beyond 1024 bits; the numbers are p, q, g, y.
        rest = field(base64.b64decode(line.split()[1]))[1]
        numbers = []
        while rest:
            number, rest = field(rest)
            numbers.append(integer(int.from_bytes(number, "big")))
        spki = tlv(0x30, tlv(0x30, bytes.fromhex("06072a8648ce380401") + tlv(0x30, b"".join(numbers[:3]))) + tlv(0x03, b"\0" + numbers[3]))
        spki = f.run("openssl pkey -pubin -inform DER -outform DER", spki)
    else:
        spki = ser.load_ssh_public_key(line).public_bytes(ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo)
    oracle = f"puttygen {stem}.ppk -l -E sha256; {ask}; openssl or python cryptography for the SPKI"
    digest = hashlib.sha256(spki).hexdigest()
    if protection != "plaintext":
        return dict(format="ssh2_com", protection=protection, opaque=True, opened_spki_sha256=digest, _oracle=oracle)
    ssh = next(w for w in f.run(f"puttygen {stem}.ppk -l -E sha256").decode().split() if w.startswith("SHA256:"))
    return dict(format="ssh2_com", protection=protection, ssh=ssh, spki_sha256=digest, _oracle=oracle)


for stem, options in {"rsa1024": "-t rsa -b 1024", "rsa2048": "-t rsa -b 2048", "rsa3071": "-t rsa -b 3071", "dsa1024": "-t dsa -b 1024", "dsa2048": "-t dsa -b 2048"}.items():
    f.run(f"puttygen -q {options} -C '{stem} comment' --new-passphrase none.txt -o {stem}.ppk")
    for enc, password, grade in (("", "none.txt", "plaintext"), ("_enc", "pw.txt", "weak")):
        name = f"{stem}{enc}"
        make = f"puttygen {stem}.ppk --old-passphrase none.txt --new-passphrase {password} -O private-sshcom -o {name}"
        f.run(make)
        # The tool reads its own work back.
        f.run(f"puttygen {name} --old-passphrase {password} -O public-openssh > again && puttygen {stem}.ppk -O public-openssh | cut -d' ' -f1,2 | diff - <(cut -d' ' -f1,2 again)")
        f.add(name, f.read(name), make, [key(stem, grade)])

plain = f.read("rsa1024").decode()
FORMS = ["json", "json_crlf", "yaml_block", "heredoc", "indented_tabs", "crlf", "bom", "no_newline", "python_triple"]
# The quotation marks of its Comment header are in the way of a string literal.
HARD = {"json", "json_crlf"}
all_forms(f, "occur", plain, [key("rsa1024", "plaintext")], "puttygen", FORMS, HARD)
bare = re.sub(r"Comment: .*\n", "", plain)
all_forms(f, "bare", bare, [key("rsa1024", "plaintext")], "puttygen, the Comment line taken out", ["json", "json_crlf", "dotenv", "yaml_escaped"])
f.add("several.txt", plain + f.read("dsa1024_enc").decode(), "two files joined", [key("rsa1024", "plaintext"), key("dsa1024", "weak")])
f.add("subject.txt", plain.replace("Comment:", "Subject: me\nx-private: a long line that goes on \\\non the next one\nComment:"), "rsa1024 with more headers (RFC 4716 3.3)", [key("rsa1024", "plaintext")])

silent = functools.partial(f.silent, made="made by hand", oracle="made by hand")

BEGIN, END = "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n", "---- END SSH2 ENCRYPTED PRIVATE KEY ----\n"
body = plain.split("\n", 2)[2].split("----")[0]
silent("near_header.txt", BEGIN + END, "two lines and nothing between")
silent("near_docs.txt", BEGIN + 'Comment: "2048-bit rsa"\nP2/56wAAA+4AAAA3aWYtbW9kbntzaWdue3JzYS1wa2NzMS1zaGExfSxlbmNyeXB0e3JzYS\n...\n' + END, "documentation")
silent("near_cut.txt", BEGIN + body[:400] + "\n" + END, "a body that ends early")
silent("near_abc.txt", BEGIN + ("abcdefghijklmnopqrstuvwxyz" * 2 + "\n") * 12 + END, "letters in the place of a body")
silent("near_zero.txt", BEGIN + ("A" * 70 + "\n") * 12 + END, "zeros in the place of a body")
silent("near_strings.bin", BEGIN.strip() + "\0" + END.strip() + "\0%s: ssh.com key\0" + "\0" * 200, "the strings of a program that reads the format")
silent("near_public.txt", plain.replace("ENCRYPTED PRIVATE", "PUBLIC"), "labelled public: the body is no public blob")
f.finish()
