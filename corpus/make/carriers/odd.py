"""Keys of odd spelling: armor that tools accept, rare algorithms, stores, rings, and what cannot be opened."""

import base64
import hashlib
import os
import re

from .core import Key, carrier, Drop

KIND = "keys: odd spelling"


def own(c, data, spki, place, pem=None):
    key = Key("custom", data, spki, pem)
    key.place = place
    c.keys.append(key)
    return key


def spki(c, path, extra=""):
    return hashlib.sha256(c.sh(f"openssl pkey -in {path} {extra} -pubout -outform DER")).hexdigest()


# name, pem -> text. openssl (or the sed named) has to load the result.
SPELL = [
    ("one-character-a-line", lambda h, b, t: h + "\n" + "\n".join(b) + "\n" + t + "\n"),
    (
        "wrapped-at-7",
        lambda h, b, t: h + "\n" + "\n".join(b[i : i + 7] for i in range(0, len(b), 7)) + "\n" + t + "\n",
    ),
    ("one-line-of-all", lambda h, b, t: h + "\n" + b + "\n" + t + "\n"),
    ("blank-line-between-each", lambda h, b, t: "\n\n".join([h, *wrap(b), t]) + "\n"),
    ("trailing-blanks", lambda h, b, t: "  \n".join([h, *wrap(b), t]) + "  \n"),
    ("leading-tabs", lambda h, b, t: "\n".join("\t" + x for x in [h, *wrap(b), t]) + "\n"),
    ("lower-case-markers", lambda h, b, t: "\n".join([h.lower(), *wrap(b), t.lower()]) + "\n"),
    ("no-padding", lambda h, b, t: "\n".join([h, *wrap(b.rstrip("=")), t]) + "\n"),
    ("url-safe-alphabet", lambda h, b, t: "\n".join([h, *wrap(b.replace("+", "-").replace("/", "_")), t]) + "\n"),
    ("four-dashes", lambda h, b, t: "\n".join([h[1:-1], *wrap(b), t[1:-1]]) + "\n"),
    (
        "em-dashes-of-word",
        lambda h, b, t: "\n".join(
            [h.replace("-----", "\u2014\u2014-"), *wrap(b), t.replace("-----", "\u2014\u2014-")]
        )
        + "\n",
    ),
    (
        "mixed-line-ends",
        lambda h, b, t: "".join(x + ["\n", "\r\n", "\r"][i % 3] for i, x in enumerate([h, *wrap(b), t])),
    ),
    (
        "header-lines-before-body",
        lambda h, b, t: "\n".join([h, 'Comment: "it\'s a `key`"', "X-Long: " + "y" * 3000, "", *wrap(b), t]) + "\n",
    ),
    ("body-begins-on-header-line", lambda h, b, t: h + b[:20] + "\n" + "\n".join(wrap(b[20:])) + t + "\n"),
    ("no-begin-line", lambda h, b, t: "\n".join([*wrap(b), t]) + "\n"),
    (
        "label-of-rsa-over-pkcs8",
        lambda h, b, t: "\n".join(
            [h.replace("PRIVATE", "RSA PRIVATE"), *wrap(b), t.replace("PRIVATE", "RSA PRIVATE")]
        )
        + "\n",
    ),
    (
        "label-unknown",
        lambda h, b, t: "\n".join(
            [h.replace("PRIVATE KEY", "SECRET KEY"), *wrap(b), t.replace("PRIVATE KEY", "SECRET KEY")]
        )
        + "\n",
    ),
    ("markers-without-dashes", lambda h, b, t: "\n".join([h.strip("-"), *wrap(b), t.strip("-")]) + "\n"),
    (
        "letters-spaced-markers",
        lambda h, b, t: "\n".join([h.replace(" ", "  "), *wrap(b), t.replace(" ", "  ")]) + "\n",
    ),
    (
        "underscores-in-markers",
        lambda h, b, t: "\n".join([h.replace(" ", "_"), *wrap(b), t.replace(" ", "_")]) + "\n",
    ),
    ("continuation-equals-before-each", lambda h, b, t: "\n".join([h, *("=" + x for x in wrap(b)), t]) + "\n"),
]


def wrap(b):
    return [b[i : i + 64] for i in range(0, len(b), 64)]


