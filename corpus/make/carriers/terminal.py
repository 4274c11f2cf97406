"""Terminal noise: colours, cursor moves, recordings, and what programs print that show bytes."""

import json

from .core import carrier
from .payload import around

KIND = "text: terminal noise"
STRIP = (
    r"perl -0777 -pe 's/\e\[[0-9;?]*[A-Za-z]//g; s/\e\][^\a]*\a//g; s/\e[()][A-Z0-9]//g; s/[\x0e\x0f]//g; s/\r//g'"
)

# name, the text before each line, the text after each line.
ANSI = [
    ("colour-each-line", "\x1b[32m", "\x1b[0m\n"),
    ("colour-256-each-line", "\x1b[38;5;214m", "\x1b[39m\n"),
    ("colour-true-each-line", "\x1b[38;2;10;200;30m\x1b[1m", "\x1b[22;39m\n"),
    ("erase-to-end-each-line", "", "\x1b[K\n"),
    ("gitlab-colour-erase", "\x1b[0K\x1b[36;1m", "\x1b[0;m\x1b[0K\n"),
    ("cursor-down-column-one", "", "\x1b[1B\x1b[1G"),
    ("cursor-position-for-newline", "\x1b[%d;1H", ""),
    ("cr-cr-lf", "", "\r\r\n"),
    ("title-sequence-between", "\x1b]0;user@host: ~\x07", "\n"),
    ("charset-switch", "\x1b(B", "\x1b(B\n"),
    ("bracketed-paste", "\x1b[?2004h", "\x1b[?2004l\r\n"),
    ("cursor-save-restore", "\x1b7", "\x1b8\r\n"),
    ("progress-cr-before", "  10%\r 100%\r\x1b[2K", "\n"),
    ("prompt-continuation", "> ", "\r\n"),
    ("colour-inside-lines", None, None),
    ("hyperlink-osc8", "\x1b]8;;http://h/x\x1b\\", "\x1b]8;;\x1b\\\n"),
]


def register(n, name, before, after):
    def make(c):
        def encode(text):
            out = []
            for i, l in enumerate(text.rstrip("\n").split("\n")):
                if before is None:
                    l = l[:20] + "\x1b[1;31m" + l[20:40] + "\x1b[0m" + l[40:]
                    out.append(l + "\n")
                else:
                    out.append((before % (i + 1) if "%d" in before else before) + l + after)
            return "".join(out)

        def decode(data):
            if name == "cursor-position-for-newline":
                return c.sh(r"perl -pe 's/\e\[\d+;1H/\n/g'", data)
            if name == "cursor-down-column-one":
                return c.sh(r"perl -pe 's/\e\[1B\e\[1G/\n/g'", data)
            if name == "prompt-continuation":
                return c.sh("sed 's/^> //'", data)
            if name == "progress-cr-before":
                return c.sh(r"perl -pe 's/^.*\e\[2K//'", data)
            if name in ("cursor-save-restore", "hyperlink-osc8"):
                return c.sh(r"perl -pe 's/\e\]8;;.*?\e\\//g;s/\e[78]//g;s/\r//g'", data)
            return c.sh(STRIP, data)

        around(c, encode, decode, "perl", "log", big=n % 4 == 0)

    carrier(f"ansi-{name}", KIND, "perl")(make)


for n, row in enumerate(ANSI):
    register(n, *row)

