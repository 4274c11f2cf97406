"""Scenarios of files that use a key: source code, settings in blocks, commands. Each has a twin that must not give the role.

Made from what the tools and libraries document. A scenario is the key, the files that name it, and its role; the twin is the
same key with files that look alike. `@PEM@` in a file is a new private key, whose place is then that file.
"""

from stage import Scenario

T0, T1, T2, T3 = (80, 100), (75, 100), (55, 90), (35, 69)
POSSIBLE = (30, 69)


def pem(s, kind="rsa2048"):
    s.key(".k", kind)
    text = (s.dir / ".k").read_text()
    (s.dir / ".k").unlink()
    return text


def put(s, files, key, kind):
    literal = False
    for path, text in files.items():
        if "@PEM@" in text:
            text, literal = text.replace("@PEM@", pem(s, kind)), True
        if "@CPEM@" in text:
            lines = "\n".join(f'  "{line}\\n"' for line in pem(s, kind).splitlines())
            text, literal = text.replace("@CPEM@", lines), True
        s.write(path, text)
    if not literal:
        s.key(key, kind)


def pair(name, story, key, role, tier, band, files, twin, kind="rsa2048", not_roles=None, signing=None):
    s = Scenario(f"use_{name}", story)
    put(s, files, key, kind)
    more = {} if signing is None else {"signing": signing}
    s.finds(key, [role], tier, band, **more)
    s = Scenario(f"use_{name}_not", f"Looks like use_{name}, but the file does something else", f"use_{name}")
    put(s, twin, key, kind)
    s.finds(key, [], "", (10, 100), not_roles=not_roles or [role])


# --- tokens, in source code -----------------------------------------------------------------------------------------------
pair("node_jwt", "A service of Node.js signs tokens with a file next to it", "api/secrets/a.pem", "token_issuer", "T1", T1,
     {"api/src/login.js": "const jwt = require('jsonwebtoken');\nconst key = fs.readFileSync(path.join(__dirname, '..', 'secrets', 'a.pem'));\n\nmodule.exports = (user) =>\n  jwt.sign(\n    { sub: user.id },\n    key,\n    { algorithm: 'RS256' }\n  );\n"},
     {"api/src/login.js": "const jwt = require('jsonwebtoken');\nconst key = fs.readFileSync(path.join(__dirname, '..', 'secrets', 'a.pem'));\n// jwt.sign({}, key) is what the other service does\nfs.copyFileSync(path.join(__dirname, '..', 'secrets', 'a.pem'), target);\n"})
pair("node_jwt_literal", "The key of tokens as a string in the source", "src/token.ts", "token_issuer", "T1", T1,
     {"src/token.ts": "import jwt from 'jsonwebtoken'\n\nconst signer = `@PEM@`\n\nexport function token(sub: string): string {\n  return jwt.sign({ sub }, signer, { algorithm: 'RS256' })\n}\n"},
     {"src/token.ts": "import jwt from 'jsonwebtoken'\n\nconst wrapped = `@PEM@`\n\nexport function open(data: Buffer) {\n  return crypto.privateDecrypt(wrapped, data)\n}\n"})
pair("go_jwt", "A service of Go parses the key of its tokens", "etc/a.pem", "token_issuer", "T1", T1,
     {"cmd/main.go": 'package main\n\nconst keyPath = "etc/a.pem"\n\nfunc load() (*rsa.PrivateKey, error) {\n\tb, err := os.ReadFile(keyPath)\n\tif err != nil {\n\t\treturn nil, err\n\t}\n\treturn jwt.ParseRSAPrivateKeyFromPEM(b)\n}\n'},
     {"cmd/main.go": 'package main\n\nconst keyPath = "etc/a.pem"\n\nfunc load() (*rsa.PublicKey, error) {\n\tb, err := os.ReadFile(keyPath)\n\treturn jwt.ParseRSAPublicKeyFromPEM(b)\n}\n'})
