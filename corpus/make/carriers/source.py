"""Keys as literals of source code, read back by the language where it is on the machine, else by perl."""

import json

from .core import carrier
from .payload import around

KIND = "text: source literals"
NUM = r"perl -0777 -ne 's/^.*?KEYSTART//s;s/KEYEND.*//s;print join(\" \",/"


def wrap(items, n, sep, indent="    "):
    rows = [sep.join(items[i : i + n]) for i in range(0, len(items), n)]
    return indent + (sep.rstrip() + "\n" + indent).join(rows)


def signed(b):
    return b - 256 if b > 127 else b


# name, suffix, head, element, elements a line, separator, tail, perl that prints the bytes from one element in $1,
# with the pattern of an element.
ARRAYS = [
    (
        "java-cast-every-byte",
        "java",
        "byte[] k = {",
        lambda b: f"(byte)0x{b:02x}",
        8,
        ", ",
        "};",
        r"\(byte\)0x(\w\w)",
        "hex",
    ),
    (
        "java-cast-blank-upper",
        "java",
        "byte[] k = {",
        lambda b: f"(byte) 0x{b:02X}",
        8,
        ", ",
        "};",
        r"\(byte\) 0x(\w\w)",
        "hex",
    ),
    ("java-cast-decimal", "java", "byte[] k = {", lambda b: f"(byte){b}", 12, ", ", "};", r"\(byte\)(\d+)", "dec"),
    (
        "java-signed-decimal",
        "java",
        "static final byte[] K = {",
        lambda b: str(signed(b)),
        16,
        ", ",
        "};",
        r"(-?\d+)",
        "dec",
    ),
    (
        "kotlin-toByte",
        "kt",
        "val k = byteArrayOf(",
        lambda b: f"0x{b:02x}.toByte()",
        8,
        ", ",
        ")",
        r"0x(\w\w)\.",
        "hex",
    ),
    (
        "kotlin-decimal-toByte",
        "kt",
        "val k = byteArrayOf(",
        lambda b: f"{b}.toByte()",
        8,
        ", ",
        ")",
        r"(\d+)\.",
        "dec",
    ),
    ("c-0x1-no-pad", "c", "unsigned char k[] = {", lambda b: f"0x{b:x}", 12, ", ", "};", r"0x(\w+)", "hex"),
    ("c-no-blanks", "h", "uint8_t k[]={", lambda b: f"0x{b:02X}", 20, ",", "};", r"0x(\w+)", "hex"),
    ("c-u-suffix", "c", "const uint8_t k[] = {", lambda b: f"0x{b:02X}U", 8, ", ", "};", r"0x(\w+)U", "hex"),
    ("c-octal", "c", "char k[] = {", lambda b: f"0{b:03o}", 10, ", ", "};", r"\b(0\d+)", "oct"),
    ("c-char-literals", "c", "char k[] = {", lambda b: f"'\\x{b:02x}'", 8, ", ", "};", r"\\x(\w\w)", "hex"),
    ("c-decimal-unsigned", "c", "unsigned char k[] = {", lambda b: str(b), 20, ",", "};", r"(\d+)", "dec"),
    ("c-signed-decimal", "c", "signed char k[] = {", lambda b: str(signed(b)), 20, ", ", "};", r"(-?\d+)", "dec"),
    ("go-byte-slice", "go", "var k = []byte{\n", lambda b: f"0x{b:02x}", 12, ", ", ",\n}", r"0x(\w+)", "hex"),
    ("go-print-v", "log", "key=[", lambda b: str(b), 10**6, " ", "]", r"(\d+)", "dec"),
    ("rust-u8-suffix", "rs", "let k = [", lambda b: f"{b}u8", 14, ", ", "];", r"(\d+)u8", "dec"),
    ("rust-0x-u8", "rs", "let k = vec![", lambda b: f"0x{b:02x}_u8", 10, ", ", "];", r"0x(\w\w)_u8", "hex"),
    ("csharp-hex", "cs", "byte[] k = new byte[] {", lambda b: f"0x{b:02X}", 16, ", ", "};", r"0x(\w+)", "hex"),
    ("vb-amp-h", "vb", "Dim k() As Byte = {", lambda b: f"&H{b:02X}", 12, ", ", "}", r"&H(\w\w)", "hex"),
    ("pascal-dollar", "pas", "k: array[0..9] of Byte = (", lambda b: f"${b:02X}", 14, ", ", ");", r"\$(\w\w)", "hex"),
    ("powershell-byte-array", "ps1", "[Byte[]] $k = ", lambda b: f"0x{b:02x}", 10**6, ",", "", r"0x(\w+)", "hex"),
    ("matlab-uint8", "m", "k = uint8([", lambda b: str(b), 20, " ", "]);", r"(\d+)", "dec"),
    ("js-Uint8Array", "js", "const k = new Uint8Array([", lambda b: str(b), 24, ", ", "]);", r"(\d+)", "dec"),
    (
        "json-Buffer-indent",
        "json",
        '{"type": "Buffer", "data": [\n',
        lambda b: str(b),
        1,
        ",\n",
        "\n]}",
        r"(\d+)",
        "dec",
    ),
    ("asm-dot-byte", "s", "key:\n", lambda b: f"0x{b:02x}", 12, ", ", "\n", r"0x(\w\w)", "hex"),
    ("asm-db-h", "asm", "key:\n", lambda b: f"0{b:02X}h", 12, ", ", "\n", r"0(\w\w)h", "hex"),
    ("gas-byte-decimal", "s", "key:\n", lambda b: str(b), 12, ",", "\n", r"(\d+)", "dec"),
    ("vhdl-x", "vhd", "constant K : rom_t := (", lambda b: f'x"{b:02X}"', 10, ", ", ");", r'x"(\w\w)"', "hex"),
    (
        "vhdl-16-hash",
        "vhd",
        "constant K : rom_t := (",
        lambda b: f"16#{b:02X}#",
        10,
        ", ",
        ");",
        r"16#(\w\w)#",
        "hex",
    ),
    (
        "vhdl-to-unsigned",
        "vhd",
        "constant K : rom_t := (",
        lambda b: f"to_unsigned({b},8)",
        6,
        ", ",
        ");",
        r"\((\d+),8\)",
        "dec",
    ),
    ("verilog-8h", "v", "localparam K = {", lambda b: f"8'h{b:02x}", 10, ", ", "};", r"8'h(\w\w)", "hex"),
    ("verilog-readmemh", "mem", "// key\n", lambda b: f"{b:02x}", 1, "\n", "\n", r"^(\w\w)$", "hex"),
    ("verilog-readmemb", "mem", "// key\n", lambda b: f"{b:08b}", 1, "\n", "\n", r"^([01]{8})$", "bin"),
    ("erlang-binary", "erl", "K = <<", lambda b: str(b), 20, ",", ">>.", r"(\d+)", "dec"),
    ("scheme-bytevector", "scm", "(define k #u8(", lambda b: str(b), 20, " ", "))", r"(\d+)", "dec"),
    ("lisp-sharp-x", "lisp", "(defvar k #(", lambda b: f"#x{b:02X}", 12, " ", "))", r"#x(\w\w)", "hex"),
    ("perl-pack-C", "pl", "my $k = pack('C*', ", lambda b: str(b), 20, ", ", ");", r"(\d+)", "dec"),
    ("r-as-raw", "R", "k <- as.raw(c(", lambda b: f"0x{b:02x}", 12, ", ", "))", r"0x(\w+)", "hex"),
    ("dts-byte-string", "dts", "key = [", lambda b: f"{b:02x}", 16, " ", "];", r"\b(\w\w)\b", "hex"),
    ("hash-braces-hex-h", "txt", "{", lambda b: f"{b:02X}h", 16, " ", "}", r"(\w\w)h", "hex"),
    ("yaml-list-of-numbers", "yaml", "key:\n", lambda b: f"- {b}", 1, "\n", "\n", r"- (\d+)", "dec"),
    ("toml-array", "toml", "key = [", lambda b: str(b), 20, ", ", "]", r"(\d+)", "dec"),
    ("php-array", "php", "<?php $k = array(", lambda b: str(b), 20, ", ", ");", r"(\d+)", "dec"),
    ("proto-textformat-repeated", "txt", "", lambda b: f"k: {b}", 1, "\n", "\n", r"k: (\d+)", "dec"),
]
BASE = {"hex": "hex", "dec": "", "oct": "oct", "bin": 'oct "0b".', "": ""}


