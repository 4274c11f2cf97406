"""minisign secret and public keys by minisign itself, and Tauri's by its own CLI."""

import base64
import hashlib

import signs
from kit import PASS, Family, noise
from occur import all_forms

f = Family("minisign", "minisign secret keys with and without a password, public keys, and the keys of Tauri's updater in base64 once more")
FORMS = ["json", "json_twice", "yaml_escaped", "yaml_block", "dotenv", "heredoc", "indented_tabs", "crlf", "no_newline", "hash_comment", "mail_quote"]


def spki(public):
    """SHA-256 of the SPKI of the key in a public key file: 42 bytes, the last 32 are the key."""
    raw = base64.b64decode(public.decode().splitlines()[1])
    assert raw[:2] == b"Ed" and len(raw) == 42
    der = f.run("openssl pkey -pubin -inform DER -outform DER", bytes.fromhex("302a300506032b6570032100") + raw[10:])
    return hashlib.sha256(der).hexdigest()


def row(public, protection, **more):
    return dict(format="minisign", protection=protection, spki_sha256=spki(f.read(public)), _oracle=f"the last 32 bytes of {public}, which the tool wrote beside it; openssl pkey", **more)


def sealed(public):
    more = row(public, "strong", opaque=True)
    more["opened_spki_sha256"] = more.pop("spki_sha256")
    return more


for n in (1, 2):
    f.tool(f"plain{n}.key", f"minisign -G -W -f -p plain{n}.pub -s plain{n}.key", lambda n=n: [row(f"plain{n}.pub", "plaintext")])
f.tool("locked.key", f"printf '{PASS}\\n{PASS}\\n' | minisign -G -f -p locked.pub -s locked.key", lambda: [sealed("locked.pub")])
f.tool("no_password.key", "printf '\\n\\n' | minisign -G -f -p no_password.pub -s no_password.key", lambda: [sealed("no_password.pub")])
f.tool("comment.key", "minisign -G -W -f -c 'release key of example.org' -p comment.pub -s comment.key", lambda: [row("comment.pub", "plaintext")])
for stem in ("plain1", "locked"):
    f.add(f"{stem}.pub", f.read(f"{stem}.pub"), f"minisign -G -p {stem}.pub", publics=[spki(f.read(f"{stem}.pub"))], oracle="a public key by its length")

# Tauri: the file of its own fork of minisign, in base64.
f.run("npm init -y; npm install @tauri-apps/cli@2")
for stem, password in (("tauri", PASS), ("tauri_blank", "")):
    f.run(f"CI=true npx tauri signer generate --ci -w {stem}.key -p '{password}'")
    f.path(f"{stem}.inner.pub").write_bytes(base64.b64decode(f.read(f"{stem}.key.pub")))
    made = f"tauri signer generate --ci -w {stem}.key -p '{password}'"
    keys = [sealed(f"{stem}.inner.pub")]
    f.add(f"{stem}.key", f.read(f"{stem}.key"), made, keys)
    f.add(f"{stem}.env", b"TAURI_SIGNING_PRIVATE_KEY=" + f.read(f"{stem}.key").strip() + b"\nTAURI_SIGNING_PRIVATE_KEY_PASSWORD=\n", f"{made}, then: dotenv", keys)
    f.add(f"{stem}.yml", b"env:\n  TAURI_PRIVATE_KEY: \"" + f.read(f"{stem}.key").strip() + b"\"\n", f"{made}, then: YAML", keys)
    f.add(f"{stem}.decoded.key", base64.b64decode(f.read(f"{stem}.key")), f"{made} | base64 -d", keys)
    f.add(f"{stem}.key.pub", f.read(f"{stem}.key.pub"), made, publics=[spki(f.read(f"{stem}.inner.pub"))], oracle="a public key by its length")

text = f.read("plain1.key").decode()
all_forms(f, "occur", text, [row("plain1.pub", "plaintext")], "minisign -G -W", FORMS)
all_forms(f, "occur_locked", f.read("locked.key").decode(), [sealed("locked.pub")], "minisign -G", ["json", "yaml_block", "crlf", "no_newline"])
f.add("wrapped.b64", base64.encodebytes(f.read("plain1.key")), "minisign -G -W; base64", [row("plain1.pub", "plaintext")])
f.add("several.txt", text + f.read("locked.key").decode() + f.read("plain2.key").decode(), "three files joined", [row("plain1.pub", "plaintext"), sealed("locked.pub"), row("plain2.pub", "plaintext")])

silent = f.silent

f.run("echo hi > hi.txt; minisign -S -W -s plain1.key -m hi.txt")
silent("hi.txt.minisig", f.read("hi.txt.minisig"), "a signature")
raw = base64.b64decode(text.splitlines()[1])
line = lambda body: base64.b64encode(body).decode()
# The seed signs beside any public half: key number at 54, seed at 62, public half at 94, checksum at 126.
f.add("other_half.key", f"untrusted comment: minisign secret key\n{line(raw[:94] + noise('h', 32) + raw[126:])}\n", "by hand", [signs.row("minisign", signs.of_seed(raw[62:94]))], oracle=signs.ORACLE)
silent("placeholder.key", f"untrusted comment: minisign secret key\n{line(raw[:62] + bytes([7] * 32) + raw[94:])}\n", "one byte over and over for a seed")
silent("zeros.key", f"untrusted comment: minisign secret key\n{line(raw[:6] + bytes(152))}\n", "zeros")
silent("cut.key", text[:-60], "cut short")
silent("docs.md", "    untrusted comment: minisign encrypted secret key\n    RWRTY0Iy...\n\nand Tauri writes `dW50cnVzdGVkIGNvbW1lbnQ6IHJzaWduIGVuY3J5cHRlZCBzZWNyZXQga2V5...`.\n", "documentation with dots")
silent("source.c", '#define COMMENT_PREFIX "untrusted comment: "\n#define SECRETKEY_DEFAULT_COMMENT "minisign encrypted secret key"\nfprintf(fp, "untrusted comment: %s\\n%s\\n", comment, b64);\n', "the source of a tool")
silent("template.yml", 'env:\n  TAURI_SIGNING_PRIVATE_KEY: "${{ secrets.TAURI_SIGNING_PRIVATE_KEY }}"\n  TAURI_KEY: "dW50cnVzdGVkIGNvbW1lbnQ6IHlvdXIga2V5IGhlcmU="\n', "a template")
f.finish()
