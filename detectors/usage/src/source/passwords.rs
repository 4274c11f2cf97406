//! Passwords in source code that names a key file: texts in quotes on a line with a word for passwords. A password that
//! is read from elsewhere with a default value is one of them.
//!
//! The lines are not parsed: whatever stands in quotes there is tried on keystores that the file names or that lie beside
//! it, and nothing else comes of it.

use keyradius_core::blob::Blob;
use keyradius_core::seam::{Candidate, UsageHints};
use keyradius_core::secret::Secret;
use zeroize::Zeroizing;

use super::trace::path;
use crate::tables::Password;
use crate::text::Text;
use crate::value::is_placeholder;

/// Most passwords of a file.
const MOST: usize = 100;

/// Most names of key files that the passwords of a file are tried on first.
const NAMES: usize = 8;

/// Longest text that is tried, in bytes, and most spaces in it: more is a message.
const LONGEST: usize = 64;
const SPACES: usize = 3;

/// Words of lines of which the texts after the word are tried, in lower case.
const AFTER: [&str; 2] = ["pass", "pwd"];

/// Words of lines of which all texts are tried: `ks.load(in, "x".toCharArray())`, `pkcs12.Decode(data, "x")`.
const AROUND: [&str; 2] = ["tochararray", "pkcs12"];

/// Adds the passwords of a file.
pub(super) fn read(blob: Blob<'_>, text: &Text, lower: &str, table: &Password, out: &mut UsageHints) {
    if !AFTER.iter().chain(&AROUND).any(|word| lower.contains(word)) {
        return;
    }
    let mut found: Vec<(usize, Zeroizing<String>)> = Vec::new();
    for number in 0..text.count() {
        let line = text.of_line(number);
        let Some(words) = lower.get(text.range(number)) else { continue };
        let from = AFTER.iter().filter_map(|word| words.find(word)).min();
        let from = if AROUND.iter().any(|word| words.contains(word)) { Some(0) } else { from };
        let Some(from) = from else { continue };
        // The value may be on the next line.
        let next = if line.trim_end().ends_with(['=', '(', ',', ':']) { text.of_line(number + 1) } else { "" };
        for part in [line.get(from..).unwrap_or_default(), next] {
            for quoted in quoted(part) {
                let is_message =
                    quoted.len() > LONGEST || quoted.matches(' ').count() > SPACES || quoted.ends_with(": ");
                let is_known = || found.iter().any(|(_, known)| *known == quoted);
                if quoted.is_empty() || is_message || is_placeholder(&quoted, table) || is_known() {
                    continue;
                }
                if found.len() >= MOST {
                    out.not_all = true;
                    break;
                }
                found.push((number, quoted));
            }
        }
    }
    if found.is_empty() {
        return;
    }
    let mut about: Vec<String> = Vec::new();
    for number in 0..text.count() {
        for name in quoted(text.of_line(number)).filter_map(|text| path(&text)) {
            if about.len() < NAMES && !about.contains(&name) {
                about.push(name);
            }
        }
    }
    out.candidates.extend(found.into_iter().map(|(number, text)| Candidate {
        secret: Secret::new(text.as_bytes().to_vec()),
        origin: blob.origin.clone(),
        line: number as u64 + 1,
        field: "text".to_owned(),
        about: about.clone(),
    }));
}

/// The texts in quotes of a line.
fn quoted(line: &str) -> impl Iterator<Item = Zeroizing<String>> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let open = rest.find(['"', '\'', '`'])?;
        let quote = rest.get(open..)?.chars().next()?;
        let inner = rest.get(open + 1..)?;
        let mut is_escaped = false;
        // None: an apostrophe, or a text that goes on in the next line.
        let end = inner.find(|c| {
            let ends = c == quote && !is_escaped;
            is_escaped = c == '\\' && !is_escaped;
            ends
        })?;
        let (raw, after) = inner.split_at_checked(end)?;
        rest = after.get(1..)?;
        // Reserved at once: a growing text would leave copies in memory.
        let mut text = Zeroizing::new(String::with_capacity(raw.len()));
        let mut chars = raw.chars();
        while let Some(c) = chars.next() {
            text.extend(if c == '\\' { chars.next() } else { Some(c) });
        }
        Some(text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_in_quotes() {
        let texts: Vec<_> = quoted(r#"f('a', "b\"c", `d`) // it's"#).collect();
        assert_eq!(texts.iter().map(|text| text.as_str()).collect::<Vec<_>>(), ["a", "b\"c", "d"]);
        assert_eq!(quoted("don't").count(), 0);
    }
}