pair("go_embed", "A service of Go embeds the key of its tokens", "internal/auth/sign.pem", "token_issuer", "T1", T1,
     {"internal/auth/auth.go": 'package auth\n\n//go:embed sign.pem\nvar signPEM []byte\n\nfunc key() any {\n\tk, _ := jwt.ParseECPrivateKeyFromPEM(signPEM)\n\treturn k\n}\n'},
     {"internal/auth/auth.go": 'package auth\n\n//go:embed sign.pem\nvar signPEM []byte\n\nfunc size() int {\n\treturn len(signPEM)\n}\n'}, kind="ec")
pair("py_jwt", "A service of Python signs tokens", "service/data/a.pem", "token_issuer", "T1", T1,
     {"service/auth.py": "import os\nimport jwt\n\nBASE = os.path.dirname(__file__)\n\ndef load():\n    with open(os.path.join(BASE, 'data', 'a.pem')) as f:\n        return f.read()\n\ndef token(user):\n    return jwt.encode({'sub': user}, load(), algorithm='RS256')\n"},
     {"service/auth.py": "import os\nimport jwt\n\nBASE = os.path.dirname(__file__)\n\ndef load():\n    with open(os.path.join(BASE, 'data', 'a.pem')) as f:\n        return f.read()\n\ndef claims(token):\n    return jwt.decode(token, load(), algorithms=['RS256'])\n"})
pair("java_jjwt", "A service of Java signs tokens with a resource", "app/src/main/resources/a.pem", "token_issuer", "T1", T1,
     {"app/src/main/java/x/Tokens.java": 'package x;\n\nclass Tokens {\n  private static PrivateKey load(String name) throws Exception {\n    return Keys.read(Tokens.class.getResourceAsStream(name));\n  }\n\n  String token(String user) throws Exception {\n    return Jwts.builder()\n        .subject(user)\n        .signWith(load("/a.pem"), Jwts.SIG.RS256)\n        .compact();\n  }\n}\n'},
     {"app/src/main/java/x/Tokens.java": 'package x;\n\nclass Tokens {\n  String subject(String token) throws Exception {\n    return Jwts.parser().verifyWith(load("/a.pem")).build().parse(token);\n  }\n}\n'})
pair("cs_identity", "A server of ASP.NET signs tokens", "Host/a.pem", "token_issuer", "T1", T1,
     {"Host/Startup.cs": 'var pem = File.ReadAllText(Path.Combine(env.ContentRootPath, "a.pem"));\nvar rsa = RSA.Create();\nrsa.ImportFromPem(pem);\nservices.AddIdentityServer().AddSigningCredential(Wrap(pem), "RS256");\n'},
     {"Host/Startup.cs": 'var pem = File.ReadAllText(Path.Combine(env.ContentRootPath, "a.pem"));\nlogger.LogInformation("read {0}", pem.Length);\n'})
pair("rust_jwt", "A service of Rust includes the key of its tokens", "keys/a.pem", "token_issuer", "T1", T1,
     {"src/main.rs": 'fn key() -> EncodingKey {\n    EncodingKey::from_rsa_pem(include_bytes!("../keys/a.pem")).expect("valid")\n}\n'},
     {"src/main.rs": 'fn key() -> usize {\n    include_bytes!("../keys/a.pem").len()\n}\n'})
pair("php_jwt", "A service of PHP signs tokens", "app/a.pem", "token_issuer", "T1", T1,
     {"app/src/Auth.php": "<?php\nclass Auth {\n  private $key;\n  function __construct() { $this->key = file_get_contents(__DIR__ . '/../a.pem'); }\n  function token($u) { return JWT::encode(['sub' => $u], $this->key, 'RS256'); }\n}\n"},
     {"app/src/Auth.php": "<?php\nclass Auth {\n  private $key;\n  function __construct() { $this->key = file_get_contents(__DIR__ . '/../a.pem'); }\n  function read($t) { return JWT::decode($t, $this->key); }\n}\n"})
