"""GnuPG keyboxes by gpg and gpgsm: public keys of every kind, certificates, deleted keys."""

import base64
import hashlib

from cryptography.hazmat.primitives import serialization as ser

from kit import Family, integer, tlv

f = Family("keybox", "GnuPG keyboxes by gpg and gpgsm: public keys, subkeys, certificates, deleted ones")
GPG = "GNUPGHOME=home gpg --batch --pinentry-mode loopback --passphrase ''"
f.path("home").mkdir(mode=0o700)


def publics():
    """The SPKI of every key and subkey, by gpg's own export in the form of SSH, which cryptography reads."""
    found = []
    for line in f.run(f"{GPG} --list-keys --with-colons --with-subkey-fingerprint").decode().splitlines():
        fields = line.split(":")
        if fields[0] in ("pub", "sub"):
            kind = fields[3]
        elif fields[0] == "fpr":
            # gpg exports RSA, DSA, NIST curves and Ed25519 so; ElGamal and X25519 it cannot.
            if kind in ("1", "17", "19", "22"):
                found.append(ssh(fields[9]))
            elif kind == "18":
                found.append(ecdh(fields[9]))
    return found


def ssh(fingerprint):
    text = f.run(f"{GPG} --export-ssh-key {fingerprint}!")
    if text.startswith(b"ssh-dss"):
        return dsa(base64.b64decode(text.split()[1]))
    key = ser.load_ssh_public_key(text.strip())
    return hashlib.sha256(key.public_bytes(ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def dsa(blob):
    """cryptography reads DSA keys of 1024 bits only: p, q, g and y of the SSH form into RFC 3279, checked by openssl."""
    numbers = []
    while blob:
        n = int.from_bytes(blob[:4], "big")
        numbers.append(blob[4 : 4 + n])
        blob = blob[4 + n :]
    p, q, g, y = (integer(int.from_bytes(n, "big")) for n in numbers[1:])
    algorithm = tlv(0x30, bytes.fromhex("06072a8648ce380401") + tlv(0x30, p + q + g))
    der = f.run("openssl pkey -pubin -inform DER -outform DER", tlv(0x30, algorithm + tlv(0x03, b"\0" + y)))
    return hashlib.sha256(der).hexdigest()


def ecdh(fingerprint):
    """The point of an ECDH subkey on Curve25519, from gpg's own listing of its packets."""
    listing = f.run(f"{GPG} --export {fingerprint}! | gpg --list-packets --debug 0x02 -vvv 2>&1").decode()
    point = [l.split(":")[1].strip() for l in listing.splitlines() if l.strip().startswith("pkey[1]")][-1]
    point = bytes.fromhex(point.replace(" ", ""))
    assert point[0] == 0x40 and len(point) == 33, point
    return hashlib.sha256(bytes.fromhex("302a300506032b656e032100") + point[1:]).hexdigest()


def add(file, made, **more):
    f.add(file, f.read("home/pubring.kbx"), made, publics=publics(), oracle="gpg --export-ssh-key | python cryptography; gpg --list-packets", **more)


for name, algo in (("rsa", "rsa2048"), ("dsa", "dsa2048"), ("p384", "nistp384"), ("ed", "ed25519")):
    f.run(f"{GPG} --quick-gen-key '{name} <{name}@corpus.test>' {algo} sign never")
add("pubring.kbx", "gpg --quick-gen-key for rsa2048, dsa2048, nistp384, ed25519")
f.run(f"{GPG} --quick-gen-key 'default <default@corpus.test>' future-default default never")
add("subkeys.kbx", "the same and gpg --quick-gen-key future-default: an X25519 subkey")
f.run("GNUPGHOME=home gpg --batch --yes --delete-secret-and-public-key $(GNUPGHOME=home gpg --list-keys --with-colons dsa | awk -F: '$1==\"fpr\"{print $10; exit}')")
add("deleted.kbx", "the same after gpg --delete-secret-and-public-key")

# gpgsm keeps certificates in the same kind of file.
f.path("sm").mkdir(mode=0o700)
f.run("openssl req -x509 -newkey rsa:2048 -nodes -keyout k.pem -out c.pem -subj '/CN=corpus/O=sm' -days 900")
f.run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k2.pem -out c2.pem -subj '/CN=corpus 2/O=sm' -days 900")
f.run("GNUPGHOME=sm gpgsm --batch --disable-dirmngr --import c.pem c2.pem")
f.add("gpgsm.kbx", f.read("sm/pubring.kbx"), "gpgsm --import c.pem c2.pem", certs=[f.cert("c.pem"), f.cert("c2.pem")], oracle="openssl x509")

f.path("none").mkdir(mode=0o700)
f.run("GNUPGHOME=none gpg --batch --list-keys; test -s none/pubring.kbx")
f.add("empty.kbx", f.read("none/pubring.kbx"), "gpg --list-keys in a new home", why="a header and no key", silent=True, oracle="gpg --list-keys: nothing")
f.add("header.bin", bytes.fromhex("0000002001010002") + b"KBXf" + bytes(500), "python3: a header and zeros", why="no blob follows", silent=True, oracle="gpg: error reading keyring")
f.run("GNUPGHOME=home gpgconf --kill all; GNUPGHOME=sm gpgconf --kill all")
f.finish()
