"""Encodings of encodings: each file is made by the tools that people use, and undone by another or by the same."""

import base64
import json

from .core import carrier

KIND = "text: encodings of encodings"

# name, the pipe that encodes, the pipe that decodes, packages.
PIPES = [
    ("hex-of-base64", "base64 -w0 | xxd -p -c0", "xxd -r -p | base64 -d", "xxd"),
    ("hex-of-base64-wrapped", "base64 | xxd -p", "xxd -r -p | base64 -d", "xxd"),
    ("base64-of-base64", "base64 | base64", "base64 -d | base64 -d", "coreutils"),
    ("base64-of-base64-of-base64", "base64 | base64 -w0 | base64", "base64 -d | base64 -d | base64 -d", "coreutils"),
    ("base64-of-hex", "xxd -p | base64", "base64 -d | xxd -r -p", "xxd"),
    ("hex-of-hex", "xxd -p | xxd -p", "xxd -r -p | xxd -r -p", "xxd"),
    ("gzip-base64", "gzip -9n | base64", "base64 -d | gzip -d", "gzip"),
    ("gzip-base64-one-line", "gzip -1n | base64 -w0", "base64 -d | gzip -d", "gzip"),
    ("gzip-base64url", "gzip -n | basenc --base64url -w0", "basenc -d --base64url | gzip -d", "gzip"),
    ("gzip-hex", "gzip -n | xxd -p -c0", "xxd -r -p | gzip -d", "gzip"),
    ("bzip2-base64", "bzip2 | base64", "base64 -d | bzip2 -d", "bzip2"),
    ("xz-base64", "xz | base64", "base64 -d | xz -d", "xz-utils"),
    ("lzma-base64", "xz --format=lzma | base64", "base64 -d | xz --format=lzma -d", "xz-utils"),
    ("zstd-base64", "zstd -q | base64 -w0", "base64 -d | zstd -dq", "zstd"),
    ("lz4-base64", "lz4 -q | base64", "base64 -d | lz4 -dq", "lz4"),
    ("zlib-base64", "pigz -z | base64", "base64 -d | pigz -dz", "pigz"),
    ("zlib-hex", "pigz -z | xxd -p", "xxd -r -p | pigz -dz", "pigz"),
    ("brotli-base64", "brotli -c | base64", "base64 -d | brotli -dc", "brotli"),
    ("lzip-base64", "lzip | base64", "base64 -d | lzip -d", "lzip"),
    ("compress-base64", "compress -f -c | base64", "base64 -d | gzip -d", "ncompress"),
    ("xz-hex", "xz | xxd -p", "xxd -r -p | xz -d", "xz-utils"),
    ("bzip2-hex", "bzip2 | xxd -p -c0", "xxd -r -p | bzip2 -d", "bzip2"),
    ("gzip-gzip-base64", "gzip | gzip | base64", "base64 -d | gzip -d | gzip -d", "gzip"),
    (
        "gzip-base64-gzip-base64",
        "gzip | base64 | gzip | base64 -w0",
        "base64 -d | gzip -d | base64 -d | gzip -d",
        "gzip",
    ),
    ("base64-gzip", "base64 | gzip", "gzip -d | base64 -d", "gzip"),
    (
        "helm-release-base64-base64-gzip",
        "gzip -9 | base64 -w0 | base64 -w0",
        "base64 -d | base64 -d | gzip -d",
        "gzip",
    ),
    ("base32", "base32", "base32 -d", "coreutils"),
    ("base32-one-line", "base32 -w0", "base32 -d", "coreutils"),
    ("base32hex", "basenc --base32hex", "basenc -d --base32hex", "coreutils"),
    ("base16-upper", "basenc --base16", "basenc -d --base16", "coreutils"),
    ("uuencode", "uuencode key.pem", "uudecode -o /dev/stdout", "sharutils"),
    ("uuencode-m", "uuencode -m key.pem", "uudecode -o /dev/stdout", "sharutils"),
    ("uuencode-gzip", "gzip | uuencode key.gz", "uudecode -o /dev/stdout | gzip -d", "sharutils"),
    (
        "quoted-printable",
        "perl -MMIME::QuotedPrint -0777 -ne 'print encode_qp($_)'",
        "perl -MMIME::QuotedPrint -0777 -ne 'print decode_qp($_)'",
        "perl",
    ),
    (
        "quoted-printable-binary-narrow",
        (
            "perl -MMIME::QuotedPrint -0777 -ne"
            " '$x=encode_qp($_,\"\");$x=~s/(.{1,40}(?<!=)(?<!=[0-9A-F]))/$1=\\n/g;print $x'"
        ),
        "perl -MMIME::QuotedPrint -0777 -ne 'print decode_qp($_)'",
        "perl",
    ),
    ("recode-base64", "recode -f ../b64", "base64 -d", "recode"),
    ("openssl-base64-A", "openssl base64 -A", "openssl base64 -d -A", "openssl"),
    ("gzip-xxd-dump", "gzip | xxd", "xxd -r | gzip -d", "xxd"),
    ("xz-uuencode", "xz | uuencode k.xz", "uudecode -o /dev/stdout | xz -d", "sharutils"),
    ("tar-gz-base64", "cat > k.pem; tar -cz k.pem | base64", "base64 -d | tar -xzO", "tar"),
    (
        "zip-base64",
        "cat > k.pem; rm -f k.zip; zip -q k.zip k.pem; base64 k.zip",
        "base64 -d > t.zip; unzip -p t.zip",
        "zip",
    ),
    (
        "7z-base64",
        "cat > k.pem; rm -f k.7z; 7z a -bso0 -bsp0 k.7z k.pem; base64 k.7z",
        "base64 -d > t.7z; 7z x -so -bsp0 t.7z",
        "p7zip-full",
    ),
    ("tar-xz-hex", "cat > k.pem; tar -cJ k.pem | xxd -p", "xxd -r -p | tar -xJO", "tar"),
    (
        "intel-hex",
        "cat > k; objcopy -I binary -O ihex k k.hex; cat k.hex",
        "cat > t.hex; objcopy -I ihex -O binary t.hex t.bin; cat t.bin",
        "binutils",
    ),
    (
        "s-record",
        "cat > k; objcopy -I binary -O srec k k.srec; cat k.srec",
        "cat > t.srec; objcopy -I srec -O binary t.srec t.bin; cat t.bin",
        "binutils",
    ),
    ("verilog-objcopy", "cat > k; objcopy -I binary -O verilog k k.v; cat k.v", "grep -v @ | xxd -r -p", "binutils"),
    (
        "srec-of-gzip",
        "gzip > k; objcopy -I binary -O srec k k.srec; cat k.srec",
        "cat > t.srec; objcopy -I srec -O binary t.srec t.bin; gzip -d < t.bin",
        "binutils",
    ),
]
FORMS = ("rsa", "p256:der", "p12")


