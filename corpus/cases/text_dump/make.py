"""Keys printed for people."""

import functools
import json

from cryptography.hazmat.primitives.asymmetric import ec as curves

import signs
from kit import Family, der_of

f = Family("text_dump", "openssl -text and certtool dumps: RSA, DSA, EC, Edwards and Montgomery curves")
KINDS = {
    "rsa1024": "openssl genrsa -out rsa1024.pem 1024", "rsa2048": "openssl genrsa -out rsa2048.pem 2048", "rsa4096": "openssl genrsa -out rsa4096.pem 4096",
    "rsa_e3": "openssl genrsa -3 -out rsa_e3.pem 2048", "rsa_primes3": "openssl genrsa -primes 3 -out rsa_primes3.pem 2048",
    "dsa1024": "openssl dsaparam -out p1.pem 1024 && openssl genpkey -paramfile p1.pem -out dsa1024.pem",
    "dsa2048": "openssl dsaparam -out p2.pem 2048 && openssl genpkey -paramfile p2.pem -out dsa2048.pem",
    **{a.lower(): f"openssl genpkey -algorithm {a} -out {a.lower()}.pem" for a in ("ED25519", "ED448", "X25519", "X448")},
    **{f"ec_{c.replace('-', '')}": f"openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:{c} -out ec_{c.replace('-', '')}.pem"
       for c in ("P-224", "P-256", "P-384", "P-521", "secp256k1", "brainpoolP256r1", "brainpoolP512t1")},
    "sm2": "openssl genpkey -algorithm SM2 -out sm2.pem",
}
texts = {}
for stem, make in KINDS.items():
    f.run(make)
    row = f.key(f"{stem}.pem", "text_dump")
    f.run(f"openssl pkey -in {stem}.pem -text -noout > {stem}.txt")
    texts[stem] = f.read(f"{stem}.txt").decode()
    f.add(f"{stem}.txt", texts[stem], f"{make}; openssl pkey -text -noout", [row])
f.run("openssl ec -in ec_P256.pem -param_enc explicit -text -noout > ec_explicit.txt")
f.add("ec_explicit.txt", f.read("ec_explicit.txt"), "openssl ec -param_enc explicit -text", [f.key("ec_P256.pem", "text_dump")])
f.run("openssl ec -in ec_P384.pem -conv_form compressed -text -noout > ec_compressed.txt")
f.add("ec_compressed.txt", f.read("ec_compressed.txt"), "openssl ec -conv_form compressed -text", [f.key("ec_P384.pem", "text_dump")])
f.run("openssl rsa -in rsa2048.pem -text > rsa_and_pem.txt")
f.add("rsa_and_pem.txt", f.read("rsa_and_pem.txt"), "openssl rsa -text", [f.key("rsa2048.pem", "text_dump"), f.key("rsa2048.pem", "pkcs8")])
for kind in ("rsa", "dsa", "ecdsa", "ed25519", "ed448"):
    f.run(f"certtool --generate-privkey --key-type={kind} --sec-param medium --outfile gnutls_{kind}.txt")
    text = f.read(f"gnutls_{kind}.txt").decode()
    label = text.split("-----BEGIN ")[1].split("-----")[0]
    format = {"RSA PRIVATE KEY": "pkcs1", "EC PRIVATE KEY": "sec1", "DSA PRIVATE KEY": "dsa"}.get(label, "pkcs8")
    f.add(f"gnutls_{kind}.txt", text, f"certtool --generate-privkey --key-type={kind}", [f.key(f"gnutls_{kind}.txt", "text_dump"), f.key(f"gnutls_{kind}.txt", format)])
    f.add(f"gnutls_{kind}_no_pem.txt", text.split("-----BEGIN")[0], f"certtool --generate-privkey --key-type={kind}, without its PEM block", [f.key(f"gnutls_{kind}.txt", "text_dump")])

