"""age identities by age-keygen."""

import base64
import functools
import hashlib

from kit import Family
from occur import FORMS

f = Family("age", "age identities by age-keygen")
ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def row(file):
    """The recipient is the public key in bech32; age-keygen -y derives it."""
    recipient = f.run(f"age-keygen -y {file}").decode().strip()
    bits = "".join(f"{ALPHABET.index(c):05b}" for c in recipient[4:-6])
    raw = bytes(int(bits[i : i + 8], 2) for i in range(0, 256, 8))
    der = f.run("openssl pkey -pubin -inform DER -outform DER", bytes.fromhex("302a300506032b656e032100") + raw)
    return dict(format="age", protection="plaintext", spki_sha256=hashlib.sha256(der).hexdigest(), label=recipient, _oracle=f"age-keygen -y {file}; openssl pkey")


for n in (1, 2):
    f.tool(f"key{n}.txt", f"age-keygen -o key{n}.txt", lambda n=n: [row(f"key{n}.txt")])
text = f.read("key1.txt").decode()
for name in ("json", "json_twice", "yaml_block", "yaml_escaped", "dotenv", "c_concat", "heredoc", "crlf", "no_newline", "hash_comment"):
    suffix, what, form = FORMS[name]
    f.add(f"occur.{name}.{suffix}", form(text), f"age-keygen, then: {what}", [row("key1.txt")])
line = text.splitlines()[2]
f.add("sops.env", f"SOPS_AGE_KEY={line}\n", "age-keygen, in a variable", [row("key1.txt")])
f.add("whole.b64.yaml", "data:\n  keys.agekey: " + base64.b64encode(text.encode()).decode() + "\n", "age-keygen, then: base64, as in a Secret of Flux", [row("key1.txt")], stretch=True)
f.add("both.txt", text + f.read("key2.txt").decode(), "two files joined", [row("key1.txt"), row("key2.txt")])

silent = functools.partial(f.silent, made="by hand", oracle="nobody can decrypt with it")

silent("recipient.txt", text.splitlines()[1] + "\n", "a recipient")
silent("checksum.txt", line[:-1] + ("Q" if line[-1] != "Q" else "P") + "\n", "a wrong checksum")
silent("cut.txt", line[:-4] + "\n", "cut short")
silent("placeholder.txt", "AGE-SECRET-KEY-1" + "X" * 58 + "\nAGE-SECRET-KEY-1...\nAGE-SECRET-KEY-1XXXXXXXX\n", "placeholders")
silent("plugin.txt", "AGE-PLUGIN-YUBIKEY-1QQPQGQYZRQPSZQGQZ3WFJ9\n", "a reference to hardware")
silent("rules.toml", "regex = '''AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}'''\n", "the rule of a secret scanner")
f.finish()
