"""Public keys: never a leak, yet what a private key is matched against."""

import hashlib

from cryptography.hazmat.primitives import serialization as ser

from kit import Family, der_of, integer, pem, tlv
from occur import FEW, all_forms, raw_forms

f = Family("spki", "public keys: SubjectPublicKeyInfo and RSAPublicKey, PEM and DER, SSH one-line and RFC 4716")
made = {}


def keep(stem, make, certs=()):
    f.run(make)
    made[stem] = make
    sha = f.public(f"{stem}.pem")
    oracle = f"openssl pkey -pubin -in {stem}.pem -outform DER | sha256sum"
    f.add(f"{stem}.pem", f.read(f"{stem}.pem"), make, publics=[sha], oracle=oracle)
    f.run(f"openssl pkey -pubin -in {stem}.pem -outform DER -out {stem}.der")
    f.add(f"{stem}.der", f.read(f"{stem}.der"), f"openssl pkey -pubin -in {stem}.pem -outform DER -out {stem}.der", publics=[sha], oracle=oracle)


for bits in (512, 1023, 1024, 2047, 2048, 3000, 3072, 4096, 8192):
    keep(f"rsa{bits}", f"openssl genrsa {bits} | openssl pkey -pubout -out rsa{bits}.pem")
keep("rsa_e3", "openssl genrsa -3 2048 | openssl pkey -pubout -out rsa_e3.pem")
keep("pss", "openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 | openssl pkey -pubout -out pss.pem")
keep("pss_params", "openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_pss_keygen_md:sha256 | openssl pkey -pubout -out pss_params.pem")
for bits in (1024, 2048):
    keep(f"dsa{bits}", f"openssl dsaparam -genkey {bits} | openssl pkey -pubout -out dsa{bits}.pem")
for curve in ["P-224", "P-256", "P-384", "P-521", "secp256k1"] + [f"brainpoolP{b}r1" for b in (160, 192, 224, 256, 320, 384, 512)]:
    stem = "ec_" + curve.replace("-", "")
    f.run(f"openssl ecparam -genkey -noout -name {curve} -out {stem}.key")
    keep(stem, f"openssl ec -in {stem}.key -pubout -out {stem}.pem")
    if curve in ("P-256", "brainpoolP256r1"):
        keep(f"{stem}_compressed", f"openssl ec -in {stem}.key -pubout -conv_form compressed -out {stem}_compressed.pem")
        keep(f"{stem}_explicit", f"openssl ec -in {stem}.key -pubout -param_enc explicit -out {stem}_explicit.pem")
keep("sm2", "openssl genpkey -algorithm SM2 | openssl pkey -pubout -out sm2.pem")
for alg in ("ED25519", "ED448", "X25519", "X448"):
    keep(alg.lower(), f"openssl genpkey -algorithm {alg} | openssl pkey -pubout -out {alg.lower()}.pem")
for bits in (1024, 2048, 4096):
    name = f"pkcs1_{bits}"
    make = f"openssl rsa -pubin -in rsa{bits}.pem -RSAPublicKey_out -out {name}.pem"
    f.run(make)
    f.add(f"{name}.pem", f.read(f"{name}.pem"), make, publics=[f.public(f"rsa{bits}.pem")], oracle=f"openssl pkey -pubin -in rsa{bits}.pem -outform DER | sha256sum")

# SSH public keys, and certificates that carry them.
f.run("ssh-keygen -q -t ed25519 -N '' -C ca -f sshca")
for stem, options in (("ssh_rsa", "-t rsa -b 2048"), ("ssh_dsa", "-t dsa"), ("ssh_ecdsa256", "-t ecdsa -b 256"), ("ssh_ecdsa384", "-t ecdsa -b 384"), ("ssh_ecdsa521", "-t ecdsa -b 521"), ("ssh_ed25519", "-t ed25519")):
    f.run(f"ssh-keygen -q {options} -N '' -C {stem}@host -f {stem}")
    spki = ser.load_ssh_public_key(f.read(f"{stem}.pub")).public_bytes(ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo)
    sha = hashlib.sha256(spki).hexdigest()
    f.add(f"{stem}.pub", f.read(f"{stem}.pub"), f"ssh-keygen {options} -C {stem}@host -f {stem}", publics=[sha], oracle="python cryptography load_ssh_public_key", stretch=True)
    f.run(f"ssh-keygen -e -m RFC4716 -f {stem}.pub > {stem}.ssh2")
    f.add(f"{stem}.ssh2.txt", f.read(f"{stem}.ssh2"), f"ssh-keygen -e -m RFC4716 -f {stem}.pub", publics=[sha], oracle="python cryptography load_ssh_public_key", stretch=True)
    f.run(f"ssh-keygen -q -s sshca -I id -n user {stem}.pub")
    f.add(f"{stem}-cert.pub", f.read(f"{stem}-cert.pub"), f"ssh-keygen -s CA -I id -n user {stem}.pub", oracle="public by its kind")

f.tool("several.pem", "cat rsa2048.pem ec_P256.pem ed25519.pem > several.pem", publics=[f.public(f"{s}.pem") for s in ("rsa2048", "ec_P256", "ed25519")])
for stem, names in (("rsa2048", None), ("ec_P256", FEW), ("ed25519", FEW)):
    all_forms(f, f"occur_{stem}", f.read(f"{stem}.pem").decode(), [], made[stem], names, publics=[f.public(f"{stem}.pem")])
for stem in ("rsa2048", "ec_P256", "ed25519"):
    raw_forms(f, f"raw_{stem}", f.read(f"{stem}.der"), [], made[stem], publics=[f.public(f"{stem}.pem")], stretch=True)
f.add("labelled_rsa.pem", pem("RSA PUBLIC KEY", der_of(f.read("rsa2048.pem").decode())), "rsa2048.pem, label changed to RSA PUBLIC KEY", publics=[f.public("rsa2048.pem")])
f.finish()
