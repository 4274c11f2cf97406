"""Base64 of keys between the text of other programs: each sample is what the program printed."""

import base64
import json

from kit import Family, noise
from textkeys import make

f = Family("assembled", "PEM and base64 of keys with the text of other programs in and around their lines")
KEYS = make(f, ["rsa", "p8", "ec8", "p12", "ssh"])

# Commands that read `k` and print it in their way.
TOOLS = {
    "nl": "nl -ba k",
    "cat_a": "cat -A k",
    "pr": "pr -n -t -l 1 k",
    "sed_l": "sed -n 'l 90' k",
    "diff_y": "printf '%s\\n' a b > other; diff -y -W 200 other k || true",
    "diff_word": "git diff --no-index --word-diff /dev/null k || true",
    "diff_color": "git -c color.ui=always diff --no-index /dev/null k || true",
    "strings": "cat /bin/true k > bin; strings -t x bin",
    "strace": "strace -e trace=write -s 100000 -o out cat k > /dev/null; cat out",
    "strace_x": "strace -e trace=write -s 48 -e write=1 -o out cat k > /dev/null; strace -x -e trace=write -s 100000 -o out2 cat k > /dev/null; cat out2",
    "gdb": "printf '#include <stdio.h>\\nchar k[9000];\\nint main(void) {\\n FILE *f = fopen(\"k\", \"r\");\\n fread(k, 1, 8999, f);\\n return 0;\\n}\\n' > t.c; gcc -g -o t t.c; gdb -q -batch -ex 'break 6' -ex run -ex 'set print elements 200' -ex 'x/25s k' ./t 2>/dev/null",
    "jq_lines": "jq -R -c '{line:.,n:input_line_number}' k",
    "jq_pretty": "jq -R '{timestamp: 1700000000123, message: ., ingestionTime: 1700000000456}' k | jq -s '{events: .}'",
    "docker_json": "awk '{gsub(/\\\\/,\"\\\\\\\\\"); printf \"{\\\"log\\\":\\\"%s\\\\n\\\",\\\"stream\\\":\\\"stdout\\\",\\\"time\\\":\\\"2026-01-02T03:04:%02d.%dZ\\\"}\\n\", $0, NR % 60, NR * 7919}' k",
    "timestamps": "awk '{printf \"2026-01-02T03:04:%02d.%07dZ %s\\n\", NR % 60, NR * 13, $0}' k",
    "debug": "sed 's/^/##[debug]/' k",
    "echo_bat": "awk '{printf \"echo %s>>k.pem\\r\\n\", $0}' k",
    "env": "awk '{printf \"export KEY_LINE_%d=%s\\n\", NR, $0}' k",
    "sheet": "awk '{printf \"%d,\\\"%s\\\",2026\\n\", NR, $0}' k",
    "reply": "sed 's/^/> > /' k",
    "script": "script -q -c 'cat k' /dev/null < /dev/null",
    "tmux": "tmux -L kr -f /dev/null new-session -d -x 200 -y 80 'printf \"\\033[32m\"; cat k; sleep 3'; sleep 1; tmux -L kr capture-pane -e -p; tmux -L kr kill-server",
    "html": "sed 's/^/\\&nbsp;\\&nbsp;/; s/$/<br>/' k",
    "xml": "awk 'BEGIN{print \"<w:document><w:body>\"} {h=int(length($0)/2); printf \"<w:p w14:paraId=\\\"1A2B3C4D\\\"><w:r><w:rPr><w:noProof/></w:rPr><w:t>%s</w:t></w:r><w:proofErr w:type=\\\"spellStart\\\"/><w:r><w:t>%s</w:t></w:r></w:p>\", substr($0,1,h), substr($0,h+1)}' k",
    "rtf": "awk 'BEGIN{printf \"{\\\\rtf1\\\\ansi \"} {printf \"%s\\\\par\\n\", $0} END{print \"}\"}' k",
    "chunked": "python3 -c 'd=open(\"k\",\"rb\").read(); import sys; o=sys.stdout.buffer; o.write(b\"HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n\"); [o.write(b\"%x\\r\\n%s\\r\\n\" % (len(c), c)) for c in (d[i:i+500] for i in range(0, len(d), 500))]; o.write(b\"0\\r\\n\\r\\n\")'",
    "commas": "tr '\\n' ',' < k",
    "semicolons": "awk '{printf \"%s; \", $0}' k",
    "letters": "awk '{printf \"%sEOL\", $0}' k",
}
PEM_ONLY = {"xml", "diff_word"}
for stem, (keys, pem, der, certs, how) in KEYS.items():
    texts = {"b64": base64.encodebytes(der).decode()} | ({"pem": pem} if pem else {})
    if stem == "ssh":
        texts.pop("b64")
    for form, text in texts.items():
        f.path("k").write_text(text)
        for name, command in TOOLS.items():
            if form == "b64" and name in PEM_ONLY:
                continue
            f.add(f"{stem}.{form}.{name}", f.run(command), f"{how}; {form}; {command}", keys)

# OpenPGP armor, whose checksum proves a reading.
pgp = make(f, ["pgp_rsa"])["pgp_rsa"]
f.path("k").write_text(pgp[1])
for name in ("nl", "timestamps", "debug", "docker_json", "jq_pretty", "echo_bat", "diff_color", "cat_a", "html", "env", "reply"):
    f.add(f"pgp_rsa.{name}", f.run(TOOLS[name]), f"{pgp[4]}; {TOOLS[name]}", pgp[0])

# A terminal recording: one event for each write, or for each key that was typed.
pem = KEYS["p8"][1].replace("\n", "\r\n")
head = json.dumps({"version": 2, "width": 80, "height": 24}) + "\n"
for name, size in (("written", 700), ("typed", 1)):
    events = [pem[i:i + size] for i in range(0, len(pem), size)]
    f.add(f"p8.{name}.cast", head + "".join(json.dumps([n / 100, "o", e]) + "\n" for n, e in enumerate(events)), f"{KEYS['p8'][4]}; events of {size} characters (asciicast v2)", KEYS["p8"][0])

# A manual page in which the key is bold.
f.path("m.1").write_text(".TH X 1\n.nf\n" + "".join(f".B {line}\n" for line in KEYS["rsa"][1].splitlines()))
f.add("rsa.man.txt", f.run("groff -Tascii -P-c -man m.1"), f"{KEYS['rsa'][4]}; groff -Tascii -P-c -man", KEYS["rsa"][0])

silent = lambda file, data, why: f.add(file, data, "by hand", oracle="nobody can sign with it", why=why, silent=True)
lines = KEYS["p8"][1].splitlines()
silent("near_cut.log", "".join(f"12:00:{n:02} {line}\n" for n, line in enumerate(lines[:12])), "the first half of a key")
silent("near_mixed.log", "".join(f"12:00:{n:02} {base64.b64encode(noise(str(n), 48)).decode()}\n" for n in range(60)), "lines of random base64")
f.finish()
