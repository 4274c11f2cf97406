"""Keystores by eth-account and eth-keyfile; eth-account opens each before it is believed."""

import json

import eth_keyfile
from eth_account import Account

from kit import Family

f = Family("ethereum_keystore", "version 3 keystores by eth-account, version 4 (ERC-2335) by eth-keyfile, and what only looks like them")
PASS = b"changeit"


def three(kdf, iterations):
    account = Account.create()
    store = eth_keyfile.create_keyfile_json(account.key, PASS, version=3, kdf=kdf, iterations=iterations)
    assert Account.decrypt(store, PASS.decode()) == account.key
    return store


def row(grade):
    return dict(format="ethereum_keystore", protection=grade, opaque=True, _oracle="eth_account Account.decrypt with its password")


for name, kdf, iterations, grade in (("scrypt", "scrypt", 262144, "strong"), ("scrypt_light", "scrypt", 4096, "weak"), ("pbkdf2", "pbkdf2", 1000000, "strong"), ("pbkdf2_few", "pbkdf2", 1000, "weak")):
    store = three(kdf, iterations)
    made = f"eth_keyfile create_keyfile_json kdf={kdf} iterations={iterations}"
    f.add(f"UTC--2026-11-20T10-00-00.0Z--{name}", json.dumps(store), made, [row(grade)])
    if name == "scrypt":
        f.add("pretty.json", json.dumps(store, indent=2), made, [row(grade)])
        f.add("capital.json", json.dumps({**{k: v for k, v in store.items() if k != "crypto"}, "Crypto": store["crypto"]}), made + ", Crypto as old wallets write it", [row(grade)])
        f.add("no_address.json", json.dumps({k: v for k, v in store.items() if k != "address"}), made + ", without address", [row(grade)])
        f.add("in_string.json", json.dumps({"keystore": json.dumps(store)}), made, [row(grade)])
        f.add("wallets.json", json.dumps({"wallets": [store, three("scrypt", 262144)]}), made, [row(grade)] * 2)
        f.add("literal.js", "const keystore = " + json.dumps(store).replace('"', "'") + ";\n", made, [row(grade)])
for name, kdf, grade in (("scrypt", "scrypt", "strong"), ("pbkdf2", "pbkdf2", "strong")):
    key = bytes(range(1, 33))
    store = eth_keyfile.create_keyfile_json(key, PASS, version=4, kdf=kdf, description="validator", path="m/12381/3600/0/0/0")
    assert eth_keyfile.decode_keyfile_json(store, PASS) == key
    f.add(f"keystore-m_12381_3600_0_0_0-{name}.json", json.dumps(store), f"eth_keyfile create_keyfile_json version=4 kdf={kdf}", [row(grade)])

whole = three("scrypt", 262144)
text = json.dumps(whole)


def near(name, content, why):
    f.add(f"near-{name}", content, why, silent=True)


near("cut.json", text[: len(text) * 2 // 3], "cut")
near("dots.json", text.replace(whole["crypto"]["ciphertext"], whole["crypto"]["ciphertext"][:20] + "..."), "documentation: digits cut by dots")
near("zero.json", text.replace(whole["crypto"]["ciphertext"], "0" * 64), "ciphertext of zeros")
near("no_mac.json", json.dumps({**whole, "crypto": {k: v for k, v in whole["crypto"].items() if k != "mac"}}), "without mac")
near("kdf.json", text.replace('"scrypt"', '"argon2"'), "a key derivation that the format does not have")
near("template.json", '{"crypto":{"cipher":"aes-128-ctr","ciphertext":"<hex>","cipherparams":{"iv":"<hex>"},"kdf":"scrypt","kdfparams":{"n":262144,"r":8,"p":1,"salt":"<hex>"},"mac":"<hex>"},"version":3}', "template")
near("schema.json", '{"properties":{"crypto":{"properties":{"cipher":{"enum":["aes-128-ctr"]},"kdf":{"enum":["scrypt","pbkdf2"]}}}}}', "schema")
near("code.py", 'if crypto["cipher"] != "aes-128-ctr":\n    raise ValueError("unsupported cipher aes-128-ctr only")\n', "code")
near("openssl.txt", "aes-128-cbc  aes-128-ctr  aes-128-gcm\n", "a list of ciphers")
f.finish()
