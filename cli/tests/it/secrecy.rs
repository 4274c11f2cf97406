//! No secret byte is printed: each kind of private key has a marker as its secret. The marker must not appear in any
//! format, at any verbosity, in any encoding.
//!
//! The keys are made up around the marker, so most of them fail their arithmetic: that path has to be as safe as the
//! other, and reports more.

use super::workshop::{Workshop, base64};

/// 32 bytes that nothing else writes.
const MARKER: &[u8; 32] = b"k3yr4d1us-PLANTED-m4rker-0123#%!";

fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = content.len();
    let head = match length {
        0..0x80 => vec![tag, length as u8],
        0x80..0x100 => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    [head, content].concat()
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", base64(der))
}

/// An odd number of `bytes` bytes that does not contain the marker.
fn odd(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|i| (i as u8).wrapping_mul(151) | 1 | u8::from(i == 0) << 6).collect()
}

/// PKCS#1 whose private numbers repeat the marker.
fn rsa() -> Vec<u8> {
    let secret = [&[1_u8][..], &MARKER.repeat(4)].concat();
    let number = |bytes: &[u8]| tlv(0x02, &[bytes]);
    let version_and_public = [number(&[0]), number(&[&[0][..], &odd(128)].concat()), number(&[1, 0, 1])].concat();
    let private = number(&secret).repeat(6);
    tlv(0x30, &[&version_and_public, &private])
}

fn dsa() -> Vec<u8> {
    let number = |bytes: &[u8]| tlv(0x02, &[bytes]);
    let (p, q) = ([&[0][..], &odd(128)].concat(), [&[0][..], &[0xf1; 32]].concat());
    tlv(0x30, &[&number(&[0]), &number(&p), &number(&q), &number(&[2]), &number(&[3; 100]), &number(MARKER)])
}

fn p256() -> Vec<u8> {
    let curve = tlv(0xa0, &[&tlv(0x06, &[&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]])]);
    tlv(0x30, &[&tlv(0x02, &[&[1]]), &tlv(0x04, &[MARKER]), &curve])
}

fn pkcs8_ed25519() -> Vec<u8> {
    let algorithm = [0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70];
    tlv(0x30, &[&tlv(0x02, &[&[0]]), &algorithm, &tlv(0x04, &[&tlv(0x04, &[MARKER])])])
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat()
}

fn openssh() -> Vec<u8> {
    let public = [string(b"ssh-ed25519"), string(&[7; 32])].concat();
    let secret = string(&[&MARKER[..], &[7; 32]].concat());
    let mut private = [&[1, 2, 3, 4, 1, 2, 3, 4][..], &public, &secret, &string(b"me@here")].concat();
    private.extend((1..).take((8 - private.len() % 8) % 8));
    let head = [&b"openssh-key-v1\0"[..], &string(b"none"), &string(b"none"), &string(b""), &[0, 0, 0, 1]].concat();
    [head, string(&public), string(&private)].concat()
}

fn putty() -> String {
    let public = base64(&[string(b"ssh-ed25519"), string(&[7; 32])].concat());
    let (first, second) = public.split_at(64.min(public.len()));
    let private = base64(&string(MARKER));
    format!(
        "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: c\nPublic-Lines: 2\n{first}\n{second}\n\
         Private-Lines: 1\n{private}\nPrivate-MAC: {}\n",
        "0".repeat(64)
    )
}

/// A PFX without MAC with the unencrypted Ed25519 key.
fn pkcs12() -> Vec<u8> {
    let data = tlv(0x06, &[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01]]);
    let key_bag = tlv(0x06, &[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01, 0x01]]);
    let info = |octets: &[u8]| tlv(0x30, &[&data, &tlv(0xa0, &[&tlv(0x04, &[octets])])]);
    let safe = tlv(0x30, &[&tlv(0x30, &[&key_bag, &tlv(0xa0, &[&pkcs8_ed25519()])])]);
    tlv(0x30, &[&tlv(0x02, &[&[3]]), &info(&tlv(0x30, &[&info(&safe)]))])
}

/// An OpenPGP v4 packet with an EdDSA key whose seed is the marker.
fn openpgp() -> Vec<u8> {
    let oid = [0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01];
    let secret = [&[0x00, 0xff][..], MARKER].concat();
    let sum = secret.iter().fold(0_u16, |sum, &b| sum.wrapping_add(u16::from(b)));
    let public = [&[4, 0x60, 0, 0, 0, 22, 9][..], &oid, &[0x01, 0x07, 0x40], &[7; 32]].concat();
    let body = [&public[..], &[0], &secret, &sum.to_be_bytes()].concat();
    [&[0x94, body.len() as u8][..], &body].concat()
}

/// Every encoding of the marker, and of eight bytes of it.
fn spellings() -> Vec<String> {
    let mut all = Vec::new();
    for part in [&MARKER[..8], &MARKER[12..20], &MARKER[24..]] {
        let reversed: Vec<u8> = part.iter().rev().copied().collect();
        for bytes in [part, &reversed] {
            all.push(String::from_utf8_lossy(bytes).into_owned());
            let join = |f: &dyn Fn(&u8) -> String, by: &str| bytes.iter().map(f).collect::<Vec<_>>().join(by);
            for by in ["", ":", " ", ", "] {
                all.push(join(&|b| format!("{b:02x}"), by));
                all.push(join(&|b| format!("{b:02X}"), by));
            }
            all.push(join(&|b| b.to_string(), ", "));
            all.push(join(&|b| b.to_string(), ","));
            for before in 0..3 {
                let coded = base64(&[&vec![0; before], bytes, &[0; 3]].concat());
                all.push(coded[4..12].to_owned());
                all.push(coded[4..12].replace('+', "-").replace('/', "_"));
            }
        }
    }
    all
}