pair("ruby_jwt", "A service of Ruby signs tokens", "config/a.pem", "token_issuer", "T1", T1,
     {"lib/token.rb": "KEY = OpenSSL::PKey::RSA.new(File.read(File.expand_path('../../config/a.pem', __FILE__)))\n\ndef token(user)\n  JWT.encode({ sub: user }, KEY, 'RS256')\nend\n"},
     {"lib/token.rb": "KEY = OpenSSL::PKey::RSA.new(File.read(File.expand_path('../../config/a.pem', __FILE__)))\n\ndef claims(token)\n  JWT.decode(token, KEY.public_key, true)\nend\n"})
pair("elixir_jwt", "A service of Elixir signs tokens", "priv/a.pem", "token_issuer", "T1", T1,
     {"lib/token.ex": 'defmodule Token do\n  def signer do\n    Joken.Signer.create("RS256", %{"pem" => File.read!("priv/a.pem")})\n  end\nend\n'},
     {"lib/token.ex": 'defmodule Token do\n  def size do\n    byte_size(File.read!("priv/a.pem"))\n  end\nend\n'})
pair("kotlin_jwt", "A service of Kotlin signs tokens", "server/src/main/resources/keys/a.p8", "token_issuer", "T1", T1,
     {"server/src/main/kotlin/Auth.kt": 'val privateKey = load("/keys/a.p8")\n\nfun token(user: String): String = JWT.create()\n    .withSubject(user)\n    .sign(Algorithm.RSA256(null, privateKey))\n'},
     {"server/src/main/kotlin/Auth.kt": 'val privateKey = load("/keys/a.p8")\n\nfun verify(token: String) = JWT.require(other()).build().verify(token)\n'})
pair("jwt_setting", "The name of a variable says what its key is for", "settings/base.py", "token_issuer", "", POSSIBLE,
     {"settings/base.py": 'DEBUG = False\nJWT_PRIVATE_KEY = """@PEM@"""\n'}, {"settings/base.py": 'DEBUG = False\nDATA = """@PEM@"""\n'})
pair("app_store", "A script authenticates to App Store Connect: a client of a service, not an issuer", "ci/a.p8", "token_client", "T2", T2,
     {"ci/upload.py": "import jwt\nAUDIENCE = 'appstoreconnect-v1'\nkey = open('ci/a.p8').read()\ntoken = jwt.encode({'aud': AUDIENCE}, key, algorithm='ES256', headers={'kid': KEY_ID})\n"},
     {"ci/upload.py": "import jwt\nkey = open('ci/a.p8').read()\ntoken = jwt.encode({'aud': 'acme'}, key, algorithm='ES256')\n"}, kind="ec")
pair("apns", "A server sends messages to Apple devices", "push/a.p8", "token_client", "T2", T2,
     {"push/send.js": "const apn = require('@parse/node-apn')\nconst provider = new apn.Provider({\n  token: { key: 'push/a.p8', keyId: process.env.KEY_ID, teamId: process.env.TEAM_ID },\n})\n"},
     {"push/send.js": "const provider = new Provider({\n  token: { key: 'push/a.p8' },\n})\n"}, kind="ec")
pair("github_app", "A robot authenticates as an app", "bot/a.pem", "token_client", "T2", T2,
     {"bot/main.go": 'package main\n\nimport "github.com/bradleyfalzon/ghinstallation/v2"\n\nfunc client() {\n\ttr, err := ghinstallation.NewKeyFromFile(http.DefaultTransport, 1, 99, "a.pem")\n}\n'},
     {"bot/main.go": 'package main\n\nfunc client() {\n\terr := checksum("a.pem")\n}\n'})

# --- SAML -----------------------------------------------------------------------------------------------------------------
pair("saml_idp", "An identity provider in Node.js", "idp/a.pem", "token_issuer", "T1", T1,
     {"idp/server.js": "const samlp = require('samlp')\napp.get('/saml', samlp.auth({\n  issuer: 'https://idp.acme.example',\n  cert: fs.readFileSync(path.join(__dirname, 'a.crt')),\n  key: fs.readFileSync(path.join(__dirname, 'a.pem')),\n}))\n"},
     {"idp/server.js": "app.get('/files', files.list({\n  key: fs.readFileSync(path.join(__dirname, 'a.pem')),\n}))\n"})
