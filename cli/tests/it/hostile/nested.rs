//! Nested hiding places: each is a function from bytes to bytes, and every pair of them is put around a separate key.
//! The key has to be found, or its file reported as not read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::boxes::{ZipMember, armor, der, gzip, tar, zip};
use crate::git::handmade::{crc32, stored};
use crate::workshop::{Workshop, base64};

/// A hiding place.
struct Kind {
    name: &'static str,
    wrap: fn(&[u8]) -> Vec<u8>,
    /// Whether it only hides data inside something else: a mark in the user's own file is legitimate.
    inside: bool,
}

const fn kind(name: &'static str, wrap: fn(&[u8]) -> Vec<u8>) -> Kind {
    Kind { name, wrap, inside: false }
}

const KINDS: &[Kind] = &[
    kind("itself", <[u8]>::to_vec),
    kind("pem", |bytes| armor("PRIVATE KEY", bytes)),
    kind("certificate-then", |bytes| armor("CERTIFICATE", &[&certificate(b"")[..], bytes].concat())),
    kind("certificate-der-then", |bytes| [&certificate(b"")[..], bytes].concat()),
    kind("certificate-extension", |bytes| armor("CERTIFICATE", &certificate(bytes))),
    kind("certificate-extension-der", certificate),
    kind("public-key-then", |bytes| armor("PUBLIC KEY", &[&public()[..], bytes].concat())),
    kind("known-key-then", |bytes| armor("PRIVATE KEY", &[&known()[..], bytes].concat())),
    kind("known-key-attribute", |bytes| armor("PRIVATE KEY", &with_attribute(bytes))),
    kind("known-key-attribute-der", with_attribute),
    kind("known-key-before", |bytes| [&armor("PRIVATE KEY", &known())[..], bytes].concat()),
    kind("openssh-comment", |bytes| armor("OPENSSH PRIVATE KEY", &openssh(bytes, b""))),
    kind("openssh-after-padding", |bytes| armor("OPENSSH PRIVATE KEY", &openssh(b"x", bytes))),
    kind("jwk-member", jwk),
    kind("yaml-base64", |bytes| format!("data:\n  a: {}\n", base64(bytes)).into_bytes()),
    kind("json-string", json),
    kind("kubernetes", |bytes| {
        format!("apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\ndata:\n  tls.key: {}\n", base64(bytes))
            .into_bytes()
    }),
    kind("zip", |bytes| zip(&[ZipMember::new(b"a", bytes)])),
    kind("zip-directory-says-nothing", |bytes| {
        zip(&[ZipMember { size_in_directory: Some(0), ..ZipMember::new(b"a", bytes) }])
    }),
    kind("zip-comment", |bytes| {
        let mut out = zip(&[ZipMember::new(b"a", &b"nothing"[..])]);
        let length = out.len();
        out[length - 2..].copy_from_slice(&(bytes.len() as u16).to_le_bytes());
        [&out[..], bytes].concat()
    }),
    kind("zip-after", |bytes| [&zip(&[ZipMember::new(b"a", &b"nothing"[..])])[..], bytes].concat()),
    kind("gzip", gzip),
    kind("gzip-comment", |bytes| {
        let plain = gzip(b"nothing");
        // A comment ends at its first zero: bytes with zeros go in an extra field.
        if bytes.contains(&0) {
            return [&b"\x1f\x8b\x08\x04"[..], &plain[4..10], &(bytes.len() as u16).to_le_bytes(), bytes, &plain[10..]]
                .concat();
        }
        [&b"\x1f\x8b\x08\x10"[..], &plain[4..10], bytes, b"\0", &plain[10..]].concat()
    }),
    kind("gzip-after", |bytes| [&gzip(b"nothing")[..], bytes].concat()),
    kind("tar", |bytes| tar(&[(b"a", bytes)])),
    kind("tar-in-slack", |bytes| {
        let mut out = tar(&[(b"a", bytes)]);
        // The member has a size of zero; its content is where the next header is expected.
        out[124..135].copy_from_slice(b"00000000000");
        let sum: u32 = (0..512).map(|at| if (148..156).contains(&at) { 32 } else { u32::from(out[at]) }).sum();
        out[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out
    }),
    kind("zstd-skippable", |bytes| {
        let empty = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x00, 0x01, 0x00, 0x00];
        [&[0x50, 0x2a, 0x4d, 0x18][..], &(bytes.len() as u32).to_le_bytes(), bytes, &empty].concat()
    }),
    kind("ar", |bytes| {
        let head = format!("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", "a/", 0, 0, 0, "100644", bytes.len());
        [b"!<arch>\n", head.as_bytes(), bytes, &b"\n"[..bytes.len() % 2]].concat()
    }),
    kind("lfs-pointer-before", |bytes| {
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:";
        [format!("{pointer}{}\nsize 12345\n", "0123456789abcdef".repeat(4)).as_bytes(), bytes].concat()
    }),
    Kind {
        name: "inline-mark",
        wrap: |bytes| [b"# keyradius:allow reason=\"mine\"\n", bytes, b" keyradius:allow reason=\"mine\"\n"].concat(),
        inside: true,
    },
    kind("png-chunk", |bytes| {
        let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
        for (name, content) in
            [(&b"IHDR"[..], &[0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0][..]), (b"teXt", bytes), (b"IEND", b"")]
        {
            out.extend((content.len() as u32).to_be_bytes());
            out.extend_from_slice(name);
            out.extend_from_slice(content);
            out.extend(crc32(&[name, content].concat()).to_be_bytes());
        }
        out
    }),
    kind("zeros-before", |bytes| [&[0; 70_000][..], bytes].concat()),
    kind("words-before", |bytes| [&b"lorem ipsum dolor sit amet\n".repeat(4000)[..], bytes].concat()),
    kind("octet-string", |bytes| der(0x30, &[der(2, &[1]), der(4, bytes)].concat())),
    kind("loose-object", |bytes| stored(&[format!("blob {}\0", bytes.len()).as_bytes(), bytes].concat())),
];

