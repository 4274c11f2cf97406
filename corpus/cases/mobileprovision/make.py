"""Provisioning profiles: the property list after Apple's TN3125, signed with openssl, since only Apple makes real ones."""

import datetime
import plistlib

from kit import Family, noise

f = Family("mobileprovision", "provisioning profiles made by hand and signed by openssl cms, in DER and in BER with segments")
ORACLE = "openssl x509 of the certificates that were put in"
f.run("openssl req -x509 -newkey rsa:2048 -nodes -keyout apple.key -out apple.crt -subj '/CN=Not Apple iPhone OS Provisioning Profile Signing' -days 30")
f.run("openssl req -x509 -newkey rsa:2048 -nodes -keyout a.key -out a.crt -subj '/CN=Apple Distribution: A Test (ABCDE12345)/OU=ABCDE12345' -days 30")
f.run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout b.key -out b.crt -subj '/CN=Apple Development: B Test (ABCDE12345)/OU=ABCDE12345' -days 30")
for name in ("a", "b"):
    f.run(f"openssl x509 -in {name}.crt -outform DER -out {name}.der")
certs = {name: f.cert(f"{name}.crt") for name in ("a", "b", "apple")}


def profile(names, fmt=plistlib.FMT_XML, **more):
    when = datetime.datetime(2026, 1, 1)
    return plistlib.dumps(
        dict(
            AppIDName="A Test", ApplicationIdentifierPrefix=["ABCDE12345"], CreationDate=when, Platform=["iOS"],
            DeveloperCertificates=[f.read(f"{n}.der") for n in names],
            Entitlements={"application-identifier": "ABCDE12345.org.example.test", "get-task-allow": False},
            ExpirationDate=when, Name="A test profile", TeamIdentifier=["ABCDE12345"], TeamName="A Test",
            TimeToLive=365, UUID="00000000-0000-4000-8000-000000000000", Version=1, **more,
        ),
        fmt=fmt,
    )


def signed(file, content, names, options="-outform DER", **more):
    f.path("list.plist").write_bytes(content)
    command = f"openssl cms -sign -binary -nodetach -signer apple.crt -inkey apple.key -in list.plist {options}"
    f.run(f"{command} -out out.cms")
    f.add(file, f.read("out.cms"), f"a property list by hand; {command}", certs=[certs[n] for n in [*names, "apple"]], oracle=ORACLE, **more)


signed("distribution.mobileprovision", profile(["a"]), ["a"])
signed("two.mobileprovision", profile(["a", "b"]), ["a", "b"])
signed("enterprise.mobileprovision", profile(["a"], ProvisionsAllDevices=True), ["a"])
signed("mac.provisionprofile", profile(["b"], ProvisionedDevices=["00008030-000000000000000E"]), ["b"])
signed("streamed.mobileprovision", profile(["a", "b"]), ["a", "b"], "-stream -outform DER")
f.add("inside.bin", noise("i", 50) + f.read("out.cms") + noise("j", 50), "streamed.mobileprovision between other bytes", certs=[certs["a"], certs["b"], certs["apple"]], oracle=ORACLE)
signed("near_none.mobileprovision", profile([]), [], silent=True, why="a profile without certificates")
signed("near_other.p7m", b"a signed text that names DeveloperCertificates", [], silent=True, why="another signed text")
f.add("near_plist.xml", profile(["a"]), "the property list alone", certs=[certs["a"]], oracle=ORACLE, silent=True, why="no private key anywhere")
f.finish()