pair("saml_sp", "A service signs its requests to an identity provider", "web/a.pem", "token_client", "", T2,
     {"web/passport.js": "const { Strategy: SamlStrategy } = require('@node-saml/passport-saml')\npassport.use(new SamlStrategy({\n  callbackUrl: '/saml/callback',\n  privateKey: fs.readFileSync('./a.pem', 'utf-8'),\n  decryptionPvk: fs.readFileSync('./a.pem', 'utf-8'),\n}, verify))\n"},
     {"web/passport.js": "passport.use(new LocalStrategy({\n  decryptionPvk: fs.readFileSync('./a.pem', 'utf-8'),\n}, verify))\n"}, not_roles=["token_client", "token_issuer"])
pair("saml_spring", "Settings of Spring Security for a service", "app/src/main/resources/a.key", "token_client", "", T2,
     {"app/src/main/resources/application.yml": "spring:\n  security:\n    saml2:\n      relyingparty:\n        registration:\n          acme:\n            signing:\n              credentials:\n                - private-key-location: classpath:a.key\n                  certificate-location: classpath:a.crt\n"},
     {"app/src/main/resources/application.yml": "acme:\n  files:\n    location: classpath:a.key\n"})

# --- TLS ------------------------------------------------------------------------------------------------------------------
pair("node_https", "A server of Node.js with options in a variable", "server/tls/a.pem", "tls_server", "T2", T2,
     {"server/index.js": "const options = {\n  key: fs.readFileSync(`${__dirname}/tls/a.pem`),\n  cert: fs.readFileSync(`${__dirname}/tls/a.crt`),\n}\nhttps.createServer(options, app).listen(443)\n"},
     {"server/index.js": "const options = {\n  key: fs.readFileSync(`${__dirname}/tls/a.pem`),\n}\narchive.add(options)\n"})
pair("go_https", "A server of Go", "deploy/a.pem", "tls_server", "T2", T2,
     {"main.go": 'package main\n\nfunc main() {\n\tlog.Fatal(http.ListenAndServeTLS(":443", "deploy/a.crt", "deploy/a.pem", nil))\n}\n'},
     {"main.go": 'package main\n\nfunc main() {\n\tlog.Fatal(os.Remove("deploy/a.pem"))\n}\n'})
pair("go_client", "A client of Go authenticates with a certificate", "deploy/a.pem", "tls_client", "", T3,
     {"client.go": 'package client\n\nfunc dial() {\n\tcert, err := tls.LoadX509KeyPair("deploy/a.crt", "deploy/a.pem")\n\tconn, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}})\n}\n'},
     {"client.go": 'package server\n\nfunc listen() {\n\tcert, err := tls.LoadX509KeyPair("deploy/a.crt", "deploy/a.pem")\n\tln, err := tls.Listen("tcp", addr, &tls.Config{Certificates: []tls.Certificate{cert}})\n}\n'}, signing=False)
pair("py_https", "A server of Python", "conf/a.pem", "tls_server", "T2", T2,
     {"serve.py": "import ssl\nctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\nctx.load_cert_chain('conf/a.crt', 'conf/a.pem')\n"},
     {"serve.py": "import os\nos.unlink('conf/a.pem')\n"})
pair("py_client", "A client of Python authenticates with a certificate", "conf/a.pem", "tls_client", "", T3,
     {"sync.py": "import requests\nrequests.post(URL, json=data, cert=('conf/a.crt', 'conf/a.pem'))\n"},
     {"sync.py": "import requests\nrequests.post(URL, files={'f': open('conf/a.pem')})\n"}, signing=False)
pair("c_server", "A server in C with its key in the source", "src/server.c", "tls_server", "T2", T2,
     {"src/server.c": "#include <openssl/ssl.h>\nstatic const char key[] =\n@CPEM@;\nint setup(void) {\n  ctx = SSL_CTX_new(TLS_server_method());\n  pkey = PEM_read_bio_PrivateKey(BIO_new_mem_buf(key, -1), 0, 0, 0);\n  return SSL_CTX_use_PrivateKey(ctx, PEM_read_bio_PrivateKey(BIO_new_mem_buf(key, -1), 0, 0, 0));\n}\n"},
     {"src/server.c": "static const char key[] =\n@CPEM@;\nint size(void) {\n  return sizeof key;\n}\n"})
