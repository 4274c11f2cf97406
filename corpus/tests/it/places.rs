//! Encodings that no literal betrays, beside other findings: what was found near one, or at the same place in another
//! notation, hides nothing in it. And two readers of one run do not double the work with every layer.

#![allow(clippy::indexing_slicing, reason = "a test that indexes wrong fails")]

use std::collections::BTreeSet;
use std::fmt::Write;

use keyradius_core::budget::Limits;
use keyradius_core::material::{Identity, Kind};
use keyradius_corpus::{cases_dir, expect};

use crate::covering::plant;

/// How many bytes of text are between the two keys.
const APART: [usize; 4] = [0, 20, 300, 3000];

/// A way of writing bytes.
type Notation = fn(&[u8]) -> String;

fn base32(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits: Vec<u8> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let value = |five: &[u8]| (0..5).fold(0, |value, at| value << 1 | five.get(at).copied().unwrap_or(0));
    bits.chunks(5).map(|five| char::from(DIGITS[usize::from(value(five))])).collect()
}

/// Decimal numbers, eight on a line.
fn numbers(bytes: &[u8]) -> String {
    let row = |row: &[u8]| row.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
    bytes.chunks(8).map(row).collect::<Vec<_>>().join(",\n")
}

/// As `od -A o -t x4` on a little-endian machine prints it.
fn words(bytes: &[u8]) -> String {
    let mut out = String::new();
    for (row, line) in bytes.chunks(16).enumerate() {
        write!(out, "{:07o}", 16 * row).expect("a string");
        for word in line.chunks(4) {
            let word = word.iter().rev().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
            write!(out, " {word:08x}").expect("a string");
        }
        out.push('\n');
    }
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").expect("a string");
        out
    })
}

/// How many different private keys are found in a text.
fn keys(text: &str) -> usize {
    read("a.txt", text.as_bytes()).0.len()
}

#[test]
fn a_finding_hides_no_encoding_beside_it() {
    let (one, other) = (plant::pem(&plant::key(1)), plant::pem(&plant::key(2)));
    let notations: [(&str, Notation); 3] = [("base32", base32), ("numbers", numbers), ("words", words)];
    for (name, notation) in notations {
        let encoded = notation(one.as_bytes());
        assert_eq!(keys(&encoded), 1, "{name} alone");
        for apart in APART {
            let text = "a word of text\n".repeat(apart.div_ceil(15));
            assert_eq!(keys(&format!("{encoded}\n{text}\n{other}")), 2, "{name}, {apart} bytes before a key");
            assert_eq!(keys(&format!("{other}\n{text}\n{encoded}\n")), 2, "{name}, {apart} bytes after a key");
        }
    }
}

#[test]
fn layers_of_one_encoding_are_read_once_each() {
    let notations: [(&str, Notation, usize); 3] =
        [("base32", base32, 9), ("numbers", numbers, 4), ("hexadecimal", hex, 9)];
    for (name, notation, layers) in notations {
        let mut text = "nothing but a sentence that is long enough to be looked at as text, twice. ".repeat(2);
        for _ in 0..layers {
            text = notation(text.as_bytes());
        }
        // Each layer is shorter than the one around it: decoded by two readers, they are less than four times the text.
        // Doubled, nine layers of hexadecimal would be nine times the text.
        let limits = Limits { max_expanded: 6 * text.len() as u64, ..Limits::default() };
        let harvest = keyradius_detectors::engine().limited(limits).bytes("a.txt", text.as_bytes());
        assert_eq!(harvest.gaps.len(), 0, "{name}: {:?}", harvest.gaps);
    }
}

/// Base64 in lines, as mail has it.
fn mail(bytes: &[u8]) -> String {
    let digits = plant::base64(bytes);
    let lines: Vec<&str> =
        digits.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).expect("digits")).collect();
    format!("MIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\n{}\n", lines.join("\n"))
}

fn json(bytes: &[u8]) -> String {
    format!("{{\"file\": \"{}\"}}\n", plant::base64(bytes))
}

/// The keys in a file, and whether anything in it was said not to be read.
fn read(name: &str, bytes: &[u8]) -> (BTreeSet<[u8; 32]>, bool) {
    let harvest = keyradius_detectors::engine().bytes(name, bytes);
    let private = harvest.occurrences.iter().filter(|o| o.material.kind == Kind::PrivateKey);
    let ids = private.filter_map(|o| match o.material.identity.as_ref()? {
        Identity::Public(half) => Some(half.id.key_only),
        Identity::Opaque(_) => None,
    });
    (ids.collect(), !harvest.gaps.is_empty() || !harvest.counts().unopened.is_empty())
}

#[test]
fn a_container_is_opened_in_base64_and_hexadecimal_too() {
    /// Largest sample, in bytes: the law is about kinds, and each is read four times.
    const LARGEST: usize = 200 << 10;
    /// Known by their name, by their last bytes, or too many (`docs/limits.md`).
    const EXCEPT: [&str; 4] = ["brotli", "pyinstaller", "sstable", "png"];
    let encodings: [(&str, Notation); 3] = [("mail", mail), ("json", json), ("hexadecimal", hex)];
    let (mut lost, mut seen) = (Vec::new(), BTreeSet::new());
    for case in expect::load_all(&cases_dir()).expect("the cases load") {
        let is_container = |id: &str| keyradius_detectors::CONTAINERS.iter().any(|one| one.about().id == id);
        let samples = case.expect.samples.iter().zip(&case.contents);
        let is_kind = is_container(&case.expect.id) && !EXCEPT.contains(&case.expect.id.as_str());
        let samples = samples
            .filter(|(sample, content)| is_kind && content.len() <= LARGEST && !sample.file.starts_with("damaged"));
        for (sample, content) in samples.take(3) {
            let (plain, _) = read(&sample.file, content);
            for (name, encoding) in encodings.iter().filter(|_| !plain.is_empty()) {
                seen.insert(case.expect.id.clone());
                let (keys, is_said) = read("a.txt", encoding(content).as_bytes());
                if !keys.is_superset(&plain) && !is_said {
                    lost.push(format!("{}/{} in {name}", case.expect.id, sample.file));
                }
            }
        }
    }
    assert!(seen.len() > 40, "{seen:?}");
    assert!(lost.is_empty(), "{} of {} kinds: {lost:#?}", lost.len(), seen.len());
}
