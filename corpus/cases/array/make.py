"""Keys as arrays of numbers in source code."""

import json

from kit import Family, noise
from textkeys import make

f = Family("array", "private keys as arrays of numbers: C by xxd -i, Go, Rust, C#, Java, JavaScript by node, Python, JSON")
KEYS = make(f, ["rsa", "p8", "ec", "ec384", "ec8", "ed", "enc", "p12", "jks", "ssh", "pgp"])


def rows(items, width, between=", ", end=",\n    "):
    items = list(items)
    return end.join(between.join(items[i : i + width]) for i in range(0, len(items), width))


for stem, (keys, pem, der, certs, how) in KEYS.items():
    f.path("k").write_bytes(der)
    add = lambda name, data, what, **more: f.add(f"{stem}.{name}", data, f"{how}; {what}", keys, certs, **more)
    low = [f"0x{b:02x}" for b in der]
    up = [f"0x{b:02X}" for b in der]
    plain = [str(b) for b in der]
    signed = [str(b - 256 if b > 127 else b) for b in der]
    cast = [f"(byte) 0x{b:02x}" if b > 127 else f"0x{b:02x}" for b in der]
    add("xxd.h", f.run("xxd -i k"), "xxd -i")
    add("buffer.json", f.run("node -e 'process.stdout.write(JSON.stringify(require(\"fs\").readFileSync(\"k\")))'"), "node JSON.stringify(readFileSync)")
    if stem in ("jks", "ssh", "pgp"):
        continue
    # A version alone does not begin PBES2; a bare SEC1 key has no INTEGER 0.
    hard = dict(stretch=True) if stem == "enc" else {}
    few = dict(stretch=True) if stem in ("enc", "ec", "ec384") else {}
    add("xxd_const.h", b"#pragma once\n#include <stdint.h>\nstatic const uint8_t key[] PROGMEM = {\n" + b"\n".join(f.run("xxd -i < k").splitlines()) + b"\n};\n", "xxd -i < k", **hard)
    add("c", f"#include <stdint.h>\nconst uint8_t key[{len(der)}] = {{\n    {rows(up, 8)}\n}};\n", "C, 8 a line, upper case", **hard)
    add("tight.c", f"char n=7;char key[]={{{rows(low, 16, ',', ',')}}};\n", "C without blanks", **hard)
    add("offsets.c", "unsigned int k = {\n" + "".join(f"  /* {i:04x} */ {', '.join(low[i : i + 8])},\n" for i in range(0, len(low), 8)) + "};\n", "C with offsets in comments", **hard)
    add("comments.cpp", "std::array<u8> k = { // the key\n" + "".join(f"  {', '.join(low[i : i + 12])}, // {i}\n" for i in range(0, len(low), 12)) + "};\n", "C++ with comments behind the lines", **hard)
    add("go", f"package k\n\nvar Key = []byte{{\n\t{rows(low, 16, ', ', chr(10) + chr(9))}\n}}\n".replace("\n\t0x", ",\n\t0x").replace("{,", "{", 1), "Go", **hard)
    add("print.go", f"package k\n\nvar Key = []byte{{{', '.join(plain)}}}\n", "Go, fmt %#v of older days", **few)
    add("rs", f"pub const KEY: [u8; {len(der)}] = [\n    {rows(low, 12)},\n];\n", "Rust", **hard)
    add("decimal.rs", f"pub const KEY: &[u8] = &[{', '.join(plain)}];\n", "Rust, dbg!", **few)
    add("cs", f"class K {{ static byte[] key = new byte[] {{ {rows(up, 16)} }}; }}\n", "C#", **hard)
    add("java", f"class K {{ byte[] key = {{ {rows(cast, 8)} }}; }}\n", "Java with casts", **hard)
    script = 'System.out.println("byte[] key = " + java.util.Arrays.toString(java.nio.file.Files.readAllBytes(java.nio.file.Path.of("k"))).replace("[", "{").replace("]", "};"));\n/exit\n'
    add("cast.java", f"class K {{ byte[] key = {{ {', '.join(f'(byte)0x{b:02X}' for b in der)} }}; }}\n", "Java, every byte cast", **few)
    add("signed.java", "class K {\n" + f.run("jshell -s -", script.encode()).decode() + "}\n", "jshell Arrays.toString", **few)
    add("py", f"KEY = bytes({list(der)})\n", "Python list", **few)
    add("js", f"const key = new Uint8Array([\n  {rows(low, 12)}\n]);\n", "JavaScript", **hard)
    add("json", json.dumps({"id": 4, "secret": {"type": "Buffer", "data": list(der)}}, separators=(",", ":")), "a Buffer inside JSON", **few)
    add("signed.json", json.dumps({"key": [int(s) for s in signed]}), "signed bytes in JSON", **few)
    add("inside.c", f"u8 fw[] = {{\n  {rows((f'0x{b:02x}' for b in noise(stem, 90) + der + noise(stem, 80)), 12)}\n}};\n", "C, between other bytes", **dict(hard, stretch=True))
    if pem:
        f.path("key_pem").write_text(pem)
        f.add(f"{stem}.pem.xxd.h", f.run("xxd -i key_pem"), f"{how}; xxd -i of the PEM", keys)
        f.add(f"{stem}.pem.c", b"#include <pgmspace.h>\nconst char key[] PROGMEM = {\n" + f.run("xxd -i < key_pem") + b", 0x00\n};\n", f"{how}; xxd -i < of the PEM", keys)
        f.add(f"{stem}.pem.buffer.json", f.run("node -e 'process.stdout.write(JSON.stringify(require(\"fs\").readFileSync(\"key_pem\")))'"), f"{how}; node JSON.stringify of the PEM", keys)
        text = [str(b) for b in pem.encode()]
        f.add(f"{stem}.pem.rs", f"pub const KEY: [u8; {len(text)}] = [{', '.join(text)}];\n", f"{how}; decimal numbers of the PEM, Rust", keys)
        f.add(f"{stem}.pem.go.log", f"2026/01/02 03:04:05 config: {{Name:x Key:[{' '.join(text)}]}}\n", f"{how}; the PEM as Go prints %+v", keys)
        f.add(f"{stem}.pem.s", "key:\n" + "".join("\t.byte\t" + ",".join(text[i:i + 8]) + "\n" for i in range(0, len(text), 8)), f"{how}; .byte of the PEM", keys)
        cast = ", ".join(f"(byte)0x{b:02X}" for b in pem.encode())
        f.add(f"{stem}.pem.java", f"class K {{ byte[] key = {{ {cast} }}; }}\n", f"{how}; Java, every byte of the PEM cast", keys)
        words = [int.from_bytes(pem.encode()[i:i + 4].ljust(4, b"\0"), "big") for i in range(0, len(pem), 4)]
        f.add(f"{stem}.pem.dts", "/dts-v1/;\n\n/ {\n\tkey = <" + " ".join(f"0x{w:08x}" for w in words) + ">;\n};\n", f"{how}; words of the PEM in a device tree", keys)
        f.add(f"{stem}.pem.json", json.dumps(list(pem.encode())), f"{how}; a JSON array of the PEM", keys)

