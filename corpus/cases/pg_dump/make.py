"""Archives by pg_dump of a database that is made for it."""

from contain import Packed

f = Packed("pg_dump", "Archives of pg_dump -Fc: rows and large objects, several levels")
f.run("mkdir d && chmod 777 . d && B=$(ls -d /usr/lib/postgresql/*/bin | tail -1) && chown nobody d && su -s /bin/bash nobody -c \"$B/initdb -D d/db -A trust -U k >/dev/null && $B/pg_ctl -D d/db -o '-c listen_addresses= -k $PWD/d' -l d/log -w start >/dev/null\" && chmod -R a+rX tree && psql -q -h $PWD/d -U k postgres -c \"create table keys (name text, pem text, der bytea); insert into keys values ('server', pg_read_file('$PWD/tree/etc/ssl/private/server.pem'), null), ('id', pg_read_file('$PWD/tree/etc/id.pem'), null)\" -c \"create table rest as select generate_series(1, 3000) n\" -c \"select lo_from_bytea(4711, pg_read_binary_file('$PWD/tree/signing.der'))\"")
cat = lambda path: f"cat tree/{path}"
for name, flags in (("zlib", "-Z 6"), ("none", "-Z 0"), ("best", "-Z 9")):
    f.tool(f"{name}.dump", f"pg_dump -h $PWD/d -U k -Fc {flags} postgres > {name}.dump", lambda: f.three(cat))
f.tool("near.dump", "pg_dump -h $PWD/d -U k -Fc -t rest postgres > near.dump", silent=True, why="a table without keys")
f.run("su -s /bin/bash nobody -c \"$(ls -d /usr/lib/postgresql/*/bin | tail -1)/pg_ctl -D d/db -m immediate stop\" >/dev/null")
f.finish()