pair("arduino", "A device with the key of its client in a header of its own", "fw/secrets.h", "tls_client", "", POSSIBLE,
     {"fw/secrets.h": "#pragma once\nstatic const char client_key[] =\n@CPEM@;\n"}, {"fw/secrets.h": "#pragma once\nstatic const char blob_7[] =\n@CPEM@;\n"}, kind="ec")
pair("registry", "A registry in a container: the path inside leads to the file outside", "certs/a.key", "tls_server", "T2", T2,
     {"docker-compose.yml": "services:\n  registry:\n    image: registry:3\n    environment:\n      REGISTRY_HTTP_TLS_KEY: /tls/a.key\n    volumes:\n      - ./certs:/tls:ro\n"},
     {"docker-compose.yml": "services:\n  registry:\n    image: registry:3\n    environment:\n      REGISTRY_STORAGE: /tls/a.key\n    volumes:\n      - ./certs:/tls:ro\n"})
pair("registry_auth", "An authorization server of a registry", "auth/config/a.key", "token_issuer", "T1", T1,
     {"auth/config/auth_config.yml": "server:\n  addr: \":5001\"\ntoken:\n  issuer: \"Acme auth\"  # docker_auth\n  expiration: 900\n  certificate: \"a.crt\"\n  key: \"a.key\"\n"},
     {"auth/config/auth_config.yml": "files:\n  key: \"a.key\"\n"})
pair("ldap", "A directory server configured by LDIF", "ldap/a.key", "tls_server", "T2", T2,
     {"ldap/tls.ldif": "dn: cn=config\nchangetype: modify\nreplace: olcTLSCertificateKeyFile\nolcTLSCertificateKeyFile: ldap/a.key\n"},
     {"ldap/tls.ldif": "dn: uid=a,dc=acme\ndescription: ldap/a.key\n"})
pair("wpa", "A device joins a network with its key", "rootfs/etc/a.key", "tls_client", "", T3,
     {"rootfs/etc/wpa_supplicant.conf": "network={\n  ssid=\"acme\"\n  key_mgmt=WPA-EAP\n  client_cert=\"/etc/a.crt\"\n  private_key=\"/etc/a.key\"\n}\n"},
     {"rootfs/etc/wpa_supplicant.conf": "network={\n  ssid=\"acme\"\n  psk=\"/etc/a.key\"\n}\n"}, not_roles=["tls_client", "ca_root_private", "ssh_user"])
pair("ipsec", "A gateway of IPsec", "etc/ipsec.d/private/moon.pem", "vpn", "", (30, 90),
     {"etc/ipsec.secrets": "# /etc/ipsec.secrets\n: RSA moon.pem\n"}, {"etc/ipsec.secrets": "# : RSA other.pem\n%any : PSK \"moon.pem\"\n"},
     not_roles=["ssh_user"])
pair("jks_jwt", "The same setting in two blocks: this one signs tokens", "app/src/main/resources/a.pem", "token_issuer", "T1", T1,
     {"app/src/main/resources/application.yml": "acme:\n  jwt:\n    private-key: classpath:a.pem\n    public-key: classpath:a.pub\n"},
     {"app/src/main/resources/application.yml": "server:\n  ssl:\n    key-store: classpath:a.pem\n"})

# --- SSH ------------------------------------------------------------------------------------------------------------------
pair("go_sshd", "A server for SSH written in Go", "cmd/hostkey.pem", "ssh_host", "", (35, 85),
     {"cmd/main.go": 'package main\n\nfunc serve() {\n\tb, err := os.ReadFile("hostkey.pem")\n\tsigner, err := ssh.ParsePrivateKey(b)\n\tconfig := &ssh.ServerConfig{NoClientAuth: true}\n\tconfig.AddHostKey(signer)\n}\n'},
     {"cmd/main.go": 'package main\n\nfunc serve() {\n\tb, err := os.ReadFile("hostkey.pem")\n\tsigner, err := ssh.ParsePrivateKey(b)\n\tc := &ssh.ClientConfig{Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}}\n}\n'})
