"""OpenSSH private keys (PROTOCOL.key)."""

import hashlib

from cryptography.hazmat.primitives import serialization as ser

from kit import PASS, Family, der_of
from occur import FEW, all_forms, raw_forms

f = Family("openssh", "openssh-key-v1 private keys, every type, plain and under every cipher, by ssh-keygen and puttygen")


def key(name, protection):
    """Fingerprint from ssh-keygen; SPKI from ssh-keygen where it can export, else from python cryptography."""
    pub = f"{name}.pub"
    ssh = f.run(f"ssh-keygen -lf {pub}").decode().split()[1]
    row = dict(format="openssh", protection=protection, ssh=ssh, _oracle=f"ssh-keygen -lf {pub}")
    text = f.read(pub)
    if text.startswith(b"sk-"):
        return row
    if text.startswith(b"ssh-ed25519"):
        spki = ser.load_ssh_public_key(text).public_bytes(ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo)
        row["_oracle"] += "; python cryptography load_ssh_public_key"
    else:
        export = f"ssh-keygen -e -m PKCS8 -f {pub} | openssl pkey -pubin -outform DER"
        spki = f.run(export)
        row["_oracle"] += f"; {export} | sha256sum"
    row["spki_sha256"] = hashlib.sha256(spki).hexdigest()
    return row


made = {}
TYPES = {"rsa1024": "-t rsa -b 1024", "rsa2048": "-t rsa -b 2048", "rsa3072": "-t rsa -b 3072", "rsa4096": "-t rsa -b 4096", "dsa": "-t dsa",
         "ecdsa256": "-t ecdsa -b 256", "ecdsa384": "-t ecdsa -b 384", "ecdsa521": "-t ecdsa -b 521", "ed25519": "-t ed25519"}
CIPHERS = ["3des-cbc", "aes128-cbc", "aes192-cbc", "aes256-cbc", "aes128-ctr", "aes192-ctr", "aes256-ctr",
           "aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"]


def generate(name, options, secret, protection):
    make = f"ssh-keygen -q {options} -N '{secret}' -f {name}"
    f.run(make)
    made[name] = make
    f.add(name, f.read(name), make, [key(name, protection)])


for stem, options in TYPES.items():
    generate(stem, f"{options} -C {stem}@host", "", "plaintext")
    generate(f"{stem}_enc", f"{options} -C {stem}@host", PASS, "strong")
for cipher in CIPHERS:
    name = cipher.split("@")[0].replace("-", "_")
    for stem in ("ed25519", "rsa2048") if cipher.startswith(("3des", "aes256")) else ("ed25519",):
        generate(f"{stem}_{name}", f"{TYPES[stem]} -C '' -Z {cipher}", PASS, "strong")
generate("rounds100", "-t ed25519 -a 100 -C ''", PASS, "strong")
generate("long_comment", "-t ed25519 -C '" + "a long comment with spaces and ünïcode " * 4 + "'", "", "plaintext")

# A FIDO key: ssh-keygen writes a handle, not a key. A stand-in for the token answers the enrolment.
f.run("openssl genpkey -algorithm ED25519 -out sk.pem; openssl ecparam -genkey -noout -name prime256v1 -out skec.pem")
ed = f.run("openssl pkey -in sk.pem -pubout -outform DER")[-32:]
ec = f.run("openssl pkey -in skec.pem -pubout -outform DER")[-65:]
f.path("provider.c").write_text("""
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
struct sk_enroll_response { uint8_t flags; uint8_t *public_key; size_t public_key_len; uint8_t *key_handle; size_t key_handle_len;
  uint8_t *signature; size_t signature_len; uint8_t *attestation_cert; size_t attestation_cert_len; uint8_t *authdata; size_t authdata_len; };
static const uint8_t ed[] = {%s};
static const uint8_t ec[] = {%s};
static uint8_t *copy(const void *p, size_t n) { uint8_t *r = malloc(n); memcpy(r, p, n); return r; }
uint32_t sk_api_version(void) { return 0x000a0000; }
int sk_enroll(uint32_t alg, const uint8_t *c, size_t n, const char *app, uint8_t flags, const char *pin, void **opts, struct sk_enroll_response **out) {
  struct sk_enroll_response *r = calloc(1, sizeof *r);
  r->flags = flags;
  r->public_key_len = alg == 1 ? sizeof ed : sizeof ec;
  r->public_key = copy(alg == 1 ? ed : ec, r->public_key_len);
  r->key_handle_len = 64; r->key_handle = copy(memset(malloc(64), 0x5a, 64), 64);
  r->signature_len = 64; r->signature = copy(r->key_handle, 64);
  r->authdata_len = 37; r->authdata = calloc(1, 37);
  *out = r; return 0; }
int sk_sign(uint32_t a, const uint8_t *d, size_t n, const char *app, const uint8_t *k, size_t kl, uint8_t f, const char *p, void **o, void **r) { return -1; }
int sk_load_resident_keys(const char *p, void **o, void ***k, size_t *n) { return -1; }
""" % (",".join(map(str, ed)), ",".join(map(str, ec))))
f.run("gcc -shared -fPIC -o provider.so provider.c")
for kind in ("ed25519-sk", "ecdsa-sk"):
    for secret, tail in (("", ""), (PASS, "_enc")):
        name = f"{kind.replace('-', '_')}{tail}"
        make = f"ssh-keygen -q -t {kind} -w ./provider.so -C '' -N '{secret}' -f {name}"
        f.run(make)
        f.add(name, f.read(name), make + " (with a stand-in for the token)", [key(name, "hardware")])

# PuTTY's writer.
f.run("ssh-keygen -q -t rsa -b 2048 -C '' -N '' -f forputty && puttygen forputty --new-passphrase /dev/null -o p.ppk && puttygen p.ppk -O private-openssh-new -o puttygen_rsa && cp forputty.pub puttygen_rsa.pub")
f.add("puttygen_rsa", f.read("puttygen_rsa"), "puttygen p.ppk -O private-openssh-new -o puttygen_rsa", [key("puttygen_rsa", "plaintext")])

for stem, names in (("ed25519", None), ("rsa2048", FEW), ("ecdsa256_enc", FEW), ("ed25519_enc", FEW)):
    all_forms(f, f"occur_{stem}", f.read(stem).decode(), [key(stem, "strong" if stem.endswith("enc") else "plaintext")], made[stem], names)
for stem in ("ed25519", "rsa2048", "ecdsa256", "dsa", "ed25519_enc"):
    row = key(stem, "strong" if stem.endswith("enc") else "plaintext")
    der = der_of(f.read(stem).decode())
    f.add(f"raw_{stem}.bin", der, f"{made[stem]}, then base64 -d of the body", [row])
    raw_forms(f, f"raw_{stem}", der, [row], made[stem])
f.tool("several.pem", "cat rsa2048 ed25519 ecdsa521_enc > several.pem", [key("rsa2048", "plaintext"), key("ed25519", "plaintext"), key("ecdsa521_enc", "strong")])
f.finish()
