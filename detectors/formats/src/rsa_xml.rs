//! Keys of .NET as numbers in base64: `<RSAKeyValue>` and `<DSAKeyValue>` with their private numbers (ToXmlString), and
//! serialised RSAParameters in XML or JSON (the `tempkey.rsa` of IdentityServer).
//!
//! The anchor is a name that only such keys have. The numbers near it are collected by name, whatever separates name
//! and value: tags, quotes, or an escaped form of either. A part that signs is sufficient (`readers/signs.rs`); numbers
//! that prove nothing count if they all have the sizes of a key. Keys in XML signatures have only public numbers, and
//! no such name.

use std::ops::Range;

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::material::{Encoding, Identity, Kind, Material, Protection, PublicHalf};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::number;
use keyradius_readers::proof;
use keyradius_readers::public::PublicKey;
use keyradius_readers::signs::{self, Fit, Private};
use keyradius_readers::text::{Decoder, digit};
use zeroize::Zeroizing;

/// Detects RSA and DSA keys of .NET in XML and JSON.
#[derive(Debug)]
pub(crate) struct RsaXml;

static ABOUT: About = About {
    id: "rsa_xml",
    title: "Private key in XML or JSON (.NET)",
    detects: "RSA keys as <RSAKeyValue> with their private numbers, as serialised RSAParameters in XML or JSON \
              (IdentityServer's tempkey.rsa), and DSA keys as <DSAKeyValue> with <X>; also escaped, in strings of \
              code and configuration. Verified if the primes give the modulus or d inverts the exponent (RSA), or y = \
              g^x (DSA).",
    blind_to: "Keys without InverseQ (RSA) or PgenCounter (DSA), numbers that are split over string literals, and \
               keys whose numbers are more than 16 KiB apart.",
    respond: "Whoever has the file has the key. In a licence server or a token service it signs what every client \
              trusts: make a new key, ship its public half to everything that verifies, and read the private key from \
              a key vault.",
    references: &[".NET RSA.ToXmlString, RSAParameters", "W3C XML Signature 4.5.2 (KeyValue)", "CWE-321"],
};

const INVERSE_Q: Anchor = Anchor::anywhere(b"InverseQ");
const PGEN_COUNTER: Anchor = Anchor::anywhere(b"PgenCounter");

/// How far before and after the anchor numbers are searched for, in bytes: all numbers of a 16,384-bit key take 13 KiB.
const REACH: usize = 16 << 10;
/// Maximum digits of a number: 16,384 bits, with room for leading zeros.
const MAX_DIGITS: usize = 2800;
/// Maximum bytes between a name and its value: `\\u003e`, `": "`.
const MAX_GAP: usize = 16;

/// Letters of `\u003c` after the backslash.
const ESCAPE: usize = 5;

/// The names of the numbers, in XML and in JSON.
const RSA: &[&str] = &["Modulus", "Exponent", "P", "Q", "DP", "DQ", "InverseQ", "D"];
const DSA: &[&str] = &["P", "Q", "J", "G", "Y", "Seed", "PgenCounter", "X"];

impl Detector for RsaXml {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[INVERSE_Q, PGEN_COUNTER]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let names = if hit.anchor == INVERSE_Q { RSA } else { DSA };
        // Most hits are names in programs: nothing around them is read.
        value(blob.bytes, hit.at + hit.anchor.bytes.len()).ok_or(Malformed::new("no value", hit.at))?;
        if !out.may_work() {
            return Ok(());
        }
        let numbers = numbers(blob.bytes, hit.at, names);
        let key =
            numbers.as_ref().and_then(|(numbers, _)| if hit.anchor == INVERSE_Q { rsa(numbers) } else { dsa(numbers) });
        let Some(((_, span), (key, fit))) = numbers.zip(key) else {
            out.work(2 * REACH);
            return Err(Malformed::new("no private key", hit.at));
        };
        let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Text, span);
        material.identity = Some(Identity::public(key));
        fit.describe(&mut material);
        if fit == Fit::Nothing {
            out.work(2 * REACH);
        }
        material.protection = Some(Protection::plaintext());
        out.found(material);
        Ok(())
    }
}