def register(n, name, there, back, packages):
    def make(c):
        for form in FORMS:
            if name == "rot13" and form != "rsa":
                continue
            key = c.key(form, form.replace(":", "-"))
            wrapped = (
                n % 2 == 1
                and "srec" not in name
                and "hex" not in name
                and name.count("base64")
                and name != "recode-base64"
            )
            key.file = f"{key.place}.{'json' if wrapped else 'txt'}"
            got = c.sh(there, key.data)
            if wrapped:
                c.put(key.file, json.dumps({"name": "tls", "data": got.decode(), "size": len(key.data)}, indent=2))
            else:
                c.put(key.file, got)
            c.prove(key, c.sh(back, got), back.split("|")[0].split()[0])

    carrier(f"enc-{name}", KIND, packages)(make)


for n, row in enumerate(PIPES):
    if row[0] != "recode-base64":
        register(n, *row)

# A JWK as other languages write it. name, suffix, head, a field, separator, tail.
TABLES = [
    ("hcl-equals", "tf", "jwk = {\n", lambda k, v: f'  {k} = "{v}"', "\n", "\n}\n"),
    ("php-arrow", "php", "<?php return [\n", lambda k, v: f"  '{k}' => '{v}',", "\n", "\n];\n"),
    ("ruby-hash-rocket", "rb", "JWK = {\n", lambda k, v: f'  "{k}" => "{v}"', ",\n", "\n}\n"),
    ("ruby-symbols", "rb", "JWK = {", lambda k, v: f':{k}=>"{v}"', ", ", "}\n"),
    ("ruby-new-symbols", "rb", "JWK = { ", lambda k, v: f"{k}: '{v}'", ", ", " }\n"),
    ("toml", "toml", "[jwk]\n", lambda k, v: f'{k} = "{v}"', "\n", "\n"),
    ("yaml-plain", "yaml", "jwk:\n", lambda k, v: f"  {k}: {v}", "\n", "\n"),
    ("yaml-flow", "yaml", "jwk: {", lambda k, v: f"{k}: {v}", ", ", "}\n"),
    ("python-dict-single", "py", "JWK = {", lambda k, v: f"'{k}': '{v}'", ", ", "}\n"),
    ("python-dict-call", "py", "JWK = dict(", lambda k, v: f"{k}='{v}'", ", ", ")\n"),
    ("js-object-bare", "js", "const jwk = {", lambda k, v: f"{k}: '{v}'", ",\n  ", "};\n"),
    ("go-struct-literal", "go", "var k = JWK{", lambda k, v: f'{k.title()}: "{v}"', ", ", "}\n"),
    ("properties", "properties", "", lambda k, v: f"jwk.{k}={v}", "\n", "\n"),
    ("env-prefix", "env", "", lambda k, v: f"JWK_{k.upper()}={v}", "\n", "\n"),
    ("xml-elements", "xml", "<jwk>", lambda k, v: f"<{k}>{v}</{k}>", "", "</jwk>\n"),
    ("xml-attributes", "xml", "<jwk ", lambda k, v: f'{k}="{v}"', " ", "/>\n"),
    ("form-fields", "txt", "", lambda k, v: f"{k}={v}", "&", "\n"),
    ("clojure-edn", "edn", "{", lambda k, v: f':{k} "{v}"', ", ", "}\n"),
    ("perl-hash", "pl", "my %jwk = (", lambda k, v: f"{k} => '{v}'", ", ", ");\n"),
    ("lua-table", "lua", "jwk = {", lambda k, v: f'{k} = "{v}"', ", ", "}\n"),
    ("swift-dict", "swift", "let jwk = [", lambda k, v: f'"{k}": "{v}"', ", ", "]\n"),
    ("powershell-hash", "ps1", "$jwk = @{", lambda k, v: f"{k} = '{v}'", "; ", "}\n"),
    ("csv-rows", "csv", "name,value\n", lambda k, v: f"{k},{v}", "\n", "\n"),
    ("json-escaped-in-json", "json", None, None, None, None),
]


