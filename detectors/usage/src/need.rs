//! The file around a line: words that decide what a setting means.

use std::cell::OnceCell;

use zeroize::Zeroizing;

use super::text::Text;

/// The path and the text of a file, in lower case.
pub(super) struct Surroundings<'a> {
    path: String,
    text: &'a Text,
    lower: OnceCell<Zeroizing<String>>,
}

impl<'a> Surroundings<'a> {
    /// Of a file.
    pub(super) fn of(path: &std::path::Path, text: &'a Text) -> Self {
        Self { path: path.to_string_lossy().to_lowercase(), text, lower: OnceCell::new() }
    }

    /// The text in lower case.
    pub(super) fn lower(&self) -> &str {
        self.lower.get_or_init(|| Zeroizing::new(self.text.str().to_ascii_lowercase()))
    }

    /// Whether the path or the text contains one word of each entry (`a|b`).
    pub(super) fn meet(&self, need: &[String]) -> bool {
        let has = |word: &str| {
            let word = word.to_lowercase();
            self.path.contains(&word) || self.lower().contains(&word)
        };
        need.iter().all(|entry| entry.split('|').any(has))
    }
}
