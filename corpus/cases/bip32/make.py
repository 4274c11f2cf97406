"""Extended private keys by python mnemonic, with the prefixes of SLIP 132 by base58; openssl says the public half."""

import base58
from mnemonic import Mnemonic

from kit import Family
from wallet import secp256k1

f = Family("bip32", "xprv and its kin, made by python mnemonic's to_hd_master_key, and what only looks like them")
words = Mnemonic("english")
VERSIONS = {"xprv": "0488ade4", "tprv": "04358394", "yprv": "049d7878", "zprv": "04b2430c", "Yprv": "0295b005", "Zprv": "02aa7a99", "uprv": "044a4e28", "vprv": "045f18bc", "Uprv": "024285b5"}


def row(xprv):
    return dict(format="bip32", protection="plaintext", spki_sha256=secp256k1(f, base58.b58decode_check(xprv)[46:]), _oracle="base58 b58decode_check; openssl pkey -pubout")


def fresh(testnet=False):
    return words.to_hd_master_key(words.to_seed(words.generate(256)), testnet)


xprv = fresh()
raw = base58.b58decode_check(xprv)
for name, version in VERSIONS.items():
    text = base58.b58encode_check(bytes.fromhex(version) + raw[4:]).decode()
    assert text.startswith(name), text
    f.add(f"{name}.txt", text + "\n", f"to_hd_master_key, version {version}", [row(text)])
for depth in (1, 5, 6):
    text = base58.b58encode_check(raw[:4] + bytes([depth]) + bytes(range(8)) + raw[13:]).decode()
    f.add(f"depth{depth}.txt", text + "\n", f"to_hd_master_key, depth set to {depth}", [row(text)])
one, two, test = fresh(), fresh(), fresh(True)
f.add("wallet.json", '{"keystore": {"type": "bip32", "xprv": "%s", "seed": null}}' % one, "to_hd_master_key in the form of an Electrum wallet", [row(one)])
f.add("descriptor.txt", f"wpkh([d34db33f/84h/0h/0h]{one}/0/*)#abcdefgh\nwpkh({two}/1/*)\n", "to_hd_master_key in output descriptors", [row(one), row(two)])
f.add("settings.py", f"XPRV = '{one}'\nTEST_XPRV = '{test}'\n", "to_hd_master_key", [row(one), row(test)])
f.add("dotenv.env", f"MASTER_KEY={two}\n", "to_hd_master_key", [row(two)])

public = base58.b58encode_check(bytes.fromhex("0488b21e") + raw[4:45] + b"\2" + raw[46:]).decode()
near = {
    "public.txt": public,
    "changed.txt": xprv[:-1] + ("a" if xprv[-1] != "a" else "b"),
    "changed_middle.txt": xprv[:50] + ("a" if xprv[50] != "a" else "b") + xprv[51:],
    "cut.txt": xprv[:90],
    "dots.txt": "xprv9s21ZrQH143K3GJpo...kcXo",
    "template.txt": "xprv9${ROOT_KEY}",
    "zero.txt": base58.b58encode_check(raw[:46] + bytes(32)).decode(),
    "order.txt": base58.b58encode_check(raw[:46] + b"\xff" * 32).decode(),
    "prose.md": "The key begins with `xprv9` or `xprvA`; `tprv8` is for tests.\n",
    "code.py": "PREFIXES = {'xprv9': 0, 'xprvA': 1, 'tprv8': 2, 'zprvA': 3}\n",
    "no_digits.txt": "xprv9" + "0OIl" * 27,
}
for name, text in near.items():
    f.add(f"near-{name}", text, "by hand", silent=True)
f.finish()
