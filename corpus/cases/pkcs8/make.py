"""PrivateKeyInfo and OneAsymmetricKey (RFC 5208, RFC 5958), not encrypted."""

from kit import Family, der_of, integer, pem, tlv
from occur import all_forms, raw_forms

f = Family("pkcs8", "private keys as PKCS#8, PEM and DER: RSA, RSA-PSS, DSA, DH, EC, SM2, Edwards and Montgomery curves")
made = {}


def both(stem, make, **more):
    """A key as PEM and as DER."""
    f.run(make)
    made[stem] = make
    key = f.key(f"{stem}.pem", "pkcs8")
    f.add(f"{stem}.pem", f.read(f"{stem}.pem"), make, [key], **more)
    f.tool(f"{stem}.der", f"openssl pkcs8 -topk8 -nocrypt -in {stem}.pem -outform DER -out {stem}.der", [key], **more)
    return key


for bits in (512, 1023, 1024, 2047, 2048, 3000, 3072, 4096):
    both(f"rsa{bits}", f"openssl genrsa -out rsa{bits}.pem {bits}")
both("rsa_e3", "openssl genrsa -3 -out rsa_e3.pem 2048")
both("rsa_primes3", "openssl genrsa -primes 3 -out rsa_primes3.pem 2048")
both("pss", "openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out pss.pem")
both("pss_params", "openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_pss_keygen_md:sha256 "
     "-pkeyopt rsa_pss_keygen_mgf1_md:sha256 -pkeyopt rsa_pss_keygen_saltlen:32 -out pss_params.pem")
f.run("openssl dsaparam -out dsap1024.pem 1024 && openssl dsaparam -out dsap2048.pem 2048")
both("dsa1024", "openssl genpkey -paramfile dsap1024.pem -out dsa1024.pem")
both("dsa2048", "openssl genpkey -paramfile dsap2048.pem -out dsa2048.pem")
both("dh", "openssl genpkey -algorithm DH -pkeyopt group:ffdhe2048 -out dh.pem")
both("dhx", "openssl genpkey -algorithm DHX -pkeyopt dh_rfc5114:2 -out dhx.pem")
for alg in ("ED25519", "ED448", "X25519", "X448"):
    both(alg.lower(), f"openssl genpkey -algorithm {alg} -out {alg.lower()}.pem")

CURVES = ["P-224", "P-256", "P-384", "P-521", "secp256k1", "SM2"] + [f"brainpoolP{b}r1" for b in (160, 192, 224, 256, 320, 384, 512)]
for curve in CURVES:
    stem = "ec_" + curve.replace("-", "")
    gen = f"openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:{curve}"
    if curve == "SM2":
        both(stem, f"openssl genpkey -algorithm SM2 -out {stem}.pem")
        continue
    both(stem, f"{gen} -out {stem}.pem")
    named = f.key(f"{stem}.pem", "pkcs8")["spki_sha256"]
    # One key, two more encodings. What `openssl pkey -pubout` prints for them keeps parameters and point form; the
    # identity by name and uncompressed point is as true, so both are accepted.
    for form, make in (
        ("explicit", f"openssl ec -in {stem}.pem -param_enc explicit | openssl pkcs8 -topk8 -nocrypt -out {stem}_explicit.pem"),
        ("compressed", f"openssl ec -in {stem}.pem -conv_form compressed | openssl pkcs8 -topk8 -nocrypt -out {stem}_compressed.pem"),
        ("no_public", f"openssl ec -in {stem}.pem -no_public | openssl pkcs8 -topk8 -nocrypt -out {stem}_no_public.pem"),
    ):
        f.run(make)
        name = f"{stem}_{form}"
        key = f.key(f"{name}.pem", "pkcs8", also=[named])
        if form == "no_public":
            assert key["spki_sha256"] == named, name
            key.pop("also")
            # openssl keeps the point when it converts; only the inner structure tells.
            der = der_of(f.read(f"{name}.pem").decode())
            inner = f.run(f"openssl ec -in {stem}.pem -no_public -outform DER")
            if len(der) > len(inner) + 32:
                raise ValueError(f"{name} still holds its public point")
        f.add(f"{name}.pem", f.read(f"{name}.pem"), make, [key])
        f.tool(f"{name}.der", f"openssl asn1parse -in {name}.pem -noout -out {name}.der", [key])

