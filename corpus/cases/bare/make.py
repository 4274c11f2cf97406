"""Streams without a header: raw deflate by Perl, blocks of Snappy and LZ4 by their Python modules."""

from contain import Packed

f = Packed("bare", "raw deflate, and blocks of Snappy and LZ4, of keys and archives")
RAW = "perl -MIO::Compress::RawDeflate -e 'IO::Compress::RawDeflate::rawdeflate(\"-\", \"-\")'"
OUT = "perl -MIO::Uncompress::RawInflate -e 'IO::Uncompress::RawInflate::rawinflate(\"-\", \"-\")'"


def block(module, call):
    return f"python3 -c \"import sys, {module}; sys.stdout.buffer.write({module}.{call})\""


FORMS = {
    "deflate": (RAW, OUT),
    "snappy": (block("snappy", "compress(sys.stdin.buffer.read())"), block("snappy", "decompress(sys.stdin.buffer.read())")),
    "lz4": (block("lz4.block", "compress(sys.stdin.buffer.read())"), block("lz4.block", "decompress(sys.stdin.buffer.read())")),
}
f.run("openssl pkey -in tree/etc/ssl/private/server.pem -outform DER -out small.der && cp tree/etc/id.pem tree/signing.der .")
for suffix, (pack, unpack) in FORMS.items():
    for source, der in (("id.pem", False), ("signing.der", True), ("small.der", True)):
        name = f"{source}.{suffix}"
        f.tool(name, f"{pack} < {source} > {name}", lambda: [f.shown(f"{unpack} < {name}", der=der)])
    name = f"tree.tar.{suffix}"
    f.tool(name, f"tar -cf - -C tree . | {pack} > {name}", lambda: f.three(lambda path: f"{unpack} < {name} | tar -xO ./{path}"))
f.run(f"seq 1 40000 > numbers.txt && {RAW} < numbers.txt > numbers.deflate && {FORMS['snappy'][0]} < numbers.txt > numbers.snappy")
f.silent("near.deflate", f.read("numbers.deflate"), "Perl", "numbers")
f.silent("near.snappy", f.read("numbers.snappy"), "python-snappy", "numbers")
f.finish()
