"""Android attestation keyboxes: XML after the Android CDD and public tools, keys by openssl."""

import functools

from kit import Family

f = Family("android_keybox", "keybox.xml made by hand around keys and chains of openssl")


def chain(name, options):
    f.run(f"openssl req -x509 -newkey {options} -nodes -keyout {name}.key -out {name}.crt -subj '/serialNumber={name}/title=TEE' -days 30")


chain("root", "rsa:2048")
chain("rsa", "rsa:2048")
chain("ec", "ec -pkeyopt ec_paramgen_curve:P-256")
f.run("openssl rsa -in rsa.key -traditional -out rsa.pem; openssl ec -in ec.key -out ec.pem")


def key(algorithm, pem, certs, indent=""):
    body = "".join(f'<Certificate format="pem">\n{f.read(c).decode()}</Certificate>\n' for c in certs)
    text = (f'<Key algorithm="{algorithm}">\n<PrivateKey format="pem">\n{f.read(pem).decode()}</PrivateKey>\n<CertificateChain>\n'
            f"<NumberOfCertificates>{len(certs)}</NumberOfCertificates>\n{body}</CertificateChain>\n</Key>\n")
    return text.replace("\n", "\n" + indent)


def box(device, *keys):
    return f'<Keybox DeviceID="{device}">{"".join(keys)}</Keybox>\n'


def document(*boxes):
    return f'<?xml version="1.0"?>\n<AndroidAttestation>\n<NumberOfKeyboxes>{len(boxes)}</NumberOfKeyboxes>\n{"".join(boxes)}</AndroidAttestation>\n'


ec, rsa = f.key("ec.pem", "android_keybox", label="dev_0001"), f.key("rsa.pem", "android_keybox", label="dev_0001")
certs = [f.cert("ec.crt"), f.cert("root.crt"), f.cert("rsa.crt")]
both = document(box("dev_0001", key("ecdsa", "ec.pem", ["ec.crt", "root.crt"]), key("rsa", "rsa.pem", ["rsa.crt", "root.crt"])))
f.add("keybox.xml", both, "by hand around openssl's PEM", [ec, rsa], certs)
f.add("indented.xml", document(box("dev_0001", key("ecdsa", "ec.pem", ["ec.crt"], "        "))), "by hand, indented", [ec], [f.cert("ec.crt")])
f.add("crlf.xml", both.replace("\n", "\r\n"), "by hand, CRLF", [ec, rsa], certs)
f.add("pkcs8.xml", document(box("dev_0001", key("ecdsa", "ec.key", ["ec.crt"]))), "by hand around PKCS#8", [ec], [f.cert("ec.crt")])
f.add("two.xml", document(box("dev_0001", key("ecdsa", "ec.pem", ["ec.crt"])), box("dev_0002", key("rsa", "rsa.pem", ["rsa.crt"]))), "two keyboxes", [ec, rsa], [f.cert("ec.crt"), f.cert("rsa.crt")])

silent = functools.partial(f.silent, made="made by hand", oracle="made by hand")

silent("near_template.xml", document('<Keybox DeviceID="{{DEVICE}}"><Key algorithm="ecdsa"><PrivateKey format="pem">\n-----BEGIN EC PRIVATE KEY-----\n{{KEY}}\n-----END EC PRIVATE KEY-----\n</PrivateKey></Key></Keybox>\n'), "a template")
silent("near_certificates.xml", document(box("dev_0001", f'<Certificate format="pem">\n{f.read("ec.crt").decode()}</Certificate>')), "a chain without its key", certs=[f.cert("ec.crt")])
silent("near_unclosed.xml", '<Keybox DeviceID="dev_0001"><Key algorithm="ecdsa">', "the start of one")
f.finish()
