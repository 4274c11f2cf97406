"""Scenarios of weak evidence for what a key is for: what texts around it are about, the keys beside it, words of its path,
names in its certificate. Each has a twin in which the same place says nothing, or something else.

A role from such evidence is a hint: it has a severity of at most 6.9.
"""

from stage import Scenario
from uses import put

HINT = (10, 69)
BOTH = ["extendedKeyUsage=serverAuth,clientAuth"]
NO_CA = ["basicConstraints=critical,CA:FALSE"]


def made(name, story, key, kind, files, cert, twin_of=""):
    s = Scenario(name, story, twin_of)
    put(s, files, key, kind)
    if cert:
        subject, ext = cert
        s.cert(key.rsplit(".", 1)[0] + ".crt", key, subject, ext)
    return s


def pair(name, story, key, role, files, twin, kind="rsa2048", cert=None, twin_key=None, twin_cert=None, band=HINT, twin_role=None):
    """A tree and its twin, which has another role or none."""
    s = made(f"hint_{name}", story, key, kind, files, cert)
    s.finds(key, [role], "", band, not_roles=[twin_role] if twin_role and "|" not in twin_role else [])
    other = twin_key or key
    s = made(f"hint_{name}_not", f"Looks like hint_{name}, and is not", other, kind, twin, twin_cert or cert, f"hint_{name}")
    s.finds(other, [twin_role or "unknown"], "", (10, 100), not_roles=[role])


# --- Programs that name a key, and what they are about -------------------------------------------------------------------------
pair("program_tokens", "The test of a library for tokens loads a key in its own way", "data/k1.pem", "token_issuer",
     {"lib/verify.test.js": "// RS256 tokens of the JWT library\nconst k = fixture('data/k1.pem')\nit('makes a jwt', () => check(k))\n"},
     {"lib/copy.test.js": "const k = fixture('data/k1.pem')\nit('copies', () => check(k))\n"})
pair("program_ssh", "A client for SFTP loads a key in its own way", "data/k1.pem", "ssh_user",
     {"lib/session.rb": "# Opens an SFTP session\nclass Session\n  KEY = fixture('data/k1.pem')\nend\n"},
     {"lib/session.rb": "# Opens a session\nclass Session\n  KEY = fixture('data/k1.pem')\nend\n"})
pair("program_ssh_host", "A server of SSH for tests loads its host key", "data/host-1.pem", "ssh_host",
     {"lib/server.py": "# An SSH server for the tests\nKEY = fixture('data/host-1.pem')\n"},
     {"lib/server.py": "# An SSH server for the tests\nKEY = fixture('data/alice-1.pem')\n"}, twin_key="data/alice-1.pem", twin_role="ssh_user")
pair("program_tls", "A test of TLS loads a key in its own way", "data/k1.pem", "tls_server",
     {"net/dial_test.go": "package net\n\n// dials over TLS\nvar file = fixture(\"data/k1.pem\")\n"},
     {"net/dial_test.go": "package net\n\n// dials\nvar file = fixture(\"data/k1.pem\")\n"})
pair("program_tls_client", "A test of TLS loads the key of a client", "data/client1.pem", "tls_client",
     {"net/dial_test.go": "package net\n\n// dials over TLS\nvar file = fixture(\"data/client1.pem\")\n"},
     {"net/dial_test.go": "package net\n\n// dials over TLS\nvar file = fixture(\"data/peer1.pem\")\n"}, twin_key="data/peer1.pem", twin_role="tls_server")
pair("program_push", "A client of a push service loads its key", "data/k1.p8", "token_client",
     {"lib/send.swift": "// sends to APNS, a push notification service\nlet file = fixture(\"data/k1.p8\")\n"},
     {"lib/send.swift": "// sends\nlet file = fixture(\"data/k1.p8\")\n"}, kind="ec")
