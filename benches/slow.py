#!/usr/bin/env python3
"""CPU seconds of keyradius on inputs made to be slow, at one size and at twice that size.

usage: slow.py KEYRADIUS [--megabytes 2] [--only NAME] [--list] [--keep DIR] [--literals SOURCES]
               [--examples RULES]

Makes each input in a temporary folder, scans it with default limits and two jobs, and prints the user CPU seconds at n and at 2n
and their ratio. Exits with 1 if the ratio is above 3 where it can be measured (half a second or more), or if a scan crashes.
Needs only the standard library. --literals also scans a megabyte of every short byte literal of the Rust sources below
SOURCES, repeated: the anchors of detectors are among them. Prints those that need more than a second.
--examples repeats every example of the rules (TOML) below RULES, up to 0.45 and 0.9 MB, and prints
those whose ratio is above 3.
"""
import argparse, base64, glob, hashlib, itertools, json, lzma, math, os, random, re, resource, shutil, struct, subprocess, sys, tempfile, tomllib, zlib

from memory import der, ed25519, pem

RATIO, MEASURABLE = 3, 0.5
RSA, EC = (bytes.fromhex(text) for text in ("300d06092a864886f70d0101010500", "06072a8648ce3d0201"))
P256 = (1 << 256) - (1 << 224) + (1 << 192) + (1 << 96) - 1
P521 = (1 << 521) - 1
# Name, OID, field, generator (SEC 2, 2.4.2 and 2.6.1); a = -3 for both.
CURVES = {
    "P-256": ("06082a8648ce3d030107", P256, 0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296,
              0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5),
    "P-521": ("06052b81040023", P521,
              0x0c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66,
              0x11839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650),
}


# -- keys -------------------------------------------------------------------------------------------------------------

