"""Keys of ChromeOS verified boot."""

import functools

from kit import Family, noise

f = Family("vbprivk", "vbprivk, vbprik2, vbpubk, vbpubk2 and keyblocks by futility")
PUBLIC = "openssl pkey -pubout of the key that futility was given"

silent = functools.partial(f.silent, made="made by hand", oracle="made by hand")

# Sizes, and the ids of their algorithms (vbutil_key --help).
for bits, exponent, algorithms in ((1024, 65537, (0, 1, 2)), (2048, 65537, (3, 4, 5)), (4096, 65537, (8,)), (8192, 65537, (11,)), (2048, 3, (13,)), (3072, 3, (16,))):
    stem = f"rsa{bits}e{exponent}"
    f.run(f"openssl genrsa -traditional {'-3' if exponent == 3 else ''} -out {stem}.pem {bits} && openssl pkey -in {stem}.pem -pubout -out {stem}.pub")
    spki = [f.public(f"{stem}.pub")]
    f.run(f"openssl req -new -x509 -key {stem}.pem -subj /CN=x -days 1 -out {stem}.crt")
    for algorithm in algorithms:
        name = f"{stem}_{algorithm}"
        f.tool(f"{name}.vbprivk", f"futility vbutil_key --pack {name}.vbprivk --key {stem}.pem --algorithm {algorithm}", [f.key(f"{stem}.pem", "vbprivk")])
    hashes = (2,) if exponent == 65537 or bits == 3072 else (1, 2)
    for digest in hashes:
        name = f"{stem}_21_{digest}"
        f.run(f"futility --vb21 create --hash_alg {digest} --desc 'a key of {bits}' {stem}.pem {name}")
        f.add(f"{name}.vbprik2", f.read(f"{name}.vbprik2"), "futility --vb21 create", [f.key(f"{stem}.pem", "vbprivk")])
        f.add(f"{name}.vbpubk2", f.read(f"{name}.vbpubk2"), "futility --vb21 create", publics=spki, oracle=PUBLIC)
    f.run(f"futility --vb1 create {stem}.pem {stem}_10")
    f.add(f"{stem}_10.vbprivk", f.read(f"{stem}_10.vbprivk"), "futility --vb1 create", [f.key(f"{stem}.pem", "vbprivk")])
    f.add(f"{stem}_10.vbpubk", f.read(f"{stem}_10.vbpubk"), "futility --vb1 create", publics=spki, oracle=PUBLIC)
f.run("futility vbutil_keyblock --pack x.keyblock --datapubkey rsa2048e65537_10.vbpubk --signprivate rsa4096e65537_10.vbprivk --flags 7")
f.add("x.keyblock", f.read("x.keyblock"), "futility vbutil_keyblock --pack", publics=[f.public("rsa2048e65537.pub")], oracle=PUBLIC)

private = f.read("rsa2048e65537_10.vbprivk")
public = f.read("rsa2048e65537_10.vbpubk")
silent("near_cut.vbprivk", private[:-1], "cut by one byte")
silent("near_header.vbprivk", private[:8] + noise("k", 1200), "an algorithm and random bytes")
silent("near_vb2i.bin", b"Vb2I" + noise("k", 1200), "a magic number and random bytes")
other = bytearray(public)
other[36] ^= 2
silent("near_n0inv.vbpubk", bytes(other), "n0inv of another modulus: no key at all")
silent("near_offsets.bin", b"".join((32 + 8 * n).to_bytes(8, "little") for n in range(80)), "a table of offsets begins like a packed key")
f.finish()