/// A number with its name.
struct Number {
    name: &'static str,
    value: Zeroizing<Vec<u8>>,
    /// The span of name and value.
    span: Range<usize>,
}

fn rsa(numbers: &[Number]) -> Option<(PublicHalf, Fit)> {
    let [n, e, p, q, d] = ["Modulus", "Exponent", "P", "Q", "D"].map(|name| get(numbers, name));
    let (n, e, p, q, d) = (n?, e?, p.unwrap_or_default(), q.unwrap_or_default(), d.unwrap_or_default());
    let odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
    if !(256..=16_384).contains(&number::bits(n)) || number::bits(e) < 2 || !odd(n) || !odd(e) {
        return None;
    }
    signs::rsa_by_name(n, e, d, &[p, q]).map(|key| (key.half(), key.fit))
}

fn dsa(numbers: &[Number]) -> Option<(PublicHalf, Fit)> {
    let [p, q, g, y, x] = ["P", "Q", "G", "Y", "X"].map(|name| get(numbers, name));
    let (p, q, g, y, x) = (p?, q?, g?, y.unwrap_or_default(), x?);
    let sane = (512..=8192).contains(&number::bits(p)) && (128..=512).contains(&number::bits(q));
    let (half, fit) = signs::signs_as(&PublicKey::Dsa { p, q, g, y }, Private::Number(x));
    let stands =
        fit.is_proven() || (fit != Fit::Nothing && signs::is_full_size(x, number::bits(q)) && has_order(p, q, g));
    (sane && number::bits(x) > 1 && stands).then_some((half, fit))
}

/// Whether g generates a group of order q modulo p. Without this, numbers that prove nothing are not accepted as a key.
fn has_order(p: &[u8], q: &[u8], g: &[u8]) -> bool {
    number::bits(g) > 1 && proof::dsa_public(p, g, q).is_some_and(|power| power == [1])
}

fn get<'n>(numbers: &'n [Number], name: &str) -> Option<&'n [u8]> {
    numbers.iter().find(|number| number.name == name).map(|number| number.value.as_slice())
}

/// The numbers of the key that the name at `at` belongs to, and the span of all of them.
fn numbers(bytes: &[u8], at: usize, names: &'static [&'static str]) -> Option<(Vec<Number>, Range<usize>)> {
    let start = at.saturating_sub(REACH);
    let window = bytes.get(start..bytes.len().min(at + REACH))?;
    let mut key: Vec<Number> = Vec::new();
    let mut from = 0;
    while let Some(number) = next(window, from, names) {
        from = number.span.end;
        // A repeated name belongs to the next key, as does a number after a brace or the name of another element.
        let ends =
            key.last().is_some_and(|last| parts(window.get(last.span.end..number.span.start).unwrap_or_default()));
        if ends || key.iter().any(|other| other.name == number.name) {
            if key.iter().any(|number| start + number.span.start == at) {
                break;
            }
            key.clear();
        }
        key.push(number);
    }
    let whole = start + key.first()?.span.start..start + key.last()?.span.end;
    key.iter().any(|number| start + number.span.start == at).then_some((key, whole))
}

/// Whether the bytes between two numbers end one key and begin another.
fn parts(between: &[u8]) -> bool {
    between.len() > 256 || between.windows(3).any(|word| matches!(word, b"RSA" | b"DSA")) || between.contains(&b'{')
}

/// Finds the next number at or after `from`.
fn next(window: &[u8], from: usize, names: &'static [&'static str]) -> Option<Number> {
    let mut at = from;
    while at < window.len() {
        let rest = window.get(at..)?;
        let letters = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let word = rest.get(..letters)?;
        // `\u003cModulus`: the escape is not part of the name.
        if word.len() > ESCAPE && matches!(word.get(..ESCAPE), Some(b"u003c" | b"u003C" | b"u0022")) {
            at += ESCAPE;
            continue;
        }
        if let Some(&name) = names.iter().find(|name| name.as_bytes() == word)
            && let Some((value, end)) = value(window, at + letters)
        {
            return Some(Number { name, value, span: at..end });
        }
        at += letters.max(1);
    }
    None
}

