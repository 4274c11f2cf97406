"""Keys in exports of the Windows registry. There is no Windows here: the maker follows the format that Microsoft describes."""

from kit import Family, noise
from textkeys import make

f = Family("registry", "private keys in registry exports, ASCII and UTF-16, written by hand as reg export writes them")
KEYS = make(f, ["rsa", "p8", "ec", "ec8", "ed", "enc", "p12", "jks", "ssh", "pgp"])


def value(name, data, kind="hex"):
    """A binary value, wrapped at 80 columns as regedit does."""
    line, out = f'"{name}"={kind}:', []
    for i, byte in enumerate(data):
        line += f"{byte:02x}" + ("," if i + 1 < len(data) else "")
        if len(line) >= 77 and i + 1 < len(data):
            out.append(line + "\\")
            line = "  "
    return "\r\n".join(out + [line]) + "\r\n"


for stem, (keys, pem, der, certs, how) in KEYS.items():
    body = "\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Example\\Signing]\r\n\"Name\"=\"release\"\r\n\"Count\"=dword:00000007\r\n" + value("Id", noise(stem, 16))
    for name, kind in (("hex", "hex"), ("hex3", "hex(3)")):
        text = "Windows Registry Editor Version 5.00" + body + value("Key", der, kind) + '"Next"=hex:00\r\n'
        f.add(f"{stem}.{name}.reg", b"\xff\xfe" + text.encode("utf-16-le"), f"{how}, as a {kind} value, UTF-16", keys, certs)
        f.add(f"{stem}.{name}.ascii.reg", text, f"{how}, as a {kind} value, ASCII", keys, certs)
    f.add(f"{stem}.regedit4.reg", "REGEDIT4" + body + value("Key", der), f"{how}, as a value, REGEDIT4", keys, certs)
    f.add(f"{stem}.unnamed.reg", ("REGEDIT4" + body + value("x", der)).replace('"x"=', "@="), f"{how}, as an unnamed value", keys, certs)
# A blob of a certificate store: properties before the certificate.
f.run("openssl req -x509 -key rsa.pem -subj /CN=r -days 30 -outform DER -out cert.der; openssl x509 -inform DER -in cert.der -out cert.pem")
blob = b"".join(t.to_bytes(4, "little") + (1).to_bytes(4, "little") + len(d).to_bytes(4, "little") + d for t, d in ((3, noise("sha1", 20)), (32, f.read("cert.der"))))
store = "[HKEY_CURRENT_USER\\Software\\Microsoft\\SystemCertificates\\MY\\Certificates\\00]\r\n" + value("Blob", blob)
f.add("store.reg", b"\xff\xfe" + ("Windows Registry Editor Version 5.00\r\n\r\n" + store).encode("utf-16-le"), "openssl req -x509 in a serialized store entry (MS-GPEF)", certs=[f.cert("cert.pem")])
silent = lambda file, data, why: f.add(file, data, "by hand", oracle="nobody can sign with it", why=why, silent=True)
silent("near_noise.reg", "REGEDIT4\r\n" + value("a", noise("r", 3000)), "random values")
silent("near_zero.reg", "REGEDIT4\r\n" + value("a", bytes.fromhex("302e020100300506032b657004220420") + bytes(32)), "an Ed25519 key of zeros")
silent("near_other.reg", "Windows notes\r\n" + value("a", noise("o", 300)), "no registry export")
f.finish()
