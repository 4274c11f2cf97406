"""BCFKS keystores by BouncyCastle."""

import base64

from bouncy import keys, listed, store
from kit import PASS, Family, integer, tlv
from occur import raw_forms

f = Family("bcfks", "BCFKS keystores by BouncyCastle: PBKDF2 and scrypt, AES in CCM and key wrap, keys, chains, secret keys, trust stores")
keys(f)


def sample(file, entries, aliases, kind="BCFKS", java=""):
    """A store that shows nothing; what keytool finds with the password is what opening it has to give."""
    made = store(f, file, kind, entries, java=java)
    rows = [f.cert_key(listed(f, file, kind, alias)[0], "bcfks") for alias in aliases]
    oracle = "; ".join(f"keytool -list -rfc -alias {alias} -storetype {kind}; {row['_oracle']}" for alias, row in zip(aliases, rows))
    hidden = [row["spki_sha256"] for row in rows]
    f.add(file, f.read(file), made, hidden_spki_sha256=hidden, oracle=oracle or "the command")
    return made, hidden, oracle


several = [f"key:release:rsa.p12:{PASS}", f"key:upload:ec.p12:{PASS}", "cert:root:ca2.pem", f"secret:aes:AES:32:{PASS}"]
for stem in ("rsa", "ec", "ec384", "dsa"):
    sample(f"{stem}.bcfks", [f"key:{stem}:{stem}.p12:{PASS}"], [stem])
made, hidden, oracle = sample("several.bcfks", several, ["release", "upload"])
sample("chain.bcfks", [f"key:leaf:leaf.p12:{PASS}"], ["leaf"])
sample("trust.bcfks", ["cert:a:ca.pem", "cert:b:ca2.pem"], [])
sample("other_password.bcfks", ["key:rsa:rsa.p12:Birnbaum-3"], [])
for kdf in ("pbkdf2", "scrypt"):
    for cipher in ("ccm", "kwp"):
        sample(f"{kdf}_{cipher}.bcfks", several, ["release", "upload"], java=f"-Dkdf={kdf} -Dcipher={cipher}")

whole = f.read("several.bcfks")
f.add("base64_several.txt", base64.encodebytes(whole), f"{made}; base64", hidden_spki_sha256=hidden, oracle=oracle)
raw_forms(f, "raw_several", whole, [], made, hidden_spki_sha256=hidden, oracle=oracle)

# Near-misses: the first half alone has the shape of an encrypted PKCS#8 key.
outer = 4
half = whole[outer : outer + 4 + int.from_bytes(whole[outer + 2 : outer + 4], "big")]
silent = dict(silent=True, oracle="the bytes themselves")
f.add("near_half.der", half, "several.bcfks, its first half alone", why="the store without its integrity check is no key", **silent)
f.add("near_no_check.der", tlv(0x30, half), "the same in a SEQUENCE", why="no integrity check", **silent)
f.add("near_number.der", tlv(0x30, half + integer(5)), "the same with a number behind it", why="no integrity check", **silent)
f.add("cut.bcfks", whole[:-20], "several.bcfks without its last 20 bytes", why="its lengths do not fit", **silent)
f.finish()
