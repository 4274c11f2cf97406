"""Databases, each written and read back by its own engine."""

import sqlite3

from .core import carrier, Drop, filler

KIND = "containers: databases"


def material(c):
    """Keys as values of a database: text, bytes, a value above 64 KiB with the key in its middle."""
    rows = {
        "pem": c.key("rsa", "text value"),
        "der": c.key("p256:der", "bytes value"),
        "p12": c.key("p12", "store value"),
        "jwk": c.key("jwk", "JWK value"),
    }
    big = c.key("rsa:trad", "value above 64 KiB")
    return rows, big, filler(70000) + big.data + filler(30000)


def lite(c, script, read=None):
    rows, big, whole = material(c)
    db = sqlite3.connect(c.work / "f.db")
    script(db, rows, whole)
    db.close()
    check = sqlite3.connect(c.work / "f.db")
    for name, key in rows.items():
        got = check.execute("select v from t where k=?", (name,)).fetchone()[0]
        c.prove(key, got, "sqlite3")
    c.prove(big, check.execute("select v from t where k='big'").fetchone()[0], "sqlite3")
    check.close()


def insert(db, rows, whole):
    db.execute("create table t(k, v)")
    for i in range(200):
        db.execute("insert into t values(?,?)", (f"n{i}", "some value " * 9))
    for name, key in rows.items():
        db.execute("insert into t values(?,?)", (name, key.text if name in ("pem", "jwk") else key.data))
    db.execute("insert into t values('big',?)", (whole.decode(),))
    db.commit()


SQLITE = [
    ("plain", []),
    ("page-512-overflow", ["pragma page_size=512"]),
    ("page-65536", ["pragma page_size=65536"]),
    ("utf16", ["pragma encoding='UTF-16le'"]),
    ("utf16be", ["pragma encoding='UTF-16be'"]),
    ("autovacuum-page-1024", ["pragma auto_vacuum=full", "pragma page_size=1024"]),
]
for name, pragmas in SQLITE:

    def make(c, pragmas=pragmas):
        def script(db, rows, whole):
            for p in pragmas:
                db.execute(p)
            insert(db, rows, whole)

        lite(c, script)
        c.take("f.db")

    carrier(f"sqlite-{name}", KIND, "python3")(make)


@carrier("sqlite-wal-not-checkpointed", KIND, "python3")
def wal(c):
    rows, big, whole = material(c)
    db = sqlite3.connect(c.work / "f.db")
    db.execute("pragma page_size=4096")
    db.execute("pragma journal_mode=wal")
    db.execute("pragma wal_autocheckpoint=0")
    insert(db, rows, whole)
    c.put("f.db", (c.work / "f.db").read_bytes())
    c.put("f.db-wal", (c.work / "f.db-wal").read_bytes())
    db.close()
    c.sh(f"mkdir y && cp {c.out}/f.db {c.out}/f.db-wal y/")
    check = sqlite3.connect(c.work / "y/f.db")
    for name, key in {**rows, "big": big}.items():
        c.prove(key, check.execute("select v from t where k=?", (name,)).fetchone()[0], "sqlite3 of the copy")
    check.close()


@carrier("sqlite-free-pages-after-delete", KIND, "python3")
def free(c):
    rows, big, whole = material(c)
    db = sqlite3.connect(c.work / "f.db")
    db.execute("pragma secure_delete=off")
    insert(db, rows, whole)
    for name, key in {**rows, "big": big}.items():
        c.prove(key, db.execute("select v from t where k=?", (name,)).fetchone()[0], "sqlite3 before the delete")
    db.execute("delete from t")
    db.commit()
    db.close()
    data = (c.work / "f.db").read_bytes()
    if rows["pem"].data[:1600] not in data and rows["pem"].data[200:900] not in data:
        raise Drop("the engine overwrote the free pages")
    c.take("f.db")


@carrier("sqlite-rollback-journal", KIND, "python3")
def journal(c):
    rows, big, whole = material(c)
    db = sqlite3.connect(c.work / "f.db")
    db.execute("pragma journal_mode=persist")
    db.execute("pragma secure_delete=on")
    insert(db, rows, whole)
    for name, key in {**rows, "big": big}.items():
        c.prove(key, db.execute("select v from t where k=?", (name,)).fetchone()[0], "sqlite3 before the delete")
    db.execute("delete from t")
    db.commit()
    db.close()
    c.put("f.db-journal", (c.work / "f.db-journal").read_bytes())


@carrier("sqlite-zlib-blob", KIND, "python3")
def zblob(c):
    import zlib

    rows, big, whole = material(c)
    db = sqlite3.connect(c.out / "f.db")
    db.execute("create table t(k, v)")
    for name, key in rows.items():
        db.execute("insert into t values(?,?)", (name, zlib.compress(key.data)))
    db.execute("insert into t values('big',?)", (zlib.compress(whole),))
    db.commit()
    for name, key in {**rows, "big": big}.items():
        c.prove(key, zlib.decompress(db.execute("select v from t where k=?", (name,)).fetchone()[0]), "sqlite3, zlib")
    db.close()


@carrier("sqlite-fts5-and-one-row-per-line", KIND, "python3")
def fts(c):
    key = c.key("rsa", "rows")
    db = sqlite3.connect(c.out / "f.db")
    db.execute("create table log(id integer primary key, line text)")
    for l in key.text.splitlines():
        db.execute("insert into log(line) values(?)", (l,))
    db.commit()
    c.prove(key, "\n".join(r[0] for r in db.execute("select line from log order by id")) + "\n", "sqlite3")
    db.close()


@carrier("sqlite-dump-and-csv-mode", KIND, "sqlite3 python3")
def lite_dump(c):
    rows, big, whole = material(c)
    db = sqlite3.connect(c.work / "f.db")
    insert(db, rows, whole)
    db.close()
    c.put("f.sql", c.sh("sqlite3 f.db .dump"))
    c.sh(f"sqlite3 g.db < {c.out}/f.sql")
    check = sqlite3.connect(c.work / "g.db")
    for name, key in {**rows, "big": big}.items():
        c.prove(key, check.execute("select v from t where k=?", (name,)).fetchone()[0], "sqlite3 of the dump")
    check.close()
