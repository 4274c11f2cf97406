"""OpenPGP secret keys (RFC 4880, RFC 9580), armored and binary, by GnuPG 2 and GnuPG 1."""

import hashlib
import re

from kit import PASS, Family, integer, tlv
from occur import FEW, all_forms, raw_forms

f = Family("openpgp", "OpenPGP secret keys and subkeys, armored and binary, plain, encrypted and stubs, by GnuPG 2.2 and GnuPG 1.4")
f.run("mkdir -m 700 g1 g2 plain enc")
GPG = "gpg --batch --quiet --pinentry-mode loopback"
CURVES = {
    "1.2.840.10045.3.1.7": "06082a8648ce3d030107", "1.3.132.0.34": "06052b81040022", "1.3.132.0.35": "06052b81040023",
    "1.3.132.0.10": "06052b8104000a", "1.3.36.3.3.2.8.1.1.7": "06092b2403030208010107",
    "1.3.36.3.3.2.8.1.1.11": "06092b240303020801010b", "1.3.36.3.3.2.8.1.1.13": "06092b240303020801010d",
}
NAMES = {"nistp256": "1.2.840.10045.3.1.7", "nistp384": "1.3.132.0.34", "nistp521": "1.3.132.0.35", "secp256k1": "1.3.132.0.10",
         "brainpoolP256r1": "1.3.36.3.3.2.8.1.1.7", "brainpoolP384r1": "1.3.36.3.3.2.8.1.1.11", "brainpoolP512r1": "1.3.36.3.3.2.8.1.1.13"}


def spki(algorithm, curve, numbers):
    """The SubjectPublicKeyInfo of the numbers gpg prints, checked by openssl; None where X.509 has no form (ElGamal)."""
    ints = [int(n, 16) for n in numbers]
    bits = lambda body: tlv(0x03, b"\0" + body)
    if algorithm == 1:
        der = tlv(0x30, tlv(0x30, bytes.fromhex("06092a864886f70d0101010500")) + bits(tlv(0x30, b"".join(map(integer, ints)))))
    elif algorithm == 17:
        params = tlv(0x30, b"".join(map(integer, ints[:3])))
        der = tlv(0x30, tlv(0x30, bytes.fromhex("06072a8648ce380401") + params) + bits(integer(ints[3])))
    elif curve in ("ed25519", "cv25519"):
        point = bytes.fromhex(numbers[1])[-32:]
        der = tlv(0x30, tlv(0x30, bytes.fromhex("06032b6570" if curve == "ed25519" else "06032b656e")) + bits(point))
    elif curve in NAMES:
        der = tlv(0x30, tlv(0x30, bytes.fromhex("06072a8648ce3d0201" + CURVES[NAMES[curve]])) + bits(bytes.fromhex(numbers[1])))
    else:
        return None
    return f.run("openssl pkey -pubin -inform DER -outform DER", der)


def keys(file):
    """Every secret key and subkey in a file: fingerprint and numbers from --show-keys, protection from --list-packets."""
    show = f"gpg --show-keys --with-colons --with-key-data {file}"
    packets = f"gpg --list-packets {file}"
    grade = {}
    for block in re.split(r"^# off=.*$", f.run(f"GNUPGHOME=g2 {packets}", ok=(0, 2)).decode(errors="replace"), flags=re.M):
        if not re.search(r":secret (sub )?key packet:", block):
            continue
        keyid = re.search(r"keyid: (\w+)", block).group(1)
        if "gnu-dummy" in block or "gnu-divert" in block:
            grade[keyid] = "stub"
        elif "simple S2K" in block:
            grade[keyid] = "weak"
        elif re.search(r"iter\+salt S2K", block):
            # gpg 1.4 hashed 65,536 octets, which slows nobody down; gpg 2 hashes tens of millions.
            count = int(re.search(r"protect count: (\d+)", block).group(1))
            grade[keyid] = "strong" if count >= 1 << 20 else "weak"
        elif re.search(r"salted S2K", block):
            grade[keyid] = None
        else:
            assert "protected" not in block, block
            grade[keyid] = "plaintext"
    rows, seen = [], set()
    for line in f.run(f"GNUPGHOME=g2 {show}", ok=(0, 2)).decode().splitlines():
        part = line.split(":")
        if part[0] in ("sec", "ssb"):
            rows.append(dict(algorithm=int(part[3]), keyid=part[4], curve=part[16], numbers=[]))
        elif part[0] == "fpr" and rows and "fpr" not in rows[-1]:
            rows[-1]["fpr"] = part[9].lower()
        elif part[0] == "pkd" and rows:
            rows[-1]["numbers"].append(part[3])
        elif part[0] in ("pub", "sub"):
            rows.append(dict(public=True, numbers=[]))
    out = []
    for r in rows:
        if r.get("public") or r["fpr"] in seen:
            continue
        seen.add(r["fpr"])
        der = spki(r["algorithm"], r["curve"], r["numbers"])
        out.append(dict(format="openpgp", fingerprint=r["fpr"], protection=grade[r["keyid"]],
                        spki_sha256=hashlib.sha256(der).hexdigest() if der else None, stub=grade[r["keyid"]] == "stub", _oracle=f"{show}; {packets}"))
    assert len(out) == len(grade), (file, len(out), len(grade))
    return out