def number(value):
    """A positive INTEGER."""
    return der(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def noise(seed, size):
    return random.Random(seed).randbytes(size)


def odd(bits, seed):
    return random.Random(seed).getrandbits(bits) | 1 | 1 << (bits - 1)


def healthy(bits, seed, primorial=[]):
    """A modulus without a small factor: it passes the first checks."""
    if not primorial:
        primorial.append(math.prod(n for n in range(3, 1 << 16, 2) if all(n % d for d in range(3, math.isqrt(n) + 1, 2))))
    source = random.Random(seed)
    while True:
        n = source.getrandbits(bits) | 1 | 1 << (bits - 1)
        if math.gcd(n, primorial[0]) == 1:
            return n


def pkcs1(n, e=65537):
    return der(0x30, number(n), number(e))


def spki(n, e=65537):
    return der(0x30, RSA, der(3, b"\0", pkcs1(n, e)))


def points(curve):
    """Public keys at consecutive multiples of the generator, starting far from it."""
    _, p, gx, gy = CURVES[curve]

    def add(left, right):
        (x1, y1), (x2, y2) = left, right
        slope = (3 * x1 * x1 - 3) * pow(2 * y1, -1, p) if left == right else (y2 - y1) * pow(x2 - x1, -1, p)
        x = (slope * slope - x1 - x2) % p
        return x, (slope * (x1 - x) - y1) % p

    point = (gx, gy)
    for _ in range(40):
        point = add(point, point)
    while True:
        point = add(point, (gx, gy))
        yield point


def ec_public(curve):
    oid, p, _, _ = CURVES[curve]
    width = (p.bit_length() + 7) // 8
    for x, y in points(curve):
        point = b"\4" + x.to_bytes(width, "big") + y.to_bytes(width, "big")
        yield der(0x30, der(0x30, EC, bytes.fromhex(oid)), der(3, b"\0", point))


def ec_private(curve, seed):
    """PKCS#8 without the public half, which has to be computed."""
    oid, p, _, _ = CURVES[curve]
    width = (p.bit_length() + 7) // 8
    scalar = b"\0" * (width - 32) + b"\1" + noise(seed, 31) if curve == "P-256" else b"\0" + noise(seed, width - 1)
    inner = der(0x30, b"\2\1\1", der(4, scalar))
    return der(0x30, b"\2\1\0", der(0x30, EC, bytes.fromhex(oid)), der(4, inner))


def authorities():
    """Keys whose certificates have the same name, and as many certificates with this issuer."""
    (name, p, *generator), scalar = CURVES["P-256"], 1 << 40
    for seed, key in enumerate(ec_public("P-256")):
        scalar += 1
        inner = der(0x30, b"\2\1\1", der(4, scalar.to_bytes(32, "big")))
        yield pem(der(0x30, b"\2\1\0", der(0x30, EC, bytes.fromhex(name)), der(4, inner)))
        yield pem(certificate(2 * seed, key, b"CA", b"root"), "CERTIFICATE")
        yield pem(certificate(2 * seed + 1, spki(healthy(1024, seed % 9)), b"leaf", b"CA"), "CERTIFICATE")


def text(value):
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def certificate(seed, key, subject=None, issuer=None):
    """A certificate whose signature is noise."""
    algorithm = bytes.fromhex("300d06092a864886f70d01010b0500")
    own = b"CA %d" % (seed % 100)
    subject, issuer = (der(0x30, der(0x31, der(0x30, bytes.fromhex("0603550403"), der(12, name or own))))
                       for name in (subject, issuer))
    dates = der(0x30, der(23, b"200101000000Z"), der(23, b"400101000000Z"))
    body = der(0x30, bytes.fromhex("a003020102"), number(seed + 1), algorithm, issuer, dates, subject, key)
    return der(0x30, body, algorithm, der(3, b"\0", noise(seed, 256)))


def ssh(*parts):
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def ssh_line(seed):
    blob = ssh(b"ssh-ed25519", hashlib.sha256(b"%d" % seed).digest())
    return b"ssh-ed25519 " + base64.b64encode(blob) + b" user%d@host\n" % seed


def openpgp(seed, secret):
    """A packet of an Ed25519 key of version 4 (RFC 4880 5.5, RFC 9580), with a user id."""
    point = b"\1\7\x40" + hashlib.sha256(b"%d" % seed).digest()
    body = b"\4" + struct.pack(">I", 1_600_000_000 + seed) + b"\x16\x09" + bytes.fromhex("2b06010401da470f01") + point
    if secret:
        number = noise(seed, 32)
        number = bytes([number[0] & 0x7f | 0x40]) + number[1:]
        mpi = b"\0\xff" + number
        body += b"\0" + mpi + struct.pack(">H", sum(mpi) & 0xffff)
    user = b"user%d@example.org" % seed
    return bytes([0xc5 if secret else 0xc6, len(body)]) + body + bytes([0xcd, len(user)]) + user


def openpgp_rsa(seed):
    """A packet of an RSA public key of version 4 with 1,024 bits, with a user id."""
    body = b"\4" + struct.pack(">I", 1_600_000_000 + seed) + b"\1\4\0" + odd(1024, seed).to_bytes(128, "big")
    body += b"\0\x11\1\0\1"
    return b"\x99" + struct.pack(">H", len(body)) + body + b"\xcd\4user"


def armor(kind, body):
    lines = base64.encodebytes(body)
    return b"-----BEGIN PGP %s KEY BLOCK-----\n\n" % kind + lines + b"-----END PGP %s KEY BLOCK-----\n" % kind


def locked(seed, log=14):
    """PKCS#8 under scrypt, which no password of the run opens."""
    kdf = der(0x30, bytes.fromhex("06092b06010401da47040b"),
              der(0x30, der(4, noise(seed, 16)), number(1 << log), number(8), number(1)))
    scheme = der(0x30, bytes.fromhex("060960864801650304012a"), der(4, noise(-seed, 16)))
    pbes2 = der(0x30, bytes.fromhex("06092a864886f70d01050d"), der(0x30, kdf, scheme))
    return pem(der(0x30, pbes2, der(4, noise(seed + 7, 48))), "ENCRYPTED PRIVATE KEY")


def rounds(unit):
    """One text, repeated."""
    return lambda: iter(lambda: unit, None)


def after(start, unit):
    """A start, and one text repeated."""
    return lambda: itertools.chain([start], itertools.repeat(unit))


def each(make):
    """One part per number."""
    def parts():
        seed = 0
        while True:
            yield make(seed)
            seed += 1
    return parts


def once(make):
    """Marks a function that makes one whole input of about the given size."""
    make.whole = True
    return make


@once
def jwk_set(size):
    keys = [{"kty": "OKP", "crv": "Ed25519", "kid": f"k{i}", "x": text(hashlib.sha256(b"%d" % i).digest())}
            for i in range(size // 105)]
    return json.dumps({"keys": keys}).encode()


@once
def private_jwk_set(size):
    keys = [{"kty": "oct", "alg": "HS256", "kid": f"k{i}", "k": text(hashlib.sha256(b"%d" % i).digest())}
            for i in range(size // 105)]
    return json.dumps({"keys": keys}).encode()


@once
def base64_in_base64(size):
    body = b"".join(pem(ed25519(i)) for i in range(200))
    while len(body) * 4 // 3 < size:
        body = base64.encodebytes(body)
    return body


@once
def nested_braces(size):
    return b'{"a":' * (size // 12) + b'"kty":1' + b"}" * (size // 12)


@once
def nested_lists(size):
    return b"[" * (size // 2) + b'{"kty":"oct"}' + b"]" * (size // 2)


@once
def many_begins(size):
    line = b"-----BEGIN RSA PRIVATE KEY-----\n"
    return line * (size // len(line)) + b"-----END RSA PRIVATE KEY-----\n"


@once
def one_long_body(size):
    begin = b"-----BEGIN PRIVATE KEY-----\n"
    return begin * (size // 4 // len(begin)) + b"TUlJRXZRSUJBREFOQmdrcWhraUc5dzBCQVFFRkFBU0NCS2N3\n" * (size * 3 // 4 // 49)


@once
def xz_bombs(size):
    """Members of a tar, each 64 MiB of one byte in an xz stream with an equally large dictionary."""
    import io, tarfile
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 64 << 20}]
    packed = lzma.compress(bytes(64 << 20), filters=filters)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for i in range(max(size // (1 << 18), 1)):
            info = tarfile.TarInfo(f"{i}.xz")
            info.size = len(packed)
            tar.addfile(info, io.BytesIO(packed))
    return out.getvalue()


BEGIN = b"-----BEGIN PRIVATE KEY-----\n"
ESCAPED = json.dumps(pem(ed25519(1)).decode()).encode()

def template_strings():
    """Names that each contain the previous one twice."""
    yield b"const a0='k.pem';\n"
    for i in itertools.count():
        yield b"const a%d=`${a%d}/${a%d}`;jwt.sign({},a%d);\n" % (i + 1, i, i, i + 1)


def bodies_in_bodies():
    """Functions in functions, as deep as a hundred levels."""
    yield b"k = open('k.pem')\njwt.encode({}, a0())\n"
    for i in itertools.count():
        yield b" " * (i % 100) + b"def a%d():\n" % i


# A line of `openssl asn1parse`, and a number of P-256 in base64url.
ASN1 = b"    4:d=1  hl=4 l= 129 prim: INTEGER           :" + b"C0FFEE42" * 32 + b"\n"
NUMBER = base64.urlsafe_b64encode(hashlib.sha256(b"number").digest()).rstrip(b"=")

INPUTS = {
    "ed25519-private-pem": each(lambda i: pem(ed25519(i))),
    "ed25519-private-der": each(ed25519),
    "rsa-public-pem": each(lambda i: pem(spki(odd(2048, i)), "PUBLIC KEY")),
    "rsa-public-pkcs1-pem": each(lambda i: pem(pkcs1(odd(2048, i)), "RSA PUBLIC KEY")),
    "rsa-public-der": each(lambda i: spki(odd(2048, i))),
    "rsa-public-4096-der": each(lambda i: spki(odd(4096, i))),
    "rsa-public-16384-der": each(lambda i: spki(odd(16_384, i))),
    "rsa-healthy-der": each(lambda i: spki(healthy(2048, i))),
    "rsa-healthy-16384-der": each(lambda i: spki(healthy(16_384, i))),
    "rsa-long-exponent-der": each(lambda i: spki(healthy(2048, i), odd(2047, -i))),
    "rsa-long-exponent-16384-der": each(lambda i: spki(healthy(16_384, i), odd(16_383, -i))),
    "ec-256-public-der": lambda: ec_public("P-256"),
    "ec-521-public-der": lambda: ec_public("P-521"),
    "ec-256-private-der": each(lambda i: ec_private("P-256", i)),
    "ec-521-private-der": each(lambda i: ec_private("P-521", i)),
    "certificates-pem": each(lambda i: pem(certificate(i, spki(healthy(2048, i % 50))), "CERTIFICATE")),
    "certificates-ec-der": lambda: (certificate(i, key) for i, key in enumerate(ec_public("P-256"))),
    "authorities-of-one-name": authorities,
    "ssh-public-lines": each(ssh_line),
    "openpgp-public": each(lambda i: armor(b"PUBLIC", openpgp(i, False))),
    "openpgp-private": each(lambda i: armor(b"PRIVATE", openpgp(i, True))),
    "openpgp-private-binary": each(lambda i: openpgp(i, True)),
    "openpgp-public-binary": each(lambda i: openpgp(i, False)),
    "openpgp-public-rsa-binary": each(openpgp_rsa),
    "openpgp-public-rsa-amid": after(b"\0" * 64, openpgp_rsa(1)),
    "openpgp-public-subkeys": after(openpgp(1, False), openpgp(2, False).replace(b"\xc6", b"\xce", 1)),
    "asn1parse-values": after(b"    0:d=0  hl=4 l=9999 cons: SEQUENCE          \n", ASN1),
    "asn1parse-without-start": rounds(ASN1),
    "jwk-xml": rounds(b"<kty>EC</kty><crv>P-256</crv><x>%s</x><d>%s</d>\n" % (NUMBER, NUMBER)),
    "kty-far-from-numbers": rounds(b"setKty(RSA) " + NUMBER + b"\n"),
    "csv-of-jwk": rounds(b"kty,crv,x,d\nEC,P-256," + NUMBER + b"," + NUMBER + b"\n"),
    "ti-txt": after(b"@8000\n", b"30 82 04 BD 02 01 00 30 0D 06 09 2A 86 48 86 F7\n"),
    "ti-txt-addresses": rounds(b"@8000\n30 82 04 BD\n"),
    "zlib-streams": rounds(zlib.compress(b"a text of a package, again and again")),
    "deflate-after-deflate": rounds(zlib.compress(b"a text of a package, again and again", 9)[2:-4]),
    "lz4-lengths": after(struct.pack("<I", 64 << 20) + b"\x1fa\1\0", b"\xff"),
    "jwk-set": jwk_set,
    "jwk-set-symmetric": private_jwk_set,
    "kty": rounds(b'{"kty":'),
    "kty-closed": rounds(b'{"kty":"RSA"},'),
    "cng-marks": rounds(b"ECS2\x20\0\0\0"),
    "rsa-xml-marks": rounds(b"InverseQ\n"),
    "rsa-xml-values": rounds(b"<InverseQ>A</InverseQ>"),
    "wireguard-sections": rounds(b"[Interface]"),
    "untrusted-comments": rounds(base64.b64encode(b"untrusted comment:")),
    "bip32-marks": rounds(b"prv8"),
    "nested-braces": nested_braces,
    "nested-lists": nested_lists,
    "base64-in-base64": base64_in_base64,
    "pem-in-strings": rounds(ESCAPED + b",\n"),
    "begin-without-end": rounds(BEGIN + b"MC4CAQAwBQYDK2VwBCIEIA==\n"),
    "begin-lines": rounds(BEGIN),
    "begins-and-one-end": many_begins,
    "begins-and-one-body": one_long_body,
    "pgp-without-end": rounds(b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlFgE\n"),
    "digits": rounds(b"3082025c02010002818100" * 3 + b"\n"),
    "hex-records": rounds(b":10000000308204BD020100300D06092A864886F70D\r\n"),
    "digits-one-line": rounds(b"2d2d2d2d2d424547494e20"),
    "numbers": rounds(b"48, 130, 2, 92, 2, 1, 0, "),
    "bytes": rounds(b"\\x30\\x82\\x02\\x5c\\x02\\x01\\x00"),
    "percent": rounds(b"%2D%2D%2D%2D%2DBEGIN"),
    "mii": rounds(b"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcw"),
    "ec-starts": rounds(b"MHcCAQEEI"),
    "jwe-headers": rounds(base64.urlsafe_b64encode(b'{"alg":"PBES2-HS256+A128KW","p')),
    "jwe-headers-closed": rounds(base64.urlsafe_b64encode(b'{"alg":"PBES2-HS256+A128KW","p2c":1}') + b"."),
    "dashes-in-utf-16": rounds("\u2d2d\u2d2d\u4245\u4947\u4e20".encode()),
    "encodings-of-a-commit": after(b"tree ", b"\nencoding x"),
    "pdf-open-dictionaries": after(b"%PDF-1.7\n", b"1 0 obj<<"),
    "pdf-open-streams": after(b"%PDF-1.7\n", b"1 0 obj<<>>stream\n"),
    "pdf-open-strings": after(b"%PDF-1.7\n", b"1 0 obj<<("),
    "pdf-references": after(b"%PDF-1.7\n1 0 obj<</Type/Page/Contents[1 0 R]/Font<<", b"/a 1 0 R "),
    "calls-of-a-key.js": after(b"const k=`" + BEGIN + b"MC4CAQ`;\n", b"jwt.sign({},k);\n"),
    "calls-in-calls.js": after(b"const k='k.pem';\n", b"jwt.sign(k,"),
    "assignments-in-a-row.js": after(b"'k.pem';jwt.sign(", b"a="),
    "properties-in-properties.js": after(b"x='k.pem';jwt.sign({},", b"{key:"),
    "values-of-one-name.js": after(b"const k='k.pem';\n", b"k=k+k;jwt.sign({},k);\n"),
    "template-strings.js": template_strings,
    "bodies-in-bodies.py": bodies_in_bodies,
    "words-of-settings.yml": after(b"a: k.pem\n", b"jwt:\n key: k.pem\n"),
    "flows-in-flows.yml": after(b"a: k.pem\n", b"{key: [k.pem, "),
    "commands.sh": after(b"#!/bin/sh\n", b"openssl dgst -sign k.pem "),
    "xz-64-mib": xz_bombs,
    "scrypt": each(locked),
}


# -- measuring --------------------------------------------------------------------------------------------------------

def write(path, make, size):
    with open(path, "wb") as out:
        if getattr(make, "whole", False):
            out.write(make(size))
            return
        for part in make():
            if out.tell() >= size:
                break
            out.write(part)


def seconds(program, path):
    """User CPU seconds of a scan and its exit code."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    command = [program, "scan", "--no-config", "--format", "json", "--jobs", "2", path]
    code = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before, code


def literals(program, sources, folder):
    """Every short byte literal of the sources, repeated, alone and with common continuations."""
    found = set()
    for path in glob.glob(os.path.join(sources, "**", "*.rs"), recursive=True):
        with open(path) as file:
            code = file.read().split("#[cfg(test)]")[0]
        for digits in re.findall(r'b"((?:[^"\\]|\\.)*)"', code):
            found.add(re.sub(r"\\\s*\n\s*", "", digits).encode().decode("unicode_escape").encode("latin-1", "ignore"))
    path = os.path.join(folder, "literal")
    slow = False
    for literal in sorted(literal for literal in found if 2 <= len(literal) <= 64):
        for rest in (b"", b"\n", b'="A"{'):
            write(path, rounds(literal + rest), 1_000_000)
            took, code = seconds(program, path)
            if took > 1 or code not in (0, 1, 3):
                slow = True
                print(f"| {literal + rest!r} | {took:.1f} | {code} |", flush=True)
    return slow


def examples(program, rules, folder):
    """Every example of the rules for usage, repeated: what one line asks of its file must be asked once."""
    bad = 0
    for table in sorted(glob.glob(f"{rules}/**/*.toml", recursive=True)):
        with open(table, "rb") as toml:
            sections = tomllib.load(toml)
        rules_here = [rule for section in sections.values() if isinstance(section, list) for rule in section]
        shown = [one for rule in rules_here if isinstance(rule, dict) for one in rule.get("examples", []) + rule.get("near", [])]
        for number, example in enumerate(one for one in shown if isinstance(one, dict) and "text" in one):
            name = os.path.basename(example.get("file", "build.sh"))
            took = []
            for size in (450_000, 900_000):
                path = os.path.join(folder, name)
                text = example["text"].replace("PEMKEY", "k.pem") + "\n"
                with open(path, "w") as out:
                    # A number in each, so that no two are the same.
                    written = line = 0
                    while written < size:
                        written += out.write(text.replace("PW", f"pw{line}"))
                        line += 1
                took.append(seconds(program, path)[0])
                os.remove(path)
            if took[1] > RATIO * max(took[0], MEASURABLE / RATIO):
                bad += 1
                print(f"{os.path.basename(table)}, example {number} ({name}): {took[0]:.2f} and {took[1]:.2f} s: "
                      f"{example['text'][:60]!r}", flush=True)
    print(f"{bad} examples over", flush=True)
    return bad > 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("keyradius")
    parser.add_argument("--megabytes", type=float, default=2)
    parser.add_argument("--only", action="append")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--keep")
    parser.add_argument("--literals")
    parser.add_argument("--examples")
    args = parser.parse_args()
    if args.list:
        print("\n".join(INPUTS))
        return 0
    program = os.path.abspath(args.keyradius)
    folder = args.keep or tempfile.mkdtemp(prefix="keyradius-slow-")
    os.makedirs(folder, exist_ok=True)
    bad = False
    print("| input | bytes | seconds at n | at 2n | ratio | seconds for 10 MB |\n|---|--:|--:|--:|--:|--:|")
    for name, make in INPUTS.items():
        if args.only and name not in args.only:
            continue
        took, sizes, codes = [], [], []
        for factor in (1, 2):
            path = os.path.join(folder, f"{factor}-{name}")
            # Source code and settings of more than a megabyte are not read for how they use keys.
            most = 0.45 if "." in name else args.megabytes
            size = int(min(args.megabytes, most) * factor * 1e6)
            if not os.path.exists(path):
                write(path, make, size)
            sizes.append(os.path.getsize(path))
            each_took, code = seconds(program, path)
            took.append(each_took)
            codes.append(code)
            if not args.keep:
                os.remove(path)
        ratio = took[1] / max(took[0], 0.01)
        fine = (ratio <= RATIO or took[1] < MEASURABLE) and all(code in (0, 1, 3) for code in codes)
        bad |= not fine
        print(f"| {name} | {sizes[0]:,} | {took[0]:.2f} | {took[1]:.2f} | {ratio:.1f}{'' if fine else ' **over**'} | "
              f"{took[1] * 1e7 / sizes[1]:.1f} |", flush=True)
    if args.literals:
        bad |= literals(program, args.literals, folder)
    if args.examples:
        bad |= examples(program, args.examples, folder)
    if not args.keep:
        shutil.rmtree(folder)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
