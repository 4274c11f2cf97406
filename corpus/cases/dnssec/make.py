"""DNSSEC key pairs by dnssec-keygen."""

import base64
import hashlib

from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from kit import Family
from occur import FORMS

f = Family("dnssec", "private and public key files of BIND, every algorithm that it makes")


def spki(record):
    """Of the DNSKEY record that dnssec-keygen wrote: RFC 3110, 6605 and 8080 by python cryptography and openssl."""
    words = next(l for l in record.splitlines() if not l.startswith(";")).split()
    at = words.index("DNSKEY")
    algorithm, raw = int(words[at + 3]), base64.b64decode("".join(words[at + 4 :]))
    if algorithm in (5, 7, 8, 10):
        size, rest = (raw[0], raw[1:]) if raw[0] else (int.from_bytes(raw[1:3], "big"), raw[3:])
        public = rsa.RSAPublicNumbers(int.from_bytes(rest[:size], "big"), int.from_bytes(rest[size:], "big")).public_key()
    elif algorithm in (13, 14):
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1() if algorithm == 13 else ec.SECP384R1(), b"\4" + raw)
    else:
        prefix = {15: "302a300506032b6570032100", 16: "3043300506032b6571033a00"}[algorithm]
        return hashlib.sha256(f.run("openssl pkey -pubin -inform DER -outform DER", bytes.fromhex(prefix) + raw)).hexdigest()
    return hashlib.sha256(public.public_bytes(ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo)).hexdigest()


kept = {}
for algorithm, options in (("RSASHA1", "-b 1024"), ("NSEC3RSASHA1", "-b 1024"), ("RSASHA256", "-b 2048"), ("RSASHA512", "-b 4096"), ("ECDSAP256SHA256", ""), ("ECDSAP384SHA384", ""), ("ED25519", ""), ("ED448", "")):
    for kind in ("", "-f KSK"):
        command = f"dnssec-keygen -q -a {algorithm} {options} {kind} example.com"
        stem = f.run(command).decode().strip()
        text, record = f.read(f"{stem}.private").decode(), f.read(f"{stem}.key").decode()
        key = dict(format="dnssec", protection="plaintext", spki_sha256=spki(record), _oracle=f"{stem}.key, which dnssec-keygen wrote beside it")
        f.add(f"{stem}.private", text, command, [key])
        f.add(f"{stem}.key", record, command, publics=[spki(record)], oracle="RFC 3110, 6605, 8080 by python cryptography")
        kept[algorithm + kind] = (text, key, record)
for name in ("json", "json_twice", "yaml_block", "yaml_escaped", "dotenv", "heredoc", "indented_tabs", "crlf", "no_newline"):
    suffix, what, form = FORMS[name]
    for algorithm in ("RSASHA256", "ECDSAP256SHA256"):
        text, key, _ = kept[algorithm]
        f.add(f"occur_{algorithm}.{name}.{suffix}", form(text), f"dnssec-keygen, then: {what}", [key])
both = kept["ED25519"][0] + "\n" + kept["RSASHA256"][0]
f.add("several.txt", both, "two files joined", [kept["ED25519"][1], kept["RSASHA256"][1]])
ttl = kept["ED25519-f KSK"][2].replace(" IN DNSKEY", " 3600 IN DNSKEY")
f.add("ttl.key", ttl, "dnssec-keygen -L 3600, by hand", publics=[spki(ttl)], oracle="RFC 8080")

silent = f.silent

text = kept["RSASHA256"][0]
lines = text.splitlines()
foreign = "\n".join(l if not l.startswith("Modulus") else kept["RSASHA512"][0].splitlines()[2] for l in lines)
f.add("other_numbers.private", foreign, "the modulus of another key: the primes sign", [kept["RSASHA256"][1]])
silent("cut.private", "\n".join(lines[:4]), "cut short")
silent("hsm.private", "Private-key-format: v1.3\nAlgorithm: 8 (RSASHA256)\nModulus: " + lines[2].split(": ")[1] + "\nPublicExponent: AQAB\nEngine: cGtjczExAA==\nLabel: cGtjczExOm9iamVjdD1rc2sA\n", "a key in an HSM")
silent("zeros.private", "Private-key-format: v1.3\nAlgorithm: 13 (ECDSAP256SHA256)\nPrivateKey: " + base64.b64encode(bytes(32)).decode() + "\n", "zeros")
silent("docs.md", "    Private-key-format: v1.2\n    Algorithm: 8 (RSASHA256)\n    Modulus: <base64>\n    PrivateExponent: ...\n", "documentation")
silent("source.c", '#define PRIVATE_KEY_STR "Private-key-format:"\n#define ALGORITHM_STR "Algorithm:"\nfprintf(fp, "Private-key-format: v%d.%d\\nAlgorithm: %d (%s)\\n", major, minor, alg, name);\n', "the source of BIND")
f.finish()
