"""PEM encrypted the way of RFC 1421: Proc-Type and DEK-Info headers, one MD5 pass over the password."""

import sys

from kit import PASS, Family
from occur import all_forms

f = Family("legacy_pem", "traditional PEM with Proc-Type: 4,ENCRYPTED, by OpenSSL, ssh-keygen and puttygen")
f.run("openssl genrsa -out rsa.pem 2048; openssl ecparam -genkey -noout -name prime256v1 -out ec.pem; "
      "openssl dsaparam -out dsap.pem 1024; openssl genpkey -paramfile dsap.pem -out dsa.pem")
made = {}
CIPHERS = ["des-cbc", "des-ede3-cbc", "aes-128-cbc", "aes-192-cbc", "aes-256-cbc", "camellia-128-cbc", "camellia-256-cbc",
           "aria-256-cbc", "seed-cbc", "idea-cbc", "bf-cbc", "rc2-cbc", "cast5-cbc", "sm4-cbc", "aes-256-cfb"]
for cipher in CIPHERS:
    for base in ("rsa", "ec", "dsa") if cipher in ("des-ede3-cbc", "aes-128-cbc", "aes-256-cbc") else ("rsa",):
        name = f"{cipher.replace('-', '_')}_{base}"
        make = f"openssl pkey -provider default -provider legacy -in {base}.pem -traditional -{cipher} -passout pass:{PASS} -out {name}.pem"
        try:
            f.run(make)
        except RuntimeError as e:
            print(f"skipped {name}: {str(e).strip().splitlines()[-1][:100]}", file=sys.stderr)
            continue
        assert b"DEK-Info" in f.read(f"{name}.pem"), name
        made[name] = make
        f.add(f"{name}.pem", f.read(f"{name}.pem"), make, [f.key(f"{name}.pem", "legacy_pem", PASS, "weak", opaque=True)])

for kind, bits in (("rsa", 2048), ("ecdsa", 256), ("dsa", 1024)):
    f.run(f"ssh-keygen -q -t {kind} -b {bits} -m PEM -N {PASS} -C '' -f ssh_{kind}")
    f.add(f"ssh_keygen_{kind}", f.read(f"ssh_{kind}"), f"ssh-keygen -t {kind} -b {bits} -m PEM -N {PASS} -f ssh_keygen_{kind}",
          [f.key(f"ssh_{kind}", "legacy_pem", PASS, "weak", opaque=True)])
f.path("pw.txt").write_text(PASS + "\n")
f.run("puttygen -q -t rsa -b 2048 -C '' --new-passphrase pw.txt -o p.ppk && puttygen p.ppk --old-passphrase pw.txt --new-passphrase pw.txt -O private-openssh -o puttygen.pem")
f.add("puttygen.pem", f.read("puttygen.pem"), "puttygen -t rsa -b 2048 -o p.ppk; puttygen p.ppk -O private-openssh -o puttygen.pem", [f.key("puttygen.pem", "legacy_pem", PASS, "weak", opaque=True)])

for stem in ("aes_256_cbc_rsa", "des_ede3_cbc_ec"):
    all_forms(f, f"occur_{stem}", f.read(f"{stem}.pem").decode(), [f.key(f"{stem}.pem", "legacy_pem", PASS, "weak", opaque=True)], made[stem])
f.run("openssl req -x509 -key rsa.pem -subj /CN=self -days 30 -out self.pem")
f.tool("key_and_cert.pem", "cat aes_256_cbc_rsa.pem self.pem > key_and_cert.pem", [f.key("aes_256_cbc_rsa.pem", "legacy_pem", PASS, "weak", opaque=True)], [f.cert("self.pem")])
f.tool("several.pem", "cat aes_128_cbc_rsa.pem aes_128_cbc_ec.pem aes_128_cbc_dsa.pem > several.pem",
       [f.key(f"aes_128_cbc_{k}.pem", "legacy_pem", PASS, "weak", opaque=True) for k in ("rsa", "ec", "dsa")])
f.finish()
