"""Signing secrets of web frameworks in their settings, made as each framework makes them, and what stands there instead."""

import base64
import json

from django.core.management.utils import get_random_secret_key

from kit import Family

f = Family("session_secret", "SECRET_KEY, secret_key_base, APP_KEY, machineKey, JWT_SECRET and their like, in the files that hold them")
KEY = dict(format="session_secret", protection="plaintext", opaque=True)


def add(name, text, made, count=1):
    f.add(name.replace("/", "."), text, made, [KEY] * count, oracle="the generator that made it")


def token(command):
    return f.run(command).decode().strip()


django = get_random_secret_key()
while "'" in django or "\\" in django:
    django = get_random_secret_key()
hex32 = token("openssl rand -hex 32")
hex64 = token("openssl rand -hex 64")
laravel = "base64:" + token("openssl rand -base64 32")
phoenix = base64.b64encode(f.run("openssl rand 48")).decode()
node = token("node -e \"process.stdout.write(require('crypto').randomBytes(48).toString('base64url'))\"")
validation, decryption = token("openssl rand -hex 64").upper(), token("openssl rand -hex 32").upper()

DJ = "django get_random_secret_key"
add("django/settings.py", f"# SECURITY WARNING: keep the secret key used in production secret!\nSECRET_KEY = 'django-insecure-{django}'\nDEBUG = True\n", DJ)
add("django/production.py", f"DEBUG = False\nSECRET_KEY = '{django}'\nALLOWED_HOSTS = ['example.org']\n", DJ)
add("django/fallback.py", f"import os\nSECRET_KEY = os.environ.get('DJANGO_SECRET_KEY', '{hex64}')\n", "openssl rand -hex 64")
add("django/env.env", f"DEBUG=off\nSECRET_KEY={hex64}\nDATABASE_URL=postgres://db/app\n", "openssl rand -hex 64")
add("django/compose.yml", f"services:\n  web:\n    environment:\n      - DJANGO_SECRET_KEY={hex64}\n", "openssl rand -hex 64")
add("fastapi/config.py", f"class Settings:\n    SECRET_KEY: str = \"{hex32}\"\n    ALGORITHM = \"HS256\"\n", "openssl rand -hex 32")
add("flask/app.py", f"app = Flask(__name__)\napp.secret_key = b'{hex32}'\n", "openssl rand -hex 32")
add("flask/config.py", f"app.config['SECRET_KEY'] = '{node}'\n", "node randomBytes")
add("rails/secrets.yml", f"development:\n  secret_key_base: {hex64}\n\nproduction:\n  secret_key_base: <%= ENV[\"SECRET_KEY_BASE\"] %>\n", "openssl rand -hex 64, as rails secret prints it")
add("rails/production.rb", f"Rails.application.configure do\n  config.secret_key_base = '{hex64}'\nend\n", "openssl rand -hex 64")
add("rails/secret_token.rb", f"App::Application.config.secret_token = '{hex64}'\n", "openssl rand -hex 64")
add("phoenix/config.exs", f"config :app, AppWeb.Endpoint,\n  url: [host: \"localhost\"],\n  secret_key_base: \"{phoenix}\",\n  pubsub_server: App.PubSub\n", "48 random bytes in base64, as mix phx.gen.secret prints them")
add("laravel/dotenv.env", f"APP_NAME=Laravel\nAPP_ENV=production\nAPP_KEY={laravel}\nAPP_DEBUG=false\n", "openssl rand -base64 32, as artisan key:generate writes it")
add("laravel/app.php", f"return [\n    'cipher' => 'AES-256-CBC',\n    'key' => '{laravel}',\n];\n", "openssl rand -base64 32")
add("laravel/phpunit.xml", f"<php>\n  <env name=\"APP_KEY\" value=\"{laravel}\"/>\n</php>\n", "openssl rand -base64 32")
add("aspnet/web.config", f"<configuration>\n  <system.web>\n    <machineKey validationKey=\"{validation}\" decryptionKey=\"{decryption}\" validation=\"HMACSHA256\" decryption=\"AES\" />\n  </system.web>\n</configuration>\n", "openssl rand -hex 64")
add("aspnet/wrapped.config", f"<machineKey\n    validationKey=\"{validation},IsolateApps\"\n    decryptionKey=\"{decryption},IsolateApps\" />\n", "openssl rand -hex 64")
add("aspnet/appsettings.json", json.dumps({"Logging": {}, "Jwt": {"Issuer": "https://a.example", "SecretKey": node}}, indent=2), "node randomBytes")
add("node/dotenv.env", f"PORT=3000\nJWT_SECRET={node}\nSESSION_SECRET=\"{hex32}\"\n", "node randomBytes, openssl rand", 2)
add("node/config.js", f"module.exports = {{\n  port: 3000,\n  jwtSecret: '{node}',\n}};\n", "node randomBytes")
add("node/config.json", json.dumps({"jwt_secret": node, "port": 1}), "node randomBytes")
add("node/in_string.json", json.dumps({"env": json.dumps({"jwtSecret": node})}), "node randomBytes")
add("node/next.env", f"NEXTAUTH_URL=http://localhost:3000\nNEXTAUTH_SECRET={token('openssl rand -base64 32')}\n", "openssl rand -base64 32")
add("spring/application.yml", f"server:\n  port: 8080\napplication:\n  security:\n    jwt:\n      secret-key: {hex32}\n      expiration: 86400000\n", "openssl rand -hex 32")
add("spring/application.properties", f"server.port=8080\njwt.secret={node}\n", "node randomBytes")
add("spring/Config.java", f'class Config {{\n    @Value("${{jwt.secret:{hex32}}}")\n    private String secret;\n}}\n', "openssl rand -hex 32")
add("symfony/dotenv.env", f"###> symfony/framework-bundle ###\nAPP_ENV=dev\nAPP_SECRET={token('openssl rand -hex 16')}\n###< symfony/framework-bundle ###\n", "openssl rand -hex 16")
add("wordpress/wp-config.php", f"define('JWT_AUTH_SECRET_KEY', '{node}');\n", "node randomBytes")
add("k8s/values.yaml", f"config:\n  session:\n    secret: \"{node}\"\n", "node randomBytes")
f.add("master.key", token("openssl rand -hex 16"), "openssl rand -hex 16, as rails credentials:edit writes it", [KEY], oracle="the generator that made it")
f.add("near-other.key", token("openssl rand -hex 16"), "openssl rand -hex 16 in a file of another name", silent=True)
add("terraform/main.tf", f'resource "x" "y" {{\n  environment = {{\n    JWT_SECRET = "{node}"\n  }}\n}}\n', "node randomBytes")
add("docker/Dockerfile", f"FROM node\nENV JWT_SECRET={node}\nCMD [\"node\", \"x\"]\n", "node randomBytes")

