"""PEM as it really occurs: in source code, in configuration, in mail, cut and damaged.

Every form is a pure function from one PEM text to the text of a file. Each holds the same key as before.
"""

import json


def lines_of(pem):
    return pem.rstrip("\n").split("\n")


def flat(pem, between):
    """Header, body and footer with `between` in place of every newline, inside them as well."""
    return between.join(lines_of(pem))


def body_joined(pem):
    lines = lines_of(pem)
    return lines[0] + "\n" + "".join(lines[1:-1]) + "\n" + lines[-1] + "\n"


def body_wrapped(pem, width):
    lines = lines_of(pem)
    body = "".join(lines[1:-1])
    return "\n".join([lines[0], *(body[i : i + width] for i in range(0, len(body), width)), lines[-1], ""])


def prefixed(pem, prefix):
    return "".join(f"{prefix}{line}\n" for line in lines_of(pem))


def no_end(pem):
    return "\n".join(lines_of(pem)[:-1]) + "\n"


def with_end(pem, end):
    return "\n".join([*lines_of(pem)[:-1], end, ""])


def label(pem):
    return lines_of(pem)[0][len("-----BEGIN ") : -len("-----")]


def quoted_lines(pem, head, each, tail):
    lines = lines_of(pem)
    return head + "".join(each(line, i == len(lines) - 1) for i, line in enumerate(lines)) + tail


