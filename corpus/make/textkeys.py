"""The keys that the recipes of text encodings encode, each by its real tool, with that tool's word on the plain key."""

import hashlib

from kit import PASS


def make(f, names):
    """Makes the keys named and returns name -> (expected keys, PEM or None, bytes, certificates, how it was made)."""
    out = {}
    openssl = {
        "rsa": ("openssl genrsa -traditional 2048", "pkcs1"),
        "p8": ("openssl genrsa 2048", "pkcs8"),
        "ec": ("openssl ecparam -genkey -noout -name prime256v1", "sec1"),
        "ec384": ("openssl ecparam -genkey -noout -name secp384r1", "sec1"),
        "ec8": ("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256", "pkcs8"),
        "ed": ("openssl genpkey -algorithm ED25519", "pkcs8"),
    }
    for name in names:
        if name in openssl:
            command, format = openssl[name]
            f.run(f"{command} > {name}.pem; openssl asn1parse -in {name}.pem -noout -out {name}.der")
            out[name] = ([f.key(f"{name}.pem", format)], f.read(f"{name}.pem").decode(), f.read(f"{name}.der"), [], command)
        elif name == "enc":
            command = f"openssl genrsa 2048 | openssl pkcs8 -topk8 -passout pass:{PASS}"
            f.run(f"{command} > enc.pem; openssl asn1parse -in enc.pem -noout -out enc.der")
            key = f.key("enc.pem", "encrypted_pkcs8", PASS, "strong", opaque=True)
            out[name] = ([key], f.read("enc.pem").decode(), f.read("enc.der"), [], command)
        elif name == "p12":
            command = f"openssl req -x509 -newkey rsa:2048 -nodes -keyout p12.key -subj /CN=p12 -days 30 -out p12.crt; openssl pkcs12 -export -inkey p12.key -in p12.crt -name release -passout pass:{PASS} -out p12.p12"
            f.run(command)
            key = dict(f.key("p12.key", "pkcs12", protection="strong"), opaque=True)
            key["opened_spki_sha256"] = key.pop("spki_sha256")
            out[name] = ([key], None, f.read("p12.p12"), [], command)
        elif name in ("jks", "jceks"):
            command = f"keytool -genkeypair -keyalg RSA -keysize 2048 -dname CN=k -validity 365 -alias upload -storetype {name.upper()} -storepass {PASS} -keypass {PASS} -keystore s.{name}"
            f.run(f"{command} 2>&1; keytool -exportcert -rfc -alias upload -storetype {name.upper()} -storepass {PASS} -keystore s.{name} -file s.{name}.crt 2>&1")
            key = f.cert_key(f"s.{name}.crt", name, protection="weak" if name == "jks" else "strong", alias="upload")
            out[name] = ([key], None, f.read(f"s.{name}"), [f.cert(f"s.{name}.crt")], command)
        elif name == "ssh":
            from cryptography.hazmat.primitives import serialization as ser

            command = "ssh-keygen -q -t ed25519 -N '' -C '' -f ssh"
            f.run(f"{command}; grep -v -- ----- ssh | base64 -d > ssh.bin")
            public = ser.load_ssh_public_key(f.read("ssh.pub"))
            spki = public.public_bytes(ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo)
            key = dict(format="openssh", spki_sha256=hashlib.sha256(spki).hexdigest(), protection="plaintext",
                       ssh=f.run("ssh-keygen -lf ssh.pub").decode().split()[1], _oracle="ssh-keygen -lf ssh.pub; python cryptography load_ssh_public_key")
            out[name] = ([key], f.read("ssh").decode(), f.read("ssh.bin"), [], command)
        elif name in ("pgp", "pgp_rsa"):
            algorithm = "ed25519" if name == "pgp" else "rsa2048"
            gpg = f"GNUPGHOME={name} gpg --batch --quiet --pinentry-mode loopback --passphrase ''"
            command = f"{gpg} --quick-gen-key 'k <k@example.org>' {algorithm} sign never; {gpg} --export-secret-keys > {name}.gpg"
            f.run(f"mkdir -m 700 {name}; {command}; {gpg} --armor --export-secret-keys > {name}.asc")
            listed = f.run(f"{gpg} --list-secret-keys --with-colons; GNUPGHOME={name} gpgconf --kill all").decode()
            fpr = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))
            key = dict(format="openpgp", fingerprint=fpr.lower(), protection="plaintext", _oracle="gpg --list-secret-keys --with-colons")
            out[name] = ([key], f.read(f"{name}.asc").decode(), f.read(f"{name}.gpg"), [], command)
        else:
            raise ValueError(name)
    return out
