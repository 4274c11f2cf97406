"""Whole files in an encoding: keys that are text and keystores, archives around them, and encodings in encodings.

What the families base64, hex and utf16 hold is DER and PEM, which show an anchor wherever they are encoded. Nothing of
what is here does, but for its first bytes.
"""

import base64
import hashlib
import json

from kit import Family, noise
from textkeys import make

f = Family("encoded", "whole files in base64, hexadecimal and UTF-16: keys that are text, archives, two encodings; gzip and ZIP in base64 within a file")

# Keys.
f.run("umask 077; wg genkey > wg.key; wg pubkey < wg.key > wg.pub")
spki = f.run("openssl pkey -pubin -inform DER -outform DER", bytes.fromhex("302a300506032b656e032100") + base64.b64decode(f.read("wg.pub")))
key = dict(format="wireguard", protection="plaintext", spki_sha256=hashlib.sha256(spki).hexdigest(), _oracle="wg pubkey < wg.key; openssl pkey")
text = f"[Interface]\nAddress = 10.8.0.1/24\nListenPort = 51820\nPrivateKey = {f.read('wg.key').decode().strip()}\n"
ed, *_ = make(f, ["ed"])["ed"]
f.run("ssh-keygen -q -t ed25519 -N '' -C '' -f ssh; puttygen ssh -O private -o key.ppk")
f.run("puttygen key.ppk -O public-openssh -o ppk.pub")
blob = base64.b64decode(f.read("ppk.pub").split()[1])
spki = f.run("openssl pkey -pubin -inform DER -outform DER", bytes.fromhex("302a300506032b6570032100") + blob[-32:])
putty = dict(format="putty", protection="plaintext", spki_sha256=hashlib.sha256(spki).hexdigest(), _oracle="puttygen -O public-openssh; openssl pkey")
ppk = f.read("key.ppk").decode()

b64 = lambda data: base64.encodebytes(data)
xxd = lambda data: data.hex().encode() + b"\n"
wide = lambda text, codec="utf-16-le", mark=b"\xff\xfe": mark + text.encode(codec)

for stem, plain, keys, made in (("wg", text, [key], "wg genkey in a file of wg-quick"), ("ppk", ppk, [putty], "puttygen -O private")):
    data = plain.encode()
    add = lambda name, coded, how: f.add(f"{stem}.{name}", coded, f"{made}, {how}", keys)
    add("b64", b64(data), "base64")
    add("w0.b64", base64.b64encode(data), "base64 -w 0")
    add("w64.b64", f.run("base64 -w 64", data).replace(b"\n", b"\r\n"), "base64 -w 64, CRLF")
    add("b64.b64", b64(b64(data)), "base64 twice")
    add("b64.b64.b64", b64(b64(b64(data))), "base64 three times")
    add("hex", xxd(data), "xxd -p -c 0")
    add("upper.hex", xxd(data).upper(), "xxd -p -u -c 0")
    add("lines.hex", f.run("xxd -p", data), "xxd -p")
    add("hex.b64", b64(xxd(data)), "xxd -p, then base64")
    add("b64.hex", xxd(b64(data)), "base64, then xxd -p")
    add("le.txt", wide(plain), "UTF-16LE with a byte order mark")
    add("be.txt", wide(plain, "utf-16-be", b"\xfe\xff"), "UTF-16BE with a byte order mark")
    add("crlf.txt", wide(plain.replace("\r", "").replace("\n", "\r\n")), "UTF-16LE with a byte order mark, CRLF")
    add("unmarked_le.txt", wide("# keys of the tunnel, as of today\n" + plain, mark=b""), "UTF-16LE without a mark")
    add("unmarked_be.txt", wide("# keys of the tunnel, as of today\n" + plain, "utf-16-be", b""), "UTF-16BE without a mark")
    add("letters.txt", wide("# Schlüssel für den Tunnel 🔑 ключ 鍵\n" + plain), "UTF-16LE with letters of other scripts before it")
    add("le.b64", b64(wide(plain)), "UTF-16LE, then base64 (PowerShell -EncodedCommand takes it so)")
    add("be.hex", xxd(wide(plain, "utf-16-be", b"\xfe\xff")), "UTF-16BE, then xxd -p")
    add("b64.txt", wide(b64(data).decode()), "base64, then UTF-16LE")
    # Archives, whole and within a file.
    f.run("cat > packed.conf; rm -f packed.conf.* packed.*z* packed.tar", data)
    f.run("gzip -nk packed.conf; xz -k packed.conf; zstd -qk packed.conf; zip -q packed.zip packed.conf; tar cf packed.tar packed.conf; 7z a -bd packed.7z packed.conf; bzip2 -k packed.conf")
    for name, tool in (("conf.gz", "gzip"), ("conf.xz", "xz"), ("conf.zst", "zstd"), ("conf.bz2", "bzip2"), ("zip", "zip"), ("tar", "tar"), ("7z", "7z")):
        packed = f.read(f"packed.{name}")
        add(f"{tool}.b64", b64(packed), f"{tool}, then base64")
        add(f"{tool}.hex", xxd(packed), f"{tool}, then xxd -p")
    for tool, name in (("gzip", "conf.gz"), ("zip", "zip")):
        coded = base64.b64encode(f.read(f"packed.{name}")).decode()
        add(f"{tool}.secret.yaml", f"apiVersion: v1\nkind: Secret\ndata:\n  release: {coded}\n  other: Zm9v\n", f"{tool}, base64, in a Secret of Kubernetes")
        add(f"{tool}.tfstate", json.dumps({"version": 4, "resources": [{"user_data_base64": coded}]}), f"{tool}, base64, in JSON")
        add(f"{tool}.wrapped.eml", f"Content-Transfer-Encoding: base64\r\n\r\n" + b64(f.read(f"packed.{name}")).decode().replace("\n", "\r\n") + "\r\n--end--\r\n", f"{tool}, as an attachment")
        add(f"{tool}.url.html", f'<a href="data:application/octet-stream;base64,{coded}">', f"{tool}, base64, in a data URL")

