"""TSIG and rndc keys by BIND's own tools."""

import base64

from kit import Family

f = Family("tsig", "key clauses of named.conf by tsig-keygen, ddns-confgen and rndc-confgen")
KEY = dict(format="tsig", protection="plaintext", opaque=True)


def key(name):
    return dict(KEY, label=name, _oracle="the command made one shared secret under this name")


for algorithm in ("hmac-md5", "hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"):
    f.add(f"{algorithm}.conf", f.run(f"tsig-keygen -a {algorithm} update-{algorithm}"), f"tsig-keygen -a {algorithm}", [key(f"update-{algorithm}")])
f.add("ddns.conf", f.run("ddns-confgen -q -k ddns -z example.com"), "ddns-confgen", [key("ddns")])
f.run("rndc-confgen -a -c rndc.key")
f.add("rndc.key", f.read("rndc.key"), "rndc-confgen -a", [key("rndc-key")])
# The same clause again in comments, for named.conf: one key at two places.
f.add("rndc.conf", f.run("rndc-confgen"), "rndc-confgen", [key("rndc-key"), key("rndc-key")])
text = f.run("tsig-keygen first").decode()
other = f.run("tsig-keygen second").decode()
f.add("named.conf", "options { directory \"/var/cache/bind\"; };\n" + text + other + "zone \"example.com\" { type primary; };\n", "tsig-keygen twice, in named.conf", [key("first"), key("second")])
f.add("configmap.yaml", "data:\n  named.conf: |\n" + "".join(f"    {l}\n" for l in text.splitlines()), "tsig-keygen, then: YAML block", [key("first")])
f.add("one_line.conf", " ".join(text.split()) + "\n", "tsig-keygen, on one line", [key("first")])

silent = f.silent

silent("docs.conf", 'key "example" {\n  algorithm hmac-sha256;\n  secret "<base64>";\n};\n', "documentation")
silent("short.conf", 'key "example" {\n  algorithm hmac-sha256;\n  secret "c2VjcmV0";\n};\n', "the word secret in base64")
silent("text.conf", 'key "example" { algorithm hmac-md5; secret "' + base64.b64encode(b"this is no secret at all").decode() + '"; };\n', "prose in base64")
silent("zeros.conf", 'key "example" { algorithm hmac-sha256; secret "' + base64.b64encode(bytes(32)).decode() + '"; };\n', "zeros")
silent("template.j2", 'key "{{ tsig_name }}" {\n  algorithm hmac-sha256;\n  secret "{{ tsig_secret }}";\n};\n', "a template")
silent("manual.txt", "The algorithm hmac-sha256 is used by default. key \"name\" { algorithm string; secret string; };\n", "a manual")
f.finish()
