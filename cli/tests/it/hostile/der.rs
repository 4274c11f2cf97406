//! Encodings of keys that no writer produces but OpenSSL accepts: a file that `openssl pkey` reads as the same key is
//! found.

use std::path::Path;
use std::process::Command;

use crate::workshop::{Workshop, base64};

/// A BER value: its tag, and its content or its children.
#[derive(Clone)]
enum Node {
    Leaf(u8, Vec<u8>),
    Inner(u8, Vec<Node>),
    /// An OCTET STRING that contains a value.
    Wrapped(Box<Node>),
}

/// Parses DER as written by OpenSSL.
fn read(mut der: &[u8], open: bool) -> Vec<Node> {
    let mut nodes = Vec::new();
    while let [tag, first, rest @ ..] = der {
        let octets = if first & 0x80 == 0 { 0 } else { usize::from(first & 0x7f) };
        let long = rest[..octets].iter().fold(0, |length, octet| length << 8 | usize::from(*octet));
        let length = if octets == 0 { usize::from(*first) } else { long };
        let (content, behind) = rest[octets..].split_at(length);
        nodes.push(match tag {
            0x04 if open && content.len() > 2 && [0x30, 0x04, 0x02].contains(&content[0]) => {
                Node::Wrapped(Box::new(read(content, false).remove(0)))
            }
            tag if tag & 0x20 != 0 => Node::Inner(*tag, read(content, open)),
            tag => Node::Leaf(*tag, content.to_vec()),
        });
        der = behind;
    }
    nodes
}

fn length(length: usize, octets: usize) -> Vec<u8> {
    if octets == 0 && length < 0x80 {
        return vec![length as u8];
    }
    let digits = length.to_be_bytes();
    let from = digits.iter().position(|digit| *digit != 0).unwrap_or(7).min(8 - octets);
    [&[0x80 | (8 - from) as u8], &digits[from..]].concat()
}

fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag][..], &length(content.len(), 0), content].concat()
}

/// The changes to one value.
const CHANGES: &[&str] = &[
    "indefinite",
    "long",
    "segments",
    "sized segments",
    "zero in front",
    "forty zeros in front",
    "more",
    "more of a context",
    "empty",
    "zero",
    "one",
    "two",
    "five",
    "negative",
    "other bit",
    "without its first",
    "twice",
    "followed",
];

/// Encodes it again, with a change in the value whose number comes up.
fn write(node: &Node, left: &mut usize, change: &str) -> Vec<u8> {
    let here = *left == 0;
    *left = left.wrapping_sub(1);
    let (tag, mut content) = match node {
        Node::Leaf(tag, content) => (*tag, content.clone()),
        Node::Inner(tag, nodes) => (*tag, nodes.iter().flat_map(|node| write(node, left, change)).collect()),
        Node::Wrapped(node) => (0x04, write(node, left, change)),
    };
    if !here {
        return value(tag, &content);
    }
    let segments = |content: &[u8]| -> Vec<u8> {
        let (count, octets) = if tag == 0x03 { content.split_at(1) } else { content.split_at(0) };
        let (first, last) = octets.split_at(octets.len() / 2);
        [first, last].iter().flat_map(|part| value(tag, &[count, part].concat())).collect()
    };
    match change {
        "indefinite" => return [&[tag, 0x80], &content[..], &[0, 0]].concat(),
        "long" => return [&[tag][..], &length(content.len(), 4), &content].concat(),
        "segments" if tag & 0x20 == 0 && !content.is_empty() => {
            return [&[tag | 0x20, 0x80], &segments(&content)[..], &[0, 0]].concat();
        }
        "sized segments" if tag & 0x20 == 0 && !content.is_empty() => return value(tag | 0x20, &segments(&content)),
        "twice" => return [value(tag, &content), value(tag, &content)].concat(),
        "followed" => return [value(tag, &content), value(0x02, &[1])].concat(),
        "zero in front" => content.insert(0, 0),
        "forty zeros in front" => drop(content.splice(..0, [0; 40])),
        "more" => content.extend([0x02, 1, 0]),
        "more of a context" => content.extend([0xa0, 0]),
        "empty" => content.clear(),
        "zero" => content = vec![0],
        "one" => content = vec![1],
        "two" => content = vec![2],
        "five" => content = vec![5],
        "negative" => content = vec![0xff],
        "other bit" => content.iter_mut().last().into_iter().for_each(|octet| *octet ^= 2),
        "without its first" => drop(content.drain(..content.len().min(1))),
        _ => {}
    }
    value(tag, &content)
}

fn openssl(folder: &Path, args: &str) -> Option<Vec<u8>> {
    let output = Command::new("openssl").args(args.split(' ')).current_dir(folder).output().ok()?;
    output.status.success().then_some(output.stdout)
}

/// Whether OpenSSL's signature with this file verifies with the key: OpenSSL also prints the public half of a key
/// without a private one.
fn signs(folder: &Path, name: &str) -> bool {
    let run = |args: &[&str]| Command::new("openssl").args(args).current_dir(folder).output().expect("openssl runs");
    let files = ["-rawin", "-in", "KEY", "-sigfile", "signature"];
    run(&["pkeyutl", "-sign", "-inkey", name, "-rawin", "-in", "KEY", "-out", "signature"]).status.success()
        && run(&[&["pkeyutl", "-verify", "-inkey", "KEY"][..], &files].concat()).status.success()
}

