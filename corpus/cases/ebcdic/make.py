"""Texts in EBCDIC by iconv: PEM, and base64 of DER, in the code pages 037, 500 and 1047."""

from contain import Packed

f = Packed("ebcdic", "texts in EBCDIC")
for page in ("IBM037", "IBM500", "IBM1047"):
    name = f"{page}.pem"
    f.tool(name, f"iconv -f ASCII -t {page} tree/etc/id.pem > {name}", lambda: [f.shown(f"iconv -f {page} -t ASCII {name}")])
f.tool(
    "base64.txt",
    "base64 tree/signing.der | iconv -f ASCII -t IBM037 > base64.txt",
    lambda: [f.shown("iconv -f IBM037 -t ASCII base64.txt | base64 -d", der=True)],
)
near = f.run("openssl pkey -in tree/etc/id.pem -pubout | iconv -f ASCII -t IBM037")
f.silent("public.pem", near, "openssl pkey -pubout | iconv", "a public key")
f.finish()
