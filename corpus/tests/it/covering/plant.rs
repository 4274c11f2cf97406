//! A fresh key, and the places in a sample where it can be inserted.

use super::der;

/// A sample with an inserted key.
pub(super) struct Planted {
    /// A description of the place.
    pub(super) place: String,
    /// The whole sample.
    pub(super) bytes: Vec<u8>,
}

/// An Ed25519 key in PKCS#8 DER (RFC 8410 7), with a seed that no sample contains.
pub(crate) fn key(number: u8) -> Vec<u8> {
    let mut state = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let seed = (0..32).map(|_| {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    });
    [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20].into_iter().chain(seed).collect()
}

/// Standard base64, padded.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let number = group.iter().fold(0_u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - group.len()));
        for digit in 0..4 {
            let value = number >> (18 - 6 * digit) & 0x3f;
            out.push(if digit <= group.len() { char::from(DIGITS[value as usize]) } else { '=' });
        }
    }
    out
}

fn unbase64(text: &[u8]) -> Option<Vec<u8>> {
    let (mut out, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for byte in text.iter().filter(|b| !b.is_ascii_whitespace() && **b != b'=') {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    Some(out)
}

fn lines(digits: &str) -> String {
    let lines: Vec<&str> = digits.as_bytes().chunks(64).map(|line| str::from_utf8(line).expect("digits")).collect();
    lines.join("\n")
}

/// A private key in PEM.
pub(crate) fn pem(der: &[u8]) -> String {
    let dashes = "-".repeat(5);
    format!("{dashes}BEGIN PRIVATE KEY{dashes}\n{}\n{dashes}END PRIVATE KEY{dashes}\n", lines(&base64(der)))
}

/// Most lines of one sample where a key is inserted, evenly distributed.
const LINES: usize = 12;

/// The sample with the key inserted at each possible place.
pub(super) fn places(content: &[u8], key: &[u8]) -> Vec<Planted> {
    let mut out = Vec::new();
    let mut add = |place: String, bytes: Vec<u8>| out.push(Planted { place, bytes });
    let forms = forms(key);
    // At the end.
    for (form, text) in &forms {
        add(format!("{form} behind"), [content, b"\n", text].concat());
    }
    for (place, bytes) in in_der(content, &forms) {
        add(place, bytes);
    }
    for (place, bytes) in strings(content, &forms) {
        add(place, bytes);
    }
    if !content.contains(&0) {
        for (place, bytes) in in_text(content, &forms) {
            add(place, bytes);
        }
        for (place, bytes) in in_pem(content, key, &forms) {
            add(place, bytes);
        }
        for (place, bytes) in in_json(content, key) {
            add(place, bytes);
        }
    }
    out
}

type Forms = [(&'static str, Vec<u8>); 3];

fn forms(key: &[u8]) -> Forms {
    [("PEM", pem(key).into_bytes()), ("DER", key.to_vec()), ("base64", base64(key).into_bytes())]
}

/// In every list of DER: as an OCTET STRING, as a bare value, and as text.
fn in_der(content: &[u8], forms: &Forms) -> Vec<(String, Vec<u8>)> {
    let mut out = Vec::new();
    for (form, bytes) in forms {
        let tags: &[Option<u8>] = if *form == "DER" { &[Some(0x04), None, Some(0xa0)] } else { &[Some(0x0c)] };
        for tag in tags {
            let more = tag.map_or_else(|| bytes.clone(), |tag| der::tlv(tag, bytes));
            let places = der::planted(content, &more);
            out.extend(places.into_iter().map(|(place, bytes)| (format!("{form} as {tag:02x?} in {place}"), bytes)));
        }
    }
    out
}

/// After lines of text, and in a comment.
fn in_text(content: &[u8], forms: &Forms) -> Vec<(String, Vec<u8>)> {
    let ends: Vec<usize> = memchr(b'\n', content);
    let step = ends.len().div_ceil(LINES).max(1);
    let mut out = Vec::new();
    for end in ends.iter().step_by(step) {
        let (before, after) = content.split_at(end + 1);
        for (form, bytes) in forms {
            let line = [bytes.as_slice(), b"\n"].concat();
            out.push((format!("{form} behind the line at {end}"), [before, &line, after].concat()));
        }
        let comment = [b"# ".as_slice(), &forms[2].1, b"\n"].concat();
        out.push((format!("comment behind the line at {end}"), [before, &comment, after].concat()));
        let more = [b" ".as_slice(), &forms[2].1].concat();
        out.push((
            format!("base64 at the end of the line at {end}"),
            [&content[..*end], &more, &content[*end..]].concat(),
        ));
    }
    out
}

fn memchr(byte: u8, bytes: &[u8]) -> Vec<usize> {
    bytes.iter().enumerate().filter(|(_, b)| **b == byte).map(|(at, _)| at).collect()
}

/// In PEM blocks: more DER in the body, a second body after the padding, headers, and places in the DER.
fn in_pem(content: &[u8], key: &[u8], forms: &Forms) -> Vec<(String, Vec<u8>)> {
    let text = String::from_utf8_lossy(content);
    let mut out = Vec::new();
    let mut from = 0;
    while let Some(begin) = text[from..].find("-----BEGIN ").map(|at| from + at) {
        let Some(start) = text[begin..].find('\n').map(|at| begin + at + 1) else { break };
        let Some(end) = text[start..].find("-----END ").map(|at| start + at) else { break };
        from = end;
        // After the headers of RFC 1421.
        let body_at = text[start..end].find("\n\n").map_or(start, |at| start + at + 2);
        let (head, body, tail) = (&text[..body_at], &text[body_at..end], &text[end..]);
        let whole = |body: &str| format!("{head}{body}\n{tail}").into_bytes();
        let behind = format!("{}\n{}", body.trim_end(), lines(&base64(key)));
        out.push((format!("behind the padding of the block at {begin}"), whole(&behind)));
        let header = format!("{}Comment: {}\n\n{body}{tail}", &text[..start], base64(key));
        out.push((format!("in a header of the block at {begin}"), header.into_bytes()));
        let Some(bytes) = unbase64(body.trim_end().as_bytes()) else { continue };
        for (form, more) in forms {
            let both = [&bytes[..], more].concat();
            out.push((format!("{form} behind what the block at {begin} holds"), whole(&lines(&base64(&both)))));
        }
        // Without its padding, the first body ends inside a group of digits.
        let unpadded = format!("{}{}", body.trim_end().trim_end_matches('='), base64(key));
        out.push((format!("glued to the digits of the block at {begin}"), whole(&lines(&unpadded.replace('\n', "")))));
        for (place, bytes) in in_der(&bytes, forms) {
            out.push((format!("{place} of the block at {begin}"), whole(&lines(&base64(&bytes)))));
        }
        for (place, bytes) in strings(&bytes, forms) {
            out.push((format!("{place} of the block at {begin}"), whole(&lines(&base64(&bytes)))));
        }
    }
    out
}

/// As the first member of every JSON object.
fn in_json(content: &[u8], key: &[u8]) -> Vec<(String, Vec<u8>)> {
    let text = content.trim_ascii_start();
    if !matches!(text.first(), Some(b'{' | b'[')) {
        return Vec::new();
    }
    let mut out = Vec::new();
    let escaped = pem(key).replace('\n', "\\n");
    for at in memchr(b'{', content).into_iter().take(LINES) {
        let (before, after) = content.split_at(at + 1);
        for (form, value) in [("PEM", escaped.as_str()), ("base64", &base64(key))] {
            let member =
                format!("\"x\":\"{value}\"{}", if after.trim_ascii_start().starts_with(b"}") { "" } else { "," });
            out.push((format!("{form} in the object at {at}"), [before, member.as_bytes(), after].concat()));
        }
    }
    out
}

/// Most strings of one sample that are replaced.
const STRINGS: usize = 24;

/// Replaces text with a length prefix of two or four bytes, big-endian: comments, aliases, user ids. Enclosing lengths
/// are not corrected: what no longer parses has to be searched as plain bytes.
fn strings(content: &[u8], forms: &Forms) -> Vec<(String, Vec<u8>)> {
    let mut out = Vec::new();
    for width in [4_usize, 2] {
        let places = (0..content.len().saturating_sub(width)).filter(|at| {
            let length = content[*at..at + width].iter().fold(0_usize, |n, b| n << 8 | usize::from(*b));
            let text = content.get(at + width..(at + width).saturating_add(length));
            (3..=256).contains(&length) && text.is_some_and(|text| text.iter().all(|b| (0x20..0x7f).contains(b)))
        });
        for at in places.take(STRINGS) {
            let length = content[at..at + width].iter().fold(0_usize, |n, b| n << 8 | usize::from(*b));
            for (form, bytes) in forms {
                let number = (bytes.len() as u32).to_be_bytes();
                let behind = &content[at + width + length..];
                let all = [&content[..at], &number[4 - width..], bytes, behind].concat();
                out.push((format!("{form} as the string at {at}"), all));
            }
        }
    }
    out
}
