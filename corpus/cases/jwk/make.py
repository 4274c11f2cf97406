"""JSON Web Keys by jwcrypto, in the forms in which they lie about; jwcrypto and node are the oracles."""

import hashlib
import json

import jwcrypto.tests as rfc
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from jwcrypto import jwk
from jwcrypto.common import base64url_decode

import signs
from kit import Family, noise

f = Family("jwk", "JWK and JWKS made by jwcrypto, the examples of RFC 7515, 7517 and 8037, and what only looks like them")

NODE = "process.stdout.write(require('crypto').createPublicKey(require('crypto').createPrivateKey({key:JSON.parse(require('fs').readFileSync(0)),format:'jwk'})).export({type:'spki',format:'der'}))"


def spki(key):
    """SHA-256 of the public half, from jwcrypto, and from node where it knows the curve."""
    pem = key.export_to_pem()
    digest = hashlib.sha256(f.run("openssl pkey -pubin -outform DER", pem)).hexdigest()
    if key.has_private and "d" in key:
        other = f.run(f'node -e "{NODE}"', key.export().encode())
        assert hashlib.sha256(other).hexdigest() == digest, key.thumbprint()
    return digest


def row(key, **more):
    if key["kty"] == "oct":
        return dict(format="jwk", protection="plaintext", opaque=True, _oracle="jwcrypto JWK.from_json")
    return dict(format="jwk", protection="plaintext", spki_sha256=spki(key), _oracle="jwcrypto export_to_pem | openssl pkey -pubin; node createPrivateKey format jwk", **more)


def add(name, text, key, made, **more):
    f.add(name, text, made, [row(k) for k in (key if isinstance(key, list) else [key])], **more)


KINDS = {
    "rsa2048": dict(kty="RSA", size=2048, alg="RS256", use="sig"),
    "rsa4096": dict(kty="RSA", size=4096, alg="PS512"),
    "p256": dict(kty="EC", crv="P-256", alg="ES256", use="sig"),
    "p384": dict(kty="EC", crv="P-384"),
    "p521": dict(kty="EC", crv="P-521"),
    "secp256k1": dict(kty="EC", crv="secp256k1", alg="ES256K"),
    "ed25519": dict(kty="OKP", crv="Ed25519", alg="EdDSA"),
    "ed448": dict(kty="OKP", crv="Ed448"),
    "x25519": dict(kty="OKP", crv="X25519", use="enc"),
    "x448": dict(kty="OKP", crv="X448"),
    "hs256": dict(kty="oct", size=256, alg="HS256", use="sig"),
    "oct512": dict(kty="oct", size=512),
}
KEYS = {}
for stem, how in KINDS.items():
    key = jwk.JWK.generate(kid=f"{stem}-2026", **how)
    KEYS[stem] = key
    made = f"jwcrypto JWK.generate({', '.join(f'{k}={v!r}' for k, v in how.items())})"
    add(f"{stem}.json", key.export(), key, made)
    add(f"{stem}.pretty.json", json.dumps(json.loads(key.export()), indent=2) + "\n", key, made)
    if how["kty"] != "oct":
        public = key.export_public()
        f.add(f"{stem}.public.json", public, made + ", public half", publics=[spki(key)])

# RFC 7518 6.3.2: the primes may be left out.
bare = {k: v for k, v in json.loads(KEYS["rsa2048"].export()).items() if k in ("kty", "n", "e", "d")}
add("rsa_without_primes.json", json.dumps(bare), KEYS["rsa2048"], "rsa2048 with n, e and d only")

sets = [KEYS[s] for s in ("rsa2048", "p256", "ed25519", "hs256")]
jwks = {"keys": [json.loads(k.export()) for k in sets]}
add("set.jwks.json", json.dumps(jwks), sets, "JWK set of four")
add("set_pretty.jwks", json.dumps(jwks, indent=4), sets, "JWK set of four, indented")

