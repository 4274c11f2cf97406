"""Windows installers by wixl (msitools)."""

from contain import Packed

f = Packed("cfb", "compound files: Windows installers with embedded cabinets and binaries, damaged ones")
WXS = """<?xml version='1.0'?><Wix xmlns='http://schemas.microsoft.com/wix/2006/wi'>
<Product Id='*' UpgradeCode='6a1a6a6e-3c4b-4f63-9d8f-1a5d8c9b7e10' Name='K' Version='1.0' Manufacturer='K' Language='1033'>
<Package InstallerVersion='200' Compressed='yes'/><Media Id='1' Cabinet='files.cab' EmbedCab='yes'/>
<Binary Id='KeyBinary' SourceFile='tree/signing.der'/>
<Directory Id='TARGETDIR' Name='SourceDir'><Component Id='C' Guid='b1b2b3b4-0001-4f63-9d8f-1a5d8c9b7e10'>
<File Id='F1' Name='id.pem' Source='tree/etc/id.pem'/><File Id='F2' Name='server.pem' Source='tree/etc/ssl/private/server.pem'/>
<File Id='F3' Name='numbers.txt' Source='tree/var/numbers.txt'/></Component></Directory>
<Feature Id='M' Level='1'><ComponentRef Id='C'/></Feature></Product></Wix>"""
f.path("k.wxs").write_text(WXS)
f.run("wixl -o k.msi k.wxs")
streams = f.run("msiinfo streams k.msi").decode().split()
assert "Binary.KeyBinary" in streams, streams
cabinet = next(s for s in streams if s.endswith(".cab"))
f.run(f"msiinfo extract k.msi {cabinet} > inner.cab")
keys = [f.shown("cabextract -q -p -F F1 inner.cab"), f.shown("cabextract -q -p -F F2 inner.cab"), f.shown("msiinfo extract k.msi Binary.KeyBinary", der=True)]
f.add("installer.msi", f.read("k.msi"), "wixl -o installer.msi k.wxs", keys)
data = bytearray(f.read("k.msi"))
data[44:48] = b"\xff\xff\xff\x7f"
f.add("damaged_header.msi", bytes(data), "installer.msi with an impossible number of tables: read as the bytes it is", keys)
f.silent("near-magic.bin", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "printf", "the magic alone")
f.finish()
