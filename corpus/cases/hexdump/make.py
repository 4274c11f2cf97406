"""Keys in dumps of bytes."""

from kit import Family, noise
from textkeys import make

f = Family("hexdump", "private keys and keystores in dumps by xxd, hexdump and od, whole and inside documents")
KEYS = make(f, ["rsa", "p8", "ec", "ec8", "ed", "enc", "p12", "jks", "ssh", "pgp_rsa"])
TOOLS = {
    "xxd": "xxd k", "xxd_g1": "xxd -g1 k", "xxd_g4": "xxd -g4 k", "xxd_c32": "xxd -c 32 k", "xxd_upper": "xxd -u k", "hexdump_c": "hexdump -C k", "hexdump": "hexdump -v k",
    "od": "od -t x1 k", "od_hex": "od -A x -t x1z -v k", "od_words": "od -x k",
    "xxd_b": "xxd -b k", "od_c": "od -c k", "od_b": "od -b k", "hexdump_ch": "hexdump -c k", "two": "hexdump /etc/hostname; hexdump -v k",
}
for stem, (keys, pem, der, certs, how) in KEYS.items():
    f.path("k").write_bytes(der)
    for name, command in TOOLS.items():
        text = f.run(command).decode()
        # Words in the order of the machine: an odd last byte is padded, and od -x cannot say which.
        f.add(f"{stem}.{name}.txt", text, f"{how}; {command}", keys, certs)
        if name in ("xxd_g1", "hexdump_c", "od", "od_hex") and stem not in ("jks", "ssh", "pgp_rsa", "enc"):
            f.add(f"{stem}.{name}.md", "# What we saw\n\nThe file:\n\n```\n" + text + "```\n\nThat was all.\n", f"{how}; {command}, in a document", keys, certs)
            f.add(f"{stem}.{name}.log", "start\n" + "".join(f"    {line}\n" for line in text.splitlines()) + "done\n", f"{how}; {command}, indented", keys, certs)
    f.path("k").write_bytes(bytes(100) + noise(stem, 60) + der + b"\xff" * 100)
    if stem not in ("jks", "ssh", "pgp_rsa", "enc"):
        f.add(f"{stem}.flash.txt", f.run("hexdump -C k").decode(), f"{how}, between zeros and ones; hexdump -C", keys, certs)
silent = lambda file, command, data, why: (f.path("k").write_bytes(data), f.add(file, f.run(command), command, oracle="nobody can sign with it", why=why, silent=True))
silent("near_noise.txt", "hexdump -C k", noise("d", 4000), "a dump of random bytes")
silent("near_versions.txt", "hexdump -C k", bytes.fromhex("30820201000282020100") * 300, "the bytes of the anchor in a dump")
silent("near_zero.txt", "xxd k", bytes.fromhex("302e020100300506032b657004220420") + bytes(32), "an Ed25519 key of zeros")
f.add("near_text.txt", "0000000 30 commits\n0000010 02 01 0 merged\n" * 40, "by hand", oracle="nobody can sign with it", why="lines that begin like a dump", silent=True)
f.finish()
