"""Pairs of a CA certificate and a certificate that it issued, in every signature scheme, with OpenSSL's verdict.

The private keys are thrown away: only certificates are kept.
"""

import pathlib
import subprocess
import tempfile

# name, options of `openssl genpkey` or a list of commands, options of `openssl x509 -req`
RSA = "-algorithm RSA -pkeyopt rsa_keygen_bits:{}"
EC = "-algorithm EC -pkeyopt ec_paramgen_curve:{}"
PSS = "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:{}"
CASES = [(f"rsa{bits}_{digest}", RSA.format(bits), f"-{digest}") for bits, digest in [
    (1024, "md5"), (1024, "sha1"), (2048, "sha224"), (2048, "sha256"), (3072, "sha384"), (4096, "sha512"),
    (2048, "sha3-224"), (2048, "sha3-256"), (2048, "sha3-384"), (2048, "sha3-512"), (2047, "sha256"), (2049, "sha256")]]
CASES += [("rsa2048_e3", RSA.format(2048) + " -pkeyopt rsa_keygen_pubexp:3", "-sha256")]
CASES += [(f"pss{bits}_{digest}_{salt}", RSA.format(bits), f"-{digest} {PSS.format(salt)}") for bits, digest, salt in [
    (2048, "sha256", 32), (2048, "sha1", 20), (2048, "sha384", 0), (3072, "sha512", 64), (2049, "sha256", 17),
    (2041, "sha256", 32)]]
CASES += [("pss2048_other_mask", RSA.format(2048), "-sha256 " + PSS.format(20) + " -sigopt rsa_mgf1_md:sha1")]
CASES += [("pss_key", "-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048", "-sha256 " + PSS.format(32))]
CASES += [(f"ec_{curve.lower()}_{digest}", EC.format(curve), f"-{digest}") for curve, digest in [
    ("P-256", "sha1"), ("P-256", "sha256"), ("P-256", "sha512"), ("P-384", "sha384"), ("P-521", "sha512"),
    ("P-224", "sha224"), ("prime192v1", "sha256"), ("secp256k1", "sha256"), ("brainpoolP256r1", "sha256"),
    ("brainpoolP384r1", "sha384"), ("brainpoolP512t1", "sha512"), ("P-256", "sha3-256"), ("secp160r1", "sha1")]]
CASES += [("ec_explicit", EC.format("P-256") + " -pkeyopt ec_param_enc:explicit", "-sha256")]
CASES += [("ec_compressed", EC.format("P-384") + " -pkeyopt point-format:compressed", "-sha384")]
CASES += [("ec_binary", EC.format("sect283r1"), "-sha256")]
CASES += [("ed25519", "-algorithm ED25519", ""), ("ed448", "-algorithm ED448", "")]
CASES += [(f"dsa{bits}_{digest}", f"dsa {bits} {order}", f"-{digest}") for bits, order, digest in [
    (1024, 160, "sha1"), (2048, 224, "sha224"), (2048, 256, "sha256"), (3072, 256, "sha256")]]

work = pathlib.Path(tempfile.mkdtemp())
out = work / "out"
out.mkdir()


def run(command):
    return subprocess.run(command, shell=True, cwd=work, check=True, capture_output=True, text=True).stdout


def parts(der):
    """The signed bytes of a certificate, and the signature."""
    def value(at):
        length, size = der[at + 1], 0
        if length >= 0x80:
            size = length - 0x80
            length = int.from_bytes(der[at + 2:at + 2 + size])
        return at + 2 + size, at + 2 + size + length

    begin, _ = value(0)
    _, tbs = value(begin)
    _, algorithm = value(tbs)
    content, end = value(algorithm)
    return der[begin:tbs], der[content + 1:end]


expect = ["# Written by make.sh from what openssl says; not by hand, never from keyradius.",
          f'oracle = "{run("openssl version").split(" (")[0]}: openssl verify -partial_chain -trusted CA LEAF"']
for name, key, options in CASES:
    if key.startswith("dsa"):
        _, bits, order = key.split()
        run(f"openssl genpkey -genparam -algorithm DSA -pkeyopt dsa_paramgen_bits:{bits} "
            f"-pkeyopt dsa_paramgen_q_bits:{order} -out params.pem")
        run("openssl genpkey -paramfile params.pem -out ca.key")
    else:
        run(f"openssl genpkey {key} -out ca.key")
    run(f"openssl req -x509 -key ca.key -subj '/CN=Issuer' -days 3650 -out ca.pem {options}")
    run("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out leaf.key")
    run("openssl req -new -key leaf.key -subj '/CN=leaf' -out leaf.csr")
    run(f"openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -out leaf.pem {options}")
    verdict = subprocess.run(
        "openssl verify -auth_level 0 -partial_chain -trusted ca.pem leaf.pem && openssl verify -auth_level 0 -trusted ca.pem ca.pem",
        shell=True, cwd=work, capture_output=True, text=True)
    good = verdict.returncode == 0
    if not good:
        # OpenSSL's path validation also refuses curves with explicit parameters and ECDSA with SHA-3: the signature alone.
        run("openssl x509 -in leaf.pem -outform DER -out leaf.der; openssl x509 -in ca.pem -noout -pubkey -out ca.pub")
        tbs, value = parts((work / "leaf.der").read_bytes())
        (work / "tbs").write_bytes(tbs)
        (work / "value").write_bytes(value)
        digest = next(option for option in options.split() if option.startswith("-sha"))
        good = "Verified OK" in run(f"openssl dgst {digest} -verify ca.pub -signature value tbs")
    for kind in ("ca", "leaf"):
        run(f"openssl x509 -in {kind}.pem -outform DER -out out/{name}.{kind}.der")
    print(name, good)
    expect += ["", "[[pair]]", f'name = "{name}"', f"openssl = {str(good).lower()}"]
pathlib.Path("expect.toml").write_text("\n".join(expect) + "\n")
subprocess.run(["cargo", "run", "--quiet", "-p", "keyradius-corpus", "--", "pack", str(out), "signatures.pack"],
                check=True)