def register(n, name, ext, head, element, per, sep, tail, pattern, base):
    def make(c):
        for form, place in (("p256:der", "der"), ("rsa", "pem"), ("p12", "p12")):
            key = c.key(form, place)
            key.file = f"{place}.{ext}"
            items = [element(b) for b in key.data]
            prefix = {"asm-dot-byte": ".byte ", "asm-db-h": "db ", "gas-byte-decimal": ".byte "}.get(name)
            indent = "" if per == 1 else "    "
            if prefix:
                body = "\n".join(f"    {prefix}{sep.join(items[i:i + per])}" for i in range(0, len(items), per))
            else:
                body = wrap(items, per, sep, indent)
            c.put(key.file, f"{head}{body}{tail}\n")
            code = (
                f'BEGIN{{binmode STDOUT}} $n=0; while(/$ENV{{P}}/mg){{my $v={BASE[base]}($1);print pack("C",$v&255)}}'
            )
            c.prove(key, c.sh('perl -0777 -ne "$CODE"', body.encode(), env={"P": pattern, "CODE": code}), "perl pack")

    carrier(f"array-{name}", KIND, "perl")(make)


for n, row in enumerate(ARRAYS):
    register(n, *row)


# Strings. name, suffix, line -> literal of a line, head, separator, tail, how it is undone.
def esc(fn):
    return lambda text: "".join(fn(b) for b in text.encode())


