"""Locked keys whose password no list has: it opens them only where somebody wrote it down (corpus/tests/it/open.rs).

Every key derivation is set to its lowest cost, because the tests try thousands of damaged copies. What the cases of the
single formats hold opens with the well-known password of those cases; these here tell a right password from a wrong one.
"""

import hashlib
import hmac

from kit import Family, integer, tlv

# The tests know these words too.
WORD = "Zwetschge-7!"
UMLAUT = "Grüße-€5"

f = Family("opening", "Locked keys of every scheme and tool under passwords that no list has")
LEGACY = "-provider default -provider legacy"
f.run("openssl req -x509 -newkey rsa:1024 -nodes -keyout rsa.pem -out rsa.crt -subj /CN=locked -days 30")
f.run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ec.pem -out ec.crt -subj /CN=locked-ec -days 30")
f.run("openssl req -x509 -newkey ed25519 -nodes -keyout ed.pem -out ed.crt -subj /CN=locked-ed -days 30")


def sealed(base, format, protection, **more):
    """A key whose public half needs the password: openssl says it of the key before it was locked."""
    return f.key(f"{base}.pem", format, protection=protection, opaque=True, **more)


# PKCS#12.
def p12(stem, options, grade, base="rsa", word=WORD, label="my key", **more):
    make = f"openssl pkcs12 -export {LEGACY} -inkey {base}.pem -in {base}.crt -name 'my key' -passout pass:'{word}' {options} -out {stem}.p12"
    f.tool(f"{stem}.p12", make, [sealed(base, "pkcs12", grade, label=label)], **more)


p12("default", "-iter 2", "strong")
p12("legacy", "-legacy -iter 2", "weak")
p12("nomac", "-iter 2 -nomac", "strong", base="ec")
p12("umlaut", "-iter 2", "strong", word=UMLAUT)
p12("umlaut_legacy", "-legacy -iter 2", "weak", word=UMLAUT)
for name, options in (
    ("3des", "-keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES"), ("2des", "-keypbe PBE-SHA1-2DES -certpbe PBE-SHA1-2DES"),
    ("rc2_128", "-keypbe PBE-SHA1-RC2-128 -certpbe PBE-SHA1-RC2-128"), ("rc4", "-keypbe PBE-SHA1-RC4-128 -certpbe PBE-SHA1-RC4-40"),
):
    p12(f"pbe_{name}", f"{options} -iter 2", "weak", base="ec")

# PBMAC1 (RFC 9579), cheaper than everything else in the file, so that it is what tells a wrong password. OpenSSL 3.0 cannot write it, so the MAC of its file is taken away and another one put behind.
f.run(f"openssl pkcs12 -export -inkey ec.pem -in ec.crt -name 'my key' -passout pass:'{WORD}' -iter 2000 -nomac -out before.p12")
pfx = f.read("before.p12")


def children(der):
    """The values in a DER value."""
    n = der[1] if der[1] < 0x80 else int.from_bytes(der[2 : 2 + (der[1] & 0x7F)], "big")
    head = 2 if der[1] < 0x80 else 2 + (der[1] & 0x7F)
    body, out = der[head : head + n], []
    while body:
        size = body[1] if body[1] < 0x80 else int.from_bytes(body[2 : 2 + (body[1] & 0x7F)], "big")
        end = size + (2 if body[1] < 0x80 else 2 + (body[1] & 0x7F))
        out.append(body[:end])
        body = body[end:]
    return out


version, auth_safe = children(pfx)
octets = children(auth_safe)[1]
inner = octets[2 if octets[1] < 0x80 else 2 + (octets[1] & 0x7F) :]
content = inner[2 if inner[1] < 0x80 else 2 + (inner[1] & 0x7F) :]
salt = bytes(range(8))
for name, hash, prf, length in (("sha256", "sha256", "2a864886f70d0209", 32), ("sha512", "sha512", "2a864886f70d020b", 64)):
    mac = hmac.new(hashlib.pbkdf2_hmac(hash, WORD.encode(), salt, 3, length), content, hash).digest()
    oid = tlv(0x30, tlv(0x06, bytes.fromhex(prf)) + b"\x05\0")
    kdf = tlv(0x30, tlv(0x06, bytes.fromhex("2a864886f70d01050c")) + tlv(0x30, tlv(0x04, salt) + integer(3) + integer(length) + oid))
    algorithm = tlv(0x30, tlv(0x06, bytes.fromhex("2a864886f70d01050e")) + tlv(0x30, kdf + oid))
    mac_data = tlv(0x30, tlv(0x30, algorithm + tlv(0x04, mac)) + tlv(0x04, b"NOT USED") + integer(1))
    f.add(f"pbmac1_{name}.p12", tlv(0x30, version + auth_safe + mac_data), "openssl pkcs12 -nomac, then PBMAC1 by python's hashlib and hmac", [sealed("ec", "pkcs12", "strong", label="my key")])

# Java: the key has another password than the store.
for kind in ("jks", "jceks"):
    # 10,000 rounds are the fewest that Java allows.
    opts = f"-J-Djdk.jceks.iterationCount=10000 -storetype {kind} -storepass other-password -keystore two.{kind}"
    f.run(f"keytool -genkeypair -keyalg EC -groupname secp256r1 -dname CN=one -alias one -keypass '{WORD}' {opts}")
    f.run(f"keytool -genkeypair -keyalg RSA -keysize 1024 -dname CN=two -alias two -keypass 'another-one' {opts}")
    keys = []
    for alias in ("one", "two"):
        f.run(f"keytool -exportcert -rfc -alias {alias} -storepass other-password -keystore two.{kind} -file {kind}_{alias}.crt")
        keys.append(f.cert_key(f"{kind}_{alias}.crt", "jks", protection="weak" if kind == "jks" else "strong", alias=alias))
    f.add(f"two.{kind}", f.read(f"two.{kind}"), f"keytool -genkeypair -keypass, twice, -storetype {kind}", keys, [f.cert(f"{kind}_one.crt"), f.cert(f"{kind}_two.crt")])

