"""Keys inside base64: of PEM and of DER, at every alignment, wrapped, URL-safe, in the files where they occur."""

import base64
import json

from kit import PASS, Family, noise
from textkeys import make

f = Family("base64", "private keys inside base64: of PEM and DER, three alignments, wrapped, URL-safe, twice, Kubernetes Secret, kubeconfig, JSON, YAML")
f.run("openssl genrsa -traditional -out rsa.pem 2048; openssl genrsa -out p8.pem 2048; openssl ecparam -genkey -noout -name prime256v1 -out ec.pem; "
      "openssl genpkey -algorithm ED25519 -out ed.pem; openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out ec8.pem; "
      f"openssl pkcs8 -topk8 -in p8.pem -passout pass:{PASS} -out enc.pem; openssl dsaparam -out dsap.pem 1024; openssl genpkey -paramfile dsap.pem | openssl pkey -traditional -out dsa.pem; "
      "for k in rsa p8 ec ed ec8 enc dsa; do openssl asn1parse -in $k.pem -noout -out $k.der; done")
KEYS = {
    "rsa": f.key("rsa.pem", "pkcs1"), "p8": f.key("p8.pem", "pkcs8"), "ec": f.key("ec.pem", "sec1"), "ed": f.key("ed.pem", "pkcs8"), "ec8": f.key("ec8.pem", "pkcs8"),
    "enc": f.key("enc.pem", "encrypted_pkcs8", PASS, "strong", opaque=True), "dsa": f.key("dsa.pem", "dsa"),
}
f.run("ssh-keygen -q -t ed25519 -N '' -C '' -f ssh")
ssh = f.run("ssh-keygen -lf ssh.pub").decode().split()[1]
from cryptography.hazmat.primitives import serialization as ser
import hashlib
spki = hashlib.sha256(ser.load_ssh_public_key(f.read("ssh.pub")).public_bytes(ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo)).hexdigest()
KEYS["ssh"] = dict(format="openssh", spki_sha256=spki, ssh=ssh, protection="plaintext", _oracle="ssh-keygen -lf ssh.pub; python cryptography load_ssh_public_key")
f.run("cp ssh ssh.pem")


def b64(data, wrap=0, url=False):
    text = (base64.urlsafe_b64encode if url else base64.b64encode)(data).decode()
    if url:
        text = text.rstrip("=")
    return "\n".join(text[i : i + wrap] for i in range(0, len(text), wrap)) if wrap else text


