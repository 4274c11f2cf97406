"""SQLite databases: keys in cells, in every shape that a page can give to them.

The databases called `cells_<n>_*` hold no keys but n values that tell their own names (`table/row/column`), made by a rule
that a test knows (corpus/tests/it/sqlite.rs): so python's sqlite3 says what a reader has to find, value by value.
"""

import sqlite3

from kit import Family, der_of

f = Family("sqlite", "SQLite databases by python's sqlite3 and the sqlite3 shell: page sizes, encodings, overflow, deleted rows, damage")
KEYS = {"rsa2048": "rsa -pkeyopt rsa_keygen_bits:2048", "rsa4096": "rsa -pkeyopt rsa_keygen_bits:4096", "p256": "ec -pkeyopt ec_paramgen_curve:P-256", "ed25519": "ed25519"}
for name, options in KEYS.items():
    f.run(f"openssl genpkey -algorithm {options} -out {name}.pem")
PEM = {name: f.read(f"{name}.pem").decode() for name in KEYS}
ROW = {name: f.key(f"{name}.pem", "pkcs8") for name in KEYS}


def value(name, length):
    """A text that tells its name and is the same every time."""
    return "".join(f"{name}={length}#{i}|" for i in range(length // 8 + 1))[:length]


def database(file, pragmas, fill):
    path = f.path(file)
    db = sqlite3.connect(path)
    for pragma in pragmas:
        db.execute(f"PRAGMA {pragma}")
    fill(db)
    db.commit()
    db.close()
    return path.read_bytes()


def silent(file, pragmas, fill, made):
    data = database("x.db", pragmas, fill)
    f.path("x.db").unlink()
    count = fill.count
    f.add(f"cells_{count}_{file}.db", data, made, why="texts that tell their own names, no keys", silent=True, oracle="python3 sqlite3")


def cells(rows, sizes, without=False):
    def fill(db):
        db.execute("CREATE TABLE first (id INTEGER PRIMARY KEY, small INT, a TEXT, \"b c\" BLOB, d)")
        db.execute("CREATE INDEX by_a ON first (a)")
        n = 0
        for row in range(1, rows + 1):
            a, b = sizes[row % len(sizes)], sizes[(row * 7 + 3) % len(sizes)]
            db.execute("INSERT INTO first VALUES (?, ?, ?, ?, ?)", (row * 3, row * -70000, value(f"first/{row * 3}/a", a), value(f"first/{row * 3}/b c", b).encode(), 1.5))
            n += (a >= 32) + (b >= 32)
        if without:
            db.execute("CREATE TABLE second (v TEXT, k TEXT, n INT, PRIMARY KEY (k, n)) WITHOUT ROWID")
            keys = sorted(value(f"k{row}", 40) for row in range(rows))
            for row, key in enumerate(keys, 1):
                db.execute("INSERT INTO second VALUES (?, ?, ?)", (value(f"second/{row}/v", sizes[row % len(sizes)]), key[:20], row))
                n += sizes[row % len(sizes)] >= 32
        fill.count = n

    return fill


SIZES = [10, 32, 100, 460, 477, 478, 500, 600, 1100, 5000]
for page in (512, 1024, 4096, 65536):
    for encoding in ("UTF-8", "UTF-16le", "UTF-16be"):
        if page == 4096 or encoding == "UTF-8" or (page, encoding) == (512, "UTF-16be"):
            name = f"{page}_{encoding.lower().replace('-', '')}"
            silent(name, [f"page_size={page}", f"encoding='{encoding}'"], cells(60, SIZES, True), f"python3 sqlite3, page_size={page}, encoding={encoding}")
silent("deep", ["page_size=512"], cells(900, [40, 33, 90]), "python3 sqlite3, page_size=512, 900 rows")
silent("large", ["page_size=512"], cells(3, [150_000]), "python3 sqlite3, page_size=512, values of 150,000 bytes")
silent("auto_vacuum", ["page_size=512", "auto_vacuum=FULL"], cells(100, SIZES), "python3 sqlite3, auto_vacuum=FULL")
silent("edges", ["page_size=4096"], cells(40, [4050, 4056, 4057, 4058, 4059, 4060, 4061, 4062, 4065, 8150, 8155]), "python3 sqlite3, values about the size of a page")
# Bytes at the end of every page that SQLite leaves to extensions.
fill = cells(50, SIZES)
f.run("sqlite3 reserved.db '.filectrl reserve_bytes 32' 'CREATE TABLE t(a)' 'DROP TABLE t' VACUUM")
data = database("reserved.db", [], fill)
assert data[20] == 32, data[:32]
f.add(f"cells_{fill.count}_reserved.db", data, "sqlite3 '.filectrl reserve_bytes 32', then python3 sqlite3", why="texts that tell their own names, no keys", silent=True, oracle="python3 sqlite3")


def add(file, pragmas, fill, keys, made, **more):
    data = database(file, pragmas, fill)
    f.add(file, data, made, [ROW[k] for k in keys], **more)
    return data


def app(db):
    db.execute("CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT, changed INT)")
    db.executemany("INSERT INTO settings VALUES (?, ?, 1)", [(f"option.{i}", "x" * (i % 90)) for i in range(50)])
    db.execute("INSERT INTO settings VALUES ('signing.key', ?, 2)", (PEM["rsa2048"],))
    db.execute("CREATE TABLE secrets (id INTEGER PRIMARY KEY, kind TEXT, body BLOB)")
    db.execute("INSERT INTO secrets VALUES (7, 'der', ?)", (der_of(PEM["p256"]),))
    db.execute("INSERT INTO secrets VALUES (9, 'json', ?)", ('{"private_key": "' + PEM["ed25519"].replace("\n", "\\n") + '"}',))


def one(name):
    def fill(db):
        db.execute("CREATE TABLE k (v)")
        db.execute("INSERT INTO k VALUES (?)", (PEM[name],))

    return fill


add("app.db", [], app, ["rsa2048", "p256", "ed25519"], "python3 sqlite3: text, DER blob, JSON")
add("app_512.db", ["page_size=512"], app, ["rsa2048", "p256", "ed25519"], "python3 sqlite3, page_size=512: the keys go on in other pages")
add("utf16le.db", ["encoding='UTF-16le'", "page_size=512"], one("rsa4096"), ["rsa4096"], "python3 sqlite3, encoding=UTF-16le, page_size=512")
add("utf16be.db", ["encoding='UTF-16be'", "page_size=1024"], one("p256"), ["p256"], "python3 sqlite3, encoding=UTF-16be")


def without(db):
    db.execute("CREATE TABLE k (name TEXT PRIMARY KEY, v TEXT) WITHOUT ROWID")
    db.executemany("INSERT INTO k VALUES (?, ?)", [(f"n{i}", PEM["rsa4096"] if i == 40 else "nothing" * 9) for i in range(90)])


add("without_rowid.db", ["page_size=512"], without, ["rsa4096"], "python3 sqlite3, WITHOUT ROWID, page_size=512")


def column_default(db):
    db.execute("CREATE TABLE k (v TEXT DEFAULT '" + PEM["p256"] + "')")


add("default.db", [], column_default, ["p256"], "python3 sqlite3: the default of a column")


# Deleted and still there. Debian's SQLite overwrites what it deletes unless told otherwise.
def deleted(db):
    db.execute("CREATE TABLE k (id INTEGER PRIMARY KEY, v TEXT)")
    db.executemany("INSERT INTO k VALUES (?, ?)", [(1, "a" * 300), (2, PEM["rsa2048"]), (3, "b" * 300)])
    db.commit()
    db.execute("DELETE FROM k WHERE id = 2")


def dropped(db):
    db.execute("CREATE TABLE k (id INTEGER PRIMARY KEY, v TEXT)")
    db.executemany("INSERT INTO k VALUES (?, ?)", [(i, PEM["rsa4096"] if i == 30 else "c" * 300) for i in range(60)])
    db.commit()
    db.execute("DROP TABLE k")
    db.execute("CREATE TABLE other (v)")


LEAVE = ["secure_delete=OFF"]
add("deleted_row.db", LEAVE, deleted, ["rsa2048"], "python3 sqlite3, secure_delete=OFF: a row deleted")
add("dropped_table.db", LEAVE + ["page_size=8192"], dropped, ["rsa4096"], "python3 sqlite3, secure_delete=OFF: a table dropped")
data = database("secure.db", ["secure_delete=ON"], deleted)
f.add("secure_delete.db", data, "python3 sqlite3, secure_delete=ON: a row deleted", why="overwritten when it was deleted", silent=True, oracle="grep -c BEGIN finds nothing")
assert b"BEGIN" not in data

# Damage. What is asked is that the rest is read.
data = database("whole.db", ["page_size=1024"], app)
db = sqlite3.connect(f.path("whole.db"))
root = dict(db.execute("SELECT name, rootpage FROM sqlite_master WHERE type = 'table'"))
db.close()
hurt = bytearray(data)
at = (root["settings"] - 1) * 1024
hurt[at : at + 12] = bytes(12)
f.add("no_root.db", bytes(hurt), "app.db with page_size=1024, the header of one root page overwritten with zeros", [ROW[k] for k in ("rsa2048", "p256", "ed25519")], oracle="openssl pkey of the keys", stretch=True)  # what is damaged is read as plain bytes too, so keys come out twice
f.add("cut.db", data[: (root["secrets"]) * 1024 + 700], "the same, cut in the middle", [ROW["p256"]], oracle="python3 sqlite3 of the whole", partial=False, stretch=True)
f.add("header_only.db", data[:100], "the first 100 bytes of it", why="no page is there", silent=True, oracle="its size")
f.add("magic_only.txt", b"SQLite format 3\0 is what a database begins with. -----BEGIN PRIVATE KEY-----\n", "python3", why="text that quotes the magic", silent=True, oracle="sqlite3: file is not a database")
f.add("magic_and_key.bin", b"SQLite format 3\0" + bytes(200) + PEM["p256"].encode(), "python3: a magic number, zeros, a key", [ROW["p256"]], oracle="openssl pkey")
f.finish()
