"""RSA and DSA keys of .NET in XML by mono, and in JSON as IdentityServer writes them."""

import base64
import hashlib
import json
import re

import signs
from kit import Family

f = Family("rsa_xml", "Keys of .NET in XML and JSON: ToXmlString and XmlSerializer of mono, tempkey.rsa by hand from those")
f.path("k.cs").write_text("""using System.IO; using System.Security.Cryptography; using System.Xml.Serialization;
class K { static void Main() {
    foreach (int bits in new[] { 1024, 2048, 3072 }) {
        var rsa = new RSACryptoServiceProvider(bits);
        File.WriteAllText("rsa" + bits + ".xml", rsa.ToXmlString(true));
        File.WriteAllText("rsa" + bits + "_public.xml", rsa.ToXmlString(false));
        File.WriteAllBytes("rsa" + bits + ".blob", rsa.ExportCspBlob(false));
        using (var w = new StreamWriter("parameters" + bits + ".xml"))
            new XmlSerializer(typeof(RSAParameters)).Serialize(w, rsa.ExportParameters(true));
    }
    var dsa = new DSACryptoServiceProvider(1024);
    File.WriteAllText("dsa1024.xml", dsa.ToXmlString(true));
    File.WriteAllText("dsa1024_public.xml", dsa.ToXmlString(false));
    File.WriteAllBytes("dsa1024.blob", dsa.ExportCspBlob(false));
}}
""")
f.run("mcs -r:System.Xml.dll k.cs && mono k.exe")


def key(stem):
    """The public half, as mono exported it in another format, by openssl."""
    cmd = f"openssl pkey -pubin -inform MSBLOB -in {stem}.blob -outform DER"
    return dict(format="rsa_xml", protection="plaintext", spki_sha256=hashlib.sha256(f.run(cmd)).hexdigest(), _oracle=f"mono: ExportCspBlob(false); {cmd} | sha256sum")


silent = dict(silent=True, oracle="mono wrote it as public")
for bits in (1024, 2048, 3072):
    stem = f"rsa{bits}"
    f.add(f"{stem}.xml", f.read(f"{stem}.xml"), "mono: RSACryptoServiceProvider.ToXmlString(true)", [key(stem)])
    f.add(f"parameters{bits}.xml", f.read(f"parameters{bits}.xml"), "mono: XmlSerializer of RSAParameters", [key(stem)])
    f.add(f"{stem}_public.xml", f.read(f"{stem}_public.xml"), "mono: ToXmlString(false)", why="a public key", **silent)
f.add("dsa1024.xml", f.read("dsa1024.xml"), "mono: DSACryptoServiceProvider.ToXmlString(true)", [key("dsa1024")])
f.add("dsa1024_public.xml", f.read("dsa1024_public.xml"), "mono: ToXmlString(false)", why="a public key", **silent)

# As it really occurs.
xml = f.read("rsa2048.xml").decode()
row = [key("rsa2048")]
numbers = dict(re.findall(r"<(\w+)>([^<>]+)</", xml))
order = ["D", "DP", "DQ", "Exponent", "InverseQ", "Modulus", "P", "Q"]
tempkey = {"KeyId": "a1b2", "Parameters": {name: numbers[name] for name in order}}
escaped = xml.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
for file, text, made in (
    ("tempkey.rsa", json.dumps(tempkey), "as IdentityServer4 writes tempkey.rsa: RSAParameters in JSON"),
    ("tempkey_indented.json", json.dumps(tempkey, indent=2), "the same, indented"),
    ("json_in_json.json", json.dumps({"key": json.dumps(tempkey)}), "the same as a string in JSON"),
    ("license.cs", f'class License {{ const string Key = "{xml}"; }}', "a string of C#"),
    ("verbatim.cs", 'var key = @"' + xml.replace("><", ">\r\n  <") + '";', "a verbatim string of C#, indented"),
    ("app.config", f'<appSettings><add key="rsa" value="{escaped}"/></appSettings>', "escaped in an attribute"),
    ("appsettings.json", json.dumps({"Rsa": xml}), "a string in JSON"),
    ("system_text.json", json.dumps({"Rsa": xml}).replace("<", "\\u003C").replace(">", "\\u003E").replace("+", "\\u002B"), "a string in JSON as System.Text.Json escapes it"),
    ("crlf.xml", xml.replace("><", ">\r\n<"), "a line each"),
    ("bom.xml", "\ufeff<?xml version=\"1.0\"?>\r\n" + xml, "with a byte order mark"),
):
    f.add(file, text, f"rsa2048.xml, {made}", row)
f.add("two.xml", f"<keys>{xml}\n{f.read('rsa1024.xml').decode()}</keys>", "rsa2048.xml and rsa1024.xml in one", row + [key("rsa1024")])
f.add("utf16.xml", xml.encode("utf-16"), "rsa2048.xml in UTF-16", row, stretch=True)
f.add("base64.txt", base64.b64encode(xml.encode()), "rsa2048.xml in base64", row, stretch=True)

# Near-misses.
silent = dict(silent=True, oracle="the text itself")
f.add("near_signature.xml", "<Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><KeyInfo><KeyValue>" + f.read("rsa2048_public.xml").decode() + "</KeyValue></KeyInfo></Signature>", "an XML signature's KeyValue", why="a public key", **silent)
f.add("near_placeholder.xml", re.sub(r">[^<>]+</", ">...</", xml), "rsa2048.xml with dots for its numbers", why="placeholders", **silent)
f.add("near_example.xml", re.sub(r">[^<>]+</", ">AQAB</", xml), "rsa2048.xml with one number for all", why="no key", **silent)
f.add("near_code.cs", "var p = new RSAParameters { InverseQ = Convert.FromBase64String(text), D = d, P = p, Q = q };", "code that reads such keys", why="no numbers", **silent)
swapped = xml.replace(numbers["P"], base64.b64encode(base64.b64decode(numbers["P"])[::-1]).decode())
# q is sound, and with it the key.
modulus, q = (int.from_bytes(base64.b64decode(numbers[name]), "big") for name in ("Modulus", "Q"))
f.add("near_prime.xml", swapped, "rsa2048.xml with p turned round", [signs.row("rsa_xml", signs.of_prime(modulus, q))], oracle=signs.ORACLE)
f.finish()
