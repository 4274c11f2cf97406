"""Private keys as gpg-agent and Guix keep them."""

import hashlib
import os
import re

from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

import signs
from kit import PASS, Family

f = Family("gnupg_agent", "private-keys-v1.d of gpg-agent in both encodings, protected and not, by gpg and gpgsm; Guix and card stubs by hand")
CURVES = {"nistp256": ec.SECP256R1(), "nistp384": ec.SECP384R1(), "nistp521": ec.SECP521R1(), "secp256k1": ec.SECP256K1(), "brainpoolP256r1": ec.BrainpoolP256R1()}
RAW = {"ed25519": ("302a300506032b6570032100", 32), "cv25519": ("302a300506032b656e032100", 32)}


def home(name, agent=""):
    path = f.path(name)
    path.mkdir(mode=0o700)
    (path / "gpg-agent.conf").write_text(agent + "\nallow-loopback-pinentry\n")
    return path


def gpg(where, arguments, password="", data=None):
    return f.run(f"gpg --homedir {where} --batch --yes --no-tty --pinentry-mode loopback --passphrase '{password}' {arguments}", data)


def spki(algorithm, curve, numbers):
    """SPKI of the public numbers that gpg lists."""
    n = lambda i: int(numbers[i], 16)
    if algorithm == "1":
        public = rsa.RSAPublicNumbers(n(1), n(0)).public_key()
    elif algorithm == "17":
        public = dsa.DSAPublicNumbers(n(3), dsa.DSAParameterNumbers(n(0), n(1), n(2))).public_key()
    elif curve in RAW:
        prefix, length = RAW[curve]
        der = bytes.fromhex(prefix + numbers[1][-2 * length :])
        return hashlib.sha256(f.run("openssl pkey -pubin -inform DER -outform DER", der)).hexdigest()
    elif curve in CURVES:
        public = ec.EllipticCurvePublicKey.from_encoded_point(CURVES[curve], bytes.fromhex(numbers[1]))
    else:
        return None
    return hashlib.sha256(public.public_bytes(ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def listed(where):
    """keygrip -> SPKI, for every key of a home."""
    out, key, numbers = {}, None, {}
    for line in gpg(where, "--with-colons --with-key-data --with-keygrip -K").decode().splitlines() + ["sec:end"]:
        field = line.split(":")
        if field[0] in ("sec", "ssb"):
            if key:
                out[key["grip"]] = spki(key["algorithm"], key["curve"], numbers)
            key = dict(algorithm=field[3], curve=field[16], grip=None) if len(field) > 16 else None
            numbers = {}
        elif field[0] == "grp" and key:
            key["grip"] = field[9]
        elif field[0] == "pkd":
            numbers[int(field[1])] = field[3]
    return out


def row(public, protection, where, **more):
    oracle = f"gpg --homedir {where} --with-colons --with-key-data --with-keygrip -K; the SPKI of these numbers by python cryptography"
    return dict(format="gnupg_agent", protection=protection, spki_sha256=public, _oracle=oracle, **more)


def add(where, made, protection, stem):
    for grip, public in sorted(listed(where).items()):
        data = (f.path(where) / "private-keys-v1.d" / f"{grip}.key").read_bytes()
        # ElGamal has no SPKI: whatever name it goes by.
        f.add(f"{stem}.{grip[:6]}.key", data, made, [row(public, protection, where)] if public else [dict(format="gnupg_agent", protection=protection, opaque=True, _oracle="gpg -K lists it as ElGamal")])


KINDS = ["rsa2048", "ed25519 cert", "nistp256", "nistp384", "nistp521", "secp256k1", "brainpoolP256r1", "dsa2048"]
OLD = "disable-extended-key-format"
for where, agent, password, protection in (
    ("plain", "", "", "plaintext"), ("canonical", OLD, "", "plaintext"), ("locked", "", PASS, "strong"), ("locked_canonical", OLD, PASS, "strong"), ("locked_weak", "s2k-count 65536", PASS, "weak"),
):
    home(where, agent)
    kinds = KINDS if where in ("plain", "canonical") else ["rsa2048", "ed25519 cert", "nistp256", "dsa2048"] if protection == "strong" else ["ed25519"]
    for kind in kinds:
        gpg(where, f"--quick-generate-key 'k {kind} <k@example.org>' {kind} {'' if 'cert' in kind else 'sign'} never".replace("  ", " "), password)
    first = re.search(r"^fpr:+([0-9A-F]+):", gpg(where, "--with-colons -k 'k ed25519'").decode(), re.M).group(1)
    gpg(where, f"--quick-add-key {first} cv25519 encr never", password)
    first = re.search(r"^fpr:+([0-9A-F]+):", gpg(where, "--with-colons -k").decode(), re.M).group(1)
    if where != "locked_weak":
        gpg(where, f"--quick-add-key {first} elg2048 encr never" if where == "plain" else f"--quick-add-key {first} rsa2048 encr never", password)
    add(where, f"gpg --quick-generate-key, gpg-agent with {agent or 'its defaults'}, passphrase '{password}'", protection, where)

# An encrypted key that was imported and never used keeps the protection of its packet.
home("exported")
gpg("exported", "--quick-generate-key 'k native <n@example.org>' ed25519 sign never", PASS)
gpg("exported", "--export-secret-keys > native.gpg", PASS)
home("native")
f.run("gpg --homedir native --batch --yes --no-tty --import native.gpg")
add("native", "gpg --batch --import of an encrypted key", "strong", "native")

# S/MIME.
home("smime")
f.path("smime.txt").write_text("Key-Type: RSA\nKey-Length: 2048\nKey-Usage: sign\nName-DN: CN=k\nSerial: random\nNot-After: 2040-01-01\n")
f.run("gpgsm --homedir smime --batch --pinentry-mode loopback --passphrase-fd 0 --gen-key smime.txt > smime.csr", f"{PASS}\n{PASS}\n".encode())
public = f.run("openssl x509 -in smime.csr -noout -pubkey 2>/dev/null | openssl pkey -pubin -outform DER || openssl req -in smime.csr -noout -pubkey | openssl pkey -pubin -outform DER")
grips = list((f.path("smime") / "private-keys-v1.d").glob("*.key"))
f.add("smime.key", grips[0].read_bytes(), "gpgsm --gen-key", [dict(format="gnupg_agent", protection="strong", spki_sha256=hashlib.sha256(public).hexdigest(), _oracle="openssl, of the request that gpgsm wrote")])

# As the documents say it, from real numbers: a card's stub (GnuPG agent/keyformat.txt) and Guix' file (guix archive --generate-key).
found = listed("plain")
texts = {grip: (f.path("plain") / "private-keys-v1.d" / f"{grip}.key").read_text() for grip in found}
ed = next(grip for grip, text in texts.items() if "Ed25519" in text)
rsa_grip = next(grip for grip, text in texts.items() if "(rsa" in text)
q, d = (re.search(rf"\({name}\s+#([0-9A-F\s]+)#\)", texts[ed]).group(1) for name in "qd")
join = lambda digits: "".join(digits.split())
f.add("guix_signing-key.sec", f"(key-data\n (public-key \n  (ecc \n   (curve Ed25519)\n   (flags eddsa)\n   (q #{join(q)[2:]}#)\n   )\n  )\n (private-key \n  (ecc \n   (curve Ed25519)\n   (flags eddsa)\n   (q #{join(q)[2:]}#)\n   (d #{join(d)}#)\n   )\n  )\n )\n",
      "by hand from gpg-agent's numbers: guix archive --generate-key", [row(found[ed], "plaintext", "plain", label="key-data")])
n, e = (re.search(rf"\({name}\s+#([0-9A-F\s]+)#\)", texts[rsa_grip]).group(1) for name in "ne")
f.add("card.key", f"Created: 20261120T195947\nToken: D2760001240103040006123456780000 OPENPGP.1 - 12345678\nKey: (shadowed-private-key (rsa (n #{n}#)(e #{e}#)(shadowed t1-v1\n  (#D2760001240103040006123456780000#\n  OPENPGP.1))))\n",
      "by hand from gpg-agent's numbers: a card's stub", [row(found[rsa_grip], "stub", "plain", stub=True)])
f.add("labelled.key", "Label: release 2026\nUse-for-ssh: yes\n" + texts[ed], "gpg, with a label of gpg-agent's SETATTR", [row(found[ed], "plaintext", "plain", label="release 2026")])
f.add("crlf.key", texts[ed].replace("\n", "\r\n"), "gpg, then: CRLF", [row(found[ed], "plaintext", "plain")])
f.add("yaml.yaml", "key: |\n" + "".join(f"  {line}\n" for line in texts[rsa_grip].splitlines()), "gpg, then: YAML block", [row(found[rsa_grip], "plaintext", "plain")])

silent = f.silent

silent("public.scm", f"(public-key\n (ecc\n  (curve Ed25519)\n  (q #{join(q)[2:]}#)\n ))\n", "a public key of Guix, as in /etc/guix/acl")
# A private number signs beside any public one, be it of another key or none of the curve.
other = texts[ed].replace(join(d)[:16], "0" * 16) if join(d)[:16] in texts[ed] else re.sub(r"\(d\s+#.{8}", "(d #00000000", texts[ed])
seed = bytes.fromhex(join(re.search(r"\(d\s+#([0-9A-F\s]+)#\)", other).group(1)))
f.add("other_half.key", other, "by hand", [signs.row("gnupg_agent", signs.of_seed(seed))], oracle=signs.ORACLE)
p256 = next(text for text in texts.values() if '"NIST P-256"' in text)
scalar = int(join(re.search(r"\(d\s+#([0-9A-F\s]+)#\)", p256).group(1)), 16)
f.add("no_point.key", re.sub(r"\(q\s+#04", "(q #05", p256), "by hand", [signs.row("gnupg_agent", signs.of_scalar(scalar, CURVES["nistp256"]))], oracle=signs.ORACLE)
silent("cut.key", texts[rsa_grip][:-40], "cut short")
silent("keyformat.txt", "  (private-key\n   (rsa\n    (n #00e0ce9..[some bytes not shown]..51#)\n    (e #010001#)\n    (d #046129F..[some bytes not shown]..81#)\n   )\n   (created-at timestamp)\n  )\n\n  (protected-private-key\n   (rsa\n    (n #00e0ce9..[some bytes not shown]..51#)\n    (protected mode (parms) encrypted_octet_string)\n", "GnuPG's documentation")
silent("source.c", 'gcry_sexp_build (&s_skey, NULL, "(private-key(ecc(curve%s)(q%m)(d%m)))", curve, q, d);\nstatic const char k[] = "(21:protected-private-key(3:rsa(1:n";\n', "the source of a program")
silent("source.scm", '(define (private-key->bytes key) (match key ((private-key (ecc . rest)) (canonical-sexp->string key))))\n(call (private-key-of user))\n', "a program in Scheme")
for where in ("plain", "canonical", "locked", "locked_canonical", "locked_weak", "exported", "native", "smime"):
    f.run(f"gpgconf --homedir {f.path(where)} --kill all", ok=(0, 1, 2))
f.finish()
