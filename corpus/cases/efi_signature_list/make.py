"""Signature lists of UEFI Secure Boot."""

import functools
import hashlib

from kit import Family, noise

f = Family("efi_signature_list", "esl and auth files by efitools")
OWNER = "77fa9abd-0359-4d32-bd60-28f4e78f784b"
ORACLE = "openssl x509 of the certificate that efitools was given"
for name, options in (("PK", "rsa:2048"), ("KEK", "rsa:3072"), ("db", "ec -pkeyopt ec_paramgen_curve:P-256")):
    f.run(f"openssl req -x509 -newkey {options} -nodes -keyout {name}.key -out {name}.crt -subj '/CN={name} of a test' -days 30")
    f.run(f"cert-to-efi-sig-list -g {OWNER} {name}.crt {name}.esl")
    f.add(f"{name}.esl", f.read(f"{name}.esl"), "cert-to-efi-sig-list", certs=[f.cert(f"{name}.crt")], oracle=ORACLE)
f.run("cat KEK.esl db.esl PK.esl > all.esl")
certs = {name: f.cert(f"{name}.crt") for name in ("PK", "KEK", "db")}
f.add("all.esl", f.read("all.esl"), "three lists joined", certs=list(certs.values()), oracle=ORACLE)
# hash-to-efi-sig-list wants a PE file; a dbx is a list of 48 bytes each whatever they came from.
digests = b"".join(bytes.fromhex("bd9afa775903324dbd6028f4e78f784b") + noise(f"h{n}", 32) for n in range(7))
dbx = bytes.fromhex("2616c4c14c509240aca941f936934328") + (28 + len(digests)).to_bytes(4, "little") + bytes(4) + (48).to_bytes(4, "little") + digests
f.add("dbx_then_cert.esl", dbx + f.read("db.esl"), "a list of hashes by hand, then cert-to-efi-sig-list", certs=[certs["db"]], oracle=ORACLE)
for variable, signer, content in (("PK", "PK", "PK"), ("KEK", "PK", "KEK"), ("db", "KEK", "db")):
    f.run(f"sign-efi-sig-list -g {OWNER} -k {signer}.key -c {signer}.crt {variable} {content}.esl {variable}.auth")
    f.add(f"{variable}.auth", f.read(f"{variable}.auth"), f"sign-efi-sig-list -k {signer}.key", certs=sorted({certs[signer], certs[content]}), oracle=ORACLE)
f.path("empty.esl").write_bytes(b"")
f.run(f"sign-efi-sig-list -g {OWNER} -k PK.key -c PK.crt PK empty.esl noPK.auth")
f.add("noPK.auth", f.read("noPK.auth"), "sign-efi-sig-list of an empty list: clears the variable", certs=[certs["PK"]], oracle=ORACLE)
f.add("store.bin", noise("v", 77) + f.read("db.auth") + b"\xff" * 200, "db.auth between other bytes", certs=sorted({certs["KEK"], certs["db"]}), oracle=ORACLE)

silent = functools.partial(f.silent, made="made by hand", oracle="made by hand")

silent("near_dbx.esl", dbx, "hashes only")
silent("near_guids.bin", bytes.fromhex("a159c0a5e494a74a87b5ab155c2bf072") + bytes.fromhex("2616c4c14c509240aca941f936934328") + bytes(100), "the GUIDs in a program")
silent("near_cut.esl", f.read("db.esl")[:200], "cut")
f.finish()
