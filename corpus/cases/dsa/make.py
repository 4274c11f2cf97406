"""DSA private keys in the traditional form: six INTEGERs."""

from kit import Family, der_of, pem
from occur import all_forms, raw_forms

f = Family("dsa", "DSA private keys in the traditional six-INTEGER form, PEM and DER, by OpenSSL, ssh-keygen and puttygen")
made = {}
for bits in (1024, 2048, 3072):
    stem = f"dsa{bits}"
    make = f"openssl dsaparam -out p{bits}.pem {bits}; openssl genpkey -paramfile p{bits}.pem | openssl pkey -traditional -out {stem}.pem"
    f.run(make)
    made[stem] = make
    key = f.key(f"{stem}.pem", "dsa")
    assert b"BEGIN DSA PRIVATE KEY" in f.read(f"{stem}.pem")
    f.add(f"{stem}.pem", f.read(f"{stem}.pem"), make, [key])
    f.run(f"openssl asn1parse -in {stem}.pem -noout -out {stem}.der")
    f.add(f"{stem}.der", f.read(f"{stem}.der"), f"openssl asn1parse -in {stem}.pem -noout -out {stem}.der", [key])
f.run("ssh-keygen -q -t dsa -m PEM -N '' -C '' -f ssh_pem")
f.add("ssh_keygen_m_pem", f.read("ssh_pem"), "ssh-keygen -t dsa -m PEM -N '' -f ssh_keygen_m_pem", [f.key("ssh_pem", "dsa")])
f.run("puttygen -q -t dsa -b 2048 -C '' --new-passphrase /dev/null -o p.ppk && puttygen p.ppk -O private-openssh -o puttygen.pem")
f.add("puttygen.pem", f.read("puttygen.pem"), "puttygen -t dsa -b 2048 -o p.ppk; puttygen p.ppk -O private-openssh -o puttygen.pem", [f.key("puttygen.pem", "dsa")])
f.run("certtool --generate-privkey --key-type=dsa --bits=2048 --no-text --outfile certtool.pem")
f.add("certtool.pem", f.read("certtool.pem"), "certtool --generate-privkey --key-type=dsa --bits=2048 --no-text", [f.key("certtool.pem", "dsa")])
f.tool("with_parameters.pem", "openssl dsaparam -genkey -out with_parameters.pem 1024", lambda: [f.key("with_parameters.pem", "pkcs8")])

text = f.read("dsa1024.pem").decode()
key = f.key("dsa1024.pem", "dsa")
all_forms(f, "occur", text, [key], made["dsa1024"])
for bits in (1024, 2048):
    raw_forms(f, f"raw{bits}", f.read(f"dsa{bits}.der"), [f.key(f"dsa{bits}.pem", "dsa")], made[f"dsa{bits}"])
f.tool("several.pem", "cat dsa1024.pem dsa2048.pem > several.pem", [key, f.key("dsa2048.pem", "dsa")])
for label in ("PRIVATE KEY", "RSA PRIVATE KEY"):
    f.add(f"labelled_{label.split()[0].lower()}.pem", pem(label, der_of(text)), f"{made['dsa1024']}, label changed to {label}", [key])
f.finish()