# name, command there, command back, package, forms.
SHOWN = [
    (
        "od-c",
        "od -c",
        "perl -ne 's/^\\d+ ?//;chomp;while(/\\G ( \\\\n|...)/g){$x=$1;$x=~s/ \\\\n/\\n/;$x=~s/^  //;print $x}'",
        "coreutils",
    ),
    (
        "od-An-c-w64",
        "od -An -v -c -w64",
        "perl -ne 'chomp;while(/\\G (...)/g){$x=$1;$x=~s/ \\\\n/\\n/;$x=~s/^  //;print $x}'",
        "coreutils",
    ),
    ("od-tx1", "od -v -t x1", "sed 's/^[0-7]* *//' | xxd -r -p", "coreutils xxd"),
    ("od-tx1z", "od -v -A x -t x1z", "sed 's/>.*//;s/^[0-9a-f]* *//' | xxd -r -p", "coreutils xxd"),
    ("od-tx2", "od -v -t x2", "perl -ne 's/^\\d+//;print pack(\"v\",hex) for split'", "coreutils"),
    ("od-tx4", "od -v -t x4", "perl -ne 's/^\\d+//;print pack(\"V\",hex) for split'", "coreutils"),
    ("od-to1", "od -v -t o1", "perl -ne 's/^\\d+//;print chr oct for split'", "coreutils"),
    ("od-td1", "od -v -A n -t d1", "perl -ne 'print pack(\"c\",$_) for split'", "coreutils"),
    ("od-tu1-w8", "od -v -A d -w8 -t u1", "perl -ne 's/^\\d+//;print chr for split'", "coreutils"),
    ("hexdump-C", "hexdump -v -C", "perl -ne 's/\\|.*//;s/^\\S+//;print pack(\"C\",hex) for split'", "bsdextrautils"),
    ("hexdump-default", "hexdump -v", "perl -ne 's/^\\S+//;print pack(\"v\",hex) for split'", "bsdextrautils"),
    ("hexdump-b", "hexdump -v -b", "perl -ne 's/^\\S+//;print chr oct for split'", "bsdextrautils"),
    (
        "hexdump-format-0x",
        "hexdump -v -e '1/1 \"0x%02x, \"'",
        "perl -ne 'print chr hex for split /, /'",
        "bsdextrautils",
    ),
    ("xxd", "xxd", "xxd -r", "xxd"),
    ("xxd-c32-g4-u", "xxd -c 32 -g 4 -u", "xxd -r -c 32", "xxd"),
    (
        "xxd-e",
        "xxd -e",
        "perl -ne 's/^\\S+ //;$_=substr($_,0,36);for(split){print scalar reverse pack(\"H*\",$_)}'",
        "xxd",
    ),
    ("xxd-b", "xxd -b", "perl -ne 's/^\\S+ //;s/  .*//;print pack(\"B*\",$_) for split'", "xxd"),
    ("xxd-i", "xxd -i", "perl -ne 'print chr hex for /0x[0-9a-f]+/g'", "xxd"),
]


def register_shown(name, there, back, package):
    def make(c):
        try_pem = c.key("rsa", "pem")
        der = c.key("p256:der", "der")
        store = c.key("p12", "p12")
        for key in (try_pem, der, store):
            shown = c.sh(there, key.data)
            key.file = f"{key.place}.txt"
            c.put(key.file, shown)
            if name.startswith("od-") and "c" in name.split("-"):
                c.prove(key, key.data if undo_od_c(shown, name) == key.data else b"", "by hand of od's format")
                continue
            c.prove(key, c.sh(back, shown), back.split()[0])

    carrier(f"shown-{name}", KIND, package)(make)


def undo_od_c(shown, name):
    """Reads `od -c`: fields of four characters."""
    names = {"\\0": 0, "\\a": 7, "\\b": 8, "\\t": 9, "\\n": 10, "\\v": 11, "\\f": 12, "\\r": 13}
    out = bytearray()
    for line in shown.decode("utf-8", "replace").splitlines():
        line = line[7:] if "-An" not in name else line
        for i in range(0, len(line), 4):
            cell = line[i : i + 4][1:].lstrip() or " "
            if cell in names:
                out.append(names[cell])
            elif len(cell) == 3 and cell.isdigit():
                out.append(int(cell, 8))
            elif cell == "**":
                return b""
            else:
                out += cell.encode()
    return bytes(out)


for row in SHOWN:
    register_shown(*row)


@carrier("shown-gdb-x-s", KIND, "gdb python3")
def gdb_xs(c):
    key = c.key("rsa", "pem")
    key.file = "gdb.txt"
    (c.work / "k.c").write_text(
        "char key[]=" + "".join(json.dumps(l + "\n") for l in key.text.splitlines()) + ";int main(){return key[0];}"
    )
    c.sh("gcc -g k.c -o k")
    shown = c.sh("gdb -batch -ex 'set print elements 100' -ex 'x/40s &key' ./k")
    c.put("gdb.txt", shown)
    back = c.sh('perl -ne \'while(/"((?:[^"\\\\]|\\\\.)*)"/g){print $1}\' | head -c 3000', shown)
    pem = back.decode().replace("\\n", "\n").split("-----END PRIVATE KEY-----")[0] + "-----END PRIVATE KEY-----\n"
    c.prove(key, pem, "perl joins the strings")


@carrier("shown-gdb-print-octal", KIND, "gdb")
def gdb_print(c):
    key = c.key("p256", "pem")
    key.file = "gdb.txt"
    (c.work / "k.c").write_text(
        "char key[]=" + "".join(json.dumps(l + "\n") for l in key.text.splitlines()) + ";int main(){return key[0];}"
    )
    c.sh("gcc -g k.c -o k")
    shown = c.sh("gdb -batch -ex 'set print elements 0' -ex 'p key' ./k")
    c.put("gdb.txt", shown)
    c.prove(key, shown.decode().split('"')[1].replace("\\n", "\n"), "unescape")