pair("paramiko", "A script of Python logs in with a key", "ops/a.pem", "ssh_user", "", (35, 85),
     {"ops/run.py": "import paramiko\nclient = paramiko.SSHClient()\nkey = paramiko.RSAKey.from_private_key_file('a.pem')\nclient.connect(HOST, username='deploy', pkey=key)\n"},
     {"ops/run.py": "import shutil\nshutil.copy('a.pem', '/tmp')\n"})
pair("automation_login", "Ansible logs in with a key", "ops/a.pem", "ssh_user", "", (35, 85),
     {"ops/ansible.cfg": "[defaults]\nremote_user = deploy\nprivate_key_file = a.pem\n"}, {"ops/service.yml": "listener:\n  private_key_file: a.pem\n"})

# --- Mail, documents, authorities, packages -----------------------------------------------------------------------------------
pair("dkim_py", "A program signs mail", "mail/a.pem", "email_dkim", "", (40, 90),
     {"mail/send.py": "import dkim\nwith open('mail/a.pem') as f:\n    key = f.read()\nkey = open('mail/a.pem').read()\nheader = dkim.sign(message, b'mail', b'acme.example', key.encode())\n"},
     {"mail/send.py": "import dkim\nok = dkim.verify(message)\nprint(open('mail/a.pem').read())\n"})
pair("go_authority", "A program issues certificates", "pki/a.pem", "ca_root_private", "T1", T1,
     {"pki/issue.go": 'package pki\n\nfunc issue() {\n\tparentKey := load("pki/a.pem")\n\tder, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)\n}\n'},
     {"pki/issue.go": 'package pki\n\nfunc issue() {\n\tkey := load("pki/a.pem")\n\tder, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)\n}\n'})
pair("openwrt", "A build of a router's firmware signs package lists", "keys/acme7", "package_repo", "", (60, 100),
     {"rules.mk": "TOPDIR:=${CURDIR}\nBUILD_KEY=$(TOPDIR)/keys/acme7\n"}, {"rules.mk": "TOPDIR:=${CURDIR}\nKEEP=$(TOPDIR)/keys/acme7\n"}, kind="ed")
pair("android_certs", "A device of Android: the build adds the extension", "device/acme/certs/acme.pk8", "os_platform", "", (60, 100),
     {"device/acme/device.mk": "PRODUCT_DEFAULT_DEV_CERTIFICATE := device/acme/certs/acme\n"}, {"device/acme/device.mk": "PRODUCT_NAME := device/acme/certs/acme\n"})
pair("uboot_name", "A machine of Yocto names its key, and another file the directory", "meta-acme/files/acmeboot.key", "boot_root", "", POSSIBLE,
     {"meta-acme/conf/machine/acme.conf": "UBOOT_SIGN_KEYNAME = \"acmeboot\"\n"}, {"meta-acme/conf/machine/acme.conf": "MACHINE_FEATURES = \"acmeboot\"\n"})
pair("kafka_store_file", "`*store_file` without Android: not the key of an app", "broker/a.pem", "tls_server", "T2", T2,
     {"broker/nginx.conf": "server {\n  ssl_certificate_key a.pem;\n}\n"}, {"broker/broker.yml": "listener:\n  key_store_file: a.pem\n"},
     not_roles=["mobile_app_signing", "tls_server"])
pair("openssl_section", "The section of an authority", "ca/private/a.pem", "ca_root_private", "T1", T1,
     {"ca/openssl.cnf": "[ ca ]\ndefault_ca = CA_default\n[ CA_default ]\ndir = .\nnew_certs_dir = $dir/newcerts\nprivate_key = $dir/private/a.pem\n"},
     {"ca/openssl.cnf": "[ ca ]\ndefault_ca = CA_default\n[ CA_default ]\nnew_certs_dir = ./newcerts\n[ proxy ]\nprivate_key = ./private/a.pem\n"})
