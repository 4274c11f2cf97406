"""BKS and UBER keystores by BouncyCastle."""

import base64

from bouncy import keys, listed, store
from kit import PASS, Family, noise

f = Family("bks", "BKS (versions 1 and 2) and UBER keystores by BouncyCastle: sealed keys, chains, secret keys, trust stores")
keys(f)


def sample(file, kind, entries, aliases, certificates=(), password=PASS, **more):
    """A store whose keys and certificates keytool names again. `aliases` are those of private keys."""
    made = store(f, file, kind, entries, password)
    rows, certs = [], []
    for alias in [*aliases, *certificates]:
        files = listed(f, file, kind, alias, password)
        certs += [f.cert(name) for name in files]
        if alias in aliases:
            row = f.cert_key(files[0], "bks", protection="weak", alias=alias)
            row["_oracle"] = f"keytool -list -rfc -alias {alias} -storetype {kind}; " + row["_oracle"]
            rows.append(row)
    if kind == "UBER":
        # Nothing of it can be seen until it is opened.
        f.add(file, f.read(file), made, [], hidden_spki_sha256=[row["spki_sha256"] for row in rows], oracle=rows[0]["_oracle"] if rows else "the command", **more)
    else:
        f.add(file, f.read(file), made, rows, certs, **more)
    return made, rows, certs


kept = {}
for kind, ext in (("BKS", "bks"), ("BKS-V1", "v1.bks"), ("UBER", "uber")):
    for stem in ("rsa", "ec", "ec384", "dsa"):
        kept[f"{stem}.{ext}"] = sample(f"{stem}.{ext}", kind, [f"key:{stem}:{stem}.p12:{PASS}"], [stem])
    several = [f"key:release:rsa.p12:{PASS}", f"key:upload:ec.p12:{PASS}", "cert:root:ca2.pem", f"secret:aes:AES:32:{PASS}"]
    kept[f"several.{ext}"] = sample(f"several.{ext}", kind, several, ["release", "upload"], ["root"])
    sample(f"chain.{ext}", kind, [f"key:leaf:leaf.p12:{PASS}"], ["leaf"])
    sample(f"trust.{ext}", kind, ["cert:a:ca.pem", "cert:b:ca2.pem"], [], ["a", "b"])
    sample(f"alias.{ext}", kind, [f"key:schlüssel:ec.p12:{PASS}"], ["schlüssel"])
    sample(f"secret.{ext}", kind, [f"secret:hmac:HmacSHA256:32:{PASS}", f"secret:aes:AES:32:{PASS}"], [])
# A key that was protected before: BouncyCastle keeps the bytes as they are.
f.run(f"openssl pkcs8 -topk8 -in rsa.key -outform DER -out rsa.p8e -passout pass:{PASS} -v1 PBE-SHA1-3DES")
sample("bytes.bks", "BKS", ["bytes:given:rsa.p8e:rsa.p12"], ["given"])

made, rows, certs = kept["rsa.bks"]
whole = f.read("rsa.bks")
f.add("base64_rsa.bks.txt", base64.encodebytes(whole), f"{made}; base64", rows, certs)
f.add("cut.bks", f.read("several.bks")[:-40], "several.bks without its last 40 bytes", partial=True, oracle="the command")
f.add("behind.bks", whole + noise("behind", 100), f"{made}, with other bytes behind it", rows, certs)

# Near-misses: what begins like one and is none.
head = bytes.fromhex("0000000200000014") + noise("salt", 20)
silent = dict(silent=True, oracle="the bytes themselves")
f.add("near_random.bin", head + (1500).to_bytes(4, "big") + noise("list", 4000), "head of BKS, then random bytes", why="no entry parses", **silent)
f.add("near_empty.bks", head + (1500).to_bytes(4, "big") + bytes(21), "a BKS without an entry, by hand", why="nothing in it", **silent)
f.add("near_zeros.bin", head + bytes(4096), "head of BKS, then zeros", why="no iterations", **silent)
f.add("near_text.uber", bytes.fromhex("0000000100000014") + noise("salt", 20) + (1500).to_bytes(4, "big") + b"These are words and no blocks of Twofish." * 64, "head of UBER, then text", why="no ciphertext", **silent)
f.add("near_iterations.uber", bytes.fromhex("0000000100000014") + noise("salt", 20) + (5000).to_bytes(4, "big") + noise("blob", 2048), "head of UBER with iterations that nobody writes", why="not what the writer writes", **silent)
f.add("near_at1.bin", b"\n" + whole, "a BKS behind another byte", keys=rows, certs=certs, stretch=True)
f.finish()