for stem, key in KEYS.items():
    forms = {"pem": f.read(f"{stem}.pem")}
    if stem != "ssh":
        forms["der"] = f.read(f"{stem}.der")
    for kind, data in forms.items():
        how = f"openssl {stem} key as {kind.upper()}, base64"
        for lead in (0, 1, 2):
            f.add(f"{stem}.{kind}.align{lead}.txt", b64(noise(stem, lead) + data + noise(stem, 2)), f"{how} -w 0, after {lead} other bytes", [key])
        for wrap in (64, 76):
            f.add(f"{stem}.{kind}.wrap{wrap}.txt", b64(data, wrap) + "\n", f"{how} -w {wrap}", [key])
        f.add(f"{stem}.{kind}.wrap76_crlf.txt", b64(data, 76).replace("\n", "\r\n") + "\r\n", f"{how} -w 76, CRLF", [key])
        f.add(f"{stem}.{kind}.wrap60_align1.txt", b64(noise(stem, 1) + data, 60) + "\n", f"{how} -w 60, after 1 other byte", [key])
        f.add(f"{stem}.{kind}.url.txt", b64(data, url=True), f"{how}, URL-safe, no padding", [key])
        f.add(f"{stem}.{kind}.env", f"# settings\nAPP_DEBUG=0\nSIGNING_KEY={b64(data)}\nPORT=443\n", f"{how} -w 0, in a dotenv file", [key])
        f.add(f"{stem}.{kind}.json", json.dumps({"name": "ci", "secrets": [{"id": 7, "value": b64(data)}]}, indent=2), f"{how} -w 0, in JSON", [key])
        f.add(f"{stem}.{kind}.json_wrapped.json", json.dumps({"value": b64(data, 76) + "\n"}), f"{how} -w 76, in a JSON string with \\n escapes", [key])
        f.add(f"{stem}.{kind}.yaml", "key: |\n" + "".join(f"  {line}\n" for line in b64(data, 76).split("\n")) + "next: 1\n", f"{how} -w 76, in a YAML block", [key])
        f.add(f"{stem}.{kind}.data_url.html", f'<a href="data:application/x-pem-file;base64,{b64(data)}">key</a>\n', f"{how}, in a data URL", [key])
        f.add(f"{stem}.{kind}.twice.txt", b64(b64(data).encode()), f"{how} -w 0, twice", [key])
        # Inside another file, DER below 256 bytes has no anchor.
        hard = dict(stretch=True) if kind == "der" and len(data) < 256 else {}
        f.add(f"{stem}.{kind}.twice.yaml", f"data:\n  key: {b64(b64(data).encode())}\n", f"{how} -w 0, twice, in YAML", [key], **hard)
        f.add(f"{stem}.{kind}.twice_wrapped.yaml", "data:\n  key: |\n" + "".join(f"    {l}\n" for l in b64(b64(data, 76).encode(), 64).split("\n")), f"{how} -w 76, twice, -w 64 in a YAML block", [key], **hard)
        f.add(f"{stem}.{kind}.folded.yaml", "key: >-\n" + "".join(f"      {line}\n" for line in b64(data, 72).split("\n")) + "next: 1\n", f"{how} -w 72, folded in YAML", [key])
        f.add(f"{stem}.{kind}.java", 'class K { static final String KEY =\n' + " +\n".join(f'        "{line}"' for line in b64(data, 64).split("\n")) + ";\n}\n", f"{how} -w 64, concatenated in Java", [key])
        f.add(f"{stem}.{kind}.py", "KEY = (\n" + "".join(f"    '{line}'\n" for line in b64(data, 70).split("\n")) + ")\n", f"{how} -w 70, implicit concatenation in Python", [key])
        f.add(f"{stem}.{kind}.go", "var key = " + " +\n\t".join(f'"{line}\\n"' for line in b64(data, 76).split("\n")) + "\n", f"{how} -w 76, concatenated in Go with \\n", [key])
        f.add(f"{stem}.{kind}.js", "const key = [\n" + "".join(f"  '{line}',\n" for line in b64(data, 64).split("\n")) + "].join('');\n", f"{how} -w 64, a list in JavaScript", [key])

# A Secret, and a kubeconfig, with a certificate beside the key.
for stem in ("p8", "ec", "rsa"):
    f.run(f"openssl req -x509 -key {stem}.pem -subj /CN=k8s -days 30 -out {stem}.crt")
    cert = f.cert(f"{stem}.crt")
    secret = ("apiVersion: v1\nkind: Secret\nmetadata:\n  name: tls\ntype: kubernetes.io/tls\ndata:\n"
              f"  tls.crt: {b64(f.read(stem + '.crt'))}\n  tls.key: {b64(f.read(stem + '.pem'))}\n")
    f.add(f"secret_{stem}.yaml", secret, "kubectl create secret tls --dry-run=client -o yaml, by hand", [KEYS[stem]], [cert])
    config = ("apiVersion: v1\nkind: Config\nclusters:\n- name: c\n  cluster:\n    server: https://192.0.2.1:6443\n"
              f"    certificate-authority-data: {b64(f.read(stem + '.crt'))}\nusers:\n- name: admin\n  user:\n"
              f"    client-certificate-data: {b64(f.read(stem + '.crt'))}\n    client-key-data: {b64(f.read(stem + '.pem'))}\n")
    f.add(f"kubeconfig_{stem}.yaml", config, "a kubeconfig as kubeadm writes it, by hand", [KEYS[stem]], [cert])
