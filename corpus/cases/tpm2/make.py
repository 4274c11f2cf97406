"""TPM 2.0 keys by tpm2-openssl's provider and tpm2-tools against swtpm, the TPM emulator."""

import hashlib
import os
import subprocess
import time

from cryptography.hazmat.primitives import serialization as ser

from kit import Family, der_of, pem, tlv

f = Family("tpm2", "TSS2 PRIVATE KEY by the tpm2 provider of OpenSSL and tpm2-tools, on a software TPM")
f.path("state").mkdir()
tpm = subprocess.Popen(["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={f.path('state')}", "--ctrl", "type=unixio,path=" + str(f.path("sock.ctrl")), "--server", "type=unixio,path=" + str(f.path("sock")), "--flags", "not-need-init,startup-clear"])
try:
    for _ in range(100):
        if f.path("sock").exists():
            break
        time.sleep(0.1)
    TCTI = f"swtpm:path={f.path('sock')}"
    os.environ["TPM2TOOLS_TCTI"] = os.environ["TPM2OPENSSL_TCTI"] = TCTI
    PROVIDER = "-provider tpm2 -provider default -propquery '?provider=tpm2'"

    def row(name, password=""):
        """What the TPM itself says is the public half of the key."""
        ask = f"openssl pkey {PROVIDER} -in {name} {password} -pubout -outform DER"
        out = f.run(ask)
        out = ser.load_der_public_key(out).public_bytes(ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo)
        shown = ask.replace(str(f.work), "DIR")
        return dict(format="tpm2", protection="hardware", spki_sha256=hashlib.sha256(out).hexdigest(), _oracle=f"{shown} | sha256sum")

    KEYS = {
        "rsa2048.pem": "-algorithm RSA -pkeyopt bits:2048",
        "p256.pem": "-algorithm EC -pkeyopt group:P-256",
        "p384.pem": "-algorithm EC -pkeyopt group:P-384",
        "pss.pem": "-algorithm RSA-PSS -pkeyopt bits:2048 -pkeyopt digest:SHA256",
        "password.pem": "-algorithm EC -pkeyopt group:P-256 -pkeyopt user-auth:abcd",
    }
    for name, options in KEYS.items():
        command = f"openssl genpkey {PROVIDER} {options} -out {name}"
        try:
            f.run(command)
        except RuntimeError as error:
            if name in ("p384.pem", "pss.pem"):
                print(f"left out: {name}: {str(error).splitlines()[-1]}")
                continue
            raise
        key = row(name, "-passin pass:abcd" if name == "password.pem" else "")
        if name == "pss.pem":
            # The public area says RSA and a scheme: keyradius gives the key the name that any RSA key has.
            key.pop("spki_sha256")
            numbers = ser.load_der_public_key(f.run(f"openssl pkey {PROVIDER} -in {name} -pubout -outform DER")).public_numbers()
            from cryptography.hazmat.primitives.asymmetric import rsa

            plain = rsa.RSAPublicNumbers(numbers.e, numbers.n).public_key().public_bytes(ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo)
            key["spki_sha256"] = hashlib.sha256(plain).hexdigest()
        f.add(name, f.read(name), command, [key])
    ec = f.read("p256.pem").decode()
    f.add("p256.der", der_of(ec), "openssl pkey -outform DER of p256.pem", [row("p256.pem")])
    f.add("inside.bin", b"\x7fELF\2\1\1" + bytes(121) + der_of(f.read("rsa2048.pem").decode()) + bytes(33), "rsa2048.pem as DER between other bytes", [row("rsa2048.pem")])
    f.add("escaped.json", '{"key": "' + ec.replace("\n", "\\n") + '"}', "p256.pem in JSON", [row("p256.pem")])
    # A key that tpm2-tools made, put into the frame by tpm2_encodeobject.
    flush = "tpm2_flushcontext -t"
    f.run(f"tpm2_createprimary -Q -C o -g sha256 -G ecc -c primary.ctx; {flush}; tpm2_create -Q -C primary.ctx -G ecc256 -u k.pub -r k.priv; {flush}")
    f.run(f"tpm2_load -Q -C primary.ctx -u k.pub -r k.priv -c k.ctx; {flush}; tpm2_readpublic -Q -c k.ctx -f der -o k.der; {flush}")
    f.run(f"tpm2_evictcontrol -Q -C o -c primary.ctx 0x81000001; {flush}")
    command = "tpm2_encodeobject -C 0x81000001 -u k.pub -r k.priv -o encoded.pem"
    f.run(command)
    f.add("encoded.pem", f.read("encoded.pem"), command, [dict(format="tpm2", protection="hardware", spki_sha256=f.public("k.der", der=True), _oracle="tpm2_readpublic -f der | sha256sum")])
    # Near misses.
    body = der_of(ec)
    f.add("cut.pem", pem("TSS2 PRIVATE KEY", body[:-40]), "p256.pem, its last 40 bytes cut off", why="the private area is not there", silent=True, oracle="openssl pkey: cannot load")
    sealed = body.replace(bytes.fromhex("060667810 50a0103".replace(" ", "")), bytes.fromhex("06066781050a0105"))
    f.add("sealed.pem", pem("TSS2 PRIVATE KEY", sealed), "p256.pem with the type of sealed data", why="sealed data is no key", silent=True, oracle="openssl pkey: cannot load")
    f.add("oid.der", tlv(0x30, bytes.fromhex("06066781050a0103")), "python3: the OID alone", why="a table of OIDs", silent=True, oracle="openssl asn1parse")
    f.add("bare.pub", f.read("k.pub"), "tpm2_create -u", why="a public area alone", silent=True, oracle="tpm2_print -t TPM2B_PUBLIC")
finally:
    tpm.terminate()
    tpm.wait()
f.finish()
