//! Files in unusual forms that common tools read as a private key: compressed, with meaningless characters, with very
//! long comments and attributes. If the tool reads the key, the key has to be found.
#![allow(clippy::needless_raw_string_hashes, reason = "scripts, all written in the same way")]

use std::process::{Command, Stdio};

use crate::workshop::Workshop;

/// A kind of file.
struct Kind {
    name: &'static str,
    /// Programs that make the files or read them.
    needs: &'static [&'static str],
    /// Bash script that writes such files into `out`, and fails if the tool does not read them.
    script: &'static str,
}

/// Homes of GnuPG outside the workshop, because paths of sockets have to be short.
const GPG: &str = r#"
umask 077; h=$(TMPDIR=/tmp mktemp -d); trap 'for d in $h/*; do GNUPGHOME=$d gpgconf --kill all || true; done; rm -rf "$h"' EXIT
mkdir $h/g1; export GNUPGHOME=$h/g1
gpg --batch -q --passphrase '' --quick-gen-key 'A <a@x>' ed25519 sign 0
gpg --export-secret-keys > s.gpg
# A home for each: an agent that outlives its own would answer for the next. No `grep -q`: it ends before what it reads from.
n=0; reads() { n=$((n+1)); mkdir $h/r$n; GNUPGHOME=$h/r$n gpg --batch -q --import "$1" 2>/dev/null || true; GNUPGHOME=$h/r$n gpg -K --with-colons | grep ^sec > sec; }
"#;

