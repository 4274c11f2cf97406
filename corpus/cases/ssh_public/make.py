"""Public keys of SSH: on one line in four kinds of file, in RFC 4716 blocks, and in certificates."""

import base64
import hashlib

from cryptography.hazmat.primitives import serialization as ser

from kit import Family

f = Family("ssh_public", "SSH public keys and certificates, by ssh-keygen")
ORACLE = "python cryptography load_ssh_public_key"


def spki(pub):
    """SHA-256 of the SPKI of a one-line public key."""
    words = pub.split()
    at = next(i for i, word in enumerate(words) if word.startswith(b"AAAA"))
    line = b" ".join(words[at - 1 : at + 1])
    der = ser.load_ssh_public_key(line).public_bytes(ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


f.run("ssh-keygen -q -t ecdsa -N '' -C authority -f ca")
authority = spki(f.read("ca.pub"))
TYPES = {"rsa2048": "-t rsa -b 2048", "rsa16384": "-t rsa -b 16384", "dsa": "-t dsa", "ecdsa256": "-t ecdsa -b 256",
         "ecdsa384": "-t ecdsa -b 384", "ecdsa521": "-t ecdsa -b 521", "ed25519": "-t ed25519"}
lines = {}
for stem, options in TYPES.items():
    if stem == "rsa16384":
        # Minutes of work for ssh-keygen, and only the public half is wanted: any odd number does.
        n = int.from_bytes(hashlib.shake_256(b"rsa16384").digest(2048), "big") | 1 | 1 << 16383
        parts = [b"ssh-rsa", (65537).to_bytes(3, "big"), b"\0" + n.to_bytes(2048, "big")]
        blob = b"".join(len(p).to_bytes(4, "big") + p for p in parts)
        f.path(f"{stem}.pub").write_bytes(b"ssh-rsa " + base64.b64encode(blob) + b" large@host\n")
        make = "a number of 16,384 bits in the form of RFC 4253 6.6"
    else:
        make = f"ssh-keygen {options} -C {stem}@host -f {stem}"
        f.run(f"ssh-keygen -q {options} -N '' -C {stem}@host -f {stem}")
    pub = f.read(f"{stem}.pub")
    lines[stem] = pub.strip()
    f.add(f"{stem}.pub", pub, make, publics=[spki(pub)], oracle=ORACLE)
    f.run(f"ssh-keygen -e -m RFC4716 -f {stem}.pub > {stem}.ssh2")
    f.add(f"{stem}.ssh2", f.read(f"{stem}.ssh2"), f"ssh-keygen -e -m RFC4716 -f {stem}.pub", publics=[spki(pub)], oracle=ORACLE)
    if stem != "rsa16384":
        f.run(f"ssh-keygen -q -s ca -I id -n user {stem}.pub")
        f.add(f"{stem}-cert.pub", f.read(f"{stem}-cert.pub"), f"ssh-keygen -s ca -I id -n user {stem}.pub",
              publics=[spki(pub), authority], oracle=ORACLE)

few = ["rsa2048", "ecdsa256", "ed25519"]
options = [b'restrict,command="/bin/echo \\"x\\"" ', b"cert-authority ", b'from="10.0.0.0/8,*.example.org" ']
text = b"# who may come in\n" + b"".join(o + lines[s] + b"\n" for o, s in zip(options, few))
f.add("authorized_keys", text, "the .pub files above, behind options of sshd(8)", publics=[spki(lines[s]) for s in few], oracle=ORACLE)
hosts = b"".join(h + b" " + b" ".join(lines[s].split()[:2]) + b"\n" for h, s in zip([b"a.example.org", b"[b.example.org]:2222,10.0.0.1", b"@cert-authority *.example.org"], few))
f.path("known_hosts").write_bytes(hosts)
f.add("known_hosts", hosts, "the .pub files above, behind host names", publics=[spki(lines[s]) for s in few], oracle=ORACLE)
f.run("cp known_hosts hashed && ssh-keygen -H -f hashed")
f.add("known_hosts_hashed", f.read("hashed"), "ssh-keygen -H -f known_hosts", publics=[spki(lines[s]) for s in few], oracle=ORACLE)
quoted = b'resource "key" "a" {\n  public_key = "' + lines["ed25519"] + b'"\n}\n'
f.add("main.tf", quoted, "ed25519.pub in quotes", publics=[spki(lines["ed25519"])], oracle=ORACLE)

# What only looks like one.
body = lines["rsa2048"].split()[1]
f.add("cut.pub", b"ssh-rsa " + body[:120] + b" cut\n", "rsa2048.pub, cut", silent=True, oracle="ssh-keygen refuses it")
f.add("even.pub", b"ssh-rsa " + base64.b64encode(base64.b64decode(body)[:-1] + b"\x02") + b" even\n", "rsa2048.pub, its modulus made even", silent=True, oracle="no RSA modulus is even")
f.add("prefix.txt", b"the blob of ssh-rsa begins AAAAB3NzaC1yc2E, that of ecdsa AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY\n", "by hand", silent=True, oracle="by hand")
f.finish()
