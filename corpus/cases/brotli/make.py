"""Brotli streams by brotli: keys, an archive, a member of an archive."""

from contain import Packed

f = Packed("brotli", "Brotli streams under their usual name, and a near miss")
f.tool("id.pem.br", "brotli -c tree/etc/id.pem > id.pem.br", lambda: [f.shown("brotli -dc id.pem.br")])
f.tool("signing.der.br", "brotli -c tree/signing.der > signing.der.br", lambda: [f.shown("brotli -dc signing.der.br", der=True)])
f.tool("tree.tar.br", "tar -cf - -C tree . | brotli -c > tree.tar.br", lambda: f.three(lambda path: f"brotli -dc tree.tar.br | tar -xO ./{path}"))
f.tool("members.tar", "mkdir m && brotli -c tree/etc/ssl/private/server.pem > m/server.pem.br && tar -cf members.tar m", lambda: [f.shown("brotli -dc m/server.pem.br")])
f.silent("near.br", b"a text under the name of a stream\n" * 20, "printf", "no stream")
f.finish()
