"""Revision logs of Mercurial by hg itself."""

from contain import Packed

f = Packed("hg_revlog", "Revision logs of Mercurial: the file logs of keys, one of them in two revisions")
f.run("hg init r && cp -r tree/. r/ && cd r && hg add -q && HGUSER=k hg commit -q -m one && echo more >> readme.txt && HGUSER=k hg commit -q -m two")
cat = lambda path: f"cat tree/{path}"
for path, der in (("etc/ssl/private/server.pem", False), ("etc/id.pem", False), ("signing.der", True)):
    name = path.rsplit("/")[-1] + ".i"
    f.tool(name, f"cp r/.hg/store/data/{path}.i {name}", [f.shown(f"hg -R r cat r/{path}", der=der)])
f.tool("near.i", "cp r/.hg/store/data/readme.txt.i near.i", silent=True, why="the log of a file without a key")
f.finish()
