//! JSON Web Keys whose members are written in another language: `kty = "RSA"` (HCL, TOML), `'kty' => 'RSA'` (PHP),
//! `:kty=>"RSA"` (Ruby), `kty='RSA'` (Python), `Kty: "RSA"` (Go), `:kty "RSA"` (EDN), `jwk.kty=RSA` (properties),
//! `JWK_KTY=RSA` (environments), `kty=RSA&n=...` (forms), `kty,RSA` (CSV), elements and attributes of XML,
//! `setKty("RSA")`, `name: kty, value: RSA`, every style of YAML, JSON in CSV with doubled quotes.
//!
//! Around a `kty`, the members of the same block are collected, whatever is between name and value, and written as
//! JSON. A name may have a prefix and may be written in capitals; then all have.

use std::ops::Range;

use zeroize::Zeroizing;

/// How far from `kty` its block is read, in bytes each way.
const REACH: usize = 16 << 10;

/// Maximum length of what is between a name and its value, in bytes: quotes, a separator, tags, a comment.
const MAX_BETWEEN: usize = 160;

/// Maximum length of a prefix of the names, in bytes.
const MAX_PREFIX: usize = 64;

/// How many blocks around a name are tried, from the nearest one on: each member may be in brackets of its own.
const MAX_BLOCKS: usize = 4;

/// Members of a key besides its type (RFC 7518 6).
const MEMBERS: [&[u8]; 15] =
    [b"crv", b"x", b"y", b"d", b"n", b"e", b"p", b"q", b"dp", b"dq", b"qi", b"k", b"kid", b"alg", b"use"];

/// Words between a name and its value, where both are members of an object of their own.
const VALUES: [&[u8]; 4] = [b"value", b"Value", b"val", b"string"];

/// How the names of a key are written.
struct Names<'b> {
    prefix: &'b [u8],
    first_is_capital: bool,
    rest_is_capital: bool,
    /// Whether blanks alone are between a name and a value without quotes.
    has_blanks: bool,
}

impl<'b> Names<'b> {
    /// Reads how the name `kty` at a position is written.
    fn of(bytes: &'b [u8], at: usize) -> Option<Self> {
        let name = bytes.get(at..at + 3)?;
        let before = bytes.get(at.saturating_sub(MAX_PREFIX)..at)?;
        let length = before.iter().rev().take_while(|byte| is_of_prefix(**byte)).count();
        let prefix = before.get(before.len() - length..)?;
        let [first, rest @ ..] = name else { return None };
        let (first_is_capital, rest_is_capital) = (first.is_ascii_uppercase(), rest.iter().all(u8::is_ascii_uppercase));
        // A word that ends with this name: capitals, or a sign, divide it.
        let is_divided = prefix.last().is_none_or(|last| {
            !last.is_ascii_alphanumeric() || (first_is_capital && !rest_is_capital && last.is_ascii_lowercase())
        });
        is_divided.then_some(Self { prefix, first_is_capital, rest_is_capital, has_blanks: false })
    }

    /// A name as this key writes it.
    fn written(&self, name: &[u8]) -> Vec<u8> {
        let mut written = self.prefix.to_vec();
        for (at, byte) in name.iter().enumerate() {
            let is_capital = if at == 0 { self.first_is_capital } else { self.rest_is_capital };
            written.push(if is_capital { byte.to_ascii_uppercase() } else { *byte });
        }
        written
    }

    /// The member of this name in a text: the one nearest to `kty`, because other text may be in the same block.
    fn find<'t>(&self, text: &'t [u8], kty: usize, name: &[u8]) -> Option<&'t [u8]> {
        let written = self.written(name);
        let found =
            memchr::memmem::find_iter(text, &written).filter(|at| is_name(text, *at, written.len(), self.prefix));
        let values = found.filter_map(|at| Some((at, value(text, at + written.len(), self.has_blanks)?)));
        values.min_by_key(|(at, _)| at.abs_diff(kty)).map(|(_, value)| value)
    }
}

/// Whether a byte may be in a prefix of a name: of a path, or of a variable.
const fn is_of_prefix(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b'[' | b']')
}