listed = {"apiVersion": "v1", "kind": "List", "items": [{"kind": "Secret", "data": {"tls.key": b64(f.read("ec.pem"))}}, {"kind": "Secret", "data": {"id_ed25519": b64(f.read("ssh"))}}]}
f.add("secrets.json", json.dumps(listed), "kubectl get secrets -o json, by hand", [KEYS["ec"], KEYS["ssh"]])
# Manifests and kubeconfigs encoded again: the inner base64 begins anywhere in the outer groups of three.
for stem in ("p8", "ec", "rsa", "ssh"):
    for lead in (0, 1, 2):
        manifest = f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: s{'x' * lead}\ndata:\n  tls.key: {b64(f.read(stem + '.pem'))}\n"
        f.add(f"manifest_{stem}.align{lead}.txt", b64(manifest.encode()), "kubectl create secret --dry-run=client -o yaml | base64 -w 0, by hand", [KEYS[stem]])
        f.add(f"manifest_{stem}.align{lead}.yaml", f"kubeconfig: {b64(manifest.encode())}\nother: 1\n", "the same in YAML, by hand", [KEYS[stem]])
# The field before or behind the type, as people and tools order them.
for stem in ("p8", "ec"):
    f.add(f"order_{stem}.yaml", f"data:\n  tls.key: {b64(f.read(stem + '.pem'))}\nkind: Secret\nmetadata:\n  name: tls\napiVersion: v1\n", "a Secret whose data stands before its kind, by hand", [KEYS[stem]])
    f.add(f"order_{stem}.json", json.dumps({"data": {"tls.key": b64(f.read(stem + ".pem"))}, "apiVersion": "v1", "kind": "Secret"}), "a Secret in JSON, data first, by hand", [KEYS[stem]])
# What is no PEM and no DER: keystores, OpenSSH's own bytes, OpenPGP packets.
f.run("grep -v -- ----- ssh | base64 -d > ssh.bin")
OTHER = make(f, ["p12", "jks", "jceks", "pgp", "pgp_rsa"])
OTHER["sshbin"] = ([KEYS["ssh"]], None, f.read("ssh.bin"), [], "ssh-keygen, body")
for stem, (keys, _, data, certs, how) in OTHER.items():
    # A keyring on RSA is known by how a file begins.
    hard = dict(stretch=True) if stem == "pgp_rsa" else {}
    f.add(f"{stem}.txt", b64(data, 76) + "\n", f"{how}; base64", keys, certs)
    f.add(f"{stem}.url.txt", b64(data, url=True), f"{how}; base64, URL-safe, no padding", keys, certs)
    f.add(f"{stem}.yaml", f"release:\n  keystore: {b64(data)}\n  alias: upload\n", f"{how}; base64 -w 0, in YAML", keys, certs, **hard)
    f.add(f"{stem}.block.yaml", "env:\n  KEYSTORE: |\n" + "".join(f"    {line}\n" for line in b64(data, 64).split("\n")), f"{how}; base64 -w 64, in a YAML block", keys, certs, **hard)
    f.add(f"{stem}.gradle", f'storeBase64 = "{b64(data)}"\n', f"{how}; base64 -w 0, in a Gradle file", keys, certs, **hard)
silent = lambda file, data, why: f.add(file, data, "by hand", oracle="nobody can sign with it", why=why, silent=True)
silent("near_twice.txt", b64(b64(noise("t", 900)).encode()), "base64 of base64 of random bytes")
silent("near_anchors.txt", "TUlJ TUlJTUlJ xTMHRMUzFDUlVkSlRp BwIAAA BAHaRw8B\n" * 50, "anchors in a row")
silent("near_list.json", json.dumps([b64(noise(f"l{i}", 48)) for i in range(200)]), "a list of random tokens")
silent("near_integrity.json", json.dumps({f"p{i}": {"integrity": "sha512-" + b64(noise(f"i{i}", 64))} for i in range(300)}, indent=1), "hashes of a lock file")
silent("near_start.txt", "MIME types, lists and lines of text\n" * 40, "text that begins like base64 of DER")
silent("near_manifest.txt", b64(b"apiVersion: v1\nkind: Secret\ndata:\n  token: " + b64(noise("m", 90)).encode()), "a manifest with a token, encoded again")
f.finish()
