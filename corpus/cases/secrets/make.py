"""Ordinary secrets of no account: made by the rules that their issuers published, checksums computed here.

Where a library makes such tokens it makes these (macaroons, JSON Web Tokens). The others follow the published format; the
two public vectors of GitHub's and npm's checksum say that the arithmetic below is right.
"""

import base64
import json
import os
import secrets
import string
import zlib

import jwt
import pymacaroons
from cryptography.hazmat.primitives.asymmetric import ec

from kit import Family

f = Family("secrets", "ordinary secrets of no account, with valid checksums, and what only looks like them")

AN = string.digits + string.ascii_uppercase + string.ascii_lowercase
HEX = string.digits + "abcdef"
UPPER = string.ascii_uppercase + string.digits
B32 = string.ascii_uppercase + "234567"
FLAT = "by hand, from the published format"


def rnd(alphabet, n):
    return "".join(secrets.choice(alphabet) for _ in range(n))


def based(number, digits, width):
    out = ""
    while number:
        number, rest = divmod(number, len(digits))
        out = digits[rest] + out
    return out.rjust(width, digits[0])


def crc62(prefix, body=None):
    body = body or rnd(AN, 30)
    return prefix + body + based(zlib.crc32(body.encode()), AN, 6)


# The public vectors: dummies that GitHub and npm printed.
assert crc62("npm_", "qkJaB6MffYVzZXWqmcoF49yrUxP3wf") == "npm_" + "qkJaB6MffYVzZXWqmcoF49yrUxP3wf" + "0LsakP"
assert crc62("ghp_", "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ") == "ghp_" + "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ" + "0mLq17"