# name -> (file suffix, what it is, function). The suffix keeps names honest for tools that look at them.
FORMS = {
    "plain": ("pem", "as the tool wrote it", lambda p: p),
    "one_line": ("txt", "newlines removed", lambda p: flat(p, "") + "\n"),
    "body_one_line": ("pem", "body on one line", body_joined),
    "wrap76": ("pem", "wrapped at 76", lambda p: body_wrapped(p, 76)),
    "spaces": ("txt", "spaces for newlines", lambda p: flat(p, " ") + "\n"),
    "json": ("json", "JSON string", lambda p: json.dumps({"type": "service", "private_key": p, "id": 7}, indent=2)),
    "json_crlf": ("json", "JSON string with \\r\\n", lambda p: json.dumps({"key": p.replace("\n", "\r\n")})),
    "json_slash": ("json", "JSON string, slashes escaped as PHP does", lambda p: json.dumps({"key": p}).replace("/", "\\/")),
    "json_twice": ("json", "JSON in a JSON string", lambda p: json.dumps({"env": json.dumps({"key": p})})),
    "json_array": ("json", "JSON array of lines", lambda p: json.dumps({"key": lines_of(p)}, indent=1)),
    "yaml_escaped": ("yaml", "YAML double-quoted", lambda p: 'app:\n  tls_key: "' + flat(p, "\\n") + '\\n"\n  port: 443\n'),
    "yaml_block": ("yaml", "YAML block", lambda p: "app:\n  tls:\n    key: |\n" + prefixed(p, "      ") + "    port: 443\n"),
    "yaml_folded": ("yaml", "YAML plain scalar, indented lines with blank lines", lambda p: "key: >\n" + prefixed(p, "  \n  ")),
    "dotenv": ("env", "dotenv, \\n escapes", lambda p: 'DEBUG=0\nKEY="' + flat(p, "\\n") + '"\nNEXT=1\n'),
    "double_escaped": ("txt", "\\\\n double escapes", lambda p: "KEY='" + flat(p, "\\\\n") + "'\n"),
    "c_concat": ("c", "C string concatenation", lambda p: quoted_lines(p, "static const char key[] =\n", lambda l, z: f'    "{l}\\n"\n', "    ;\n")),
    "c_crlf": ("c", "C string concatenation with \\r\\n", lambda p: quoted_lines(p, "const char *k = ", lambda l, z: f'"{l}\\r\\n"' + (";\n" if z else " \\\n"), "")),
    "java_plus": ("java", "Java concatenation", lambda p: quoted_lines(p, "class K { static final String KEY =\n", lambda l, z: f'        "{l}\\n"' + (";\n" if z else " +\n"), "}\n")),
    "java_bare": ("java", "Java concatenation without \\n", lambda p: quoted_lines(p, "class K { String key = ", lambda l, z: f'"{l}"' + (";\n" if z else "\n    + "), "}\n")),
    "python_implicit": ("py", "Python implicit concatenation", lambda p: quoted_lines(p, "KEY = (\n", lambda l, z: f"    '{l}\\n'\n", ")\n")),
    "python_bytes": ("py", "Python bytes, implicit concatenation", lambda p: quoted_lines(p, "KEY = (", lambda l, z: f"b'{l}\\n'\n       ", ")\n")),
    "python_triple": ("py", "Python triple-quoted", lambda p: 'KEY = """' + p + '"""\n'),
    "go_raw": ("go", "Go raw string", lambda p: "package k\n\nvar key = []byte(`" + p + "`)\n"),
    "js_join": ("js", "JavaScript array joined", lambda p: quoted_lines(p, "export const key = [\n", lambda l, z: f"  '{l}',\n", "].join('\\n');\n")),
    "properties": ("properties", "Java properties continuation", lambda p: "a=1\nkey=" + flat(p, "\\n\\\n    ") + "\nb=2\n"),
    "heredoc": ("sh", "shell here-document", lambda p: "cat > k <<EOT\n" + p + "EOT\n"),
    "sql": ("sql", "SQL literal", lambda p: "INSERT INTO keys VALUES (1, '" + p.rstrip("\n") + "');\n"),
    "xml": ("xml", "XML element", lambda p: "<c>\n  <key>" + p.rstrip("\n") + "</key>\n</c>\n"),
    "xml_lf": ("xml", "XML attribute with &#10;", lambda p: '<c key="' + flat(p, "&#10;") + '"/>\n'),
    "urlencoded": ("txt", "form encoding", lambda p: "a=1&key=" + p.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D").replace("\n", "%0A").replace(" ", "+") + "&b=2\n"),
    "indented_tabs": ("txt", "tabs before every line", lambda p: prefixed(p, "\t\t")),
    "trailing_blanks": ("pem", "blanks after every line", lambda p: p.replace("\n", "  \n")),
    "double_spaced": ("pem", "a blank line after every line", lambda p: p.replace("\n", "\n\n")),
    "crlf": ("pem", "CRLF", lambda p: p.replace("\n", "\r\n")),
    "cr": ("pem", "CR alone", lambda p: p.replace("\n", "\r")),
    "bom": ("pem", "UTF-8 byte order mark", lambda p: "\ufeff" + p),
    "no_newline": ("pem", "no newline at the end", lambda p: p.rstrip("\n")),
    "preamble": ("pem", "text before and after", lambda p: "Bag Attributes\n    friendlyName: k\nKey Attributes: <No Attributes>\n" + p + "\nthanks, Bob\n"),
    "missing_end": ("pem", "END line missing", no_end),
    "missing_end_no_newline": ("pem", "END line and last newline missing", lambda p: no_end(p).rstrip("\n")),
    "missing_end_text": ("txt", "END line missing, prose follows", lambda p: no_end(p) + "\nThis is the key for the old host.\n"),
    "end_cut": ("pem", "END line cut short", lambda p: with_end(p, f"-----END {label(p)[:4]}")),
    "end_dashes": ("pem", "END line with four dashes", lambda p: with_end(p, f"----END {label(p)}----")),
    "end_other": ("pem", "END line of another label", lambda p: with_end(p, "-----END CERTIFICATE-----")),
    "mail_quote": ("eml", "> before every line", lambda p: "On Monday Eve wrote:\n" + prefixed(p, "> ")),
    "mail_quote_tight": ("eml", "> without a blank", lambda p: prefixed(p, ">")),
    "hash_comment": ("conf", "# before every line", lambda p: "port 22\n" + prefixed(p, "# ")),
    "hash_comment_tight": ("conf", "# without a blank", lambda p: prefixed(p, "#")),
    "slash_comment": ("rs", "// before every line", lambda p: prefixed(p, "    // ") + "fn main() {}\n"),
    "star_comment": ("java", "* before every line", lambda p: "/**\n" + prefixed(p, " * ") + " */\n"),
    "diff_plus": ("patch", "unified diff that adds it", lambda p: f"--- /dev/null\n+++ b/k.pem\n@@ -0,0 +1,{len(lines_of(p))} @@\n" + prefixed(p, "+")),
    "diff_minus": ("patch", "unified diff that removes it", lambda p: f"--- a/k.pem\n+++ /dev/null\n@@ -1,{len(lines_of(p))} +0,0 @@\n" + prefixed(p, "-")),
}

# Forms that put a header with `Name: value` lines on one line, or that split it from its blank line, are no longer
# readable by anybody: an encrypted PEM cannot take them.
NOT_WITH_HEADERS = {"one_line", "double_spaced", "body_one_line", "wrap76", "yaml_folded", "java_bare", "spaces"}
FEW = ["json", "json_twice", "yaml_escaped", "yaml_block", "double_escaped", "c_concat", "java_plus", "python_implicit",
       "crlf", "no_newline", "preamble", "missing_end", "end_cut", "mail_quote", "hash_comment", "slash_comment", "star_comment"]


# Forms that are harder than what is promised. None at present.
STRETCH = set()


def log_lines(pem):
    return "".join(f"2024-05-01T10:00:{i:02d}Z app[7]: {line}\n" for i, line in enumerate(lines_of(pem)))


def quoted_printable(pem):
    import quopri

    return quopri.encodestring(pem.encode()).decode()


def quoted_printable_flat(pem):
    """As PHP writes it: the line feed encoded, soft breaks at 76."""
    text = pem.replace("=", "=3D").replace("\n", "=0A")
    out = ""
    while len(text) > 75:
        cut = 75
        while "=" in text[cut - 2 : cut]:
            cut -= 1
        out, text = out + text[:cut] + "=\r\n", text[cut:]
    return out + text


# Forms of the case `armor`: the same idea as FORMS, kept apart so that the other families need not be made again.
MORE = {
    "grep_n": ("txt", "grep -rn over the file", lambda p: "".join(f"conf/k.pem:{i + 9}:{l}\n" for i, l in enumerate(lines_of(p)))),
    "grep_a": ("txt", "grep -A over the file", lambda p: "".join(f"conf/k.pem{':' if i == 0 else '-'}{l}\n" for i, l in enumerate(lines_of(p)))),
    "grep_na": ("txt", "grep -nA over the file", lambda p: "".join(f"k.pem{':' if i == 0 else '-'}{i + 97}{':' if i == 0 else '-'}{l}\n" for i, l in enumerate(lines_of(p)))),
    "git_grep": ("txt", "git grep with a revision", lambda p: "".join(f"HEAD~3:deploy/k.pem:{i + 1}:{l}\n" for i, l in enumerate(lines_of(p)))),
    "cat_n": ("txt", "cat -n", lambda p: "".join(f"{i + 8:6}\t{l}\n" for i, l in enumerate(lines_of(p)))),
    "log": ("log", "lines of a log", log_lines),
    "table": ("md", "numbered lines with a bar", lambda p: "".join(f"{i + 1:4} | {l}\n" for i, l in enumerate(lines_of(p)))),
    "html_br": ("html", "HTML with <br>", lambda p: "<p>" + flat(p, "<br>\n") + "</p>\n"),
    "html_br_flat": ("html", "HTML with <br/> and no line breaks", lambda p: "<td>" + flat(p, "<br/>") + "</td>"),
    "html_p": ("html", "a paragraph a line", lambda p: "".join(f'<p class="c">{l}</p>\n' for l in lines_of(p))),
    "html_pre": ("html", "HTML pre", lambda p: f"<pre><code>{p}</code></pre>\n"),
    "xml_hex": ("xml", "XML with hexadecimal entities, + and / and = too", lambda p: '<c k="' + flat(p.replace("+", "&#x2B;").replace("/", "&#x2F;").replace("=", "&#x3D;"), "&#xD;&#xA;") + '"/>'),
    "xml_quot": ("xml", "JSON in XML", lambda p: "<c>{&quot;k&quot;:&quot;" + flat(p, "\\n") + "&quot;}</c>"),
    "qp": ("eml", "quoted-printable, line breaks kept", quoted_printable),
    "qp_flat": ("eml", "quoted-printable, line breaks encoded", quoted_printable_flat),
    "json_u": ("json", "JSON with \\u000a and \\u002b", lambda p: '{"k": "' + p.replace("\n", "\\u000a").replace("+", "\\u002b").replace("=", "\\u003d") + '"}'),
    "gson": ("json", "JSON as Gson writes it", lambda p: json.dumps({"k": p}).replace("=", "\\u003d")),
    "lua": ("lua", "Lua", lambda p: quoted_lines(p, "local key = ", lambda l, z: f'"{l}\\n"' + ("\n" if z else " ..\n  "), "")),
    "php": ("php", "PHP", lambda p: quoted_lines(p, "<?php $k = ", lambda l, z: f'"{l}\\n"' + (";\n" if z else " .\n  "), "")),
    "perl": ("pl", "Perl", lambda p: quoted_lines(p, "my $k = ", lambda l, z: f'"{l}\\n"' + (";\n" if z else "\n  . "), "")),
    "basic": ("vb", "Visual Basic", lambda p: quoted_lines(p, "k = ", lambda l, z: f'"{l}"' + ("\n" if z else " & vbCrLf & _\n    "), "")),
    "appended": ("ino", "appended line by line", lambda p: 'String k = "";\n' + quoted_lines(p, "", lambda l, z: f'k += "{l}\\n";\n', "")),
    "builder": ("java", "StringBuilder", lambda p: quoted_lines(p, "sb", lambda l, z: f'.append("{l}\\n")\n  ', ";\n")),
    "echo": ("sh", "echo line by line", lambda p: quoted_lines(p, "", lambda l, z: f'echo "{l}" >> /etc/k.pem\n', "")),
    "printf": ("sh", "printf line by line", lambda p: quoted_lines(p, "", lambda l, z: f"printf '{l}\\n' >> k.pem\n", "")),
    "terraform": ("tf", "Terraform heredoc", lambda p: 'resource "k" "k" {\n  key = <<-EOT\n' + prefixed(p, "    ") + "  EOT\n}\n"),
    "terraform_state": ("tfstate", "Terraform state", lambda p: json.dumps({"resources": [{"type": "tls_private_key", "instances": [{"attributes": {"private_key_pem": p}}]}]}, indent=2)),
    "env_multi": ("env", "dotenv over several lines", lambda p: f'A=1\nKEY="{p}"\nB=2\n'),
    "env_spaces": ("env", "dotenv with blanks for line breaks", lambda p: 'KEY="' + flat(p, " ").rstrip() + '"\n'),
    "ipynb": ("ipynb", "output of a notebook", lambda p: json.dumps({"cells": [{"outputs": [{"text": [l + "\n" for l in lines_of(p)]}]}]}, indent=1)),
    "semicolons": ("asm", "; before every line", lambda p: prefixed(p, "; ")),
    "dashes": ("sql", "-- before every line", lambda p: prefixed(p, "-- ")),
    "rem": ("bat", "REM before every line", lambda p: prefixed(p, "REM ")),
    "continued": ("mk", "Make, continued lines", lambda p: "KEY = " + flat(p, " \\\n  ")),
    "js_continued": ("js", "JavaScript, continued lines", lambda p: "k = '" + flat(p, "\\n\\\n") + "';\n"),
    "sql_chr": ("sql", "SQL concatenation", lambda p: quoted_lines(p, "SELECT ", lambda l, z: f"'{l}' || CHR(10)" + (";\n" if z else " ||\n  "), "")),
    "curl": ("sh", "curl -d", lambda p: "curl -d '{\"key\":\"" + flat(p, "\\n") + "\"}' https://example.org\n"),
    "toml": ("toml", "TOML over several lines", lambda p: f"key = '''\n{p}'''\n"),
    "diff_combined": ("diff", "a combined diff", lambda p: prefixed(p, "++")),
    "tabs_for_breaks": ("tsv", "tabs for line breaks", lambda p: "1\t" + flat(p, "\t") + "\tend\n"),
    "csv": ("csv", "a field over several lines", lambda p: f'1,"{p.rstrip()}",x\n'),
    "mail_twice": ("txt", "quoted twice in a mail", lambda p: prefixed(p, "> > ")),
}


def all_forms(family, stem, pem_text, keys, base, names=None, stretch=STRETCH, **more):
    """Adds `stem.<form>` for every form (or those named)."""
    headers = "Proc-Type:" in pem_text
    for name in names or FORMS:
        if name == "plain" or headers and name in NOT_WITH_HEADERS:
            continue
        suffix, what, form = FORMS.get(name) or MORE[name]
        text = form(pem_text)
        data = text.encode() if isinstance(text, str) else text
        hard = {"stretch": True} if name in stretch else {}
        family.add(f"{stem}.{name}.{suffix}", data, f"{base}, then: {what}", keys, **hard, **more)


def raw_forms(family, stem, der, keys, base, certs=(), **more):
    """DER at an offset inside other bytes."""
    from kit import noise

    for at in (1, 2, 3):
        family.add(f"{stem}.at{at}.bin", noise(stem, at) + der, f"{base} -outform DER, after {at} other bytes", keys, certs, **more)
    elf = b"\x7fELF\x02\x01\x01" + bytes(57) + noise(stem + "a", 3000) + bytes(40)
    tail = bytes(16) + noise(stem + "b", 1000)
    family.add(f"{stem}.inside.bin", elf + der + tail, f"{base} -outform DER, in the middle of a program", keys, certs, **more)
    family.add(f"{stem}.length_before.bin", len(der).to_bytes(4, "big") + der + b"\0\0\0\0", f"{base} -outform DER, after its length", keys, certs, **more)
