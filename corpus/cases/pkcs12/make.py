"""PKCS#12 files (RFC 7292) by four writers."""

import base64

from kit import PASS, Family
from occur import raw_forms

f = Family("pkcs12", "PKCS#12 by OpenSSL, keytool, GnuTLS and NSS: encrypted, legacy, in clear, with an empty password, without keys")
f.run("openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=ca -days 30")
for stem, new in (("rsa", "rsa:2048"), ("ec", "ec -pkeyopt ec_paramgen_curve:P-256"), ("ed", "ed25519")):
    f.run(f"openssl req -newkey {new} -nodes -keyout {stem}.key -subj /CN={stem} | openssl x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -out {stem}.pem")
f.run("cat rsa.pem ca.pem > chain.pem")
LEGACY = "-provider default -provider legacy"


def hidden(stem, protection, **more):
    """A key whose public half needs the password."""
    key = f.cert_key(f"{stem}.pem", "pkcs12", protection=protection, opaque=True, **more)
    key["opened_spki_sha256"] = key.pop("spki_sha256")
    return key


def known(stem, protection, **more):
    """A key whose public half can be read without the password."""
    return f.cert_key(f"{stem}.pem", "pkcs12", protection=protection, **more)


EXPORT = f"openssl pkcs12 -export {LEGACY}"
P = f"-passout pass:{PASS}"


def openssl(stem, options, keys, certs=(), base="rsa", password=P, **more):
    f.tool(f"{stem}.p12", f"{EXPORT} -inkey {base}.key -in {base}.pem -name 'my {base}' {password} {options} -out {stem}.p12", keys, certs, **more)


for base in ("rsa", "ec", "ed"):
    openssl(f"openssl_{base}", "", [hidden(base, "strong", label=f"my {base}")], base=base)
openssl("openssl_chain", "-certfile ca.pem", [hidden("rsa", "strong", label="my rsa")])
openssl("openssl_legacy", "-legacy", [hidden("rsa", "weak", label="my rsa")])
openssl("openssl_legacy_ec", "-legacy", [hidden("ec", "weak", label="my ec")], base="ec")
openssl("openssl_descert", "-descert -keypbe PBE-SHA1-3DES", [hidden("rsa", "weak")])
openssl("openssl_rc2_40", "-keypbe PBE-SHA1-RC2-40 -certpbe PBE-SHA1-RC2-40", [hidden("rsa", "weak")])
openssl("openssl_3des_100000", "-keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -iter 100000", [hidden("rsa", "strong")])
openssl("openssl_iter1", "-iter 1", [hidden("rsa", "strong")])
openssl("openssl_sha512", "-macalg sha512 -keypbe AES-128-CBC", [hidden("rsa", "strong")])
openssl("openssl_nomac", "-nomac", [hidden("rsa", "strong")])
openssl("plain", "-nomac -keypbe NONE -certpbe NONE", [known("rsa", "plaintext", label="my rsa")], [f.cert("rsa.pem")])
openssl("plain_ec", "-nomac -keypbe NONE -certpbe NONE", [known("ec", "plaintext", label="my ec")], [f.cert("ec.pem")], base="ec")
openssl("plain_mac", "-keypbe NONE -certpbe NONE", [known("rsa", "plaintext")], [f.cert("rsa.pem")])
openssl("plain_key_hidden_certs", "-keypbe NONE", [known("rsa", "plaintext")])
# Certificates in clear: localKeyId ties the shrouded key to one of them.
openssl("clear_certs", "-certpbe NONE", [hidden("rsa", "strong", label="my rsa")], [f.cert("rsa.pem")])
openssl("clear_certs_chain", "-certpbe NONE -certfile ca.pem", [hidden("ec", "strong")], [f.cert("ec.pem"), f.cert("ca.pem")], base="ec")
openssl("no_name", "", [hidden("rsa", "strong")])
f.run("openssl pkcs12 -export -inkey rsa.key -in rsa.pem -passout pass: -out e.p12")
# Anybody can open an empty password, so how strong the scheme is says little: protection is not judged.
openssl("empty_password", "", [hidden("rsa", None)], password="-passout pass:")
openssl("empty_password_legacy", "-legacy", [hidden("rsa", None)], password="-passout pass:")
f.tool("no_cert.p12", f"{EXPORT} -nocerts -inkey rsa.key {P} -out no_cert.p12", [hidden("rsa", "strong")])
f.tool("cert_only.p12", f"{EXPORT} -nokeys -in chain.pem {P} -out cert_only.p12", [])
f.tool("cert_only_clear.p12", f"{EXPORT} -nokeys -in chain.pem -certpbe NONE -nomac -passout pass: -out cert_only_clear.p12", [], [f.cert("rsa.pem"), f.cert("ca.pem")])

# keytool.
JAVA = f"-storetype PKCS12 -storepass {PASS} -dname CN=k"
KEYTOOL_LEGACY = "-J-Dkeystore.pkcs12.legacy"