pair("program_dnssec", "A name server's test loads a key of a zone", "data/k1.pem", "dnssec_zsk",
     {"tests/sign.rs": "//! DNSSEC: makes an RRSIG with a DNSKEY\nconst FILE: &str = \"data/k1.pem\";\n"},
     {"tests/sign.rs": "//! Makes a record\nconst FILE: &str = \"data/k1.pem\";\n"})

# --- Keys in texts, and what these are about --------------------------------------------------------------------------------
pair("text_dkim", "A key in the test of a mail filter", "src/filter_test.go", "email_dkim",
     {"src/filter_test.go": "package filter\n\n// DKIM of the first message\nconst first = `@PEM@`\n"},
     {"src/filter_test.go": "package filter\n\n// of the first message\nconst first = `@PEM@`\n"})
pair("text_saml", "A key in the test of a service with SAML", "src/login_test.py", "token_client",
     {"src/login_test.py": "# SAML: signs an AuthnRequest\nFIRST = '''@PEM@'''\n"},
     {"src/login_test.py": "# signs a request\nFIRST = '''@PEM@'''\n"})
pair("text_saml_idp", "A key in the test of an identity provider with SAML", "src/login_test.py", "token_issuer",
     {"src/login_test.py": "# SAML\nIDP_FIRST = '''@PEM@'''\n"},
     {"src/login_test.py": "# SAML\nSP_FIRST = '''@PEM@'''\n"}, twin_role="token_client")
pair("text_client", "The key of a TLS client in a test", "src/wire_test.py", "tls_client",
     {"src/wire_test.py": "# over TLS\nCLIENT_FIRST = '''@PEM@'''\n"},
     {"src/wire_test.py": "# over TLS\nPEER_FIRST = '''@PEM@'''\n"}, twin_role="tls_server")
pair("text_far", "The key of tokens in a long test, which says at its start what it is about", "src/long_test.py", "token_issuer",
     {"src/long_test.py": "import jwt\n" + "x = 1\n" * 200 + "FIRST = '''@PEM@'''\n"},
     {"src/long_test.py": "import gzip\n" + "x = 1\n" * 200 + "FIRST = '''@PEM@'''\n"})
pair("text_divided", "A test of two things says of no key what it is for", "src/both_test.py", "email_dkim",
     {"src/both_test.py": "# DKIM, and ssh, and DKIM again\n" + "x = 1\n" * 200 + "FIRST = '''@PEM@'''\n"},
     {"src/both_test.py": "# DKIM and ssh\n" + "x = 1\n" * 200 + "FIRST = '''@PEM@'''\n"})

# --- What a directory says of itself -----------------------------------------------------------------------------------------
pair("readme_ssh", "A key below the README of a library for SSH", "data/k1.pem", "ssh_user",
     {"README.md": "# acme-shell\n\nAn SSH client in pure Acme.\n"}, {"README.md": "# acme-shell\n\nA shell in pure Acme.\n"})
pair("readme_near", "The README beside the key comes before the one of the project", "data/k1.pem", "email_dkim",
     {"README.md": "# acme\n\nAn SSH client.\n", "data/README": "Keys for DKIM.\n"},
     {"README.md": "# acme\n\nAn SSH client.\n", "data/README": "Keys.\n"}, twin_role="ssh_user")
pair("package_tokens", "A key below the description of a package", "data/k1.pem", "token_issuer",
     {"package.json": '{"name": "acme-auth", "description": "JSON Web Token for Acme", "version": "1.0.0"}\n'},
     {"package.json": '{"name": "acme-sum", "description": "Sums for Acme", "version": "1.0.0"}\n'})
pair("package_cargo", "A key below the description of a crate", "data/k1.pem", "vpn",
     {"Cargo.toml": '[package]\nname = "acme-tunnel"\ndescription = "A VPN with IKEv2"\n'},
     {"Cargo.toml": '[package]\nname = "acme-tunnel"\ndescription = "Digs"\n'})