def register(name, spell):
    def make(c):
        for form in ("rsa", "p256"):
            key = c.key(form, form)
            rows = key.text.strip().split("\n")
            text = spell(rows[0], "".join(rows[1:-1]), rows[-1])
            key.file = f"{form}.pem"
            c.put(key.file, text)
            text = text.replace("\r\n", "\n").replace("\r", "\n")
            body = re.sub(
                r"(?m)^.*(BEGIN|begin|END|end|Comment|X-Long).*$",
                lambda m: m.group(0)[27:] if name.startswith("body-begins") and "BEGIN" in m.group(0) else "",
                text,
            )
            if name.startswith("body-begins"):
                body = "".join(rows[1:-1]) if "".join(rows[1:-1])[:20] in text else ""
            body = (
                "".join(body.replace("-", "+").replace("_", "/").split()) if "url" in name else "".join(body.split())
            )
            body = body.replace("=", "") if "equals" in name or "no-padding" in name else body
            c.prove(key, base64.b64decode(body + "=" * (-len(body) % 4)), "base64 between the markers, openssl")

    carrier(f"pem-{name}", KIND, "openssl")(make)


for row in SPELL:
    register(*row)

ALGORITHMS = [
    ("secp384r1", "-algorithm EC -pkeyopt ec_paramgen_curve:P-384"),
    ("secp521r1", "-algorithm EC -pkeyopt ec_paramgen_curve:P-521"),
    ("secp256k1", "-algorithm EC -pkeyopt ec_paramgen_curve:secp256k1"),
    ("brainpoolP256r1", "-algorithm EC -pkeyopt ec_paramgen_curve:brainpoolP256r1"),
    ("brainpoolP512t1", "-algorithm EC -pkeyopt ec_paramgen_curve:brainpoolP512t1"),
    ("prime192v1", "-algorithm EC -pkeyopt ec_paramgen_curve:prime192v1"),
    ("secp224r1", "-algorithm EC -pkeyopt ec_paramgen_curve:secp224r1"),
    ("sect283k1", "-algorithm EC -pkeyopt ec_paramgen_curve:sect283k1"),
    ("sect163k1", "-algorithm EC -pkeyopt ec_paramgen_curve:sect163k1"),
    ("sect571r1", "-algorithm EC -pkeyopt ec_paramgen_curve:sect571r1"),
    ("c2pnb163v1", "-algorithm EC -pkeyopt ec_paramgen_curve:c2pnb163v1"),
    ("explicit-p256", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit"),
    ("explicit-sect283r1", "-algorithm EC -pkeyopt ec_paramgen_curve:sect283r1 -pkeyopt ec_param_enc:explicit"),
    ("sm2", "-algorithm SM2"),
    ("ed448", "-algorithm ed448"),
    ("x25519", "-algorithm x25519"),
    ("x448", "-algorithm x448"),
    ("rsa-1024", "-algorithm RSA -pkeyopt rsa_keygen_bits:1024"),
    ("rsa-3-primes", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_primes:3"),
    ("rsa-e3", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3"),
    ("rsa-pss", "-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048"),
    (
        "rsa-pss-restricted",
        (
            "-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_pss_keygen_md:sha256 -pkeyopt"
            " rsa_pss_keygen_mgf1_md:sha256 -pkeyopt rsa_pss_keygen_saltlen:32"
        ),
    ),
]
for name, options in ALGORITHMS:

    def make(c, options=options):
        c.sh(f"openssl genpkey {options} -out k.pem 2>/dev/null; openssl pkey -in k.pem -outform DER -out k.der")
        digest = spki(c, "k.pem")
        for file in ("k.pem", "k.der"):
            data = (c.work / file).read_bytes()
            key = own(c, data, digest, file, (c.work / "k.pem").read_bytes())
            c.put(file, data)
            (
                c.prove(
                    key,
                    c.sh(f"openssl pkey -in {c.out}/{file} {'-inform DER' if file.endswith('der') else ''}"),
                    "openssl pkey",
                )
                if file == "k.pem"
                else c.prove(key, data, "openssl pkey")
            )

    carrier(f"alg-{name}", KIND, "openssl")(make)

# Other forms of a key: name, command that makes `k.out` of `k.pem` (RSA), command that reads it back to PEM, packages.
FORMS = [
    (
        "pvk",
        "openssl rsa -in k.pem -outform PVK -pvk-none -out k.out 2>/dev/null",
        "openssl rsa -inform PVK -in k.out",
        "openssl",
    ),
    (
        "msblob",
        "openssl rsa -in k.pem -outform MSBLOB -out k.out 2>/dev/null",
        "openssl rsa -inform MSBLOB -in k.out",
        "openssl",
    ),
    (
        "ppk2",
        (
            "openssl rsa -traditional -in k.pem -out t.pem 2>/dev/null; puttygen t.pem -O private --ppk-param"
            " version=2 -o k.out"
        ),
        "puttygen k.out -O private-openssh -o o; cat o",
        "putty-tools",
    ),
    (
        "ppk3",
        "openssl rsa -traditional -in k.pem -out t.pem 2>/dev/null; puttygen t.pem -O private -o k.out",
        "puttygen k.out -O private-openssh -o o; cat o",
        "putty-tools",
    ),
    (
        "sshcom",
        "openssl rsa -traditional -in k.pem -out t.pem 2>/dev/null; puttygen t.pem -O private-sshcom -o k.out",
        "puttygen k.out -O private-openssh -o o; cat o",
        "putty-tools",
    ),
    (
        "p12-legacy-rc2",
        (
            "openssl req -x509 -key k.pem -subj /CN=k -out c; openssl pkcs12 -export -legacy -inkey k.pem -in c"
            " -passout pass: -out k.out"
        ),
        "openssl pkcs12 -legacy -in k.out -nocerts -noenc -passin pass:",
        "openssl",
    ),
    (
        "p12-no-encryption",
        (
            "openssl req -x509 -key k.pem -subj /CN=k -out c; openssl pkcs12 -export -keypbe NONE -certpbe NONE"
            " -nomac -inkey k.pem -in c -passout pass: -out k.out"
        ),
        "openssl pkcs12 -in k.out -nocerts -noenc -passin pass: -nomacver",
        "openssl",
    ),
    (
        "p12-chacha-like-aria",
        (
            "openssl req -x509 -key k.pem -subj /CN=k -out c; openssl pkcs12 -export -keypbe aria-256-cbc -certpbe"
            " camellia-128-cbc -inkey k.pem -in c -passout pass: -out k.out"
        ),
        "openssl pkcs12 -in k.out -nocerts -noenc -passin pass:",
        "openssl",
    ),
    ("text-dump-of-openssl", "openssl pkey -in k.pem -text -noout > k.out", "cat k.pem", "openssl"),
    (
        "asn1parse-dump",
        "openssl rsa -traditional -in k.pem 2>/dev/null | openssl asn1parse > k.out",
        "cat k.pem",
        "openssl",
    ),
    ("asn1parse-hexdump-i", "openssl pkey -in k.pem | openssl asn1parse -i -dump > k.out", "cat k.pem", "openssl"),
    (
        "xml-rsakeyvalue-like-text-modulus",
        "openssl rsa -in k.pem -noout -text -modulus > k.out",
        "cat k.pem",
        "openssl",
    ),
    (
        "dnssec-private",
        "dnssec-keygen -q -a RSASHA256 -b 2048 -K . example.org >/dev/null; cat K*.private > k.out",
        None,
        "bind9-utils",
    ),
    (
        "pem-with-bag-attributes",
        (
            "openssl req -x509 -key k.pem -subj /CN=k -out c; openssl pkcs12 -export -inkey k.pem -in c -name 'x y'"
            " -passout pass: | openssl pkcs12 -noenc -passin pass: > k.out"
        ),
        "cat k.out",
        "openssl",
    ),
    ("pkcs8-version-2-odd", None, None, "openssl"),
]
for name, there, back, package in FORMS:

    def make(c, name=name, there=there, back=back):
        c.sh("openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out k.pem 2>/dev/null")
        if name == "pkcs8-version-2-odd":
            der = bytearray(c.sh("openssl pkey -in k.pem -outform DER"))
            der = bytearray(c.sh("openssl pkcs8 -topk8 -nocrypt -in k.pem -outform DER"))
            at = der.index(b"\x02\x01\x00\x30")
            der[at + 2] = 5
            (c.work / "k.out").write_bytes(der)
            if c.sh("openssl pkey -inform DER -in k.out -pubout -outform DER", ok=None) == b"":
                raise Drop("openssl does not load this version")
            key = own(c, bytes(der), spki(c, "k.pem"), name)
            c.put("k.bin", bytes(der))
            c.prove(key, bytes(der), "openssl pkey")
            return
        c.sh(there)
        data = (c.work / "k.out").read_bytes()
        if name == "dnssec-private":
            fields = dict(l.split(": ", 1) for l in data.decode().splitlines() if ": " in l)
            number = {
                k: int.from_bytes(base64.b64decode(v), "big")
                for k, v in fields.items()
                if k in ("Modulus", "PublicExponent")
            }
            (c.work / "p.cnf").write_text(
                f"asn1=SEQUENCE:s\n[s]\na=SEQUENCE:alg\nb=BITWRAP,SEQUENCE:k\n[alg]\no=OID:rsaEncryption\nn=NULL\n[k]\nn=INTEGER:{number['Modulus']}\ne=INTEGER:{number['PublicExponent']}\n"
            )
            digest = hashlib.sha256(
                c.sh(
                    "openssl asn1parse -genconf p.cnf -noout -out p.der; openssl pkey -pubin -inform DER -in p.der"
                    " -pubout -outform DER"
                )
            ).hexdigest()
            key = own(c, data, digest, name)
            c.put("Kexample.org.+008+1.private", data)
            c.prove(key, data, "dnssec-keygen's own file, SPKI by openssl")
            return
        key = own(c, data, spki(c, "k.pem"), name, (c.work / "k.pem").read_bytes())
        c.put("k.bin", data)
        (c.work / "b.pem").write_bytes(c.sh(back))
        if spki(c, "b.pem") != key.spki:
            raise Drop("does not read back")
        key.proofs.append(back.split()[0] + " " + back.split()[1])

    carrier(f"form-{name}", KIND, package + (" openssl" if package != "openssl" else ""))(make)


for algo in ("rsa2048", "ed25519"):
    for armor in (False, True):

        def make(c, algo=algo, armor=armor):
            key = c.key(f"pgp:{algo}", "ring")
            c.put("k.bin" if not armor else "k.asc", key.data if not armor else armored(c, key.data))
            c.sh(
                "mkdir -m 700 g; gpg --homedir g --batch -q --import-options show-only --import < "
                + str(c.out / ("k.bin" if not armor else "k.asc"))
                + "; gpgconf --homedir g --kill all",
                ok=None,
            )
            c.prove(key, key.data, "gpg --import")

        carrier(f"pgp-{algo}-{'armor' if armor else 'binary'}", KIND, "gpg")(make)


def armored(c, data):
    return (
        c.sh("gpg --batch --enarmor", data)
        .decode()
        .replace("PGP ARMORED FILE", "PGP PRIVATE KEY BLOCK")
        .replace(
            'Comment: Use "gpg --dearmor" for unpacking\n',
            'Comment: it\'s `quoted` "here"\nX-Long: ' + "z" * 500 + "\n",
        )
    )


@carrier("pgp-unknown-packet-first", KIND, "gpg")
def pgp_unknown(c):
    one, two = c.key("pgp:rsa2048", "first"), c.key("pgp:rsa2048", "second")
    c.put("k.bin", one.data + bytes([0xFD, 5]) + b"hello" + bytes([0xC0 | 60, 20]) + os.urandom(20) + two.data)
    c.prove(one, (c.out / "k.bin").read_bytes(), "gpg for each ring before they were joined")
    c.prove(two, (c.out / "k.bin").read_bytes(), "gpg for each ring before they were joined")


@carrier("p12-password-in-properties-beside", KIND, "openssl")
def p12_beside(c):
    key = c.key("p12:pass", "store")
    c.put("app/release.p12", key.data)
    c.put("app/signing.properties", f"storeFile=release.p12\nstorePassword={key.password}\nkeyAlias=k\n")
    c.sh(f"openssl pkcs12 -in {c.out}/app/release.p12 -passin pass:{key.password} -nocerts -noenc >/dev/zero")
    c.prove(key, key.data, "openssl pkcs12")


@carrier("p12-password-in-script-beside-in-tar", KIND, "openssl tar")
def p12_tar(c):
    key = c.key("p12:pass", "store")
    (c.work / "d").mkdir()
    (c.work / "d/k.p12").write_bytes(key.data)
    (c.work / "d/sign.sh").write_text(
        f"#!/bin/sh\nosslsigncode sign -pkcs12 k.p12 -pass {key.password} -in a -out b\n"
    )
    c.sh(f"openssl pkcs12 -in d/k.p12 -passin pass:{key.password} -nocerts -noenc >/dev/zero; tar -czf f.tgz d")
    c.prove(key, c.sh("tar -xzOf f.tgz d/k.p12"), "tar, openssl pkcs12")
    c.take("f.tgz")


@carrier("jks-password-in-gradle-beside", KIND, "openjdk-17-jre-headless")
def jks(c):
    word = "Q" + os.urandom(6).hex()
    c.sh(
        f"keytool -genkeypair -keystore k.jks -storetype JKS -storepass {word} -keypass {word} -dname CN=k -alias a"
        f" -keyalg RSA -keysize 2048 2>/dev/null; keytool -importkeystore -srckeystore k.jks -srcstorepass {word}"
        f" -destkeystore o.p12 -deststoretype PKCS12 -deststorepass {word} 2>/dev/null; openssl pkcs12 -in o.p12"
        f" -passin pass:{word} -nocerts -noenc -out k.pem"
    )
    key = own(c, (c.work / "k.jks").read_bytes(), spki(c, "k.pem"), "JKS")
    c.put("app/k.jks", key.data)
    c.put(
        "app/build.gradle",
        f"android {{ signingConfigs {{ release {{ storeFile file('k.jks')\n storePassword '{word}'\n keyAlias 'a'\n"
        f" keyPassword '{word}' }} }} }}\n",
    )
    c.prove(key, (c.out / "app/k.jks").read_bytes(), "keytool, openssl")


LOCKED = [
    ("legacy-dek-aes", "openssl rsa -traditional -aes256 -passout pass:Zz9kQ2 -in k.pem 2>/dev/null", None),
    (
        "dek-unknown-cipher",
        (
            "openssl rsa -traditional -aes256 -passout pass:Zz9kQ2 -in k.pem 2>/dev/null | sed"
            " 's/AES-256-CBC/FOO-512-XYZ/'"
        ),
        None,
    ),
    ("pkcs8-scrypt", "openssl pkcs8 -topk8 -scrypt -passout pass:Zz9kQ2 -in k.pem", None),
    ("pkcs8-pbes2-aria", "openssl pkcs8 -topk8 -v2 aria256 -passout pass:Zz9kQ2 -in k.pem", None),
    ("openssl-enc-salted", "openssl enc -aes-256-cbc -pbkdf2 -pass pass:Zz9kQ2 -in k.pem 2>/dev/null", None),
    (
        "openssl-enc-salted-base64",
        "openssl enc -aes-256-cbc -pbkdf2 -a -pass pass:Zz9kQ2 -in k.pem 2>/dev/null",
        None,
    ),
    ("gpg-symmetric", "gpg --batch --homedir g --pinentry-mode loopback --passphrase Zz9kQ2 -c -o - k.pem", None),
    (
        "gpg-symmetric-armor",
        "gpg --batch --homedir g --pinentry-mode loopback --passphrase Zz9kQ2 -a -c -o - k.pem",
        None,
    ),
    ("cms-password", "openssl cms -encrypt -pwri_password Zz9kQ2 -aes256 -outform PEM -in k.pem", None),
    (
        "openssh-bcrypt",
        "cp k.pem l.pem; chmod 600 l.pem; ssh-keygen -q -p -N Zz9kQ2 -f l.pem >/dev/null; cat l.pem",
        None,
    ),
]
for name, there, _ in LOCKED:

    def make(c, name=name, there=there):
        c.sh("mkdir -m 700 g; openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out k.pem 2>/dev/null")
        data = c.sh(there)
        c.sh("gpgconf --homedir g --kill all", ok=None)
        key = own(c, data, spki(c, "k.pem"), name)
        c.put("k.bin", data)
        c.prove(key, data, "the tool that locked it")

    carrier(f"locked-{name}", "keys: locked", "openssl gpg openssh-client", locked=True)(make)
