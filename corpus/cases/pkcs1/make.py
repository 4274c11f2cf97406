"""RSA private keys in their traditional form (RFC 8017 A.1.2)."""

import re

from kit import Family, der_of, integer, pem, tlv
from occur import all_forms, raw_forms

f = Family("pkcs1", "RSA private keys as PKCS#1 RSAPrivateKey, PEM and DER, by OpenSSL")

for bits in (512, 768, 1023, 1024, 1536, 2047, 2048, 3000, 3072, 4096, 8192):
    stem = f"rsa{bits}"
    make = f"openssl genrsa -traditional -out {stem}.pem {bits}"
    f.run(make)
    key = f.key(f"{stem}.pem", "pkcs1")
    f.add(f"{stem}.pem", f.read(f"{stem}.pem"), make, [key])
    f.tool(f"{stem}.der", f"openssl rsa -in {stem}.pem -traditional -outform DER -out {stem}.der", [key])

for stem, option, bits in (("e3", "-3", 2048), ("primes3", "-primes 3", 2048), ("primes4", "-primes 4", 4096)):
    make = f"openssl genrsa -traditional {option} -out {stem}.pem {bits}"
    f.run(make)
    key = f.key(f"{stem}.pem", "pkcs1")
    f.add(f"{stem}.pem", f.read(f"{stem}.pem"), make, [key])
    f.tool(f"{stem}.der", f"openssl rsa -in {stem}.pem -traditional -outform DER -out {stem}.der", [key])

base = "openssl genrsa -traditional 2048"
text = f.read("rsa2048.pem").decode()
key = f.key("rsa2048.pem", "pkcs1")
all_forms(f, "occur", text, [key], base)
raw_forms(f, "raw", f.read("rsa2048.der"), [key], base)
raw_forms(f, "raw512", f.read("rsa512.der"), [f.key("rsa512.pem", "pkcs1")], "openssl genrsa -traditional 512")

# Other tools.
f.tool("certtool.pem", "certtool --generate-privkey --key-type=rsa --bits=2048 --no-text --outfile certtool.pem", lambda: [f.key("certtool.pem", "pkcs1")])
f.run("ssh-keygen -q -t rsa -b 2048 -m PEM -N '' -C '' -f ssh_pem")
f.add("ssh_keygen_m_pem", f.read("ssh_pem"), "ssh-keygen -t rsa -b 2048 -m PEM -N '' -f ssh_keygen_m_pem", [f.key("ssh_pem", "pkcs1")])
f.run("puttygen -q -t rsa -b 2048 -C '' --new-passphrase /dev/null -o p.ppk && puttygen p.ppk -O private-openssh -o puttygen.pem")
f.add("puttygen.pem", f.read("puttygen.pem"), "puttygen -t rsa -b 2048 -o p.ppk; puttygen p.ppk -O private-openssh -o puttygen.pem", [f.key("puttygen.pem", "pkcs1")])

# Several in one file.
two = [f.key("rsa1024.pem", "pkcs1"), f.key("rsa1536.pem", "pkcs1"), f.key("rsa3072.pem", "pkcs1")]
f.tool("three.pem", "cat rsa1024.pem rsa1536.pem rsa3072.pem > three.pem", two)
f.add("two_joined.pem", f.read("rsa1024.pem").rstrip(b"\n") + f.read("rsa1536.pem"), "two files joined without a newline", two[:2])
f.tool("two.der.bin", "cat rsa1024.der rsa1536.der > two.der.bin", two[:2])
f.run("openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=ca -days 30")
f.run("openssl req -new -key rsa2048.pem -subj /CN=leaf -out leaf.csr")
f.run("openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -out leaf.pem")
chain = [f.cert("leaf.pem"), f.cert("ca.pem")]
f.tool("key_and_chain.pem", "cat rsa2048.pem leaf.pem ca.pem > key_and_chain.pem", [key], chain)
f.tool("chain_and_key.pem", "cat leaf.pem ca.pem rsa2048.pem > chain_and_key.pem", [key], chain)
f.run("openssl x509 -in leaf.pem -text > leaf.txt")
f.tool("text_chain_and_key.pem", "cat leaf.txt rsa2048.pem > text_chain_and_key.pem", [key], chain[:1])
f.tool("with_text.pem", "openssl rsa -in rsa1024.pem -traditional -text -out with_text.pem", [two[0], f.key("rsa1024.pem", "text_dump")])

# A label that does not match its content: the content decides.
f.add("labelled_private_key.pem", pem("PRIVATE KEY", der_of(text)), f"{base}, label changed to PRIVATE KEY", [key])
f.add("labelled_ec.pem", pem("EC PRIVATE KEY", der_of(text)), f"{base}, label changed to EC PRIVATE KEY", [key])
f.add("labelled_any.pem", pem("ANY PRIVATE KEY", der_of(text)), f"{base}, label changed to ANY PRIVATE KEY", [key])
f.add("lower_case.pem", text.replace("BEGIN RSA PRIVATE KEY", "begin rsa private key").replace("END RSA PRIVATE KEY", "end rsa private key"), f"{base}, label in lower case", [key])

# Numbers left out that can be computed again: the key is as lost as any.
numbers = [int(v or "0", 16) for v in re.findall(r"INTEGER +:([0-9A-F]*)$", f.run("openssl asn1parse -in rsa2048.pem").decode(), flags=re.M)]
assert len(numbers) == 9
for name, kept in (("no_primes", numbers[:4] + [0] * 5), ("no_exponent", numbers[:3] + [0] + numbers[4:]), ("no_crt", numbers[:6] + [0] * 3)):
    der = tlv(0x30, b"".join(map(integer, kept)))
    f.add(f"{name}.pem", pem("RSA PRIVATE KEY", der), f"{base}, some numbers put to 0 by hand", [key], stretch=True)

f.finish()
