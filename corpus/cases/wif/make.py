"""Keys in wallet import format by base58, as the standard says; openssl says the public half."""

import json

import base58
import ecdsa

from kit import Family
from wallet import secp256k1

f = Family("wif", "WIF keys of main and test networks alone, in dumps and settings, and what only looks like them")


class Key:
    def __init__(self, version=0x80, compressed=True):
        self.secret = ecdsa.SigningKey.generate(curve=ecdsa.SECP256k1).to_string()
        self.text = base58.b58encode_check(bytes([version]) + self.secret + (b"\1" if compressed else b"")).decode()

    def row(self):
        return dict(format="wif", protection="plaintext", spki_sha256=secp256k1(f, self.secret), _oracle="python ecdsa, base58 b58encode_check; openssl pkey -pubout")


def add(name, keys, text):
    f.add(name, text, "python ecdsa SigningKey.generate, base58 b58encode_check", [k.row() for k in keys])


for version, network in ((0x80, "main"), (0xEF, "test")):
    for compressed in (True, False):
        for n in range(4):
            k = Key(version, compressed)
            add(f"{network}_{'compressed' if compressed else 'uncompressed'}_{n}.txt", [k], k.text + ("\n" if n % 2 else ""))
a, b, c = Key(), Key(), Key()
add("dump.txt", [a, b, c], f"# Wallet dump created by Bitcoin v25.0.0\n# * Created on 2026-11-20T10:00:00Z\n\n{a.text} 2026-01-01T00:00:00Z label= # addr=bc1qa\n{b.text} 2026-01-01T00:00:00Z change=1 # addr=bc1qb\n{c.text} 1970-01-01T00:00:01Z reserve=1 # addr=bc1qc\n\n# End of dump\n")
add("electrum.csv", [a, b], f"address,private_key\nbc1qa,p2wpkh:{a.text}\nbc1qb,p2wpkh:{b.text}\n")
add("electrum.json", [a, b], json.dumps({"bc1qa": f"p2wpkh:{a.text}", "bc1qb": f"p2wpkh:{b.text}"}, indent=4))
add("dotenv.env", [c], f"NODE=x\nHOT_WALLET_SECRET={c.text}\n")
add("field.json", [c], json.dumps({"secretKey": c.text}))

near = {
    "changed.txt": a.text[:-1] + ("a" if a.text[-1] != "a" else "b"),
    "short.txt": a.text[:50],
    "long.txt": a.text + "x",
    "zero.txt": base58.b58encode_check(b"\x80" + bytes(32) + b"\1").decode(),
    "order.txt": base58.b58encode_check(b"\x80" + b"\xff" * 32 + b"\1").decode(),
    "version.txt": base58.b58encode_check(b"\xb0" + a.secret + b"\1").decode(),
    "mark.txt": base58.b58encode_check(b"\x80" + a.secret + b"\2").decode(),
    "address.txt": "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa\n",
    "words.txt": "L1 cache misses and Kxyz are no keys\n",
    "dump_empty.txt": "# Wallet dump created by Bitcoin v25.0.0\n# End of dump\n",
    "digits.env": "SECRET=" + "K" * 52 + "\n",
}
for name, text in near.items():
    f.add(f"near-{name}", text, "by hand", silent=True)
f.finish()
