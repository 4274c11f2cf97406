"""Scenarios of what a role stands on: names of files that lose against uses of another kind, words that say nothing, and
certificates that allow more than one purpose. Each has a twin in which the same name decides, or something else does.
"""

from stage import Scenario
from uses import put

HINT, TEST, LOUD = (10, 69), (10, 50), (75, 100)
LOCALHOST = ("/CN=localhost", [])
NO_CA = "basicConstraints=critical,CA:FALSE"
BOTH = ("/CN=peer 7", [NO_CA, "extendedKeyUsage=serverAuth,clientAuth"])
SERVER = ("/CN=peer 7", [NO_CA, "extendedKeyUsage=serverAuth"])


def tree(name, story, key, role, files, cert, band, twin_of="", not_roles=()):
    s = Scenario(name, story, twin_of)
    put(s, files, key, "rsa2048")
    if cert:
        subject, ext = cert
        s.cert(key.rsplit(".", 1)[0] + ".crt", key, subject, ext)
    s.finds(key, role.split("|"), "", band, not_roles=[not_role for not_role in not_roles if not_role != "unknown"])


def pair(name, story, key, role, files, twin_key, twin_role, twin, cert=None, twin_cert=None, band=HINT, twin_band=(10, 100)):
    """A tree and its twin. Of roles that both have, neither denies the other's."""
    apart = not set(role.split("|")) & set(twin_role.split("|"))
    tree(f"stand_{name}", story, key, role, files, cert, band, not_roles=[twin_role] * apart)
    story = f"Looks like stand_{name}, and is not"
    tree(f"stand_{name}_not", story, twin_key, twin_role, twin, twin_cert or cert, twin_band, f"stand_{name}", [role] * apart)


pair("named_saml", "The certificate is for localhost, and a program about SAML names the key", "keys/a.pem", "token_client",
     {"lib/login.js": "// SAML: signs the AuthnRequest\nconst file = fixture('keys/a.pem')\n"},
     "keys/a.pem", "tls_server", {"lib/login.js": "// signs\nconst file = fixture('keys/a.pem')\n"}, LOCALHOST)
pair("named_jwt", "A key beside its certificate, and a program about tokens names it", "data/a.key", "token_issuer",
     {"lib/issue.py": "# JWT, RS256: the tokens of the service\nfile = fixture('data/a.key')\n"},
     "data/a.key", "tls_server", {"lib/issue.py": "# the files of the service\nfile = fixture('data/a.key')\n"}, ("/CN=acme", []))
pair("openssl_word", "A program calls OpenSSL for its tokens", "data/a.pem", "token_issuer",
     {"lib/issue.rb": "require 'openssl'\n# OpenSSL::PKey for an id_token\nFILE = fixture('data/a.pem')\n"},
     "data/a.pem", "unknown", {"lib/issue.rb": "require 'openssl'\n# OpenSSL::PKey, OpenSSL::Digest\nFILE = fixture('data/a.pem')\n"})
pair("assertion_phrase", "A test of private_key_jwt, with which a client of OAuth authenticates", "src/flow_test.go", "token_client",
     {"src/flow_test.go": "package flow\n\n// oauth: private_key_jwt\nconst first = `@PEM@`\n"},
     "src/flow_test.go", "token_issuer", {"src/flow_test.go": "package flow\n\n// oauth: jwt\nconst first = `@PEM@`\n"})
pair("client_ca", "The CA of clients has `client` in its name, and is a CA", "pki/client-ca.key", "ca_root_private", {},
     "pki/ca-client.key", "tls_client", {})
pair("encryption_name", "A key beside its certificate, whose name says encryption", "keys/encryption.key", "encryption_only", {},
     "keys/main.key", "tls_server", {}, ("/CN=acme", []))
pair("postgresql", "The key of a client of PostgreSQL, under the name that libpq looks for", "home/.postgresql/postgresql.key",
     "tls_client", {}, "home/.other/database.key", "tls_server", {}, ("/CN=alice", []), band=(10, 100))
pair("page_tokens", "A page of documentation shows a key of tokens", "docs/page.html", "token_issuer",
     {"docs/page.html": "<h1>JSON Web Tokens</h1>\n<pre>\n@PEM@</pre>\n"},
     "docs/page.html", "unknown", {"docs/page.html": "<h1>Files</h1>\n<pre>\n@PEM@</pre>\n"})
pair("text_dkim", "A text explains DKIM with a key", "notes/mail.txt", "email_dkim",
     {"notes/mail.txt": "DKIM, by example:\n\n@PEM@"}, "notes/mail.txt", "unknown", {"notes/mail.txt": "By example:\n\n@PEM@"})
pair("server_word", "A key in the source of a server: the word in the path is about the program", "app/server/main_test.go", "unknown",
     {"app/server/main_test.go": "package server\n\nconst first = `@PEM@`\n"}, "app/server/main.key", "tls_server", {})
pair("client_word", "A key in the source of a client: the word in the path is about the program", "app/client/main_test.go", "unknown",
     {"app/client/main_test.go": "package client\n\nconst first = `@PEM@`\n"}, "app/client/main.key", "tls_client", {})
XML = ("<?php\n$dsig = new XMLSecurityDSig();\n$key = new XMLSecurityKey(XMLSecurityKey::RSA_SHA256, ['type' => 'private']);\n"
       "$key->loadKey(__DIR__ . '/../data/a.pem', true);\n$dsig->sign($key);\n")
pair("xml_php", "A program of PHP signs XML", "data/a.pem", "document_seal", {"lib/Sign.php": XML},
     "data/a.pem", "unknown", {"lib/Sign.php": "<?php\n$rsa->loadKey(__DIR__ . '/../data/a.pem', true);\n"})
pair("jwe_word", "A test decrypts what was encrypted to a key: JWE", "src/open_test.py", "encryption_only",
     {"src/open_test.py": "# JWE with RSA-OAEP\nFIRST = '''@PEM@'''\n"},
     "src/open_test.py", "token_issuer", {"src/open_test.py": "# JWS with RS256\nFIRST = '''@PEM@'''\n"})
pair("both_sides", "A certificate that allows both sides of TLS", "etc/p7.pem", "tls_server|tls_client", {},
     "etc/p7.pem", "tls_server", {}, BOTH, SERVER, band=(10, 100))
RUST = ("pub fn sign() {}\n\n#[cfg(test)]\nmod tests {\n    fn key() -> EncodingKey {\n"
        "        EncodingKey::from_rsa_pem(include_bytes!(\"../tests/data/a.pem\")).unwrap()\n    }\n}\n")
pair("rust_tests", "A part of a library of Rust that is built for tests only uses a key of the tests", "tests/data/a.pem",
     "token_issuer", {"src/lib.rs": RUST}, "tests/data/a.pem", "token_issuer", {"src/lib.rs": RUST.replace("#[cfg(test)]\n", "")},
     band=TEST, twin_band=LOUD)
