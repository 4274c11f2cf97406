"""One compressed file each, read back by its own tool or another one."""

from .core import carrier
from .archives import KIND


# One compressed file each: name, suffix, pack, unpack, packages.
STREAMS = [
    ("Z", "Z", "compress -f -c", "gzip -dc", "ncompress"),
    ("lzip", "lz", "lzip -c", "lzip -dc", "lzip"),
    ("lzop", "lzo", "lzop -c", "lzop -dc", "lzop"),
    ("zlib", "zz", "pigz -cz", "pigz -dcz", "pigz"),
    (
        "raw-deflate",
        "deflate",
        'perl -e \'use IO::Compress::RawDeflate qw(rawdeflate);rawdeflate("-"=>"-")\'',
        'perl -e \'use IO::Uncompress::RawInflate qw(rawinflate);rawinflate("-"=>"-")\'',
        "perl",
    ),
    ("brotli", "br", "brotli -c", "brotli -dc", "brotli"),
    ("brotli-w10-q1", "br", "brotli -q 1 -w 10 -c", "brotli -dc", "brotli"),
    (
        "snappy-framed",
        "sz",
        (
            "$V/python -c 'import"
            " sys,cramjam;sys.stdout.buffer.write(bytes(cramjam.snappy.compress(sys.stdin.buffer.read())))'"
        ),
        (
            "$V/python -c 'import"
            " sys,snappy;sys.stdout.buffer.write(snappy.StreamDecompressor().decompress(sys.stdin.buffer.read()))'"
        ),
        "pip:cramjam pip:python-snappy",
    ),
    (
        "snappy-raw",
        "snappy",
        "$V/python -c 'import sys,snappy;sys.stdout.buffer.write(snappy.compress(sys.stdin.buffer.read()))'",
        "$V/python -c 'import sys,snappy;sys.stdout.buffer.write(snappy.uncompress(sys.stdin.buffer.read()))'",
        "pip:python-snappy",
    ),
    ("zstd-dictionaryless-stream", "zst", "zstd -q -c --no-check -1", "zstd -dqc", "zstd"),
    (
        "zstd-skippable-then-frame",
        "zst",
        "{ printf '\\x50\\x2a\\x4d\\x18\\x04\\x00\\x00\\x00abcd'; zstd -q -c; }",
        "zstd -dqc",
        "zstd",
    ),
    ("lz4-block-independent", "lz4", "lz4 -q -c -B4 --no-frame-crc", "lz4 -dqc", "lz4"),
    (
        "lzfse",
        "lzfse",
        "$V/python -c 'import sys,lzfse as l;sys.stdout.buffer.write(l.compress(sys.stdin.buffer.read()))'",
        "$V/python -c 'import sys,lzfse as l;sys.stdout.buffer.write(l.decompress(sys.stdin.buffer.read()))'",
        "pip:lzfse",
    ),
    (
        "szdd-msdos-compress",
        "tx_",
        "cat > kk; mscompress kk >/dev/null; cat kk_",
        "cat > tt_; msexpand tt_ >/dev/null; cat tt",
        "mscompress",
    ),
    ("rzip", "rz", "cat > kk; rzip -k -o kk.rz kk; cat kk.rz", "cat > tt.rz; rzip -d -k -o tt tt.rz; cat tt", "rzip"),
    (
        "lrzip-lzo",
        "lrz",
        "cat > kk; lrzip -q -l -f -o kk.lrz kk >/dev/null 2>&1; cat kk.lrz",
        "rm -f tt; cat > tt.lrz; lrzip -q -d -f -o tt tt.lrz >/dev/null 2>&1; cat tt",
        "lrzip",
    ),
    (
        "lrzip-no-back-end",
        "lrz",
        "cat > kk; lrzip -q -n -f -o kk.lrz kk >/dev/null 2>&1; cat kk.lrz",
        "rm -f tt; cat > tt.lrz; lrzip -q -d -f -o tt tt.lrz >/dev/null 2>&1; cat tt",
        "lrzip",
    ),
]


def register_stream(name, suffix, pack, unpack, packages):
    def make(c):
        import pathlib
        import sys

        from .core import filler

        env = {"V": str(pathlib.Path(sys.executable).parent)}
        for form, place in (
            ("rsa", "small.pem"),
            ("p256:der", "small.der"),
            ("p12", "store.p12"),
            ("rsa:trad", "big.log"),
        ):
            key = c.key(form, place)
            data = filler(100000) + key.data + filler(40000) if place == "big.log" else key.data
            key.file = f"{place}.{suffix}"
            got = c.sh("rm -f kk* tt*; " + pack, data, env=env)
            c.put(key.file, got)
            c.prove(key, c.sh(unpack, got, env=env), unpack.split()[0])

    carrier(f"stream-{name}", KIND, packages)(make)


for row in STREAMS:
    register_stream(*row)
