"""Keys of securesystemslib (old and new), in-toto, TUF metadata by python-tuf, and go-tuf's JSON by hand."""

import hashlib
import json

import signs
from kit import PASS, Family

f = Family("intoto", "securesystemslib and in-toto key files, encrypted and not, TUF metadata with its roles")
f.run("python3 -m venv old && old/bin/pip -q install 'securesystemslib[crypto,pynacl]==0.31.0' 'cryptography==41.0.7'")
f.run("python3 -m venv new && new/bin/pip -q install 'tuf==6.0.0' 'securesystemslib[crypto]>=1.2'")


def raw(public):
    """SPKI of 32 bytes in hex."""
    der = f.run("openssl pkey -pubin -inform DER -outform DER", bytes.fromhex("302a300506032b6570032100" + public))
    return hashlib.sha256(der).hexdigest()


OLD = """
from securesystemslib import interface as i
i._generate_and_write_ed25519_keypair(filepath='plain')
i._generate_and_write_ed25519_keypair(filepath='plain2')
i._generate_and_write_ed25519_keypair(filepath='locked', password='%s')
i._generate_and_write_ecdsa_keypair(filepath='ecdsa')
i._generate_and_write_ecdsa_keypair(filepath='ecdsa_locked', password='%s')
i._generate_and_write_rsa_keypair(filepath='rsa', password=None)
""" % (PASS, PASS)
f.path("old.py").write_text(OLD)
f.run("old/bin/python old.py")


def row(stem, protection, format="intoto", **more):
    public = json.loads(f.read(f"{stem}.pub"))["keyval"]["public"]
    return dict(format=format, protection=protection, spki_sha256=raw(public), _oracle=f"{stem}.pub, which securesystemslib wrote beside it; openssl pkey", **more)


def pem_row(stem, protection, format):
    """ECDSA: the public half in PEM."""
    f.path(f"{stem}.pub.pem").write_text(json.loads(f.read(f"{stem}.pub"))["keyval"]["public"])
    return dict(format=format, protection=protection, spki_sha256=f.public(f"{stem}.pub.pem"), _oracle=f"{stem}.pub; openssl pkey -pubin")


def sealed(key):
    key = dict(key, opaque=True)
    key["opened_spki_sha256"] = key.pop("spki_sha256")
    return key


made = "securesystemslib 0.31 interface: "
for stem in ("plain", "plain2"):
    f.add(stem, f.read(stem), made + "ed25519", [row(stem, "plaintext")])
    f.add(f"{stem}.pub", f.read(f"{stem}.pub"), made + "ed25519", publics=[raw(json.loads(f.read(f"{stem}.pub"))["keyval"]["public"])], oracle="its own JSON")
f.add("locked", f.read("locked"), made + "ed25519 with a password", [sealed(row("locked", "strong"))])
f.add("ecdsa", f.read("ecdsa"), made + "ecdsa", [pem_row("ecdsa", "plaintext", "sec1")])
f.add("ecdsa_locked", f.read("ecdsa_locked"), made + "ecdsa with a password", [sealed(pem_row("ecdsa_locked", "strong", "intoto"))])
f.add("ecdsa.pub", f.read("ecdsa.pub"), made + "ecdsa", publics=[f.public("ecdsa.pub.pem")], oracle="openssl pkey -pubin")
f.add("rsa", f.read("rsa"), made + "rsa", [f.key("rsa", "pkcs1")])
key = json.loads(f.read("plain"))
f.add("indented.json", json.dumps(key, indent=2), "plain, then: indented", [row("plain", "plaintext")])
f.add("in_json.json", json.dumps({"env": {"IN_TOTO_KEY": json.dumps(key)}}), "plain, then: JSON in JSON", [row("plain", "plaintext")])
f.add("in_env.env", "IN_TOTO_KEY='" + json.dumps(key) + "'\nNEXT=1\n", "plain, then: dotenv", [row("plain", "plaintext")])
f.add("in_yaml.yaml", "keys:\n  locked: " + f.read("locked").decode() + "\n", "locked, then: YAML", [sealed(row("locked", "strong"))])
f.add("both.txt", f.read("plain").decode() + "\n" + f.read("locked").decode() + "\n" + f.read("plain2").decode(), "three files joined", [row("plain", "plaintext"), sealed(row("locked", "strong")), row("plain2", "plaintext")])
# go-tuf writes seed and public key into one field (data/types.go, pkg/keys/ed25519.go).
seed, public = key["keyval"]["private"], key["keyval"]["public"]
go = {"encrypted": False, "data": [{"keytype": "ed25519", "scheme": "ed25519", "keyid_hash_algorithms": ["sha256", "sha512"], "keyval": {"public": public, "private": seed + public}}]}
f.add("go_tuf_root.json", json.dumps(go, indent="\t"), "by hand, as go-tuf 0.5 writes keys/root.json", [row("plain", "plaintext")])

