"""Mail, made by the email library and read back by it or by munpack."""

import email
import email.policy
from email.message import EmailMessage

from .core import carrier, filler
from .payload import around
from .documents import KIND, lines, squeeze


# Mail.


def mail(c, text, how):
    m = EmailMessage()
    m["Subject"], m["From"], m["To"] = "key", "a@example.org", "b@example.org"
    if how.startswith("html"):
        m.set_content("see html")
        m.add_alternative(html_of(text, how), subtype="html", cte="quoted-printable" if "qp" in how else "base64")
    else:
        m.set_content(text, cte=how)
    return m.as_bytes()


def html_of(text, how):
    rows = lines(text)
    if "outlook" in how:
        body = "".join(
            f'<p class=3DMsoNormal><span style=3D"font-family:Consolas">{l}<o:p></o:p></span></p>\n'.replace(
                "=3D", "="
            )
            for l in rows
        )
    elif "gmail" in how:
        body = "".join(f'<div dir="ltr"><font face="monospace">{l[:30]}<wbr>{l[30:]}</font><br></div>' for l in rows)
    elif "zwnj" in how:
        body = "".join(f"<div>&zwnj;{l}&zwj;</div>" for l in rows)
    elif "spans" in how:
        body = (
            "<pre>"
            + "\n".join("".join(f"<span>{l[i:i + 16]}</span>" for i in range(0, len(l), 16)) for l in rows)
            + "</pre>"
        )
    elif "nbsp" in how:
        body = "".join(f"&nbsp;&nbsp;{l.replace(' ', '&nbsp;')}<br>\n" for l in rows)
    else:
        body = "<blockquote>" + "<br>\n".join(rows) + "</blockquote>"
    return f"<html><body>{body}</body></html>\n"


def mail_text(data):
    import html
    import re

    m = email.message_from_bytes(data, policy=email.policy.default)
    part = m.get_body(("html", "plain"))
    text = part.get_content()
    if part.get_content_subtype() == "html":
        text = re.sub(r"<wbr>|</?span[^>]*>|<o:p></o:p>|</?font[^>]*>", "", text)
        text = html.unescape(re.sub(r"<[^>]+>", "\n", text))
        return squeeze(text.replace("\u200c", "").replace("\u200d", ""))
    return text


for how in (
    "7bit",
    "quoted-printable",
    "base64",
    "html-outlook-qp",
    "html-outlook-base64",
    "html-gmail-qp",
    "html-zwnj-qp",
    "html-spans-qp",
    "html-nbsp-base64",
    "html-blockquote-qp",
):

    def make(c, how=how):
        around(c, lambda t: mail(c, t, how), mail_text, "email", "eml")

    carrier(f"eml-{how}", KIND, "python3")(make)


@carrier("eml-attachments-nested-forward", KIND, "python3")
def eml_nested(c):
    keys = c.tree()
    inner = EmailMessage()
    inner["Subject"] = "inner"
    inner.set_content("hello")
    for p in keys:
        inner.add_attachment(
            (c.work / "tree" / p).read_bytes(),
            maintype="application",
            subtype="octet-stream",
            filename=p.split("/")[-1],
        )
    outer = EmailMessage()
    outer["Subject"] = "outer"
    outer.set_content("forwarded")
    outer.add_attachment(inner)
    c.put("f.eml", outer.as_bytes())
    back = email.message_from_bytes((c.out / "f.eml").read_bytes(), policy=email.policy.default)
    found = {q.get_filename(): q.get_payload(decode=True) for q in back.walk() if q.get_filename()}
    c.prove_tree(keys, lambda p: found[p.split("/")[-1]], "email")


@carrier("eml-uuencoded-body-mbox-from-escape", KIND, "python3")
def mbox(c):
    key = c.key("rsa", "mbox body")
    c.put(
        "f.mbox",
        b"From a@b Mon Nov 30 12:00:00 2026\nSubject: k\n\n"
        + filler(2000)
        + b">From me\n"
        + key.data
        + b"\nFrom c@d Mon Nov 30 12:01:00 2026\nSubject: x\n\nbye\n",
    )
    import mailbox

    c.prove(key, mailbox.mbox(c.out / "f.mbox")[0].get_payload(), "mailbox")


@carrier("eml-mpack-split-parts", KIND, "mpack")
def mpack(c):
    key = c.key("p12", "attachment")
    (c.work / "k.p12").write_bytes(key.data)
    c.sh("mpack -s k -o f.eml k.p12; mkdir x; cd x; munpack -q ../f.eml >/dev/null")
    c.prove(key, (c.work / "x/k.p12").read_bytes(), "munpack")
    c.take("f.eml")