/// Separators between a name and its value, besides `>`: the end of a tag or of a JSON name, escaped or not.
const ENDS: [&[u8]; 9] = [
    b"\\u003E",
    b"&quot;:&quot;",
    b"\\u0022:\\u0022",
    b"\\\":\\\"",
    b"\\\": \\\"",
    b"\": \"",
    b"\":\"",
    b"&gt;",
    b"\\u003e",
];

/// Decodes the base64 after a name: first the end of the name, then digits, which line ends may interrupt.
fn value(window: &[u8], at: usize) -> Option<(Zeroizing<Vec<u8>>, usize)> {
    let gap = window.get(at..window.len().min(at + MAX_GAP))?;
    let opened = ENDS.iter().find(|end| gap.starts_with(end)).map(|end| end.len());
    let opened = opened.or_else(|| gap.starts_with(b">").then_some(1))?;
    let mut decoder = Decoder::with_capacity(MAX_DIGITS);
    let (mut end, mut digits, mut escaped) = (at + opened, 0, false);
    while let Some(&byte) = window.get(end) {
        match byte {
            // System.Text.Json escapes `+`; any other escape ends the value.
            b'u' if escaped && matches!(window.get(end + 1..end + 5), Some(b"002B" | b"002b")) => {
                decoder.push(digit(b'+')?);
                digits += 1;
                end += 4;
            }
            b'u' if escaped => break,
            // The letter of an escaped `\r` or `\n`.
            b'r' | b'n' if escaped => {}
            b'\\' if !escaped => {}
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ => match digit(byte) {
                Some(digit) if digits < MAX_DIGITS => {
                    decoder.push(digit);
                    digits += 1;
                }
                _ => break,
            },
        }
        escaped = byte == b'\\';
        end += 1;
    }
    (digits > 0).then(|| (decoder.finish(), end))
}

#[cfg(test)]
mod tests {
    use keyradius_core::blob::Origin;
    use keyradius_core::material::Proof;
    use keyradius_core::material::Remark;
    use keyradius_readers::text::base64;

    use super::*;
    use crate::ask;

    /// (2^521 - 1)^2, a product with known factors, with e = 7.
    fn names() -> Vec<(&'static str, String)> {
        let p = [vec![1], vec![0xff; 65]].concat();
        let mut n = vec![0xff; 131];
        n[0] = 3;
        n[65] = 0xfc;
        n[66..130].fill(0);
        n[130] = 1;
        let numbers = [("Modulus", n), ("Exponent", vec![7]), ("P", p.clone()), ("Q", p), ("D", d())];
        let mut all: Vec<_> = numbers.into_iter().map(|(name, number)| (name, base64(&number))).collect();
        for (at, name) in [(4, "DP"), (5, "DQ"), (6, "InverseQ")] {
            all.insert(at, (name, base64(&[at as u8; 66])));
        }
        all
    }

    /// 7^-1 modulo 2^521 - 2 (python: pow(7, -1, 2**521 - 2)).
    fn d() -> Vec<u8> {
        const D: &str = "db6db6db6db6db6db6db6db6db6db6db6db6db6db6db6db6db6db6db6db6db6db6db6db6db6db6db6db6db6db6db6db6db6db6db6db6db6db6db6db6db6db6db6d";
        (0..D.len()).step_by(2).map(|at| u8::from_str_radix(&D[at..at + 2], 16).unwrap()).collect()
    }

    fn xml() -> String {
        let fields: Vec<String> = names().iter().map(|(name, value)| format!("<{name}>{value}</{name}>")).collect();
        format!("<RSAKeyValue>{}</RSAKeyValue>", fields.concat())
    }

    fn json() -> String {
        let fields: Vec<String> = names().iter().map(|(name, value)| format!("\"{name}\": \"{value}\"")).collect();
        format!("{{\"Parameters\": {{{}}}}}", fields.join(", "))
    }

    fn inspect(text: &str) -> Vec<Material> {
        ask::every(&RsaXml, "x", text)
    }