const KINDS: [Kind; 10] = [
    Kind {
        name: "openpgp-compressed",
        needs: &["gpg", "python3"],
        script: r#"
python3 - <<'P'
import bz2, struct, zlib
from base64 import encodebytes
g = open('s.gpg', 'rb').read()
z = zlib.compressobj(9, zlib.DEFLATED, -13)
packed = {'zip': b'\1' + z.compress(g) + z.flush(), 'zlib': b'\2' + zlib.compress(g), 'bzip2': b'\3' + bz2.compress(g)}
def put(name, data): open('out/' + name, 'wb').write(data)
for name, body in packed.items():
    put(name + '.gpg', b'\xa3' + body)
    put(name + '-old.gpg', b'\xa2' + struct.pack('>I', len(body)) + body)
    put(name + '-new.gpg', b'\xc8\xff' + struct.pack('>I', len(body)) + body)
nested = b'\xa3\2' + zlib.compress(b'\xa3\1' + packed['zip'][1:])
put('nested.gpg', nested)
put('marker.gpg', b'\xca\3PGP\xa3' + packed['zlib'])
put('armor.asc', b'-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n' + encodebytes(b'\xa3' + packed['zip']) + b'-----END PGP PUBLIC KEY BLOCK-----\n')
put('stored.gpg', b'\xa3\0' + g)
z = packed['zlib'].ljust(512, b'\0')
put('partial.gpg', b'\xc8\xe8' + z[:256] + bytes([len(z) - 256 - 192 >> 8 & 255 | 192, len(z) - 256 - 192 & 255]) + z[256:])
P
# What GnuPG makes of lengths depends on its version.
for f in out/*; do reads $f || { echo "gpg does not read $f"; rm $f; }; done
cp out/zip.gpg out/zlib.gpg out/bzip2.gpg out/nested.gpg out/marker.gpg out/armor.asc .
"#,
    },
    Kind {
        name: "openpgp-behind-messages",
        needs: &["gpg", "python3"],
        script: r#"
python3 - <<'P'
g = open('s.gpg', 'rb').read()
for name, packet in {
    'literal': b'\xcb\x0bb\0\0\0\0\0hello', 'literal-old': b'\xac\x0bb\0\0\0\0\0hello', 'mdc': b'\xd3\x14' + b'z' * 20,
    'one-pass': b'\xc4\x0d\3\0\10\1' + b'k' * 8 + b'\1',
}.items():
    open('out/' + name + '.gpg', 'wb').write(packet + g)
P
for f in out/*; do reads $f || { echo "gpg does not read $f"; rm $f; }; done
cp out/literal.gpg out/mdc.gpg .
"#,
    },
    Kind {
        name: "openpgp-armor-with-other-characters",
        needs: &["gpg"],
        // gpg warns, imports, and exits with 2.
        script: r#"
gpg --armor --export-secret-keys | awk '/^-----/||/^=/||length($0)<50{print;next}{print substr($0,1,30)"!*\\"substr($0,31)}' > out/k.asc
reads out/k.asc
"#,
    },
    Kind {
        name: "pem-with-other-characters",
        needs: &["openssl", "python3"],
        script: r#"
openssl genpkey -quiet -algorithm RSA -out k.pem; openssl genpkey -algorithm ed25519 -out e.pem
openssl rsa -in k.pem -traditional -aes128 -passout pass:changeit -out l.pem 2>/dev/null
for f in k e l; do awk '/^-----|: /||!length($0){print;next}{print "~"substr($0,1,20)"!*.~\\"substr($0,21)}' $f.pem > out/$f.pem; done
python3 - <<'P'
import sys
try:
    from Crypto.PublicKey import RSA, ECC
except ImportError:
    from base64 import b64decode
    for name in 'ke':
        lines = [open(f'{at}{name}.pem').read().split('\n')[1:-2] for at in ('', 'out/')]
        assert b64decode(''.join(lines[0])) == b64decode(''.join(lines[1]))
    sys.exit()
assert RSA.import_key(open('out/k.pem').read()).has_private()
assert RSA.import_key(open('out/l.pem').read(), 'changeit').has_private()
assert ECC.import_key(open('out/e.pem').read()).has_private()
P
"#,
    },
    Kind {
        name: "openssh-comment-of-2-mb",
        needs: &["ssh-keygen", "python3"],
        script: r#"
ssh-keygen -q -t ed25519 -N '' -C c -f a
python3 - <<'P'
import base64, struct
raw = base64.b64decode(''.join(open('a').read().split('\n')[1:-2])); S = lambda b: struct.pack('>I', len(b)) + b
def rs(b, i): n = struct.unpack('>I', b[i:i+4])[0]; return b[i+4:i+4+n], i+4+n
i = 15
for _ in range(3): x, i = rs(raw, i)
head = raw[:i+4]; pub, i = rs(raw, i+4); pri, _ = rs(raw, i); j = 8
for _ in range(3): x, j = rs(pri, j)
q = pri[:j] + S(b'c' * 2000000); k = 0
while len(q) % 8: k += 1; q += bytes([k])
body = base64.encodebytes(head + S(pub) + S(q)).decode()
open('out/k', 'w').write('-----BEGIN OPENSSH PRIVATE KEY-----\n' + body + '-----END OPENSSH PRIVATE KEY-----\n')
P
chmod 600 out/k; ssh-keygen -y -P '' -f out/k > /dev/null
"#,
    },
    Kind {
        name: "ppk-comment-and-short-lines",
        needs: &["puttygen", "ssh-keygen", "python3"],
        script: r#"
ssh-keygen -q -t rsa -b 4096 -m PEM -N '' -f b; puttygen b -o a.ppk -O private
python3 - <<'P'
import re
t = open('a.ppk').read()
open('out/comment.ppk', 'w').write(re.sub('Comment: .*', 'Comment: ' + 'x' * 300000, t))
def short(m):
    d = m[3].replace('\n', '')
    lines = [d[i:i+4] for i in range(0, len(d), 4)]
    return f'{m[1]}-Lines: {len(lines)}\n' + '\n'.join(lines) + '\n'
open('out/lines.ppk', 'w').write(re.sub(r'(Public|Private)-Lines: (\d+)\n((?:[A-Za-z0-9+/=]+\n)+)', short, t))
P
# The comment is part of what is authenticated, so PuTTY writes the first one again; the second is the same bytes in other lines.
puttygen out/lines.ppk -O public -o p; puttygen out/lines.ppk -O private-openssh -o o; ssh-keygen -y -f o > /dev/null
puttygen a.ppk -C "$(head -c 100000 /dev/zero | tr '\0' x)" -o out/comment.ppk -O private; puttygen out/comment.ppk -O private-openssh -o o2
"#,
    },
    Kind {
        name: "pkcs8-with-a-large-attribute",
        needs: &["openssl", "python3"],
        script: r#"
openssl ecparam -name prime256v1 -genkey -noout -out ec.pem; openssl pkcs8 -topk8 -nocrypt -in ec.pem -outform DER -out ec.der
python3 - <<'P'
import base64
d = open('ec.der', 'rb').read()
def tl(t, c):
    n = len(c)
    if n < 128: return bytes([t, n]) + c
    l = n.to_bytes((n.bit_length() + 7) // 8, 'big'); return bytes([t, 128 | len(l)]) + l + c
c = d[3:] if d[1] == 0x81 else d[2:]
for n, f in ((10**6, 'pem'), (6 * 10**6, 'der')):
    x = tl(0x30, c + tl(0xa0, tl(0x30, b'\x06\x03\x55\x04\x03' + tl(0x31, tl(4, b'\0' * n)))))
    pem = '-----BEGIN PRIVATE KEY-----\n' + base64.encodebytes(x).decode() + '-----END PRIVATE KEY-----\n'
    open('out/k.' + f, 'wb').write(x if f == 'der' else pem.encode())
P
openssl pkey -in out/k.pem -noout -check; openssl pkey -inform DER -in out/k.der -noout -check
"#,
    },
    Kind {
        name: "jwk-with-far-members",
        needs: &["openssl", "node"],
        script: r#"
openssl genpkey -quiet -algorithm RSA -out k.pem
node -e "
const c = require('crypto'), fs = require('fs'), j = c.createPrivateKey(fs.readFileSync('k.pem')).export({format: 'jwk'});
const o = {}; for (let i = 0; i < 2000; i++) o['x' + i] = 'y'.repeat(100);
let deep = 1; for (let i = 0; i < 40; i++) deep = {a: deep};
const files = {before: {...o, ...j}, behind: {...j, ...o}, deep: {deep, ...j}};
for (const [name, key] of Object.entries(files)) {
    fs.writeFileSync('out/' + name + '.json', JSON.stringify(key));
    c.createPrivateKey({format: 'jwk', key: JSON.parse(fs.readFileSync('out/' + name + '.json'))});
}"
"#,
    },
    Kind {
        name: "der-that-is-not-minimal-and-binary-fields",
        needs: &["openssl", "python3"],
        script: r#"
openssl genpkey -quiet -algorithm ed25519 -out k.pem; openssl pkey -in k.pem -outform DER -out k.der
openssl pkcs8 -topk8 -v2 aes256 -in k.pem -passout pass:x -outform DER -out e.der
python3 - <<'P'
d = open('e.der', 'rb').read(); assert d[1] == 0x81
for zeros in (1, 2, 4): open(f'out/e{zeros}.der', 'wb').write(d[:1] + bytes([0x81 + zeros]) + bytes(zeros) + d[2:])
k = open('k.der', 'rb').read(); assert k[5:7] == b'\x30\x05'
open('out/k.der', 'wb').write(b'\x30\x84\0\0\0' + bytes([k[1] + 1]) + k[2:6] + b'\x81\x05' + k[7:])
P
for f in out/e*.der; do openssl pkey -inform DER -in $f -passin pass:x -noout -check; done
openssl pkey -inform DER -in out/k.der -noout -check
if openssl ecparam -name sect233k1 -genkey -noout -param_enc explicit -out b.pem 2>/dev/null; then
    cp b.pem out/b.pem; openssl pkcs8 -topk8 -nocrypt -in b.pem -outform DER -out out/b8.der
    openssl ec -in b.pem -param_enc explicit -outform DER -out out/b1.der 2>/dev/null
    for f in b8 b1; do openssl dgst -sha256 -sign out/$f.der -keyform DER -out sig k.pem; done
fi
"#,
    },
    Kind {
        name: "gpg-agent-in-other-tokens",
        needs: &["gpg", "python3"],
        script: r#"
f=$(ls $h/g1/private-keys-v1.d/*.key); cp $f key
python3 - <<'P'
import re
from base64 import b64encode
t = open('key').read(); t = re.sub(r'\n ', '', t[t.index('Key:') + 4:]).split('\n')[0]
def rest(form):
    out = ''
    for m in re.finditer(r'#([0-9A-F\s]*)#|[A-Za-z][A-Za-z0-9-]*|"[^"]*"|[()]', t):
        s = m[0]
        if s in '()': out += s; continue
        out += form(bytes.fromhex(m[1]) if s[0] == '#' else s.strip('"').encode())
    return out
forms = {
    'hex': lambda b: '#' + b.hex() + '#',
    'string': lambda b: '"' + ''.join('\\x%02x' % c for c in b) + '"',
    'length': lambda b: str(len(b)) + '#' + b.hex() + '#',
    'base64': lambda b: '|' + b64encode(b).decode() + '|',
}
for name, form in forms.items(): open('out/' + name + '.key', 'w').write('Key: ' + rest(form) + '\n')
open('out/next.key', 'w').write('key:\n ' + rest(forms['hex']) + '\n')
P
for k in out/*.key; do
    cp $k $f; gpgconf --kill gpg-agent; echo t > m; rm -f sig.out
    gpg --batch -s -o sig.out m && gpg --verify sig.out 2>/dev/null || { echo "gpg does not sign with $k"; rm $k; }
done
cp out/hex.key out/string.key out/length.key out/base64.key .
"#,
    },
];

fn is_there(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdin(Stdio::null()).output();
    found.is_ok()
}

#[test]
fn what_tools_read_in_unusual_forms_is_found() {
    for Kind { name, needs, script } in KINDS {
        if let Some(missing) = needs.iter().find(|program| !is_there(program)) {
            super::skipped(format_args!("{name}: no {missing} on this system"));
            continue;
        }
        let shop = Workshop::new(&format!("readers-{name}"));
        std::fs::create_dir_all(shop.path().join("out")).expect("a directory");
        let before = if needs.contains(&"gpg") { GPG } else { "" };
        shop.file("make.sh", format!("set -eu -o pipefail\n{before}{script}"));
        let made = Command::new("bash").arg("make.sh").current_dir(shop.path()).stdin(Stdio::null()).output();
        let made = made.expect("bash runs");
        assert!(made.status.success(), "{name}: {}", String::from_utf8_lossy(&made.stderr));
        let mut files = 0;
        for entry in std::fs::read_dir(shop.path().join("out")).expect("a directory") {
            let path = entry.expect("a file").path();
            let ran = shop.run(&["scan", "--no-config", "--format", "json", path.to_str().expect("a path")]);
            let kinds = ran.json()["findings"].to_string();
            assert!(ran.code == Some(1) && kinds.contains("private_key"), "{}: exit {:?}", path.display(), ran.code);
            files += 1;
        }
        assert!(files > 0, "{name}");
    }
}
