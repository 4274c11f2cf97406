"""Headers of installers; the installers themselves are not read."""

from contain import Packed

f = Packed("installer", "The start of the data of installers, which is reported as not read")
f.silent("nsis.bin", b"MZ" + b"a program " * 20 + bytes(3) + (4).to_bytes(4, "little") + b"\xef\xbe\xad\xdeNullsoftInst" + (900).to_bytes(4, "little") + (9000).to_bytes(4, "little") + bytes(900), "printf", "an installer of NSIS: its header alone")
f.silent("inno.bin", b"MZ" + b"a program " * 20 + bytes(3) + b"Inno Setup Setup Data (6.2.2)".ljust(64, b"\0") + bytes(900), "printf", "an installer of Inno Setup: its header alone")
f.silent("near.bin", b"MZ" + bytes(99) + b"Inno Setup Setup Data (see the source)" + bytes(99), "printf", "the magic alone")
f.finish()