/// Writes the members of the block around the `kty` at `at` as one JSON object. Returns it with the range of the block;
/// `None` if the name has no type of a key as its value, or if the block is such an object already.
pub fn as_json(bytes: &[u8], at: usize) -> Option<(Zeroizing<Vec<u8>>, Range<usize>)> {
    let mut names = Names::of(bytes, at)?;
    let kind = value(bytes, at + 3, false).filter(|value| is_kind(value)).or_else(|| {
        names.has_blanks = true;
        value(bytes, at + 3, true).filter(|value| is_kind(value))
    })?;
    let mut inner = at;
    for _ in 0..MAX_BLOCKS {
        let block = block(bytes, inner);
        let text = bytes.get(block.clone())?;
        let mut out = Zeroizing::new(Vec::with_capacity(text.len() + 256));
        out.extend_from_slice(b"{\"kty\":\"");
        out.extend_from_slice(kind);
        let mut count = 0;
        for name in MEMBERS {
            let Some(value) = names.find(text, at - block.start, name) else { continue };
            count += 1;
            for part in [b"\",\"", name, b"\":\"", value] {
                out.extend_from_slice(part);
            }
        }
        out.extend_from_slice(b"\"}");
        // A key has a curve and a number, or a number and its exponent.
        if count > 1 {
            return (*out != text).then_some((out, block));
        }
        // The bracket before the block begins the next one.
        inner = block.start.checked_sub(1).filter(|before| matches!(bytes.get(*before), Some(b'{' | b'(' | b'[')))?;
    }
    None
}

/// Whether the name `kty` at `at`, in any letters, has a type of a key as its value.
pub fn has_kind(bytes: &[u8], at: usize) -> bool {
    Names::of(bytes, at).is_some()
        && [false, true].iter().any(|by_blanks| value(bytes, at + 3, *by_blanks).is_some_and(is_kind))
}

fn is_kind(value: &[u8]) -> bool {
    matches!(value, b"RSA" | b"EC" | b"OKP" | b"oct")
}

/// Whether the name at `at`, with its prefix, stands alone.
fn is_name(text: &[u8], at: usize, length: usize, prefix: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'/');
    let before = at.checked_sub(1).and_then(|at| text.get(at));
    let is_cut = before.is_some_and(|byte| if prefix.is_empty() { is_part(byte) } else { is_of_prefix(*byte) });
    !is_cut && !text.get(at + length).is_some_and(is_part)
}

/// The value of the name that ends at `at`: after quotes, one separator, tags of XML, and what YAML allows before a
/// scalar. With `by_blanks`, blanks are a separator.
fn value(text: &[u8], at: usize, by_blanks: bool) -> Option<&[u8]> {
    let rest = text.get(at..text.len().min(at + MAX_BETWEEN))?;
    let mut from = 0;
    let mut separated = false;
    let mut named = false;
    loop {
        let here = rest.get(from..)?;
        from += match *here {
            [b'=', b'>', ..] | [b':', b'=', ..] if !separated => {
                separated = true;
                2
            }
            [b'=' | b':' | b',' | b'>' | b'(', ..] if !separated => {
                separated = true;
                1
            }
            // A closing tag, and the tag that opens the value.
            [b'<', ..] => {
                separated = true;
                here.iter().position(|byte| *byte == b'>')? + 1
            }
            // In quotes, after a blank.
            [blank, b'"' | b'\'', ..] if !separated && blank.is_ascii_whitespace() => {
                separated = true;
                2
            }
            [b'"' | b'\'' | b'\\' | b'`', ..] => 1,
            [byte, ..] if byte.is_ascii_whitespace() => {
                separated |= by_blanks;
                1
            }
            // A comment, a tag or an anchor, the sign of a block.
            [b'#', ..] => here.iter().position(|byte| *byte == b'\n')?,
            [b'!' | b'&', ..] if separated => here.iter().position(u8::is_ascii_whitespace)?,
            [b'>' | b'|', b'-' | b'+', ..] if separated => 2,
            [b'>' | b'|', ..] if separated => 1,
            [byte, ..] if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') => {
                let word = here.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
                let is_value = VALUES.contains(&here.get(..word)?) && !named;
                if is_value && here.get(word..).is_some_and(|rest| rest.iter().any(|byte| b":=>".contains(byte))) {
                    (named, separated) = (true, false);
                    word
                } else if separated {
                    break;
                } else {
                    return None;
                }
            }
            _ => return None,
        };
    }
    let value = text.get(at + from..)?;
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'+' | b'/' | b'.' | b'=');
    let length = value.iter().take(REACH).take_while(|byte| is_part(byte)).count();
    value.get(..length)
}

