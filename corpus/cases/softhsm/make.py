"""SoftHSM 2 tokens by softhsm2-util and pkcs11-tool: private, public and secret objects, sealed and open ones."""

import hashlib
import os
import pathlib

from kit import Family, noise

f = Family("softhsm", "SoftHSM 2 file store by softhsm2-util and pkcs11-tool: sealed and open keys, public objects, the token")
MODULE = "/usr/lib/softhsm/libsofthsm2.so"
f.path("tokens").mkdir()
f.path("conf").write_text(f"directories.tokendir = {f.path('tokens')}\nobjectstore.backend = file\nlog.level = ERROR\n")
os.environ["SOFTHSM2_CONF"] = str(f.path("conf"))
TOOL = f"pkcs11-tool --module {MODULE} --login --pin 1234"
f.run("softhsm2-util --init-token --free --label corpus --pin 1234 --so-pin 5678")


def objects():
    return set(p for p in f.path("tokens").glob("*/*.object") if p.name != "token.object")


def attributes(data):
    """Number and value of every attribute: the walk that formats.md describes. Only to tell files apart."""
    found, at = {}, 8
    while at < len(data):
        number, kind = int.from_bytes(data[at : at + 8], "big"), int.from_bytes(data[at + 8 : at + 16], "big")
        at += 16
        size = {1: 1, 2: 8}.get(kind)
        if size is None:
            size = int.from_bytes(data[at : at + 8], "big") * (8 if kind == 5 else 1)
            at += 8
        found[number] = data[at : at + size]
        at += size
    return found


def made(command):
    """The object files that a command writes, by class."""
    before = objects()
    f.run(command)
    return {attributes(p.read_bytes())[0][-1]: p.read_bytes() for p in objects() - before}


def openssl(file):
    return hashlib.sha256(f.run(f"openssl pkey -pubin -in {file} -inform DER -outform DER")).hexdigest()


TYPES = {"rsa2048": "rsa:2048", "p256": "EC:prime256v1", "p384": "EC:secp384r1", "ed25519": "EC:edwards25519"}
for number, (name, kind) in enumerate(TYPES.items(), 1):
    command = f"{TOOL} --keypairgen --key-type {kind} --label {name} --id {number:02x}"
    files = made(command)
    digest, oracle = None, f"{TOOL} --read-object --type pubkey | openssl pkey -pubin -outform DER | sha256sum"
    prefix = {"ed25519": "302a300506032b6570032100", "p384": "3076301006072a8648ce3d020106052b81040022036200"}.get(name)
    if not prefix:
        f.run(f"{TOOL} --read-object --type pubkey --id {number:02x} -o {name}.der")
        digest = openssl(f"{name}.der")
    else:
        # pkcs11-tool of this version cannot write these: the point from its listing, in the form of RFC 5480 or 8410.
        listing = f.run(f"{TOOL} --list-objects --type pubkey --id {number:02x}").decode()
        # It lists every key, whatever the id.
        block = next(b for b in listing.split("Public Key Object") if f"label:      {name}\n" in b)
        point = next(l.split(":")[1].strip() for l in block.splitlines() if "EC_POINT:" in l)
        f.path("point.der").write_bytes(bytes.fromhex(prefix + point[4:]))
        digest, oracle = openssl("point.der"), "pkcs11-tool --list-objects: EC_POINT; openssl pkey -pubin"
    f.add(f"{name}_public.object", files[2], command, publics=[digest], oracle=oracle)
    f.add(f"{name}_private.object", files[3], command, [dict(format="softhsm", protection="weak", opaque=True, opened_spki_sha256=digest, _oracle=oracle)])

# Brought in by softhsm2-util.
f.run("openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out import.pem")
command = "softhsm2-util --import import.pem --token corpus --label imported --id 77 --pin 1234"
files = made(command)
f.add("imported_private.object", files[3], command, [f.key("import.pem", "softhsm", protection="weak", opaque=True)])
f.run("openssl pkey -in import.pem -pubout -out import.pub")
f.add("imported_public.object", files[2], command, publics=[f.public("import.pub")], oracle="openssl pkey")

# Secret keys: one that signs, sealed; one that signs, open; one that only encrypts.
files = made(f"{TOOL} --keygen --key-type GENERIC:32 --label hmac --id 31 --private --usage-sign --sensitive")
f.add("secret_sealed.object", files[4], "pkcs11-tool --keygen --key-type GENERIC:32 --private --usage-sign", [dict(format="softhsm", protection="weak", opaque=True, _oracle="pkcs11-tool --list-objects: Usage sign")])
files = made(f"{TOOL} --keygen --key-type GENERIC:32 --label hmac2 --id 32 --usage-sign")
f.add("secret_open.object", files[4], "pkcs11-tool --keygen --key-type GENERIC:32 --usage-sign", [dict(format="softhsm", protection="plaintext", opaque=True, alias="hmac2", _oracle="pkcs11-tool --list-objects: Usage sign, no access flag private")])
files = made(f"{TOOL} --keygen --key-type AES:32 --label aes --id 33 --usage-decrypt")
f.add("aes.object", files[4], "pkcs11-tool --keygen --key-type AES:32 --usage-decrypt", why="a key of a cipher", silent=True, oracle="pkcs11-tool --list-objects: Secret Key Object; AES")
f.run("openssl req -x509 -key import.pem -out cert.pem -subj /CN=corpus -days 900; openssl x509 -in cert.pem -outform DER -out cert.der")
files = made(f"{TOOL} --write-object cert.der --type cert --label cert --id 77")
f.add("cert.object", files[1], "pkcs11-tool --write-object cert.der --type cert", certs=[f.cert("cert.pem")], oracle="openssl x509")
token = next(f.path("tokens").glob("*/token.object")).read_bytes()
f.add("token.object", token, "softhsm2-util --init-token", why="the token itself holds no key of its own", silent=True, oracle="softhsm2-util --show-slots")
f.add("generation", next(f.path("tokens").glob("*/generation")).read_bytes(), "softhsm2-util --init-token", why="a counter", silent=True, oracle="its size")
f.add("zeros.bin", bytes(3000), "python3", why="zeros", silent=True, oracle="python3")
f.add("counter.bin", bytes(8) + noise("softhsm", 3000), "python3: a counter and noise", why="noise", silent=True, oracle="python3")
f.finish()
