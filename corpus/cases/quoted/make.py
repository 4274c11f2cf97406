"""base64 of DER and of PKCS#12 as other texts quote it: what escapes signs and line breaks, by the tools that do."""

import base64
import json
from urllib.parse import quote_plus, urlencode

from kit import Family
from textkeys import make

f = Family("quoted", "base64 of keys and keystores in which +, / and line breaks are escaped: JSON of PHP and .NET, forms, XML, logs, source")
KEYS = make(f, ["rsa", "p8", "ec8", "p12"])
PHP = "php -r 'echo json_encode([\"id\" => 7, \"key\" => stream_get_contents(STDIN)]);'"
NODE = "node -e 'process.stdout.write(new URLSearchParams({id: 7, key: require(\"fs\").readFileSync(0).toString(), n: 1}).toString())'"
for stem, (keys, pem, der, certs, how) in KEYS.items():
    whole = base64.b64encode(der).decode()
    lines = base64.encodebytes(der).decode()
    add = lambda name, data, what: f.add(f"{stem}.{name}", data, f"{how}; {what}", keys)
    add("php.json", f.run(PHP, whole.encode()), "php json_encode")
    add("php.lines.json", f.run(PHP, lines.encode()), "php json_encode of lines of 76")
    net = json.dumps({"id": 7, "key": whole}).replace("+", "\\u002B")
    add("net.json", net, "plus signs as System.Text.Json escapes them")
    add("twice.json", json.dumps({"event": json.dumps({"key": lines}).replace("/", "\\/")}), "JSON in JSON, slashes escaped")
    add("form.txt", f.run(NODE, whole.encode()), "node URLSearchParams")
    add("form.lines.txt", f.run(NODE, lines.replace("\n", "\r\n").encode()), "node URLSearchParams of CRLF lines")
    add("access.log", f'192.0.2.1 - - [01/Jan/2024:00:00:00 +0000] "GET /k?der={quote_plus(whole)}&v=1 HTTP/1.1" 200 12\n', "quote_plus in a log")
    add("python.txt", urlencode({"der": whole, "next": "a b"}), "urllib urlencode")
    add("owasp.xml", f"<key>{whole.replace('+', '&#43;').replace('/', '&#x2f;')}</key>\n", "entities as OWASP's encoder writes them")
    add("lines.xml", "<key>" + lines.replace("\n", "&#xA;") + "</key>\n", "line breaks as entities")
    add("rsyslog.log", "Jan  1 00:00:00 host app: key " + lines.replace("\n", "#012") + "\n", "line breaks as rsyslog escapes them")
    add("deploy.ps1", '$k = "' + lines.strip().replace("\n", "`r`n") + '"\n', "a string of PowerShell")
    add("razor.js", "var k = '" + whole.replace("+", "\\x2B").replace("/", "\\x2F") + "';\n", "a string of JavaScript as Closure escapes it")
silent = lambda file, data, why: f.add(file, data, "by hand", oracle="nobody can sign with it", why=why, silent=True)
silent("near_words.txt", urlencode({"q": "C++ / MIIE and other words%2B", "key": "A" * 900}), "words and a filler")
silent("near_cut.json", f.run(PHP, base64.b64encode(KEYS["rsa"][2][:300]))[:-40], "half of a key")
f.finish()