# In other files. One EC and one RSA key, so that short and long values are both there.
for stem in ("rsa2048", "p256"):
    key = KEYS[stem]
    plain = json.loads(key.export())
    text = json.dumps(plain)
    pretty = json.dumps(plain, indent=2)
    forms = {
        "in_string.json": json.dumps({"name": "signer", "jwk": text, "n": 1}),
        "in_string_pretty.json": json.dumps({"name": "signer", "jwk": pretty, "n": 1}),
        "twice.json": json.dumps({"env": json.dumps({"jwk": text})}),
        "dotenv.env": f"PORT=1\nJWK='{text}'\nNEXT=2\n",
        "dotenv_escaped.env": f"PORT=1\nJWK={json.dumps(text)}\n",
        "block.yaml": "auth:\n  signing:\n" + "".join(f"    {k}: {v}\n" for k, v in plain.items()) + "  other: 1\n",
        "list.yaml": "keys:\n  - " + "\n    ".join(f'{k}: "{v}"' for k, v in plain.items()) + "\n  - kty: none\n",
        "flow.yaml": f"auth:\n  jwk: {text}\n",
        "literal.js": "const jwk = {\n" + "".join(f"  {k}: '{v}',\n" for k, v in plain.items()) + "};\n",
        "dict.py": f"KEY = {plain!r}\n",
        "parse.go": "package k\n\nvar key = parse(`" + text + "`)\n",
        "concat.java": "class K { String k = " + json.dumps(text).replace(", ", ', "\n      + "') + "; }\n",
        "value_concat.js": "const k = {kty: '" + plain["kty"] + "', " + ", ".join(f"{k}: '{v[:20]}' +\n  '{v[20:]}'" for k, v in plain.items() if k in ("n", "e", "d", "p", "q", "x", "y") and len(v) > 20) + (", e: 'AQAB'" if "e" in plain else ", crv: 'P-256'") + "};\n",
        "wrapped.txt": "The key is\n\n     " + text.replace(plain["d"], plain["d"][:30] + "\n      " + plain["d"][30:]) + "\n",
        "hash.rb": "KEY = { " + ", ".join(f"'{k}' => '{v}'" for k, v in plain.items()) + " }\n",
        "sql.sql": "INSERT INTO jwk VALUES (1, '" + text + "');\n",
        "key.tf": "locals {\n  key = {\n" + "".join(f'    {k:4} = "{v}"\n' for k, v in plain.items()) + "  }\n}\n",
        "key.toml": "[server]\nport = 1\n\n[key]\n" + "".join(f'{k} = "{v}"\n' for k, v in plain.items()) + "\n[other]\nn = 2\n",
        "key.php": "<?php return [\n" + "".join(f"  '{k}' => '{v}',\n" for k, v in plain.items()) + "];\n",
        "arrow.rb": "KEY = {" + ", ".join(f'"{k}"=>"{v}"' for k, v in plain.items()) + "}\n",
        "cell.csv": '1,"' + text.replace('"', '""') + '"\n',
        "comments.yaml": "jwk:\n" + "".join(f"  # the {k}\n\n  {k}: {v} # it\n" for k, v in plain.items()) + "other: 1\n",
        "folded.yaml": "jwk:\n" + "".join(f"  {k}: >-\n    {v}\n" for k, v in plain.items()) + "other: 1\n",
        "tags.yaml": "jwk:\n" + "".join(f"  {k}: !!str {v}\n" for k, v in plain.items()) + "other: 1\n",
        "between.yaml": "jwk:\n" + "".join(f"  {k}: {v}\n" for k, v in plain.items() if k != "d") + "  x5c:\n    - a\n  m:\n    a: b\n  d: " + plain["d"] + "\n",
        "diff.patch": "@@ -1 +1,3 @@\n+jwk: " + text + "\n",
    }
    for name, content in forms.items():
        add(f"{stem}.{name}", content, key, f"{stem}, as {name}")

# The examples of the standards, from jwcrypto's tests, which hold them against the RFCs.
EXAMPLES = {"rfc7517_a2_ec": rfc.PrivateKeys["keys"][0], "rfc7517_a2_rsa": rfc.PrivateKeys["keys"][1], "rfc7517_c1": rfc.RSAPrivateKey, "rfc7515_a2": rfc.A2_key, "rfc7515_a3": rfc.A3_key, "rfc7515_a4": rfc.A4_key, "rfc8037_a1": rfc.PrivateKeys_EdDsa["keys"][0], "p256k": rfc.PrivateKeys_secp256k1["keys"][1]}
for name, numbers in EXAMPLES.items():
    add(f"{name}.json", json.dumps(numbers), jwk.JWK.from_json(json.dumps(numbers).replace("P-256K", "secp256k1")), "example key of the standard, from jwcrypto.tests")
f.add("near-rfc7515_a1.json", json.dumps(rfc.SymmetricKeys["keys"][1]), "symmetric example key of RFC 7515 A.1", silent=True)

