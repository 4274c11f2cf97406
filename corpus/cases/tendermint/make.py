"""Key files of Tendermint and CometBFT, after privval/file.go and p2p/key.go; openssl says the public half. The program itself
is not to be had from a registry here, so the files are written by hand."""

import base64
import hashlib
import json

from cryptography.hazmat.primitives.asymmetric import ec, ed25519

import signs
from kit import Family, noise
from wallet import ed25519 as of_seed
from wallet import secp256k1

f = Family("tendermint", "priv_validator_key.json and node_key.json, in files and inside other text")


def b64(data):
    return base64.b64encode(data).decode()


def pair():
    key = ed25519.Ed25519PrivateKey.generate()
    return key.private_bytes_raw(), key.public_key().public_bytes_raw()


def typed(kind, data):
    return {"type": f"tendermint/{kind}", "value": b64(data)}


def validator(seed, public):
    address = hashlib.sha256(public).hexdigest()[:40].upper()
    return {"address": address, "pub_key": typed("PubKeyEd25519", public), "priv_key": typed("PrivKeyEd25519", seed + public)}


def row(digest):
    return [dict(format="tendermint", protection="plaintext", spki_sha256=digest, _oracle="openssl pkey -pubout")]


seed, public = pair()
f.add("priv_validator_key.json", json.dumps(validator(seed, public), indent=2), "by hand after privval/file.go", row(of_seed(f, seed)))
seed, public = pair()
f.add("node_key.json", json.dumps({"priv_key": typed("PrivKeyEd25519", seed + public)}, separators=(",", ":")), "by hand after p2p/key.go", row(of_seed(f, seed)))
number = ec.generate_private_key(ec.SECP256K1()).private_numbers().private_value.to_bytes(32, "big")
f.add("secp256k1.json", json.dumps({"priv_key": typed("PrivKeySecp256k1", number)}), "by hand", row(secp256k1(f, number)))
seed, public = pair()
text = json.dumps(validator(seed, public), indent=2)
secret = "apiVersion: v1\nkind: Secret\nstringData:\n  priv_validator_key.json: |\n    " + text.replace("\n", "\n    ") + "\n"
f.add("secret.yaml", secret, "by hand: a Kubernetes Secret", row(of_seed(f, seed)))
seed, public = pair()
f.add("whole.b64", base64.encodebytes(json.dumps(validator(seed, public), indent=2).encode()), "by hand: base64", row(of_seed(f, seed)))
seed, public = pair()
f.add("quoted.tf", "locals {\n  key = " + json.dumps(json.dumps(validator(seed, public))) + "\n}\n", "by hand: a string of Terraform", row(of_seed(f, seed)))
seed, public = pair()
other = pair()[1]
f.add("other_half.json", json.dumps(validator(seed, other)), "by hand", row(signs.of_seed(seed)), oracle=signs.ORACLE)
near = {
    "public.json": {"pub_key": typed("PubKeyEd25519", public)},
    "zeros.json": {"priv_key": typed("PrivKeyEd25519", bytes(64))},
    "short.json": {"priv_key": typed("PrivKeyEd25519", seed)},
    "empty.json": {"priv_key": {"type": "tendermint/PrivKeyEd25519", "value": ""}},
    "above.json": {"priv_key": typed("PrivKeySecp256k1", b"\xff" * 32)},
    "type.json": {"priv_key": typed("PrivKeyUnknown", noise("tendermint", 64))},
}
for name, value in near.items():
    f.add(f"near-{name}", json.dumps(value), "by hand", silent=True)
f.add("near-code.go", 'const PrivKeyName = "tendermint/PrivKeyEd25519"\n', "by hand: source of CometBFT", silent=True)
f.finish()