# Both keys in one text: each once, wherever an anchor stands.
pem = f.read("ed.pem").decode()
f.add("both.txt", wide(f"# one\n{text}\n# two\n{pem}"), "UTF-16LE, a WireGuard key and a PEM", [key, *ed])
f.add("both.b64", b64(f"# one\n{text}\n# two\n{pem}".encode()), "base64, a WireGuard key and a PEM", [key, *ed])
f.add("twice.txt", wide(f"# one\n{pem}\n# the same key again\n{text}"), "UTF-16LE, a PEM and a WireGuard key", [*ed, key])

silent = lambda file, data, why: f.add(file, data, "by hand", oracle="nobody can sign with it", why=why, silent=True)
silent("near_noise.b64", b64(noise("b", 6000)), "random bytes in base64")
silent("near_noise.hex", xxd(noise("h", 6000)), "random bytes in hexadecimal")
silent("near_prose.b64", b64(b"[Interface]\nPrivateKey = <your private key here>\n" + b"nothing to see " * 40), "documentation in base64")
silent("near_prose.hex", xxd(b"[Interface]\nPrivateKey = <your private key here>\n" + b"nothing to see " * 40), "documentation in hexadecimal")
silent("near_prose.txt", wide("[Interface]\r\nPrivateKey = {{ key }}\r\n" * 9), "a template in UTF-16")
silent("near_mark.bin", b"\xff\xfe" + noise("m", 3000), "a byte order mark before random bytes")
silent("near_mp3.bin", b"\xff\xfb\x90\x44" + bytes(32) + noise("p", 3000), "the head of an MP3 frame")
silent("near_gzip.yaml", "data: H4sIAAAAAAAA" + base64.b64encode(noise("g", 300)).decode() + "\n", "the head of gzip before random bytes, in base64")
silent("near_zip.yaml", "data: UEsDBBQAAAAIAA" + base64.b64encode(noise("z", 300)).decode() + "\n", "the head of ZIP before random bytes, in base64")
silent("near_words.txt", "H4sIA is how base64 of gzip begins, UEsDB that of ZIP: H4sIAAAAAAAA, UEsDBBQAAAAIAA.\n", "words about it")
silent("near_rule.c", "/" * 76 + "\n// a comment\n" + "/" * 76 + "\nint main(void) { return 0; }\n", "a rule of slashes")
silent("near_rule.md", "-" * 60 + "\nTitle\n" + "-" * 60 + "\n", "a rule of dashes")
silent("near_hashes.txt", "".join(f"{noise(f'h{i}', 64).hex()}  src/file{i}.c\n" for i in range(50)), "a list of SHA-512")
silent("near_identifier.txt", "ThisIsAVeryLongIdentifierThatBeginsAFileAndHasNoBlanks " * 20, "a long word")
silent("near_prose.gz.b64", b64(f.run("gzip -nc", b"nothing to see here\n" * 200)), "gzip of prose in base64")
f.finish()