#[test]
fn no_format_shows_a_secret() {
    let shop = Workshop::new("secrecy");
    shop.file("rsa.pem", pem("RSA PRIVATE KEY", &rsa()))
        .file("rsa.der", rsa())
        .file("dsa.pem", pem("DSA PRIVATE KEY", &dsa()))
        .file("ec.pem", pem("EC PRIVATE KEY", &p256()))
        .file("ed.pem", pem("PRIVATE KEY", &pkcs8_ed25519()))
        .file("ed.der", pkcs8_ed25519())
        .file("ed.b64", base64(&pkcs8_ed25519()))
        .file("twice.b64", base64(pem("PRIVATE KEY", &pkcs8_ed25519()).as_bytes()))
        .file(
            "one-line.env",
            pem("PRIVATE KEY", &pkcs8_ed25519()).replace('\n', "\\n") + " # keyradius:allow reason=\"x\"",
        )
        .file(
            "marked.env",
            format!(
                "K=\"{}\" # keyradius:allow {}",
                pem("EC PRIVATE KEY", &p256()).replace('\n', "\\n"),
                base64(MARKER)
            ),
        )
        .file("id", pem("OPENSSH PRIVATE KEY", &openssh()))
        .file("id.raw", openssh())
        .file("id.ppk", putty())
        .file("k.p12", pkcs12())
        .file("k.pgp", openpgp())
        .file("cut.pem", pem("RSA PRIVATE KEY", &rsa()).get(..300).expect("long enough"))
        .file("key.properties", format!("storePassword={}\n", String::from_utf8_lossy(MARKER)));
    let spellings = spellings();
    let mut formats_found = std::collections::BTreeSet::new();
    for format in ["human", "json", "jsonl", "sarif", "facts"] {
        for extra in [&[][..], &["-v", "-v", "--show-public", "--show-skipped", "--color", "always"]] {
            let ran = shop.run(&[&["scan", ".", "--format", format][..], extra].concat());
            assert_eq!(ran.code, Some(i32::from(format != "facts")), "{ran:?}");
            for spelling in &spellings {
                assert!(!ran.stdout.contains(spelling.as_str()), "{format} {extra:?} shows {spelling}");
                assert!(!ran.stderr.contains(spelling.as_str()), "{format} {extra:?} says {spelling}");
            }
            if format == "json" {
                for finding in ran.json()["findings"].as_array().expect("findings") {
                    for place in finding["occurrences"].as_array().expect("occurrences") {
                        formats_found.insert(place["format"].as_str().expect("a format").to_owned());
                    }
                }
            }
        }
    }
    let expected = ["dsa", "openpgp", "openssh", "pkcs1", "pkcs12", "pkcs8", "putty", "sec1"];
    assert_eq!(formats_found.iter().map(String::as_str).collect::<Vec<_>>(), expected, "a kind of key was not found");
}

/// A key pasted where a name belongs: what is wrong is said without it.
#[test]
fn no_error_shows_a_key() {
    let shop = Workshop::new("secrecy-errors");
    let body = base64(&[&MARKER[..], &odd(16)].concat());
    let block = pem("PRIVATE KEY", &[&MARKER[..], &odd(80)].concat());
    let quote = "'''";
    for (number, config) in [
        format!("[[allow]]\nkey = {quote}{block}{quote}\nreason = \"x\"\n"),
        format!("[[allow]]\nkey = \"{body}\"\nreason = \"x\"\n"),
        format!("[[allow]]\nfinding = {quote}{block}{quote}\nreason = \"x\"\n"),
        format!("[[allow]]\npath = {quote}[{block}{quote}\nreason = \"x\"\n"),
        format!("\"{body}\" = 3\n"),
        format!("[scan]\njobs = {quote}{block}{quote}\n"),
        format!("[scan]\nfail_on = \"{body}\"\n"),
        format!("[[secret]]\nid = {quote}{block}{quote}\nregex = \"a\"\n"),
        format!("[[secret]]\nid = \"x\"\nregex = {quote}({block}{quote}\n"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("{number}.toml");
        shop.file(&name, &config);
        hidden(&shop.run(&["scan", "--config", &name, "."]), &body, &config);
    }
    shop.file("known.tsv", format!("class\tlabel\n{body}\tx\n"));
    hidden(&shop.run(&["scan", "--known-keys", "known.tsv", "."]), &body, "a class");
    hidden(&shop.run(&["scan", "--fail-on", &body, "."]), &body, "an option");
    hidden(&shop.run(&["scan", ".", &block]), &body, "an argument");
    hidden(&shop.run(&["--", &block]), &body, "no command");
}

fn hidden(ran: &super::workshop::Ran, body: &str, what: &str) {
    let told = format!("{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.code, Some(2), "{what}");
    // The first and the last line of a block have other bytes of the same start.
    assert!(!told.contains(&body[..40]) && !told.contains(&body[4..44]), "{what}\n{told}");
}
