"""PostgreSQL, MariaDB and Redis, each run in a scratch directory on a Unix socket."""

import base64
import os
import pathlib
import socket
import time

from .core import carrier, Drop
from .databases import KIND, material


# PostgreSQL and MariaDB in a scratch directory, on a Unix socket.


class Postgres:
    """A cluster in the scratch folder of a carrier."""

    def __init__(self, c):
        self.c = c
        self.bin = "/usr/lib/postgresql/15/bin"
        self.home = pathlib.Path(f"/tmp/kcpg{os.urandom(4).hex()}")
        c.sh(f"install -d -o postgres -m 700 {self.home}")
        self.su(f"{self.bin}/initdb -A trust -D {self.home}/d --no-sync >/dev/null")
        self.su(
            f"{self.bin}/pg_ctl -D {self.home}/d -o \"-k {self.home} -h '' -F\" -l {self.home}/log -w start"
            " >/dev/null </dev/zero 2>&1"
        )
        c.cleanup.append(self.stop)

    def su(self, command, data=None):
        return self.c.sh(f'cd {self.home}; exec runuser -u postgres -- bash -c "$CMD"', data, env={"CMD": command})

    def sql(self, text):
        return self.su(f"psql -h {self.home} -XAtq postgres", text.encode())

    def stop(self):
        if self.home.exists():
            try:
                self.su(f"{self.bin}/pg_ctl -D {self.home}/d -m fast -w stop >/dev/null")
            finally:
                self.c.sh(f"rm -rf {self.home}")


def pg_fill(c, pg):
    rows, big, whole = material(c)
    quote = {n: k.text for n, k in rows.items() if n in ("pem", "jwk")}
    text = "create table t(k text primary key, v text, b bytea);"
    text += "insert into t select 'n'||i, repeat('some value ', 9), null from generate_series(1,200) i;"
    for name, key in rows.items():
        value = f"'{quote[name]}', null" if name in quote else f"null, '\\x{key.data.hex()}'"
        text += f"insert into t values('{name}', {value});"
    text += f"insert into t values('big', '{whole.decode()}', null); checkpoint;"
    pg.sql(text)

    def read(sql=pg.sql):
        for name, key in {**rows, "big": big}.items():
            if name in ("der", "p12"):
                c.prove(key, base64.b64decode(sql(f"select encode(b,'base64') from t where k='{name}'")), "psql")
            else:
                c.prove(key, sql(f"select v from t where k='{name}'"), "psql")

    read()
    return rows


DUMPS = [
    ("custom-zlib", "-Fc"),
    ("custom-z0", "-Fc -Z0"),
    ("custom-inserts", "-Fc --inserts -Z9"),
    ("tar", "-Ft"),
    ("plain-copy", "-Fp"),
    ("plain-inserts", "-Fp --inserts"),
    ("plain-gz", "-Fp -Z6"),
    ("directory", "-Fd"),
]
for name, options in DUMPS:

    def make(c, options=options):
        pg = Postgres(c)
        pg_fill(c, pg)
        pg.su(f"pg_dump -h {pg.home} {options} -f {pg.home}/f.dump postgres")
        c.sh(f"cp -r {pg.home}/f.dump .")
        c.take("f.dump")

    carrier(f"pg-dump-{name}", KIND, "postgresql-15")(make)


@carrier("pg-heap-files-toast-pglz", KIND, "postgresql-15")
def heap(c):
    pg = Postgres(c)
    pg_fill(c, pg)
    where = (
        pg.sql(
            "select pg_relation_filepath('t'), pg_relation_filepath(reltoastrelid) from pg_class where relname='t'"
        )
        .decode()
        .strip()
        .split("|")
    )
    for at in where:
        c.sh(f"cp {pg.home}/d/{at} .")
        c.take(pathlib.Path(at).name)


@carrier("pg-heap-files-toast-lz4", KIND, "postgresql-15")
def heap_lz4(c):
    pg = Postgres(c)
    pg.sql("alter system set default_toast_compression='lz4'; select pg_reload_conf();")
    time.sleep(0.5)
    pg_fill(c, pg)
    where = (
        pg.sql(
            "select pg_relation_filepath('t'), pg_relation_filepath(reltoastrelid) from pg_class where relname='t'"
        )
        .decode()
        .strip()
        .split("|")
    )
    for at in where:
        c.sh(f"cp {pg.home}/d/{at} .")
        c.take(pathlib.Path(at).name)


@carrier("pg-wal-segment", KIND, "postgresql-15")
def pg_wal(c):
    pg = Postgres(c)
    pg_fill(c, pg)
    c.sh(f"cp {pg.home}/d/pg_wal/000000010000000000000001 .")
    c.take("000000010000000000000001")


@carrier("pg-basebackup-tar-gz", KIND, "postgresql-15")
def pg_base(c):
    pg = Postgres(c)
    pg_fill(c, pg)
    pg.su(f"pg_basebackup -h {pg.home} -D {pg.home}/bb -Ft -z -X none -c fast 2>/dev/null")
    c.sh(f"cp {pg.home}/bb/base.tar.gz .")
    c.take("base.tar.gz")