# Version 2 with the public key: RFC 5958 ([1] IMPLICIT) and as ring and older Java write it ([1] constructed).
pub = f.run("openssl pkey -in ed25519.pem -pubout -outform DER")[-32:]
seed = f.run("openssl pkey -in ed25519.pem -outform DER")[-32:]
alg = tlv(0x30, bytes.fromhex("06032b6570"))
v2 = tlv(0x30, integer(1) + alg + tlv(0x04, tlv(0x04, seed)) + tlv(0x81, b"\0" + pub))
ring = tlv(0x30, integer(1) + alg + tlv(0x04, tlv(0x04, seed)) + tlv(0xA1, tlv(0x03, b"\0" + pub)))
key = f.key("ed25519.pem", "pkcs8")
for stem, der, how in (("ed25519_v2", v2, "version 2 of RFC 5958"), ("ed25519_ring", ring, "version 2 as ring writes it")):
    f.add(f"{stem}.der", der, f"{made['ed25519']}, put into {how} by hand", [key])
    f.add(f"{stem}.pem", pem("PRIVATE KEY", der), f"{made['ed25519']}, put into {how} by hand", [key])
f.run("certtool --generate-privkey --key-type=eddsa --no-text --outfile gnutls_ed25519.pem")
f.add("gnutls_ed25519.pem", f.read("gnutls_ed25519.pem"), "certtool --generate-privkey --key-type=eddsa", [f.key("gnutls_ed25519.pem", "pkcs8")])

for stem in ("rsa2048", "ec_P256", "ed25519"):
    names = None if stem != "ed25519" else [n for n in __import__("occur").FORMS if n not in ("yaml_folded",)]
    all_forms(f, f"occur_{stem}", f.read(f"{stem}.pem").decode(), [f.key(f"{stem}.pem", "pkcs8")], made[stem], names)
for stem in ("rsa2048", "ec_P256", "ec_P256_no_public", "ed25519", "dsa1024", "pss_params"):
    raw_forms(f, f"raw_{stem}", f.read(f"{stem}.der"), [f.key(f"{stem}.pem", "pkcs8")], made.get(stem, stem))

# Several in one file, with certificates.
several = ["rsa1024", "ec_P384", "ed25519", "dsa1024"]
f.tool("several.pem", "cat " + " ".join(f"{s}.pem" for s in several) + " > several.pem", [f.key(f"{s}.pem", "pkcs8") for s in several])
f.tool("several.bin", "cat " + " ".join(f"{s}.der" for s in several) + " > several.bin", [f.key(f"{s}.pem", "pkcs8") for s in several])
f.run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -subj /CN=ca -days 30")
f.run("openssl req -new -key ec_P256.pem -subj /CN=leaf | openssl x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -out leaf.pem")
f.tool("key_and_chain.pem", "cat ec_P256.pem leaf.pem ca.pem > key_and_chain.pem", [f.key("ec_P256.pem", "pkcs8")], [f.cert("leaf.pem"), f.cert("ca.pem")])
f.run("openssl x509 -in leaf.pem -outform DER -out leaf.der")
f.tool("key_and_cert.bin", "cat ec_P256.der leaf.der > key_and_cert.bin", [f.key("ec_P256.pem", "pkcs8")], [f.cert("leaf.pem")], public_stretch=True)

# A label that does not match its content: the content decides.
for label in ("RSA PRIVATE KEY", "EC PRIVATE KEY", "ANY PRIVATE KEY", "ENCRYPTED PRIVATE KEY"):
    for stem in ("rsa2048", "ec_P256"):
        name = f"labelled_{label.split()[0].lower()}_{stem}.pem"
        f.add(name, pem(label, der_of(f.read(f"{stem}.pem").decode())), f"{made[stem]}, label changed to {label}", [f.key(f"{stem}.pem", "pkcs8")])
f.finish()
