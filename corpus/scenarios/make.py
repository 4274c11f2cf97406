"""Every scenario: incidents told again with new keys, ordinary uses, and harmless twins of both."""

import base64
import datetime
import hashlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from stage import Scenario, finish

CA = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"]
LEAF = ["basicConstraints=critical,CA:FALSE"]


def eku(*names):
    return LEAF + ["keyUsage=critical,digitalSignature", "extendedKeyUsage=" + ",".join(names)]


CODE = eku("codeSigning")
SERVER = eku("serverAuth") + ["subjectAltName=DNS:www.acme.example"]

# Bands of severity, in tenths.
T0, T1, T2, T3 = (90, 100), (80, 100), (65, 85), (45, 65)


def dated(s, key, cert, subject, usage, start, end):
    """A self-signed certificate with both dates, which openssl 3.0 cannot set by itself."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    day = datetime.datetime.fromisoformat
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Acme Issuing CA")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(issuer).public_key(private.public_key())
    made = made.serial_number(x509.random_serial_number()).not_valid_before(day(start)).not_valid_after(day(end))
    made = made.add_extension(x509.BasicConstraints(False, None), True).add_extension(x509.ExtendedKeyUsage([usage]), False)
    if usage == ExtendedKeyUsageOID.CODE_SIGNING:
        policy = x509.PolicyInformation(x509.ObjectIdentifier("2.23.140.1.4.1"), None)
        made = made.add_extension(x509.CertificatePolicies([policy]), False)
    pem = serialization.Encoding.PEM
    s.write(cert, made.sign(private, hashes.SHA256()).public_bytes(pem))
    s.write(key, private.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


# --- certificate authorities --------------------------------------------------------------------------------------------
def root(s, folder=""):
    s.key(f"{folder}ca.key", "rsa2048")
    s.cert(f"{folder}ca.crt", f"{folder}ca.key", "/CN=Acme Root CA/O=Acme", CA)


s = Scenario("root_ca", "A private root with its key in the repository")
root(s)
s.finds("ca.key", ["ca_root_private"], "T1", T1, signing=True)

s = Scenario("root_ca_fixture", "The same among test fixtures", "root_ca")
root(s, "tests/fixtures/")
s.finds("tests/fixtures/ca.key", ["ca_root_private"], "T1", (10, 65), signing=True)

s = Scenario("root_ca_used", "A root whose key signs in a script, with a leaf that it issued")
root(s)
s.key("leaf.key"); s.cert("www.crt", "leaf.key", "/CN=www.acme.example", SERVER, by=("ca.crt", "ca.key")); s.run("rm leaf.key")
s.write("issue.sh", "#!/bin/sh\nopenssl x509 -req -in \"$1\" -CA ca.crt -CAkey ca.key -CAcreateserial -out out.crt -days 90\n")
s.finds("ca.key", ["ca_root_private"], "T1", T1, signing=True, used_by=["issue.sh:2"], links=["issued"])

s = Scenario("intermediate_ca", "An issuing CA below a root that is not here")
s.key("r.key"); s.cert("r.crt", "r.key", "/CN=Acme Root", CA)
s.key("pki/issuing.key"); s.cert("pki/issuing.crt", "pki/issuing.key", "/CN=Acme Issuing CA 3", CA, by=("r.crt", "r.key")); s.run("rm r.key r.crt")
s.finds("pki/issuing.key", ["ca_intermediate"], "T1", T1, signing=True)

s = Scenario("constrained_ca", "A CA below it that may only issue names of one domain")
s.key("r.key"); s.cert("r.crt", "r.key", "/CN=Acme Root", CA)
s.key("sub.key"); s.cert("sub.crt", "sub.key", "/CN=Acme Sub CA", ["basicConstraints=critical,CA:TRUE,pathlen:0", "keyUsage=critical,keyCertSign", "extendedKeyUsage=serverAuth", "nameConstraints=critical,permitted;DNS:acme.example"], by=("r.crt", "r.key")); s.run("rm r.key r.crt")
s.finds("sub.key", ["ca_intermediate"], "T1", (70, 85), signing=True)

s = Scenario("installer_root", "An installer with an encrypted root and its passphrase in a setting (Sennheiser 2018)")
root(s)
s.run("mkdir -p app; openssl pkcs8 -topk8 -in ca.key -v2 aes-256-cbc -passout pass:HeadsetCC -out app/root.key; rm ca.key")
s.write("app/service.properties", "port=9797\nserver.ssl.key-store=root.key\nserver.ssl.key-store-password=HeadsetCC\n")
s.finds("app/root.key", ["ca_root_private"], "T1", T1, signing=True, protection="opened", opened_by="app/service.properties", rules=["PASSWORD-BESIDE-KEYSTORE"])

s = Scenario("encrypted_root", "The same with a passphrase that nobody wrote down", "installer_root")
root(s)
s.run("mkdir app; openssl pkcs8 -topk8 -in ca.key -v2 aes-256-cbc -iter 200000 -passout pass:qVx9-hT2m-Zz81-pLw4 -out app/root.key; rm ca.key")
s.write("app/service.properties", "port=9797\nserver.ssl.key-store=root.key\n")
s.finds("app/root.key", [], "", (30, 80), protection="strong")

s = Scenario("easy_rsa", "The directory of easy-rsa on a VPN server")
s.key("pki/private/ca.key", "rsa2048"); s.cert("pki/ca.crt", "pki/private/ca.key", "/CN=Easy-RSA CA", CA)
s.finds("pki/private/ca.key", ["ca_root_private|vpn_ca"], "T1", T1, signing=True)

for name, usage, role, tier, band in (
    ("tsa", "critical,timeStamping", "tsa", "T1", T1), ("ocsp", "OCSPSigning", "ocsp_crl_signer", "T1", T1),
    ("tls_client", "clientAuth", "tls_client", "T3", T3), ("smime", "emailProtection", "email_smime", "T3", T3),
    ("document", "1.3.6.1.5.5.7.3.36", "document_seal", "T2", T2), ("firmware_eku", "1.3.6.1.5.5.7.3.43", "firmware_update", "T1", T1),
    ("windows_kernel", "codeSigning,1.3.6.1.4.1.311.61.1.1", "os_kernel", "T1", T1), ("linux_module", "1.3.6.1.4.1.2312.16.1.2", "os_kernel", "T1", T1),
    ("enrollment", "1.3.6.1.4.1.311.20.2.1", "enrollment_agent", "T1", T1), ("plain_code", "codeSigning", "code_signing", "T1", T1),
):
    s = Scenario(f"eku_{name}", f"A certificate that says what its key is for: {usage}")
    s.key("r.key"); s.cert("r.crt", "r.key", "/CN=Acme CA", CA)
    s.key("a.key"); s.cert("a.crt", "a.key", "/CN=Acme 7", LEAF + ["keyUsage=digitalSignature", f"extendedKeyUsage={usage}"], by=("r.crt", "r.key")); s.run("rm r.key r.crt")
    s.finds("a.key", [role], tier, band, signing=role not in ("tls_client",))

s = Scenario("apple_development", "An Apple development certificate by its extension")
s.key("dev.key"); s.cert("dev.crt", "dev.key", "/CN=Apple Development: A U Thor (ABCDE12345)", CODE + ["1.2.840.113635.100.6.1.12=ASN1:NULL"])
s.finds("dev.key", ["code_signing_dev"], "", (30, 100), signing=True)

s = Scenario("keybox", "A batch key of device attestation by the extension of its certificate")
s.key("r.key"); s.cert("r.crt", "r.key", "/CN=Root", CA)
s.key("attest.key"); s.cert("attest.crt", "attest.key", "/CN=Batch 4", LEAF + ["1.3.6.1.4.1.11129.2.1.17=ASN1:NULL"], by=("r.crt", "r.key"))
s.run("rm r.key r.crt")
s.finds("attest.key", ["device_attestation"], "", T1, signing=True)

# --- TLS ----------------------------------------------------------------------------------------------------------------
s = Scenario("tls_server", "An ACME directory copied into a repository")
s.key("r.key"); s.cert("r.crt", "r.key", "/CN=Acme CA", CA)
s.key("live/privkey.pem"); s.cert("live/fullchain.pem", "live/privkey.pem", "/CN=www.acme.example", SERVER, by=("r.crt", "r.key")); s.run("rm r.key r.crt")
s.finds("live/privkey.pem", ["tls_server"], "T2", T2, signing=False, not_roles=["ca_root_private"])

s = Scenario("tls_localhost", "A self-signed certificate for localhost among examples", "tls_server")
s.key("examples/server.key", "rsa2048")
s.run("openssl req -x509 -new -key examples/server.key -subj /CN=localhost -days 3650 -out examples/server.crt")
s.finds("examples/server.key", ["tls_server"], "T2", (10, 50), signing=False, not_roles=["ca_root_private"])

s = Scenario("nginx", "A key that only the web server's configuration tells the use of")
s.key("etc/nginx/tls/acme.key"); s.write("etc/nginx/nginx.conf", "server {\n  listen 443 ssl;\n  ssl_certificate tls/acme.crt;\n  ssl_certificate_key tls/acme.key;\n}\n")
s.finds("etc/nginx/tls/acme.key", ["tls_server"], "T2", T2, signing=False, used_by=["etc/nginx/nginx.conf:4"])

s = Scenario("tls_expired", "A server certificate that ran out", "code_expired")
dated(s, "www.key", "www.crt", "www.acme.example", ExtendedKeyUsageOID.SERVER_AUTH, "2019-01-01", "2020-01-01")
s.finds("www.key", ["tls_server"], "T2", (40, 65), signing=False)

s = Scenario("openvpn", "A client of a VPN, by its configuration")
s.key("vpn/laptop.key"); s.write("vpn/office.ovpn", "client\ndev tun\nremote vpn.acme.example 1194\nca ca.crt\ncert laptop.crt\nkey laptop.key\n")
s.finds("vpn/laptop.key", ["vpn|tls_client"], "", (45, 85))

# --- code signing -------------------------------------------------------------------------------------------------------
def signing(s, path, password, folder="", options=""):
    s.key(f"{folder}k.pem", "rsa2048"); s.cert(f"{folder}c.pem", f"{folder}k.pem", "/CN=Acme Ltd/O=Acme Ltd/C=TW", CODE)
    s.pfx(path, f"{folder}k.pem", f"{folder}c.pem", password, options)


s = Scenario("gpl_tarball", "A source release with the .pfx and the batch file that signs with it (D-Link 2015)")
signing(s, "tools/sign/acme.pfx", "Alpha2011")
s.write("tools/sign/sign.bat", "@echo off\r\nrem sign the plugin\r\nsigntool.exe sign /f acme.pfx /p Alpha2011 /t http://timestamp.example %1\r\n")
s.finds("tools/sign/acme.pfx", ["code_signing"], "T1", T1, signing=True, protection="opened", opened_by="tools/sign/sign.bat", used_by=["tools/sign/sign.bat:3"], rules=["PASSWORD-BESIDE-KEYSTORE"])

s = Scenario("gpl_tarball_clean", "The same with the password in the CI system", "gpl_tarball")
signing(s, "tools/sign/acme.pfx", "w8Xq-4mTz-99La-Vb2e")
s.write("tools/sign/sign.bat", "@echo off\r\nrem sign the plugin\r\nsigntool.exe sign /f acme.pfx /p %SIGN_PASSWORD% /t http://timestamp.example %1\r\n")
s.finds("tools/sign/acme.pfx", ["code_signing"], "T1", (60, 85), signing=True, protection="strong", used_by=["tools/sign/sign.bat:3"], not_rules=["PASSWORD-BESIDE-KEYSTORE"])

s = Scenario("code_expired", "An expired certificate still signs what Windows loads (Opera 2013, NVIDIA 2022)")
dated(s, "old.key", "old.crt", "Acme Drivers", ExtendedKeyUsageOID.CODE_SIGNING, "2011-09-01", "2014-09-01")
s.finds("old.key", ["code_signing"], "T1", T1, signing=True, rules=["EXPIRED-BUT-ALIVE"])

s = Scenario("code_file_key", "A public code signing certificate of 2024 whose key lies in a file")
dated(s, "ev.key", "ev.crt", "Acme Ltd", ExtendedKeyUsageOID.CODE_SIGNING, "2024-05-01", "2040-05-01")
s.finds("ev.key", ["code_signing"], "T1", T1, signing=True, rules=["HSM-REQUIRED"])

s = Scenario("own_name", "A keystore that has its password in its own name")
signing(s, "cert_pass_Abc123.pfx", "Abc123")
s.finds("cert_pass_Abc123.pfx", ["code_signing"], "T1", T1, signing=True, protection="opened", rules=["PASSWORD-BESIDE-KEYSTORE"])

s = Scenario("mimikatz", "A .pfx as a thief's tool exports it")
signing(s, "CURRENT_USER_My_0_Acme.pfx", "mimikatz")
s.finds("CURRENT_USER_My_0_Acme.pfx", ["code_signing"], "T1", T1, signing=True, protection="opened", rules=["PFX-MIMIKATZ"])

s = Scenario("decoys", "Many passwords near a keystore, and none of them is its own")
signing(s, "sign.pfx", "Tz7!mQ0-vBk2-Lp55")
s.write("app.properties", "".join(f"service{n}.password=Decoy{n}word\n" for n in range(80)))
s.finds("sign.pfx", ["unknown"], "", (10, 80), protection="strong")

s = Scenario("workflow_secret", "A workflow that takes the password from the CI system")
signing(s, "build/win.p12", "Qz-81-mm-TT-0c-xx")
s.write(".github/workflows/release.yml", "on: push\njobs:\n  sign:\n    runs-on: windows-latest\n    steps:\n      - run: signtool sign /f build/win.p12 /p ${{ secrets.WIN_CERT_PASSWORD }} app.exe\n")
s.finds("build/win.p12", ["code_signing"], "T1", (60, 85), signing=True, protection="strong", used_by=[".github/workflows/release.yml:6"])

s = Scenario("electron", "electron-builder with the certificate and its password in .env")
signing(s, "certs/win.p12", "ElecTr0n-2024")
s.write(".env", "CSC_LINK=certs/win.p12\nCSC_KEY_PASSWORD=ElecTr0n-2024\n")
s.finds("certs/win.p12", ["code_signing"], "T1", T1, signing=True, protection="opened", opened_by=".env", used_by=[".env:1"])

s = Scenario("msbuild", "A project file that names its certificate and the password")
signing(s, "App/App_Store.pfx", "Store#2020")
s.write("App/App.csproj", "<Project>\n  <PropertyGroup>\n    <PackageCertificateKeyFile>App_Store.pfx</PackageCertificateKeyFile>\n    <PackageCertificatePassword>Store#2020</PackageCertificatePassword>\n  </PropertyGroup>\n</Project>\n")
s.finds("App/App_Store.pfx", ["code_signing"], "T1", T1, signing=True, protection="opened", opened_by="App/App.csproj", used_by=["App/App.csproj:3"])

s = Scenario("jarsigner", "A keystore and the script that signs archives with it")
s.run("keytool -genkeypair -alias release -keyalg RSA -keysize 2048 -keystore sign.jks -storetype JKS -storepass Jar5igner -keypass Jar5igner -dname 'CN=Acme, O=Acme' -validity 7300 2>/dev/null")
s.write("release.sh", "#!/bin/sh\njarsigner -keystore sign.jks -storepass Jar5igner app.jar release\n")
s.finds("sign.jks", ["code_signing"], "T1", T1, signing=True, protection="opened", opened_by="release.sh", used_by=["release.sh:2"])

# --- mobile -------------------------------------------------------------------------------------------------------------
s = Scenario("android_release", "A Gradle project with its release keystore and key.properties")
s.run("mkdir -p app; keytool -genkeypair -alias upload -keyalg RSA -keysize 2048 -keystore app/release.jks -storetype PKCS12 -storepass Gr4dle-77 -dname 'CN=Acme Mobile' -validity 10000 2>/dev/null")
s.write("key.properties", "storePassword=Gr4dle-77\nkeyPassword=Gr4dle-77\nkeyAlias=upload\nstoreFile=release.jks\n")
s.write("app/build.gradle", "android {\n  signingConfigs {\n    release {\n      storeFile file('release.jks')\n      keyAlias 'upload'\n    }\n  }\n}\n")
s.finds("app/release.jks", ["mobile_app_signing"], "T1", T1, signing=True, protection="opened", opened_by="key.properties", used_by=["app/build.gradle:4"])

s = Scenario("android_debug", "The debug keystore that every SDK makes", "android_release")
s.run("mkdir -p app; keytool -genkeypair -alias androiddebugkey -keyalg RSA -keysize 2048 -keystore app/debug.keystore -storetype JKS -storepass android -keypass android -dname 'CN=Android Debug,O=Android,C=US' -validity 10950 2>/dev/null")
s.finds("app/debug.keystore", [], "", (10, 70), protection="opened", not_roles=["mobile_app_signing"])

s = Scenario("android_platform", "The platform key of an Android build (APVI 2022)")
s.key("p.pem", "rsa2048"); s.cert("build/security/platform.x509.pem", "p.pem", "/C=KR/O=Acme/OU=DMC/CN=Acme Cert", CA)
s.run("openssl pkcs8 -topk8 -nocrypt -in p.pem -outform DER -out build/security/platform.pk8; rm p.pem")
s.write("device/Android.mk", "LOCAL_CERTIFICATE := platform\nPRODUCT_DEFAULT_DEV_CERTIFICATE := build/security/platform\n")
s.finds("build/security/platform.pk8", ["os_platform"], "T0", T0, signing=True)

# --- boot and firmware ----------------------------------------------------------------------------------------------------
s = Scenario("pkfail", "A platform key that says DO NOT TRUST, under four characters, and the build that names it (PKfail 2024)")
s.key("p.pem", "rsa2048"); s.cert("keys/PK.crt", "p.pem", "/CN=DO NOT TRUST - Acme Test PK", CA)
s.run("openssl rsa -in p.pem -aes128 -traditional -passout pass:ab1z -out keys/PK.key 2>/dev/null; rm p.pem")
s.write("build/Makefile", "PK_KEY := ../keys/PK.key\nall:\n\tsign-efi-sig-list -k ../keys/PK.key -c ../keys/PK.crt PK PK.esl PK.auth\n")
s.finds("keys/PK.key", ["boot_root"], "T0", T0, signing=True, protection="opened", used_by=["build/Makefile:3"], rules=["SUBJECT-DO-NOT-TRUST"])

s = Scenario("sbsign", "The db key of a product and the line that signs its boot loader")
s.key("efi/db.key", "rsa2048"); s.cert("efi/db.crt", "efi/db.key", "/CN=Acme UEFI db 2024", CODE)
s.write("efi/Makefile", "loader.signed: loader.efi\n\tsbsign --key db.key --cert db.crt --output $@ $<\n")
s.finds("efi/db.key", ["boot_root"], "T0", T0, signing=True, used_by=["efi/Makefile:2"])

s = Scenario("uboot", "A FIT key by the directory that mkimage is given")
s.key("keys/fitkey.key", "rsa2048"); s.write("Makefile", "fit:\n\tmkimage -f image.its -k keys -g fitkey -K u-boot.dtb -r image.itb\n")
s.finds("keys/fitkey.key", ["boot_root|firmware_update"], "T0", T0, signing=True, used_by=["Makefile:2"])

s = Scenario("uboot_test", "Such a key in a test directory that nothing uses", "uboot")
s.key("test/py/keys/fitkey.key", "rsa2048")
s.finds("test/py/keys/fitkey.key", [], "", (10, 40))

s = Scenario("mcuboot", "A key of MCUboot in the CI script that signs images")
s.key("boot/keys/prod-ec.pem"); s.write("ci/build.sh", "#!/bin/sh\ncd \"$(dirname \"$0\")/..\"\nimgtool sign --key boot/keys/prod-ec.pem --version 1.2.3 --header-size 0x200 app.bin app.signed.bin\n")
s.finds("boot/keys/prod-ec.pem", ["boot_root|firmware_update"], "", T0, signing=True, used_by=["ci/build.sh:3"])

s = Scenario("avb", "A board file that names the key of verified boot")
s.key("device/acme/avb.pem", "rsa2048"); s.write("device/acme/BoardConfig.mk", "BOARD_AVB_ENABLE := true\nBOARD_AVB_KEY_PATH := device/acme/avb.pem\nBOARD_AVB_ALGORITHM := SHA256_RSA2048\n")
s.finds("device/acme/avb.pem", ["boot_root"], "T0", T0, signing=True, used_by=["device/acme/BoardConfig.mk:2"])

s = Scenario("kernel_modules", "The key that the kernel build made, in a tree that was published")
s.key("certs/k.pem", "rsa2048"); s.cert("certs/c.pem", "certs/k.pem", "/CN=Build time autogenerated kernel key", LEAF + ["keyUsage=digitalSignature"])
s.run("cat certs/k.pem certs/c.pem > certs/signing_key.pem; rm certs/k.pem certs/c.pem")
s.write(".config", "CONFIG_MODULES=y\nCONFIG_MODULE_SIG_KEY=\"certs/signing_key.pem\"\n")
s.finds("certs/signing_key.pem", ["os_kernel"], "T1", T1, signing=True, used_by=[".config:2"])

s = Scenario("mok", "A machine owner key and the line that signs modules with it")
s.key("mok/MOK.priv", "rsa2048"); s.cert("mok/MOK.der", "mok/MOK.priv", "/CN=Acme Module Signing", LEAF + ["extendedKeyUsage=codeSigning,1.3.6.1.4.1.2312.16.1.2"], out="DER")
s.write("mok/sign.sh", "#!/bin/sh\nkmodsign sha512 MOK.priv MOK.der driver.ko\n")
s.finds("mok/MOK.priv", ["os_kernel"], "T1", T1, signing=True)

s = Scenario("rauc", "A bundle of RAUC and the key that signs it")
s.key("ota/release.key.pem"); s.cert("ota/release.cert.pem", "ota/release.key.pem", "/CN=Acme OTA", LEAF)
s.write("ota/bundle.sh", "#!/bin/sh\nrauc bundle --cert release.cert.pem --key release.key.pem content update.raucb\n")
s.finds("ota/release.key.pem", ["firmware_update"], "", T1, signing=True, used_by=["ota/bundle.sh:2"])

s = Scenario("two_stages", "One key for two stages of a boot chain (Lenovo 2022)")
s.key("BootGuard/keym_priv.pem", "rsa3072"); s.run("cp BootGuard/keym_priv.pem BootGuard/bpm_priv.pem")
s.write("BootGuard/build.sh", "#!/bin/sh\ncert_create --rot-key keym_priv.pem --tb-fw bl2.bin\n")
s.finds("BootGuard/keym_priv.pem", ["boot_root"], "T0", T0, signing=True, rules=["MULTI-ROLE"])

s = Scenario("crash_dump", "A key in a memory dump, without any PEM (Storm-0558 2023)")
s.key("k.pem", "rsa2048"); s.run("openssl pkcs8 -topk8 -nocrypt -in k.pem -outform DER -out $W/k.der; rm k.pem")
noise = b"".join(hashlib.sha256(bytes([n & 255, n >> 8])).digest() for n in range(4000))
s.write("dumps/signer.dmp", b"PAGEDU64" + noise[:70000] + (s.work / "k.der").read_bytes() + noise[70000:])
s.finds("dumps/signer.dmp", ["unknown"], "T3", T3, signing=False)

# --- packages and releases --------------------------------------------------------------------------------------------------
def pgp(s, uid, out="secret.asc", armor="--armor"):
    s.run(f"mkdir -p -m 700 $W/gnupg; gpg --batch --quiet --passphrase '' --quick-generate-key '{uid}' ed25519 sign never 2>/dev/null")
    s.run(f"mkdir -p $(dirname {out}); gpg --batch --quiet --export-secret-keys {armor} > {out}")
    return s.run("gpg --batch --list-keys --with-colons | grep ^fpr | head -1 | cut -d: -f10").decode().strip()


s = Scenario("apt_repository", "The archive key of a package repository and the file that names it")
fpr = pgp(s, "Acme Archive Signing Key <packages@acme.example>", "keys/archive.asc")
s.write("conf/distributions", f"Codename: stable\nComponents: main\nArchitectures: amd64\nSignWith: {fpr}\n")
s.finds("keys/archive.asc", ["package_repo"], "T1", T1, signing=True, used_by=["conf/distributions:4"])

s = Scenario("pgp_person", "A person's key", "apt_repository")
pgp(s, "Alice Example <alice@acme.example>", "alice.asc")
s.finds("alice.asc", ["openpgp_certify|email_pgp"], "", (45, 85))

s = Scenario("ci_variable", "A release key as base64 in a file of CI variables (HashiCorp 2021)")
pgp(s, "Acme Release Signing <security@acme.example>", "secret.asc")
armored = (s.dir / "secret.asc").read_bytes(); s.run("rm secret.asc")
s.write("ci/variables.env", "GPG_PRIVATE_KEY=" + base64.b64encode(armored).decode() + "\n")
s.finds("ci/variables.env", ["package_single|package_repo"], "", (65, 100), signing=True)

s = Scenario("rpm_signing", "A build host's macros that name the key")
pgp(s, "Acme RPM Package Signing <rpm@acme.example>", "keys/rpm.asc")
s.write(".rpmmacros", "%_signature gpg\n%_gpg_name Acme RPM Package Signing <rpm@acme.example>\n")
s.finds("keys/rpm.asc", ["package_repo"], "T1", T1, signing=True)

s = Scenario("abuild", "The key of an Alpine package builder")
s.key(".abuild/dev@acme.example-5f3a.rsa", "rsa2048"); s.write(".abuild/abuild.conf", "PACKAGER_PRIVKEY=\".abuild/dev@acme.example-5f3a.rsa\"\n")
s.finds(".abuild/dev@acme.example-5f3a.rsa", ["package_repo"], "T1", T1, signing=True)

# --- tokens -----------------------------------------------------------------------------------------------------------------
s = Scenario("k8s_sa", "The service account key of a cluster, by the flags of its API server")
s.key("etc/kubernetes/pki/sa.key", "rsa2048")
s.write("etc/kubernetes/manifests/kube-apiserver.yaml", "spec:\n  containers:\n  - command:\n    - kube-apiserver\n    - --service-account-signing-key-file=/etc/kubernetes/pki/sa.key\n    - --service-account-key-file=/etc/kubernetes/pki/sa.pub\n")
s.finds("etc/kubernetes/pki/sa.key", ["token_issuer"], "", T1, signing=True, used_by=["etc/kubernetes/manifests/kube-apiserver.yaml:5"])

s = Scenario("k8s_ca", "The CA of a cluster")
s.key("etc/kubernetes/pki/ca.key", "rsa2048"); s.cert("etc/kubernetes/pki/ca.crt", "etc/kubernetes/pki/ca.key", "/CN=kubernetes", CA)
s.finds("etc/kubernetes/pki/ca.key", ["ca_root_private"], "", T1, signing=True)

s = Scenario("jwt", "A Symfony application with its token key and the passphrase in .env")
s.key("k.pem", "rsa2048"); s.run("mkdir -p config/jwt; openssl pkcs8 -topk8 -in k.pem -v2 aes-256-cbc -passout pass:5ymf0ny-pass -out config/jwt/private.pem; rm k.pem")
s.write(".env", "JWT_SECRET_KEY=%kernel.project_dir%/config/jwt/private.pem\nJWT_PASSPHRASE=5ymf0ny-pass\n")
s.finds("config/jwt/private.pem", ["token_issuer"], "", T1, signing=True, protection="opened", opened_by=".env")

s = Scenario("laravel", "The key of Laravel Passport")
s.key("storage/oauth-private.key", "rsa2048")
s.finds("storage/oauth-private.key", ["token_issuer"], "", T1, signing=True)

s = Scenario("saml", "The signing key of a Shibboleth identity provider")
s.key("credentials/idp-signing.key", "rsa2048"); s.cert("credentials/idp-signing.crt", "credentials/idp-signing.key", "/CN=idp.acme.example", [])
s.finds("credentials/idp-signing.key", ["token_issuer"], "", T1, signing=True)

s = Scenario("app_store_connect", "A key of Apple's services by its name")
s.key("fastlane/AuthKey_2X9R4HXF34.p8"); s.write("fastlane/Fastfile", "app_store_connect_api_key(\n  key_id: \"2X9R4HXF34\",\n  key_filepath: \"fastlane/AuthKey_2X9R4HXF34.p8\"\n)\n")
s.finds("fastlane/AuthKey_2X9R4HXF34.p8", ["token_client"], "T2", T2, signing=True)

s = Scenario("github_app", "The key of a GitHub App by its name")
s.key("acme-bot.2024-05-01.private-key.pem", "rsa2048")
s.finds("acme-bot.2024-05-01.private-key.pem", ["token_client"], "T2", T2, signing=True)

s = Scenario("dkim", "A DKIM key by the mail filter's settings")
s.key("etc/dkim/mail.private", "rsa2048"); s.write("etc/opendkim.conf", "Domain acme.example\nSelector mail\nKeyFile /etc/dkim/mail.private\n")
s.finds("etc/dkim/mail.private", ["email_dkim"], "T2", T2)

# --- SSH --------------------------------------------------------------------------------------------------------------------
s = Scenario("ssh_ca", "A user CA with a certificate that it signed and the script that signs")
s.run("ssh-keygen -q -t ed25519 -N '' -C 'acme user ca' -f user_ca; ssh-keygen -q -t ed25519 -N '' -C a -f $W/u; ssh-keygen -q -s user_ca -I alice -n alice $W/u.pub; cp $W/u-cert.pub alice-cert.pub")
s.write("issue.sh", "#!/bin/sh\nssh-keygen -s user_ca -I \"$1\" -n \"$1\" -V +1d \"$2\"\n")
s.finds("user_ca", ["ssh_ca"], "T1", T1, signing=True, used_by=["issue.sh:2"], links=["same_key"])

s = Scenario("ssh_host", "Host keys in an image")
s.run("mkdir -p etc/ssh; ssh-keygen -q -t ed25519 -N '' -C root@build -f etc/ssh/ssh_host_ed25519_key")
s.finds("etc/ssh/ssh_host_ed25519_key", ["ssh_host"], "T2", T2, signing=False)

s = Scenario("ssh_user", "A user's key with the line that lets it in")
s.run("mkdir -p home/.ssh; ssh-keygen -q -t ed25519 -N '' -C alice@laptop -f home/.ssh/id_ed25519; cp home/.ssh/id_ed25519.pub home/.ssh/authorized_keys")
s.finds("home/.ssh/id_ed25519", ["ssh_user"], "T3", T3, signing=False)

s = Scenario("git_signing", "A key that signs commits")
s.run("mkdir -p home/.ssh; ssh-keygen -q -t ed25519 -N '' -C alice@laptop -f home/.ssh/git_sign")
s.write("home/.gitconfig", "[user]\n\tname = Alice\n\tsigningkey = ~/.ssh/git_sign.pub\n[gpg]\n\tformat = ssh\n")
s.finds("home/.ssh/git_sign", ["git_signing|ssh_user"], "", (45, 85))

# --- harmless twins: the same kinds of key as fixtures that nothing uses -------------------------------------------------------
def fixture(name, twin_of, file, make, most=68):
    s = Scenario(name, f"The key of {twin_of} as a fixture that nothing uses", twin_of)
    make(s, file)
    s.finds(file, [], "", (10, most), not_rules=["TRUSTS-PUBLIC-KEY", "PASSWORD-BESIDE-KEYSTORE"])


def plain(kind):
    return lambda s, file: s.key(file, kind)


def with_cert(subject, ext):
    def make(s, file):
        s.key(file)
        s.cert(file.rsplit(".", 1)[0] + ".crt", file, subject, ext)
    return make


def with_pfx(s, file):
    folder = file.rsplit("/", 1)[0] + "/"
    signing(s, file, "changeit", folder)


fixture("mcuboot_fixture", "mcuboot", "tests/keys/prod-ec.pem", plain("ec"))
fixture("avb_fixture", "avb", "test/data/avb.pem", plain("rsa2048"))
fixture("sbsign_fixture", "sbsign", "tests/data/db.key", with_cert("/CN=Test db", CODE))
fixture("kernel_fixture", "kernel_modules", "selftests/testdata/signing_key.pem", plain("rsa2048"))
fixture("rauc_fixture", "rauc", "test/openssl-ca/release.pem", with_cert("/CN=Test OTA", LEAF))
fixture("tsa_fixture", "eku_tsa", "spec/fixtures/tsa.key", with_cert("/CN=Test TSA", LEAF + ["extendedKeyUsage=critical,timeStamping"]))
fixture("code_fixture", "eku_plain_code", "testdata/code.key", with_cert("/CN=Test Code", CODE))
fixture("pfx_fixture", "gpl_tarball", "src/test/resources/sign.pfx", with_pfx)
fixture("intermediate_fixture", "intermediate_ca", "tests/pki/issuing.key", with_cert("/CN=Test Issuing CA", CA))
fixture("k8s_fixture", "k8s_sa", "testdata/pki/sa.key", plain("rsa2048"))
fixture("jwt_fixture", "jwt", "tests/fixtures/jwt/private.pem", plain("rsa2048"))
fixture("ssh_host_fixture", "ssh_host", "tests/sshd/ssh_host_ed25519_key", lambda s, file: s.run(f"mkdir -p tests/sshd; ssh-keygen -q -t ed25519 -N '' -C t -f {file}; rm {file}.pub"))
fixture("ssh_ca_fixture", "ssh_ca", "testdata/user_ca", lambda s, file: s.run(f"mkdir -p testdata; ssh-keygen -q -t ed25519 -N '' -C 'test ca' -f {file}"))
fixture("pgp_fixture", "apt_repository", "tests/data/archive.asc", lambda s, file: pgp(s, "Test Archive <test@acme.example>", file))
fixture("dkim_fixture", "dkim", "t/data/mail.private", plain("rsa2048"))

# --- known, weak, other -------------------------------------------------------------------------------------------------------
def listed(s, key):
    spki = hashlib.sha256(s.run(f"openssl pkey -in {key} -pubout -outform DER")).hexdigest()
    s.known = True
    s.write("known-keys.tsv", f"class\trole\tlabel\tspki_sha256\tsource\npublic_test\tboot_root\tACME example key\t{spki}\tacme/sdk\n")


s = Scenario("test_key", "A published test key by itself", "test_key_used")
s.key("sdk/example.pem"); listed(s, "sdk/example.pem")
s.finds("sdk/example.pem", ["boot_root"], "T0", (10, 10), rules=["KEY-TEST-KNOWN"])

s = Scenario("test_key_used", "A published test key that a product's build signs with (APEX 2023)")
s.key("keys/key.pem"); listed(s, "keys/key.pem")
s.write("release.sh", "#!/bin/sh\nimgtool sign --key keys/key.pem app.bin app.signed.bin\n")
s.finds("keys/key.pem", ["boot_root"], "T0", T0, signing=True, rules=["TRUSTS-PUBLIC-KEY"])

s = Scenario("test_key_trusted", "A product that trusts a published test key, without any private key (Supermicro 2024)")
s.key("k.pem"); listed(s, "k.pem"); s.cert("rootfs/etc/keys/bmc.crt", "k.pem", "/CN=BMC root", CA); s.run("rm k.pem")
s.finds("rootfs/etc/keys/bmc.crt", ["boot_root"], "T0", T0, signing=True, rules=["TRUSTS-PUBLIC-KEY"])

s = Scenario("weak_ca", "A root of 512 bits, as appliances had them")
s.key("r.key", "rsa512"); s.cert("web/root.crt", "r.key", "/CN=Appliance Root CA", CA); s.run("rm r.key")
s.finds("web/root.crt", ["ca_root_private"], "T1", T1, signing=True, rules=["KEY-COMPUTABLE"])

s = Scenario("shared_prime", "Two devices that drew the same prime")
one = rsa.generate_private_key(65537, 2048).private_numbers()
p, e = one.p, 65537
q = rsa.generate_private_key(65537, 2048).private_numbers().q
d = pow(e, -1, (p - 1) * (q - 1))
two = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(e, p * q)).private_key()
pem = serialization.Encoding.PEM
s.write("a/public.pem", one.public_numbers.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
s.write("b/device.pem", two.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
s.finds("b/device.pem", ["unknown"], "T3", T3, rules=["KEY-COMPUTABLE"])

s = Scenario("encryption", "A key that can only agree on keys")
s.key("wrap.pem", "x25519")
s.finds("wrap.pem", ["encryption_only"], "T4", (55, 65), signing=False)

s = Scenario("unknown", "A key that nothing says anything about")
s.key("data/7f3a.pem")
s.finds("data/7f3a.pem", ["unknown"], "T3", T3, signing=False)

import uses  # noqa: E402,F401  scenarios of files that use keys
import purposes  # noqa: E402,F401  scenarios of weak evidence
import standing  # noqa: E402,F401  scenarios of names that lose against uses

finish()
