"""RPM packages by rpmbuild with every payload compressor, a source package."""

from contain import Packed

f = Packed("rpm", "RPM packages: every compressor of the payload, a source package, a key in a script, damaged ones")
f.run("openssl genpkey -algorithm ed25519 -out script.pem")
SPEC = """Name: k
Version: 1
Release: 1
Summary: k
License: MIT
BuildArch: noarch
Source0: id.pem
%global __os_install_post %{{nil}}
%define _binary_payload {payload}
%define _source_payload {payload}
%description
k
%install
cp -r {tree}/. %{{buildroot}}/
%files
/etc
/signing.der
/readme.txt
/var
%post
cat > /etc/script.pem <<'END'
{script}END
"""
script = f.read("script.pem").decode()
show = lambda name: lambda path: f"rpm2cpio {name} | cpio -i --quiet --to-stdout ./{path}"
post = lambda name: f.shown(f"rpm -qp --scripts {name} | sed -n '/BEGIN/,/END P/p'")
for payload, name in (("w9.gzdio", "gzip.rpm"), ("w9.bzdio", "bzip2.rpm"), ("w6.xzdio", "xz.rpm"), ("w6.lzdio", "lzma.rpm"), ("w3.zstdio", "zstd.rpm"), ("w.ufdio", "none.rpm")):
    f.path("k.spec").write_text(SPEC.format(payload=payload, tree=f.path("tree"), script=script))
    f.run("mkdir -p top/SOURCES && cp tree/etc/id.pem top/SOURCES/")
    f.tool(name, f"rpmbuild -bb --quiet --define \"_topdir $PWD/top\" k.spec && mv top/RPMS/noarch/k-1-1.noarch.rpm {name}",
           lambda: f.three(show(name)) + [post(name)])
source = lambda path: f"rpm2cpio source.src.rpm | cpio -i --quiet --to-stdout {path}"
f.tool("source.src.rpm", "rpmbuild -bs --quiet --define \"_topdir $PWD/top\" k.spec && mv top/SRPMS/k-1-1.src.rpm source.src.rpm",
       lambda: [f.shown(source("id.pem")), f.shown(source("k.spec") + " | sed -n '/BEGIN/,/END P/p'"),
                f.shown("rpm -qp --qf '%{SPEC}' source.src.rpm | sed -n '/BEGIN/,/END P/p'")])
data = f.read("none.rpm")
f.add("cut.rpm", data[:data.index(b"\x8e\xad\xe8\x01", 100) + 40], "none.rpm cut off in its first header", silent=True, why="nothing is left of it")
f.silent("near-lead.rpm", b"\xed\xab\xee\xdb\x03\x00" + bytes(200), "printf", "a lead without headers")
f.finish()
