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
f.silent("near.txt", b'{"k": "' + b"some_words_that_only_have_digits_of_base64_in_them_" * 6 + b'"}\n', "printf", "words and underscores")
f.finish()
