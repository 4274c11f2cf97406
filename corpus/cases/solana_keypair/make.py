"""Key pairs of Solana by solders; openssl says the public half of the seed."""

import json

from solders.keypair import Keypair

import signs
from kit import Family, noise
from wallet import ed25519

f = Family("solana_keypair", "id.json by solders, as solana-keygen writes it, and other arrays of numbers")


def add(name, pair, text):
    raw = list(bytes(pair))
    assert bytes(pair)[32:] == bytes(pair.pubkey())
    f.add(name, text.replace("@", json.dumps(raw, separators=(",", ":"))), "solders Keypair", [dict(format="solana_keypair", protection="plaintext", spki_sha256=ed25519(f, bytes(raw[:32])), _oracle="solders Keypair; openssl pkey -pubout")])


add("id.json", Keypair(), "@")
add("id_newline.json", Keypair(), "@\n")
pair = Keypair()
add("spaced.json", pair, json.dumps(list(bytes(pair))))
add("lines.json", pair, json.dumps(list(bytes(pair)), indent=2))
add("code.ts", Keypair(), "const payer = Keypair.fromSecretKey(Uint8Array.from(@));\n")
add("dotenv.env", Keypair(), "PAYER_SECRET=@\n")
add("field.json", Keypair(), '{"pubkey": "x", "secretKey": @}')

raw = list(bytes(Keypair()))
other = list(bytes(Keypair()))
near = {
    "mixed.json": raw[:32] + other[32:],
    "swapped.json": raw[32:] + raw[:32],
    "short.json": raw[:63],
    "long.json": raw + [1],
    "seed.json": raw[:32],
    "noise.json": list(noise("solana", 64)),
    "zero.json": [0] * 64,
    "counting.json": list(range(64)),
    "large.json": raw[:63] + [300],
    "strings.json": [str(n) for n in raw],
    "floats.json": [float(n) for n in raw],
    "objects.json": [{"a": 1}],
}
# The private half signs beside any public one. Any 64 numbers have that shape, so a name decides: of the file or of the array.
mixed = json.dumps(raw[:32] + other[32:])
counting = json.dumps(list(range(1, 65)))
row = [signs.row("solana_keypair", signs.of_seed(bytes(raw[:32])))]
for name, text in {
    "other_half-keypair.json": mixed,
    "other_half.ts": f"const payer = Keypair.fromSecretKey(Uint8Array.from({mixed}));\n",
    "other_half.env": f"PAYER_SECRET_KEY={mixed}\n",
}.items():
    f.add(name, text, "by hand", row, oracle=signs.ORACLE)
for name, text in {
    "near-counting-keypair.json": counting,
    "near-counting.ts": f"const payer = Keypair.fromSecretKey(Uint8Array.from({counting}));\n",
    "near-secret.json": json.dumps({"secret": list(noise("secret", 64))}),
}.items():
    f.add(name, text, "by hand", silent=True)
for name, value in near.items():
    f.add(f"near-{name}", json.dumps(value), "by hand", silent=True)
f.finish()