def register_jwk(name, ext, head, field, sep, tail):
    def make(c):
        for form in ("jwk", "jwk-rsa"):
            key = c.key(form, form)
            key.file = f"{form}.{ext}"
            items = json.loads(key.text)
            if head is None:
                text = json.dumps({"secret": json.dumps({"keys": [json.dumps(items)]})})
            else:
                text = head + sep.join(field(k, v) for k, v in items.items()) + tail
            c.put(key.file, text)
            whole = all(v in text for v in items.values())
            c.prove(key, key.data if whole else b"", "every value of the JWK is in the text")

    carrier(f"jwk-{name}", KIND, "python3")(make)


for row in TABLES:
    register_jwk(*row)


@carrier("jwks-base64-in-env", KIND, "python3")
def jwks_b64(c):
    for form in ("jwk", "jwk-rsa"):
        key = c.key(form, form)
        key.file = f"{form}.env"
        got = base64.b64encode(json.dumps({"keys": [json.loads(key.text)]}).encode())
        c.put(key.file, b"JWKS=" + got + b"\n")
        c.prove(
            key,
            key.data if json.loads(base64.b64decode(got))["keys"][0] == json.loads(key.text) else b"",
            "base64, json",
        )


@carrier("jwk-gzip-base64", KIND, "gzip")
def jwk_gz(c):
    for form in ("jwk", "jwk-rsa"):
        key = c.key(form, form)
        key.file = f"{form}.txt"
        got = c.sh("gzip | base64 -w0", key.data)
        c.put(key.file, got)
        c.prove(key, c.sh("base64 -d | gzip -d", got), "gzip -d")


@carrier("helm-release-secret-yaml", KIND, "gzip pip:PyYAML")
def helm(c):
    import yaml

    key, jwk = c.key("rsa", "values"), c.key("p12", "p12")
    body = {
        "name": "web",
        "info": {"status": "deployed"},
        "chart": {"files": [{"name": "x", "data": "aGk="}]},
        "config": {"tls": {"key": key.text, "store": base64.b64encode(jwk.data).decode()}},
        "manifest": "---\n" * 200,
    }
    packed = c.sh("gzip -9 | base64 -w0 | base64 -w0", json.dumps(body).encode()).decode()
    c.put(
        "secret.yaml",
        yaml.safe_dump(
            {"apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1", "data": {"release": packed}}
        ),
    )
    back = json.loads(
        c.sh(
            "base64 -d | base64 -d | gzip -d",
            yaml.safe_load((c.out / "secret.yaml").read_text())["data"]["release"].encode(),
        )
    )
    c.prove(key, back["config"]["tls"]["key"], "gzip -d, json")
    c.prove(jwk, base64.b64decode(back["config"]["tls"]["store"]), "gzip -d, json")