silent = lambda file, data, why: f.add(file, data, "by hand", oracle="nobody can sign with it", why=why, silent=True)
silent("near_table.c", "static const u8 t[] = {\n" + ("  0x02, 0x01, 0x00, 0x03, 0x02, 0x01, 0x00, 0x30, 0x82,\n" * 60) + "};\n", "a table with the bytes of the anchor")
silent("near_noise.h", "unsigned char k[] = {\n  " + rows((f"0x{b:02x}" for b in noise("a", 900)), 12) + "\n};\n", "an array of random bytes")
silent("near_coefficients.py", "C = [" + ", ".join("2, 1, 0, 48, 130, 4, 163" for _ in range(60)) + "]\n", "numbers of the anchor in a list")
silent("near_oids.h", "static const u8 oid[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01 };\nstatic const u8 v[] = { 0x30, 0x03, 0x02, 0x01, 0x00 };\n", "object identifiers and a version")
silent("near_prefix.go", "var ed25519Prefix = []byte{0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20}\n", "the prefix that a library puts before a seed")
silent("near_zero.c", "u8 k[] = { " + ", ".join(f"0x{b:02x}" for b in bytes.fromhex("302e020100300506032b657004220420") + bytes(32)) + " };\n", "an Ed25519 key of zeros")
silent("near_png.h", "unsigned char icon_png[] = {\n  " + rows((f"0x{b:02x}" for b in b"\x89PNG\r\n\x1a\n" + noise("png", 700)), 12) + "\n};\n", "an icon by xxd -i")
# Public: a certificate in an array is no key.
f.run("openssl req -x509 -key rsa.pem -subj /CN=r -days 30 -out cert.pem; openssl x509 -in cert.pem -outform DER -out cert")
f.add("near_certificate.h", f.run("xxd -i cert"), "xxd -i of a certificate", certs=[f.cert("cert.pem")], oracle="public by its kind", why="a certificate", silent=True)
f.finish()
