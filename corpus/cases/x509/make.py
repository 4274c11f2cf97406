"""X.509 certificates: public, but what a key is worth depends on them."""

from kit import Family, der_of, pem
from occur import FEW, all_forms, raw_forms

f = Family("x509", "X.509 certificates, PEM and DER: roots, intermediates, leaves, every key type, old versions, bundles")
f.path("ext.cnf").write_text("""
[root]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
[inter]
basicConstraints=critical,CA:TRUE,pathlen:0
keyUsage=critical,keyCertSign
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
[server]
basicConstraints=CA:FALSE
keyUsage=critical,digitalSignature,keyEncipherment
extendedKeyUsage=serverAuth,clientAuth
subjectAltName=DNS:example.org,DNS:*.example.org,IP:192.0.2.1
[code]
basicConstraints=CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=codeSigning
[stamp]
extendedKeyUsage=critical,timeStamping
[mail]
extendedKeyUsage=emailProtection
certificatePolicies=1.2.3.4,2.23.140.1.2.1
""")
made = {}


def keep(stem, make):
    f.run(make)
    made[stem] = make
    sha = f.cert(f"{stem}.pem")
    spki = f"openssl x509 -in {stem}.pem -outform DER | sha256sum"
    f.add(f"{stem}.pem", f.read(f"{stem}.pem"), make, certs=[sha], oracle=spki)
    f.run(f"openssl x509 -in {stem}.pem -outform DER -out {stem}.der")
    f.add(f"{stem}.der", f.read(f"{stem}.der"), f"openssl x509 -in {stem}.pem -outform DER -out {stem}.der", certs=[sha], oracle=spki)


ALGS = {"rsa2048": "rsa:2048", "rsa4096": "rsa:4096", "p256": "ec -pkeyopt ec_paramgen_curve:P-256", "p384": "ec -pkeyopt ec_paramgen_curve:P-384", "p521": "ec -pkeyopt ec_paramgen_curve:P-521",
        "secp256k1": "ec -pkeyopt ec_paramgen_curve:secp256k1", "brainpool": "ec -pkeyopt ec_paramgen_curve:brainpoolP256r1", "explicit": "ec -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit",
        "ed25519": "ed25519", "ed448": "ed448", "pss": "rsa-pss -pkeyopt rsa_keygen_bits:2048"}
for alg, new in ALGS.items():
    keep(f"self_{alg}", f"openssl req -x509 -newkey {new} -nodes -keyout self_{alg}.key -subj '/C=DE/O=corpus/CN={alg}' -days 365 -out self_{alg}.pem")
f.run("openssl dsaparam -genkey -out dsa.key 2048")
keep("self_dsa", "openssl req -x509 -key dsa.key -subj /CN=dsa -days 365 -out self_dsa.pem")
keep("root", "openssl req -x509 -newkey rsa:3072 -nodes -keyout root.key -subj '/O=corpus/CN=root' -days 3650 -config ext.cnf -extensions root -out root.pem -set_serial 0x8001")


def issue(stem, section, ca, new="rsa:2048", extra=""):
    f.run(f"openssl req -newkey {new} -nodes -keyout {stem}.key -subj '/O=corpus/CN={stem}' -out {stem}.csr")
    keep(stem, f"openssl x509 -req -in {stem}.csr -CA {ca}.pem -CAkey {ca}.key -CAcreateserial -days 365 -extfile ext.cnf -extensions {section} {extra} -out {stem}.pem")


f.path("ext.cnf").write_text(f.path("ext.cnf").read_text() + "\n[req]\ndistinguished_name=dn\n[dn]\n")
issue("inter", "inter", "root", "ec -pkeyopt ec_paramgen_curve:P-384")
issue("server", "server", "inter")
issue("code", "code", "inter", "ec -pkeyopt ec_paramgen_curve:P-256")
issue("stamp", "stamp", "inter")
issue("mail", "mail", "inter", "ed25519")
issue("sha1", "server", "root", extra="-sha1")
keep("version1", "openssl x509 -req -in server.csr -CA root.pem -CAkey root.key -CAcreateserial -days 9 -out version1.pem")
keep("expired", "openssl x509 -req -in server.csr -CA root.pem -CAkey root.key -set_serial 1 -days -1 -out expired.pem")
keep("long", "openssl req -x509 -key root.key -subj /CN=long -days 36500 -out long.pem")
keep("utf8", "openssl req -x509 -key root.key -utf8 -subj '/CN=Prüfstelle 試験' -days 9 -out utf8.pem")
f.tool("trusted.pem", "openssl x509 -in server.pem -trustout -addtrust serverAuth -setalias nick -out trusted.pem", certs=[f.cert("server.pem")])
f.add("labelled_x509.pem", pem("X509 CERTIFICATE", der_of(f.read("server.pem").decode())), "server.pem, label changed to X509 CERTIFICATE", certs=[f.cert("server.pem")])

order = ["server", "inter", "root"]
f.tool("chain.pem", "cat server.pem inter.pem root.pem > chain.pem", certs=[f.cert(f"{s}.pem") for s in order])
f.run("for s in server inter root; do openssl x509 -in $s.pem -text; done > chain.txt")
f.add("chain_text.txt", f.read("chain.txt"), "openssl x509 -text, three times", certs=[f.cert(f"{s}.pem") for s in order])
f.tool("chain.bin", "cat server.der inter.der root.der > chain.bin", certs=[f.cert(f"{s}.pem") for s in order])
f.tool("bundle.p7b", "openssl crl2pkcs7 -nocrl -certfile chain.pem -outform DER -out bundle.p7b", certs=[f.cert(f"{s}.pem") for s in order], stretch=True)
f.tool("bundle_p7b.pem", "openssl crl2pkcs7 -nocrl -certfile chain.pem -out bundle_p7b.pem", certs=[f.cert(f"{s}.pem") for s in order], stretch=True)
for stem, names in (("server", None), ("code", FEW)):
    all_forms(f, f"occur_{stem}", f.read(f"{stem}.pem").decode(), [], made[stem], names, certs=[f.cert(f"{stem}.pem")])
for stem in ("server", "code"):
    raw_forms(f, f"raw_{stem}", f.read(f"{stem}.der"), [], made[stem], [f.cert(f"{stem}.pem")])
f.finish()
