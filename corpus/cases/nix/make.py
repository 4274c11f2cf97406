"""Signing keys of Nix binary caches."""

import base64
import hashlib

import signs
from kit import Family, noise

f = Family("nix", "secret keys of Nix binary caches by nix and nix-store")


def row(stem, name):
    raw = base64.b64decode(f.read(f"{stem}.pub").decode().split(":")[1])
    der = f.run("openssl pkey -pubin -inform DER -outform DER", bytes.fromhex("302a300506032b6570032100") + raw)
    return dict(format="nix", protection="plaintext", spki_sha256=hashlib.sha256(der).hexdigest(), label=name, _oracle=f"{stem}.pub, which nix derived; openssl pkey")


names = ["cache.example.org-1", "cache.example.com-1", "binarycache.example.com", "nix-cache-1", "hydra.example.org-1", "mycache", "my-cache-1", "attic", "builder.example.org-1", "test-1", "s3-cache-2", "store.example.net-1"]
for name in names:
    f.run(f"nix-store --generate-binary-cache-key {name} {name}.sec {name}.pub")
    f.add(f"{name}.sec", f.read(f"{name}.sec"), f"nix-store --generate-binary-cache-key {name}", [row(name, name)])
f.run("nix --extra-experimental-features nix-command key generate-secret --key-name cache.example.org-2 > new.sec; nix --extra-experimental-features nix-command key convert-secret-to-public < new.sec > new.pub")
f.add("new.sec", f.read("new.sec"), "nix key generate-secret", [row("new", "cache.example.org-2")])
f.add("newline.sec", f.read("cache.example.org-1.sec") + b"\n", "the same, then: a newline", [row("cache.example.org-1", "cache.example.org-1")])
# Harder than what is promised: another name, or another file around it.
f.run("nix-store --generate-binary-cache-key zebra.example.org-1 zebra.sec zebra.pub")
f.add("zebra.sec", f.read("zebra.sec"), "nix-store --generate-binary-cache-key zebra.example.org-1", [row("zebra", "zebra.example.org-1")], stretch=True)
f.add("ci.env", b"DEBUG=0\nNIX_SECRET_KEY=" + f.read("cache.example.org-1.sec") + b"\n", "the same in a dotenv file", [row("cache.example.org-1", "cache.example.org-1")], stretch=True)

silent = f.silent

silent("cache.pub", f.read("cache.example.org-1.pub"), "a public key")
line = lambda body: "cache.example.org-1:" + base64.b64encode(body).decode()
# The seed signs beside any public half. Signatures and digests have the same shape, so the name of the file decides.
raw = base64.b64decode(f.read("cache.example.org-1.sec").decode().split(":")[1])
for file in ("other_half.sec", "cache-priv-key.pem"):
    f.add(file, line(raw[:32] + noise("half", 32)), "by hand", [signs.row("nix", signs.of_seed(raw[:32]), label="cache.example.org-1")], oracle=signs.ORACLE)
silent("noise.txt", line(noise("nix", 64)), "64 bytes that are no key")
silent("signature.txt", line(signs.sign(raw[:32], b"1;/nix/store/x")), "a signature of the cache")
silent("zeros.sec", line(bytes(64)), "zeros")
silent("cut.sec", f.read("cache.example.org-1.sec")[:-6], "cut short")
silent("cache.yaml", "cache:\n  paths:\n    - .cargo\nkey: $CI_COMMIT_REF_SLUG\n", "a file that begins with such a word")
silent("cache.conf", "cache.example.org-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\n", "a placeholder")
f.finish()