/// Paths for such a file; `*` stands for its number.
const PLACES: &[&str] =
    &["*", "objects/pack/*.keep", "objects/pack/*.idx", "objects/pack/multi-pack-index-*", "x.git/objects/*.bitmap"];

/// The published seed of the first key of RFC 8032 7.1, and its public half.
const KNOWN: [&str; 2] = ["9d61b19deffd5a60ba844af492ec2cc4", "4449c5697b326919703bac031cae7f60"];
const KNOWN_PUBLIC: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

fn unhex(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("hex"), 16).expect("hex"))
        .collect()
}

/// Version, algorithm and key of an Ed25519 key in PKCS#8 (RFC 8410 7).
fn pkcs8(seed: &[u8]) -> Vec<u8> {
    [der(2, &[0]), der(0x30, &der(6, &[0x2b, 0x65, 0x70])), der(4, &der(4, seed))].concat()
}

fn known() -> Vec<u8> {
    der(0x30, &pkcs8(&unhex(&KNOWN.concat())))
}

fn with_attribute(bytes: &[u8]) -> Vec<u8> {
    let attribute = der(0x30, &[der(6, &[0x2a, 3, 4]), der(0x31, &der(4, bytes))].concat());
    der(0x30, &[pkcs8(&unhex(&KNOWN.concat())), der(0xa0, &attribute)].concat())
}

fn public() -> Vec<u8> {
    let algorithm = der(0x30, &der(6, &[0x2b, 0x65, 0x70]));
    der(0x30, &[algorithm, der(3, &[&[0][..], &unhex(KNOWN_PUBLIC)].concat())].concat())
}

/// A certificate with a made-up signature, with an extension that contains these bytes (RFC 5280 4.1).
fn certificate(extension: &[u8]) -> Vec<u8> {
    let algorithm = der(0x30, &der(6, &[0x2b, 0x65, 0x70]));
    let name = der(0x30, &der(0x31, &der(0x30, &[der(6, &[0x55, 4, 3]), der(0x0c, b"nobody")].concat())));
    let validity = der(0x30, &[der(0x17, b"250101000000Z"), der(0x17, b"350101000000Z")].concat());
    let extensions = if extension.is_empty() {
        Vec::new()
    } else {
        let one = der(0x30, &[der(6, &[0x2a, 3, 4, 5]), der(4, &der(4, extension))].concat());
        der(0xa3, &der(0x30, &one))
    };
    let version = der(0xa0, &der(2, &[2]));
    let body = [version, der(2, &[7]), algorithm.clone(), name.clone(), validity, name, public(), extensions].concat();
    der(0x30, &[der(0x30, &body), algorithm, der(3, &[0; 65])].concat())
}