/// The block around a position: the nearest brackets, or the lines that are indented at least as far.
fn block(bytes: &[u8], at: usize) -> Range<usize> {
    let from = at.saturating_sub(REACH);
    let to = bytes.len().min(at + REACH);
    let mut depth = 0_usize;
    for (back, byte) in bytes.get(from..at).unwrap_or_default().iter().rev().enumerate() {
        match byte {
            b'}' | b')' | b']' => depth += 1,
            b'{' | b'(' | b'[' if depth > 0 => depth -= 1,
            b'{' | b'(' => {
                let end = closing(bytes.get(at..to).unwrap_or_default());
                return at - 1 - back..at + end;
            }
            // The name of a table of TOML, or a list whose items are not objects.
            b'[' => break,
            _ => {}
        }
    }
    lines(bytes, at, from, to)
}

/// The distance to the bracket that closes the block, or the length of the text.
fn closing(text: &[u8]) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' if depth == 0 => return at,
            b'}' | b')' | b']' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

/// The lines around a position that are blank, comments, or indented at least as far as its own. An item of a list
/// begins a new block.
fn lines(bytes: &[u8], at: usize, from: usize, to: usize) -> Range<usize> {
    let start_of = |at: usize| {
        let before = bytes.get(from..at).unwrap_or_default();
        memchr::memrchr(b'\n', before).map_or(from, |found| from + found + 1)
    };
    let line_from = |start: usize| {
        let rest = bytes.get(start..to).unwrap_or_default();
        rest.get(..memchr::memchr(b'\n', rest).unwrap_or(rest.len())).unwrap_or_default()
    };
    let is_item = |line: &[u8]| line.trim_ascii_start().starts_with(b"- ") || line.starts_with(b"---");
    let is_mark = |byte: &u8| matches!(byte, b' ' | b'-' | b'?');
    let depth = |line: &[u8]| line.iter().take_while(|byte| is_mark(byte)).count();
    let first = start_of(at);
    let own = depth(line_from(first));
    let belongs = |line: &[u8]| {
        let text = line.trim_ascii();
        text.is_empty() || text.starts_with(b"#") || (depth(line) >= own && !text.starts_with(b"["))
    };
    let mut start = first;
    while start > from && !is_item(line_from(start)) {
        let before = start_of(start - 1);
        if !belongs(line_from(before)) {
            break;
        }
        start = before;
    }
    let mut end = first + line_from(first).len();
    while end < to {
        let line = line_from(end + 1);
        if !belongs(line) || (is_item(line) && depth(line) <= own) {
            break;
        }
        end = (end + 1 + line.len()).min(to);
    }
    start..end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capital(name: &str) -> String {
        format!("{}{}", name[..1].to_uppercase(), &name[1..])
    }

    fn open(text: &str) -> Vec<String> {
        let names =
            ["kty", "Kty", "KTY"].map(|name| memchr::memmem::find_iter(text.as_bytes(), name).collect::<Vec<_>>());
        let names = names.into_iter().flatten();
        let read = names.filter_map(|at| as_json(text.as_bytes(), at));
        read.map(|(text, _)| String::from_utf8(text.to_vec()).unwrap()).collect()
    }

    const PARTS: [(&str, &str); 5] = [("kty", "EC"), ("crv", "P-256"), ("x", "Xx_1"), ("y", "-Yy2"), ("d", "Dd3")];

    #[test]
    fn every_language_is_read() {
        let all = |one: &dyn Fn(&str, &str) -> String| PARTS.iter().map(|(n, v)| one(n, v)).collect::<String>();
        for (name, text) in [
            ("HCL", format!("key = {{\n{}}}\n", all(&|n, v| format!("  {n:4} = \"{v}\"\n")))),
            ("TOML", format!("a = 1\n[key]\n{}\n[other]\nd = \"no\"\n", all(&|n, v| format!("{n} = \"{v}\"\n")))),
            ("PHP", format!("$k = array({});", all(&|n, v| format!("'{n}' => '{v}', ")))),
            ("Ruby", format!("k = {{{}}}", all(&|n, v| format!("\"{n}\"=>\"{v}\", ")))),
            ("CSV", format!("1,\"{{{}}}\"\n", all(&|n, v| format!("\"\"{n}\"\":\"\"{v}\"\",")))),
            ("comments", format!("jwk:\n{}z: 1\n", all(&|n, v| format!("  # c\n\n  {n}: {v} # c\n")))),
            ("folded", format!("jwk:\n{}", all(&|n, v| format!("  {n}: >-\n    {v}\n")))),
            ("tags", format!("jwk:\n{}", all(&|n, v| format!("  {n}: !!str {v}\n")))),
            ("anchors", format!("jwk:\n{}", all(&|n, v| format!("  {n}: &A{n} {v}\n")))),
            ("Ruby, symbols", format!("JWK = {{{}}}", all(&|n, v| format!(":{n}=>\"{v}\", ")))),
            ("Python", format!("JWK = dict({})", all(&|n, v| format!("{n}='{v}', ")))),
            ("Go", format!("k = JWK{{{}}}", all(&|n, v| format!("{}: \"{v}\", ", capital(n))))),
            ("properties", all(&|n, v| format!("jwk.{n}={v}\n"))),
            ("environment", all(&|n, v| format!("JWK_{}={v}\n", n.to_uppercase()))),
            ("exports", all(&|n, v| format!("export MY_{}='{v}'\n", n.to_uppercase()))),
            ("elements", format!("<jwk>{}</jwk>", all(&|n, v| format!("<{n}>{v}</{n}>")))),
            ("elements on lines", format!("<jwk>\n{}</jwk>", all(&|n, v| format!("  <{n}>{v}</{n}>\n")))),
            ("attributes", format!("<jwk {}/>", all(&|n, v| format!("{n}=\"{v}\" ")))),
            ("entries", all(&|n, v| format!("<entry key=\"{n}\">{v}</entry>\n"))),
            ("settings", all(&|n, v| format!("<add key=\"{n}\" value=\"{v}\"/>\n"))),
            ("property list", all(&|n, v| format!("<key>{n}</key>\n<string>{v}</string>\n"))),
            ("form", all(&|n, v| format!("{n}={v}&"))),
            ("EDN", format!("{{{}}}", all(&|n, v| format!(":{n} \"{v}\", ")))),
            ("CSV rows", format!("name,value\n{}", all(&|n, v| format!("{n},{v}\n")))),
            ("tabs", all(&|n, v| format!("{n}\t{v}\n"))),
            ("setters", format!("void f() {{\n{}}}", all(&|n, v| format!("  k.set{}(\"{v}\");\n", capital(n))))),
            ("pairs", format!("[{}]", all(&|n, v| format!("[\"{n}\", \"{v}\"],")))),
            ("objects", format!("[{}]", all(&|n, v| format!("{{\"name\":\"{n}\",\"value\":\"{v}\"}},")))),
            ("gron", all(&|n, v| format!("json.keys[0].{n} = \"{v}\";\n"))),
            ("options", all(&|n, v| format!("--jwk-{n}={v} "))),
            ("assignments", all(&|n, v| format!("{n} := \"{v}\"\n"))),
            ("blocks between", format!("jwk:\n{}", all(&|n, v| format!("  {n}: {v}\n  x5c:\n    - a\n")))),
        ] {
            let expected = "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"Xx_1\",\"y\":\"-Yy2\",\"d\":\"Dd3\"}";
            assert!(open(&text).iter().any(|found| found == expected), "{name}: {:?}\n{text}", open(&text));
        }
    }

    #[test]
    fn blocks_end() {
        let two = "keys:\n- kty: EC\n  crv: A\n  d: one\n- kty: EC\n  crv: B\n  d: two\n";
        let found = open(two);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("one") && found[1].contains("two") && found[1].contains("\"B\""), "{found:?}");
        for text in ["kty = pty.open()", "the kty: EC", "kty: RSA\nother: 1"] {
            assert_eq!(open(text), Vec::<String>::new(), "{text}");
        }
    }
}
