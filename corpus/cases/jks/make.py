"""JKS and JCEKS keystores by keytool."""

import base64

from kit import PASS, Family, noise
from occur import raw_forms

f = Family("jks", "JKS and JCEKS keystores by keytool: RSA, DSA and EC keys, chains, several entries, trust stores, secret keys")
GRADE = {"JKS": "weak", "JCEKS": "strong"}


def store(stem, kind, commands, aliases, extra=()):
    """Runs keytool for each command on one store, then asks keytool for the certificates."""
    opts = f"-storetype {kind} -storepass {PASS} -keystore {stem}"
    for c in commands:
        f.run(f"keytool {c} {opts} 2>&1")
    keys, certs = [], []
    for alias, entry in aliases.items():
        f.run(f"keytool -list -rfc -alias {alias} {opts} 2>/dev/null > {stem}.{alias}.chain")
        text = f.read(f"{stem}.{alias}.chain").decode()
        blocks = ["-----BEGIN CERTIFICATE-----" + b.split("-----END")[0] + "-----END CERTIFICATE-----\n" for b in text.split("-----BEGIN CERTIFICATE-----")[1:]]
        for i, block in enumerate(blocks):
            f.path(f"{stem}.{alias}.{i}.pem").write_text(block)
            certs.append(f.cert(f"{stem}.{alias}.{i}.pem"))
        if entry == "key":
            keys.append(f.cert_key(f"{stem}.{alias}.0.pem", "jks", protection=GRADE[kind], alias=alias))
    made = "; ".join(f"keytool {c} {opts}" for c in commands)
    f.add(stem, f.read(stem), made, keys, certs)
    return keys, certs


DN = f"-dname CN=k,O=corpus -validity 365 -keypass {PASS}"
GEN = {
    "rsa": f"-genkeypair -keyalg RSA -keysize 2048 {DN}", "rsa4096": f"-genkeypair -keyalg RSA -keysize 4096 {DN}", "dsa": f"-genkeypair -keyalg DSA -keysize 2048 {DN}",
    "ec": f"-genkeypair -keyalg EC -groupname secp256r1 {DN}", "ec384": f"-genkeypair -keyalg EC -groupname secp384r1 {DN}",
    "ec521": f"-genkeypair -keyalg EC -groupname secp521r1 {DN}", "ed": f"-genkeypair -keyalg Ed25519 {DN}", "pss": f"-genkeypair -keyalg RSASSA-PSS -keysize 2048 {DN}",
}
f.run("openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=ca -days 30; openssl req -x509 -newkey rsa:2048 -nodes -keyout ca2.key -out ca2.pem -subj /CN=ca2 -days 30")
kept = {}
for kind, ext in (("JKS", "jks"), ("JCEKS", "jceks")):
    for stem, gen in GEN.items():
        kept[f"{stem}.{ext}"] = store(f"{stem}.{ext}", kind, [f"{gen} -alias {stem}"], {stem: "key"})
    kept[f"several.{ext}"] = store(f"several.{ext}", kind, [f"{GEN['rsa']} -alias release", f"{GEN['ec']} -alias upload", f"{GEN['dsa']} -alias old",
                      "-importcert -noprompt -alias root -file ca.pem"], {"release": "key", "upload": "key", "old": "key", "root": "cert"})
    store(f"trust.{ext}", kind, ["-importcert -noprompt -alias root -file ca.pem", "-importcert -noprompt -alias root2 -file ca2.pem"], {"root": "cert", "root2": "cert"})
    # Alias outside ASCII, and a chain of two.
    store(f"alias.{ext}", kind, [f"{GEN['ec']} -alias schlüssel"], {"schlüssel": "key"})
    chain = f"keytool -certreq -alias leaf -storetype {kind} -storepass {PASS} -keystore chain.{ext} | openssl x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -out leaf_{ext}.pem"
    opts = f"-storetype {kind} -storepass {PASS} -keystore chain.{ext}"
    f.run(f"keytool {GEN['rsa']} -alias leaf {opts} && {chain} && cat leaf_{ext}.pem ca.pem > both_{ext}.pem && keytool -importcert -noprompt -trustcacerts -alias leaf -file both_{ext}.pem -keypass {PASS} {opts}")
    f.add(f"chain.{ext}", f.read(f"chain.{ext}"), f"keytool {GEN['rsa']} -alias leaf {opts}; {chain}; keytool -importcert",
          [f.cert_key(f"leaf_{ext}.pem", "jks", protection=GRADE[kind], alias="leaf")], [f.cert(f"leaf_{ext}.pem"), f.cert("ca.pem")])
store("secret.jceks", "JCEKS", [f"-genseckey -keyalg HmacSHA256 -keysize 256 -alias hmac -keypass {PASS}"], {})
store("secret_and_key.jceks", "JCEKS", [f"-genseckey -keyalg AES -keysize 256 -alias aes -keypass {PASS}", f"{GEN['rsa']} -alias k"], {"k": "key"})
# The debug keystore of Android has well-known names and password.
android = "keytool -genkeypair -keyalg RSA -keysize 2048 -validity 10000 -storetype JKS -keystore debug.keystore -alias androiddebugkey -storepass android -keypass android -dname 'CN=Android Debug,O=Android,C=US'"
f.run(android)
f.run("keytool -exportcert -rfc -alias androiddebugkey -keystore debug.keystore -storepass android -file debug.pem")
f.add("debug.keystore", f.read("debug.keystore"), android, [f.cert_key("debug.pem", "jks", protection="weak", alias="androiddebugkey")], [f.cert("debug.pem")])

for stem in ("rsa.jks", "several.jks", "ec.jceks"):
    keys, certs = kept[stem]
    raw_forms(f, f"raw_{stem}", f.read(stem), keys, stem, certs)
    f.add(f"base64_{stem}.txt", base64.encodebytes(f.read(stem)), f"base64 {stem}", keys, certs)
f.finish()
