"""What must stay silent as a private key, each with the reason; and what must never be called verified."""

import base64
import json

from kit import PASS, Family, der_of, integer, noise, pem, tlv

f = Family("negatives", "hard negatives: nothing here is a usable private key; damaged keys may be reported, never as verified")


def dashes(data):
    """Five tildes stand for five dashes, so that this recipe itself looks like no key to anybody's scanner."""
    return data.replace(b"~~~~~", b"-----") if isinstance(data, bytes) else data.replace("~~~~~", "-----")


def silent(file, data, why, certs=(), publics=()):
    data = dashes(data)
    f.add(file, data, "by hand" if not certs and not publics else "openssl", certs=certs, publics=publics, oracle="nobody can sign with it", why=why, silent=True)


def made(file, command, why, certs=()):
    f.run(command := dashes(command))
    f.add(file, f.read(file), command, certs=certs, oracle="public by its kind", why=why, silent=True)


def damaged(file, data, how, why):
    f.add(file, data, how, oracle="openssl pkey -check refuses it", why=why, partial=True)


LABELS = ["PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "ANY PRIVATE KEY", "PGP PRIVATE KEY BLOCK", "TSS2 PRIVATE KEY"]
begin = lambda l: dashes(f"~~~~~BEGIN {l}~~~~~")
end = lambda l: dashes(f"~~~~~END {l}~~~~~")

# Programs and texts that speak of keys.
silent("parser.py", 'import base64, re\nBEGIN = "~~~~~BEGIN RSA PRIVATE KEY~~~~~"\nEND = "~~~~~END RSA PRIVATE KEY~~~~~"\n\n\ndef load(text):\n    start = text.index(BEGIN) + len(BEGIN)\n    return base64.b64decode(text[start : text.index(END, start)])\n', "a PEM parser")
silent("parser.go", 'package p\n\nconst pemStart = "~~~~~BEGIN "\nconst keyType = "RSA PRIVATE KEY"\n\nfunc ok(b []byte) bool { return bytes.HasPrefix(b, []byte("~~~~~BEGIN RSA PRIVATE KEY~~~~~")) }\n', "a PEM parser")
silent("parser.js", "if (key.startsWith('~~~~~BEGIN PRIVATE KEY~~~~~')) { return key.replace('~~~~~BEGIN PRIVATE KEY~~~~~', '').replace('~~~~~END PRIVATE KEY~~~~~', '').replace(/\\s+/g, ''); }\n", "a PEM parser")
silent("writer.java", 'String pem = "~~~~~BEGIN PRIVATE KEY~~~~~\\n" + Base64.getMimeEncoder(64, LF).encodeToString(key.getEncoded()) + "\\n~~~~~END PRIVATE KEY~~~~~\\n";\n', "a PEM writer")
silent("writer.sh", 'printf -- "~~~~~BEGIN RSA PRIVATE KEY~~~~~\\n%s\\n~~~~~END RSA PRIVATE KEY~~~~~\\n" "$(base64 -w 64 key.der)" > key.pem\n', "a PEM writer")
silent("writer_template.yaml", "key: |\n  ~~~~~BEGIN PRIVATE KEY~~~~~\n  {{ .Values.tls.key | b64dec | indent 2 }}\n  ~~~~~END PRIVATE KEY~~~~~\n", "a template")
silent("terraform.tf", 'private_key = "~~~~~BEGIN RSA PRIVATE KEY~~~~~\\n${var.key_body}\\n~~~~~END RSA PRIVATE KEY~~~~~\\n"\n', "a template")
silent("rules.toml", "[[rules]]\nid = \"private-key\"\nregex = '''(?i)~~~~~BEGIN[ A-Z0-9_-]{0,100}PRIVATE KEY(?: BLOCK)?~~~~~[\\s\\S-]{64,}?KEY(?: BLOCK)?~~~~~'''\n", "the rule of a secret scanner")
silent("rules.yaml", "- name: RSA\n  pattern: '~~~~~BEGIN ((EC|PGP|DSA|RSA|OPENSSH) )?PRIVATE KEY( BLOCK)?~~~~~'\n- name: kube\n  pattern: 'LS0tLS1CRUdJTi[A-Za-z0-9+/=]+'\n", "the rules of a secret scanner")
silent("grep.sh", "git log -p | grep -E -- '~~~~~BEGIN (RSA|EC|OPENSSH) PRIVATE KEY~~~~~' && exit 1\n", "a commit hook")
silent("docs.md", "# Setup\n\nPaste your key:\n\n```\n~~~~~BEGIN RSA PRIVATE KEY~~~~~\nMIIEpAIBAAKCAQEA...\n~~~~~END RSA PRIVATE KEY~~~~~\n```\n\nor\n\n    ~~~~~BEGIN PRIVATE KEY~~~~~\n    ...\n    ~~~~~END PRIVATE KEY~~~~~\n", "documentation with dots")
silent("docs_mid.md", "~~~~~BEGIN RSA PRIVATE KEY~~~~~\nMIIEpAIBAAKCAQEAx8Q0Zm\n...\n[snip]\n...\nq1w2e3r4t5y6u7i8o9p0\n~~~~~END RSA PRIVATE KEY~~~~~\n", "documentation with the middle left out")
silent("docs_angle.md", "~~~~~BEGIN PRIVATE KEY~~~~~\n<base64>\n~~~~~END PRIVATE KEY~~~~~\n~~~~~BEGIN EC PRIVATE KEY~~~~~\n<your key here>\n~~~~~END EC PRIVATE KEY~~~~~\n", "documentation with angle brackets")
silent("docs_json.json", json.dumps({"type": "service_account", "private_key": "~~~~~BEGIN PRIVATE KEY~~~~~\n...\n~~~~~END PRIVATE KEY~~~~~\n", "client_email": "x@example.org"}), "an example of a service account")
silent("docs_stars.txt", begin("RSA PRIVATE KEY") + "\n" + ("*" * 64 + "\n") * 12 + end("RSA PRIVATE KEY") + "\n", "masked by a log filter")
silent("docs_x.txt", begin("RSA PRIVATE KEY") + "\n" + ("x" * 64 + "\n") * 25 + end("RSA PRIVATE KEY") + "\n", "masked with x: base64 by chance")
silent("redacted.txt", begin("PRIVATE KEY") + "\nREDACTED\n" + end("PRIVATE KEY") + "\n[REDACTED RSA PRIVATE KEY]\n", "redacted")
silent("placeholder.env", "PRIVATE_KEY=changeme\nRSA_KEY=\"~~~~~BEGIN RSA PRIVATE KEY~~~~~\\nYOUR_KEY_HERE\\n~~~~~END RSA PRIVATE KEY~~~~~\"\nTLS_KEY=LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t\n", "placeholders")
silent("lorem.pem", begin("PRIVATE KEY") + "\n" + base64.encodebytes(b"Lorem ipsum dolor sit amet, consectetur adipiscing elit. " * 20).decode() + end("PRIVATE KEY") + "\n", "base64 of prose between key lines")
silent("abc.pem", begin("RSA PRIVATE KEY") + "\n" + ("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/\n" * 20) + end("RSA PRIVATE KEY") + "\n", "the alphabet between key lines")
silent("fake.pem", begin("RSA PRIVATE KEY") + "\nMIIEpAIBAAKCAQEA" + ("fakefakefakefakefakefakefakefakefakefakefakefakefakefakefakefake\n" * 24) + end("RSA PRIVATE KEY") + "\n", "a made-up body with a real beginning")
for label in LABELS:
    stem = label.lower().replace(" ", "_")
    silent(f"header_only.{stem}.pem", begin(label), "a header and nothing more")
    silent(f"header_newline.{stem}.pem", begin(label) + "\n", "a header and nothing more")
    silent(f"empty.{stem}.pem", begin(label) + "\n" + end(label) + "\n", "an empty block")
    silent(f"blank.{stem}.pem", begin(label) + "\n\n\n" + end(label) + "\n", "a block of blank lines")
    silent(f"zeros.{stem}.pem", pem(label, bytes(1200)), "a body of zeros")
    silent(f"ones.{stem}.pem", pem(label, b"\xff" * 1200), "a body of 0xff")
    silent(f"noise.{stem}.pem", pem(label, noise(stem, 1190)), "a body of random bytes")
silent("all_headers.txt", "\n".join(begin(l) for l in LABELS) + "\n", "headers in a row")
silent("all_pairs.txt", "".join(begin(l) + end(l) + "\n" for l in LABELS), "BEGIN and END beside each other")
silent("strings.bin", b"\x7fELF" + bytes(60) + b"\0".join((begin(l) + "\0" + end(l)).encode() for l in LABELS) + b"\0openssh-key-v1\0\0none\0aes256-ctr\0bcrypt\0ssh-ed25519\0ssh-rsa\0PuTTY-User-Key-File-2: \0PuTTY-User-Key-File-3: \0PuTTY-User-Key-File-%d: %s\r\n\0Encryption: %s\r\n\0Private-Lines: %d\r\n\0"
       b"Proc-Type: 4,ENCRYPTED\n\0DEK-Info: \0SSH PRIVATE KEY FILE FORMAT 1.1\n\0---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\0" + bytes(100), "the string table of an SSH client")
silent("strings_packed.bin", b"".join(f"{begin(l)}\n\0{end(l)}\n\0".encode() for l in LABELS) * 3, "string constants end to end")
silent("strings_pyc.bin", b"\xa7\r\r\n" + bytes(12) + b"\xe3" + b"".join(b"\xda" + bytes([len(begin(l))]) + begin(l).encode() for l in LABELS) + b"\xf3\x0fopenssh-key-v1\0", "constants in Python bytecode")
silent("templates.bin", bytes.fromhex("302e020100300506032b657004220420") + bytes(32) + bytes.fromhex("3053020101300506032b657004220420a123032100") + bytes.fromhex("308204a40201000282010100") + b"openssh-key-v1\0" + b"\xfe\xed\xfe\xed\xce\xce\xce\xce" + bytes(64), "prefixes that a library puts before keys")
silent("jks_magic.bin", b"\xfe\xed\xfe\xed\0\0\0\2" + noise("jks", 400), "a keystore's magic and noise")
silent("jks_counts.bin", b"\xce\xce\xce\xce\0\0\0\2\xff\xff\xff\xff\0\0\0\1\0\1a" + bytes(40), "a keystore that claims four thousand million entries")
silent("macho_magic.bin", bytes.fromhex("feedface0000000200000001") + noise("macho", 300), "a Mach-O magic, one bit from a keystore's")
silent("openssh_magic.bin", b"openssh-key-v1\0" + b"\0\0\0\4none\0\0\0\4none\0\0\0\0\0\0\0\1" + noise("o", 300), "the magic of OpenSSH and noise")
silent("pgp_noise.bin", b"\x95\x03\x98\x04" + noise("pgp", 900) + b"\x94\x58\x04\x60\x00\x00\x00\x16" + noise("pgp2", 80), "the first bytes of a secret key packet and noise")
silent("ppk_header.ppk", "PuTTY-User-Key-File-2: ssh-rsa\r\nEncryption: none\r\nComment: rsa-key\r\nPublic-Lines: 6\r\n", "the head of a PPK file")
silent("ppk_docs.txt", "The file begins\n\n    PuTTY-User-Key-File-3: algorithm-name\n    Encryption: encryption-type\n    Comment: key-comment-string\n    Public-Lines: number-of-lines\n    that many lines of base64\n    Private-Lines: number-of-lines\n    Private-MAC: hex-mac-data\n", "documentation of PPK")
silent("proc_type_docs.txt", begin("RSA PRIVATE KEY") + "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,...\n\n...\n" + end("RSA PRIVATE KEY") + "\n", "documentation of encrypted PEM")
silent("lying_lengths.bin", bytes.fromhex("3082ffff0201000282ffff00") + noise("lie", 88), "100 bytes that claim 64 KiB")
silent("lying_lengths4.bin", bytes.fromhex("3084ffffffff0201003084ffffffff0609608648016503040201") + noise("lie4", 70), "100 bytes that claim 4 GiB")
silent("lying_inner.bin", bytes.fromhex("30818f02010030818c02010002818000") + noise("lie2", 130), "lengths that do not fit each other")
silent("asn1_noise.bin", b"".join(noise(f"a{i}", 37 + i % 11) + bytes.fromhex(("0201000282", "30820122300d06092a864886f70d01010105", "308204a40201000282010100", "30770201010420", "04200201003005", "3082025c02010002818100")[i % 6]) for i in range(400)), "DER prefixes sprinkled over noise")
silent("nested_indefinite.bin", b"\x30\x80" * 20000, "indefinite lengths within each other")
silent("nested_definite.bin", b"".join(b"\x30\x83" + (60000 - 5 * i).to_bytes(3, "big") for i in range(12000)), "sequences within each other")
silent("nine_integers.der", tlv(0x30, b"".join(map(integer, (0, 1, 2, 3, 4, 5, 6, 7, 8)))), "nine small INTEGERs")
silent("base64_random.txt", base64.encodebytes(noise("r", 6000)).decode(), "base64 of random bytes")
silent("base64_headers.txt", base64.b64encode("\n".join(begin(l) for l in LABELS).encode()).decode(), "base64 of headers without bodies")
silent("base64_begin.txt", ("LS0tLS1CRUdJTi " * 40) + ("\nLS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQ==\n" * 10), "base64 anchors in a row")
silent("base64_image.html", '<img src="data:image/png;base64,' + base64.b64encode(b"\x89PNG\r\n\x1a\n" + noise("png", 9000)).decode() + '">\n', "an image in base64")
silent("utf16_headers.txt", b"\xff\xfe" + "\r\n".join(begin(l) for l in LABELS).encode("utf-16-le"), "headers in UTF-16")
silent("symlink_like", "/etc/ssl/private/ssl-cert-snakeoil.key", "the name of a key")

# What people complain of in other scanners: constants, documentation, placeholders, rules, templates. All written here.
ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
for label in LABELS:
    stem = label.lower().replace(" ", "_")
    silent(f"rodata.{stem}.bin", b"\x7fELF" + bytes(90) + (begin(label) + "\n\0" + end(label) + "\n\0").encode() + ALPHABET + b"\0Proc-Type: 4,ENCRYPTED\0DEK-Info: AES-128-CBC,\0" + noise(stem, 400), "labels of a library beside its base64 alphabet")
    silent(f"rodata_tight.{stem}.bin", (begin(label) + "\n").encode() + ALPHABET + b"=\0" + end(label).encode(), "the base64 alphabet behind a label")
    silent(f"swift.{stem}.swift", f'let head = "{begin(label)}\\n", tail = "\\n{end(label)}"\nfunc wrap(_ d: Data) -> String {{ head + d.base64EncodedString(options: .lineLength64Characters) + tail }}\n', "a PEM writer")
    silent(f"nested.{stem}.pem", f"{begin(label)}\n{begin(label)}\n{end(label)}\n{end(label)}\n", "a block inside a block, both empty")
    silent(f"nested_body.{stem}.pem", pem(label, (begin(label) + "\n" + "body" * 30 + "\n" + end(label)).encode()), "base64 of a PEM template between key lines")
    silent(f"repeated.{stem}.env", f'KEY="{begin(label)}\\n' + "AAAA" * 300 + f'\\n{end(label)}\\n"\n', "a body of the letter A, on one line")
    silent(f"mii.{stem}.json", json.dumps({"key": f"{begin(label)}\nMIIEowIBAAKCAQEA0Z3VS5JJcds3xf\n{end(label)}\n"}), "the first digits of a key and no more")
    silent(f"words.{stem}.txt", f"{begin(label)}\n" + "notARealKeyJustSomeTextThatLooksLikeBase64AndIsNone\n" * 18 + end(label) + "\n", "words between key lines")
PLACES = {
    "dots": "...", "ellipsis": "\u2026", "angle": "<base64 encoded key>", "angle_tight": "<KEY>", "brackets": "[your private key]", "snip": "[snip]", "mii": "MIIE...", "mii_long": "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC...",
    "x": "X" * 64, "x_lines": "\n".join(["XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX"] * 8), "stars": "*" * 40, "your": "YOUR_PRIVATE_KEY_GOES_HERE", "your_long": "ReplaceThisWithTheBodyOfYourOwnPrivateKeyBeforeYouDeploy" * 3, "shell": "$(cat key.pem)", "shell_var": "${PRIVATE_KEY}", "percent": "%PRIVATE_KEY%",
    "mustache": "{{ private_key }}", "erb": "<%= @key %>", "ruby": "#{key}", "dunder": "__PRIVATE_KEY__", "at": "@PRIVATE_KEY@", "csharp": "{0}", "printf": "%s", "redacted": "REDACTED", "stripped": "(removed)", "todo": "TODO: add key", "change": "changeme" * 8,
    "base64_words": "dGhpcyBpcyBub3QgYSBwcml2YXRlIGtleSwganVzdCBhIHRlc3Qgb2YgdGhlIHBhcnNlcg==", "abc": "abc", "abc123": "abc123" * 30, "digits": "0123456789" * 20, "zeros": "0" * 64, "secret": "c2VjcmV0", "sops": "ENC[AES256_GCM,data:AbCdEfGhIjKlMnOpQrStUvWxYz0123456789,iv:aaaa,tag:bbbb,type:str]",
}
for name, body in PLACES.items():
    one = body.replace("\n", "\\n")
    silent(f"place_{name}.pem", f"{begin('PRIVATE KEY')}\n{body}\n{end('PRIVATE KEY')}\n", "a placeholder for a key")
    silent(f"place_{name}.env", f'RSA_KEY="{begin("RSA PRIVATE KEY")}\\n{one}\\n{end("RSA PRIVATE KEY")}"\n', "a placeholder for a key, on one line")
    silent(f"place_{name}.yaml", f"data:\n  tls.key: {base64.b64encode((begin('EC PRIVATE KEY') + chr(10) + body + chr(10) + end('EC PRIVATE KEY') + chr(10)).encode()).decode()}\n", "a placeholder for a key, in a Secret")
    silent(f"place_{name}.c", f'const char *k = "{begin("PRIVATE KEY")}\\n"\n  "{one}\\n"\n  "{end("PRIVATE KEY")}\\n";\n', "a placeholder for a key, in C")
silent("openssh_dots.md", begin("OPENSSH PRIVATE KEY") + "\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n...\n" + end("OPENSSH PRIVATE KEY") + "\n", "documentation with the first line of a key")
silent("pgp_dots.md", begin("PGP PRIVATE KEY BLOCK") + "\nVersion: GnuPG v2\n\nlQOYBF...\n=AbCd\n" + end("PGP PRIVATE KEY BLOCK") + "\n", "documentation with the first digits of a key")
silent("pgp_headers.md", begin("PGP PRIVATE KEY BLOCK") + "\nVersion: GnuPG v2\nComment: none\n\n" + end("PGP PRIVATE KEY BLOCK") + "\n", "headers without a body")
silent("proc_type_body.pem", begin("RSA PRIVATE KEY") + "\nProc-Type: 4,ENCRYPTED\nDEK-Info: DES-EDE3-CBC,0123456789ABCDEF\n\n<base64>\n" + end("RSA PRIVATE KEY") + "\n", "documentation of encrypted PEM")
silent("minified.js", 'function e(t){return"~~~~~BEGIN PRIVATE KEY~~~~~\\n"+btoa(String.fromCharCode(...t)).replace(/(.{64})/g,"$1\\n")+"\\n~~~~~END PRIVATE KEY~~~~~"}function n(t){return atob(t.replace(/~~~~~[^-]+~~~~~|\\s/g,""))}\n', "a PEM writer, minified")
silent("regex.go", 'var re = regexp.MustCompile(`(?s)~~~~~BEGIN (?:RSA |EC |DSA |OPENSSH )?PRIVATE KEY~~~~~.+?~~~~~END (?:RSA |EC |DSA |OPENSSH )?PRIVATE KEY~~~~~`)\n', "a regular expression")
silent("regex.py", "KEY = re.compile(rb'~~~~~BEGIN ([A-Z ]*)PRIVATE KEY~~~~~\\r?\\n([A-Za-z0-9+/=\\r\\n]+)~~~~~END')\nTABLE = {'rsa': '~~~~~BEGIN RSA PRIVATE KEY~~~~~', 'ec': '~~~~~BEGIN EC PRIVATE KEY~~~~~'}\n", "a regular expression and a table")
silent("hook.py", "BLACKLIST = [\n" + "".join(f"    b'BEGIN {l}',\n    b'{begin(l)}',\n" for l in LABELS) + "]\n", "the list of a commit hook")
silent("yara.yar", 'rule pem { strings: $a = "~~~~~BEGIN RSA PRIVATE KEY~~~~~" base64 $b = { 30 82 ?? ?? 02 01 00 02 82 } $c = { 2d 2d 2d 2d 2d 42 45 47 49 4e } condition: any of them }\n', "a YARA rule")
silent("rules_b64.json", json.dumps({"rules": ["LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQ==", "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t", "tLS0tLUJFR0lOI", "TFMwdExTMUNSVWRKVGlC", "308204bd020100300d06092a864886f70d0101010500", "0x30, 0x82, 0x04, 0xa4, 0x02, 0x01, 0x00, 0x02"]}), "what scanners look for")
silent("openapi.yaml", "paths:\n  /keys:\n    post:\n      requestBody:\n        content:\n          application/json:\n            example:\n              private_key: \"~~~~~BEGIN PRIVATE KEY~~~~~\\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC...\\n~~~~~END PRIVATE KEY~~~~~\"\n", "an example of an interface")
silent("help.po", 'msgid "The file must begin with ~~~~~BEGIN PRIVATE KEY~~~~~ and end with ~~~~~END PRIVATE KEY~~~~~"\nmsgstr "Die Datei muss mit ~~~~~BEGIN PRIVATE KEY~~~~~ beginnen und mit ~~~~~END PRIVATE KEY~~~~~ enden"\n', "a message and its translation")
silent("faq.txt", "Q: My key says ~~~~~BEGIN ENCRYPTED PRIVATE KEY~~~~~ and yours ~~~~~BEGIN RSA PRIVATE KEY~~~~~, why?\nA: The first is PKCS#8, the second PKCS#1. openssl pkey -traditional turns the one into the other.\n", "prose about labels")
silent("symlink_relative", "../../private/keys/release-signing.pem", "the target of a symbolic link")
silent("vault.yml", "$ANSIBLE_VAULT;1.1;AES256\n" + "\n".join(noise(f"v{i}", 40).hex() for i in range(20)) + "\n", "a vault: encrypted, no key format")
silent("placeholders.properties", "storePassword=changeme\nkeyPassword=${KEY_PASSWORD}\nstoreFile=release.jks\nprivate_key=xxxxxxxx\nsecret_key=<secret>\n", "placeholders")
# Long digits that are no key.
silent("sha256sums.txt", "".join(f"{noise(f's{i}', 32).hex()}  pool/main/{i:04d}.deb\n" for i in range(500)), "a list of hashes")
silent("sha1_only.txt", "".join(f"{noise(f't{i}', 20).hex()}\n" for i in range(500)), "hashes and nothing else")
silent("spki_pins.conf", "".join(f'pin-sha256="{base64.b64encode(noise(f"pin{i}", 32)).decode()}"\n' for i in range(100)), "pins of public keys")
silent("jwt.log", "".join(f"Authorization: Bearer {base64.urlsafe_b64encode(b'{%calg%c:%cRS256%c}' % ((34,) * 4)).decode().rstrip('=')}.{base64.urlsafe_b64encode(noise(f'j{i}', 200)).decode().rstrip('=')}.{base64.urlsafe_b64encode(noise(f'k{i}', 256)).decode().rstrip('=')}\n" for i in range(30)), "signed tokens")
silent("font.css", "@font-face { src: url(data:font/woff2;base64," + base64.b64encode(b"wOF2" + bytes(20) + noise("woff", 12000)).decode() + ") }\n", "a font in base64")
silent("wasm.js", "var wasm = '" + base64.b64encode(b"\0asm\1\0\0\0\1\7\2\0\0\0\2\1\0\2" + noise("wasm", 9000)).decode() + "';\n", "a program in base64")
silent("source_map.js", "//# sourceMappingURL=data:application/json;base64," + base64.b64encode(json.dumps({"version": 3, "mappings": ";".join("AAAA" for _ in range(800))}).encode()).decode() + "\n", "a source map")
silent("moduli", "".join(f"20200101000000 2 6 100 2047 2 {noise(f'm{i}', 256).hex().upper()}\n" for i in range(20)), "moduli of Diffie-Hellman")
silent("oids.c", "static const unsigned char o[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01 };\nstatic const unsigned char head[] = { 0x30, 0x82, 0x00, 0x00, 0x02, 0x01, 0x00, 0x02, 0x82 };\n" * 20, "object identifiers and a template")
silent("table.py", "T = [" + ", ".join(str(b) for b in noise("table", 4096)) + "]\n", "a table of numbers")
silent("sbox.h", "static const u8 s[256] = {\n" + ",\n".join(", ".join(f"0x{(i * 7 + j) & 255:02x}" for j in range(16)) for i in range(0, 256, 16)) + "\n};\n", "a table of a cipher")
silent("firmware.h", "unsigned char fw[] = {\n" + ",\n".join("  " + ", ".join(f"0x{b:02x}" for b in noise(f"fw{i}", 12)) for i in range(400)) + "\n};\n", "firmware by xxd -i")
silent("ed25519_vectors.txt", "# public keys and signatures, hexadecimal\n" + "".join(f"{noise(f'ep{i}', 32).hex()}:{noise(f'es{i}', 64).hex()}\n" for i in range(100)), "public keys and signatures")
silent("build_der.py", "def private_key_info(oid, key):\n    return bytes.fromhex('020100') + seq(oid) + octets(key)\n\nED25519 = bytes.fromhex('302e020100300506032b657004220420')\nP256 = bytes.fromhex('308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420')\n", "prefixes that a program puts before a key")
silent("build_der.rs", "const PREFIX: [u8; 16] = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];\nconst P256: &[u8] = b\"\\x30\\x81\\x87\\x02\\x01\\x00\\x30\\x13\\x06\\x07\\x2a\\x86\\x48\\xce\\x3d\\x02\\x01\\x06\\x08\\x2a\\x86\\x48\\xce\\x3d\\x03\\x01\\x07\\x04\\x6d\\x30\\x6b\\x02\\x01\\x01\\x04\\x20\";\n", "prefixes that a program puts before a key")

# Labels that say they are for tests (RFC 9500): the reader swaps the word at run time, and so can anybody. They are found.
f.run("openssl genrsa -traditional -out k.pem 2048; openssl genrsa -out p8.pem 2048; openssl ecparam -genkey -noout -name prime256v1 -out ec.pem; openssl genpkey -algorithm ED25519 -out ed.pem; "
      "openssl dsaparam -out dsap.pem 1024; openssl gendsa -out dsa.pem dsap.pem; openssl pkey -in dsa.pem -traditional -out dsat.pem; for k in k p8 ec ed dsa; do openssl asn1parse -in $k.pem -noout -out $k.der; done")
for stem, label, format in (("k", "RSA", "pkcs1"), ("ec", "EC", "sec1"), ("p8", "", "pkcs8")):
    word = f"{label} TESTING KEY".strip()
    f.add(f"testing_{stem}.pem", pem(word, f.read(f"{stem}.der")), f"openssl, label changed to {word}", [f.key(f"{stem}.pem", format)], oracle="openssl pkey -pubout -outform DER, with PRIVATE for TESTING | sha256sum")

# Public halves.
f.run("openssl pkey -in k.pem -pubout -out k.pub; openssl rsa -in k.pem -RSAPublicKey_out -out k.rsapub; openssl pkey -in ec.pem -pubout -out ec.pub; openssl pkey -in ed.pem -pubout -out ed.pub; openssl pkey -in dsa.pem -pubout -out dsa.pub")
for stem in ("k", "ec", "ed", "dsa"):
    f.add(f"public_{stem}.pem", f.read(f"{stem}.pub"), "openssl pkey -pubout", publics=[f.public(f"{stem}.pub")], why="a public key", silent=True)
    made(f"public_{stem}.der", f"openssl pkey -pubin -in {stem}.pub -outform DER -out public_{stem}.der", "a public key")
f.add("public_pkcs1.pem", f.read("k.rsapub"), "openssl rsa -RSAPublicKey_out", publics=[f.public("k.pub")], why="a public key", silent=True)
made("public_pkcs1.der", "openssl rsa -in k.pem -RSAPublicKey_out -outform DER -out public_pkcs1.der", "a public key")
f.add("public_labelled_private.pem", pem("PRIVATE KEY", der_of(f.read("k.pub").decode())), "openssl pkey -pubout, label changed", oracle="openssl pkey refuses it", why="a public key under a private label", silent=True)
for kind in ("rsa", "dsa", "ecdsa", "ed25519"):
    f.run(f"ssh-keygen -q -t {kind} -N '' -C c -f ssh_{kind}; puttygen ssh_{kind} -O public -o ssh_{kind}.putty; ssh-keygen -q -s ssh_ed25519 -I i -n u ssh_{kind}.pub" if kind == "ed25519" else f"ssh-keygen -q -t {kind} -N '' -C c -f ssh_{kind}; puttygen ssh_{kind} -O public -o ssh_{kind}.putty")
    f.add(f"ssh_{kind}.pub", f.read(f"ssh_{kind}.pub"), f"ssh-keygen -t {kind}", oracle="public by its kind", why="a public key", silent=True)
    f.add(f"ssh_{kind}.putty.pub", f.read(f"ssh_{kind}.putty"), "puttygen -O public", oracle="public by its kind", why="a public key", silent=True)
    blob = base64.b64decode(f.read(f"ssh_{kind}.pub").split()[1])
    f.add(f"ssh_{kind}.pub.bin", blob, f"ssh-keygen -t {kind}; base64 -d", oracle="public by its kind", why="a public key blob; a Dropbear private key begins the same", silent=True)
made("authorized_keys", "cat ssh_rsa.pub ssh_ecdsa.pub ssh_ed25519.pub > authorized_keys", "public keys")
made("known_hosts", "(echo -n 'host '; cat ssh_rsa.pub; echo -n '@cert-authority * '; cat ssh_ed25519.pub) > known_hosts", "public keys")
f.run("mkdir -m 700 g")
GPG = "GNUPGHOME=g gpg --batch --quiet --pinentry-mode loopback --passphrase ''"
f.run(f"{GPG} --quick-gen-key 'a <a@example.org>' rsa2048 default never && {GPG} --quick-gen-key 'b <b@example.org>' ed25519 default never; echo hi > msg")
made("pgp_public.asc", f"{GPG} --armor --export > pgp_public.asc", "a public key block")
made("pgp_public.gpg", f"{GPG} --export > pgp_public.gpg", "public keys")
made("pubring.kbx", "cp g/pubring.kbx pubring.kbx", "a keybox")
made("trustdb.gpg", "cp g/trustdb.gpg trustdb.gpg", "a trust database")
made("revocation.rev", "cat g/openpgp-revocs.d/*.rev > revocation.rev", "revocation certificates: they sign nothing")
made("pgp_signature.asc", f"{GPG} --armor --detach-sign --output pgp_signature.asc msg", "a signature")
made("pgp_signature.sig", f"{GPG} --detach-sign --output pgp_signature.sig msg", "a signature")
made("pgp_clearsigned.txt", f"{GPG} --clearsign --output pgp_clearsigned.txt msg", "a signed text")
made("pgp_message.asc", f"{GPG} --armor --symmetric --passphrase x --output pgp_message.asc msg", "an encrypted message")
f.add("pgp_public_labelled_private.asc", f.read("pgp_public.asc").replace(b"PUBLIC KEY", b"PRIVATE KEY"), "gpg --armor --export, label changed", oracle="gpg --list-packets shows public packets", why="public keys under a private label", silent=True)
f.run("GNUPGHOME=g gpgconf --kill all; echo hi | ssh-keygen -Y sign -f ssh_ed25519 -n file > ssh_signature.txt 2>/dev/null")
f.add("ssh_signature.txt", f.read("ssh_signature.txt"), "ssh-keygen -Y sign", oracle="public by its kind", why="a signature", silent=True)
f.run("ssh-keygen -q -k -f krl ssh_rsa.pub || ssh-keygen -k -f krl ssh_rsa.pub")
f.add("ssh_krl", f.read("krl"), "ssh-keygen -k", oracle="public by its kind", why="a revocation list", silent=True)

# Certificates and their kin.
f.run("openssl req -x509 -key k.pem -subj /CN=ca -days 30 -out ca.pem; openssl req -new -key ec.pem -subj /CN=l -out l.csr; openssl x509 -req -in l.csr -CA ca.pem -CAkey k.pem -CAcreateserial -days 30 -out l.pem")
two = [f.cert("l.pem"), f.cert("ca.pem")]
made("bundle.pem", "cat l.pem ca.pem > bundle.pem", "a certificate bundle", two)
bundle = f.read("bundle.pem").decode()
f.add("ca_bundle.pem", "".join(f"# {n}\n# SHA-256: {noise(n, 32).hex(':')}\n{bundle}\n" for n in ("Example Root", "Other Root", "Third Root")), "cat of certificates with comments, as bundles have it", certs=two, oracle="public by its kind", why="a bundle of roots", silent=True)
f.add("ca_bundle.json", json.dumps({"roots": bundle.split("-----END CERTIFICATE-----\n")[0] + "-----END CERTIFICATE-----\n"}), "openssl, in JSON", certs=two[:1], oracle="public by its kind", why="a root in JSON", silent=True)
f.add("ca_bundle.c", "static const char *roots[] = {\n" + "".join(f'"{l}\\n"\n' for l in bundle.splitlines()) + "};\n", "openssl, in C", certs=two, oracle="public by its kind", why="a bundle of roots in C", silent=True)
made("bundle.der", "openssl x509 -in ca.pem -outform DER -out bundle.der", "a certificate", two[1:])
made("request.pem", "cp l.csr request.pem", "a certificate request")
made("request.der", "openssl req -in l.csr -outform DER -out request.der", "a certificate request")
f.run("mkdir -p d && touch d/index && echo 01 > d/number && printf '[ca]\\ndefault_ca=c\\n[c]\\ndatabase=d/index\\ncrlnumber=d/number\\ndefault_md=sha256\\ndefault_crl_days=9\\n' > ca.cnf")
made("crl.pem", "openssl ca -config ca.cnf -gencrl -cert ca.pem -keyfile k.pem -out crl.pem", "a revocation list")
made("crl.der", "openssl crl -in crl.pem -outform DER -out crl.der", "a revocation list")
made("bundle.p7b", "openssl crl2pkcs7 -nocrl -certfile bundle.pem -outform DER -out bundle.p7b", "PKCS#7 with certificates")
made("bundle_p7.pem", "openssl crl2pkcs7 -nocrl -certfile bundle.pem -out bundle_p7.pem", "PKCS#7 with certificates")
made("signature.p7s", "openssl cms -sign -in msg -signer ca.pem -inkey k.pem -outform DER -out signature.p7s", "a CMS signature")
made("signature.pem", "openssl cms -sign -in msg -signer ca.pem -inkey k.pem -outform PEM -out signature.pem", "a CMS signature")
made("enveloped.pem", "openssl cms -encrypt -in msg -outform PEM -out enveloped.pem ca.pem", "an encrypted message")
made("truststore.jks", f"keytool -importcert -noprompt -alias ca -file ca.pem -storetype JKS -storepass {PASS} -keystore truststore.jks", "a trust store", two[1:])
made("truststore.p12", f"keytool -importcert -noprompt -alias ca -file ca.pem -storetype PKCS12 -storepass {PASS} -keystore truststore.p12", "a trust store")
made("dh_parameters.pem", "openssl genpkey -genparam -algorithm DH -pkeyopt group:ffdhe2048 -out dh_parameters.pem", "parameters")
made("dsa_parameters.pem", "cp dsap.pem dsa_parameters.pem", "parameters")
made("dsa_parameters.der", "openssl dsaparam -in dsap.pem -outform DER -out dsa_parameters.der", "parameters")
made("ec_parameters.pem", "openssl ecparam -name prime256v1 -out ec_parameters.pem", "parameters")
made("ec_parameters_explicit.pem", "openssl ecparam -name prime256v1 -param_enc explicit -out ec_parameters_explicit.pem", "parameters")
f.add("certificate_labelled_private.pem", pem("RSA PRIVATE KEY", der_of(f.read("ca.pem").decode())), "openssl req -x509, label changed", oracle="openssl pkey refuses it", why="a certificate under a private label", silent=True)
made("age.txt", "printf -- '~~~~~BEGIN AGE ENCRYPTED FILE~~~~~\\nYWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBBQUFB\\n~~~~~END AGE ENCRYPTED FILE~~~~~\\n' > age.txt", "an encrypted file")

# Damaged keys: reporting them is right, calling them proven is not.
KEYS = {"k": "RSA PRIVATE KEY", "p8": "PRIVATE KEY", "ec": "EC PRIVATE KEY", "ed": "PRIVATE KEY"}
for stem, label in KEYS.items():
    text, der = f.read(f"{stem}.pem").decode(), f.read(f"{stem}.der")
    lines = text.rstrip("\n").split("\n")
    if len(lines) > 6:
        for cut in (3, len(lines) // 2, len(lines) - 3):
            damaged(f"cut_{stem}_{cut}.pem", "\n".join(lines[:cut] + lines[-1:]) + "\n", f"{stem}.pem with {cut - 1} body lines", "body lines missing")
            damaged(f"cut_{stem}_{cut}_noend.pem", "\n".join(lines[:cut]) + "\n", f"{stem}.pem with {cut - 1} body lines, no END", "body lines missing")
        damaged(f"hole_{stem}.pem", "\n".join(lines[:5] + lines[7:]) + "\n", f"{stem}.pem without two lines in the middle", "body lines missing")
        damaged(f"swap_{stem}.pem", "\n".join(lines[:5] + [lines[6], lines[5]] + lines[7:]) + "\n", f"{stem}.pem with two lines swapped", "body lines in the wrong order")
        damaged(f"dots_{stem}.pem", "\n".join(lines[:5] + ["..."] + lines[-3:]) + "\n", f"{stem}.pem with the middle left out", "documentation made from a real key")
    for part in (2, 4, 10):
        damaged(f"cut_{stem}_part{part}.der", der[: len(der) * (part - 1) // part], f"{stem}.der, cut", "the length says more than there is")
n = int(f.run("openssl rsa -in k.pem -noout -modulus").decode().strip().split("=")[1], 16).to_bytes(256, "big")
for stem in ("k", "p8"):
    der = f.read(f"{stem}.der")
    at = f.read("k.der" if stem == "k" else "p8.der").find(n) if stem == "k" else der.find(bytes.fromhex(f.run("openssl rsa -in p8.pem -noout -modulus").decode().strip().split("=")[1]))
    for where in (1, 100, 255):
        flipped = bytearray(der)
        flipped[at + where] ^= 0x10
        damaged(f"flip_{stem}_{where}.pem", pem(KEYS[stem], bytes(flipped)), f"{stem}.pem with one bit of n flipped", "n is not p*q")
        damaged(f"flip_{stem}_{where}.der", bytes(flipped), f"{stem}.der with one bit of n flipped", "n is not p*q")
point = f.run("openssl pkey -in ec.pem -pubout -outform DER")[-65:]
der = f.read("ec.der")
at = der.find(point)
for where in (5, 40, 64):
    flipped = bytearray(der)
    flipped[at + where] ^= 0x10
    damaged(f"flip_ec_{where}.pem", pem("EC PRIVATE KEY", bytes(flipped)), "ec.pem with one bit of the point flipped", "the point is not the scalar's")
scalar = bytearray(der)
scalar[7 + 20] ^= 0x10
damaged("flip_ec_scalar.pem", pem("EC PRIVATE KEY", bytes(scalar)), "ec.pem with one bit of the scalar flipped", "the point is not the scalar's")
zero = bytearray(der)
zero[7 : 7 + 32] = bytes(32)
damaged("zero_ec_scalar.pem", pem("EC PRIVATE KEY", bytes(zero)), "ec.pem with the scalar zero", "zero is no private key")
big = bytearray(der)
big[7 : 7 + 32] = b"\xff" * 32
damaged("big_ec_scalar.pem", pem("EC PRIVATE KEY", bytes(big)), "ec.pem with a scalar above the order", "out of range")
damaged("nine_integers.pem", pem("RSA PRIVATE KEY", tlv(0x30, integer(0) + b"".join(integer(int.from_bytes(b"\xc1" + noise(f"n{i}", w - 1), "big") | 1) for i, w in enumerate((256, 3, 256, 128, 128, 128, 128, 128))))), "nine INTEGERs of the right sizes", "n is not p*q")
dt = bytearray(der_of(f.read("dsat.pem").decode()))
dt[-5] ^= 1
damaged("flip_dsa.pem", pem("DSA PRIVATE KEY", bytes(dt)), "dsa key with one bit of x flipped", "y is not g^x")
ssh = bytearray(der_of(f.read("ssh_ed25519").decode()))
pub = base64.b64decode(f.read("ssh_ed25519.pub").split()[1])[-32:]
second = bytes(ssh).find(pub, bytes(ssh).find(pub) + 32)
seed_at = bytes(ssh).find(b"\0\0\0\x40", second) + 4
ssh[seed_at + 3] ^= 1
damaged("flip_openssh_seed.pem", pem("OPENSSH PRIVATE KEY", bytes(ssh), 70), "an OpenSSH Ed25519 key with one bit of the seed flipped", "the public key is not the seed's")
check = bytearray(der_of(f.read("ssh_ed25519").decode()))
first = bytes(check).find(b"none\0\0\0\x04none\0\0\0\0\0\0\0\x01") + 4 + 8 + 4 + 4 + 4 + 51 + 4
check[first] ^= 0xFF
damaged("flip_openssh_check.pem", pem("OPENSSH PRIVATE KEY", bytes(check), 70), "an OpenSSH key with one check word changed", "the check words differ")
for part in (2, 4):
    body = der_of(f.read("ssh_rsa").decode())
    damaged(f"cut_openssh_{part}.pem", pem("OPENSSH PRIVATE KEY", body[: len(body) * (part - 1) // part], 70), "an OpenSSH key, cut", "the length says more than there is")
f.run(f"GNUPGHOME=g {GPG.split(' ', 1)[1]} --export-secret-keys b@example.org > sec.gpg; GNUPGHOME=g gpgconf --kill all")
sec = f.read("sec.gpg")
damaged("cut_pgp.gpg", sec[:60], "gpg --export-secret-keys, the first 60 bytes", "the packet says more than there is")
f.run(f"openssl req -x509 -key p8.pem -subj /CN=p -days 9 -out p8.crt; openssl pkcs12 -export -inkey p8.pem -in p8.crt -passout pass:{PASS} -out p.p12; keytool -genkeypair -alias a -keyalg RSA -keysize 2048 -dname CN=a -storetype JKS -storepass {PASS} -keypass {PASS} -keystore a.jks 2>&1")
for name in ("p.p12", "a.jks"):
    data = f.read(name)
    for part in (2, 4):
        damaged(f"cut_{name.split('.')[0]}_{part}.{name.split('.')[1]}", data[: len(data) * (part - 1) // part], f"{name}, cut", "the length says more than there is")

f.random(name="random", kind="random", seed=1, bytes=1 << 20)
f.random(name="random_base64", kind="base64", seed=2, bytes=1 << 19)
f.random(name="random_base64_wrapped", kind="base64_wrapped", seed=3, bytes=1 << 19)
f.random(name="zeros", kind="zeros", seed=0, bytes=1 << 20)
f.random(name="der_noise", kind="der", seed=4, bytes=1 << 19)
f.random(name="pem_noise", kind="pem", seed=5, bytes=1 << 18)
f.finish()
