"""Android backups: the header that `adb backup` writes, and a tar archive."""

from contain import Packed

f = Packed("android_backup", "Android backups: compressed, stored, and the near miss")
f.run("mkdir -p apps/a && cp -r tree apps/a/f && tar -cf tree.tar apps")
f.tool("tree.ab", "(printf 'ANDROID BACKUP\\n5\\n1\\nnone\\n'; zlib-flate -compress < tree.tar) > tree.ab", lambda: f.three(lambda path: f"tail -c +25 tree.ab | zlib-flate -uncompress | tar -xO apps/a/f/{path}"))
f.tool("stored.ab", "(printf 'ANDROID BACKUP\\n1\\n0\\nnone\\n'; cat tree.tar) > stored.ab", lambda: f.three(lambda path: f"tail -c +25 stored.ab | tar -xO apps/a/f/{path}"))
f.silent("near.ab", b"ANDROID BACKUP\nis what adb writes\n", "by hand", "the magic alone")
f.finish()
