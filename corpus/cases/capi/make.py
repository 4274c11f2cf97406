"""CryptoAPI key blobs: by openssl (MSBLOB), by mono's CryptoServiceProviders and by its sn (strong names)."""

import base64
import hashlib

import signs
from kit import Family, noise
from occur import raw_forms

f = Family("capi", "Key blobs of CryptoAPI by openssl and mono: RSA and DSS, strong names, public blobs, assemblies")


def key(file, **more):
    """What openssl says of a private blob."""
    cmd = f"openssl pkey -inform MSBLOB -in {file} -pubout -outform DER"
    return dict(format="capi", protection="plaintext", spki_sha256=hashlib.sha256(f.run(cmd)).hexdigest(), _oracle=f"{cmd} | sha256sum", **more)


def public(file):
    return hashlib.sha256(f.run(f"openssl pkey -pubin -inform MSBLOB -in {file} -outform DER")).hexdigest()


for bits in (512, 1024, 2048, 3072, 4096):
    make = f"openssl genrsa -traditional {bits} | openssl rsa -outform MSBLOB -out rsa{bits}.blob"
    f.tool(f"rsa{bits}.blob", make, lambda: [key(f"rsa{bits}.blob")])
    make = f"openssl rsa -inform MSBLOB -in rsa{bits}.blob -pubout -outform MSBLOB -out rsa{bits}_public.blob"
    f.run(make)
    f.add(f"rsa{bits}_public.blob", f.read(f"rsa{bits}_public.blob"), make, publics=[public(f"rsa{bits}_public.blob")], silent=True, why="a public key", oracle="openssl pkey -pubin -inform MSBLOB")
make = "openssl genpkey -genparam -algorithm DSA -pkeyopt dsa_paramgen_bits:1024 -pkeyopt dsa_paramgen_q_bits:160 -out params; openssl gendsa params | openssl dsa -outform MSBLOB -out dsa1024.blob"
f.tool("dsa1024.blob", make, lambda: [key("dsa1024.blob")])
make = "openssl dsa -inform MSBLOB -in dsa1024.blob -pubout -outform MSBLOB -out dsa1024_public.blob"
f.run(make)
f.add("dsa1024_public.blob", f.read("dsa1024_public.blob"), make, publics=[public("dsa1024_public.blob")], silent=True, why="a public key", oracle="openssl pkey -pubin -inform MSBLOB")

# Strong names: the key, its public half as sn writes it, an assembly that is signed with it.
for bits in (1024, 2048):
    f.tool(f"sn{bits}.snk", f"sn -k {bits} sn{bits}.snk", lambda: [key(f"sn{bits}.snk")])
    f.run(f"sn -p sn{bits}.snk sn{bits}_public.snk")
    spki = key(f"sn{bits}.snk")["spki_sha256"]
    f.add(f"sn{bits}_public.snk", f.read(f"sn{bits}_public.snk"), f"sn -p sn{bits}.snk sn{bits}_public.snk", publics=[spki], silent=True, why="the public half of a strong name", oracle="the private half, by openssl")
    f.path("a.cs").write_text("public class A { }\n")
    f.run(f"mcs -target:library -keyfile:sn{bits}.snk -out:signed{bits}.dll a.cs")
    f.add(f"signed{bits}.dll", f.read(f"signed{bits}.dll"), f"mcs -target:library -keyfile:sn{bits}.snk a.cs", publics=[spki], silent=True, why="a signed assembly holds the public half", oracle="the key it was signed with, by openssl")

# What mono's own providers export.
f.path("k.cs").write_text("""using System.IO; using System.Security.Cryptography;
class K { static void Main() {
    var rsa = new RSACryptoServiceProvider(2048);
    File.WriteAllBytes("csp.blob", rsa.ExportCspBlob(true));
    var dsa = new DSACryptoServiceProvider(1024);
    File.WriteAllBytes("csp_dsa.blob", dsa.ExportCspBlob(true));
}}
""")
f.run("mcs k.cs && mono k.exe")
for file in ("csp.blob", "csp_dsa.blob"):
    f.add(file, f.read(file), "mono: ExportCspBlob(true)", [key(file)])

for stem in ("rsa2048.blob", "dsa1024.blob", "sn2048.snk"):
    whole = f.read(stem)
    raw_forms(f, f"raw_{stem}", whole, [key(stem)], stem)
whole = f.read("sn2048.snk")
f.add("base64_snk.txt", base64.encodebytes(whole), "base64 sn2048.snk", [key("sn2048.snk")], stretch=True)

# Near-misses.
silent = dict(silent=True, oracle="the bytes themselves")
broken = bytearray(whole)
broken[300] ^= 1
# q is sound, and with it the key (PRIVATEKEYBLOB: n at 20, p at 276, q at 404, all little-endian).
little = lambda at, size: int.from_bytes(whole[at : at + size], "little")
f.add("near_prime.snk", bytes(broken), "sn2048.snk with a bit of p turned", [signs.row("capi", signs.of_prime(little(20, 256), little(404, 128)))], oracle=signs.ORACLE)
f.add("near_cut.snk", whole[:700], "sn2048.snk, its first 700 bytes", why="cut", **silent)
f.add("near_head.bin", whole[:20] + noise("numbers", 1200), "head of sn2048.snk, then random numbers", why="n is not p * q", **silent)
f.add("near_program.bin", noise("a", 500) + b"\0\0RSA1\0\0RSA2\0\0DSS1\0\0DSS2\0" + noise("b", 500), "the magic numbers as a program has them", why="constants", **silent)
f.add("near_magic.bin", bytes.fromhex("0702000000240000") + b"RSA2" + bytes(2000), "a header, then zeros", why="no key", **silent)
f.finish()