@carrier("string-x-escapes", KIND, "python3")
def x_string(c):
    around(
        c,
        lambda t: 'char k[] = "' + esc(lambda b: f"\\x{b:02x}")(t) + '";\n',
        lambda d: c.sh('printf %b "$T"', env={"T": d.decode().split('"')[1]}),
        "printf %b",
        "c",
    )


@carrier("string-octal-escapes", KIND, "python3")
def o_string(c):
    around(
        c,
        lambda t: 'k = "' + esc(lambda b: f"\\{b:03o}")(t) + '"\n',
        lambda d: c.sh('printf "$T"', env={"T": d.decode().split('"')[1]}),
        "printf",
        "txt",
    )


@carrier("string-u-escapes", KIND, "python3 jq")
def u_string(c):
    around(
        c, lambda t: '{"k": "' + esc(lambda b: f"\\u{b:04x}")(t) + '"}\n', lambda d: c.sh("jq -j .k", d), "jq", "json"
    )


@carrier("string-html-decimal-entities", KIND, "python3")
def ent(c):
    import html

    around(
        c,
        lambda t: "<p>" + esc(lambda b: f"&#{b};")(t) + "</p>\n",
        lambda d: html.unescape(d.decode())[3:-5],
        "html.unescape",
        "html",
    )


@carrier("string-percent-every-byte", KIND, "python3")
def pct(c):
    import urllib.parse

    around(
        c,
        lambda t: "k=" + esc(lambda b: f"%{b:02X}")(t) + "\n",
        lambda d: urllib.parse.unquote(d.decode())[2:],
        "urllib",
        "txt",
    )


