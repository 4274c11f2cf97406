"""Keys in mails and vCards, quoted-printable by Python's email and quopri; what the reader of mails gives back is asked."""

import email
import email.policy
import quopri
from email.message import EmailMessage

from kit import Family
from textkeys import make

f = Family("quoted_printable", "private keys in bodies of mails that are quoted-printable, soft line breaks in them")
KEYS = make(f, ["rsa", "p8", "ec8", "ed"])


def mail(text, **more):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.org", "b@example.org", "Schlüssel"
    message.set_content(text, cte="quoted-printable", **more)
    return message


for stem, (keys, pem, der, certs, how) in KEYS.items():
    lines = pem.strip().split("\n")
    texts = {
        "plain": pem,
        "json": '{"type": "service", "private_key": "' + "\\n".join(lines) + '\\n"}\n',
        "oneline": lines[0] + "\n" + "".join(lines[1:-1]) + "\n" + lines[-1] + "\n",
        "yaml": "data:\n  tls:\n    key: |\n" + "".join(" " * 14 + line + "\n" for line in lines),
    }
    for name, text in texts.items():
        body = "Grüße, der Schlüssel:\n\n" + text
        message = mail(body)
        raw = message.as_bytes()
        back = email.message_from_bytes(raw, policy=email.policy.default).get_content()
        assert lines[1] in back and b"quoted-printable" in raw
        f.add(f"{stem}.{name}.eml", raw, f"{how}; {name}, Python email", keys)
        f.add(f"{stem}.{name}.crlf.eml", message.as_bytes(policy=email.policy.SMTP), f"{how}; {name}, Python email, CRLF", keys)
    # A part among others.
    message = mail(texts["json"])
    message.add_attachment(b"x" * 100, maintype="application", subtype="octet-stream", filename="x.bin")
    f.add(f"{stem}.parts.eml", message.as_bytes(), f"{how}; the first of two parts", keys)
    f.add(f"{stem}.bare.txt", quopri.encodestring(texts["oneline"].encode()), f"{how}; quopri, without a header", keys)
    f.add(f"{stem}.der.qp", quopri.encodestring(der), f"{how}; DER, quopri, without a header", keys, certs)
    card = b"BEGIN:VCARD\nVERSION:2.1\nN:Key;A\nNOTE;ENCODING=QUOTED-PRINTABLE:" + quopri.encodestring(pem.encode()).replace(b"\n", b"=0A=\n") + b"\nEND:VCARD\n"
    f.add(f"{stem}.vcf", card, f"{how}; a note of a vCard", keys)
silent = lambda file, data, why: f.add(file, data, "by hand", oracle="nobody can sign with it", why=why, silent=True)
silent("near_prose.eml", mail("Kein Schlüssel, nur = und =2B.\n" * 9).as_bytes(), "prose")
silent("near_code.py", 'CTE = "quoted-printable"\nassert a == b\n', "source that names the encoding")
silent("near_cut.eml", mail('{"key": "-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC...\\n-----END PRIVATE KEY-----"}').as_bytes(), "a key with dots")
f.finish()
