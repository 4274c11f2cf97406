"""Encodings in encodings, in the middle of text."""

from contain import Packed

f = Packed("runs", "keys compressed or encoded twice in the middle of text, base32, and a near miss")
KEY = "tree/etc/ssl/private/server.pem"
ZLIB = "python3 -c 'import sys, zlib; sys.stdout.buffer.write(zlib.compress(sys.stdin.buffer.read()))'"
for name, encode in (
    ("zlib_base64", f"{ZLIB} | base64 -w0"),
    ("gzip_hex", "gzip | xxd -p | tr -d '\\n'"),
    ("hex_of_base64", "base64 -w0 | xxd -p | tr -d '\\n'"),
    ("base64_of_hex", "xxd -p | tr -d '\\n' | base64 -w0"),
    ("base32", "base32 -w0"),
    ("base32hex", "basenc --base32hex -w0"),
):
    f.tool(f"{name}.json", f"""printf '{{"name": "x",\\n "k": "%s"}}\\n' "$({encode} < {KEY})" > {name}.json""", lambda: [f.shown(f"cat {KEY}")])
# Short runs, which begin anywhere.
f.run("openssl pkey -in tree/etc/ssl/private/server.pem -outform DER -out small.der")
for name, encode in (("compress_base64", "compress -f -c | base64"), ("uuencode", "uuencode small.der")):
    for shift in (0, 20, 40, 60, 80):
        file = f"{name}_{shift}.txt"
        f.tool(file, f"{{ head -c {shift} /dev/zero | tr '\\0' 'x'; printf '\\nbegin\\n'; cat small.der | {encode}; }} > {file}", lambda: [f.shown("cat small.der", der=True)])
f.tool("asn1parse.txt", "openssl asn1parse -in tree/etc/ssl/private/server.pem > asn1parse.txt; openssl pkey -in tree/signing.der -inform DER -traditional -outform DER | openssl asn1parse -inform DER >> asn1parse.txt", lambda: [f.shown("cat tree/etc/ssl/private/server.pem"), f.shown("cat tree/signing.der", der=True)])
# JSON Web Keys by python-cryptography's numbers, in notations of other languages.
f.path("jwk.py").write_text(r"""import base64, sys
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_der_private_key
data = open(sys.argv[1], "rb").read()
key = load_der_private_key(data, None) if data[:1] == b"0" else load_pem_private_key(data, None)
n = key.private_numbers()
b = lambda v, l=None: base64.urlsafe_b64encode(v.to_bytes(l or (v.bit_length() + 7) // 8, "big")).decode().rstrip("=")
if hasattr(n, "p"):
    m = dict(kty="RSA", kid="k", n=b(n.public_numbers.n), e=b(n.public_numbers.e), d=b(n.d), p=b(n.p), q=b(n.q), dp=b(n.dmp1), dq=b(n.dmq1), qi=b(n.iqmp))
else:
    m = dict(kty="EC", kid="k", crv="P-256", x=b(n.public_numbers.x, 32), y=b(n.public_numbers.y, 32), d=b(n.private_value, 32))
form = sys.argv[2]
lines = {
    "csv": "name,value\n" + "".join(f"{k},{v}\n" for k, v in m.items()),
    "env": "".join(f"JWK_{k.upper()}={v}\n" for k, v in m.items()),
    "xml": "<jwk>" + "".join(f"<{k}>{v}</{k}>" for k, v in m.items()) + "</jwk>\n",
    "go": "var k = JWK{" + ", ".join(f'{k.title()}: "{v}"' for k, v in m.items()) + "}\n",
}
sys.stdout.write("line of text\n" * int(sys.argv[3]) + lines[form])
""")
for form in ("csv", "env", "xml", "go"):
    for key, lines in (("tree/etc/ssl/private/server.pem", 0), ("tree/etc/ssl/private/server.pem", 50), ("tree/signing.der", 50)):
        name = f"{key.rsplit('.')[-1]}_{lines}.{form}"
        f.tool(name, f"python3 jwk.py {key} {form} {lines} > {name}", lambda: [{**f.shown(f"cat {key}", der=key.endswith("der")), "format": "jwk"}])
f.silent("near.txt", b'{"k": "' + b"some_words_that_only_have_digits_of_base64_in_them_" * 6 + b'"}\n', "printf", "words and underscores")
f.finish()