# Strings of lines. name, suffix, head, line -> literal, separator, tail.
LINES = [
    ("c-adjacent", "c", "char *k =\n", lambda l: f'    "{l}\\n"', "\n", ";\n"),
    ("c-macro-backslash", "h", "#define KEY \\\n", lambda l: f'"{l}\\r\\n"', " \\\n", "\n"),
    ("js-array-join", "js", "const k = [\n", lambda l: f"  '{l}',", "\n", "\n].join('\\n');\n"),
    ("js-plus-single", "js", "var k = ", lambda l: f"'{l}\\n'", " +\n  ", ";\n"),
    ("js-template", "ts", "const k = `", lambda l: l, "\n", "`;\n"),
    ("python-parens", "py", "K = (\n", lambda l: f"    b'{l}\\n'", "\n", "\n)\n"),
    ("python-triple-indent", "py", "def f():\n    k = '''", lambda l: l, "\n    ", "'''\n"),
    ("ruby-squiggly-heredoc", "rb", "K = <<~EOS\n", lambda l: f"    {l}", "\n", "\nEOS\n"),
    ("go-plus", "go", "const k = ", lambda l: f'"{l}\\n"', " +\n\t", "\n"),
    ("csharp-verbatim", "cs", 'var k = @"', lambda l: l, "\n", '";\n'),
    ("vb-underscore", "vb", "k = ", lambda l: f'"{l}" & vbCrLf', " & _\n    ", "\n"),
    ("php-dot", "php", "<?php $k = ", lambda l: f'"{l}\\n"', "\n  . ", ";\n"),
    ("perl-dot", "pl", "my $k = ", lambda l: f"'{l}'", '."\\n".\n ', ";\n"),
    ("delphi-13-10", "pas", "k := ", lambda l: f"'{l}'#13#10", " +\n  ", ";\n"),
    ("objc-at", "m", "NSString *k = ", lambda l: f'@"{l}\\n"', "\n   ", ";\n"),
    ("swift-triple", "swift", 'let k = """\n', lambda l: f"    {l}", "\n", '\n    """\n'),
    ("rust-concat", "rs", "const K: &str = concat!(\n", lambda l: f'    "{l}\\n",', "\n", "\n);\n"),
    (
        "java-append",
        "java",
        "StringBuilder s = new StringBuilder();\n",
        lambda l: f's.append("{l}").append("\\n");',
        "\n",
        "\n",
    ),
    ("java-string-join", "java", 'String k = String.join("\\n",\n', lambda l: f'    "{l}"', ",\n", ");\n"),
    ("lua-brackets", "lua", "k = [[\n", lambda l: l, "\n", "\n]]\n"),
    ("lua-dotdot", "lua", "k = ", lambda l: f'"{l}\\n"', " ..\n", "\n"),
    ("tcl-append", "tcl", "", lambda l: f'append k "{l}\\n"', "\n", "\n"),
    ("elixir-heredoc", "ex", '@key """\n', lambda l: f"  {l}", "\n", '\n  """\n'),
    ("haskell-gaps", "hs", 'k = "', lambda l: f"{l}\\n", "\\\n    \\", '"\n'),
    ("fsharp-backslash", "fs", 'let k = "', lambda l: f"{l}\\n", "\\\n    ", '"\n'),
    ("dart-adjacent-single", "dart", "const k = ", lambda l: f"'{l}\\n'", "\n    ", ";\n"),
    ("sql-concat-chr", "sql", "k := ", lambda l: f"'{l}'||chr(10)", "||\n  ", ";\n"),
    ("cmake-list", "cmake", "set(KEY\n", lambda l: f'  "{l}"', "\n", ")\n"),
    ("make-define", "mk", "define KEY\n", lambda l: l, "\n", "\nendef\n"),
    ("terraform-heredoc-indent", "tf", "key = <<-EOT\n", lambda l: f"      {l}", "\n", "\n    EOT\n"),
    ("nix-two-quotes", "nix", "key = ''\n", lambda l: f"  {l}", "\n", "\n'';\n"),
    ("cobol-columns", "cbl", "", lambda l: f"000100     05 FILLER PIC X(64) VALUE '{l}'.", "\n", "\n"),
    (
        "abap-concatenate",
        "abap",
        "CONCATENATE ",
        lambda l: f"'{l}'",
        "\n   ",
        " INTO k SEPARATED BY cl_abap_char_utilities=>newline.\n",
    ),
    ("applescript-return", "applescript", "set k to ", lambda l: f'"{l}" & return', " & \u00ac\n", "\n"),
    ("vimscript-list", "vim", "let k = [\n", lambda l: f"  \\ '{l}',", "\n", "\n  \\ ]\n"),
    ("elisp-insert", "el", "", lambda l: f'(insert "{l}\\n")', "\n", "\n"),
    ("asm-ascii", "s", "key:\n", lambda l: f'    .ascii "{l}\\n"', "\n", "\n"),
    ("protobuf-text-lines", "textproto", "key: ", lambda l: f'"{l}\\n"', "\n     ", "\n"),
]


def register_lines(n, name, ext, head, literal, sep, tail):
    def make(c):
        def encode(text):
            rows = text.rstrip("\n").split("\n")
            return head + sep.join(literal(r) for r in rows) + tail

        def decode(data):
            return c.sh(r"grep -oE '[-]{5}(BEGIN|END)[A-Z ]+[-]{5}|[A-Za-z0-9+/=]{20,}'", data)

        forms = ("pem", "der", "p12") if n % 2 else ("pem", "trad")
        if any(x in name for x in ("terraform", "cmake", "java-append")):
            forms = ("pem",)
        if forms == ("pem", "der", "p12"):
            around(
                c,
                encode,
                lambda d: (
                    "\n".join(x for x in decode(d).decode().split() if "VALUE" not in x)
                    if b"-----" not in d
                    else decode(d)
                ),
                "grep -o",
                ext,
                forms,
                big=n % 3 == 0,
            )
        else:
            around(c, encode, decode, "grep -o", ext, forms, big=n % 3 == 0)

    carrier(f"string-{name}", KIND, "grep")(make)


for n, row in enumerate(LINES):
    register_lines(n, *row)


