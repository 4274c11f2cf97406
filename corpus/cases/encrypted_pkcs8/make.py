"""EncryptedPrivateKeyInfo (RFC 5958, RFC 8018, RFC 7292, RFC 7914): every scheme OpenSSL can write."""

import sys

from kit import PASS, Family, der_of, pem
from occur import all_forms, raw_forms

f = Family("encrypted_pkcs8", "encrypted PKCS#8 private keys, PEM and DER: PBES1, PKCS#12 PBE, PBES2 with PBKDF2 and scrypt, by OpenSSL, GnuTLS and ssh-keygen")
f.run("openssl genrsa -out rsa.pem 2048; openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ec.pem; openssl genpkey -algorithm ED25519 -out ed.pem; openssl genpkey -algorithm ED448 -out ed448.pem")
LEGACY = "-provider default -provider legacy"
made = {}


def scheme(stem, options, protection, bases=("ec",)):
    for base in bases:
        name = f"{stem}_{base}"
        make = f"openssl pkcs8 -topk8 -in {base}.pem -passout pass:{PASS} {LEGACY} {options} -out {name}.pem"
        try:
            f.run(make)
        except RuntimeError as e:
            print(f"skipped {name}: {str(e).strip().splitlines()[-1][:100]}", file=sys.stderr)
            return
        made[name] = make
        key = f.key(f"{name}.pem", "encrypted_pkcs8", PASS, protection, opaque=True)
        f.add(f"{name}.pem", f.read(f"{name}.pem"), make, [key])
        f.run(f"openssl asn1parse -in {name}.pem -noout -out {name}.der")
        f.add(f"{name}.der", f.read(f"{name}.der"), f"openssl asn1parse -in {name}.pem -noout -out {name}.der", [key])


# PBES1: PBKDF1 with DES or 64-bit RC2.
for alg in ("PBE-MD2-DES", "PBE-MD5-DES", "PBE-SHA1-DES", "PBE-MD2-RC2-64", "PBE-MD5-RC2-64", "PBE-SHA1-RC2-64"):
    scheme("pbes1_" + alg[4:].lower().replace("-", "_"), f"-v1 {alg}", "weak", ("ec", "rsa"))
# PKCS#12 PBE. RC4 is not judged: the grade speaks of RC2 and 3DES only.
for alg in ("PBE-SHA1-RC2-40", "PBE-SHA1-RC2-128", "PBE-SHA1-3DES", "PBE-SHA1-2DES"):
    scheme("pkcs12_" + alg[9:].lower().replace("-", "_"), f"-v1 {alg}", "weak", ("ec", "rsa"))
for alg in ("PBE-SHA1-RC4-40", "PBE-SHA1-RC4-128"):
    scheme("pkcs12_" + alg[9:].lower().replace("-", "_"), f"-v1 {alg}", None)
scheme("pkcs12_3des_1000000", "-v1 PBE-SHA1-3DES -iter 1000000", "strong")
# PBES2.
scheme("pbes2_default", "", "strong", ("ec", "rsa", "ed", "ed448"))
for cipher in ("aes-128-cbc", "aes-192-cbc", "aes-256-cbc", "des3", "camellia-256-cbc", "aria-256-cbc", "sm4-cbc", "seed-cbc", "aes-256-ofb", "aes-256-cfb", "aes-256-gcm", "bf-cbc", "cast5-cbc", "idea-cbc"):
    scheme("pbes2_" + cipher.replace("-", "_"), f"-v2 {cipher}", "strong")
for cipher in ("des-cbc", "rc2-cbc", "rc2-40-cbc", "rc2-64-cbc"):
    # A modern derivation before a broken cipher: not graded here.
    scheme("pbes2_" + cipher.replace("-", "_"), f"-v2 {cipher}", None)
for prf in ("hmacWithMD5", "hmacWithSHA1", "hmacWithSHA224", "hmacWithSHA256", "hmacWithSHA384", "hmacWithSHA512", "hmacWithSHA512-256", "hmacWithSM3", "id-hmacWithSHA3-256"):
    scheme("prf_" + prf.lower().replace("-", "_"), f"-v2 aes-256-cbc -v2prf {prf}", "strong")
for n in (1, 1000, 100000, 600000):
    scheme(f"iter_{n}", f"-iter {n}", "strong")
scheme("scrypt", "-scrypt", "strong", ("ec", "rsa"))
scheme("scrypt_n1024_r8_p2", "-scrypt -scrypt_N 1024 -scrypt_r 8 -scrypt_p 2", "strong")
scheme("salt16", "-v2 aes-256-cbc", "strong", ("rsa",))

# Other tools.
for cipher in ("3des", "3des-pkcs12", "aes-128", "aes-256", "rc2-40", "arcfour"):
    name = f"certtool_{cipher.replace('-', '_')}"
    make = f"certtool --to-p8 --load-privkey rsa.pem --password {PASS} --pkcs-cipher {cipher} --no-text --outfile {name}.pem"
    f.run(make)
    key = f.key(f"{name}.pem", "encrypted_pkcs8", PASS, {"rc2-40": None, "arcfour": None, "3des-pkcs12": None}.get(cipher, "strong"), opaque=True)
    f.add(f"{name}.pem", f.read(f"{name}.pem"), make, [key])
f.run(f"ssh-keygen -q -t ecdsa -m PKCS8 -N {PASS} -C '' -f ssh_pkcs8")
f.add("ssh_keygen_m_pkcs8", f.read("ssh_pkcs8"), f"ssh-keygen -t ecdsa -m PKCS8 -N {PASS} -f ssh_keygen_m_pkcs8", [f.key("ssh_pkcs8", "encrypted_pkcs8", PASS, "strong", opaque=True)])

text = f.read("pbes2_default_rsa.pem").decode()
key = f.key("pbes2_default_rsa.pem", "encrypted_pkcs8", PASS, "strong", opaque=True)
all_forms(f, "occur", text, [key], made["pbes2_default_rsa"])
for stem, grade in (("pbes2_default_ec", "strong"), ("pbes1_md5_des_rsa", "weak"), ("pkcs12_3des_rsa", "weak"), ("scrypt_ec", "strong")):
    raw_forms(f, f"raw_{stem}", f.read(f"{stem}.der"), [f.key(f"{stem}.pem", "encrypted_pkcs8", PASS, grade, opaque=True)], made[stem])
pair = [key, f.key("scrypt_ec.pem", "encrypted_pkcs8", PASS, "strong", opaque=True)]
f.tool("several.pem", "cat pbes2_default_rsa.pem scrypt_ec.pem > several.pem", pair)
f.run("openssl req -x509 -key rsa.pem -subj /CN=self -days 30 -out self.pem")
f.tool("key_and_cert.pem", "cat pbes2_default_rsa.pem self.pem > key_and_cert.pem", [key], [f.cert("self.pem")])
for label in ("PRIVATE KEY", "RSA PRIVATE KEY", "ANY PRIVATE KEY"):
    f.add(f"labelled_{label.split()[0].lower()}.pem", pem(label, der_of(text)), f"{made['pbes2_default_rsa']}, label changed to {label}", [key])
f.finish()
