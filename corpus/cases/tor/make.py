"""Keys of Tor onion services and relays, by tor itself."""

import hashlib

from kit import Family, noise
from occur import raw_forms

f = Family("tor", "hs_ed25519_secret_key of onion services and the Ed25519 keys of a relay, by tor")


def spki(public):
    raw = f.read(public)[32:64]
    der = f.run("openssl pkey -pubin -inform DER -outform DER", bytes.fromhex("302a300506032b6570032100") + raw)
    return hashlib.sha256(der).hexdigest()


f.run("mkdir -m 700 d s1 s2 r")
services = "".join(f"HiddenServiceDir {f.path(s)}\\nHiddenServicePort 80 127.0.0.1:80\\n" for s in ("s1", "s2"))
f.run(f"printf 'DataDirectory {f.path('d')}\\nSocksPort 0\\nDisableNetwork 1\\n{services}' > torrc")
# It writes the keys when it starts; there is no other way to ask for them.
f.run("timeout 15 tor -f torrc", ok=(0, 1, 124))
for s in ("s1", "s2"):
    address = f.read(f"{s}/hostname").decode().strip()
    f.add(f"{s}_hs_ed25519_secret_key", f.read(f"{s}/hs_ed25519_secret_key"), "tor with HiddenServiceDir", [dict(format="tor", protection="plaintext", spki_sha256=spki(f"{s}/hs_ed25519_public_key"), label=address, _oracle="hs_ed25519_public_key and hostname, which tor wrote; openssl pkey")])
key = dict(format="tor", protection="plaintext", spki_sha256=spki("s1/hs_ed25519_public_key"), _oracle="hs_ed25519_public_key; openssl pkey")
f.run(f"printf 'DataDirectory {f.path('r')}\\nSocksPort 0\\nORPort 9901\\nDisableNetwork 1\\nContactInfo k\\nNickname k\\n' > relay; timeout 30 tor --keygen -f relay --no-passphrase < /dev/null", ok=(0, 1, 124))
f.add("ed25519_master_id_secret_key", f.read("r/keys/ed25519_master_id_secret_key"), "tor --keygen", [dict(format="tor", protection="plaintext", spki_sha256=spki("r/keys/ed25519_master_id_public_key"), _oracle="ed25519_master_id_public_key, which tor wrote; openssl pkey")])
raw_forms(f, "raw", f.read("s1/hs_ed25519_secret_key"), [key], "tor")

silent = f.silent

silent("hs_ed25519_public_key", f.read("s1/hs_ed25519_public_key"), "a public key")
head = b"== ed25519v1-secret: type0 ==\0\0\0"
silent("noise.bin", head + b"\x01" + noise("tor", 63), "bytes that are no scalar")
silent("zeros.bin", head + bytes(64), "zeros")
silent("cut.bin", f.read("s1/hs_ed25519_secret_key")[:80], "cut short")
silent("strings.bin", b"\x7fELF" + bytes(60) + head + b"== ed25519v1-public: type0 ==\0\0\0" + b"hs_ed25519_secret_key\0" + bytes(80), "the strings of a program")
f.finish()