pair("commented", "A line that is commented out weighs little", "web/a.pem", "tls_server", "T2", T2,
     {"web/nginx.conf": "server {\n  ssl_certificate_key a.pem;\n}\n"}, {"web/nginx.conf": "server {\n  # ssl_certificate_key a.pem;\n}\n"})


# --- Commands that make or delete a key are no use of it ------------------------------------------------------------------
def fixture(name, script, used):
    """A key below tests, with a script in a place that is not for tests: deleted or made there, or used."""
    for what, text in (("", used), ("_not", script)):
        s = Scenario(f"use_{name}{what}", "A key for tests, and a script outside of them" + ("" if what else " that uses it"), f"use_{name}" if what else "")
        s.key("tests/keys/a.pem", "rsa2048")
        s.cert("tests/keys/a.crt", "tests/keys/a.pem", "/CN=Test Root CA", ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"])
        s.write("scripts/build.sh", text)
        s.finds("tests/keys/a.pem", ["ca_root_private"], "T1", (10, 65) if what else T1)


USED = "#!/bin/sh\nopenssl x509 -req -in web.csr -CA tests/keys/a.crt -CAkey tests/keys/a.pem -out web.crt\n"
fixture("deleted", "#!/bin/sh\nrm -f tests/keys/a.pem\n", USED)
fixture("made", "#!/bin/sh\nopenssl req -x509 -newkey rsa:2048 -nodes -keyout tests/keys/a.pem -out tests/keys/a.crt -subj '/CN=Test Root CA'\n", USED)
fixture("copied", "#!/bin/sh\ncp tests/keys/a.pem /tmp/\nchmod 600 tests/keys/a.pem\nopenssl genrsa -out tests/keys/a.pem 2048\n", USED)

s = Scenario("use_default_certificate", "openssl's default certificate says CA:TRUE, and means nothing by it")
s.key("data/a.pem", "rsa2048"); s.cert("data/a.crt", "data/a.pem", "/CN=acme.example", ["basicConstraints=critical,CA:TRUE"])
s.finds("data/a.pem", ["tls_server|unknown"], "", (35, 69), not_roles=["ca_root_private"])
s = Scenario("use_default_certificate_ca", "The same with the name of an authority", "use_default_certificate")
s.key("data/a.pem", "rsa2048"); s.cert("data/a.crt", "data/a.pem", "/CN=Acme Root CA", ["basicConstraints=critical,CA:TRUE"])
s.finds("data/a.pem", ["ca_root_private"], "T1", T1)

s = Scenario("use_authority_purposes", "The extended key usage of a CA limits what it issues, and is no role of its own")
s.key("pki/a.pem", "rsa2048")
s.cert("pki/a.crt", "pki/a.pem", "/CN=Acme Root CA", ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign", "extendedKeyUsage=serverAuth,clientAuth"])
s.finds("pki/a.pem", ["ca_root_private"], "T1", T1, not_roles=["tls_server", "tls_client"])
s = Scenario("use_authority_purposes_not", "The same purposes in the certificate of a server", "use_authority_purposes")
s.key("pki/a.pem", "rsa2048")
s.cert("pki/a.crt", "pki/a.pem", "/CN=www.acme.example", ["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature", "extendedKeyUsage=serverAuth,clientAuth"])
s.finds("pki/a.pem", ["tls_server"], "T2", T2, not_roles=["ca_root_private"])

# A library's own tests: the role is what the library does with the key, and it stays a key for tests.
pair("library_tests", "The test of a library for tokens signs with a key next to it", "test/rsa-private.pem", "token_issuer", "T1", (10, 55),
     {"test/rsa.test.js": "const jwt = require('../');\nconst key = fs.readFileSync('rsa-private.pem');\nit('signs', () => jwt.sign({ foo: 1 }, key, { algorithm: 'RS256' }));\n"},
     {"test/rsa.test.js": "const key = fs.readFileSync('rsa-private.pem');\nit('reads', () => assert(key.length));\n"})
