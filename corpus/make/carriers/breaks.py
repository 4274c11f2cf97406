"""Line breaks that are something else than a line break. The marks are undone by perl, printf or the decoder named."""

import json
import urllib.parse

from .core import carrier
from .payload import around, payloads

# name, mark, the text before and after, file suffix.
MARKS = [
    ("percent-0A", "%0A", "body=", "&x=1\n", "txt"),
    ("percent-0D0A", "%0D%0A", "GET /?key=", "&x=1 HTTP/1.1\n", "log"),
    ("percent-0d0a-lower", "%0d%0a", "key=", "\n", "txt"),
    ("percent-250A", "%250A", "redirect=/a%3Fkey%3D", "\n", "log"),
    ("backslash-x0a", "\\x0a", "data='", "'\n", "txt"),
    ("backslash-x0d-x0a", "\\x0d\\x0a", 'var k = "', '";\n', "js"),
    ("backslash-x0A-upper", "\\x0A", 'k: "', '"\n', "yaml"),
    ("octal-012", "\\012", 'set key "', '"\n', "tcl"),
    ("octal-015-012", "\\015\\012", "key=", "\n", "txt"),
    ("rsyslog-012", "#012", "Nov 30 12:00:01 host app[7]: key ", "\n", "log"),
    ("rsyslog-015-012", "#015#012", "Nov 30 12:00:01 host app[7]: ", "\n", "log"),
    ("powershell-n", "`n", '$key = "', '"\n', "ps1"),
    ("powershell-r-n", "`r`n", '$key = "', '"\n', "ps1"),
    ("excel-x000A", "_x000A_", "<t>", "</t>\n", "xml"),
    ("excel-x000D-lf", "_x000D_\n", '<t xml:space="preserve">', "</t>\n", "xml"),
    ("u-brace-a", "\\u{a}", 'let k = "', '";\n', "rs"),
    ("u-brace-0A", "\\u{0A}", '$k = "', '";\n', "php"),
    ("u000a", "\\u000a", '{"k": "', '"}\n', "json"),
    ("u000D-u000A", "\\u000D\\u000A", "key=", "\n", "properties"),
    ("U0000000A", "\\U0000000A", 'k: "', '"\n', "yaml"),
    ("pipe", "|", "KEY=", "\n", "env"),
    ("semicolon", ";", "KEY=", "\n", "conf"),
    ("comma", ",", "key,", "\n", "csv"),
    ("comma-blank", ", ", "[", "]\n", "txt"),
    ("tilde", "~", "KEY=", "\n", "env"),
    ("caret-M", "^M", "", "\n", "txt"),
    ("caret-J", "^J", "", "\n", "txt"),
    ("pilcrow", "\u00b6", "", "\n", "txt"),
    ("return-sign", "\u21b5", "", "\n", "txt"),
    ("symbol-for-newline", "\u240a", "", "\n", "txt"),
    ("rtf-par", "\\par ", "{\\rtf1\\ansi ", "}\n", "rtf"),
    ("rtf-par-newline", "\\par\n", "{\\rtf1\\ansi\\deff0 ", "}\n", "rtf"),
    ("rtf-line", "\\line ", "{\\rtf1\\ansi ", "}\n", "rtf"),
    ("html-xA", "&#xA;", '<a k="', '"/>\n', "xml"),
    ("html-xD-xA", "&#xD;&#xA;", '<a k="', '"/>\n', "xml"),
    ("html-13", "&#13;", "<k>", "</k>\n", "xml"),
    ("html-13-10", "&#13;&#10;", "<k>", "</k>\n", "xml"),
    ("html-010", "&#010;", "<k>", "</k>\n", "html"),
    ("html-NewLine", "&NewLine;", "<p>", "</p>\n", "html"),
    ("html-br", "<br>", "<p>", "</p>\n", "html"),
    ("html-br-slash-upper", "<BR />", "<p>", "</p>\n", "html"),
    ("html-escaped-br", "&lt;br /&gt;", "<p>", "</p>\n", "html"),
    ("nbsp", "\u00a0", "", "\n", "txt"),
    ("zero-width-space", "\u200b", "", "\n", "txt"),
    ("u2028", "\u2028", "k = ", "\n", "txt"),
    ("u2029", "\u2029", "", "\n", "txt"),
    ("nel-u0085", "\u0085", "", "\n", "txt"),
    ("bom-mid-text", "\n\ufeff", "", "\n", "txt"),
    ("ideographic-space", "\u3000", "", "\n", "txt"),
    ("vertical-tab", "\x0b", "", "\n", "txt"),
    ("form-feed", "\x0c", "", "\n", "txt"),
    ("nul", "\0", "KEY=", "\0HOME=/root\0", "bin"),
    ("record-separator", "\x1e", "", "\n", "txt"),
    ("unit-separator", "\x1f", "", "\n", "txt"),
    ("tab", "\t", "key\t", "\n", "tsv"),
    ("angle-0x0A", "<0x0A>", "", "\n", "txt"),
    ("angle-LF", "<LF>", "", "\n", "txt"),
    ("bracket-CR-LF", "[CR][LF]", "", "\n", "txt"),
    ("oracle-chr10", "' || CHR(10) || '", "k := '", "';\n", "sql"),
    ("vb-vbCrLf", '" & vbCrLf & "', 'k = "', '"\n', "vbs"),
    ("php-PHP_EOL", "' . PHP_EOL . '", "$k = '", "';\n", "php"),
    ("csharp-NewLine", '" + Environment.NewLine + "', 'var k = "', '";\n', "cs"),
    ("java-lineSeparator", '" + System.lineSeparator() + "', 'k = "', '";\n', "java"),
    ("erlang-tilde-n", "~n", 'io:format("', '").\n', "erl"),
    ("tex-backslash-backslash", "\\\\\n", "\\texttt{", "}\n", "tex"),
    ("wiki-break", "{{break}}", "", "\n", "txt"),
    ("double-pipe", "||", "K=", "\n", "txt"),
    ("colon-colon", "::", "k=", "\n", "txt"),
    ("at-sign", "@", "k=", "\n", "txt"),
    ("hash", "#", "k=", "\n", "txt"),
    ("perl-x-brace", "\\x{0A}", '$k = "', '";\n', "pl"),
    ("backslash-newline-kept", "\\\n", "k = '", "'\n", "txt"),
    ("quadruple-backslash-n", "\\\\\\\\n", "k: ", "\n", "txt"),
]


