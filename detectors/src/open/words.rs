//! Passwords that are not written in any file: well-known ones, those in a file name, and words of its path.

use std::path::Path;

use serde::Deserialize;
use zeroize::Zeroizing;

/// An entry of `passwords.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WellKnown {
    pub(super) word: String,
    pub(super) from: String,
    /// How reliable the entry is; only for readers of the file.
    #[serde(rename = "mark")]
    _mark: Mark,
    rule: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mark {
    Checked,
    Source,
    Memory,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    password: Vec<WellKnown>,
}

/// Returns the built-in list.
pub(super) fn well_known() -> Vec<WellKnown> {
    // The data is part of the program, and a test parses it.
    toml::from_str::<File>(include_str!("../../data/passwords.toml")).map(|file| file.password).unwrap_or_default()
}

/// Returns the rule that a well-known password triggers in addition to opening the key. `field` is that of
/// [`super::Opened`].
///
/// [`super::Opened`]: keyradius_core::material::Opened
pub fn rule(field: &str) -> Option<String> {
    well_known().into_iter().find(|known| known.from == field).and_then(|known| known.rule)
}

/// Maximum length of a password taken from a name, in bytes.
const MAX: usize = 64;

/// Extracts passwords from a file name: `Abc123` from `cert_pass_Abc123.pfx`, `android` from `release-pw-android.jks`.
pub(super) fn in_name(path: &Path) -> Vec<Zeroizing<Vec<u8>>> {
    let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else { return Vec::new() };
    let mut found = Vec::new();
    let separator = |c: char| matches!(c, '_' | '-' | '.' | ' ' | '=' | '(' | ')' | '[' | ']' | '+' | ',');
    let mut from = 0;
    for part in stem.split(separator) {
        let end = from + part.len();
        if matches!(
            part.to_ascii_lowercase().as_str(),
            "pw" | "pwd" | "pass" | "passwd" | "password" | "passphrase" | "passwort" | "kennwort"
        ) {
            let rest = stem.get(end..).unwrap_or_default().trim_matches(separator);
            let token = rest.split(separator).next().unwrap_or_default();
            // The next word, and all of the rest: a password may contain a dash.
            for word in [token, rest] {
                if !word.is_empty()
                    && word.len() <= MAX
                    && found.iter().all(|f: &Zeroizing<Vec<u8>>| **f != word.as_bytes())
                {
                    found.push(Zeroizing::new(word.as_bytes().to_vec()));
                }
            }
        }
        from = end + 1;
    }
    found
}

/// Maximum number of words made from a place: few, because they are guesses.
pub(super) const MAX_CONTEXT: usize = 60;

/// Returns the words of a place, with the endings that people add: names of the file, its directory and its keys.
pub(super) fn of_place(path: &Path, names: &[String]) -> Vec<String> {
    let text = |part: Option<&std::ffi::OsStr>| part.and_then(|p| p.to_str()).map(str::to_owned);
    let stem = text(path.file_stem());
    let directory = path.parent().and_then(|parent| text(parent.file_name()));
    let mut stems: Vec<String> = Vec::new();
    let whole = stem.iter().chain(&directory).chain(names).cloned();
    let tokens = stem.iter().flat_map(|stem| stem.split(|c: char| !c.is_alphanumeric())).map(str::to_owned);
    for word in whole.chain(tokens) {
        if (3..=32).contains(&word.len()) && !stems.contains(&word) {
            stems.push(word);
        }
    }
    let mut out: Vec<String> = Vec::new();
    for ending in ["", "1", "123", "!"] {
        for stem in &stems {
            let lower = stem.to_lowercase();
            let mut letters = lower.chars();
            let capital: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
            for form in [stem.clone(), lower, capital] {
                let word = form + ending;
                if out.len() < MAX_CONTEXT && !out.contains(&word) {
                    out.push(word);
                }
            }
        }
    }
    out
}

/// Iterates over all strings of one to four of `0-9a-z`, with their lengths. The passphrase of the platform key of 2022
/// that PKfail published had four.
pub(super) fn short() -> impl Iterator<Item = ([u8; 4], usize)> {
    const LETTERS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    (1..=4_u32).flat_map(|length| {
        (0..36_u32.pow(length)).map(move |number| {
            let mut word = [0; 4];
            let mut left = number;
            for slot in word.iter_mut().take(length as usize).rev() {
                *slot = LETTERS.get((left % 36) as usize).copied().unwrap_or_default();
                left /= 36;
            }
            (word, length as usize)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_valid() {
        let list = toml::from_str::<File>(include_str!("../../data/passwords.toml")).unwrap().password;
        assert!((30..=80).contains(&list.len()), "{} words", list.len());
        let mut words: Vec<_> = list.iter().map(|known| &known.word).collect();
        words.sort();
        words.dedup();
        assert_eq!(words.len(), list.len(), "a word occurs twice");
        assert!(list.iter().all(|known| !known.word.is_empty() && !known.from.is_empty()));
        assert_eq!(rule("PFX exported by mimikatz").as_deref(), Some("PFX-MIMIKATZ"));
        assert_eq!(rule("common word"), None);
    }

    #[test]
    fn passwords_in_names_are_found() {
        for (name, expected) in [
            ("cert_pass_Abc123.pfx", &["Abc123"][..]),
            ("a/release-pw-android.jks", &["android"]),
            ("x.password=to-day.p12", &["to", "to-day"]),
            ("compass_rose.pfx", &[]),
            ("pass.pfx", &[]),
            ("bypass-key.pfx", &[]),
        ] {
            let found: Vec<_> =
                in_name(Path::new(name)).iter().map(|w| String::from_utf8_lossy(w).into_owned()).collect();
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn words_of_a_place_are_few_and_ordered() {
        let words = of_place(Path::new("acme/Release-Key.jks"), &["upload".to_owned()]);
        assert!(words.len() <= MAX_CONTEXT);
        assert_eq!(words.first().map(String::as_str), Some("Release-Key"));
        for word in ["acme", "Acme", "acme123", "upload", "Release", "release1"] {
            assert!(words.iter().any(|w| w == word), "{word}");
        }
    }

    #[test]
    fn short_passwords_are_complete_and_distinct() {
        let all: Vec<_> = short().map(|(word, length)| word[..length].to_vec()).collect();
        assert_eq!(all.len(), 36 + 36 * 36 + 36 * 36 * 36 + 36 * 36 * 36 * 36);
        assert_eq!(
            (all[0].as_slice(), all[36].as_slice(), all.last().unwrap().as_slice()),
            (&b"0"[..], &b"00"[..], &b"zzzz"[..])
        );
    }
}