@carrier("shown-gdb-x-xb", KIND, "gdb xxd")
def gdb_xb(c):
    key = c.key("p256:der", "der")
    key.file = "gdb.txt"
    body = ",".join(str(b) for b in key.data)
    (c.work / "k.c").write_text(f"unsigned char key[]={{{body}}};int main(){{return key[0];}}")
    c.sh("gcc -g k.c -o k")
    shown = c.sh(f"gdb -batch -ex 'x/{len(key.data)}xb &key' ./k")
    c.put("gdb.txt", shown)
    c.prove(key, c.sh("sed 's/^.*:\\t//;s/0x//g' | xxd -r -p", shown), "sed, xxd -r")


@carrier("strace-x-write", KIND, "strace")
def strace_x(c):
    for form, flags in (("rsa", "-s 9999"), ("p256:der", "-x -s 9999"), ("ed25519", "-xx -s 9999")):
        key = c.key(form, form.replace(":", "-"))
        key.file = f"{key.place}.log"
        (c.work / "k").write_bytes(key.data)
        c.sh(f"strace {flags} -e trace=write -o s.log cat k")
        shown = (c.work / "s.log").read_bytes()
        c.put(key.file, shown)
        text = shown.decode().split('write(1, "')[1].rsplit('", ')[0]
        back = (
            c.sh('printf %b "$T"', env={"T": text.replace("\\0", "\\x00")})
            if form != "p256:der"
            else strace_undo(text)
        )
        c.prove(key, back, "printf %b")


def strace_undo(text):
    import ast

    return ast.literal_eval("b'" + text.replace("'", "\\'") + "'")


@carrier("core-dump-of-reader", KIND, "gdb")
def core_dump(c):
    key = c.key("rsa", "pem")
    (c.work / "k.pem").write_bytes(key.data)
    script = "import time;k=open('k.pem').read();time.sleep(20)"
    c.sh(f'python3 -c "{script}" & sleep 1; gcore -o core $! >/dev/null; kill $!; mv core.* core', timeout=60)
    got = c.sh("grep -a -o -b -e '-----BEGIN PRIVATE KEY-----' core | cut -d: -f1").split()
    data = (c.work / "core").read_bytes()
    whole = next((data[int(at) : int(at) + len(key.data)] for at in got if data[int(at) :].startswith(key.data)), b"")
    c.prove(key, whole, "grep -a -b")
    c.take("core")


@carrier("script-typescript-cat", KIND, "bsdutils util-linux")
def typescript(c):
    around(
        c,
        lambda t: record(c, t, "script -q -c 'cat k' t.script >/dev/null"),
        lambda d: c.sh("sed '1d;s/\\r//' | sed '/^$/d;/^Script done/d'", d),
        "sed",
        "txt",
    )


def record(c, text, command):
    (c.work / "k").write_text(text)
    c.sh(command)
    return (c.work / "t.script").read_bytes()


@carrier("asciinema-rec-cat", KIND, "asciinema jq")
def asciinema(c):
    around(
        c,
        lambda t: record(
            c, t, "rm -f t.script; TERM=xterm script -q -c \"asciinema rec -q -c 'cat k' t.script\" x.out >/dev/null"
        ),
        lambda d: c.sh("tail -n +2 | jq -j 'select(.[1]==\"o\")|.[2]'", d),
        "jq",
        "cast",
    )


@carrier("asciinema-rec-slow-lines", KIND, "asciinema jq")
def asciinema_slow(c):
    loop = 'while IFS= read -r l; do echo \\"\\$l\\"; sleep 0.02; done < k'
    around(
        c,
        lambda t: record(
            c,
            t,
            f"rm -f t.script; echo '{loop}' | sed 's/[\\\\]//g' > lp.sh; TERM=xterm script -q -c \"asciinema rec -q"
            " -c 'bash lp.sh' t.script\" x.out >/dev/null",
        ),
        lambda d: c.sh("tail -n +2 | jq -j 'select(.[1]==\"o\")|.[2]'", d),
        "jq",
        "cast",
        forms=("pem", "der"),
    )


@carrier("tmux-capture-pane-e", KIND, "tmux")
def tmux(c):
    def encode(text):
        (c.work / "k").write_text(text)
        name = f"kc{c.rand.randrange(10**9)}"
        return c.sh(
            f"TERM=xterm tmux -L {name} -f /dev/null new-session -d -x 120 -y 70 'grep --color=always . k; sleep 5';"
            f" sleep 1; tmux -L {name} capture-pane -p -e -S -; tmux -L {name} kill-server"
        )

    around(c, encode, lambda d: c.sh(STRIP, d), "perl", "txt", forms=("pem", "der"))