@carrier("psql-aligned-and-expanded-output", KIND, "postgresql-15")
def psql_out(c):
    pg = Postgres(c)
    rows, big, whole = material(c)
    pg.sql(
        "create table t(k text, v text, b bytea); insert into t"
        f" values('pem','{rows['pem'].text}',null),('der',null,'\\x{rows['der'].data.hex()}'),('p12',null,'\\x{rows['p12'].data.hex()}'),('jwk','{rows['jwk'].text}',null)"
    )
    for name, key in rows.items():
        got = (
            pg.sql(f"select v from t where k='{name}'")
            if name in ("pem", "jwk")
            else base64.b64decode(pg.sql(f"select encode(b,'base64') from t where k='{name}'"))
        )
        c.prove(key, got, "psql -A")
    c.keys.remove(big)
    c.put("aligned.txt", pg.su(f"psql -h {pg.home} -X postgres -c 'select * from t'"))


class Maria:
    def __init__(self, c, options=""):
        self.c = c
        self.home = pathlib.Path(f"/tmp/kcmy{os.urandom(4).hex()}")
        c.sh(f"install -d -o mysql -m 700 {self.home}")
        c.sh(
            f"mariadb-install-db --no-defaults --user=mysql --datadir={self.home}/d --skip-test-db >/dev/null 2>&1",
            timeout=120,
        )
        self.child = (
            c.sh(
                f"setsid mariadbd --no-defaults --user=mysql --datadir={self.home}/d --socket={self.home}/s"
                f" --skip-networking --skip-grant-tables --pid-file={self.home}/p {options} >{self.home}/log 2>&1"
                " </dev/zero & echo $!"
            )
            .decode()
            .strip()
        )
        c.cleanup.append(self.stop)
        for _ in range(100):
            time.sleep(0.3)
            if (self.home / "s").exists():
                return
        raise Drop("MariaDB did not start: " + (self.home / "log").read_text()[-200:])

    def sql(self, text):
        return self.c.sh(f"mariadb --no-defaults -S {self.home}/s -N -r -B", text.encode())

    def stop(self):
        if self.home.exists():
            self.c.sh(f"mariadb-admin --no-defaults -S {self.home}/s shutdown 2>&1 || true; sleep 1", ok=None)
            self.c.sh(f"rm -rf {self.home}")


def my_fill(c, my, table="engine=InnoDB"):
    rows, big, whole = material(c)
    text = (
        "create database if not exists k; use k; create table t(k varchar(20) primary key, v longtext, b longblob)"
        f" {table};"
    )
    text += "".join(f"insert into t values('n{i}', '{'some value ' * 9}', null);" for i in range(200))
    for name, key in rows.items():
        value = f"'{key.text}', null" if name in ("pem", "jwk") else f"null, x'{key.data.hex()}'"
        text += f"insert into t values('{name}', {value});"
    text += f"insert into t values('big', '{whole.decode()}', null); flush tables t for export; unlock tables;"
    my.sql(text)
    for name, key in {**rows, "big": big}.items():
        column = "v" if name not in ("der", "p12") else "b"
        c.prove(key, base64.b64decode(my.sql(f"select to_base64({column}) from k.t where k='{name}'")), "mariadb")


IBD = [
    ("dynamic", "engine=InnoDB", "t.ibd"),
    ("compressed-8k", "engine=InnoDB row_format=compressed key_block_size=8", "t.ibd"),
    ("page-compressed", "engine=InnoDB page_compressed=1", "t.ibd"),
    ("redundant", "engine=InnoDB row_format=redundant", "t.ibd"),
    ("aria", "engine=Aria", "t.MAD"),
    ("myisam", "engine=MyISAM", "t.MYD"),
    ("archive", "engine=ARCHIVE", "t.ARZ"),
    ("csv", "engine=CSV", "t.CSV"),
]
for name, table, file in IBD:

    def make(c, table=table, file=file, name=name):
        my = Maria(c)
        if name in ("archive", "csv"):
            rows, big, whole = material(c)
            my.sql(
                f"create database k; use k; create table t(k varchar(20) not null, v longblob not null) {table};"
                + "".join(f"insert into t values('{n}', x'{k.data.hex()}');" for n, k in rows.items())
                + f"insert into t values('big', x'{whole.hex()}'); flush tables;"
            )
            for n, key in {**rows, "big": big}.items():
                c.prove(key, base64.b64decode(my.sql(f"select to_base64(v) from k.t where k='{n}'")), "mariadb")
        else:
            my_fill(c, my, table)
        c.sh(f"mariadb-admin --no-defaults -S {my.home}/s shutdown; sleep 1.5; cp {my.home}/d/k/{file} .")
        c.take(file)

    carrier(f"mariadb-{name}", KIND, "mariadb-server")(make)


