"""PEM in UTF-16, as PowerShell and the Windows registry editor write text."""

import base64

from kit import PASS, Family

f = Family("utf16", "PEM private keys in UTF-16, little and big endian, with and without a byte order mark")
f.run("openssl genrsa -traditional -out rsa.pem 2048; openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ec8.pem; openssl ecparam -genkey -noout -name secp384r1 -out ec.pem; "
      f"openssl pkcs8 -topk8 -in rsa.pem -passout pass:{PASS} -out enc.pem; openssl pkey -in rsa.pem -traditional -aes256 -passout pass:{PASS} -out legacy.pem; openssl req -x509 -key rsa.pem -subj /CN=u -days 30 -out cert.pem; "
      "openssl genpkey -algorithm ED25519 -out ed.pem")
KEYS = {
    "rsa": f.key("rsa.pem", "pkcs1"), "ec8": f.key("ec8.pem", "pkcs8"), "ec": f.key("ec.pem", "sec1"), "ed": f.key("ed.pem", "pkcs8"),
    "enc": f.key("enc.pem", "encrypted_pkcs8", PASS, "strong", opaque=True), "legacy": f.key("legacy.pem", "legacy_pem", PASS, "weak", opaque=True),
}
for stem, key in KEYS.items():
    text = f.read(f"{stem}.pem").decode()
    for name, codec, bom in (("le", "utf-16-le", b""), ("le_bom", "utf-16-le", b"\xff\xfe"), ("be", "utf-16-be", b""), ("be_bom", "utf-16-be", b"\xfe\xff")):
        how = f"iconv -t {codec.upper()} {stem}.pem{' with a byte order mark' if bom else ''}"
        f.add(f"{stem}.{name}.pem", bom + text.encode(codec), how, [key])
        f.add(f"{stem}.{name}.crlf.pem", bom + text.replace("\n", "\r\n").encode(codec), how + ", CRLF", [key])
    for name, codec, bom in (("le32", "utf-32-le", b"\xff\xfe\0\0"), ("be32", "utf-32-be", b"\0\0\xfe\xff"), ("le32_plain", "utf-32-le", b"")):
        f.add(f"{stem}.{name}.pem", bom + text.encode(codec), f"iconv -t {codec.upper()} {stem}.pem{' with a byte order mark' if bom else ''}", [key])
    f.add(f"{stem}.odd.bin", b"\0\1\2" + text.encode("utf-16-le") + b"\0\0", "UTF-16LE at an odd offset", [key])
    f.add(f"{stem}.ps1", b"\xff\xfe" + ('$key = @"\r\n' + text.replace("\n", "\r\n") + '"@\r\nWrite-Output "done"\r\n').encode("utf-16-le"), "PowerShell here-string saved as Unicode", [key])
    f.add(f"{stem}.reg", b"\xff\xfe" + ('Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\App]\r\n"Key"="' + text.replace("\n", "\\r\\n") + '"\r\n').encode("utf-16-le"), "registry export, escapes", [key])
key = KEYS["rsa"]
both = (f.read("rsa.pem") + f.read("cert.pem")).decode()
f.add("key_and_cert.pem", b"\xff\xfe" + both.encode("utf-16-le"), "key and certificate, UTF-16LE with a byte order mark", [key], [f.cert("cert.pem")])
f.finish()