def export(stem, make, home, secret, what):
    """The key as gpg writes it, armored and binary."""
    for suffix, armor in (("asc", " --armor"), ("gpg", "")):
        f.run(f"GNUPGHOME={home} {GPG} --passphrase '{secret}'{armor} {what} > {stem}.{suffix}")
        f.add(f"{stem}.{suffix}", f.read(f"{stem}.{suffix}"), f"{make}; gpg{armor} {what}", keys(f"{stem}.{suffix}"))


KINDS = {
    "rsa1024": ("rsa1024", ["rsa1024"]), "rsa2048": ("rsa2048", ["rsa2048"]), "rsa3072": ("rsa3072", ["rsa3072"]), "rsa4096": ("rsa4096", []),
    "dsa_elgamal": ("dsa2048", ["elg2048"]), "ed25519": ("ed25519", ["cv25519"]), "ed25519_signer": ("ed25519", ["ed25519"]),
    "nistp256": ("nistp256", ["nistp256"]), "nistp384": ("nistp384", ["nistp384"]), "nistp521": ("nistp521", ["nistp521"]),
    "brainpoolP256r1": ("brainpoolP256r1", ["brainpoolP256r1"]), "brainpoolP384r1": ("brainpoolP384r1", []),
    "brainpoolP512r1": ("brainpoolP512r1", ["brainpoolP512r1"]), "secp256k1": ("secp256k1", ["secp256k1"]),
}
fpr = {}
for home, secret in (("plain", ""), ("enc", PASS)):
    for stem, (primary, subs) in KINDS.items():
        if home == "enc" and stem not in ("rsa2048", "dsa_elgamal", "ed25519", "nistp256", "brainpoolP256r1"):
            continue
        tool = f"GNUPGHOME={home} {GPG} --passphrase '{secret}'"
        make = f"gpg --quick-gen-key '{stem} <{stem}@example.org>' {primary} default never"
        f.run(f"{tool} --quick-gen-key '{stem} <{stem}@example.org>' {primary} {'default' if primary.startswith('rsa') else 'sign,cert'} never")
        listing = f.run(f"{tool} --with-colons --list-keys {stem}@example.org").decode()
        who = next(l.split(":")[9] for l in listing.splitlines() if l.startswith("fpr"))
        for sub in subs:
            use = "sign" if sub in ("ed25519",) or primary == "rsa4096" else "encr"
            f.run(f"{tool} --quick-add-key {who} {sub} {use} never")
            make += f"; gpg --quick-add-key FPR {sub} {use} never"
        fpr[home, stem] = who
        export(stem if home == "plain" else f"{stem}_enc", make, home, secret, f"--export-secret-keys {who}")

# Subkeys only: the primary becomes a stub, the subkeys stay alive.
for home, secret in (("plain", ""), ("enc", PASS)):
    for stem in ("rsa2048", "ed25519", "nistp256"):
        export(f"subkeys_{stem}{'_enc' if secret else ''}", f"the key of {stem}", home, secret, f"--export-secret-subkeys {fpr[home, stem]}")

