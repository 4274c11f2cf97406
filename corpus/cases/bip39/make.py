"""Mnemonics by python mnemonic, behind names; it and openssl say the master key that follows."""

import json

import base58
from mnemonic import Mnemonic

from kit import Family
from wallet import secp256k1

f = Family("bip39", "mnemonics of 12 to 24 words by python mnemonic in settings and code, and other words")
tool = Mnemonic("english")


def row(words):
    raw = base58.b58decode_check(tool.to_hd_master_key(tool.to_seed(words)))
    return dict(format="bip39", protection="plaintext", spki_sha256=secp256k1(f, raw[46:]), _oracle="mnemonic to_seed, to_hd_master_key; openssl pkey -pubout")


def add(name, words, text):
    assert tool.check(words)
    f.add(name, text, "mnemonic generate", [row(words)])


for bits in (128, 160, 192, 224, 256):
    words = tool.generate(bits)
    add(f"{bits}.env", words, f'NETWORK=mainnet\nMNEMONIC="{words}"\nPORT=1\n')
w = tool.generate(128)
long = tool.generate(256)
add("plain.env", w, f"MNEMONIC={w}\n")
add("hardhat.js", w, f"module.exports = {{\n  networks: {{ main: {{ accounts: {{ mnemonic: '{w}' }} }} }},\n}};\n")
add("truffle.js", w, f"const mnemonic = \"{w}\";\nconst provider = new HDWalletProvider(mnemonic, url);\n")
add("ethers.ts", long, f'const wallet = Wallet.fromMnemonic("{long}");\n')
add("list.json", w, json.dumps({"mnemonic": w.split()}))
add("string.json", long, json.dumps({"mnemonic": long, "x": 1}))
add("in_string.json", long, json.dumps({"env": json.dumps({"mnemonic": long})}))
add("lines.txt", w, "My mnemonic:\n" + "".join(f"{i}. {word}\n" for i, word in enumerate(w.split(), 1)))
add("column.txt", long, "Mnemonic:\n" + "\n".join(long.split()) + "\n")
add("cosmos.yaml", long, f"validator:\n  mnemonic: {long}\n  home: /x\n")
add("metamask.txt", w, f"Secret Recovery Phrase: {w}\n")
add("readme.md", w, f"Import the mnemonic `{w}` into the wallet.\n".replace("mnemonic `", "mnemonic: `"))

wrong = w.split()
while tool.check(" ".join(wrong)):
    wrong = wrong[1:] + wrong[:1]
near = {
    "checksum.env": f"MNEMONIC={' '.join(wrong)}\n",
    "eleven.env": f"MNEMONIC={' '.join(w.split()[:11])}\n",
    "other_word.env": f"MNEMONIC={w.rsplit(' ', 1)[0]} keyradius\n",
    "no_name.txt": w + "\n",
    "placeholder.env": 'MNEMONIC="your twelve word mnemonic goes here and nobody else may see it"\n',
    "dots.env": 'MNEMONIC="word1 word2 word3 word4 word5 word6 word7 word8 word9 word10 word11 word12"\n',
    "template.env": "MNEMONIC=${MNEMONIC}\nMNEMONIC=<twelve words>\n",
    "assembler.c": "static const struct mnemonic mnemonics[] = { add, sub, move, jump, test };\n",
    "prose.md": "A mnemonic: use these words to remember what the first letters stand for, such as every good boy does fine.\n",
    "wordlist.txt": "# mnemonic word list\n" + "\n".join(tool.wordlist[:40]) + "\n",
    "caps.env": f"MNEMONIC={w.upper()}\n",
}
assert not tool.check(" ".join(tool.wordlist[:24])) and not any(tool.check(" ".join(tool.wordlist[:n])) for n in (12, 15, 18, 21))
for name, text in near.items():
    f.add(f"near-{name}", text, "by hand", silent=True)
f.finish()
