"""Keys in the JSON that services hand out and in settings that hold DER in base64 without any frame.

The files are written by hand in the form that Google, Box, GitHub, Keycloak, SAML metadata and Spring have; google-auth
loads what is said to be a service account, openssl says whose key it is.
"""

import base64
import json

from google.oauth2 import service_account

from kit import Family

f = Family("service_account", "service accounts, and keys as bare base64 in settings: Google, Firebase, Box, GitHub App, Keycloak, SAML, Java")
f.run("openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out k.pem && openssl rsa -in k.pem -traditional -out k1.pem && openssl pkey -in k.pem -outform DER -out k.der && openssl rsa -in k.pem -traditional -outform DER -out k1.der")
f.run("openssl req -x509 -key k.pem -subj /CN=realm -days 3650 -outform DER -out c.der")
f.run("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -outform DER -out ec.der && openssl genpkey -algorithm ed25519 -outform DER -out ed.der")
pem, der, der1 = f.read("k.pem").decode(), f.read("k.der"), f.read("k1.der")
b64 = base64.b64encode(der).decode()
b64_1 = base64.b64encode(der1).decode()
KEY = f.key("k.pem", "pkcs8")
KEY1 = f.key("k1.pem", "pkcs1")

account = {
    "type": "service_account",
    "project_id": "corpus-test",
    "private_key_id": "0123456789abcdef0123456789abcdef01234567",
    "private_key": pem,
    "client_email": "signer@corpus-test.iam.gserviceaccount.com",
    "client_id": "100000000000000000000",
    "auth_uri": "https://accounts.google.com/o/oauth2/auth",
    "token_uri": "https://oauth2.googleapis.com/token",
}
loaded = service_account.Credentials.from_service_account_info(account)
assert loaded.service_account_email == account["client_email"]
text = json.dumps(account, indent=2)
G = "a service account file in Google's form, loaded by google-auth"
f.add("corpus-test-0123456789ab.json", text, G, [KEY])
f.add("compact.json", json.dumps(account), G, [KEY])
f.add("firebase-adminsdk.json", json.dumps({**account, "client_email": "firebase-adminsdk-x1@corpus-test.iam.gserviceaccount.com"}, indent=2), G, [KEY])
f.add("env.env", f"PORT=1\nGOOGLE_CREDENTIALS='{json.dumps(account)}'\n", G + ", in an environment file", [KEY])
f.add("env_escaped.env", f"GOOGLE_CREDENTIALS={json.dumps(json.dumps(account))}\n", G + ", escaped", [KEY])
f.add("state.tfstate", json.dumps({"resources": [{"type": "google_service_account_key", "instances": [{"attributes": {"private_key": base64.b64encode(text.encode()).decode()}}]}]}, indent=2), G + ", base64 in a Terraform state", [KEY])
f.add("secret.yaml", "apiVersion: v1\nkind: Secret\ndata:\n  key.json: " + base64.b64encode(text.encode()).decode() + "\n", G + ", in a Kubernetes Secret", [KEY])
f.add("firebase.ts", "const sa = {\n  projectId: 'p',\n  clientEmail: 'a@p.iam.gserviceaccount.com',\n  privateKey: " + json.dumps(pem) + ",\n};\n", "a literal of a program", [KEY])
f.add("box.json", json.dumps({"boxAppSettings": {"clientID": "x", "appAuth": {"publicKeyID": "abcd1234", "privateKey": pem, "passphrase": ""}}}), "settings in Box's form", [KEY])
f.add("my-app.2026-11-20.private-key.pem", f.read("k1.pem"), "openssl rsa -traditional, named as GitHub names keys of Apps", [KEY1])

# Keys without a frame.
cert = base64.b64encode(f.read("c.der")).decode()
digest = f.cert("c.der", der=True)
realm = {"realm": "demo", "components": {"org.keycloak.keys.KeyProvider": [{"name": "rsa-generated", "providerId": "rsa-generated", "config": {"privateKey": [b64], "certificate": [cert], "priority": ["100"]}}]}}
f.add("realm-export.json", json.dumps(realm, indent=2), "a realm in the form of Keycloak's export", [KEY], [digest])
realm["components"]["org.keycloak.keys.KeyProvider"][0]["config"]["privateKey"] = [b64_1]
f.add("realm-export-pkcs1.json", json.dumps(realm), "a realm in the form of Keycloak's export, PKCS#1 as Keycloak writes it", [KEY1], [digest])
f.add("saml.properties", f"saml.sp.key={b64}\nsaml.sp.entity=x\n", "Java properties", [KEY])
f.add("saml_wrapped.properties", "saml.sp.key=" + "\\\n  ".join(b64[i : i + 76] for i in range(0, len(b64), 76)) + "\nnext=1\n", "Java properties, continued lines", [KEY])
f.add("onelogin.properties", f"onelogin.saml2.sp.privatekey = {b64}\nonelogin.saml2.sp.x509cert ={cert}\n", "java-saml settings", [KEY], [digest])
f.add("simplesaml.php", f"<?php\n$config = ['privatekey' => '{b64}', 'certData' => '{cert}'];\n", "settings of a PHP service provider", [KEY], [digest])
f.add("metadata.xml", f"<EntityDescriptor><KeyDescriptor use=\"signing\"><X509Certificate>\n{cert}\n</X509Certificate></KeyDescriptor><!-- {b64} --></EntityDescriptor>\n", "SAML metadata with a key left in a comment", [KEY], [digest])
f.add("spring.yml", f"app:\n  jwt:\n    private-key: {b64}\n    public-key: x\n", "Spring settings", [KEY])
f.add("spring_folded.yml", "app:\n  private-key: >-\n" + "".join(f"    {b64[i : i + 64]}\n" for i in range(0, len(b64), 64)) + "  other: 1\n", "Spring settings, folded", [KEY])
f.add("ec.properties", "key=" + base64.b64encode(f.read("ec.der")).decode() + "\n", "Java properties", [f.key("ec.der", "pkcs8", der=True)])
f.add("ed25519.env", "SIGNING_KEY=" + base64.b64encode(f.read("ed.der")).decode() + "\n", "environment file", [f.key("ed.der", "pkcs8", der=True)])
f.add("urlsafe.env", "SIGNING_KEY=" + base64.urlsafe_b64encode(der).decode().rstrip("=") + "\n", "environment file, URL-safe", [KEY])
f.add("concat.java", 'class K { String k = "' + '" +\n    "'.join(b64[i : i + 64] for i in range(0, len(b64), 64)) + '"; }\n', "Java, a string per line", [KEY], stretch=True)

near = {
    "template.json": json.dumps({**account, "private_key": "-----BEGIN PRIVATE KEY-----\nYOUR_PRIVATE_KEY\n-----END PRIVATE KEY-----\n"}),
    "dots.json": json.dumps({**account, "private_key": "-----BEGIN PRIVATE KEY-----\nMIIEvQ...\n-----END PRIVATE KEY-----\n"}),
    "env.json": json.dumps({**account, "private_key": "${GCP_PRIVATE_KEY}"}),
    "user.json": json.dumps({"type": "authorized_user", "client_id": "x", "refresh_token": "y"}),
    "realm_masked.json": json.dumps({"privateKey": ["**********"], "certificate": ["**********"]}),
    "realm_cut.json": json.dumps({"privateKey": [b64[:400]]}),
    "changed.properties": "key=" + b64[:900] + "AAAAAAAA" + b64[908:1000] + "\n",
}
for name, content in near.items():
    f.add(f"near-{name}", content, "by hand", silent=True)
f.finish()
