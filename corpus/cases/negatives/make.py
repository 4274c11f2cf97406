"""What must stay silent as a private key, each with the reason; and what must never be called verified."""

import base64
import json

from kit import PASS, Family, der_of, integer, noise, pem, tlv

f = Family("negatives", "hard negatives: nothing here is a usable private key; damaged keys may be reported, never as verified")


def dashes(data):
    """Five tildes stand for five dashes, so that this recipe itself looks like no key to anybody's scanner."""
    return data.replace(b"~~~~~", b"-----") if isinstance(data, bytes) else data.replace("~~~~~", "-----")


def silent(file, data, why, certs=(), publics=()):
    data = dashes(data)
    f.add(file, data, "by hand" if not certs and not publics else "openssl", certs=certs, publics=publics, oracle="nobody can sign with it", why=why, silent=True)


def made(file, command, why, certs=()):
    f.run(command := dashes(command))
    f.add(file, f.read(file), command, certs=certs, oracle="public by its kind", why=why, silent=True)


def damaged(file, data, how, why):
    f.add(file, data, how, oracle="openssl pkey -check refuses it", why=why, partial=True)


LABELS = ["PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "ANY PRIVATE KEY", "PGP PRIVATE KEY BLOCK", "TSS2 PRIVATE KEY"]
begin = lambda l: dashes(f"~~~~~BEGIN {l}~~~~~")
end = lambda l: dashes(f"~~~~~END {l}~~~~~")

# Programs and texts that speak of keys.
silent("parser.py", 'import base64, re\nBEGIN = "~~~~~BEGIN RSA PRIVATE KEY~~~~~"\nEND = "~~~~~END RSA PRIVATE KEY~~~~~"\n\n\ndef load(text):\n    start = text.index(BEGIN) + len(BEGIN)\n    return base64.b64decode(text[start : text.index(END, start)])\n', "a PEM parser")
silent("parser.go", 'package p\n\nconst pemStart = "~~~~~BEGIN "\nconst keyType = "RSA PRIVATE KEY"\n\nfunc ok(b []byte) bool { return bytes.HasPrefix(b, []byte("~~~~~BEGIN RSA PRIVATE KEY~~~~~")) }\n', "a PEM parser")
silent("parser.js", "if (key.startsWith('~~~~~BEGIN PRIVATE KEY~~~~~')) { return key.replace('~~~~~BEGIN PRIVATE KEY~~~~~', '').replace('~~~~~END PRIVATE KEY~~~~~', '').replace(/\\s+/g, ''); }\n", "a PEM parser")
silent("writer.java", 'String pem = "~~~~~BEGIN PRIVATE KEY~~~~~\\n" + Base64.getMimeEncoder(64, LF).encodeToString(key.getEncoded()) + "\\n~~~~~END PRIVATE KEY~~~~~\\n";\n', "a PEM writer")
silent("writer.sh", 'printf -- "~~~~~BEGIN RSA PRIVATE KEY~~~~~\\n%s\\n~~~~~END RSA PRIVATE KEY~~~~~\\n" "$(base64 -w 64 key.der)" > key.pem\n', "a PEM writer")
silent("writer_template.yaml", "key: |\n  ~~~~~BEGIN PRIVATE KEY~~~~~\n  {{ .Values.tls.key | b64dec | indent 2 }}\n  ~~~~~END PRIVATE KEY~~~~~\n", "a template")
silent("terraform.tf", 'private_key = "~~~~~BEGIN RSA PRIVATE KEY~~~~~\\n${var.key_body}\\n~~~~~END RSA PRIVATE KEY~~~~~\\n"\n', "a template")
silent("rules.toml", "[[rules]]\nid = \"private-key\"\nregex = '''(?i)~~~~~BEGIN[ A-Z0-9_-]{0,100}PRIVATE KEY(?: BLOCK)?~~~~~[\\s\\S-]{64,}?KEY(?: BLOCK)?~~~~~'''\n", "the rule of a secret scanner")
silent("rules.yaml", "- name: RSA\n  pattern: '~~~~~BEGIN ((EC|PGP|DSA|RSA|OPENSSH) )?PRIVATE KEY( BLOCK)?~~~~~'\n- name: kube\n  pattern: 'LS0tLS1CRUdJTi[A-Za-z0-9+/=]+'\n", "the rules of a secret scanner")
silent("grep.sh", "git log -p | grep -E -- '~~~~~BEGIN (RSA|EC|OPENSSH) PRIVATE KEY~~~~~' && exit 1\n", "a commit hook")
silent("docs.md", "# Setup\n\nPaste your key:\n\n```\n~~~~~BEGIN RSA PRIVATE KEY~~~~~\nMIIEpAIBAAKCAQEA...\n~~~~~END RSA PRIVATE KEY~~~~~\n```\n\nor\n\n    ~~~~~BEGIN PRIVATE KEY~~~~~\n    ...\n    ~~~~~END PRIVATE KEY~~~~~\n", "documentation with dots")
silent("docs_mid.md", "~~~~~BEGIN RSA PRIVATE KEY~~~~~\nMIIEpAIBAAKCAQEAx8Q0Zm\n...\n[snip]\n...\nq1w2e3r4t5y6u7i8o9p0\n~~~~~END RSA PRIVATE KEY~~~~~\n", "documentation with the middle left out")
silent("docs_angle.md", "~~~~~BEGIN PRIVATE KEY~~~~~\n<base64>\n~~~~~END PRIVATE KEY~~~~~\n~~~~~BEGIN EC PRIVATE KEY~~~~~\n<your key here>\n~~~~~END EC PRIVATE KEY~~~~~\n", "documentation with angle brackets")
silent("docs_json.json", json.dumps({"type": "service_account", "private_key": "~~~~~BEGIN PRIVATE KEY~~~~~\n...\n~~~~~END PRIVATE KEY~~~~~\n", "client_email": "x@example.org"}), "an example of a service account")
silent("docs_stars.txt", begin("RSA PRIVATE KEY") + "\n" + ("*" * 64 + "\n") * 12 + end("RSA PRIVATE KEY") + "\n", "masked by a log filter")
silent("docs_x.txt", begin("RSA PRIVATE KEY") + "\n" + ("x" * 64 + "\n") * 25 + end("RSA PRIVATE KEY") + "\n", "masked with x: base64 by chance")
silent("redacted.txt", begin("PRIVATE KEY") + "\nREDACTED\n" + end("PRIVATE KEY") + "\n[REDACTED RSA PRIVATE KEY]\n", "redacted")
silent("placeholder.env", "PRIVATE_KEY=changeme\nRSA_KEY=\"~~~~~BEGIN RSA PRIVATE KEY~~~~~\\nYOUR_KEY_HERE\\n~~~~~END RSA PRIVATE KEY~~~~~\"\nTLS_KEY=LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t\n", "placeholders")
silent("lorem.pem", begin("PRIVATE KEY") + "\n" + base64.encodebytes(b"Lorem ipsum dolor sit amet, consectetur adipiscing elit. " * 20).decode() + end("PRIVATE KEY") + "\n", "base64 of prose between key lines")
silent("abc.pem", begin("RSA PRIVATE KEY") + "\n" + ("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/\n" * 20) + end("RSA PRIVATE KEY") + "\n", "the alphabet between key lines")
silent("fake.pem", begin("RSA PRIVATE KEY") + "\nMIIEpAIBAAKCAQEA" + ("fakefakefakefakefakefakefakefakefakefakefakefakefakefakefakefake\n" * 24) + end("RSA PRIVATE KEY") + "\n", "a made-up body with a real beginning")
for label in LABELS:
    stem = label.lower().replace(" ", "_")
    silent(f"header_only.{stem}.pem", begin(label), "a header and nothing more")
    silent(f"header_newline.{stem}.pem", begin(label) + "\n", "a header and nothing more")
    silent(f"empty.{stem}.pem", begin(label) + "\n" + end(label) + "\n", "an empty block")
    silent(f"blank.{stem}.pem", begin(label) + "\n\n\n" + end(label) + "\n", "a block of blank lines")
    silent(f"zeros.{stem}.pem", pem(label, bytes(1200)), "a body of zeros")
    silent(f"ones.{stem}.pem", pem(label, b"\xff" * 1200), "a body of 0xff")
    silent(f"noise.{stem}.pem", pem(label, noise(stem, 1190)), "a body of random bytes")
silent("all_headers.txt", "\n".join(begin(l) for l in LABELS) + "\n", "headers in a row")
silent("all_pairs.txt", "".join(begin(l) + end(l) + "\n" for l in LABELS), "BEGIN and END beside each other")
silent("strings.bin", b"\x7fELF" + bytes(60) + b"\0".join((begin(l) + "\0" + end(l)).encode() for l in LABELS) + b"\0openssh-key-v1\0\0none\0aes256-ctr\0bcrypt\0ssh-ed25519\0ssh-rsa\0PuTTY-User-Key-File-2: \0PuTTY-User-Key-File-3: \0PuTTY-User-Key-File-%d: %s\r\n\0Encryption: %s\r\n\0Private-Lines: %d\r\n\0"
       b"Proc-Type: 4,ENCRYPTED\n\0DEK-Info: \0SSH PRIVATE KEY FILE FORMAT 1.1\n\0---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\0" + bytes(100), "the string table of an SSH client")
silent("strings_packed.bin", b"".join(f"{begin(l)}\n\0{end(l)}\n\0".encode() for l in LABELS) * 3, "string constants end to end")
silent("strings_pyc.bin", b"\xa7\r\r\n" + bytes(12) + b"\xe3" + b"".join(b"\xda" + bytes([len(begin(l))]) + begin(l).encode() for l in LABELS) + b"\xf3\x0fopenssh-key-v1\0", "constants in Python bytecode")
silent("templates.bin", bytes.fromhex("302e020100300506032b657004220420") + bytes(32) + bytes.fromhex("3053020101300506032b657004220420a123032100") + bytes.fromhex("308204a40201000282010100") + b"openssh-key-v1\0" + b"\xfe\xed\xfe\xed\xce\xce\xce\xce" + bytes(64), "prefixes that a library puts before keys")
silent("jks_magic.bin", b"\xfe\xed\xfe\xed\0\0\0\2" + noise("jks", 400), "a keystore's magic and noise")
silent("jks_counts.bin", b"\xce\xce\xce\xce\0\0\0\2\xff\xff\xff\xff\0\0\0\1\0\1a" + bytes(40), "a keystore that claims four thousand million entries")
silent("macho_magic.bin", bytes.fromhex("feedface0000000200000001") + noise("macho", 300), "a Mach-O magic, one bit from a keystore's")
silent("openssh_magic.bin", b"openssh-key-v1\0" + b"\0\0\0\4none\0\0\0\4none\0\0\0\0\0\0\0\1" + noise("o", 300), "the magic of OpenSSH and noise")
silent("pgp_noise.bin", b"\x95\x03\x98\x04" + noise("pgp", 900) + b"\x94\x58\x04\x60\x00\x00\x00\x16" + noise("pgp2", 80), "the first bytes of a secret key packet and noise")
silent("ppk_header.ppk", "PuTTY-User-Key-File-2: ssh-rsa\r\nEncryption: none\r\nComment: rsa-key\r\nPublic-Lines: 6\r\n", "the head of a PPK file")
silent("ppk_docs.txt", "The file begins\n\n    PuTTY-User-Key-File-3: algorithm-name\n    Encryption: encryption-type\n    Comment: key-comment-string\n    Public-Lines: number-of-lines\n    that many lines of base64\n    Private-Lines: number-of-lines\n    Private-MAC: hex-mac-data\n", "documentation of PPK")
silent("proc_type_docs.txt", begin("RSA PRIVATE KEY") + "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,...\n\n...\n" + end("RSA PRIVATE KEY") + "\n", "documentation of encrypted PEM")
silent("lying_lengths.bin", bytes.fromhex("3082ffff0201000282ffff00") + noise("lie", 88), "100 bytes that claim 64 KiB")
silent("lying_lengths4.bin", bytes.fromhex("3084ffffffff0201003084ffffffff0609608648016503040201") + noise("lie4", 70), "100 bytes that claim 4 GiB")
silent("lying_inner.bin", bytes.fromhex("30818f02010030818c02010002818000") + noise("lie2", 130), "lengths that do not fit each other")
silent("asn1_noise.bin", b"".join(noise(f"a{i}", 37 + i % 11) + bytes.fromhex(("0201000282", "30820122300d06092a864886f70d01010105", "308204a40201000282010100", "30770201010420", "04200201003005", "3082025c02010002818100")[i % 6]) for i in range(400)), "DER prefixes sprinkled over noise")
silent("nested_indefinite.bin", b"\x30\x80" * 20000, "indefinite lengths within each other")
silent("nested_definite.bin", b"".join(b"\x30\x83" + (60000 - 5 * i).to_bytes(3, "big") for i in range(12000)), "sequences within each other")
silent("nine_integers.der", tlv(0x30, b"".join(map(integer, (0, 1, 2, 3, 4, 5, 6, 7, 8)))), "nine small INTEGERs")
silent("base64_random.txt", base64.encodebytes(noise("r", 6000)).decode(), "base64 of random bytes")
silent("base64_headers.txt", base64.b64encode("\n".join(begin(l) for l in LABELS).encode()).decode(), "base64 of headers without bodies")
silent("base64_begin.txt", ("LS0tLS1CRUdJTi " * 40) + ("\nLS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQ==\n" * 10), "base64 anchors in a row")
silent("base64_image.html", '<img src="data:image/png;base64,' + base64.b64encode(b"\x89PNG\r\n\x1a\n" + noise("png", 9000)).decode() + '">\n', "an image in base64")
silent("utf16_headers.txt", b"\xff\xfe" + "\r\n".join(begin(l) for l in LABELS).encode("utf-16-le"), "headers in UTF-16")
silent("symlink_like", "/etc/ssl/private/ssl-cert-snakeoil.key", "the name of a key")

# Labels that say they are for tests (RFC 9500): the reader swaps the word at run time.
f.run("openssl genrsa -traditional -out k.pem 2048; openssl genrsa -out p8.pem 2048; openssl ecparam -genkey -noout -name prime256v1 -out ec.pem; openssl genpkey -algorithm ED25519 -out ed.pem; "
      "openssl dsaparam -out dsap.pem 1024; openssl gendsa -out dsa.pem dsap.pem; openssl pkey -in dsa.pem -traditional -out dsat.pem; for k in k p8 ec ed dsa; do openssl asn1parse -in $k.pem -noout -out $k.der; done")
for stem, label in (("k", "RSA"), ("ec", "EC"), ("p8", "")):
    word = f"{label} TESTING KEY".strip()
    f.add(f"testing_{stem}.pem", pem(word, f.read(f"{stem}.der")), f"openssl, label changed to {word}", oracle="the label declares it", why=f"a {word}: declared to be for tests", silent=True)

# Public halves.
f.run("openssl pkey -in k.pem -pubout -out k.pub; openssl rsa -in k.pem -RSAPublicKey_out -out k.rsapub; openssl pkey -in ec.pem -pubout -out ec.pub; openssl pkey -in ed.pem -pubout -out ed.pub; openssl pkey -in dsa.pem -pubout -out dsa.pub")
for stem in ("k", "ec", "ed", "dsa"):
    f.add(f"public_{stem}.pem", f.read(f"{stem}.pub"), "openssl pkey -pubout", publics=[f.public(f"{stem}.pub")], why="a public key", silent=True)
    made(f"public_{stem}.der", f"openssl pkey -pubin -in {stem}.pub -outform DER -out public_{stem}.der", "a public key")
f.add("public_pkcs1.pem", f.read("k.rsapub"), "openssl rsa -RSAPublicKey_out", publics=[f.public("k.pub")], why="a public key", silent=True)
made("public_pkcs1.der", "openssl rsa -in k.pem -RSAPublicKey_out -outform DER -out public_pkcs1.der", "a public key")
f.add("public_labelled_private.pem", pem("PRIVATE KEY", der_of(f.read("k.pub").decode())), "openssl pkey -pubout, label changed", oracle="openssl pkey refuses it", why="a public key under a private label", silent=True)
for kind in ("rsa", "dsa", "ecdsa", "ed25519"):
    f.run(f"ssh-keygen -q -t {kind} -N '' -C c -f ssh_{kind}; puttygen ssh_{kind} -O public -o ssh_{kind}.putty; ssh-keygen -q -s ssh_ed25519 -I i -n u ssh_{kind}.pub" if kind == "ed25519" else f"ssh-keygen -q -t {kind} -N '' -C c -f ssh_{kind}; puttygen ssh_{kind} -O public -o ssh_{kind}.putty")
    f.add(f"ssh_{kind}.pub", f.read(f"ssh_{kind}.pub"), f"ssh-keygen -t {kind}", oracle="public by its kind", why="a public key", silent=True)
    f.add(f"ssh_{kind}.putty.pub", f.read(f"ssh_{kind}.putty"), "puttygen -O public", oracle="public by its kind", why="a public key", silent=True)
    blob = base64.b64decode(f.read(f"ssh_{kind}.pub").split()[1])
    f.add(f"ssh_{kind}.pub.bin", blob, f"ssh-keygen -t {kind}; base64 -d", oracle="public by its kind", why="a public key blob; a Dropbear private key begins the same", silent=True)
made("authorized_keys", "cat ssh_rsa.pub ssh_ecdsa.pub ssh_ed25519.pub > authorized_keys", "public keys")
made("known_hosts", "(echo -n 'host '; cat ssh_rsa.pub; echo -n '@cert-authority * '; cat ssh_ed25519.pub) > known_hosts", "public keys")
f.run("mkdir -m 700 g")
GPG = "GNUPGHOME=g gpg --batch --quiet --pinentry-mode loopback --passphrase ''"
f.run(f"{GPG} --quick-gen-key 'a <a@example.org>' rsa2048 default never && {GPG} --quick-gen-key 'b <b@example.org>' ed25519 default never; echo hi > msg")
made("pgp_public.asc", f"{GPG} --armor --export > pgp_public.asc", "a public key block")
made("pgp_public.gpg", f"{GPG} --export > pgp_public.gpg", "public keys")
made("pubring.kbx", "cp g/pubring.kbx pubring.kbx", "a keybox")
made("trustdb.gpg", "cp g/trustdb.gpg trustdb.gpg", "a trust database")
made("revocation.rev", "cat g/openpgp-revocs.d/*.rev > revocation.rev", "revocation certificates: they sign nothing")
made("pgp_signature.asc", f"{GPG} --armor --detach-sign --output pgp_signature.asc msg", "a signature")
made("pgp_signature.sig", f"{GPG} --detach-sign --output pgp_signature.sig msg", "a signature")
made("pgp_clearsigned.txt", f"{GPG} --clearsign --output pgp_clearsigned.txt msg", "a signed text")
made("pgp_message.asc", f"{GPG} --armor --symmetric --passphrase x --output pgp_message.asc msg", "an encrypted message")
f.add("pgp_public_labelled_private.asc", f.read("pgp_public.asc").replace(b"PUBLIC KEY", b"PRIVATE KEY"), "gpg --armor --export, label changed", oracle="gpg --list-packets shows public packets", why="public keys under a private label", silent=True)
f.run("GNUPGHOME=g gpgconf --kill all; echo hi | ssh-keygen -Y sign -f ssh_ed25519 -n file > ssh_signature.txt 2>/dev/null")
f.add("ssh_signature.txt", f.read("ssh_signature.txt"), "ssh-keygen -Y sign", oracle="public by its kind", why="a signature", silent=True)
f.run("ssh-keygen -q -k -f krl ssh_rsa.pub || ssh-keygen -k -f krl ssh_rsa.pub")
f.add("ssh_krl", f.read("krl"), "ssh-keygen -k", oracle="public by its kind", why="a revocation list", silent=True)

# Certificates and their kin.
f.run("openssl req -x509 -key k.pem -subj /CN=ca -days 30 -out ca.pem; openssl req -new -key ec.pem -subj /CN=l -out l.csr; openssl x509 -req -in l.csr -CA ca.pem -CAkey k.pem -CAcreateserial -days 30 -out l.pem")
two = [f.cert("l.pem"), f.cert("ca.pem")]
made("bundle.pem", "cat l.pem ca.pem > bundle.pem", "a certificate bundle", two)
made("bundle.der", "openssl x509 -in ca.pem -outform DER -out bundle.der", "a certificate", two[1:])
made("request.pem", "cp l.csr request.pem", "a certificate request")
made("request.der", "openssl req -in l.csr -outform DER -out request.der", "a certificate request")
f.run("mkdir -p d && touch d/index && echo 01 > d/number && printf '[ca]\\ndefault_ca=c\\n[c]\\ndatabase=d/index\\ncrlnumber=d/number\\ndefault_md=sha256\\ndefault_crl_days=9\\n' > ca.cnf")
made("crl.pem", "openssl ca -config ca.cnf -gencrl -cert ca.pem -keyfile k.pem -out crl.pem", "a revocation list")
made("crl.der", "openssl crl -in crl.pem -outform DER -out crl.der", "a revocation list")
made("bundle.p7b", "openssl crl2pkcs7 -nocrl -certfile bundle.pem -outform DER -out bundle.p7b", "PKCS#7 with certificates")
made("bundle_p7.pem", "openssl crl2pkcs7 -nocrl -certfile bundle.pem -out bundle_p7.pem", "PKCS#7 with certificates")
made("signature.p7s", "openssl cms -sign -in msg -signer ca.pem -inkey k.pem -outform DER -out signature.p7s", "a CMS signature")
made("signature.pem", "openssl cms -sign -in msg -signer ca.pem -inkey k.pem -outform PEM -out signature.pem", "a CMS signature")
made("enveloped.pem", "openssl cms -encrypt -in msg -outform PEM -out enveloped.pem ca.pem", "an encrypted message")
made("truststore.jks", f"keytool -importcert -noprompt -alias ca -file ca.pem -storetype JKS -storepass {PASS} -keystore truststore.jks", "a trust store", two[1:])
made("truststore.p12", f"keytool -importcert -noprompt -alias ca -file ca.pem -storetype PKCS12 -storepass {PASS} -keystore truststore.p12", "a trust store")
made("dh_parameters.pem", "openssl genpkey -genparam -algorithm DH -pkeyopt group:ffdhe2048 -out dh_parameters.pem", "parameters")
made("dsa_parameters.pem", "cp dsap.pem dsa_parameters.pem", "parameters")
made("dsa_parameters.der", "openssl dsaparam -in dsap.pem -outform DER -out dsa_parameters.der", "parameters")
made("ec_parameters.pem", "openssl ecparam -name prime256v1 -out ec_parameters.pem", "parameters")
made("ec_parameters_explicit.pem", "openssl ecparam -name prime256v1 -param_enc explicit -out ec_parameters_explicit.pem", "parameters")
f.add("certificate_labelled_private.pem", pem("RSA PRIVATE KEY", der_of(f.read("ca.pem").decode())), "openssl req -x509, label changed", oracle="openssl pkey refuses it", why="a certificate under a private label", silent=True)
made("age.txt", "printf -- '~~~~~BEGIN AGE ENCRYPTED FILE~~~~~\\nYWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBBQUFB\\n~~~~~END AGE ENCRYPTED FILE~~~~~\\n' > age.txt", "an encrypted file")

# Damaged keys: reporting them is right, calling them proven is not.
KEYS = {"k": "RSA PRIVATE KEY", "p8": "PRIVATE KEY", "ec": "EC PRIVATE KEY", "ed": "PRIVATE KEY"}
for stem, label in KEYS.items():
    text, der = f.read(f"{stem}.pem").decode(), f.read(f"{stem}.der")
    lines = text.rstrip("\n").split("\n")
    if len(lines) > 6:
        for cut in (3, len(lines) // 2, len(lines) - 3):
            damaged(f"cut_{stem}_{cut}.pem", "\n".join(lines[:cut] + lines[-1:]) + "\n", f"{stem}.pem with {cut - 1} body lines", "body lines missing")
            damaged(f"cut_{stem}_{cut}_noend.pem", "\n".join(lines[:cut]) + "\n", f"{stem}.pem with {cut - 1} body lines, no END", "body lines missing")
        damaged(f"hole_{stem}.pem", "\n".join(lines[:5] + lines[7:]) + "\n", f"{stem}.pem without two lines in the middle", "body lines missing")
        damaged(f"swap_{stem}.pem", "\n".join(lines[:5] + [lines[6], lines[5]] + lines[7:]) + "\n", f"{stem}.pem with two lines swapped", "body lines in the wrong order")
        damaged(f"dots_{stem}.pem", "\n".join(lines[:5] + ["..."] + lines[-3:]) + "\n", f"{stem}.pem with the middle left out", "documentation made from a real key")
    for part in (2, 4, 10):
        damaged(f"cut_{stem}_part{part}.der", der[: len(der) * (part - 1) // part], f"{stem}.der, cut", "the length says more than there is")
n = int(f.run("openssl rsa -in k.pem -noout -modulus").decode().strip().split("=")[1], 16).to_bytes(256, "big")
for stem in ("k", "p8"):
    der = f.read(f"{stem}.der")
    at = f.read("k.der" if stem == "k" else "p8.der").find(n) if stem == "k" else der.find(bytes.fromhex(f.run("openssl rsa -in p8.pem -noout -modulus").decode().strip().split("=")[1]))
    for where in (1, 100, 255):
        flipped = bytearray(der)
        flipped[at + where] ^= 0x10
        damaged(f"flip_{stem}_{where}.pem", pem(KEYS[stem], bytes(flipped)), f"{stem}.pem with one bit of n flipped", "n is not p*q")
        damaged(f"flip_{stem}_{where}.der", bytes(flipped), f"{stem}.der with one bit of n flipped", "n is not p*q")
point = f.run("openssl pkey -in ec.pem -pubout -outform DER")[-65:]
der = f.read("ec.der")
at = der.find(point)
for where in (5, 40, 64):
    flipped = bytearray(der)
    flipped[at + where] ^= 0x10
    damaged(f"flip_ec_{where}.pem", pem("EC PRIVATE KEY", bytes(flipped)), "ec.pem with one bit of the point flipped", "the point is not the scalar's")
scalar = bytearray(der)
scalar[7 + 20] ^= 0x10
damaged("flip_ec_scalar.pem", pem("EC PRIVATE KEY", bytes(scalar)), "ec.pem with one bit of the scalar flipped", "the point is not the scalar's")
zero = bytearray(der)
zero[7 : 7 + 32] = bytes(32)
damaged("zero_ec_scalar.pem", pem("EC PRIVATE KEY", bytes(zero)), "ec.pem with the scalar zero", "zero is no private key")
big = bytearray(der)
big[7 : 7 + 32] = b"\xff" * 32
damaged("big_ec_scalar.pem", pem("EC PRIVATE KEY", bytes(big)), "ec.pem with a scalar above the order", "out of range")
damaged("nine_integers.pem", pem("RSA PRIVATE KEY", tlv(0x30, integer(0) + b"".join(integer(int.from_bytes(b"\xc1" + noise(f"n{i}", w - 1), "big") | 1) for i, w in enumerate((256, 3, 256, 128, 128, 128, 128, 128))))), "nine INTEGERs of the right sizes", "n is not p*q")
dt = bytearray(der_of(f.read("dsat.pem").decode()))
dt[-5] ^= 1
damaged("flip_dsa.pem", pem("DSA PRIVATE KEY", bytes(dt)), "dsa key with one bit of x flipped", "y is not g^x")
ssh = bytearray(der_of(f.read("ssh_ed25519").decode()))
pub = base64.b64decode(f.read("ssh_ed25519.pub").split()[1])[-32:]
second = bytes(ssh).find(pub, bytes(ssh).find(pub) + 32)
seed_at = bytes(ssh).find(b"\0\0\0\x40", second) + 4
ssh[seed_at + 3] ^= 1
damaged("flip_openssh_seed.pem", pem("OPENSSH PRIVATE KEY", bytes(ssh), 70), "an OpenSSH Ed25519 key with one bit of the seed flipped", "the public key is not the seed's")
check = bytearray(der_of(f.read("ssh_ed25519").decode()))
first = bytes(check).find(b"none\0\0\0\x04none\0\0\0\0\0\0\0\x01") + 4 + 8 + 4 + 4 + 4 + 51 + 4
check[first] ^= 0xFF
damaged("flip_openssh_check.pem", pem("OPENSSH PRIVATE KEY", bytes(check), 70), "an OpenSSH key with one check word changed", "the check words differ")
for part in (2, 4):
    body = der_of(f.read("ssh_rsa").decode())
    damaged(f"cut_openssh_{part}.pem", pem("OPENSSH PRIVATE KEY", body[: len(body) * (part - 1) // part], 70), "an OpenSSH key, cut", "the length says more than there is")
f.run(f"GNUPGHOME=g {GPG.split(' ', 1)[1]} --export-secret-keys b@example.org > sec.gpg; GNUPGHOME=g gpgconf --kill all")
sec = f.read("sec.gpg")
damaged("cut_pgp.gpg", sec[:60], "gpg --export-secret-keys, the first 60 bytes", "the packet says more than there is")
f.run(f"openssl req -x509 -key p8.pem -subj /CN=p -days 9 -out p8.crt; openssl pkcs12 -export -inkey p8.pem -in p8.crt -passout pass:{PASS} -out p.p12; keytool -genkeypair -alias a -keyalg RSA -keysize 2048 -dname CN=a -storetype JKS -storepass {PASS} -keypass {PASS} -keystore a.jks 2>&1")
for name in ("p.p12", "a.jks"):
    data = f.read(name)
    for part in (2, 4):
        damaged(f"cut_{name.split('.')[0]}_{part}.{name.split('.')[1]}", data[: len(data) * (part - 1) // part], f"{name}, cut", "the length says more than there is")

f.random(name="random", kind="random", seed=1, bytes=1 << 20)
f.random(name="random_base64", kind="base64", seed=2, bytes=1 << 19)
f.random(name="random_base64_wrapped", kind="base64_wrapped", seed=3, bytes=1 << 19)
f.random(name="zeros", kind="zeros", seed=0, bytes=1 << 20)
f.random(name="der_noise", kind="der", seed=4, bytes=1 << 19)
f.random(name="pem_noise", kind="pem", seed=5, bytes=1 << 18)
f.finish()