# PKCS#8.
def p8(stem, options, grade, base="ec"):
    make = f"openssl pkcs8 -topk8 {LEGACY} -in {base}.pem -passout pass:'{WORD}' {options} -out {stem}.pem"
    f.tool(f"{stem}.pem", make, [sealed(base, "encrypted_pkcs8", grade)])


p8("p8_aes", "-iter 2", "strong")
p8("p8_ed", "-iter 2", "strong", base="ed")
p8("p8_rsa_des", "-v1 PBE-MD5-DES -iter 2", "weak", base="rsa")
p8("p8_sha1_rc2", "-v1 PBE-SHA1-RC2-64 -iter 2", "weak")
p8("p8_pkcs12", "-v1 PBE-SHA1-3DES -iter 2", "weak")
p8("p8_scrypt", "-scrypt -scrypt_N 16 -scrypt_r 1 -scrypt_p 1", "strong")

# Legacy PEM.
for cipher in ("des", "des3", "aes128", "aes256", "camellia128"):
    f.tool(f"pem_{cipher}.pem", f"openssl pkey {LEGACY} -traditional -in rsa.pem -{cipher} -passout pass:'{WORD}' -out pem_{cipher}.pem", [sealed("rsa", "legacy_pem", "weak")])
f.tool("pem_short.pem", "openssl pkey -traditional -in ec.pem -aes128 -passout pass:q7z -out pem_short.pem", [sealed("ec", "legacy_pem", "weak")])

# OpenSSH. The public key stands in front.
for cipher in ("aes256-ctr", "aes128-cbc", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "3des-cbc"):
    name = "ssh_" + cipher.split("@")[0].replace("-", "_")
    make = f"ssh-keygen -q -t ecdsa -b 256 -a 1 -Z {cipher} -N '{WORD}' -C me@here -f {name}"
    f.run(make)
    f.run(f"ssh-keygen -e -m PKCS8 -f {name}.pub > {name}.spki")
    f.add(name, f.read(name), make, [dict(format="openssh", protection="weak", spki_sha256=f.public(f"{name}.spki"), _oracle="ssh-keygen -e -m PKCS8")])

# PuTTY.
f.path("none.txt").write_text("\n")
f.path("pw.txt").write_text(WORD + "\n")
f.run("puttygen -q -t ecdsa -b 256 -C 'my key' --new-passphrase none.txt -o plain.ppk")
f.run("puttygen plain.ppk -L --old-passphrase none.txt > plain.pub && ssh-keygen -e -m PKCS8 -f plain.pub > plain.spki")
for version, grade in ((2, "weak"), (3, "strong")):
    make = f"puttygen plain.ppk --old-passphrase none.txt --new-passphrase pw.txt --ppk-param version={version},memory=64,passes=1 -P -O private -o v{version}.ppk"
    f.tool(f"v{version}.ppk", make, [dict(format="putty", protection=grade, spki_sha256=f.public("plain.spki"), _oracle="puttygen -L | ssh-keygen -e -m PKCS8")])

# OpenPGP with ciphers and derivations that GnuPG 2 no longer writes.
f.run("mkdir -m 700 g1")
G1 = "gpg1 --homedir g1 --batch --quiet --no-tty --quick-random"
for stem, options, grade in (
    ("twofish", "--s2k-cipher-algo TWOFISH --s2k-digest-algo SHA256", "weak"), ("blowfish", "--s2k-cipher-algo BLOWFISH", "weak"),
    ("cast5", "--s2k-cipher-algo CAST5 --s2k-mode 1", "weak"), ("3des", "--s2k-cipher-algo 3DES --s2k-mode 0 --s2k-digest-algo MD5", "weak"),
    ("camellia", "--s2k-cipher-algo CAMELLIA192 --s2k-digest-algo SHA512", "weak"), ("ripemd", "--s2k-cipher-algo AES --s2k-digest-algo RIPEMD160", "weak"),
):
    f.path("recipe").write_text(
        f"Key-Type: RSA\nKey-Length: 1024\nSubkey-Type: RSA\nSubkey-Length: 1024\nName-Real: {stem}\nName-Email: {stem}@example.org\nExpire-Date: 0\nPassphrase: {WORD}\n%commit\n"
    )
    f.run(f"{G1} --s2k-count 1024 {options} --gen-key recipe")
    f.run(f"{G1} --export-secret-keys {stem}@example.org > pgp_{stem}.gpg")
    listing = f.run(f"{G1} --with-colons --fingerprint --fingerprint --list-keys {stem}@example.org").decode()
    prints = [line.split(":")[9].lower() for line in listing.splitlines() if line.startswith("fpr")]
    keys = [dict(format="openpgp", protection=grade, fingerprint=who, _oracle="gpg1 --with-colons --fingerprint") for who in prints]
    f.add(f"pgp_{stem}.gpg", f.read(f"pgp_{stem}.gpg"), f"gpg1 --s2k-count 1024 {options} --gen-key; gpg1 --export-secret-keys", keys)

f.finish()