def marvin(data, seed):
    """Marvin32, both halves folded."""
    lo, hi = seed & 0xFFFFFFFF, seed >> 32
    rot = lambda v, n: (v << n | v >> (32 - n)) & 0xFFFFFFFF
    tail = data[len(data) // 4 * 4 :] + b"\x80"
    words = [data[i : i + 4] for i in range(0, len(data) // 4 * 4, 4)] + [tail.ljust(4, b"\0"), b"\0\0\0\0"]
    for word in words:
        lo = (lo + int.from_bytes(word, "little")) & 0xFFFFFFFF
        hi ^= lo
        lo = (rot(lo, 20) + hi) & 0xFFFFFFFF
        hi = rot(hi, 9) ^ lo
        lo = (rot(lo, 27) + hi) & 0xFFFFFFFF
        hi = rot(hi, 19)
    return lo, hi


assert marvin(b"\x86\x42\xdc\x59", 0x004FB61A001BDBCC) == (0x7E9CF556, 0x7008F2E8), "a vector of security-utilities"


def azure(sign, length, seed):
    digits = (length + 2) // 3 * 4
    padding = digits - (length * 8 + 5) // 6
    raw = bytearray(base64.b64decode(rnd(AN, digits - padding - 10) + sign + "AAAAAA" + "=" * padding))
    lo, hi = marvin(bytes(raw[:-4]), int.from_bytes(seed, "big"))
    raw[-4:] = (lo ^ hi).to_bytes(4, "little")
    return base64.b64encode(bytes(raw)).decode()


def macaroon(place):
    m = pymacaroons.Macaroon(location=place, identifier=rnd(HEX, 36), key=os.urandom(32), version=pymacaroons.MACAROON_V2)
    m.add_first_party_caveat(json.dumps([0, 1, 2]))
    return "pypi-" + m.serialize().rstrip("=")


def good(file, text, made, *found):
    f.add(file, text, made, oracle="it was made to be one", secrets=list(found))


def silent(file, text, why):
    f.add(file, text, FLAT, oracle="it opens nothing", silent=True, why=why)


routable = f"glpat-{base64.urlsafe_b64encode(os.urandom(16) + b'o:1' + bytes([10]) + b'u:7' + bytes([10]) + bytes([16])).decode().rstrip('=')}"
routable += f".01.{based(len(routable) - 6, AN.lower()[:36], 2)}"
routable += based(zlib.crc32(routable.encode()), string.digits + string.ascii_lowercase, 7)
grafana = "glsa_" + rnd(AN, 32)
grafana += "_" + zlib.crc32(grafana.encode()).to_bytes(4, "little").hex()
key = ec.generate_private_key(ec.SECP256R1())
token = lambda claims, **head: jwt.encode(claims, key, algorithm="ES256", headers=head or None)
pair = f"AKIA{rnd(B32, 16)}", rnd(AN + "/+", 38) + "a7"

good("github.env", f"GITHUB_TOKEN={crc62('ghp_')}\n", FLAT, "github-token checksum")
good("actions.yml", f"env:\n  TOKEN: \"{crc62('ghs_')}\"\n  PAT: 'github_pat_{rnd(AN, 22)}_{rnd(AN, 59)}'\n", FLAT, "github-token checksum", "github-fine-grained-token shape")
good("gitlab.yml", f"variables:\n  A: glpat-{rnd(AN, 20)}\n  B: {routable}\n  C: glptt-{rnd(HEX, 40)}\n", FLAT, "gitlab-token shape", "gitlab-routable-token checksum", "gitlab-trigger-token shape")
good("npmrc", f"//registry.npmjs.org/:_authToken={crc62('npm_')}\n", FLAT, "npm-token checksum")
good("pypirc", f"[pypi]\nusername = __token__\npassword = {macaroon('pypi.org')}\n\n[testpypi]\npassword = {macaroon('test.pypi.org')}\n", "pymacaroons", "pypi-token decodes", "pypi-token decodes")
good("credentials.toml", f'[registry]\ntoken = "cio{rnd(AN, 32)}"\n', FLAT, "crates-io-token shape")
good("gem_credentials", f"---\n:rubygems_api_key: rubygems_{rnd(HEX, 48)}\n", FLAT, "rubygems-key shape")
good("docker.sh", f"docker login -u acme -p dckr_pat_{rnd(AN, 27)}\n", FLAT, "docker-hub-token shape")
good("aws_credentials", f"[default]\naws_access_key_id = {pair[0]}\naws_secret_access_key = {pair[1]}\n", FLAT, "aws-access-key any")
good("aws.json", json.dumps({"SecretAccessKey": pair[1], "AccessKeyId": pair[0]}), FLAT, "aws-access-key any")
good("storage.config", f'<add value="DefaultEndpointsProtocol=https;AccountName=acme;AccountKey={azure("+ASt", 64, b"Default0")};EndpointSuffix=core.windows.net" />\n', FLAT, "azure-account-key checksum")
good("storage.txt", azure("+ASt", 64, b"Default0") + "\n", FLAT, "azure-storage-key checksum")
good("bus.json", json.dumps({"c": f"Endpoint=sb://acme.servicebus.windows.net/;SharedAccessKeyName=x;SharedAccessKey={azure('+ASb', 32, b'Send0000')}"}), FLAT, "azure-shared-access-key checksum")
good("grafana.tf", f'provider "grafana" {{\n  auth = "{grafana}"\n}}\n', FLAT, "grafana-service-token checksum")
good("slack.py", f'client = WebClient(token="xoxb-{rnd(string.digits[1:], 12)}-{rnd(string.digits[1:], 12)}-{rnd(AN, 24)}")\n', FLAT, "slack-token shape")
good("stripe.rb", f"Stripe.api_key = 'sk_live_{rnd(AN, 24)}'\n", FLAT, "stripe-key shape")
good("vault.hcl", f'token = "hvs.{rnd(AN, 95)}"\n', FLAT, "vault-token shape")
good("jwt.http", f"GET / HTTP/1.1\nAuthorization: Bearer {token({'iss': 'https://id.acme.test', 'exp': 4102444800})}\n", "PyJWT", "jwt decodes")
good("sigstore.txt", token({"iss": "https://token.actions.githubusercontent.com", "aud": "sigstore", "exp": 1700000000}), "PyJWT", "jwt decodes")
good("compose.yml", f"services:\n  a:\n    environment:\n      DATABASE_URL: postgres://app:{rnd(AN, 12)}@db.acme.test:5432/app\n", FLAT, "database-url shape")
good("escaped.json", json.dumps({"log": f"export TOKEN\n{crc62('gho_')}\nend"}), FLAT, "github-token checksum")
good("crlf.env", f"A={crc62('npm_')}\r\nB={crc62('npm_')}\r\n", FLAT, "npm-token checksum", "npm-token checksum")
good("minified.js", "a=1;" * 5000 + f'h="Bearer sk-ant-api03-{rnd(AN, 93)}AA";' + "b=2;" * 5000, FLAT, "anthropic-key shape")
for name, line, rule in [
    ("openai", f"sk-proj-{rnd(AN, 74)}T3BlbkFJ{rnd(AN, 74)}", "openai-key shape"),
    ("databricks", f"dapi{rnd(HEX, 32)}", "databricks-token shape"),
    ("digitalocean", f"dop_v1_{rnd(HEX, 64)}", "digitalocean-token shape"),
    ("terraform", f"{rnd(AN, 14)}.atlasv1.{rnd(AN, 67)}", "terraform-cloud-token shape"),
    ("telegram", f"{rnd('123456789', 10)}:AAF{rnd(AN, 32)}", "telegram-bot-token shape"),
    ("cloudflare", f"v1.0-{rnd(HEX, 24)}-{rnd(HEX, 146)}", "cloudflare-origin-ca-key shape"),
    ("jfrog", base64.b64encode(f"reftkn:01:1234567890:{rnd(AN, 27)}".encode()).decode(), "jfrog-reference-token decodes"),
]:
    good(f"{name}.env", f"KEY={line}\n", FLAT, rule)

wrong = list(crc62("ghp_"))
wrong[10] = "k" if wrong[10] != "k" else "m"
silent("wrong_sum.env", f"T={''.join(wrong)}\nN={crc62('npm_')[:-1]}{'0' if crc62('npm_')[-1] != '0' else '1'}x\n", "the checksum does not fit, or there is one digit too many")
silent("docs.md", f"Use `ghp_{'x' * 36}` or `glpat-{'x' * 20}`, `npm_{'0' * 36}`, `xoxb-your-token`, `sk_live_...`.\n", "documentation")
silent("aws_docs.md", "AKIAIOSFODNN7" + "EXAMPLE and wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY\n", "the example of AWS' documentation")
silent("test_mode.rb", f"Stripe.api_key = 'sk_test_{rnd(AN, 24)}'\n", "a test key opens nothing")
silent("template.yml", "url: postgres://${USER}:${PASSWORD}@db.acme.test/x\nb: mysql://root:{{ password }}@h.acme.test\nc: redis://:<password>@r.acme.test\nd: amqp://guest:guest@rabbit.acme.test\n", "templates and defaults")
silent("jwt_io.txt", jwt.encode({"sub": "1234567890", "name": "John Doe", "iat": 1516239022}, "a-string-secret-at-least-256-bits-long", algorithm="HS256"), "the token of jwt.io")
silent("unsigned.txt", jwt.encode({"iss": "x"}, None, algorithm="none") + rnd(AN, 30), "a token without a signature")
silent("part_of_a_word.c", f"int my_ghp_{rnd(AN, 36)}; char *x = \"abc{crc62('npm_')}\"; /* sntryu dapi AKIA hvs. pul- */\n", "inside of longer words, and anchors alone")
silent("hashes.txt", "\n".join(f"{rnd(HEX, 64)}  file{n}" for n in range(50)) + "\n", "digests")
silent("rules.toml", "regex = '''(ghp|gho)_[0-9a-zA-Z]{36}'''\nkeywords = [\"ghp_\", \"AKIA\", \"xoxb-\", \"glpat-\"]\n", "the rules of a secret scanner")

f.finish()
