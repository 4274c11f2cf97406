"""One record per line: each line of the key is a record of a log, an export or a table, or has a prefix or a suffix."""

import csv
import io
import json
import logging
import time

from .core import carrier, Drop
from .payload import around, payloads

KIND = "text: one record per line"


def lines(text):
    return text.rstrip("\n").split("\n")


def stamp(i, form="%Y-%m-%dT%H:%M:%S"):
    return time.strftime(form, time.gmtime(1764504000 + i // 4))


# name, file suffix, the record of line i, and the jq program that prints the lines again.
JSONL = [
    (
        "docker-json-file",
        "log",
        lambda i, l: {"log": l + "\n", "stream": "stdout", "time": stamp(i) + f".{i:09d}Z"},
        "-j .log",
    ),
    (
        "elastic-source-export",
        "json",
        lambda i, l: {
            "_index": "logs",
            "_id": f"a{i:03d}",
            "_source": {"@timestamp": stamp(i), "host": "web", "message": l},
        },
        "-r ._source.message",
    ),
    (
        "gcp-textPayload",
        "json",
        lambda i, l: {"insertId": f"x{i}", "textPayload": l, "timestamp": stamp(i), "severity": "INFO"},
        "-r .textPayload",
    ),
    (
        "bunyan",
        "log",
        lambda i, l: {"name": "app", "hostname": "h", "pid": 7, "level": 30, "msg": l, "time": stamp(i), "v": 0},
        "-r .msg",
    ),
    (
        "logstash-message-last",
        "log",
        lambda i, l: {"@timestamp": stamp(i), "@version": "1", "tags": ["t"], "message": l},
        "-r .message",
    ),
    (
        "splunk-hec",
        "json",
        lambda i, l: {"time": 1764504000 + i, "event": {"line": l, "n": i}, "sourcetype": "stdout"},
        "-r .event.line",
    ),
    (
        "loki-values",
        "json",
        lambda i, l: {"stream": {"app": "web"}, "values": [[str(1764504000000000000 + i), l]]},
        "-r '.values[0][1]'",
    ),
    (
        "journald-json",
        "json",
        lambda i, l: {"__CURSOR": f"s=1;i={i:x}", "_PID": "7", "MESSAGE": l, "PRIORITY": "6"},
        "-r .MESSAGE",
    ),
    (
        "fluentd-kubernetes",
        "log",
        lambda i, l: {"log": l, "kubernetes": {"pod_name": "web-0", "labels": {"a": "b"}}, "n": i},
        "-r .log",
    ),
    ("vector-key-in-array", "json", lambda i, l: ["stdout", i, l, {"ok": True}], "-r '.[2]'"),
    ("asciicast-like-one-event-a-line", "cast", lambda i, l: [round(i * 0.1, 3), "o", l + "\r\n"], "-j '.[2]'"),
    (
        "github-api-line-comment",
        "json",
        lambda i, l: {"line": i + 1, "side": "RIGHT", "body": "    " + l},
        "-r '.body[4:]'",
    ),
]


def register_jsonl(n, name, ext, record, program):
    def make(c):
        def encode(text):
            dense = (",", ":") if n % 2 else None
            return "".join(json.dumps(record(i, l), separators=dense) + "\n" for i, l in enumerate(lines(text)))

        around(c, encode, lambda d: c.sh(f"jq {program}", d), "jq", ext, big=n % 4 == 1)

    carrier(f"jsonl-{name}", KIND, "python3 jq")(make)


for n, row in enumerate(JSONL):
    register_jsonl(n, *row)

# name, file suffix, the line that is written, and the perl expression that undoes it.
PREFIXED = [
    ("mail-quote", "eml", lambda i, l: f"> {l}", "s/^> //"),
    ("mail-quote-twice", "eml", lambda i, l: f"> > {l}", "s/^> > //"),
    ("mail-quote-initials", "eml", lambda i, l: f"JD> {l}", "s/^JD> //"),
    ("hash-comment", "conf", lambda i, l: f"# {l}", "s/^# //"),
    ("semicolon-comment", "ini", lambda i, l: f"; {l}", "s/^; //"),
    ("dash-dash-comment", "sql", lambda i, l: f"-- {l}", "s/^-- //"),
    ("rem-comment", "bat", lambda i, l: f"REM {l}", "s/^REM //"),
    ("percent-comment", "tex", lambda i, l: f"% {l}", "s/^% //"),
    ("fortran-comment", "f", lambda i, l: f"C     {l}", "s/^C     //"),
    ("azure-debug", "log", lambda i, l: f"##[debug]{l}", "s/^##\\[debug\\]//"),
    ("azure-timestamp-debug", "log", lambda i, l: f"{stamp(i)}.{i:07d}Z ##[debug]{l}", "s/^\\S+ ##\\[debug\\]//"),
    ("github-timestamp", "log", lambda i, l: f"{stamp(i)}.{i * 7919:07d}Z {l}", "s/^\\S+ //"),
    (
        "github-timestamp-group",
        "log",
        lambda i, l: f"build\tRun make\t{stamp(i)}.{i * 7919:07d}Z {l}",
        "s/^build\\tRun make\\t\\S+ //",
    ),
    ("gitlab-runner", "log", lambda i, l: f"{stamp(i)}.{i:06d}Z 01O {l}", "s/^\\S+ 01O //"),
    ("jenkins-timestamper", "log", lambda i, l: f"[{stamp(i)}.{i:03d}Z] {l}", "s/^\\S+ //"),
    ("teamcity", "log", lambda i, l: f"[{stamp(i, '%H:%M:%S')} ] :\t [Step 1/3] {l}", "s/^.*?\\[Step 1.3\\] //"),
    ("docker-compose", "log", lambda i, l: f"web-1  | {l}", "s/^web-1  \\| //"),
    ("kubectl-prefix", "log", lambda i, l: f"[pod/web-0/app] {l}", "s/^\\S+ //"),
    ("stern", "log", lambda i, l: f"web-0 app {stamp(i)}.{i:09d}Z {l}", "s/^web-0 app \\S+ //"),
    ("cri-o", "log", lambda i, l: f"{stamp(i)}.{i:09d}+00:00 stdout F {l}", "s/^\\S+ stdout F //"),
    ("syslog-3164", "log", lambda i, l: f"Nov 30 {stamp(i, '%H:%M:%S')} host app[{700 + i}]: {l}", "s/^.*?\\]: //"),
    ("syslog-5424", "log", lambda i, l: f'<14>1 {stamp(i)}Z host app 7 ID{i} [ex@1 a="b"] {l}', 's/^.*?"\\] //'),
    (
        "logcat",
        "txt",
        lambda i, l: f"11-30 {stamp(i, '%H:%M:%S')}.{i:03d}  1234  1250 D KeyLoader: {l}",
        "s/^.*?KeyLoader: //",
    ),
    ("dmesg", "txt", lambda i, l: f"[{12 + i * 0.001:12.6f}] key: {l}", "s/^.*?\\] key: //"),
    (
        "log4j",
        "log",
        lambda i, l: f"{stamp(i, '%Y-%m-%d %H:%M:%S')},{i:03d} INFO  [main] c.e.App:{40 + i} - {l}",
        "s/^.*? - //",
    ),
    (
        "klog",
        "log",
        lambda i, l: f"I1130 {stamp(i, '%H:%M:%S')}.{i:06d}       1 main.go:{100 + i}] {l}",
        "s/^.*?\\.go:\\d+\\] //",
    ),
    (
        "nginx-error-suffix",
        "log",
        lambda i, l: f"2026/11/30 {stamp(i, '%H:%M:%S')} [error] 7#7: *{i} \"{l}\" while reading, client: 127.0.0.1",
        's/^[^"]*"//;s/".*//',
    ),
    ("ansible-bullet", "log", lambda i, l: f'    "{l}",', 's/^ *"//;s/",$//'),
    ("yaml-list", "yaml", lambda i, l: f"  - {l}", "s/^  - //"),
    ("yaml-list-quoted", "yaml", lambda i, l: f"  - '{l}'", "s/^  - \\x27//;s/\\x27$//"),
    ("env-per-line", "env", lambda i, l: f"KEY_LINE_{i:02d}={l}", "s/^KEY_LINE_\\d+=//"),
    ("env-per-line-export", "sh", lambda i, l: f"export K{i}='{l}'", "s/^export K\\d+=.//;s/.$//"),
    ("ini-numbered", "ini", lambda i, l: f'line{i} = "{l}"', 's/^line\\d+ = "//;s/"$//'),
    ("properties-indexed", "properties", lambda i, l: f"tls.key[{i}]={l}", "s/^tls.key.\\d+.=//"),
    ("xml-line-elements", "xml", lambda i, l: f'  <line n="{i}">{l}</line>', "s/^.*?>//;s/<.*//"),
    ("html-list-items", "html", lambda i, l: f"<li><code>{l}</code></li>", "s/^<li><code>//;s/<.*//"),
    (
        "html-github-blob-cells",
        "html",
        lambda i, l: f'<tr><td id="L{i + 1}" class="n"></td><td id="LC{i + 1}" class="c">{l}</td></tr>',
        's/^.*class="c">//;s/<.*//',
    ),
    ("markdown-table", "md", lambda i, l: f"| {i + 1} | `{l}` |", "s/^.*?`//;s/`.*//"),
    ("org-example", "org", lambda i, l: f"  : {l}", "s/^  : //"),
    ("basic-line-numbers", "bas", lambda i, l: f'{(i + 1) * 10} DATA "{l}"', 's/^.*?"//;s/"$//'),
    ("vba-concat", "bas", lambda i, l: f'    s = s & "{l}" & vbCrLf', 's/^[^"]*"//;s/".*//'),
    ("batch-echo-append", "bat", lambda i, l: f"echo {l}>>key.pem", "s/^echo //;s/>>key.pem$//"),
    ("powershell-add-content", "ps1", lambda i, l: f"Add-Content -Path k.pem -Value '{l}'", "s/^.*-Value .//;s/.$//"),
    (
        "sql-insert-per-line",
        "sql",
        lambda i, l: f"INSERT INTO k VALUES ({i},'{l}');",
        "s/^.*?,\\x27//;s/\\x27\\);$//",
    ),
    ("cisco-config", "cfg", lambda i, l: f" key-string {l}", "s/^ key-string //"),
    ("puppet-augeas", "pp", lambda i, l: f"  'set /k/{i} {l}',", "s/^  .set .k.\\d+ //;s/.,$//"),
    ("irc-log", "log", lambda i, l: f"[{stamp(i, '%H:%M')}] <alice> {l}", "s/^.*?> //"),
    ("whatsapp-export", "txt", lambda i, l: f"30/11/26, {stamp(i, '%H:%M')} - Bob: {l}", "s/^.*?Bob: //"),
    ("man-troff-fI", "1", lambda i, l: f"\\fI{l}\\fR\n.br", "s/^\\\\fI//;s/\\\\fR$//;s/^\\.br\\n?//"),
    ("trailing-backslash", "txt", lambda i, l: f"{l} \\", "s/ \\\\$//"),
    ("trailing-comma-quoted", "txt", lambda i, l: f'"{l}",', 's/^"//;s/",$//'),
    ("trailing-line-number-comment", "c", lambda i, l: f"{l} /* {i} */", "s/ \\/\\*.*//"),
    ("wide-indent-and-trailing-blanks", "txt", lambda i, l: f"{'':30}{l}{'':{5 + i % 7}}", "s/^ +//;s/ +$//"),
    ("gdb-list-numbers", "txt", lambda i, l: f"{i + 1}\t{l}", "s/^\\d+\\t//"),
    ("stack-trace-at", "log", lambda i, l: f"    at {l} (app.js:{i + 1}:5)", "s/^    at //;s/ \\(.*//"),
]


def register_prefixed(n, name, ext, line, expression):
    def make(c):
        around(
            c,
            lambda t: "".join(line(i, l) + "\n" for i, l in enumerate(lines(t))),
            lambda d: c.sh('perl -pe "$EXPR"', d, env={"EXPR": expression}),
            "perl",
            ext,
            big=n % 5 == 3,
        )

    carrier(f"line-{name}", KIND, "perl")(make)


for n, row in enumerate(PREFIXED):
    register_prefixed(n, *row)

# name, the command that adds prefixes, the command that takes them away, the package.
FILTERS = [
    ("cat-n", "cat -n", "cut -f2-", "coreutils"),
    ("nl-ba", "nl -ba -nrz -w4", "cut -f2-", "coreutils"),
    ("nl-s-colon", "nl -ba -s ': '", "sed 's/^ *[0-9]*: //'", "coreutils"),
    ("grep-n", "grep -n .", "cut -d: -f2-", "grep"),
    ("grep-nH", "grep -nH --label=etc/k.pem .", "cut -d: -f3-", "grep"),
    ("grep-context", "grep -n -C50 BEGIN", "sed 's/^[0-9]*[:-]//'", "grep"),
    ("pr-numbered", "pr -t -n", "cut -f2-", "coreutils"),
    ("awk-NR", "mawk '{print NR\": \"$0}'", "sed 's/^[0-9]*: //'", "mawk"),
    ("strings-o", "strings -n 1 -t d", "sed 's/^ *[0-9]* //'", "binutils"),
    ("strings-t-x", "strings -n 1 -t x", "sed 's/^ *[0-9a-f]* //'", "binutils"),
    ("strings-t-o", "strings -n 1 -t o", "sed 's/^ *[0-9]* //'", "binutils"),
    ("strings-f", "strings -n 1 -f", "sed 's/^[^:]*: //'", "binutils"),
    ("sed-equals", "sed =", "sed -n '2~2p'", "sed"),
    ("sed-n-l", "sed -n l", "sed 's/[$]$//'", "sed"),
    ("cat-A", "cat -A", "sed 's/[$]$//'", "coreutils"),
    ("cat-A-crlf", "sed 's/$/\\r/' | cat -A", "sed 's/\\^M[$]$//'", "coreutils"),
    ("diff-normal", "diff /dev/null -", "sed -n 's/^> //p'", "diffutils"),
    ("diff-context", "diff -c /dev/null -", "sed -n 's/^+ //p'", "diffutils"),
    ("expand-indent", "sed 's/^/\\t\\t/' | expand", "sed 's/^ *//'", "coreutils"),
    ("rev-lines", "rev", "rev", "util-linux"),
    ("tac", "tac", "tac", "coreutils"),
    ("fold-20", "fold -w 20", "cat", "coreutils"),
    ("column-t-box", "sed 's/ /_/g' | sed 's/^/| /;s/$/ |/'", "sed 's/^| //;s/ |$//;s/_/ /g'", "sed"),
    (
        "xargs-n1-printf",
        "xargs -d '\\n' -n1 printf 'key: %q\\n'",
        "xargs -n1 -d '\\n' bash -c 'eval printf \"%s\\\\\\\\n\" ${0#key: }'",
        "findutils",
    ),
]


def register_filter(name, there, back, package):
    if name in ("rev-lines", "tac"):  # Not regular prefixes; nobody pastes a key so.
        return

    def make(c):
        forms = ("pem",) if name in ("fold-20", "column-t-box", "grep-context") else ("pem", "der", "p12")

        def decode(data):
            text = c.sh(back, data)
            if name == "fold-20":
                whole = text.decode().replace("\n", "")
                head, tail = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"
                return f"{head}\n{whole[len(head):-len(tail)]}\n{tail}\n"
            return text

        around(c, lambda t: c.sh(there, t.encode(), ok=(0, 1)), decode, back.split()[0], "txt", forms)

    carrier(f"filter-{name}", KIND, package)(make)


for row in FILTERS:
    register_filter(*row)


@carrier("cloudwatch-events-export", KIND, "python3 jq")
def cloudwatch(c):
    def encode(text):
        events = [
            {"timestamp": 1764504000000 + i, "message": l, "ingestionTime": 1764504000100 + i}
            for i, l in enumerate(lines(text))
        ]
        return json.dumps({"events": events, "nextForwardToken": "f/36"}, indent=4)

    around(c, encode, lambda d: c.sh("jq -r '.events[].message'", d), "jq", "json")


@carrier("elastic-hits-export", KIND, "python3 jq")
def hits(c):
    def encode(text):
        rows = [
            {"_index": "l", "_id": str(i), "_score": None, "_source": {"msg": l, "n": i}, "sort": [i]}
            for i, l in enumerate(lines(text))
        ]
        return json.dumps({"took": 5, "hits": {"total": {"value": len(rows)}, "hits": rows}})

    around(c, encode, lambda d: c.sh("jq -r '.hits.hits[]._source.msg'", d), "jq", "json", big=False)


@carrier("slack-rich-text-elements", KIND, "python3 jq")
def slack(c):
    def encode(text):
        parts = [{"type": "text", "text": l + "\n"} for l in lines(text)]
        return json.dumps(
            [
                {
                    "type": "message",
                    "user": "U1",
                    "ts": "1764504000.1",
                    "blocks": [
                        {"type": "rich_text", "elements": [{"type": "rich_text_preformatted", "elements": parts}]}
                    ],
                }
            ]
        )

    around(c, encode, lambda d: c.sh("jq -j '.[0].blocks[0].elements[0].elements[].text'", d), "jq", "json")


@carrier("jira-adf-hard-breaks", KIND, "python3 jq")
def adf(c):
    def encode(text):
        parts = []
        for l in lines(text):
            parts += [{"type": "text", "text": l}, {"type": "hardBreak"}]
        return json.dumps(
            {
                "fields": {
                    "description": {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": parts}]}
                }
            }
        )

    around(c, encode, lambda d: c.sh("jq -r '.. | objects | select(.type==\"text\") | .text'", d), "jq", "json")


@carrier("csv-one-row-per-line", KIND, "python3")
def csv_rows(c):
    def encode(text):
        out = io.StringIO()
        rows = csv.writer(out, quoting=csv.QUOTE_ALL)
        rows.writerow(["time", "host", "message", "level"])
        for i, l in enumerate(lines(text)):
            rows.writerow([stamp(i), "web", l, "info"])
        return out.getvalue()

    around(c, encode, lambda d: "\n".join(r[2] for r in list(csv.reader(io.StringIO(d.decode())))[1:]), "csv", "csv")


@carrier("python-logging-lines", KIND, "python3")
def py_logging(c):
    def encode(text):
        out = io.StringIO()
        handler = logging.StreamHandler(out)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-8s %(name)s:%(lineno)d %(message)s"))
        log = logging.Logger("kc.load")
        log.addHandler(handler)
        for l in lines(text):
            log.warning("%s", l)
        return out.getvalue()

    around(c, encode, lambda d: c.sh("perl -pe 's/^.*?kc.load:\\d+ //'", d), "perl", "log")


@carrier("echo-append-script", KIND, "bash")
def echo_script(c):
    def encode(text):
        return "#!/bin/sh\n: > k.out\n" + "".join(f"echo '{l}' >> k.out\n" for l in lines(text))

    around(c, encode, lambda d: c.sh("sh && cat k.out", d), "sh runs it", "sh")


@carrier("printf-append-script", KIND, "bash")
def printf_script(c):
    def encode(text):
        return "".join(f"printf \"%s\\n\" \"{l}\" {'>>' if i else '>'} k.out\n" for i, l in enumerate(lines(text)))

    around(c, encode, lambda d: c.sh("sh && cat k.out", d), "sh runs it", "sh", big=False)


@carrier("http-chunked-capture", KIND, "python3")
def chunked(c):
    import http.client

    class Sock:
        def __init__(self, data):
            self.data = data

        def makefile(self, *_):
            return io.BytesIO(self.data)

    def encode(text):
        head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
        return head + "".join(f"{len(l) + 1:x}\r\n{l}\n\r\n" for l in lines(text)) + "0\r\n\r\n"

    def decode(data):
        answer = http.client.HTTPResponse(Sock(data))
        answer.begin()
        return answer.read()

    around(c, encode, decode, "http.client", "http")


@carrier("http-chunked-mid-line", KIND, "python3")
def chunked_mid(c):
    def encode(text):
        head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        parts = [text[i : i + 100] for i in range(0, len(text), 100)]
        return head + "".join(f"{len(p):x}\r\n{p}\r\n" for p in parts) + "0\r\n\r\n"

    def decode(data):
        body, out = data.split(b"\r\n\r\n", 1)[1], b""
        while True:
            size, body = body.split(b"\r\n", 1)
            if not int(size, 16):
                return out
            out, body = out + body[: int(size, 16)], body[int(size, 16) + 2 :]

    around(c, encode, decode, "by the chunk sizes", "http", forms=("pem", "der"))


@carrier("systemd-journal-one-line-a-record", KIND, "systemd-journal-remote")
def journal(c):
    key = c.key("rsa", "pem")
    export = "".join(
        f"__REALTIME_TIMESTAMP={1764504000000000 + i}\n__MONOTONIC_TIMESTAMP={i + 1}\n_BOOT_ID={'0' * 31}1\nMESSAGE={l}\nPRIORITY=6\n\n"
        for i, l in enumerate(lines(key.text))
    )
    c.sh("/usr/lib/systemd/systemd-journal-remote -o j.journal -", export.encode())
    c.prove(key, c.sh("journalctl -o cat --file j.journal"), "journalctl")
    c.take("j.journal")


@carrier("systemd-journal-lz4-whole", KIND, "systemd-journal-remote")
def journal_whole(c):
    key = c.key("rsa", "pem")
    size = len(key.data).to_bytes(8, "little")
    export = (
        b"__REALTIME_TIMESTAMP=1764504000000000\n__MONOTONIC_TIMESTAMP=1\n_BOOT_ID="
        + b"0" * 31
        + b"1\nMESSAGE\n"
        + size
        + key.data
        + b"\n\n"
    )
    c.sh("/usr/lib/systemd/systemd-journal-remote -o j.journal -", export)
    c.prove(key, c.sh("journalctl -o cat --file j.journal"), "journalctl")
    c.take("j.journal")


@carrier("git-blame-porcelain", KIND, "git")
def blame(c):
    def encode(text):
        (c.work / "k").write_text(text)
        opts = "-c user.name=a -c user.email=a@b"
        c.sh(
            f"rm -rf .git; git init -q . && git add k && git {opts} commit -qm k && git blame --line-porcelain k > b"
        )
        return (c.work / "b").read_bytes()

    around(c, encode, lambda d: c.sh("perl -ne 'print if s/^\\t//'", d), "perl", "txt")


@carrier("git-blame-plain", KIND, "git")
def blame_plain(c):
    def encode(text):
        (c.work / "k").write_text(text)
        opts = "-c user.name=Ann -c user.email=a@b"
        return c.sh(f"rm -rf .git; git init -q . && git add k && git {opts} commit -qm k && git blame k")

    around(c, encode, lambda d: c.sh("perl -pe 's/^.*?\\d+\\) //'", d), "perl", "txt")


@carrier("xlsx-one-row-per-line", KIND, "pip:openpyxl")
def xlsx(c):
    import openpyxl

    for p in payloads(c):
        book = openpyxl.Workbook()
        for i, l in enumerate(lines(p.text)):
            book.active.append([i, "key", l])
        path = c.out / f"{p.key.place}.xlsx"
        book.save(path)
        rows = openpyxl.load_workbook(path).active.iter_rows(values_only=True)
        c.prove(p.key, p.back("\n".join(r[2] for r in rows)), "openpyxl")
    if not c.keys:
        raise Drop("no rows")