def keytool(stem, commands, aliases, protection, **more):
    for c in commands:
        f.run(f"{c} -keystore {stem}.p12")
    keys = []
    for alias in aliases:
        f.run(f"keytool -exportcert -rfc -alias {alias} -keystore {stem}.p12 -storepass {PASS} -file {stem}_{alias}.pem")
        keys.append(hidden(f"{stem}_{alias}", protection, label=alias))
    f.add(f"{stem}.p12", f.read(f"{stem}.p12"), "; ".join(f"{c} -keystore {stem}.p12" for c in commands), keys, **more)


keytool("keytool_rsa", [f"keytool -genkeypair -alias one -keyalg RSA -keysize 2048 {JAVA}"], ["one"], "strong")
keytool("keytool_ec", [f"keytool -genkeypair -alias one -keyalg EC -groupname secp256r1 {JAVA}"], ["one"], "strong")
keytool("keytool_dsa", [f"keytool -genkeypair -alias one -keyalg DSA -keysize 2048 {JAVA}"], ["one"], "strong")
keytool("keytool_two", [f"keytool -genkeypair -alias one -keyalg RSA -keysize 2048 {JAVA}", f"keytool -genkeypair -alias two -keyalg EC -groupname secp384r1 {JAVA}"], ["one", "two"], "strong")
# RC2-40 certificates, 3DES key at 50000 iterations: above the limit of what is called weak.
keytool("keytool_legacy", [f"keytool {KEYTOOL_LEGACY} -genkeypair -alias one -keyalg RSA -keysize 2048 {JAVA}"], ["one"], "strong")
keytool("keytool_secret_key", [f"keytool -genkeypair -alias one -keyalg EC -groupname secp256r1 {JAVA}", f"keytool -genseckey -alias hmac -keyalg AES -keysize 256 -storetype PKCS12 -storepass {PASS}"], ["one"], "strong")
f.tool("keytool_truststore.p12", f"keytool -importcert -noprompt -alias ca -file ca.pem -storetype PKCS12 -storepass {PASS} -keystore keytool_truststore.p12", [])

# GnuTLS.
f.path("certtool.cfg").write_text(f"pkcs12_key_name = gnutls\npassword = {PASS}\n")
for stem, options, grade in (("gnutls", "", "strong"), ("gnutls_3des", "--pkcs-cipher 3des-pkcs12", None), ("gnutls_aes256", "--pkcs-cipher aes-256", "strong")):
    f.tool(f"{stem}.p12", f"certtool --to-p12 --load-privkey rsa.key --load-certificate rsa.pem --p12-name gnutls --password {PASS} {options} --outder --outfile {stem}.p12", [hidden("rsa", grade)])
f.run(f"certtool --to-p12 --load-privkey rsa.key --load-certificate rsa.pem --p12-name gnutls --password {PASS} --outfile gnutls.pem")
f.add("gnutls.pem", f.read("gnutls.pem"), f"certtool --to-p12 --p12-name gnutls --password {PASS} --outfile gnutls.pem (PEM, label PKCS12)", [hidden("rsa", "strong")])

# NSS: BER with indefinite lengths and strings in segments.
f.run(f"mkdir db && certutil -N -d sql:db --empty-password && pk12util -i openssl_rsa.p12 -d sql:db -W {PASS} && pk12util -i openssl_ec.p12 -d sql:db -W {PASS}")
for base in ("rsa", "ec"):
    f.tool(f"nss_{base}.p12", f"pk12util -o nss_{base}.p12 -n 'my {base}' -d sql:db -W {PASS}", [hidden(base, "strong", label=f"my {base}")])
f.tool("nss_3des.p12", f"pk12util -o nss_3des.p12 -n 'my rsa' -d sql:db -W {PASS} -c 'PKCS #12 V2 PBE With SHA-1 And 3KEY Triple DES-CBC' -C 'PKCS #12 V2 PBE With SHA-1 And 40 Bit RC2 CBC'", [hidden("rsa", None)])
f.tool("nss_clear_certs.p12", f"pk12util -o nss_clear_certs.p12 -n 'my rsa' -d sql:db -W {PASS} -C none", [hidden("rsa", "strong")], [f.cert("rsa.pem")])

# Where they lie.
for stem in ("openssl_rsa", "plain", "nss_rsa"):
    raw_forms(f, f"raw_{stem}", f.read(f"{stem}.p12"), [known("rsa", "plaintext") if stem == "plain" else hidden("rsa", "strong")], stem, [f.cert("rsa.pem")] if stem == "plain" else ())
for stem in ("openssl_rsa", "nss_rsa"):
    f.add(f"base64_{stem}.txt", base64.encodebytes(f.read(f"{stem}.p12")), f"base64 {stem}.p12", [hidden("rsa", "strong")])
f.tool("two.bin", "cat openssl_rsa.p12 openssl_ec.p12 > two.bin", [hidden("rsa", "strong"), hidden("ec", "strong")])
f.finish()