# The new library has PEM files of PKCS#8 only.
NEW = """
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Root, Targets, Delegations, DelegatedRole
from tuf.api.serialization.json import JSONSerializer
signers = {n: CryptoSigner.generate_ed25519() for n in ('root', 'root2', 'targets', 'snapshot', 'timestamp', 'linux')}
signers['ecdsa'] = CryptoSigner.generate_ecdsa()
root = Root()
for role in ('root', 'targets', 'snapshot', 'timestamp'):
    root.add_key(signers[role].public_key, role)
root.add_key(signers['root2'].public_key, 'root')
root.add_key(signers['ecdsa'].public_key, 'timestamp')
md = Metadata(root)
md.sign(signers['root'])
md.to_file('root.json', JSONSerializer(compact=True))
md.to_file('root_indented.json', JSONSerializer(compact=False))
key = signers['linux'].public_key
role = DelegatedRole('linux', [key.keyid], 1, False, paths=['linux/*'])
targets = Metadata(Targets(delegations=Delegations({key.keyid: key}, {'linux': role})))
targets.sign(signers['targets'])
targets.to_file('targets.json')
open('root.pem', 'wb').write(signers['root'].private_bytes)
open('publics.txt', 'w').write('\\n'.join(s.public_key.keyval['public'] for n, s in signers.items() if n not in ('linux', 'ecdsa')))
open('ecdsa.pem', 'w').write(signers['ecdsa'].public_key.keyval['public'])
open('linux.txt', 'w').write(key.keyval['public'])
"""
f.path("new.py").write_text(NEW)
f.run("new/bin/python new.py")
publics = [raw(line) for line in f.read("publics.txt").decode().split()] + [f.public("ecdsa.pem")]
f.add("root.json", f.read("root.json"), "python-tuf 6: root metadata", publics=publics, oracle="securesystemslib: the public keys that it was made from")
f.add("root_indented.json", f.read("root_indented.json"), "python-tuf 6: root metadata, indented", publics=publics, oracle="securesystemslib: the public keys that it was made from")
f.add("targets.json", f.read("targets.json"), "python-tuf 6: targets metadata with a delegation", publics=[raw(f.read("linux.txt").decode())], oracle="securesystemslib: the public key that it was made from")
f.add("root.pem", f.read("root.pem"), "securesystemslib: CryptoSigner.private_bytes", [f.key("root.pem", "pkcs8")])

# Notary version 1 writes the role of a key into headers of the PEM block, which openssl does not read.
f.run(f"NOTARY_ROOT_PASSPHRASE={PASS} notary -d trust key generate ecdsa")
text = next(f.path("trust").glob("private/*.key")).read_text()
f.path("notary.pem").write_text("\n".join(l for l in text.splitlines() if l and not l.startswith("role")) + "\n")
f.add("notary_root.key", text, "notary 0.7 key generate ecdsa", [f.key("notary.pem", "encrypted_pkcs8", PASS, "strong", opaque=True, label="role: root")])

silent = f.silent

wrong = json.loads(f.read("plain"))
wrong["keyval"]["private"] = "ab" * 32
silent("placeholder.json", json.dumps(wrong), "one byte over and over for a seed")
# The seed signs beside any public half.
other = json.loads(f.read("plain"))
other["keyval"]["public"] = json.loads(f.read("plain2"))["keyval"]["public"]
f.add("other_half.json", json.dumps(other), "by hand", [signs.row("intoto", signs.of_seed(bytes.fromhex(other["keyval"]["private"])))], oracle=signs.ORACLE)
wrong["keyval"]["private"] = "0" * 64
silent("zeros.json", json.dumps(wrong), "zeros")
wrong["keyval"]["private"] = "<private key as hex string>"
silent("template.json", json.dumps(wrong), "a template")
silent("schema.py", "ED25519KEY_SCHEMA = {'keytype': 'ed25519', \"keyval\": {'public': 'hex', 'private': 'hex'}}\n_ENCRYPTION_DELIMITER = '@@@@'\nline = salt + '@@@@100000@@@@' + hmac\n", "the source of securesystemslib")
silent("gtk.c", 'g_signal_connect (w, "key-press", cb, "keyval"); { guint keyval = 0; }\nname = {"keyval": {"a": 1}};\n', "a key press")
text = f.read("locked").decode()
silent("cut_locked", text[:200], "cut short")
f.finish()
