//! The formats as data: `detectors/secrets/data/secrets.toml`, compiled in and parsed once. A pattern is compiled when its
//! anchor first occurs, because most scans see few of the anchors.

use std::sync::{LazyLock, OnceLock};

use keyradius_core::material::SecretClass;
use keyradius_core::seam::Anchor;
use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;

use super::checks::Check;

/// Maximum length of a secret from its first byte on: a JSON Web Token with many claims.
pub(super) const LONGEST: usize = 8192;

/// Maximum compiled size of a built-in pattern, in bytes. The largest uses a twentieth of it.
const PATTERN: usize = 4 << 20;

/// All formats.
pub(super) static TABLES: LazyLock<Tables> = LazyLock::new(Tables::load);

/// One `[[secret]]` entry as written in the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    id: String,
    title: String,
    class: SecretClass,
    anchors: Vec<String>,
    #[serde(default)]
    back: usize,
    pattern: String,
    #[serde(default)]
    loose: bool,
    check: Option<Check>,
    #[serde(default)]
    bits: u32,
    unlocks: String,
    next: String,
    source: String,
    #[serde(default)]
    examples: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    secret: Vec<Raw>,
}

/// A format of ordinary secrets.
#[derive(Debug)]
pub struct Format {
    /// Identifier, such as `github-token`.
    pub id: &'static str,
    /// What the secret is, in a few words.
    pub title: &'static str,
    /// How much access such a secret gives.
    pub class: SecretClass,
    /// What its holder can do.
    pub unlocks: &'static str,
    /// What to do next, in one line.
    pub next: &'static str,
    /// Where the format is documented.
    pub source: &'static str,
    /// The check by code, if the format has one.
    pub check: Option<Check>,
    /// Entropy in bits. From [`super::JOINED`] bits on, copies are joined by a digest.
    pub bits: u32,
    /// Literals of which one occurs in every such secret.
    pub anchors: Vec<&'static str>,
    pub(super) back: usize,
    pub(super) loose: bool,
    pub(super) examples: Vec<String>,
    pattern: String,
    regex: OnceLock<Option<Regex>>,
}

impl Format {
    /// The pattern, anchored at the start of the window. `None` if it does not compile.
    pub(super) fn regex(&self) -> Option<&Regex> {
        self.regex.get_or_init(|| anchored(&self.pattern, PATTERN).ok()).as_ref()
    }
}

/// Compiles a pattern that must match at the start of its input: over bytes, with ASCII classes.
fn anchored(pattern: &str, limit: usize) -> Result<Regex, regex::Error> {
    RegexBuilder::new(&format!(r"\A(?:{pattern})")).unicode(false).size_limit(limit).build()
}

/// All formats, with an index by anchor.
pub(super) struct Tables {
    pub(super) formats: Vec<Format>,
    pub(super) anchors: Vec<Anchor<'static>>,
    /// For each anchor, the indexes of its formats.
    owners: Vec<Vec<usize>>,
}

impl Tables {
    fn load() -> Self {
        // `build.rs` makes this from `data/secrets.toml`.
        let text = include_str!(concat!(env!("OUT_DIR"), "/secrets.json"));
        #[allow(clippy::panic, reason = "compiled in, and read by a test")]
        let file: File = serde_json::from_str(text).unwrap_or_else(|error| panic!("secrets.toml: {error}"));
        let mut tables = Self { formats: Vec::new(), anchors: Vec::new(), owners: Vec::new() };
        for (index, raw) in file.secret.into_iter().enumerate() {
            let anchors: Vec<&'static str> = raw.anchors.into_iter().map(forever).collect();
            for text in &anchors {
                let anchor = Anchor::anywhere(text.as_bytes());
                let at = tables.anchors.iter().position(|known| *known == anchor).unwrap_or_else(|| {
                    tables.anchors.push(anchor);
                    tables.owners.push(Vec::new());
                    tables.anchors.len() - 1
                });
                if let Some(owners) = tables.owners.get_mut(at) {
                    owners.push(index);
                }
            }
            tables.formats.push(Format {
                id: forever(raw.id),
                title: forever(raw.title),
                class: raw.class,
                unlocks: forever(raw.unlocks),
                next: forever(raw.next),
                source: forever(raw.source),
                check: raw.check,
                bits: raw.bits,
                anchors,
                back: raw.back,
                loose: raw.loose,
                examples: raw.examples,
                pattern: raw.pattern,
                regex: OnceLock::new(),
            });
        }
        tables
    }

    /// Returns the formats with this anchor.
    pub(super) fn of(&self, anchor: &[u8]) -> impl Iterator<Item = &Format> {
        let at = self.anchors.iter().position(|known| known.bytes == anchor);
        let owners = at.and_then(|at| self.owners.get(at)).map(Vec::as_slice).unwrap_or_default();
        owners.iter().filter_map(|index| self.formats.get(*index))
    }
}

/// Leaks a text: materials refer to it, and each process has one table.
fn forever(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_valid() {
        let mut ids: Vec<&str> = TABLES.formats.iter().map(|format| format.id).collect();
        for format in &TABLES.formats {
            assert!(format.regex().is_some(), "{}: {:?}", format.id, anchored(&format.pattern, PATTERN));
            for text in [format.title, format.unlocks, format.next, format.source] {
                assert!(!text.is_empty() && !text.ends_with('.'), "{}: {text:?}", format.id);
            }
            assert!(format.examples.iter().all(|digest| digest.len() == 64), "{}", format.id);
            assert!(format.id.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-')), "{}", format.id);
        }
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), TABLES.formats.len(), "an id occurs twice");
        for anchor in &TABLES.anchors {
            assert!((Anchor::MIN..=Anchor::MAX).contains(&anchor.bytes.len()), "{anchor:?}");
            for other in &TABLES.anchors {
                assert!(anchor == other || !other.bytes.starts_with(anchor.bytes), "{anchor:?} hides {other:?}");
            }
        }
    }
}