row = f.key("rsa2048.pem", "text_dump")
text = texts["rsa2048"]
ec, ec_row = texts["ec_P256"], f.key("ec_P256.pem", "text_dump")
for name, change, how in (
    ("crlf.txt", lambda t: t.replace("\n", "\r\n"), "CRLF"),
    ("indented.md", lambda t: "    " + t.replace("\n", "\n    "), "indented"),
    ("quoted.eml", lambda t: "> " + t.replace("\n", "\n> "), "quoted in mail"),
    ("comment.sh", lambda t: "# " + t.replace("\n", "\n# "), "behind comment signs"),
    ("log.json", lambda t: json.dumps({"message": t, "level": "info"}), "in a JSON string"),
    ("upper.txt", lambda t: "".join(l if "e" in l and "x" in l else l.upper() if l.startswith("   ") else l for l in t.splitlines(True)), "hex in upper case"),
):
    f.add(f"rsa_{name}", change(text), f"openssl pkey -text, {how}", [row])
    f.add(f"ec_{name}", change(ec), f"openssl pkey -text, {how}", [ec_row])
f.add("rsa_no_header.txt", text.split("\n", 1)[1], "openssl pkey -text without its first line", [row])
f.add("rsa_no_primes.txt", text.split("prime1:")[0], "openssl pkey -text, cut behind the private exponent", [row])
f.add("several.txt", text + "\n" + ec + "\nand so on\n" + texts["ed25519"], "three dumps in one file", [row, ec_row, f.key("ed25519.pem", "text_dump")])

silent = functools.partial(f.silent, made="made by hand", oracle="made by hand")

f.run("openssl pkey -in rsa2048.pem -pubout -text -noout > pub.txt; openssl pkey -in rsa2048.pem -text_pub -noout > pub.txt")
silent("near_public.txt", f.read("pub.txt"), "a dump of the public key")
f.run("openssl req -x509 -key rsa2048.pem -subj /CN=x -days 1 -text -out crt.txt")
silent("near_certificate.txt", f.read("crt.txt").decode().split("-----BEGIN")[0], "a dump of a certificate")
silent("near_masked.txt", text.replace(text.split("privateExponent:")[1].split("prime1")[0], "\n    xx:xx:xx\n"), "masked")
silent("near_docs.md", "Private-Key: (2048 bit, 2 primes)\nmodulus:\n    00:b5:...\npublicExponent: 65537 (0x10001)\nprivateExponent:\n    ...\n", "documentation")
# A private number signs beside any public one, be it of another key or none of the curve.
number = lambda text: bytes.fromhex("".join(text.split("priv:")[1].split("pub:")[0].replace(":", "").split()))
another = lambda algorithm: f.run(f"openssl genpkey -algorithm {algorithm} | openssl pkey -text -noout").decode().split("pub:")[1]
scalar = signs.of_scalar(int.from_bytes(number(ec), "big"), curves.SECP256R1())
seed = signs.of_seed(number(texts["ed25519"]))
for file, text, digest in (
    ("near_wrong.txt", ec.replace("pub:\n    04:", "pub:\n    05:"), scalar),
    ("near_other_point.txt", ec.split("pub:")[0] + "pub:" + another("EC -pkeyopt ec_paramgen_curve:P-256"), scalar),
    ("near_other_half.txt", texts["ed25519"].split("pub:")[0] + "pub:" + another("ED25519"), seed),
):
    f.add(file, text, "made by hand", [signs.row("text_dump", digest)], oracle=signs.ORACLE)
silent("near_no_curve.txt", ec.replace("pub:\n    04:", "pub:\n    ").split("ASN1")[0], "a point of no size, and a curve that has no name")
silent("near_headers.http", "X-Private-Key: none\nPrivate-Key: 42\nprivateExponent: see below\nKey Security Level: Medium\n", "the words alone")
silent("near_zero.txt", "ED25519 Private-Key:\npriv:\n    " + ":".join(["00"] * 32) + "\npub:\n    3b:6a:27:bc:ce:b6:a4:2d:62:a3:a8:d0:2a:6f:0d:73:65:32:15:77:1d:e2:43:a6:3a:c0:48:a1:8b:59:da:29\n", "a seed of zeros with the public key that belongs to it")
silent("near_counting.txt", "Private-Key: (256 bit)\npriv:\n" + "".join(f"    {':'.join(f'{b:02x}' for b in range(i, i + 15))}:\n" for i in (0, 15)) + "    1e:1f\npub:\n    04:00\n", "numbers that count up")
f.finish()