# Near-misses.
ec = json.loads(KEYS["p256"].export())
other = json.loads(jwk.JWK.generate(kty="EC", crv="P-256").export())
rsa = json.loads(KEYS["rsa2048"].export())
okp = json.loads(KEYS["ed25519"].export())


def near(name, content, why):
    f.add(f"near-{name}", content if isinstance(content, str) else json.dumps(content), why, silent=True)


def usable(name, content, digest, why):
    """A number is wrong, and the others sign."""
    f.add(f"near-{name}", json.dumps(content), why, [signs.row("jwk", digest)], oracle=signs.ORACLE)


def number(text):
    return int.from_bytes(base64url_decode(text), "big")


modulus = signs.of_prime(number(rsa["n"]), number(rsa["p"]))
usable("d_of_another.json", {**ec, "d": other["d"]}, signs.of_scalar(number(other["d"]), SECP256R1()), "the private number of another key")
near("d_dots.json", {**ec, "d": ec["d"][:12] + "..."}, "documentation: d cut by dots")
usable("d_words.json", {**rsa, "d": "<private exponent>"}, modulus, "documentation: words for d")
usable("rsa_d_changed.json", {**rsa, "d": rsa["d"][:-8] + "AAAAAAAA"}, modulus, "d with its last digits replaced")
changed = rsa["n"][:100] + "BBBBBBBB" + rsa["n"][108:]
usable("rsa_n_changed.json", {**rsa, "n": changed}, modulus, "n with some digits replaced: the primes sign")
near("rsa_n_only.json", {k: v for k, v in rsa.items() if k != "d"} | {"n": rsa["n"][:40], "e": "AQAB"}, "n of 240 bits")
near("okp_zero.json", {**okp, "d": "A" * 43}, "Ed25519 with d all zero, x of another")
usable("ec_off_curve.json", {**ec, "x": ec["y"], "y": ec["x"]}, signs.of_scalar(number(ec["d"]), SECP256R1()), "a point that is not on the curve")
near("template.json", '{"kty":"EC","crv":"P-256","x":"${JWK_X}","y":"${JWK_Y}","d":"${JWK_D}"}', "template")
near("mustache.yaml", "jwk:\n  kty: RSA\n  n: {{ jwk.n }}\n  e: AQAB\n  d: {{ jwk.d }}\n", "template")
near("schema.json", '{"type":"object","properties":{"kty":{"type":"string","enum":["RSA","EC","OKP","oct"]},"d":{"type":"string"},"k":{"type":"string"}},"required":["kty"]}', "JSON schema of a JWK")
near("types.ts", "export interface JWK {\n  kty: string;\n  n?: string;\n  e?: string;\n  d?: string;\n  k?: string;\n}\n", "type declaration")
near("code.py", "if obj.get('kty') == 'RSA' and 'd' in obj:\n    return {'kty': 'RSA', 'n': b64(n), 'e': b64(e), 'd': b64(d)}\n", "a program that reads and writes JWKs")
near("oct_short.json", {"kty": "oct", "k": "c2VjcmV0"}, "symmetric key of 48 bits")
near("oct_words.json", {"kty": "oct", "k": "dGhpcy1pcy1teS1zdXBlci1zZWNyZXQta2V5LWZvci1qd3Q", "alg": "HS256"}, "symmetric key that is a sentence")
near("oct_zero.json", {"kty": "oct", "k": "A" * 43, "alg": "HS256"}, "symmetric key of zeros")
near("oct_enc.json", {"kty": "oct", "k": json.loads(KEYS["hs256"].export())["k"], "alg": "A256GCM"}, "a symmetric key that encrypts")
near("oct_wrap.json", {"kty": "oct", "k": json.loads(KEYS["hs256"].export())["k"], "alg": "A256KW", "use": "enc"}, "a symmetric key that wraps keys")
near("unknown.json", {"kty": "XYZ", "d": ec["d"]}, "a type that nobody defined")
near("no_object.txt", 'the member "kty" names the type: "kty":"EC"', "prose")
near("cut.json", KEYS["rsa2048"].export()[: len(KEYS["rsa2048"].export()) // 2], "the first half of a key")
near("jwe.json", {"protected": "eyJhbGciOiJQQkVTMi1IUzUxMitBMjU2S1ciLCJjdHkiOiJqd2sranNvbiJ9", "epk": {"kty": "EC"}, "ciphertext": noise("jwe", 40).hex()}, "an encrypted message that names a key type")

f.finish()