@carrier("tmux-pipe-pane-vim", KIND, "tmux")
def tmux_less(c):
    def encode(text):
        (c.work / "k").write_text(text)
        name = f"kc{c.rand.randrange(10**9)}"
        return c.sh(
            f"TERM=xterm tmux -L {name} -f /dev/null new-session -d -x 100 -y 70 'sleep 1; cat -n k; sleep 3'; tmux"
            f" -L {name} pipe-pane 'cat > {c.work}/t.script'; sleep 2.5; tmux -L {name} kill-server; cat t.script"
        )

    around(
        c,
        encode,
        lambda d: c.sh(STRIP + " | perl -ne 'print if s/^ *\\d+\\t//'", d),
        "perl",
        "txt",
        forms=("pem", "der"),
    )


# Differences of the key in the clear, coloured and side by side.
DIFFS = [
    ("git-diff-color", "git diff --no-index --color=always /dev/null k", "sed 's/^+//'", "git"),
    (
        "git-diff-color-moved-ws",
        "git diff --no-index --color=always --ws-error-highlight=all /dev/null k",
        "sed 's/^+//'",
        "git",
    ),
    ("git-diff-word-color", "git diff --no-index --word-diff=color /dev/null k", "cat", "git"),
    ("git-diff-word-plain", "git diff --no-index --word-diff=plain /dev/null k", "sed 's/{+//g;s/+}//g'", "git"),
    (
        "git-diff-word-porcelain",
        "git diff --no-index --word-diff=porcelain /dev/null k",
        "grep -v '^~' | sed 's/^+//'",
        "git",
    ),
    ("colordiff", "diff -u /dev/null k | colordiff --color=yes", "sed 's/^+//'", "colordiff"),
    ("wdiff", "wdiff e k", "sed 's/{+//;s/+}//'", "wdiff"),
    ("diff-side-by-side", "diff -y -W 180 e k", "perl -pe 's/^\\s*>\\s//'", "diffutils"),
    ("diff-side-by-side-t", "diff -y -t -W 160 k k", "cut -c1-78", "diffutils"),
    ("sdiff-left", "sdiff -w 180 k e", "perl -pe 's/\\s*<$//'", "diffutils"),
    ("diff-ed-script", "diff -e e k", "sed '/^[0-9]*a$/d;/^[.]$/d'", "diffutils"),
    ("diff-rcs", "diff -n e k", "sed '/^a[0-9]/d'", "diffutils"),
]


def register_diff(name, command, back, package):
    def make(c):
        def encode(text):
            (c.work / "k").write_text(text)
            (c.work / "e").write_text("")
            return c.sh(command, ok=(0, 1))

        def decode(data):
            text = c.sh(STRIP + " | " + back, data).decode()
            keep = [
                l.strip()
                for l in text.split("\n")
                if l.strip()
                and not l.startswith(("@@", "diff ", "index ", "---\u0020", "++ b", "new file", "--- /", "+++ "))
            ]
            return "\n".join(l for l in keep if not l.startswith(("++", "--- ", "@@"))) + "\n"

        around(c, encode, decode, back.split()[0], "diff")

    carrier(f"diff-{name}", KIND, package)(make)


for row in DIFFS:
    register_diff(*row)


@carrier("overstrike-bold-man", KIND, "groff bsdextrautils")
def overstrike(c):
    def encode(text):
        page = (
            ".TH K 1\n.SH KEY\n.nf\n"
            + "".join(f"\\fB{l}\\fR\n" for l in text.replace("-", "\\-").splitlines())
            + ".fi\n"
        )
        return c.sh("GROFF_NO_SGR=1 groff -man -Tascii -P-c -rLL=100n", page.encode())

    around(
        c,
        encode,
        lambda d: "\n".join(
            l.strip()
            for l in c.sh("col -bx", d).decode().split("KEY\n", 1)[1].splitlines()
            if l.startswith("   ") and l.strip()
        )
        + "\n",
        "col -b",
        "txt",
    )


@carrier("overstrike-underline-ul", KIND, "bsdextrautils")
def underline(c):
    around(
        c,
        lambda t: "".join("_\b" + ch if ch not in "\n " else ch for ch in t),
        lambda d: c.sh("col -b", d),
        "col -b",
        "txt",
    )


@carrier("sgr-bold-man", KIND, "groff")
def sgr(c):
    def encode(text):
        page = (
            ".TH K 1\n.SH KEY\n.nf\n"
            + "".join(f"\\fB{l}\\fR\n" for l in text.replace("-", "\\-").splitlines())
            + ".fi\n"
        )
        return c.sh("GROFF_SGR=1 groff -man -Tutf8 -rLL=100n", page.encode())

    def decode(data):
        rows = [l.strip() for l in c.sh(STRIP, data).decode().splitlines() if l.startswith("   ")]
        return "\n".join(l for l in rows if " " not in l or "-----" in l).replace("\u2212", "-") + "\n"

    around(c, encode, decode, "perl", "txt")
