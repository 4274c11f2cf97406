"""Public keys of Android Verified Boot."""

import functools
import os

from kit import Family, noise

f = Family("avb", "avb_pkmd.bin and vbmeta images by avbtool")
tool = f"python3 {os.environ['AVBTOOL']}"
PUBLIC = "openssl pkey -pubout of the key that avbtool was given"
for bits in (2048, 4096, 8192):
    f.run(f"openssl genrsa -out k{bits}.pem {bits} && openssl pkey -in k{bits}.pem -pubout -out k{bits}.pub")
    spki = [f.public(f"k{bits}.pub")]
    f.run(f"{tool} extract_public_key --key k{bits}.pem --output k{bits}.bin")
    f.add(f"avb_pkmd_{bits}.bin", f.read(f"k{bits}.bin"), "avbtool extract_public_key", publics=spki, oracle=PUBLIC)
    f.run(f"{tool} make_vbmeta_image --algorithm SHA256_RSA{bits} --key k{bits}.pem --output vbmeta{bits}.img")
    f.add(f"vbmeta_{bits}.img", f.read(f"vbmeta{bits}.img"), f"avbtool make_vbmeta_image --algorithm SHA256_RSA{bits}", publics=spki, oracle=PUBLIC)
f.path("boot.img").write_bytes(noise("boot", 8192))
f.run(f"{tool} add_hash_footer --image boot.img --partition_name boot --partition_size 131072 --algorithm SHA256_RSA2048 --key k2048.pem")
f.add("boot.img", f.read("boot.img"), "avbtool add_hash_footer", publics=[f.public("k2048.pub")], oracle=PUBLIC)
f.run(f"{tool} make_vbmeta_image --output unsigned.img")

silent = functools.partial(f.silent, made="made by hand", oracle="made by hand")

key = f.read("k2048.bin")
f.add("near_unsigned_vbmeta.img", f.read("unsigned.img"), "avbtool make_vbmeta_image without a key", oracle="avbtool info_image: Algorithm NONE", why="no key in it", silent=True)
silent("near_size_only.bin", key[:4] + bytes(516), "a size and zeros")
silent("near_cut.bin", key[:-1], "cut by one byte")
other = bytearray(key)
other[7] ^= 2
silent("near_n0inv.bin", bytes(other), "n0inv of another modulus")
silent("near_strings.bin", b"AVB0\0\0\0\x01" + bytes(400) + b"avbtool", "the magic in a program")
f.finish()
