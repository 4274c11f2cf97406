"""Storage of fastlane match, written as match/lib/match/encryption/openssl.rb of fastlane does it."""

import base64
import functools
import hashlib
import textwrap

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kit import PASS, Family, noise

f = Family("fastlane_match", "files of fastlane match: version 2 by hand after match's source, and what openssl enc writes elsewhere")
f.run("openssl req -x509 -newkey rsa:2048 -nodes -keyout k.pem -out k.crt -subj '/CN=Apple Distribution: A Test' -days 30 && openssl x509 -in k.crt -outform DER -out k.cer")
f.run(f"openssl pkcs12 -export -inkey k.pem -in k.crt -passout pass: -out k.p12")
spki = f.key("k.pem", "x")["spki_sha256"]


def v1(name, digest):
    return f.run(f"openssl enc -aes-256-cbc -salt -a -md {digest} -pass pass:{PASS} -in {name} 2>/dev/null")


def v2(name):
    salt = noise(name, 8)
    keys = hashlib.pbkdf2_hmac("sha256", PASS.encode(), salt, 10_000, 32 + 12 + 24)
    sealed = AESGCM(keys[:32]).encrypt(keys[32:44], f.read(name), keys[44:])
    return "\n".join(textwrap.wrap(base64.b64encode(b"match_encrypted_v2__" + salt + sealed[-16:] + sealed[:-16]).decode(), 60)) + "\n"


def row(grade):
    return dict(format="fastlane_match", protection=grade, opaque=True, opened_spki_sha256=spki, _oracle="openssl pkey of the key that was encrypted")


# A pack holds plain names, so version 1, which is told by its folders, can only be shown to stay silent outside of them; the
# tests beside the detector show it inside.
f.add("V2B2C3D4E5.p12", v2("k.p12"), "python cryptography AESGCM after match", [row("strong")])
f.add("one_line.p12", v2("k.p12").replace("\n", ""), "python cryptography AESGCM after match, in one line", [row("strong")])
f.add("pem.p12", v2("k.pem"), "a PEM file, as match stores keys of Apple's API", [row("strong")])

silent = functools.partial(f.silent, made="as above", oracle="the file it was made from")

silent("V2B2C3D4E5.cer", v2("k.cer"), "the certificate beside the key")
silent("AppStore_org.example.mobileprovision", v2("k.cer"), "a profile")
silent("backup.p12", v1("k.p12", "md5"), "anything that openssl enc wrote: not in match's storage")
silent("backup.enc", v1("k.p12", "sha256"), "anything that openssl enc wrote")
silent("near_cut.p12", v2("k.p12")[:100], "too short")
silent("near_text.p12", b"bWF0Y2hfZW5jcnlwdGVkX3YyX1 is how such a file begins, and this is a text about it " * 5, "a text")
f.finish()