# --- Keys beside a key ---------------------------------------------------------------------------------------------------------
def beside(name, story, others, key, role, twin_others, twin_role="unknown"):
    for what, keys, expected, unwanted in (("", others, role, twin_role), ("_not", twin_others, twin_role, role)):
        s = Scenario(f"hint_{name}{what}", story if not what else f"Looks like hint_{name}, and is not", f"hint_{name}" if what else "")
        for other in keys:
            s.run(f"mkdir -p $(dirname {other})")
            s.run(f"ssh-keygen -q -t ed25519 -N '' -C a -f {other}; rm {other}.pub") if "ssh" in other else s.key(other)
        s.key(key, "rsa2048")
        s.finds(key, [expected], "", HINT, not_roles=[unwanted])


beside("beside_ssh", "A key in a directory of host keys", ["d/ssh_host_ed25519_key", "d/ssh_host_rsa_key"], "d/k1", "ssh_user", ["d/k2"])
beside("beside_tls", "A key in a directory of servers", ["d/privkey1.pem", "d/privkey2.pem"], "d/k1", "tls_server", ["d/ssh_host_rsa_key", "d/privkey2.pem"])

# --- Words of the path ----------------------------------------------------------------------------------------------------------
pair("word_client", "A compound word names a client", "pki/goodclient.x", "tls_client", {}, {}, twin_key="pki/goodclimate.x")
pair("word_ca", "A compound word names an authority", "pki/cakey.x", "ca_root_private", {}, {}, twin_key="pki/cakewalk.x")
pair("word_camel", "A word in camel case names a server", "pki/acmeServerEc.x", "tls_server", {}, {}, twin_key="pki/acmeObserver.x")
pair("word_number", "A word with a number names a client", "pki/client12.x", "tls_client", {}, {}, twin_key="pki/clientele.x")
pair("word_host_key", "A host key in PEM", "data/hostkey.pem", "ssh_host", {}, {}, twin_key="data/monkey.pem")
pair("word_encrypted_login", "A login key with more behind its name", "data/id_rsa_enc", "ssh_user", {}, {}, twin_key="data/grid_rsa_enc")
pair("word_certs", "A key in a directory of certificates", "certs/k1.bin", "tls_server", {}, {}, twin_key="concerts/k1.bin")
pair("word_sftp", "A key in a directory of SFTP", "sftp/k1.bin", "ssh_user", {}, {}, twin_key="swift/k1.bin")
pair("word_webpush", "A key for web push", "webpush/k1.bin", "token_client", {}, {}, kind="ec", twin_key="website/k1.bin")
pair("word_gem", "A key for gems", "gems/k1.bin", "package_single", {}, {}, twin_key="gemini/k1.bin")

# --- Certificates ------------------------------------------------------------------------------------------------------------------
GO = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign", "extendedKeyUsage=serverAuth", "subjectAltName=DNS:acme.example"]
pair("host_with_ca", "The certificate of a server that says CA:TRUE, as Go's generate_cert writes it", "a/k1.pem", "tls_server", {}, {}, cert=("/O=Acme", GO),
     twin_cert=("/CN=Acme Root CA", GO), band=(30, 100), twin_role="ca_root_private")
pair("both_purposes", "Both purposes in the certificate of a client", "client/k1.pem", "tls_client", {}, {}, cert=("/CN=alice", NO_CA + BOTH),
     twin_key="peer/k1.pem", band=(30, 100), twin_role="tls_server")
pair("subject_client", "A subject that names a client", "a/k1.pem", "tls_client", {}, {}, cert=("/CN=Acme Client", NO_CA), twin_cert=("/CN=Acme Climate", NO_CA))
pair("subject_server", "A subject that names a server", "a/k1.pem", "tls_server", {}, {}, cert=("/CN=Acme Server 7", NO_CA), twin_cert=("/CN=Acme Observer 7", NO_CA))
pair("subject_host", "A subject that is the name of a host", "a/k1.pem", "tls_server", {}, {}, cert=("/CN=www.acme.example", NO_CA), twin_cert=("/CN=Acme Example", NO_CA))