    #[test]
    fn every_notation_is_read() {
        let mut wrapped = xml();
        wrapped.insert_str(60, "\n  ");
        let spaced = xml().replace("><", ">\n    <");
        let attributes = xml().replace("<RSAKeyValue>", "<RSAKeyValue xmlns=\"http://www.w3.org/2000/09/xmldsig#\">");
        for (what, text) in [
            ("xml", xml()),
            ("indented", spaced.clone()),
            ("a line end in a number", wrapped),
            ("attributes", attributes),
            ("in a string of C#", format!("key = \"{}\";", spaced.replace('\n', "\\r\\n"))),
            ("escaped for XML", xml().replace('<', "&lt;").replace('>', "&gt;")),
            ("escaped for JSON", xml().replace('<', "\\u003c").replace('>', "\\u003e").replace('/', "\\/")),
            ("json", json()),
            ("json in json", json().replace('"', "\\\"")),
        ] {
            let found = inspect(&format!("before {text} behind"));
            let [material] = found.as_slice() else { panic!("{what}: {found:?}") };
            assert_eq!((material.kind, material.proof), (Kind::PrivateKey, Proof::Verified), "{what}");
            assert!(material.span.start >= 7 && material.span.end <= 7 + text.len(), "{what}");
        }
    }

    #[test]
    fn fruitless_reads_are_counted() {
        let origin = Origin::file("x");
        let left = |text: &str| {
            let mut out = Inspection::default();
            out.allow(3 * REACH);
            for (at, _) in text.match_indices("InverseQ") {
                let _ = RsaXml.inspect(Blob::whole(text.as_bytes(), &origin), Hit { anchor: INVERSE_Q, at }, &mut out);
            }
            out.allow(0)
        };
        let value = "<InverseQ>AAAA</InverseQ>";
        assert_eq!(left(&"key.InverseQ = InverseQ;".repeat(9)), (3 * REACH, false), "nothing is read");
        assert_eq!(left(value), (REACH, false));
        assert_eq!(left(&value.repeat(2)), (0, false));
        assert_eq!(left(&value.repeat(3)), (0, true), "but not beyond the limit");
        assert_eq!(left(&xml().repeat(9)), (3 * REACH, false), "keys are always read");
    }

    #[test]
    fn adjacent_keys_are_separated() {
        for text in [xml().repeat(2), [xml(), json()].join("\n"), [json(), json()].join(","), [json(), xml()].concat()]
        {
            assert_eq!(inspect(&text).len(), 2, "{text}");
        }
    }

    #[test]
    fn incomplete_keys_are_refused() {
        let whole = xml();
        for name in ["Modulus", "Exponent", "P", "Q", "D", "InverseQ"] {
            let value = names().into_iter().find(|(other, _)| *other == name).unwrap().1;
            // The two primes here are equal and prove each other, so any one of P, Q and D may be missing.
            let needed = matches!(name, "Modulus" | "Exponent" | "InverseQ");
            let without = whole.replace(&format!("<{name}>{value}</{name}>"), "");
            assert_eq!(inspect(&without).is_empty(), needed, "without {name}");
            let placeholder = whole.replace(&format!("<{name}>{value}"), &format!("<{name}>..."));
            assert_eq!(inspect(&placeholder).is_empty(), needed, "{name} left out");
            let other = whole.replace(&format!("<{name}>{value}"), &format!("<{name}>{}", base64(&[77; 66])));
            // d confirms only a commonly used exponent, and 7 is not one.
            let found = inspect(&other);
            assert_eq!(found.len(), 1, "another {name}");
            // The primes sign, whatever modulus precedes them: otherwise a published modulus would hide them.
            assert_eq!(found[0].identity == inspect(&whole)[0].identity, name != "Exponent", "another {name}");
            assert_eq!(found[0].remarks.contains(&Remark::WrongModulus), name == "Modulus", "another {name}");
        }
        let none = ["P", "Q", "D"].into_iter().fold(whole, |text, name| {
            let value = names().into_iter().find(|(other, _)| *other == name).unwrap().1;
            text.replace(&format!("<{name}>{value}"), &format!("<{name}>{}", base64(&[77; 66])))
        });
        assert!(inspect(&none).is_empty(), "numbers that do not fit and are not random");
        for code in [
            "parameters.InverseQ = Convert.FromBase64String(x);",
            "InverseQ",
            "<InverseQ></InverseQ>",
            "InverseQ\":\"\"",
        ] {
            assert!(inspect(code).is_empty(), "{code}");
        }
    }
}
