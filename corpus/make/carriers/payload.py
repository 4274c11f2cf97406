"""The three texts that every text carrier holds: a PEM, DER in base64, PKCS#12 in base64. One file each."""

import base64

from .core import filler


class Payload:
    def __init__(self, key, text, armored):
        self.key, self.text, self.armored = key, text, armored

    def back(self, text):
        """What a person takes out of the decoded text: the PEM, or the bytes of the base64."""
        if isinstance(text, bytes):
            text = text.decode("utf-8", "replace")
        if self.armored:
            return text.encode()
        return base64.b64decode("".join(text.split()))


def payloads(c, forms=("pem", "der", "p12")):
    """Fresh keys as text. `ssh` is an OpenSSH key, `pem` RSA in PKCS#8."""
    made = []
    for form in forms:
        key = c.key(
            {"pem": "rsa", "der": "p256:der", "ssh": "ssh", "p12": "p12", "trad": "rsa:trad", "ec": "p256"}[form],
            form,
        )
        armored = form in ("pem", "ssh", "trad", "ec")
        made.append(Payload(key, key.text if armored else key.b64, armored))
    return made


def around(c, encode, decode, how, ext="txt", forms=("pem", "der", "p12"), before="", after="", big=False):
    """Writes one file for each text. `encode` makes the file of the text; `decode`, mostly a call of another program,
    makes the text of the file again. With `big`, the text is behind 70 KiB of other lines."""
    for p in payloads(c, forms):
        got = encode(p.text)
        got = got.encode() if isinstance(got, str) else got
        head = filler(70000) if big else b""
        tail = filler(9000) if big else b""
        p.key.file = f"{p.key.place}.{ext}"
        c.put(p.key.file, head + before.encode() + got + after.encode() + tail)
        text = decode(got)
        c.prove(p.key, p.back(text), how)