NEAR = {
    "env_python.py": "SECRET_KEY = os.environ['SECRET_KEY']\nJWT_SECRET = os.getenv('JWT_SECRET')\n",
    "env_decouple.py": "SECRET_KEY = config('SECRET_KEY', default='unsafe-secret-key-for-development-only')\n",
    "call.py": "SECRET_KEY = get_random_secret_key()\napp.secret_key = os.urandom(24)\n",
    "file.py": "with open('/run/secrets/django_secret_key') as f:\n    SECRET_KEY = f.read().strip()\n",
    "changeme.env": "SECRET_KEY=changeme\nJWT_SECRET=change-me\nSESSION_SECRET=please-change-me-in-production\n",
    "your_secret.env": "JWT_SECRET=your-secret-key-here\nSESSION_SECRET=your_session_secret_goes_right_here\n",
    "your_256.env": "JWT_SECRET=your-256-bit-secret\n",
    "at_least_256.env": "JWT_SECRET=a-string-secret-at-least-256-bits-long\n",
    "sentence.env": "JWT_SECRET=this-is-a-very-long-secret-key-that-nobody-will-ever-guess\n",
    "camel.java": 'private static final String JWT_SECRET = "MySuperSecretKeyForJwtTokenGenerationAndValidation";\n',
    "digits.java": 'private final String jwtSecret = "mySecretKey12345678901234567890123456789012345678901234567890";\n',
    "shell_var.env": "JWT_SECRET=${JWT_SECRET}\nSECRET_KEY_BASE=$SECRET_KEY_BASE\n",
    "shell_call.sh": "export JWT_SECRET=$(openssl rand -hex 64)\nexport SECRET_KEY=`openssl rand -base64 48`\n",
    "shell_default.sh": "export JWT_SECRET=${JWT_SECRET:-development-secret-please-change}\n",
    "angle.env": "JWT_SECRET=<a-long-random-string-of-64-characters-from-your-vault>\n",
    "bracket.yml": "jwt:\n  secret: [generated-by-the-installer]\n",
    "erb.yml": 'production:\n  secret_key_base: <%= ENV["SECRET_KEY_BASE"] %>\n',
    "erb_credentials.yml": "production:\n  secret_key_base: <%= Rails.application.credentials.secret_key_base %>\n",
    "helm.yaml": "jwt:\n  secret: {{ .Values.jwt.secret | quote }}\n",
    "helm_quoted.yaml": 'env:\n  JWT_SECRET: "{{ randAlphaNum 64 }}"\n',
    "spring_ref.properties": "jwt.secret=${JWT_SECRET:}\nsession.secret=${vault.session.secret}\n",
    "spring_vault.yml": "jwt:\n  secret: vault:secret/data/app#jwt\n",
    "jasypt.properties": "jwt.secret=ENC(bmV2ZXIgZ29ubmEgZ2l2ZSB5b3UgdXAgbmV2ZXIgZ29ubmE=)\n",
    "sops.yaml": "jwt_secret: ENC[AES256_GCM,data:Tr7o1pYkq3Wl8Zx0sVb2nA==,iv:1A3b5C7d9E==,tag:abc,type:str]\n",
    "arn.tf": 'JWT_SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/jwt-AbCdEf"\n',
    "github.yml": "env:\n  JWT_SECRET: ${{ secrets.JWT_SECRET }}\n",
    "process_env.js": "const jwtSecret = process.env.JWT_SECRET || 'dev-secret';\nmodule.exports = { jwtSecret: process.env.JWT_SECRET };\n",
    "laravel_env.php": "'key' => env('APP_KEY'),\n",
    "laravel_empty.env": "APP_KEY=\nAPP_DEBUG=true\n",
    "laravel_words.env": "APP_KEY=base64:c29tZS1yYW5kb20tc3RyaW5nLWNoYW5nZS1tZSE=\n",
    "laravel_zero.env": "APP_KEY=base64:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
    "repeated.env": "SECRET_KEY=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\nJWT_SECRET=0000000000000000000000000000000000000000000000000000000000000000\n",
    "counting.env": "JWT_SECRET=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n",
    "alphabet.env": "JWT_SECRET=abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ\n",
    "keyboard.env": "JWT_SECRET=qwertyuiopasdfghjklzxcvbnmqwertyuiop\n",
    "deadbeef.env": "SECRET_KEY_BASE=" + "deadbeef" * 16 + "\n",
    "auto.config": '<machineKey validationKey="AutoGenerate,IsolateApps" decryptionKey="AutoGenerate,IsolateApps" validation="SHA1" />\n',
    "words.config": '<machineKey validationKey="[YOUR VALIDATION KEY]" decryptionKey="[YOUR DECRYPTION KEY]" />\n',
    "dots.config": '<machineKey validationKey="45B641FD..." decryptionKey="D044257A..." />\n',
    "zeros.config": '<machineKey validationKey="' + "0" * 128 + '" decryptionKey="' + "0" * 64 + '" />\n',
    "fastapi_docs.py": 'SECRET_KEY = "' + "".join(["09d25e094faa6ca2556c818166b7a956", "3b93f7099f6f0f4caa6cf63b88e8d3e7"]) + '"\nALGORITHM = "HS256"\n',
    "flask_docs.py": "app.secret_key = '" + "".join(["192b9bdd22ab9ed4d12e236c78afcb9a", "393ec15f71bbf5dc987d54727823bcbf"]) + "'\n",
    "flask_old_docs.py": "app.secret_key = 'A0Zr98j/3yX R~XHH!jmN]LWX/,?RT'\n",
    "spring_tutorial.yml": "jwt:\n  secret: " + "".join(["404E635266556A586E3272357538782F", "413F4428472B4B6250645367566B5970"]) + "\n",
    "aws.env": f"AWS_ACCESS_KEY_ID=AKIAEXAMPLE\nAWS_SECRET_KEY={node[:40]}\n",
    "s3.env": f"ACCESS_KEY=minio\nSECRET_KEY={node[:40]}\nBUCKET=b\n",
    "stripe.env": f"STRIPE_SECRET_KEY={node[:40]}\n",
    "recaptcha.env": f"RECAPTCHA_SITE_KEY={node[8:40]}\nRECAPTCHA_SECRET_KEY={node[:40]}\n",
    "oauth.env": f"OAUTH_CLIENT_SECRET={node[:40]}\nclient_secret: {node[:40]}\n",
    "name_of.yaml": f"secretName: {node[:40]}\nJWT_SECRET_NAME: {hex32}\n",
    "hash.env": f"JWT_SECRET_SHA256={hex32}\n",
    "compare.py": f"assert jwt_secret == '{hex32}'\n",
    "doc.md": "Set `JWT_SECRET` to a random string, e.g. with `openssl rand -hex 32`, and `SECRET_KEY` likewise.\n",
    "type.ts": "interface Config {\n  jwtSecret: string;\n  sessionSecret?: string;\n}\n",
    "schema.json": '{"jwtSecret": {"type": "string", "minLength": 32, "description": "the secret for signing"}}\n',
    "kernel.c": "static int crypto_secret_len(const struct kpp_secret *secret)\n{\n\tsecret->len = SECRET_SIZE;\n}\n",
    "pem_ref.env": "JWT_SECRET=-----BEGIN RSA PRIVATE KEY-----\nMIIE...\n",
    "short.env": "JWT_SECRET=a8f3c91e\nSESSION_SECRET=k3yb0ard\n",
}
for name, text in NEAR.items():
    f.add(f"near-{name}", text, "written by hand", silent=True)
f.finish()
