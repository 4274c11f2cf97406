"""Keys and key sets that a password encrypts, by jwcrypto; jwcrypto opens each, and openssl names the public half."""

import hashlib
import json

from jwcrypto import jwe, jwk
from jwcrypto.common import base64url_decode

from kit import PASS, Family

f = Family("jwe", "JWK and JWK sets in JWE with PBES2 by jwcrypto, and JWE that contain something else")
WORD = jwk.JWK.from_password(PASS)


def seal(plain, alg, enc, key=WORD, **more):
    header = json.dumps(dict(alg=alg, enc=enc, **more))
    return jwe.JWE(plain.encode(), recipient=key, protected=header).serialize(compact=True)


def row(key, token):
    """The key as jwcrypto reads it from the token."""
    opened = jwe.JWE()
    opened.deserialize(token, WORD)
    read = json.loads(opened.payload)
    read = next(k for k in read.get("keys", [read]) if k["kid"] == key["kid"])
    spki = f.run("openssl pkey -pubin -outform DER", jwk.JWK(**read).export_to_pem())
    digest = hashlib.sha256(spki).hexdigest()
    oracle = "jwcrypto JWE.deserialize with its password, JWK.export_to_pem | openssl pkey -pubin -outform DER | sha256sum"
    return dict(format="jwe", protection="strong", opaque=True, opened_spki_sha256=digest, _oracle=oracle)


made = "jwcrypto JWE alg={} enc={} cty={}"
tokens = {}
for stem, how, alg, enc in (
    ("p256", dict(kty="EC", crv="P-256"), "PBES2-HS256+A128KW", "A256GCM"),
    ("p384", dict(kty="EC", crv="P-384"), "PBES2-HS256+A128KW", "A128GCM"),
    ("ed25519", dict(kty="OKP", crv="Ed25519"), "PBES2-HS384+A192KW", "A192GCM"),
    ("rsa2048", dict(kty="RSA", size=2048), "PBES2-HS512+A256KW", "A256CBC-HS512"),
    ("p521", dict(kty="EC", crv="P-521"), "PBES2-HS384+A192KW", "A192CBC-HS384"),
    ("x25519", dict(kty="OKP", crv="X25519"), "PBES2-HS256+A128KW", "A128CBC-HS256"),
):
    key = jwk.JWK.generate(kid=f"{stem}-2026", **how)
    token = seal(key.export(), alg, enc, cty="jwk+json", kid=key["kid"])
    tokens[stem] = (key, token)
    f.add(f"{stem}.jwe", token + "\n", made.format(alg, enc, "jwk+json"), [row(key, token)])

key, token = tokens["p256"]
how = made.format("PBES2-HS256+A128KW", "A256GCM", "jwk+json")
provisioner = dict(type="JWK", name="admin@example.org", key=json.loads(key.export_public()), encryptedKey=token)
ca = dict(root="/etc/step-ca/certs/root_ca.crt", authority=dict(provisioners=[provisioner]))
public = hashlib.sha256(f.run("openssl pkey -pubin -outform DER", key.export_to_pem())).hexdigest()
f.add("ca.json", json.dumps(ca, indent=2) + "\n", how + ", in a ca.json of step-ca", [row(key, token)], publics=[public])
f.add("values.yaml", f"provisioner:\n  encryptedKey: {token}\n", how + ", in YAML", [row(key, token)])
f.add("in_string.json", json.dumps({"env": f"A=1\n{token}\n"}), how + ", in a JSON string", [row(key, token)])
f.add("type.jwe", seal(key.export(), "PBES2-HS256+A128KW", "A256GCM", cty="application/jwk+json"), how, [row(key, token)])

# A keystore until a password opens it.
pair = [jwk.JWK.generate(kty="EC", crv="P-256", kid=f"set-{n}") for n in "ab"]
token = seal(json.dumps(dict(keys=[k.export(as_dict=True) for k in pair])), "PBES2-HS256+A128KW", "A128GCM", cty="jwk-set+json")
hidden = [row(k, token) for k in pair]
f.add("set.jwe", token, made.format("PBES2-HS256+A128KW", "A128GCM", "jwk-set+json"), oracle=hidden[0]["_oracle"], hidden_spki_sha256=[k["opened_spki_sha256"] for k in hidden])

key, token = tokens["p256"]
f.silent("near-message.jwe", seal("a message that is not a key, of some length " * 4, "PBES2-HS256+A128KW", "A256GCM"), "a message", made="jwcrypto JWE without cty")
f.silent("near-cut.jwe", token[: len(token) * 2 // 3], "cut short", made=how)
f.silent("near-dots.md", f"    {token[:60]}...\n", "documentation: digits cut by dots")
f.silent("near-digits.jwe", token.split(".")[0], "a header alone")
wrapping = jwk.JWK.generate(kty="RSA", size=2048)
f.silent("near-recipient.jwe", seal(key.export(), "RSA-OAEP", "A256GCM", key=wrapping, cty="jwk+json"), "encrypted for a public key: no password opens it", made="jwcrypto JWE alg=RSA-OAEP")
f.silent("near-source.go", 'const alg = "PBES2-HS256+A128KW" // UEJFUzItSFMyNTYrQTEyOEtX\n', "source code")
f.finish()
