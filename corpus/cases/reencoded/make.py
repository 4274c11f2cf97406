"""PEM as git stores it for a file with working-tree-encoding=UTF-16LE or UTF-16BE, and formats of
export-subst, which git writes as other bytes too."""

from kit import Family
from textkeys import make

f = Family("reencoded", "PEM private keys whose bytes were taken for UTF-16 and stored as UTF-8, as git does it")
KEYS = make(f, ["rsa", "p8", "ec", "ec8", "ed", "enc", "ssh", "pgp"])


def stored(text, encoding):
    data = text.encode()
    return (data + b"\n" * (len(data) % 2)).decode(encoding).encode()


for stem, (keys, pem, der, certs, how) in KEYS.items():
    add = lambda name, data, what: f.add(f"{stem}.{name}", data, f"{how}; {what}", keys)
    add("le.txt", stored(pem, "utf-16-le"), "iconv from UTF-16LE")
    add("be.txt", stored(pem, "utf-16-be"), "iconv from UTF-16BE")
    add("odd.txt", stored("\n" + pem, "utf-16-le"), "iconv from UTF-16LE, a line feed before")
    add("beside.txt", "漢字\n".encode() + stored(pem + "\n", "utf-16-be") + "漢字\n".encode(), "iconv from UTF-16BE, between text")
    if stem in ("ec8", "ed", "rsa"):
        add("format.txt", ("$Format:" + "".join(f"%x{ord(c):02x}" for c in pem) + "$\n").encode(), "each byte as git archive writes it")
        add("pieces.txt", pem.replace("PRIVATE", "PRI$Format:%Creset$VATE").encode(), "an empty format in the middle")
silent = lambda file, data, why: f.add(file, data, "by hand", oracle="nobody can sign with it", why=why, silent=True)
begin, end = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"
silent("near_empty.txt", stored(f"{begin}\n{end}\n", "utf-16-le"), "header and footer, nothing between")
silent("near_letters.txt", "ⴭⴭ ⴭⴭⴭ\n".encode() * 200, "a Georgian letter, over and over")
silent("near_words.txt", stored(f"{begin}\nthis is where you put the key that you got from us\n{end}\n", "utf-16-be"), "prose between key lines")
silent("near_cut.txt", stored(f"{begin}\nMIIEpAIBAAKCAQEA...\n{end}\n", "utf-16-le"), "documentation with dots")
silent("near_tags.txt", "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f\n".encode() * 50, "the flag of England, over and over")
silent("near_format.txt", b"node: $Format:%H$\nnode-date: $Format:%cI$\nref-names: $Format:%D$\n", "what build tools keep for archives")
f.finish()
