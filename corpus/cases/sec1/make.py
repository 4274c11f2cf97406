"""EC private keys in their traditional form (RFC 5915)."""

from kit import Family, der_of, integer, pem, tlv
from occur import all_forms, raw_forms, FEW

f = Family("sec1", "EC private keys as SEC1 ECPrivateKey, PEM and DER, by OpenSSL: named and explicit parameters, compressed points, no public key")
CURVES = ["P-224", "P-256", "P-384", "P-521", "secp256k1", "SM2"] + [f"brainpoolP{b}r1" for b in (160, 192, 224, 256, 320, 384, 512)]
made = {}
for curve in CURVES:
    stem = "ec_" + curve.replace("-", "")
    make = f"openssl ecparam -genkey -noout -name {curve} -out {stem}.pem"
    f.run(make)
    made[stem] = make
    named = f.key(f"{stem}.pem", "sec1")
    f.add(f"{stem}.pem", f.read(f"{stem}.pem"), make, [named])
    f.tool(f"{stem}.der", f"openssl ec -in {stem}.pem -outform DER -out {stem}.der", [named])
    for form, option in (("explicit", "-param_enc explicit"), ("compressed", "-conv_form compressed"), ("hybrid", "-conv_form hybrid"), ("no_public", "-no_public")):
        if curve == "SM2" and form != "no_public":
            continue
        if form == "hybrid" and curve != "P-256":
            continue
        name = f"{stem}_{form}"
        command = f"openssl ec -in {stem}.pem {option} -out {name}.pem"
        f.run(command)
        key = f.key(f"{name}.pem", "sec1", also=[named["spki_sha256"]])
        if key["spki_sha256"] == named["spki_sha256"]:
            key.pop("also")
        f.add(f"{name}.pem", f.read(f"{name}.pem"), command, [key])
        f.tool(f"{name}.der", f"openssl ec -in {stem}.pem {option} -outform DER -out {name}.der", [key])

# What `openssl ecparam -genkey` writes: parameters first.
f.tool("with_parameters.pem", "openssl ecparam -genkey -name prime256v1 -out with_parameters.pem", lambda: [f.key("with_parameters.pem", "sec1")])
f.tool("certtool.pem", "certtool --generate-privkey --key-type=ecdsa --curve=secp256r1 --no-text --outfile certtool.pem", lambda: [f.key("certtool.pem", "sec1")])
f.run("ssh-keygen -q -t ecdsa -b 384 -m PEM -N '' -C '' -f ssh_pem")
f.add("ssh_keygen_m_pem", f.read("ssh_pem"), "ssh-keygen -t ecdsa -b 384 -m PEM -N '' -f ssh_keygen_m_pem", [f.key("ssh_pem", "sec1")])

for stem, names in (("ec_P256", None), ("ec_secp256k1", FEW)):
    all_forms(f, f"occur_{stem}", f.read(f"{stem}.pem").decode(), [f.key(f"{stem}.pem", "sec1")], made[stem], names)
for stem in ("ec_P256", "ec_P521", "ec_secp256k1", "ec_P256_no_public", "ec_P384_explicit", "ec_brainpoolP256r1"):
    raw_forms(f, f"raw_{stem}", f.read(f"{stem}.der") if (f.path(f"{stem}.der")).exists() else b"", [f.key(f"{stem}.pem", "sec1")], made.get(stem, stem))

several = ["ec_P224", "ec_P384", "ec_secp256k1"]
f.tool("several.pem", "cat " + " ".join(f"{s}.pem" for s in several) + " > several.pem", [f.key(f"{s}.pem", "sec1") for s in several])
f.run("openssl req -x509 -key ec_P256.pem -subj /CN=self -days 30 -out self.pem")
f.tool("key_and_cert.pem", "cat ec_P256.pem self.pem > key_and_cert.pem", [f.key("ec_P256.pem", "sec1")], [f.cert("self.pem")])
key = f.key("ec_P256.pem", "sec1")
for label in ("PRIVATE KEY", "RSA PRIVATE KEY"):
    name = f"labelled_{label.split()[0].lower()}.pem"
    f.add(name, pem(label, der_of(f.read("ec_P256.pem").decode())), f"{made['ec_P256']}, label changed to {label}", [key])
f.finish()