/// The known key in OpenSSH format (PROTOCOL.key), with a comment, and something after the padding.
fn openssh(comment: &[u8], after: &[u8]) -> Vec<u8> {
    let string = |bytes: &[u8]| [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat();
    let public = [string(b"ssh-ed25519"), string(&unhex(KNOWN_PUBLIC))].concat();
    let secret = unhex(&(KNOWN.concat() + KNOWN_PUBLIC));
    let mut private = [&[1, 2, 3, 4, 1, 2, 3, 4][..], &public, &string(&secret), &string(comment)].concat();
    let mut pad = 0;
    while private.len() % 8 > 0 {
        pad += 1;
        private.push(pad);
    }
    let head =
        [&b"openssh-key-v1\0"[..], &string(b"none"), &string(b"none"), &string(b""), &1_u32.to_be_bytes()].concat();
    [head, string(&public), string(&private), after.to_vec()].concat()
}

fn jwk(bytes: &[u8]) -> Vec<u8> {
    let url = |bytes: &[u8]| base64(bytes).replace('+', "-").replace('/', "_").replace('=', "");
    let (d, x) = (url(&unhex(&KNOWN.concat())), url(&unhex(KNOWN_PUBLIC)));
    format!("{{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"{d}\",\"x\":\"{x}\",\"note\":\"{}\"}}\n", base64(bytes))
        .into_bytes()
}

/// A JSON string if the bytes are text, otherwise their base64.
fn json(bytes: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
    let text = text.map_or_else(|| base64(bytes), str::to_owned);
    format!("{{\"a\": {}}}\n", serde_json::to_string(&text).expect("JSON")).into_bytes()
}

/// A new Ed25519 key, DER.
fn fresh(number: usize) -> Vec<u8> {
    let seed: Vec<u8> = (0..32u32)
        .map(|at| ((number as u32 + 17).wrapping_mul(2_654_435_761 + at * 40_503) >> (at % 24)) as u8)
        .collect();
    der(0x30, &pkcs8(&seed))
}

/// From a report: the paths with a key other than the published one, and the gaps by path.
fn told(report: &Value) -> (BTreeSet<String>, BTreeMap<String, String>) {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut found = BTreeSet::new();
    for finding in list(&report["findings"]).iter().filter(|finding| finding["known"].is_null()) {
        found
            .extend(list(&finding["occurrences"]).iter().filter_map(|place| place["path"].as_str().map(str::to_owned)));
    }
    let gaps = list(&report["coverage"]["gaps"]);
    let gaps = gaps.iter().filter(|gap| gap["deliberate"] == false);
    let gaps =
        gaps.map(|gap| (gap["path"].as_str().unwrap_or_default().to_owned(), gap["reason"].to_string())).collect();
    (found, gaps)
}

/// Pairs that still hide a key without a gap. This list may only shrink.
const NOT_YET: &str = include_str!("nested.txt");

#[test]
fn no_two_hiding_places_hide_a_key() {
    let shop = Workshop::new("nested");
    let mut names = BTreeMap::new();
    let mut number = 0;
    for outer in KINDS.iter().filter(|kind| !kind.inside) {
        for inner in KINDS {
            // A mark in the user's own file is legitimate.
            if inner.inside && !["zip", "tar", "gzip", "ar"].contains(&outer.name) {
                continue;
            }
            for pem in [false, true] {
                number += 1;
                let key = fresh(number);
                let key = if pem { armor("PRIVATE KEY", &key) } else { key };
                let place = PLACES[if pem { number / 2 % PLACES.len() } else { 0 }];
                let path = format!("tree/{}", place.replace('*', &format!("{number}")));
                shop.file(&path, (outer.wrap)(&(inner.wrap)(&key)));
                names.insert(
                    path.clone(),
                    format!("{} in {}, {} at {path}", inner.name, outer.name, if pem { "PEM" } else { "DER" }),
                );
            }
        }
    }
    let ran = shop.run(&["scan", "--format", "json", "tree"]);
    let (found, gaps) = told(&ran.json());
    let hidden: BTreeSet<&str> = names
        .iter()
        .filter(|(path, _)| !found.contains(*path) && !gaps.contains_key(*path))
        .filter_map(|(_, name)| name.split(" at ").next())
        .collect();
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/hostile/nested.txt");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let head = NOT_YET.lines().take_while(|line| line.starts_with('#'));
        let lines: String = head.chain(hidden.iter().copied()).flat_map(|line| [line, "\n"]).collect();
        std::fs::write(list, lines).expect("the list is written");
        return;
    }
    let not_yet: BTreeSet<&str> = NOT_YET.lines().filter(|line| !line.starts_with('#')).collect();
    let new: Vec<_> = hidden.difference(&not_yet).collect();
    assert!(new.is_empty(), "hidden, and not in nested.txt: {new:#?}");
    let fixed: Vec<_> = not_yet.difference(&hidden).collect();
    assert!(fixed.is_empty(), "found now: take them out of nested.txt: {fixed:#?}");
    let unread = names.keys().filter(|path| !found.contains(*path)).count();
    assert!(unread * 5 < names.len(), "{unread} of {}: {gaps:?}", names.len());
}
