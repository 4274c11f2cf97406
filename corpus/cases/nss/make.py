"""NSS databases by certutil and pk12util: key4.db and cert9.db with and without a password, key3.db and cert8.db.

What is in a database is asked of certutil (`certutil -L -a`, one certificate a nickname) and of openssl; certutil's own
list of keys (`certutil -K`) says how many there are.
"""

import hashlib
import os
import re
import sqlite3

from cryptography import x509
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import rsa

from kit import Family, noise

f = Family("nss", "NSS databases by certutil and pk12util: SQLite and Berkeley DB, with and without a password")
f.path("noise").write_bytes(os.urandom(64))
f.path("pw").write_text("changeit")
f.path("none").write_text("")


def new(folder, kind, password):
    f.path(folder).mkdir()
    f.run(f"certutil -N -d {kind}:{folder} " + (f"-f {password}" if password else "--empty-password"))


def make(folder, kind, name, options, password):
    f.run(f"certutil -S -d {kind}:{folder} -n {name} -s CN={name},O=corpus -x -t ,,, -m {int.from_bytes(noise(folder + name, 3), 'big')} -k {options} -z noise -v 120 -f {password or 'none'}")


def spki(pem, raw=False):
    """What openssl says of the key of a certificate; `raw` as rsaEncryption where the certificate says RSASSA-PSS."""
    if raw:
        numbers = x509.load_pem_x509_certificate(f.read(pem)).public_key().public_numbers()
        der = rsa.RSAPublicNumbers(numbers.e, numbers.n).public_key().public_bytes(ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo)
        return hashlib.sha256(der).hexdigest()
    return f.public_of(pem)


def public_of(pem):
    return hashlib.sha256(f.run(f"openssl x509 -in {pem} -noout -pubkey | openssl pkey -pubin -outform DER")).hexdigest()


f.public_of = public_of


def add(folder, kind, names, protection, made, key_file, cert_file, password=None, opaque=(), certs=True):
    """Asks certutil for every certificate, openssl for its key, and adds both files of a database."""
    listed = f.run(f"certutil -K -d {kind}:{folder} -f {password or 'none'}").decode()
    assert len(re.findall(r"^<\s*\d+>", listed, re.M)) == len(names), listed
    keys, sums, publics = [], [], []
    for name in names:
        pem = f"{folder}_{name}.pem"
        f.run(f"certutil -L -d {kind}:{folder} -n {name} -a > {pem}")
        digest = spki(pem, raw=name.startswith("pss"))
        row = dict(format="nss", protection=protection, _oracle=f"certutil -K; certutil -L -n {name} -a | openssl x509 -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum")
        if name in opaque:
            row.update(opaque=True, opened_spki_sha256=digest)
        else:
            row.update(spki_sha256=digest)
        keys.append(row)
        publics.append(digest)
        sums.append(f.cert(pem))
    f.add(f"{folder}.{key_file}", f.read(f"{folder}/{key_file}"), made, keys)
    if certs:
        more = dict(publics=publics) if kind == "sql" else {}
        f.add(f"{folder}.{cert_file}", f.read(f"{folder}/{cert_file}"), made, certs=sums, oracle="certutil -L -a | openssl x509", **more)


KINDS = {"rsa2048": "rsa -g 2048", "rsa4096": "rsa -g 4096", "p256": "ec -q nistp256", "p384": "ec -q nistp384", "p521": "ec -q nistp521", "dsa": "dsa", "pss": "rsa --pss -g 2048"}
for folder, password in (("empty", None), ("locked", "pw")):
    new(folder, "sql", password)
    for name, options in KINDS.items():
        make(folder, "sql", name, options, password)
    made = f"certutil -N -d sql: {'-f pw' if password else '--empty-password'}; certutil -S -x for each of {', '.join(KINDS)}"
    add(folder, "sql", list(KINDS), "strong" if password else "weak", made, "key4.db", "cert9.db", password)

# Brought in from a PKCS#12 file, with its chain.
f.run("openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj '/CN=corpus CA' -days 900")
f.run("openssl req -newkey rsa:2048 -nodes -keyout leaf.key -out leaf.csr -subj '/CN=Release Signing/O=corpus'")
f.run("openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 800 -out leaf.pem")
f.run("openssl pkcs12 -export -inkey leaf.key -in leaf.pem -certfile ca.pem -name release -passout pass:x -out leaf.p12")
new("imported", "sql", None)
f.run("pk12util -i leaf.p12 -d sql:imported -W x -K ''")
made = "pk12util -i leaf.p12 -d sql:imported"
f.add("imported.key4.db", f.read("imported/key4.db"), made, [f.key("leaf.key", "nss", protection="weak", alias="release")])
f.add("imported.cert9.db", f.read("imported/cert9.db"), made, certs=[f.cert("leaf.pem"), f.cert("ca.pem")], publics=[f.public_of("leaf.pem")], oracle="openssl x509")

# The old files. key3.db keeps only y of a DSA key, so its public half is not there.
OLD = {k: v for k, v in KINDS.items() if k not in ("rsa4096", "pss")}
for folder, password in (("old", None), ("old_locked", "pw")):
    new(folder, "dbm", password)
    for name, options in OLD.items():
        make(folder, "dbm", name, options, password)
    made = f"certutil -N -d dbm: {'-f pw' if password else '--empty-password'}; certutil -S -x for each of {', '.join(OLD)}"
    add(folder, "dbm", list(OLD), "weak", made, "key3.db", "cert8.db", password, opaque=("dsa",))

# Near misses.
new("nothing", "sql", None)
f.add("nothing.key4.db", f.read("nothing/key4.db"), "certutil -N -d sql: --empty-password", why="a new database holds no key", silent=True, oracle="certutil -K: no keys found")
f.add("nothing.cert9.db", f.read("nothing/cert9.db"), "certutil -N -d sql: --empty-password", why="a new database holds no key", silent=True, oracle="certutil -K: no keys found")
new("nothing_old", "dbm", None)
f.add("nothing.key3.db", f.read("nothing_old/key3.db"), "certutil -N -d dbm: --empty-password", why="a new database holds no key", silent=True, oracle="certutil -K: no keys found")
f.add("secmod.db", f.read("nothing_old/secmod.db"), "certutil -N -d dbm: --empty-password", why="a hash file of modules", silent=True, oracle="certutil -K: no keys found")
db = sqlite3.connect(f.path("other.db"))
db.execute("CREATE TABLE nssPrivate (id, a0, a100, a120, a122, a123)")
db.execute("INSERT INTO nssPrivate VALUES (1, ?, ?, ?, ?, ?)", (b"\0\0\0\3", b"\0\0\0\0", noise("n", 255) + b"\1", b"\1\0\1", b"not encrypted as NSS does"))
db.execute("CREATE TABLE metaData (id, item1, item2)")
db.commit()
db.close()
f.add("other.db", f.read("other.db"), "python3 sqlite3: the tables of NSS with something else in them", why="the private exponent is no encrypted value", silent=True, oracle="certutil: not a valid database")
f.finish()