@carrier("ascii85-adobe", KIND, "python3")
def a85(c):
    for form in FORMS:
        key = c.key(form, form.replace(":", "-"))
        key.file = f"{key.place}.txt"
        got = base64.a85encode(key.data, adobe=True, wrapcol=72)
        c.put(key.file, got)
        c.prove(key, base64.a85decode(got, adobe=True), "base64.a85decode")


@carrier("base85-git-binary-diff", KIND, "git")
def git_binary(c):
    for form in ("p256:der", "p12"):
        key = c.key(form, form.replace(":", "-"))
        key.file = f"{key.place}.patch"
        (c.work / "k.bin").write_bytes(key.data)
        got = c.sh("git diff --no-index --binary /dev/null k.bin", ok=(0, 1))
        c.put(key.file, got)
        c.sh("rm -f k.bin; git init -q g; cd g; git apply -", got)
        c.prove(key, (c.work / "g/k.bin").read_bytes(), "git apply")
        c.sh("rm -rf g")


@carrier("base85-python-b85", KIND, "python3")
def b85(c):
    for form in FORMS:
        key = c.key(form, form.replace(":", "-"))
        key.file = f"{key.place}.txt"
        got = base64.b85encode(key.data)
        c.put(key.file, got)
        c.prove(key, base64.b85decode(got), "base64.b85decode")


@carrier("yenc-sabctools", KIND, "pip:sabctools")
def yenc(c):
    import sabctools

    for form in FORMS:
        key = c.key(form, form.replace(":", "-"))
        key.file = f"{key.place}.yenc"
        body = sabctools.yenc_encode(key.data)
        body = body[0] if isinstance(body, tuple) else body
        head = f"=ybegin line=128 size={len(key.data)} name=key.pem\r\n".encode()
        c.put(key.file, head + body + f"\r\n=yend size={len(key.data)}\r\n".encode())
        out, escaped = bytearray(), False
        for b in body.replace(b"\r\n", b""):
            if escaped:
                out.append((b - 64 - 42) & 255)
                escaped = False
            elif b == 0x3D:
                escaped = True
            else:
                out.append((b - 42) & 255)
        c.prove(key, bytes(out), "by the rules of yEnc")


@carrier("shar-of-files", KIND, "sharutils")
def shar(c):
    keys = c.tree(forms=("rsa", "p256", "p12"))
    c.sh("cd tree && shar -q . > ../k.shar")
    c.sh("mkdir x && cd x && sh ../k.shar >/dev/null")
    c.prove_tree(keys, lambda p: (c.work / "x" / p).read_bytes(), "sh")
    c.take("k.shar")


@carrier("shar-compressed", KIND, "sharutils")
def shar_z(c):
    keys = c.tree(forms=("rsa", "p256", "p12"))
    c.sh("cd tree && shar -q -C xz -B . > ../k.shar")
    c.sh("mkdir x && cd x && sh ../k.shar >/dev/null")
    c.prove_tree(keys, lambda p: (c.work / "x" / p).read_bytes(), "sh")
    c.take("k.shar")


@carrier("saml-deflate-base64-urlencoded", KIND, "python3")
def saml(c):
    import urllib.parse
    import zlib

    key = c.key("rsa", "pem")
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    raw = deflate.compress(b"<a>" + key.data + b"</a>") + deflate.flush()
    c.put(
        "url.txt", "https://h/sso?SAMLRequest=" + urllib.parse.quote_plus(base64.b64encode(raw)) + "&RelayState=1\n"
    )
    text = urllib.parse.parse_qs((c.out / "url.txt").read_text().split("?")[1])["SAMLRequest"][0]
    c.prove(key, zlib.decompress(base64.b64decode(text), -15)[3:-4], "zlib")


@carrier("data-uri-in-css", KIND, "python3")
def data_uri(c):
    for form in FORMS:
        key = c.key(form, form.replace(":", "-"))
        key.file = f"{key.place}.css"
        got = base64.b64encode(key.data).decode()
        c.put(key.file, f"a{{background:url(data:application/octet-stream;base64,{got})}}\n")
        c.prove(key, base64.b64decode(got), "base64")


@carrier("cloud-init-gzip-base64-files", KIND, "gzip pip:PyYAML")
def cloud_init(c):
    import yaml

    files = []
    for form in FORMS:
        key = c.key(form, form.replace(":", "-"))
        got = c.sh("gzip | base64 -w0", key.data).decode()
        files.append({"path": f"/etc/{key.place}", "encoding": "gz+b64", "content": got})
        c.prove(key, c.sh("base64 -d | gzip -d", got.encode()), "gzip -d")
    c.put("user-data", "#cloud-config\n" + yaml.safe_dump({"write_files": files}))