def register(n, name, mark, before, after, ext):
    def make(c):
        def encode(text):
            return text.rstrip("\n").replace("\n", mark)

        def decode(data):
            return c.sh("perl -0777 -pe 'BEGIN{$m=$ENV{MARK}} s/\\Q$m\\E/\\n/g'", data, env={"MARK": mark})

        def decode_nul(data):
            return c.sh("tr '\\0' '\\n'", data)

        forms = ("pem",) if mark in ("/n", "#", "@") else ("pem", "der", "p12")
        around(
            c,
            encode,
            decode_nul if mark == "\0" else decode,
            "perl s/mark/newline/",
            ext,
            forms,
            before,
            after,
            n % 3 == 2,
        )

    carrier(f"break-{name}", "text: break marks", "perl")(make)


for n, row in enumerate(MARKS):
    register(n, *row)


@carrier("break-jq-uri", "text: break marks", "jq")
def jq_uri(c):
    around(c, lambda t: c.sh("jq -sRr @uri", t.encode()), lambda d: urllib.parse.unquote(d.decode()), "urllib", "txt")


@carrier("break-php-rawurlencode-twice", "text: break marks", "php-cli")
def php_url(c):
    code = "echo urlencode(urlencode(stream_get_contents(STDIN)));"
    around(
        c,
        lambda t: c.sh(f"php -r '{code}'", t.encode()),
        lambda d: urllib.parse.unquote_plus(urllib.parse.unquote_plus(d.decode())),
        "urllib twice",
        "txt",
        before="q=",
        after="\n",
    )


@carrier("break-form-urlencoded-crlf", "text: break marks", "python3")
def form(c):
    around(
        c,
        lambda t: urllib.parse.urlencode({"a": "1", "key": t.replace("\n", "\r\n"), "z": "2"}),
        lambda d: urllib.parse.parse_qs(d.decode())["key"][0],
        "urllib.parse_qs",
        "txt",
    )


@carrier("break-json-of-json-of-json", "text: break marks", "python3 jq")
def thrice(c):
    def encode(text):
        return json.dumps({"a": json.dumps({"b": json.dumps({"k": text})})})

    around(c, encode, lambda d: c.sh("jq -rj '.a|fromjson|.b|fromjson|.k'", d), "jq fromjson", "json")


@carrier("break-php-json-in-sql-dump", "text: break marks", "php-cli")
def php_sql(c):
    for p in payloads(c):
        code = 'echo addslashes(json_encode(["key"=>stream_get_contents(STDIN)]));'
        got = c.sh(f"php -r '{code}'", p.text.encode())
        c.put(f"{p.key.place}.sql", b"INSERT INTO `conf` VALUES (1,'tls','" + got + b"');\n")
        back = 'echo json_decode(stripslashes(stream_get_contents(STDIN)),true)["key"];'
        c.prove(p.key, p.back(c.sh(f"php -r '{back}'", got)), "php stripslashes, json_decode")


@carrier("break-cmd-caret-echo", "text: break marks", "own")
def caret(c):
    around(
        c,
        lambda t: "(" + "".join(f"echo {line}^\n\n" for line in t.splitlines()) + ") > key.pem\n",
        lambda d: c.sh("sed -n 's/^(\\?echo \\(.*\\)^$/\\1/p'", d),
        "sed",
        "bat",
        forms=("pem", "der"),
    )