@carrier("string-reg-hex-7", KIND, "python3")
def reg(c):
    key = c.key("rsa", "pem")
    key.file = "k.reg"
    raw = "\0".join(key.text.rstrip("\n").split("\n")).encode("utf-16-le") + b"\0\0\0\0"
    items = [f"{b:02x}" for b in raw]
    rows = [",".join(items[i : i + 25]) for i in range(0, len(items), 25)]
    text = (
        'Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\K]\r\n"key"=hex(7):'
        + ",\\\r\n  ".join(rows)
        + "\r\n"
    )
    c.put("k.reg", text.encode("utf-16"))
    body = text.split("hex(7):")[1].replace("\\\r\n", "").replace(" ", "").strip()
    c.prove(
        key,
        bytes(int(x, 16) for x in body.split(",")).decode("utf-16-le").replace("\0", "\n").strip() + "\n",
        "by hand of the hex",
    )


for name, codec in (
    ("utf-32le", "utf-32-le"),
    ("utf-32be", "utf-32-be"),
    ("utf-32-bom", "utf-32"),
    ("utf-16be-no-bom", "utf-16-be"),
    ("utf-7", "utf-7"),
    ("ebcdic-037", "cp037"),
):

    def make(c, codec=codec):
        around(
            c,
            lambda t: t.encode(codec),
            lambda d: c.sh(
                "iconv -f"
                f" {dict(utf_32_le='UTF-32LE', utf_32_be='UTF-32BE', utf_16_be='UTF-16BE', cp037='IBM037').get(codec.replace('-', '_'), codec.upper())}"
                " -t UTF-8",
                d,
            )
            .decode()
            .lstrip("\ufeff"),
            "iconv",
            "txt",
        )

    carrier(f"charset-{name}", KIND, "python3 libc-bin")(make)


@carrier("string-python-repr-bytes", KIND, "python3")
def py_repr(c):
    import ast

    for form in ("rsa", "p256:der", "p12"):
        key = c.key(form, form.replace(":", "-"))
        key.file = f"{key.place}.py"
        text = f"KEY = {key.data!r}\n"
        c.put(key.file, text)
        c.prove(key, ast.literal_eval(text[6:]), "ast.literal_eval")


@carrier("string-php-var-export", KIND, "php-cli")
def php_export(c):
    around(
        c,
        lambda t: c.sh(
            'php -r \'echo "<?php return "; var_export(["k"=>stream_get_contents(STDIN)]); echo ";";\'', t.encode()
        ),
        lambda d: c.sh('cat > x.php; php -r \'echo (include "x.php")["k"];\'', d),
        "php include",
        "php",
    )


@carrier("string-php-serialize", KIND, "php-cli")
def php_ser(c):
    around(
        c,
        lambda t: c.sh("php -r 'echo serialize([\"k\"=>stream_get_contents(STDIN),1]);'", t.encode()),
        lambda d: c.sh("php -r 'echo unserialize(stream_get_contents(STDIN))[\"k\"];'", d),
        "php unserialize",
        "txt",
    )


@carrier("string-ruby-inspect", KIND, "ruby")
def ruby_inspect(c):
    for form in ("rsa", "p256:der", "p12"):
        key = c.key(form, form.replace(":", "-"))
        key.file = f"{key.place}.rb"
        got = c.sh('ruby -e \'STDIN.binmode; print "K = ", STDIN.read.inspect, "\\n"\'', key.data)
        c.put(key.file, got)
        c.prove(key, c.sh("ruby -e 'STDOUT.binmode; eval(STDIN.read); print K'", got), "ruby eval")


@carrier("string-bash-declare-p", KIND, "bash")
def declare(c):
    around(
        c,
        lambda t: c.sh("K=$(cat; echo x); K=${K%x}; declare -p K; set | grep -A60 ^K=", t.encode()),
        lambda d: c.sh('source /dev/stdin; printf %s "$K"', d),
        "bash source",
        "sh",
    )


@carrier("string-bash-printf-q", KIND, "bash")
def printf_q(c):
    around(
        c,
        lambda t: c.sh("K=$(cat); printf 'K=%q\\n' \"$K\"", t.encode()),
        lambda d: c.sh("source /dev/stdin; printf '%s\\n' \"$K\"", d),
        "bash source",
        "sh",
    )


@carrier("string-json-minified-in-js-string", KIND, "python3 jq")
def js_in(c):
    around(
        c,
        lambda t: "module.exports=JSON.parse(" + json.dumps(json.dumps({"k": t})) + ");\n",
        lambda d: c.sh("jq -rj 'fromjson|.k'", d[26:-3]),
        "jq fromjson",
        "js",
    )
