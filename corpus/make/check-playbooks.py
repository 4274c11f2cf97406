#!/usr/bin/env python3
"""Checks every option that a command of detectors/judgement/data/playbooks/*.md uses against the tool's own help.

    corpus/make/check-playbooks.py [DIRECTORY] [--table]

For each tool that is installed its help text (and, where there is one, its manual page) is asked for, with the subcommand
if the command has one, and each option of the command has to stand in it as a word of its own. Tools that are not installed
are listed: what they were checked against stands in CHECKED.md by hand. `--table` prints the rows of that file.

Nothing of a playbook is ever run: the only arguments that a tool is given are those of HELP below.
Exit 1 if an option is unknown to its tool.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ARGUMENTS = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
BOOKS = Path(ARGUMENTS[0]) if ARGUMENTS else ROOT / "detectors/judgement/data/playbooks"

# How a tool prints its help, where `TOOL [SUBCOMMAND ...] --help` is not the way. `{sub}` is the subcommand.
HELP = {
    "openssl": [["openssl", "{sub}", "-help"]],
    "keytool": [["keytool", "{sub}", "-help"]],
    "jarsigner": [["jarsigner", "-help"]],
    "gpg": [["gpg", "--dump-options"], ["gpg", "--help"]],
    "gpgv": [["gpgv", "--dump-options"]],
    "ssh-keygen": [["ssh-keygen", "-?"]],
    "ssh-keyscan": [["ssh-keyscan", "-?"]],
    "sshd": [["sshd", "-?"]],
    "dnssec-keygen": [["dnssec-keygen", "-h"]],
    "dnssec-settime": [["dnssec-settime", "-h"]],
    "dnssec-revoke": [["dnssec-revoke", "-h"]],
    "dnssec-signzone": [["dnssec-signzone", "-h"]],
    "dnssec-verify": [["dnssec-verify", "-h"]],
    "dnssec-dsfromkey": [["dnssec-dsfromkey", "-h"]],
    "dig": [["dig", "-h"]],
    "delv": [["delv", "-h"]],
    "rndc": [["rndc", "-h"]],
    "mkimage": [["mkimage", "-h"]],
    "fdtget": [["fdtget", "--help"]],
    "minisign": [["minisign", "-h"]],
    "easyrsa": [["easyrsa", "help"], ["easyrsa", "help", "{sub}"]],
    "opendkim-genkey": [["opendkim-genkey", "--help"]],
    "opendkim-testkey": [["opendkim-testkey", "-h"]],
    "gem": [["gem", "{sub}", "--help"]],
    "certbot": [["certbot", "--help", "all"]],
    "cryptsetup": [["cryptsetup", "--help"]],
    "rpki-client": [["rpki-client", "-h"]],
    "dkms": [["dkms"]],
    "curl": [["curl", "--help", "all"]],
    "rpm": [["rpm", "--help"], ["rpmkeys", "--help"]],
    "kubectl": [["kubectl", "{sub}", "--help"], ["kubectl", "options"]],
    "systemctl": [["systemctl", "--help"]],
    "journalctl": [["journalctl", "--help"]],
    "sha256sum": [["sha256sum", "--help"]],
    "openvpn": [["openvpn", "--help"]],
    "git": [["git", "{sub}", "-h"]],
    "modinfo": [["modinfo", "--help"]],
    "efi-readvar": [["efi-readvar", "--help"]],
}

# Words after the tool that name what its help is asked about.
SUBCOMMANDS = {
    "openssl": 1, "apksigner": 1, "kubectl": 3, "kubeadm": 3, "cosign": 1, "notation": 2, "gh": 3, "npm": 1, "gem": 1,
    "nix": 2, "certbot": 0, "rauc": 1, "imgtool": 1, "avbtool": 1, "flatpak": 1, "gcloud": 5, "krillc": 2, "tuftool": 2,
    "rekor-cli": 1, "osslsigncode": 1, "keyradius": 1, "git": 1, "wg": 1, "easyrsa": 1, "keytool": 1, "xcrun": 2,
    "fwupdmgr": 0, "dkms": 0, "systemctl": 0, "php": 2, "bin/rails": 1,
}

# Tools of every system, used here with no option or with one that POSIX has.
PLAIN = {"rm", "ls", "grep", "true"}


def fenced(path):
    """Language, first line number and lines of each fenced block."""
    language, start, lines = None, 0, []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        fence = re.match(r"\s*```(\w*)", line)
        if fence and language is None:
            language, start, lines = fence.group(1), number + 1, []
        elif fence:
            yield language, start, lines
            language = None
        elif language is not None:
            lines.append(line.strip())


def commands(lines):
    """Each simple command of a block, as words. Names in angle brackets become one word."""
    text = "\n".join(lines).replace("\\\n", " ").replace("`\n", " ")
    text = re.sub(r"<(/dev/null)", r"\1", text)
    text = re.sub(r"<[A-Za-z][^<>\n]*>", "NAME", text)
    for line in text.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|;<>&")
        lexer.whitespace_split = True
        words = []
        for word in lexer:
            if word and set(word) <= set("|;&"):
                yield words
                words = []
            elif word and not set(word) <= set("<>"):
                words.append(word)
        if words:
            yield words


def options(tool, words):
    """The options among the words, without their values."""
    for word in words:
        if tool in ("dig", "delv") and re.fullmatch(r"\+[a-z]+", word):
            yield word
        elif word.startswith("-") and word not in ("-", "--") and not re.fullmatch(r"-\d+", word):
            yield word.split("=")[0]


def ran(command):
    environment = dict(os.environ, LC_ALL="C", COLUMNS="200", PAGER="cat", NO_COLOR="1")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False,
                              stdin=subprocess.DEVNULL, errors="replace")
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return re.sub("\x1b\\[[0-9;]*m", "", done.stdout + done.stderr)


KNOWN = {}


def help_text(tool, sub):
    """Everything that the tool says of itself and of the subcommand."""
    if (tool, tuple(sub)) not in KNOWN:
        texts = []
        for how in HELP.get(tool, [[tool, "{sub}", "--help"], [tool, "--help"]]):
            command = []
            for part in how:
                command.extend(sub if part == "{sub}" else [part])
            texts.append(ran(command))
        for page in {tool, "-".join([tool, *sub])}:
            texts.append(re.sub(".\x08", "", ran(["man", page])))
        if tool == "mokutil":  # Prints nothing without EFI variables: its usage is in the binary.
            texts.append(Path(shutil.which(tool)).read_bytes().decode("latin-1"))
        KNOWN[(tool, tuple(sub))] = "\n".join(texts)
    return KNOWN[(tool, tuple(sub))]


def knows(text, option):
    """Whether the option stands in the text as a word of its own; bundled letters one by one."""
    def there(one):
        return re.search(r"(?<![\w-])" + re.escape(one) + r"(?![\w-])", text) is not None
    if there(option):
        return True
    # `[-abc]` in a usage line, `--[no-]option`, and `-xyz` for `-x -y -z`.
    if re.fullmatch(r"-\w", option) and re.search(r"\[-\w*" + option[1] + r"\w*\]", text):
        return True
    if option.startswith("--no-"):
        return there("--[no-]" + option[5:])
    if there("--[no-]" + option[2:]):
        return True
    return re.fullmatch(r"-[A-Za-z]{2,4}", option) is not None and all(there("-" + letter) for letter in option[1:])


def digest(tool, option, text):
    """openssl lists digests and ciphers as `-*` only: they are asked for by name."""
    if tool != "openssl" or not re.search(r"^ -\*", text, re.M):
        return False
    lists = ran(["openssl", "list", "-digest-algorithms"]) + ran(["openssl", "list", "-cipher-algorithms"])
    return re.search(r"\b" + re.escape(option[1:]) + r"\b", lists, re.I) is not None


def main():
    checked, missing, wrong, other = {}, {}, [], {}
    for book in sorted(BOOKS.glob("*.md")):
        if book.name == "CHECKED.md":
            continue
        for language, start, lines in fenced(book):
            place = f"{book.name}:{start}"
            if language != "sh":
                other.setdefault(language, []).append(place)
                continue
            for words in commands(lines):
                tool, rest = words[0], words[1:]
                if tool == "git" and rest[:1] == ["filter-repo"]:
                    tool, rest = "git-filter-repo", rest[1:]
                sub = []
                for word in rest[: SUBCOMMANDS.get(tool, 0)]:
                    if not re.fullmatch(r"-?[a-z][a-z0-9_-]*", word) or (word.startswith("-") and tool != "keytool"):
                        break
                    sub.append(word)
                if tool in PLAIN:
                    continue
                used = set(options(tool, rest)) - set(sub)
                name = " ".join([tool, *sub])
                if shutil.which(tool) is None:
                    missing.setdefault(name, set()).update(used)
                    continue
                text = help_text(tool, sub)
                if len(text) < 60:
                    wrong.append(f"{place}: {name}: prints no help")
                for option in sorted(used):
                    if not knows(text, option) and not digest(tool, option, text):
                        wrong.append(f"{place}: {name}: does not know {option}")
                if sub and tool not in ("keytool",) and not re.search(r"(?<!\w)" + re.escape(sub[0]) + r"(?!\w)", text):
                    wrong.append(f"{place}: {name}: no such subcommand")
                checked.setdefault(name, set()).update(used)
    if "--table" in sys.argv:
        for name, used in sorted(checked.items()):
            print(f"| `{name}` | {' '.join(f'`{option}`' for option in sorted(used)) or '-'} |")
    print(f"checked: {len(checked)} commands, {sum(map(len, checked.values()))} options", file=sys.stderr)
    for name, used in sorted(missing.items()):
        print(f"not installed: {name} {' '.join(sorted(used))}", file=sys.stderr)
    for language, places in sorted(other.items()):
        print(f"not checked ({language}): {' '.join(places)}", file=sys.stderr)
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


sys.exit(main())