/// The label, and OpenSSL's arguments to make and to write the key.
const KEYS: &[(&str, &str, &str)] = &[
    (
        "RSA PRIVATE KEY",
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out KEY",
        "pkey -in KEY -traditional -outform DER",
    ),
    ("PRIVATE KEY", "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out KEY", "pkey -in KEY -outform DER"),
    ("EC PRIVATE KEY", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out KEY", "ec -in KEY -outform DER"),
    (
        "PRIVATE KEY",
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out KEY",
        "pkcs8 -topk8 -nocrypt -in KEY -outform DER",
    ),
    ("PRIVATE KEY", "genpkey -algorithm ed25519 -out KEY", "pkcs8 -topk8 -nocrypt -in KEY -outform DER"),
    ("DSA PRIVATE KEY", "genpkey -paramfile PARAMETERS -out KEY", "pkey -in KEY -traditional -outform DER"),
    ("PRIVATE KEY", "genpkey -paramfile PARAMETERS -out KEY", "pkcs8 -topk8 -nocrypt -in KEY -outform DER"),
];

#[test]
fn what_openssl_reads_is_found_however_it_is_encoded() {
    let shop = Workshop::new("hostile-der");
    let parameters = "genpkey -genparam -algorithm DSA -pkeyopt dsa_paramgen_bits:1024 -out PARAMETERS";
    if openssl(shop.path(), parameters).is_none() {
        return super::skipped("no openssl: nobody says which encodings of a key it reads");
    }
    let (mut read_by_openssl, mut missed) = (0, Vec::new());
    for (number, (label, make, write_out)) in KEYS.iter().enumerate() {
        let run = |args: &str| openssl(shop.path(), args).unwrap_or_else(|| panic!("openssl {args}"));
        run(make);
        // `ec` prints messages on standard error.
        let der = run(write_out);
        let public = run("pkey -in KEY -pubout -outform DER");
        let tree = read(&der, *label == "PRIVATE KEY").remove(0);
        let folder = format!("keys-{number}");
        let mut names = Vec::new();
        for change in CHANGES {
            for place in 0.. {
                let mut left = place;
                let changed = write(&tree, &mut left, change);
                // The tree has fewer values than this number.
                if left < usize::MAX / 2 {
                    break;
                }
                if changed == der && place > 0 {
                    continue;
                }
                let name = format!("{folder}/{place} {change}");
                let body = base64(&changed);
                let lines: Vec<&str> =
                    (0..body.len()).step_by(64).map(|at| &body[at..body.len().min(at + 64)]).collect();
                shop.file(&name, format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n")));
                names.push(name);
            }
        }
        let report = shop.run(&["scan", "--format", "json", &folder]).json();
        let found = report["findings"].to_string();
        for name in names {
            let args = ["pkey", "-in", &name, "-pubout", "-outform", "DER"];
            let output = Command::new("openssl").args(args).current_dir(shop.path()).output().expect("openssl runs");
            if output.status.success() && output.stdout == public {
                read_by_openssl += 1;
                if !found.contains(&format!("\"{name}\"")) && signs(shop.path(), &name) {
                    missed.push(name);
                }
            }
        }
    }
    assert!(read_by_openssl > 200, "{read_by_openssl} encodings are read by openssl: the changes do nothing");
    assert!(
        missed.is_empty(),
        "of {read_by_openssl} encodings that openssl reads {} are missed: {missed:#?}",
        missed.len()
    );
}

/// A PEM block of these bytes.
fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", base64(der))
}

/// A block whose label names a key, with content that cannot be read, is reported as not read. Content that cannot be a
/// key is an example in a page.
#[test]
fn what_calls_itself_a_key_and_is_not_understood_is_said() {
    let octets = |length: usize| value(0x04, &(0..length).map(|n| (n * 37 % 251) as u8).collect::<Vec<_>>());
    let seal = |parts: &[Vec<u8>]| value(0x30, &parts.concat());
    // An unassigned arc: 1.2.3.4.5.
    let nobody = seal(&[value(0x06, &[0x2a, 3, 4, 5])]);
    let unknown = "private key with an unknown algorithm";
    let whole = seal(&[value(0x02, &[0]), nobody.clone(), octets(32)]);
    for (name, text, said) in [
        ("algorithm", pem("PRIVATE KEY", &whole), Some(unknown)),
        ("in JSON", format!("{{\"key\": \"{}\"}}", pem("PRIVATE KEY", &whole).replace('\n', "\\n")), Some(unknown)),
        (
            "encryption",
            pem("ENCRYPTED PRIVATE KEY", &seal(&[nobody, octets(64)])),
            Some("encrypted with an unknown method"),
        ),
        ("numbers", pem("RSA PRIVATE KEY", &seal(&[value(0x02, &[0]), octets(40)])), Some("parts do not form a key")),
        ("cut", pem("PRIVATE KEY", &whole[..whole.len() - 9]), None),
        ("words", "-----BEGIN PRIVATE KEY-----\nyour key here\n-----END PRIVATE KEY-----\n".to_owned(), None),
        ("another structure", pem("PRIVATE KEY", &seal(&[value(0x06, &[0x2a, 3]), octets(20)])), None),
    ] {
        let shop = Workshop::new(&format!("hostile-not-understood-{}", name.replace(' ', "-")));
        let ran = shop.file("a.txt", text).run(&["scan", "--format", "json", "a.txt"]);
        let gaps = ran.json()["coverage"]["gaps"].to_string();
        assert_eq!(
            (ran.code, said.is_some_and(|said| gaps.contains(said))),
            (Some(if said.is_some() { 3 } else { 0 }), said.is_some()),
            "{name}: {ran:?}"
        );
    }
}
