"""Keys in firmware images as text."""

from kit import Family, noise
from textkeys import make

f = Family("ihex", "private keys in Intel HEX and Motorola S-records by objcopy, and in TI-TXT by bincopy")
KEYS = make(f, ["rsa", "p8", "ec", "ec8", "ed", "enc", "p12", "jks"])
for stem, (keys, pem, der, certs, how) in KEYS.items():
    images = {"flash": noise(stem, 3000) + der + noise(stem + "b", 700), "key": der}
    if pem:
        images["pem"] = bytes(64) + pem.encode() + b"\0" * 70000 + noise(stem, 90)
    for name, image in images.items():
        f.path("k").write_bytes(image)
        for kind in ("ihex", "srec"):
            # JKS is known by how a file begins: only where a segment does.
            if name == "flash" and stem == "jks":
                continue
            command = f"objcopy -I binary -O {kind} --change-addresses 0x0800f000 k out"
            f.run(command)
            f.add(f"{stem}.{name}.{kind}", f.read("out"), f"{how}; {command}", keys, certs)
TI = "bincopy convert -i binary -o ti_txt k out"
for stem in ("rsa", "p8"):
    keys, pem, der, certs, how = KEYS[stem]
    for name, image in (("flash", noise(stem, 3000) + der + noise(stem + "b", 700)), ("pem", noise(stem, 999) + pem.encode())):
        f.path("k").write_bytes(image)
        f.run(TI)
        f.add(f"{stem}.{name}.ti.txt", f.read("out"), f"{how}; {TI}", keys, certs)
f.path("k").write_bytes(noise("i", 5000))
f.run(TI)
f.add("near_noise.ti.txt", f.read("out"), TI, oracle="nobody can sign with it", why="memory without a key", silent=True)
f.run("objcopy -I binary -O ihex k out")
f.add("near_noise.hex", f.read("out"), "objcopy -I binary -O ihex", oracle="nobody can sign with it", why="firmware without a key", silent=True)
f.path("k").write_bytes(KEYS["ed"][2])
f.run("objcopy -I binary -O ihex k out")
broken = f.read("out").replace(b":10", b":11", 1)
f.add("near_broken.hex", broken, "objcopy -I binary -O ihex, the first length changed", oracle="objcopy refuses it", why="a record whose checksum is wrong", silent=True)
f.add("near_words.txt", ":100 words\nS1 is a road\n" * 20, "by hand", oracle="nobody can sign with it", why="lines that begin like records", silent=True)
f.finish()
