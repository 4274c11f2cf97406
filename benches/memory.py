#!/usr/bin/env python3
"""Peak anonymous memory of keyradius on inputs made to need a lot of it.

usage: memory.py KEYRADIUS [--small] [--only NAME] [--keep DIR] [--jobs 2,8]

Makes each input in a temporary folder, scans it with default limits, and prints the peak against the promise of
docs/threats.md: 256 MiB and 64 MiB for each job. Exits with 1 if a scan needs more, crashes, or does not report what it left out.
Needs only the standard library, and `git` for one input. Measures RssAnon, sampled every few milliseconds: mapped files
(packs) do not count. --small makes every input a twentieth of its size.
"""
import argparse, base64, gzip, hashlib, io, json, os, random, resource, shutil, struct, subprocess, sys, tarfile, tempfile
import threading, time, zlib

import memory_disks

MIB = 1 << 20
SCALE = 1


def limit(jobs):
    return (256 + 64 * jobs) * MIB


def many(count):
    return max(count // SCALE, 1)


# -- material ---------------------------------------------------------------------------------------------------------

def ed25519(number):
    """A private key (RFC 8410) as DER: any 32 bytes are a key."""
    return bytes.fromhex("302e020100300506032b657004220420") + hashlib.sha256(b"%d" % number).digest()


def pem(der, kind="PRIVATE KEY"):
    text = base64.b64encode(der).decode()
    lines = "\n".join(text[i:i + 64] for i in range(0, len(text), 64))
    return f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----\n".encode()


def der(tag, *parts):
    body = b"".join(parts)
    size = len(body)
    length = bytes([size]) if size < 128 else bytes([0x80 | (size.bit_length() + 7) // 8]) + size.to_bytes(
        (size.bit_length() + 7) // 8, "big")
    return bytes([tag]) + length + body


def rsa_public(bits, seed):
    """A public key with any odd number as its modulus."""
    n = random.Random(seed).getrandbits(bits) | 1 | 1 << (bits - 1)
    key = der(0x30, der(2, b"\0" + n.to_bytes(bits // 8, "big")), bytes.fromhex("0203010001"))
    return der(0x30, bytes.fromhex("300d06092a864886f70d0101010500"), der(3, b"\0", key))


# -- containers -------------------------------------------------------------------------------------------------------

def zip_headers(name, flags, method, content, at):
    crc, size = zlib.crc32(content), len(content)
    fields = struct.pack("<HHHHIIIHH", flags, method, 0, 0, crc, size, size, len(name), 0)
    local = b"PK\3\4\x14\0" + fields + name + content
    central = b"PK\1\2\x14\0\x14\0" + fields + struct.pack("<HHHII", 0, 0, 0, 0, at) + name
    return local, central


def write_zip(out, members):
    """Writes `members` (name, flags, content) without compression."""
    at, directory, count = 0, [], 0
    for name, flags, content in members:
        local, central = zip_headers(name, flags, 0, content, at)
        out.write(local)
        directory.append(central)
        at, count = at + len(local), count + 1
    size = sum(map(len, directory))
    for entry in directory:
        out.write(entry)
    out.write(b"PK\5\6\0\0\0\0" + struct.pack("<HHIIH", count & 0xffff, count & 0xffff, size, at & 0xffffffff, 0))


def tar_member(name, content):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    return info.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % 512)


def write_gzip(path, chunks):
    with gzip.open(path, "wb", 1) as out:
        for chunk in chunks:
            out.write(chunk)


class Repeated:
    """A member of `size` easily compressed bytes."""

    def __init__(self, size, fill=b"x" * MIB):
        self.size, self.fill = size, fill

    def __iter__(self):
        left = self.size
        while left > 0:
            yield self.fill[:left]
            left -= len(self.fill)


def xz_header(dictionary_bits):
    """The start of an xz stream with the given dictionary bits (The .xz File Format 3.1, 5.3.1), and invalid data after."""
    flags = b"\0\1"
    start = b"\xfd7zXZ\0" + flags + struct.pack("<I", zlib.crc32(flags))
    header = bytes([2, 0, 0x21, 1, dictionary_bits]) + bytes(3)
    return start + header + struct.pack("<I", zlib.crc32(header)) + b"\1\0\0x" * 4096


def zstd_frame(window_byte, size):
    """A frame of blocks that each repeat one byte (RFC 8878 3.1.1)."""
    block = struct.pack("<I", (128 << 10) << 3 | 1 << 1)[:3] + b"x"
    last = struct.pack("<I", 1 << 3 | 1 << 1 | 1)[:3] + b"x"
    return b"\x28\xb5\x2f\xfd\0" + bytes([window_byte]) + block * (size >> 17) + last


# -- inputs -----------------------------------------------------------------------------------------------------------

def long_gaps(folder, copies=1):
    """40,000 encrypted members with long names, packed."""
    for copy in range(copies):
        with gzip.open(f"{folder}/{copy}.zip.gz", "wb", 1) as out:
            write_zip(out, ((b"%06d-%d-" % (i, copy) + b"n" * 1500, 1, b"0123456789abcdef") for i in range(many(40_000))))


def million_gaps(folder):
    for part in range(4):
        with gzip.open(f"{folder}/{part}.zip.gz", "wb", 1) as out:
            write_zip(out, ((b"%d-%d" % (part, i), 1, b"0123456789abcdef") for i in range(many(250_000))))


def gap_files(folder):
    for i in range(many(100_000)):
        if i % 1000 == 0:
            os.makedirs(f"{folder}/{i // 1000:04}")
        with open(f"{folder}/{i // 1000:04}/{i:06}-{'n' * 150}.zip", "wb") as out:
            out.write(b"PK\3\4\x14\0\1\0\0\0" + bytes(16) + b"\1\0\0\0a")


def million_places(folder):
    key = pem(ed25519(0))
    write_gzip(f"{folder}/places.tar.gz", (tar_member(f"dir-{i // 100:05}/key-{i:07}.pem", key) for i in range(many(1_000_000))))


def places_in_a_file(folder):
    with open(f"{folder}/places.bin", "wb") as out:
        for _ in range(many(100)):
            out.write((ed25519(0) + b"\n") * 10_000)


def hundred_thousand_keys(folder):
    with open(f"{folder}/keys.pem", "wb") as out:
        out.writelines(pem(ed25519(i)) for i in range(many(100_000)))


def million_keys(folder):
    with open(f"{folder}/keys.bin", "wb") as out:
        out.writelines(ed25519(i) for i in range(many(1_000_000)))


def ordinary_secrets(folder):
    """360,000 different tokens in six files, and no keys."""
    def digits(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    for file in range(6):
        with open(f"{folder}/tokens{file}", "wb") as out:
            for number in range(many(60_000)):
                seed = hashlib.sha256(b"%d %d" % (file, number)).digest()
                head, body = digits(b'{"alg":"HS256"}'), digits(b'{"sub":"%s"}' % seed.hex()[:16].encode())
                out.write(head + b"." + body + b"." + digits(seed) + b"\n")


def keys_with_long_names(folder):
    names = ["n" * 90 + f"/{i}" for i in range(4)]
    inner = b"".join(pem(ed25519(i)) for i in range(many(20_000)))
    for i, name in enumerate(names):
        inner = tar_member(name, inner) + bytes(1024)
    long = b"n" * 4000 + b"\0"
    pax = tar_member("././@LongLink", long)
    pax = pax[:156] + b"L" + pax[157:]
    block = bytearray(pax[:512])
    block[148:156] = b" " * 8
    block[148:155] = b"%06o\0" % sum(block)
    with open(f"{folder}/long.tar", "wb") as out:
        out.write(bytes(block) + pax[512:] + tar_member("x", inner) + bytes(1024))


def damaged_archives(folder):
    cut = io.BytesIO()
    write_zip(cut, [(b"a.pem", 0, pem(ed25519(1)))])
    cut = cut.getvalue()[:-30]
    write_gzip(f"{folder}/cut.tar.gz", (tar_member(f"{i:06}.zip", cut) for i in range(many(100_000))))


def damaged_archive(folder):
    out = io.BytesIO()
    write_zip(out, ((b"%d.pem" % i, 0, pem(ed25519(i))) for i in range(many(16_000))))
    with open(f"{folder}/cut.zip", "wb") as file:
        file.write(out.getvalue()[:-40])


def nested_archives(folder):
    """An archive inside a stream, which has to be held in memory: one for every job."""
    for i in range(8):
        with gzip.open(f"{folder}/{i}.zip.gz", "wb", 1) as out:
            write_zip(out, [(b"big", 0, b"x" * (150 * MIB // SCALE)), (b"key.pem", 0, pem(ed25519(i)))])


def nested_streams(folder):
    for i in range(8):
        inner = b"".join(os.urandom(64) * 128 for _ in range(24 * MIB // SCALE >> 13))
        for _ in range(11):
            inner = gzip.compress(inner, 0)
        with open(f"{folder}/{i}.gz", "wb") as out:
            out.write(inner)


def dictionaries(folder):
    """xz, LZMA, Zstandard and 7z streams that request a lot of memory."""
    for i, bits in enumerate((40, 39, 38, 37, 36, 34, 32, 28)):
        with open(f"{folder}/{i}.xz", "wb") as out:
            out.write(xz_header(bits))
    for i, window in enumerate((0x50, 0x58, 0x60, 0x68, 0x88, 0x8c, 0x98, 0xa8)):
        with open(f"{folder}/{i}.zst", "wb") as out:
            out.write(zstd_frame(window, 300 * MIB // SCALE))
    for i in range(8):
        with open(f"{folder}/{i}.lzma", "wb") as out:
            out.write(b"\x5d" + struct.pack("<IQ", 1 << (25 + i % 7), (1 << 64) - 1) + bytes(4096))


def encoded_header(folder):
    """7z archives with a compressed member list of a gigabyte."""
    import lzma
    size = 1024 * MIB // SCALE
    packer = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16}])
    packed = b"".join(packer.compress(chunk) for chunk in Repeated(size, bytes(MIB))) + packer.flush()

    def number(value):
        return b"\xff" + struct.pack("<Q", value)

    header = (b"\x17\x06" + number(0) + b"\1\x09" + number(len(packed)) + b"\0\x07\x0b\1\0\1\x23\3\1\1\5\x5d"
              + struct.pack("<I", 1 << 16) + b"\x0c" + number(size) + b"\0\0")
    place = struct.pack("<QQI", len(packed), len(header), zlib.crc32(header))
    data = b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<I", zlib.crc32(place)) + place + packed + header
    for i in range(4):
        with open(f"{folder}/{i}.7z", "wb") as out:
            out.write(data)


def anchors(folder):
    """Only the starts of keys, in text and in other encodings of text."""
    for i, anchor in enumerate((b'{"kty":', b"-----BEGIN ", b"kty:", bytes.fromhex("06032b6570"), b"private", b"MII", b"PuTTY-User-Key-File-3: ")):
        text = anchor * (8 * MIB // SCALE // len(anchor))
        with open(f"{folder}/{i}.txt", "wb") as out:
            out.write(text)
        with open(f"{folder}/{i}.utf16", "wb") as out:
            out.write(b"\xff\xfe" + b"".join(bytes([byte, 0]) for byte in text[:len(text) // 2]))
        with open(f"{folder}/{i}.b64", "wb") as out:
            out.write(base64.b64encode(base64.b64encode(text)))
        with open(f"{folder}/{i}.hex", "wb") as out:
            out.write(text[:len(text) // 2].hex().encode())


def kdfs(folder):
    """Key derivations that request gigabytes, next to a wrong password."""
    hexes = lambda size: os.urandom(size).hex()
    for i, n in enumerate((1 << 18, 1 << 20, 1 << 22, 1 << 25, 1 << 30)):
        store = {"version": 3, "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6", "address": hexes(20), "crypto": {
            "cipher": "aes-128-ctr", "ciphertext": hexes(32), "cipherparams": {"iv": hexes(16)}, "mac": hexes(32),
            "kdf": "scrypt", "kdfparams": {"dklen": 32, "n": n, "p": 1, "r": 8, "salt": hexes(32)}}}
        with open(f"{folder}/UTC--{i}.json", "w") as out:
            json.dump(store, out)
    for i, memory in enumerate((8192, 1 << 20, 1 << 22)):
        public = struct.pack(">I", 11) + b"ssh-ed25519" + struct.pack(">I", 32) + os.urandom(32)
        with open(f"{folder}/{i}.ppk", "w") as out:
            out.write(f"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: aes256-cbc\nComment: c\nPublic-Lines: 2\n"
                      + "\n".join(base64.b64encode(public).decode()[at:at + 64] for at in (0, 64)).strip()
                      + f"\nKey-Derivation: Argon2id\nArgon2-Memory: {memory}\nArgon2-Passes: 13\nArgon2-Parallelism: 1\n"
                      + f"Argon2-Salt: {hexes(16)}\nPrivate-Lines: 1\n{base64.b64encode(os.urandom(48)).decode()}\n"
                      + f"Private-MAC: {hexes(32)}\n")
    for i, log in enumerate((18, 22, 30)):
        with open(f"{folder}/{i}.age", "wb") as out:
            salt, body = (base64.b64encode(os.urandom(size)).rstrip(b"=") for size in (16, 32))
            out.write(b"age-encryption.org/v1\n-> scrypt %s %d\n%s\n--- %s\n" % (salt, log, body, body) + os.urandom(64))
    with open(f"{folder}/passwords.properties", "w") as out:
        out.writelines(f"storePassword={hexes(8)}\nkeyPassword={hexes(8)}\n" for _ in range(20))


def candidates(folder):
    """A million texts that may be passwords."""
    for i in range(many(200)):
        with open(f"{folder}/{i}.properties", "w") as out:
            out.writelines(f"storePassword=pw-{i}-{k}-{'p' * 60}\n" for k in range(8_000))
    with open(f"{folder}/key.pem", "wb") as out:
        out.write(pem(ed25519(0)))


def texts_on_a_line(folder):
    """A line of source code with many texts that may be passwords of the keystore that it names."""
    with open(f"{folder}/A.java", "w") as out:
        texts = "+".join(f'"pw{i}x"' for i in range(many(40_000)))
        out.write(f'load("release.jks"); String password = {texts}')
    with open(f"{folder}/key.pem", "wb") as out:
        out.write(pem(ed25519(0)))


def moduli(folder):
    """Different public keys of 16,384 bits."""
    with open(f"{folder}/keys.pem", "wb") as out:
        out.writelines(pem(rsa_public(16_384, i), "PUBLIC KEY") for i in range(many(30_000)))


def lines_and_keys(folder):
    """Lines that name a folder with keys."""
    os.makedirs(f"{folder}/keys")
    for i in range(many(4_000)):
        with open(f"{folder}/keys/release.{i}.pem", "wb") as out:
            out.write(pem(ed25519(i)))
    with open(f"{folder}/Makefile", "w") as out:
        out.writelines(f"\topenssl dgst -sha256 -sign keys/release.{i % 4000}.pem -out {i}.sig a\n\tsign-all --keys keys/ # {i}\n"
                       for i in range(many(8_000)))


def lines_and_a_file_of_keys(folder):
    """Lines that name a file of many keys."""
    with open(f"{folder}/k.pem", "wb") as out:
        out.writelines(pem(ed25519(i)) for i in range(many(8_000)))
    for part in range(8):
        os.makedirs(f"{folder}/{part}")
        with open(f"{folder}/{part}/Makefile", "w") as out:
            out.writelines(f"\topenssl dgst -sha256 -sign ../k.pem -out {i}.sig a\n" for i in range(many(1_000)))


def public_keys(folder):
    """Public keys of SSH in one file, each different."""
    with open(f"{folder}/s.pub", "w") as out:
        for i in range(many(400_000)):
            key = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + hashlib.sha256(b"%d" % i).digest()
            out.write(f"ssh-ed25519 {base64.b64encode(key).decode()} c\n")


def tar_of_small_members(folder):
    """A tar with a short key in the padding of every member."""
    with open(f"{folder}/a.tar", "wb") as out:
        for i in range(many(200_000)):
            key = b"\n" + pem(ed25519(i))
            out.write(tar_member(f"{i}", b"x")[:514] + key + bytes(510 - len(key)))


def decoys(folder):
    """Locked keystores, each with passwords next to it."""
    for i in range(many(1_600)):
        os.makedirs(f"{folder}/{i:05}")
        box = der(0x30, bytes.fromhex("06092a864886f70d01050d"), der(0x30,
              der(0x30, bytes.fromhex("06092a864886f70d01050c"), der(0x30, der(4, os.urandom(16)), bytes.fromhex("02020800"))),
              der(0x30, bytes.fromhex("060960864801650304012a"), der(4, os.urandom(16)))))
        with open(f"{folder}/{i:05}/key.pem", "wb") as out:
            out.write(pem(der(0x30, box, der(4, os.urandom(1232))), "ENCRYPTED PRIVATE KEY"))
        with open(f"{folder}/{i:05}/a.properties", "w") as out:
            out.writelines(f"storePassword=decoy-{i}-{k}\n" for k in range(50))


def delta_bomb(folder):
    """A pack with a tree of deltas over one large object; every leaf contains an anchor and has to be built."""
    size, depth = 64 * MIB // SCALE, 12 if SCALE == 1 else 8
    subprocess.run(["git", "init", "-q", folder], check=True)

    def entry(kind, length, body):
        head, length = kind << 4 | length & 15, length >> 4
        out = bytearray()
        while length:
            out.append(head | 0x80)
            head, length = length & 0x7f, length >> 7
        return bytes(out) + bytes([head]) + body

    def back(distance):
        out, distance = [distance & 0x7f], distance >> 7
        while distance:
            distance -= 1
            out.insert(0, 0x80 | distance & 0x7f)
            distance >>= 7
        return bytes(out)

    def number(value):
        out = bytearray()
        while value >= 0x80:
            out.append(value & 0x7f | 0x80)
            value >>= 7
        return bytes(out) + bytes([value])

    packer = zlib.compressobj(9)
    base = b"".join(packer.compress(chunk) for chunk in Repeated(size, b"\1" * MIB)) + packer.flush()
    pack, count = bytearray(entry(3, size, base)), 1

    def delta(text):
        out, at, left = number(size) + number(size), 0, size - len(text)
        while left:
            length = min(left, 0xffffff)
            out += b"\xff" + struct.pack("<I", at) + struct.pack("<I", length)[:3]
            at, left = at + length, left - length
        return out + bytes([len(text)]) + text

    def grow(base_at, left):
        nonlocal count
        for _ in range(2):
            text = b"%08d" % count + (b"-----BEGIN RSA PRIVATE KEY-----\nMIIE" if left == 1 else b"")
            body, here = delta(text), len(pack)
            pack.extend(entry(6, len(body), back(here - base_at) + zlib.compress(body)))
            count += 1
            if left > 1:
                grow(here, left - 1)

    grow(0, depth)
    data = b"PACK" + struct.pack(">II", 2, count) + bytes(pack)
    data += hashlib.sha1(data).digest()
    os.makedirs(f"{folder}/.git/objects/pack", exist_ok=True)
    with open(f"{folder}/.git/objects/pack/pack-{data[-20:].hex()}.pack", "wb") as out:
        out.write(data)


def folders(folder):
    """An ISO 9660 image with one folder that lists very many others, each below a long path."""
    sector = 2048

    def record(name, at, size, flags):
        body = struct.pack("<BIIII", 0, at, 0, size, 0) + bytes(7) + bytes([flags, 0, 0]) + bytes(4) + bytes([len(name)]) + name
        body += bytes(len(body) + 1 & 1)
        return bytes([len(body) + 1]) + body

    def listing(names, first, size):
        out, row = [], b""
        for i, name in enumerate(names):
            entry = record(name, first + (i if size == sector else 0), size, 2)
            if len(row) + len(entry) > sector:
                out.append(row.ljust(sector, b"\0"))
                row = b""
            row += entry
        return b"".join(out) + row.ljust(sector, b"\0")

    levels, image = 17, [bytes(sector)] * 16
    wide = listing((b"%07d" % i for i in range(many(180_000))), 40_000, sector)
    first = 20
    pvd = b"\1CD001\1".ljust(128, b"\0") + struct.pack("<H", sector) + bytes(26) + record(b"\0", first, sector, 2)
    image += [pvd.ljust(sector, b"\0"), b"\xffCD001\1".ljust(sector, b"\0"), bytes(sector), bytes(sector)]
    for level in range(levels):
        size = sector if level + 1 < levels else len(wide)
        image.append(listing([b"f" * 220], first + level + 1, size))
    with open(f"{folder}/wide.iso", "wb") as out:
        out.write(b"".join(image) + wide)


def iso(folder, name, listings):
    """An ISO 9660 image with these folders, the root first, one after the other."""
    with open(f"{folder}/{name}.iso", "wb") as out:
        root = bytearray(34)
        root[0] = 34
        struct.pack_into("<I", root, 2, 20)
        struct.pack_into("<I", root, 10, len(listings[0]))
        root[25], root[32] = 2, 1
        pvd = b"\1CD001\1".ljust(128, b"\0") + struct.pack("<H", 2048) + bytes(26) + bytes(root)
        out.write(bytes(2048 * 16) + pvd.ljust(2048, b"\0") + b"\xffCD001\1".ljust(2048, b"\0") + bytes(4096))
        for listing in listings:
            out.write(listing)


def sectors(records):
    """Records of an ISO 9660 folder: no record crosses the end of a sector."""
    out, row = [], b""
    for record in records:
        if len(row) + len(record) > 2048:
            out.append(row.ljust(2048, b"\0"))
            row = b""
        row += record
    return b"".join(out) + row.ljust(2048, b"\0")


def iso_record(name, at, size, flags):
    body = struct.pack("<BIIII", 0, at, 0, size, 0) + bytes(7) + bytes([flags, 0, 0]) + bytes(4) + bytes([len(name)]) + name
    body += bytes(len(body) + 1 & 1)
    return bytes([len(body) + 1]) + body


def extents(folder):
    """A file of 200,000 extents."""
    records = [iso_record(b"key", 20, 2048, 0x80) for _ in range(many(200_000))] + [iso_record(b"key", 20, 2048, 0)]
    iso(folder, "extents", [sectors(records)])


def folders_in_one_place(folder):
    """Folders that share the same 7 MB of entries, each slightly shorter than the previous one."""
    count = many(160_000)
    size = len(sectors(iso_record(b"%06d" % i, 20, 0, 2) for i in range(count)))
    iso(folder, "overlap", [sectors(iso_record(b"%06d" % i, 20, size - i, 2) for i in range(count))])


def asar_objects(folder):
    """The header of an asar archive: millions of objects with one member."""
    text = b'{"files":{' + b",".join(b'"%x":{"b":{}}' % i for i in range(many(1_600_000))) + b"}}"
    padded = -(-len(text) // 4) * 4
    with open(f"{folder}/objects.asar", "wb") as out:
        out.write(struct.pack("<IIII", 4, padded + 8, padded + 4, len(text)) + text.ljust(padded, b"\0"))


def compound_storages(folder):
    """A compound file of nested storages, each with a sibling that is pending while the walk descends."""
    levels = many(20_000)
    name = ("\u3042" * 30).encode("utf-16-le")

    def entry(kind, left, right, child, name=name):
        body = (name + b"\0\0").ljust(64, b"\0") + struct.pack("<HBBIII", len(name) + 2, kind, 1, left, right, child)
        return body + bytes(16 + 4 + 16) + struct.pack("<IQ", 0xFFFFFFFE, 0)

    none = 0xFFFFFFFF
    directory = [entry(5, none, none, 1)]
    for level in range(levels):
        last = level + 1 == levels
        directory.append(entry(1, none, 2 * level + 2, none if last else 2 * level + 3))
        directory.append(entry(1, none, none, none, name + b"a\0"))
    directory = b"".join(directory)
    directory += bytes(-len(directory) % 512)
    count = len(directory) // 512
    tables = -(-(count + 200) // 128)
    more = max(0, -(-(tables - 109) // 127))
    chain = [i + 1 for i in range(count - 1)] + [0xFFFFFFFE] + [0xFFFFFFFD] * tables + [0xFFFFFFFC] * more
    chain += [none] * (tables * 128 - len(chain))
    places = list(range(count, count + tables))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    header += struct.pack("<IIIIIIIII", 0, tables, 0, 0, 4096, 0xFFFFFFFE, 0, count + tables if more else 0xFFFFFFFE, more)
    # The directory starts at sector 0.
    header += struct.pack("<109I", *(places[:109] + [none] * (109 - len(places[:109]))))
    with open(f"{folder}/storages.msi", "wb") as out:
        out.write(header + directory + struct.pack(f"<{len(chain)}I", *chain))
        for i in range(more):
            part = places[109 + 127 * i : 109 + 127 * (i + 1)]
            follows = count + tables + i + 1 if i + 1 < more else 0xFFFFFFFE
            out.write(struct.pack("<128I", *(part + [none] * (127 - len(part)) + [follows])))


def squashfs_listing(folder):
    """A squashfs image whose root has a folder of many millions of entries, highly compressed."""
    blocks = many(40_000)
    run = struct.pack("<III", 255, 0, 1) + (struct.pack("<HHHH", 0, 0, 2, 0) + b"x") * 256
    stream = run * (blocks * 8192 // len(run))
    packed = {}
    out = []
    for at in range(0, len(stream), 8192):
        block = stream[at : at + 8192]
        data = packed.get(block)
        if data is None:
            data = packed[block] = zlib.compress(block, 9)
        out.append(struct.pack("<H", len(data)) + data)
    inode = struct.pack("<HHHHII", 8, 0o755, 0, 0, 0, 1) + struct.pack("<IIIIHHI", 2, len(stream) + 3, 0, 0, 0, 0, 0xFFFFFFFF)
    inodes = struct.pack("<H", 0x8000 | len(inode)) + inode
    start = 96
    folders_at = start + len(inodes)
    end = folders_at + sum(map(len, out))
    head = struct.pack("<IIIIIHHHHHH", 0x73717368, 1, 0, 1 << 17, 0, 1, 17, 0, 1, 4, 0)
    head += struct.pack("<QQQQQQQQ", 0, end, end, 2**64 - 1, start, folders_at, end, 2**64 - 1)
    with open(f"{folder}/listing.squashfs", "wb") as file:
        file.write(head + inodes + b"".join(out) + bytes(4096))


def history_trees(folder):
    """A repository of a hundred kilobytes: a key below trees that name one subtree 3,000 times, three levels deep."""
    def git(*arguments, text=None):
        environment = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        for who in ("AUTHOR", "COMMITTER"):
            environment |= {f"GIT_{who}_NAME": "a", f"GIT_{who}_EMAIL": "a@example.org"}
        done = subprocess.run(["git", "-C", folder, *arguments], input=text, env=environment, capture_output=True, check=True)
        return done.stdout.decode().strip()

    git("init", "-q", ".")
    below = git("hash-object", "-w", "--stdin", text=pem(ed25519(1)))
    for mode in ("100644 blob", "040000 tree", "040000 tree", "040000 tree"):
        entries = "".join(f"{mode} {below}\tn{i:0200d}\n" for i in range(many(3_000)))
        below = git("mktree", text=entries.encode())
    git("update-ref", "refs/heads/main", git("commit-tree", "-m", "x", below))
    git("gc", "-q")


def history_public_keys(folder):
    """Public keys of SSH in a git history, each in a commit of its own, under names of two hundred bytes."""
    subprocess.run(["git", "init", "-q", "--bare", folder], check=True)
    importer = subprocess.Popen(["git", "-C", folder, "fast-import", "--quiet"], stdin=subprocess.PIPE)
    for i in range(many(150_000)):
        key = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + hashlib.sha256(b"%d" % i).digest()
        line = b"ssh-ed25519 " + base64.b64encode(key) + b" c\n"
        name = b"d%d/e%d/%s%d" % (i % 50, i % 7, b"n" * 200, i)
        importer.stdin.write(b"commit refs/heads/main\ncommitter a <a@example.org> %d +0000\ndata 0\n" % (10**9 + i))
        importer.stdin.write(b"M 644 inline %s\ndata %d\n%s\n" % (name, len(line), line))
    importer.stdin.close()
    if importer.wait() != 0:
        raise SystemExit("git fast-import failed")


INPUTS = {
    "gaps-long-names": long_gaps,
    "gaps-long-names-8": lambda folder: long_gaps(folder, 8),
    "gaps-million": million_gaps,
    "gaps-files": gap_files,
    "places-million-members": million_places,
    "places-million-in-a-file": places_in_a_file,
    "keys-100k": hundred_thousand_keys,
    "keys-million": million_keys,
    "keys-long-names": keys_with_long_names,
    "ordinary-secrets": ordinary_secrets,
    "damaged-archive-16k": damaged_archive,
    "damaged-archives-100k": damaged_archives,
    "archives-held": nested_archives,
    "streams-nested": nested_streams,
    "dictionaries": dictionaries,
    "7z-header": encoded_header,
    "iso-folders": folders,
    "iso-extents": extents,
    "iso-overlap": folders_in_one_place,
    "asar-objects": asar_objects,
    "compound-storages": compound_storages,
    "squashfs-listing": squashfs_listing,
    "anchors": anchors,
    "kdf-memory": kdfs,
    "candidates-million": candidates,
    "texts-on-a-line": texts_on_a_line,
    "rsa-moduli": moduli,
    "lines-times-keys": lines_and_keys,
    "lines-times-keys-in-a-file": lines_and_a_file_of_keys,
    "public-keys": public_keys,
    "keys-in-padding": tar_of_small_members,
    "decoy-keystores": decoys,
    "delta-bomb": delta_bomb,
    "history-trees": history_trees,
    "history-public-keys": history_public_keys,
} | {name: (lambda folder, make=make: make(folder, many)) for name, make in memory_disks.INPUTS.items()}


# -- measuring --------------------------------------------------------------------------------------------------------

def peak_of(command, cwd):
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    peak = 0

    def watch():
        nonlocal peak
        while process.poll() is None:
            try:
                with open(f"/proc/{process.pid}/status") as status:
                    for line in status:
                        if line.startswith("RssAnon:"):
                            peak = max(peak, int(line.split()[1]) << 10)
            except OSError:
                pass
            time.sleep(0.004)

    watcher = threading.Thread(target=watch)
    watcher.start()
    error = process.stderr.read().decode(errors="replace").strip().splitlines()
    code = process.wait()
    watcher.join()
    return peak, code, time.monotonic() - began, error[-1] if error else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("keyradius")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--only", action="append")
    parser.add_argument("--keep")
    parser.add_argument("--jobs", default="2,8")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    global SCALE
    SCALE = 20 if args.small else 1
    program = os.path.abspath(args.keyradius)
    jobs = [int(number) for number in args.jobs.split(",")]
    root = args.keep or tempfile.mkdtemp(prefix="keyradius-memory-")
    print("| input | bytes on disk | " + " | ".join(f"peak, {j} jobs (limit {limit(j) >> 20} MiB)" for j in jobs) + " | exit | seconds |")
    print("|---|--:|" + "--:|" * len(jobs) + "--:|--:|")
    over = False
    for name, make in INPUTS.items():
        if args.only and name not in args.only:
            continue
        folder = os.path.join(root, name)
        if not os.path.isdir(folder):
            os.makedirs(folder)
            make(folder)
        size = sum(os.path.getsize(os.path.join(at, file)) for at, _, files in os.walk(folder) for file in files)
        cells, codes, seconds = [], [], []
        for j in jobs:
            command = [program, "scan", "--no-config", "--format", "json", "--jobs", str(j), "."]
            peak, code, took, last = peak_of(command, folder)
            fine = peak <= limit(j) and code in (0, 1, 3)
            over |= not fine
            cells.append(f"{peak / MIB:.0f} MiB" + ("" if fine else " **over**"))
            codes.append(str(code))
            seconds.append(f"{took:.1f}")
            if args.verbose or not fine:
                print(f"{name}, {j} jobs: {last}", file=sys.stderr)
        print(f"| {name} | {size:,} | " + " | ".join(cells) + f" | {'/'.join(codes)} | {'/'.join(seconds)} |", flush=True)
        if not args.keep:
            shutil.rmtree(folder)
    if not args.keep:
        shutil.rmtree(root)
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
