"""Key-value stores, columnar files and serialised objects."""


from .core import carrier, filler

KV = "containers: key-value stores"
COLS = "containers: columnar and serialised"


def values(c):
    """name -> (key, bytes): text, DER, PKCS#12, JWK, and a value above 64 KiB."""
    out = {}
    for name, form in (("pem", "rsa"), ("der", "p256:der"), ("p12", "p12"), ("jwk", "jwk")):
        key = c.key(form, name)
        out[name] = (key, key.data)
    big = c.key("rsa:trad", "big")
    out["big"] = (big, filler(70000) + big.data + filler(30000))
    return out


def noise():
    return {f"n{i:04d}": f"some value {i} ".encode() * 9 for i in range(300)}


def leveldb(c, compress, compact):
    import plyvel

    rows = values(c)
    db = plyvel.DB(
        str(c.out / "db"),
        create_if_missing=True,
        compression="snappy" if compress else None,
        write_buffer_size=1 << 20 if not compact else 65536,
    )
    for k, v in {**noise(), **{n: d for n, (_, d) in rows.items()}}.items():
        db.put(k.encode(), v)
    if compact:
        db.compact_range()
    db.close()
    if compact:  # A second opening moves what is left in the log to a table.
        db = plyvel.DB(str(c.out / "db"))
        db.compact_range()
        db.close()
    c.sh(f"cp -r {c.out}/db copy")
    db = plyvel.DB(str(c.work / "copy"))
    for name, (key, _) in rows.items():
        c.prove(key, db.get(name.encode()), "plyvel")
    db.close()


for name, compress, compact in (
    ("log-only", True, False),
    ("tables-snappy", True, True),
    ("tables-plain", False, True),
):

    def make(c, compress=compress, compact=compact):
        leveldb(c, compress, compact)

    carrier(f"leveldb-{name}", KV, "pip:plyvel")(make)


for name in ("none", "snappy", "zlib", "bz2", "lz4", "lz4hc", "zstd"):

    def make(c, name=name):
        import rocksdict

        rows = values(c)
        options = rocksdict.Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_compression_type(getattr(rocksdict.DBCompressionType, name)())
        db = rocksdict.Rdict(str(c.out / "db"), options)
        for k, v in {**noise(), **{n: d for n, (_, d) in rows.items()}}.items():
            db[k.encode()] = v
        db.flush()
        db.compact_range(None, None)
        db.close()
        c.sh(f"cp -r {c.out}/db copy")
        db = rocksdict.Rdict(str(c.work / "copy"), rocksdict.Options(raw_mode=True))
        for n, (key, _) in rows.items():
            c.prove(key, bytes(db[n.encode()]), "rocksdict")
        db.close()

    carrier(f"rocksdb-{name}", KV, "pip:rocksdict")(make)


@carrier("lmdb", KV, "pip:lmdb")
def lm(c):
    import lmdb

    rows = values(c)
    env = lmdb.open(str(c.out / "db"), map_size=1 << 22)
    with env.begin(write=True) as t:
        for k, v in {**noise(), **{n: d for n, (_, d) in rows.items()}}.items():
            t.put(k.encode(), v)
    with env.begin() as t:
        for name, (key, _) in rows.items():
            c.prove(key, t.get(name.encode()), "lmdb")
    env.close()


def load_lines(rows):
    """The input of db_load: two lines in hex for each pair."""
    out = "VERSION=3\nformat=bytevalue\ntype={}\nHEADER=END\n"
    for k, v in {**noise(), **{n: d for n, (_, d) in rows.items()}}.items():
        out += f" {k.encode().hex()}\n {v.hex()}\n"
    return out + "DATA=END\n"


for kind in ("btree", "hash"):

    def make(c, kind=kind):
        rows = values(c)
        c.sh("db_load f.db", load_lines(rows).format(kind).encode())
        lines = [l.strip() for l in c.sh("db_dump f.db").decode().splitlines()]
        for name, (key, _) in rows.items():
            c.prove(key, bytes.fromhex(lines[lines.index(name.encode().hex()) + 1]), "db_dump")
        c.take("f.db")

    carrier(f"berkeley-db-{kind}", KV, "db-util")(make)


@carrier("gdbm", KV, "perl")
def gdbm(c):
    rows = values(c)
    (c.work / "in").mkdir()
    for name, (_, data) in rows.items():
        (c.work / "in" / name).write_bytes(data)
    code = "use GDBM_File;tie %h,'GDBM_File','f.gdbm',&GDBM_WRCREAT,0640;"
    c.sh(
        'perl -e "$CODE"',
        env={
            "CODE": (
                code
                + "for(1..300){$h{\"n$_\"}='some value 'x9}for(<in/*>){open F,$_;binmode F;local"
                " $/;$v=<F>;s/in.//;$h{$_}=$v}untie %h"
            )
        },
    )
    for name, (key, _) in rows.items():
        c.prove(key, c.sh('perl -e "$CODE"', env={"CODE": code + f"print $h{{{name}}}"}), "perl GDBM_File")
    c.take("f.gdbm")


@carrier("tdb", KV, "tdb-tools")
def tdb(c):
    rows = values(c)
    out = "".join(
        f'{{\nkey({len(k)}) = "{k}"\ndata({len(v)}) = "' + "".join(f"\\{b:02X}" for b in v) + '"\n}\n'
        for k, v in [(n, d) for n, (_, d) in rows.items()]
    )
    c.sh("tdbrestore f.tdb", out.encode())
    for name, (key, _) in rows.items():
        shown = c.sh(f"tdbdump -k {name} f.tdb").decode("latin-1")
        import re

        data = re.sub(r"\\([0-9A-F]{2})", lambda m: chr(int(m.group(1), 16)), shown).encode("latin-1")
        c.prove(key, data.rstrip(b"\n") if key.form.endswith("der") else data, "tdbdump")
    c.take("f.tdb")


@carrier("cdb", KV, "tinycdb")
def cdb(c):
    rows = values(c)
    data = (
        b"".join(
            b"+%d,%d:%s->%s\n" % (len(k), len(v), k.encode(), v)
            for k, v in {**noise(), **{n: d for n, (_, d) in rows.items()}}.items()
        )
        + b"\n"
    )
    c.sh("cdb -c f.cdb", data)
    for name, (key, _) in rows.items():
        c.prove(key, c.sh(f"cdb -q f.cdb {name}"), "cdb -q")
    c.take("f.cdb")


@carrier("duckdb", KV, "pip:duckdb")
def duck(c):
    import duckdb

    rows = values(c)
    db = duckdb.connect(str(c.out / "f.duckdb"))
    db.execute("create table t(k varchar, v blob)")
    db.executemany(
        "insert into t values(?,?)", [[k, v] for k, v in {**noise(), **{n: d for n, (_, d) in rows.items()}}.items()]
    )
    db.execute("checkpoint")
    for name, (key, _) in rows.items():
        c.prove(key, db.execute("select v from t where k=?", [name]).fetchone()[0], "duckdb")
    db.close()