@carrier("mariadb-dump-default", KIND, "mariadb-server")
def my_dump(c):
    my = Maria(c)
    my_fill(c, my)
    c.put("f.sql", c.sh(f"mariadb-dump --no-defaults -S {my.home}/s k"))


@carrier("mariadb-dump-hex-blob-xml", KIND, "mariadb-server")
def my_dump_xml(c):
    my = Maria(c)
    my_fill(c, my)
    c.put("f.xml", c.sh(f"mariadb-dump --no-defaults -S {my.home}/s --hex-blob --xml k"))
    c.put("g.sql", c.sh(f"mariadb-dump --no-defaults -S {my.home}/s --hex-blob k"))


@carrier("mariadb-binlog", KIND, "mariadb-server")
def my_binlog(c):
    my = Maria(c, "--log-bin=b --binlog-format=ROW --server-id=1")
    my_fill(c, my)
    c.sh(f"cp {my.home}/d/b.000001 .")
    c.take("b.000001")


@carrier("mariadb-binlog-compressed", KIND, "mariadb-server")
def my_binlog_z(c):
    my = Maria(c, "--log-bin=b --binlog-format=ROW --server-id=1 --log-bin-compress=1")
    my_fill(c, my)
    c.sh(f"cp {my.home}/d/b.000001 .")
    c.take("b.000001")


@carrier("mariadb-tab-dump-outfile", KIND, "mariadb-server")
def my_tab(c):
    my = Maria(c)
    my_fill(c, my)
    my.sql(f"select * from k.t into outfile '{my.home}/t.txt'")
    c.sh(f"cp {my.home}/t.txt .")
    c.take("t.txt")


def redis(c, options, value=None):
    rows, big, whole = material(c)
    home = c.work
    sock = f"/tmp/kcrd{os.urandom(4).hex()}"
    pid = (
        c.sh(
            f"setsid redis-server --port 0 --unixsocket {sock} --dir {home} --save '' {options} >log 2>&1 </dev/zero"
            " & echo $!"
        )
        .decode()
        .strip()
    )
    c.cleanup.append(lambda: c.sh(f"redis-cli -s {sock} shutdown nosave", ok=None))
    for _ in range(50):
        time.sleep(0.1)
        if os.path.exists(sock):
            break
    talk = socket.socket(socket.AF_UNIX)
    talk.connect(sock)

    def command(*words):
        words = [w if isinstance(w, bytes) else w.encode() for w in words]
        talk.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        got = b""
        while True:
            got += talk.recv(1 << 20)
            if got.startswith(b"$"):
                head, _, rest = got.partition(b"\r\n")
                if len(rest) >= int(head[1:]) + 2:
                    return rest[: int(head[1:])]
            elif got.endswith(b"\r\n"):
                return got

    for name, key in {**rows, "big": big}.items():
        data = whole if name == "big" else key.data
        if value == "hash":
            command("HSET", "h", name, data)
            c.prove(key, command("HGET", "h", name), "redis HGET")
        elif value == "list":
            command("RPUSH", "l" + name, "a", data, "b")
            c.prove(key, command("LINDEX", "l" + name, "1"), "redis LINDEX")
        else:
            command("SET", name, data)
            c.prove(key, command("GET", name), "redis GET")
    command("SAVE")
    return pid


for name, options, value, file in (
    ("lzf", "", None, "dump.rdb"),
    ("no-compression", "--rdbcompression no", None, "dump.rdb"),
    ("hash-listpack", "", "hash", "dump.rdb"),
    ("list-quicklist", "", "list", "dump.rdb"),
    ("list-compress-depth", "--list-compress-depth 1 --list-max-listpack-size 1", "list", "dump.rdb"),
):

    def make(c, options=options, value=value, file=file):
        redis(c, options, value)
        c.take(file)

    carrier(f"redis-rdb-{name}", KIND, "redis-server")(make)


@carrier("redis-aof", KIND, "redis-server")
def aof(c):
    redis(c, "--appendonly yes --aof-use-rdb-preamble no --appendfsync always")
    c.sh("mv appendonlydir aof")
    c.take("aof")


@carrier("slapd-ldif-base64", KIND, "python3")
def ldif(c):
    rows, big, whole = material(c)
    out = ["dn: cn=k,dc=e", "objectClass: device", "cn: k"]
    for name, key in {**rows, "big": big}.items():
        text = "userKey;" + name + ":: " + base64.b64encode(whole if name == "big" else key.data).decode()
        out.append(text[:78])
        out += [" " + text[i : i + 77] for i in range(78, len(text), 77)]
        whole_text = "".join(x[1:] if x.startswith(" ") else x for x in out[-(1 + (len(text) - 1) // 77) :])
        c.prove(key, base64.b64decode(whole_text.split(":: ")[-1]), "LDIF unfolding")
    c.put("f.ldif", "\n".join(out) + "\n")
