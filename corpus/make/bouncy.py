"""What the recipes of BouncyCastle's keystores share: keys with certificates, the program that writes stores, and keytool
with BouncyCastle's provider to say what is in them."""

import pathlib

from kit import PASS

JAR = "/usr/share/java/bcprov.jar"
PROGRAM = pathlib.Path(__file__).with_name("BcStores.java")
PROVIDER = f"-providerclass org.bouncycastle.jce.provider.BouncyCastleProvider -providerpath {JAR}"
V1 = "-Dorg.bouncycastle.bks.enable_v1=true"
KINDS = {"rsa": "rsa:2048", "ec": "ec -pkeyopt ec_paramgen_curve:P-256", "ec384": "ec -pkeyopt ec_paramgen_curve:P-384", "dsa": None}


def keys(f):
    """KIND.key, KIND.pem and KIND.p12 of every kind, a CA, and leaf.p12 with a chain of two."""
    f.run("openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=ca -days 30")
    f.run("openssl req -x509 -newkey rsa:2048 -nodes -keyout ca2.key -out ca2.pem -subj /CN=ca2 -days 30")
    f.run("openssl dsaparam -out dsa.params 2048")
    for kind, how in KINDS.items():
        how = how or "dsa:dsa.params"
        f.run(f"openssl req -x509 -newkey {how} -nodes -keyout {kind}.key -out {kind}.pem -subj '/O=corpus/CN={kind}' -days 30")
        f.run(f"openssl pkcs12 -export -inkey {kind}.key -in {kind}.pem -out {kind}.p12 -passout pass:{PASS}")
    f.run("openssl req -newkey rsa:2048 -nodes -keyout leaf.key -subj /CN=leaf | openssl x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -out leaf.pem")
    f.run(f"openssl pkcs12 -export -inkey leaf.key -in leaf.pem -certfile ca.pem -out leaf.p12 -passout pass:{PASS}")


def store(f, file, kind, entries, password=PASS, java=""):
    """Writes a store; returns what was run, without the paths of this machine."""
    java = f"{V1} {java}" if kind == "BKS-V1" else java
    f.run(f"java {java} -cp {JAR} {PROGRAM} {file} {kind} '{password}' {' '.join(entries)}")
    return f"java {java} BcStores.java {file} {kind} {password} {' '.join(entries)}"


def listed(f, file, kind, alias, password=PASS):
    """The certificates that keytool finds under an alias, as files; the first is the key's own."""
    v1 = f"-J{V1}" if kind == "BKS-V1" else ""
    f.run(f"keytool {v1} -list -rfc -alias {alias} -storetype {kind} -storepass '{password}' -keystore {file} {PROVIDER} > listed.txt")
    blocks = f.read("listed.txt").decode().split("-----BEGIN CERTIFICATE-----")[1:]
    names = []
    for number, block in enumerate(blocks):
        names.append(f"{file}.{alias}.{number}.pem")
        f.path(names[-1]).write_text("-----BEGIN CERTIFICATE-----" + block.split("-----END")[0] + "-----END CERTIFICATE-----\n")
    return names
