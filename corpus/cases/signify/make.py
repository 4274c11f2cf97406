"""OpenBSD signify's keys, by its Debian build."""

import base64
import hashlib

import signs
from kit import PASS, Family, noise
from occur import all_forms

f = Family("signify", "signify secret keys, encrypted and with -n, and public keys")


def spki(public):
    """SHA-256 of the SPKI of the key in a public key file: 42 bytes, the last 32 are the key."""
    raw = base64.b64decode(public.decode().splitlines()[1])
    assert raw[:2] == b"Ed" and len(raw) == 42
    der = f.run("openssl pkey -pubin -inform DER -outform DER", bytes.fromhex("302a300506032b6570032100") + raw[10:])
    return hashlib.sha256(der).hexdigest()


def row(stem, protection, **more):
    number = base64.b64decode(f.read(f"{stem}.pub").decode().splitlines()[1])[2:10]
    return dict(format="signify", protection=protection, spki_sha256=spki(f.read(f"{stem}.pub")), label=number[::-1].hex().upper(), _oracle=f"{stem}.pub, which signify wrote beside it; openssl pkey", **more)


def sealed(stem):
    more = row(stem, "strong", opaque=True)
    more["opened_spki_sha256"] = more.pop("spki_sha256")
    return more


for stem, comment in (("plain1", ""), ("plain2", "-c 'openbsd 7.9 base'")):
    f.tool(f"{stem}.sec", f"signify-openbsd -G -n {comment} -p {stem}.pub -s {stem}.sec", lambda stem=stem: [row(stem, "plaintext")])
# It asks the terminal for the passphrase: script gives it one.
f.tool("locked.sec", f"(sleep 1; echo {PASS}; sleep 1; echo {PASS}; sleep 1) | script -qec 'signify-openbsd -G -p locked.pub -s locked.sec' /dev/null", lambda: [sealed("locked")])
for stem in ("plain1", "plain2", "locked"):
    f.add(f"{stem}.pub", f.read(f"{stem}.pub"), f"signify -G -p {stem}.pub", publics=[spki(f.read(f"{stem}.pub"))], oracle="a public key by its length")
text = f.read("plain1.sec").decode()
FORMS = ["json", "json_twice", "yaml_escaped", "yaml_block", "dotenv", "heredoc", "indented_tabs", "crlf", "no_newline", "hash_comment"]
all_forms(f, "occur", text, [row("plain1", "plaintext")], "signify -G -n", FORMS)
f.add("whole.b64", base64.b64encode(f.read("plain1.sec")), "signify -G -n; base64 -w 0", [row("plain1", "plaintext")])
f.add("several.txt", text + f.read("locked.sec").decode(), "two files joined", [row("plain1", "plaintext"), sealed("locked")])

silent = f.silent

f.run("echo hi > hi.txt; signify-openbsd -S -s plain1.sec -m hi.txt")
silent("hi.txt.sig", f.read("hi.txt.sig"), "a signature")
raw = base64.b64decode(text.splitlines()[1])
line = lambda body: base64.b64encode(body).decode()
# The seed at 40 signs beside any public half and any digest.
usable = [signs.row("signify", signs.of_seed(raw[40:72]))]
f.add("other_half.sec", f"untrusted comment: signify secret key\n{line(raw[:72] + noise('h', 32))}\n", "by hand", usable, oracle=signs.ORACLE)
f.add("digest.sec", f"untrusted comment: signify secret key\n{line(raw[:24] + bytes(8) + raw[32:])}\n", "by hand", usable, oracle=signs.ORACLE)
silent("placeholder.sec", f"untrusted comment: signify secret key\n{line(raw[:40] + bytes([7] * 32) + raw[72:])}\n", "one byte over and over for a seed")
silent("zeros.sec", f"untrusted comment: signify secret key\n{line(raw[:40] + bytes(64))}\n", "zeros")
silent("cut.sec", text[:-60], "cut short")
silent("source.c", '#define COMMENTHDR "untrusted comment: "\n#define VERIFYWITH "verify with "\nerrx(1, "invalid comment in %s; must start with \'untrusted comment: \'", filename);\n', "the source of signify")
f.finish()
