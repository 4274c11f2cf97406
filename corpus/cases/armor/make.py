"""PEM as it lies in texts: quoted, escaped, prefixed, in markup and mail; several keys in one file."""

import py_compile

from kit import PASS, Family, noise
from occur import MORE, all_forms, flat, lines_of
from textkeys import make

f = Family("armor", "PEM private keys in the texts where people leave them: logs, mails, pages, notebooks, scripts; several in one file")
KEYS = make(f, ["rsa", "p8", "ec", "ec384", "ec8", "ed", "enc", "ssh", "pgp"])
# Forms without END or between headers and body are covered by each format's own case. OpenPGP has a blank line behind its header.
for stem, (keys, pem, der, certs, how) in KEYS.items():
    names = [n for n in MORE if stem != "pgp" or n not in ("basic", "echo", "printf", "html_p", "sql_chr", "ipynb")]
    all_forms(f, stem, pem, keys, how, names)

f.run(f"openssl pkey -in rsa.pem -traditional -aes128 -passout pass:{PASS} -out legacy.pem")
legacy = f.key("legacy.pem", "legacy_pem", PASS, "weak", opaque=True)
all_forms(f, "legacy", f.read("legacy.pem").decode(), [legacy], "openssl pkey -traditional -aes128",
          ["grep_n", "cat_n", "html_br", "qp", "qp_flat", "lua", "appended", "terraform", "env_multi"])

# Several keys and certificates in one file, in any order, with and without what parts them.
pems = {s: KEYS[s][1] for s in KEYS}
f.run("openssl req -x509 -key rsa.pem -subj /CN=a -days 30 -out a.crt; openssl req -x509 -key ec8.pem -subj /CN=b -days 30 -out b.crt; openssl ecparam -name prime256v1 -out p.pem; openssl crl2pkcs7 -nocrl -certfile a.crt -certfile b.crt -out c.p7b")
crt, crt2 = f.read("a.crt").decode(), f.read("b.crt").decode()
two = [f.cert("a.crt"), f.cert("b.crt")]
every = [KEYS[s][0][0] for s in KEYS]
f.add("several.pem", "".join(pems.values()), "cat of all keys", every)
f.add("several_tight.pem", "".join(p.rstrip("\n") for p in pems.values()), "cat of all keys without line breaks between them", every)
f.add("several_chain.pem", crt + pems["rsa"] + crt2 + pems["ec8"], "key and certificate, twice", [KEYS["rsa"][0][0], KEYS["ec8"][0][0]], two)
f.add("parameters_first.pem", f.read("p.pem").decode() + pems["ec"], "EC parameters before the key", KEYS["ec"][0])
f.add("pkcs7_beside.pem", f.read("c.p7b").decode() + pems["rsa"], "PKCS#7 before the key", KEYS["rsa"][0], two)
f.add("one_line_several.txt", " ".join(flat(p, " ") for s, p in pems.items() if s != "pgp"), "all keys on one line", [KEYS[s][0][0] for s in KEYS if s != "pgp"])
f.add("vpn.ovpn", f"client\nremote 192.0.2.1\n<ca>\n{crt2}</ca>\n<cert>\n{crt}</cert>\n<key>\n{pems['rsa']}</key>\n", "OpenVPN profile, by hand", KEYS["rsa"][0], two)
f.add("bag.pem", f"Bag Attributes\n    friendlyName: release\n    localKeyID: 01 02 03\nsubject=CN = a\nissuer=CN = a\n{crt}Bag Attributes\n    friendlyName: release\nKey Attributes: <No Attributes>\n{pems['p8']}", "openssl pkcs12 -nodes, by hand", KEYS["p8"][0], two[:1])
# Headerless: the body alone, wrapped and on one line.
for stem in ("rsa", "p8", "ec", "ec384", "ec8", "ed", "enc"):
    keys, pem = KEYS[stem][0], pems[stem]
    body = lines_of(pem)[1:-1]
    f.add(f"{stem}.headerless.txt", "\n".join(body) + "\n", "the body of the PEM alone", keys)
    f.add(f"{stem}.headerless.env", "KEY=" + "".join(body) + "\nB=1\n", "the body of the PEM on one line in a dotenv file", keys)
# Constants of a compiled Python module.
for stem in ("rsa", "p8", "ec", "ed", "ssh"):
    f.path("m.py").write_text(f'KEY = """{pems[stem]}"""\nKEY_BYTES = 7\n')
    py_compile.compile(str(f.path("m.py")), cfile=str(f.path("m.pyc")), doraise=True)
    f.add(f"{stem}.pyc", f.read("m.pyc"), "py_compile of a module with the key", KEYS[stem][0])

silent = lambda file, data, why: f.add(file, data, "by hand", oracle="nobody can sign with it", why=why, silent=True)
begin, end = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"
silent("near_grep.txt", "".join(f"src/pem{i}.c:{i}:{begin}\nsrc/pem{i}.c:{i + 1}:{end}\n" for i in range(1, 40)), "grep over programs that speak of keys")
silent("near_html.html", f"<p>{begin}<br>paste your key here, all lines of it, with the dashes<br>{end}</p>", "a page that tells where the key goes")
silent("near_appended.java", f'sb.append("{begin}\\n");\nsb.append(Base64.getEncoder().encodeToString(key.getEncoded()));\nsb.append("\\n{end}\\n");\n', "a PEM writer")
silent("near_qp.eml", f"{begin}=0A=\nMIIEpAIBAAKCAQEA...=0A=\n{end}=0A", "an example in a mail")
silent("near_noise.log", f"a: {begin}\n" + "".join(f"a: {noise(f'q{i}', 24).hex()}\n" for i in range(20)) + f"a: {end}\n", "random digits between key lines")
f.finish()
