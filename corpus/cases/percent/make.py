"""PEM in URLs and forms."""

from urllib.parse import quote, quote_plus, urlencode

from kit import Family
from textkeys import make

f = Family("percent", "PEM private keys in percent-encoding: URLs, forms, logs, cookies")
KEYS = make(f, ["rsa", "p8", "ec", "ec8", "ed", "enc", "ssh", "pgp"])
for stem, (keys, pem, der, certs, how) in KEYS.items():
    add = lambda name, data, what: f.add(f"{stem}.{name}", data, f"{how}; {what}", keys)
    add("form.txt", urlencode({"id": 7, "key": pem, "next": "a b"}), "urllib urlencode")
    add("url.txt", f"https://example.org/upload?key={quote(pem, safe='')}&id=7\n", "urllib quote, everything")
    add("path.txt", f"https://example.org/upload?key={quote(pem)}#top\n", "urllib quote, slashes left")
    add("node.txt", f.run(f"node -e 'process.stdout.write(encodeURIComponent(require(\"fs\").readFileSync(0)))'", pem.encode()), "node encodeURIComponent")
    add("params.txt", f.run(f"node -e 'process.stdout.write(new URLSearchParams({{key: require(\"fs\").readFileSync(0).toString(), n: 1}}).toString())'", pem.encode()), "node URLSearchParams")
    add("access.log", f'192.0.2.1 - - [01/Jan/2024:00:00:00 +0000] "GET /k?pem={quote_plus(pem)}&v=1 HTTP/1.1" 200 12\n', "quote_plus in a log")
    add("crlf.txt", "key=" + quote_plus(pem.replace("\n", "\r\n")), "quote_plus, CRLF")
    add("lower.har", '{"text": "key=' + quote(pem, safe="").replace("%2B", "%2b").replace("%2F", "%2f").replace("%3D", "%3d").replace("%0A", "%0a") + '"}', "quote, lower case, in a HAR file")
    add("cookie.txt", f"Cookie: a=1; key={quote(pem, safe='')}; b=2\n", "in a cookie")
silent = lambda file, data, why: f.add(file, data, "by hand", oracle="nobody can sign with it", why=why, silent=True)
begin, end = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"
silent("near_empty.txt", "key=" + quote(f"{begin}\n{end}\n"), "header and footer, nothing between")
silent("near_dots.txt", "curl https://example.org/?key=" + quote(f"{begin}\nMIIEpAIBAAKCAQEA...\n{end}\n"), "documentation with dots")
silent("near_format.c", 'printf("-----%08x-----%02d-----%0*d\\n", a, b, c);\n' * 30, "formats of printf")
silent("near_words.txt", "key=" + quote(f"{begin}\nthis is where you put the key that you got from us\n{end}\n"), "prose between key lines")
f.finish()