# GnuPG 1: secring.gpg and its ways to protect.
G1 = "gpg1 --homedir g1 --batch --quiet --no-tty --quick-random"
for stem, options, secret in (
    ("v1_plain", "", ""), ("v1_iterated", "", PASS), ("v1_cast5_sha1", "--s2k-cipher-algo CAST5 --s2k-digest-algo SHA1", PASS),
    ("v1_salted", "--s2k-mode 1", PASS), ("v1_simple", "--s2k-mode 0", PASS), ("v1_checksum", "--simple-sk-checksum", PASS),
    ("v1_idea_md5", "--s2k-mode 0 --s2k-cipher-algo 3DES --s2k-digest-algo MD5", PASS),
):
    recipe = f"Key-Type: RSA\nKey-Length: 1024\nSubkey-Type: RSA\nSubkey-Length: 1024\nName-Real: {stem}\nName-Email: {stem}@example.org\nExpire-Date: 0\n"
    recipe += f"Passphrase: {secret}\n" if secret else ""
    recipe += "%commit\n"
    f.path("recipe").write_text(recipe)
    f.run(f"{G1} {options} --gen-key recipe")
    f.run(f"{G1} --export-secret-keys {stem}@example.org > {stem}.gpg")
    f.run(f"{G1} --armor --export-secret-keys {stem}@example.org > {stem}.asc")
    for suffix in ("gpg", "asc"):
        f.add(f"{stem}.{suffix}", f.read(f"{stem}.{suffix}"), f"gpg1 --gen-key {options}; gpg1 --export-secret-keys", keys(f"{stem}.{suffix}"))
f.run("cp g1/secring.gpg secring.gpg")
f.add("secring.gpg", f.read("secring.gpg"), "secring.gpg of the GnuPG 1 home above", keys("secring.gpg"))

# Several in a file.
several = "rsa1024.asc ed25519.asc nistp256_enc.asc"
f.run(f"cat {several} > several.asc")
each = [k for name in several.split() for k in keys(name)]
f.add("several.asc", f.read("several.asc"), f"cat {several}", each)
f.run(f"GNUPGHOME=plain {GPG} --armor --export-secret-keys rsa1024@example.org dsa_elgamal@example.org > several_one_armor.asc")
f.add("several_one_armor.asc", f.read("several_one_armor.asc"), "gpg --armor --export-secret-keys A B", keys("several_one_armor.asc"))
f.run(f"GNUPGHOME=plain {GPG} --armor --export ed25519@example.org > pub.asc; cat pub.asc ed25519.asc > public_and_secret.asc")
f.add("public_and_secret.asc", f.read("public_and_secret.asc"), "gpg --armor --export; gpg --armor --export-secret-keys", keys("ed25519.asc"))

# Armor as it occurs.
ed, enc = f.read("ed25519.asc").decode(), f.read("rsa2048_enc.asc").decode()
edk, enck = keys("ed25519.asc"), keys("rsa2048_enc.asc")
head = ed[: ed.index("\n") + 1]
f.add("version_header.asc", ed.replace(head, head + "Version: GnuPG v1.4.11 (GNU/Linux)\nComment: Using GnuPG with Thunderbird - http://www.enigmail.net/\n"), "ed25519.asc with a Version and a Comment header", edk)
f.add("many_headers.asc", ed.replace(head, head + "Comment: AAAA BBBB CCCC\nComment: Test <a@example.org>\nCharset: utf-8\nHash: SHA512\n"), "ed25519.asc with headers as Sequoia writes them", edk)
f.add("no_crc.asc", re.sub(r"^=.{4}\n", "", ed, flags=re.M), "ed25519.asc without its CRC line", edk)
f.add("wrong_crc.asc", re.sub(r"^=.{4}\n", "=AAAA\n", ed, flags=re.M), "ed25519.asc with a wrong CRC", edk)
f.add("no_blank_line.asc", ed.replace(head + "\n", head), "ed25519.asc without the blank line", edk)
PGP = [n for n in FEW] + ["go_raw", "python_triple", "heredoc", "xml", "cr", "bom", "indented_tabs", "dotenv", "json_crlf", "spaces", "diff_plus", "missing_end_no_newline"]
all_forms(f, "occur", ed, edk, "gpg --armor --export-secret-keys", PGP)
all_forms(f, "occur_enc", enc, enck, "gpg --armor --export-secret-keys", FEW)
for stem in ("ed25519", "rsa2048_enc", "subkeys_rsa2048"):
    raw_forms(f, f"raw_{stem}", f.read(f"{stem}.gpg"), keys(f"{stem}.gpg"), "gpg --export-secret-keys, binary")
f.run("for h in plain enc g2; do GNUPGHOME=$h gpgconf --kill all; done")
f.finish()
