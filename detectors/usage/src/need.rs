//! The file around a line: words that decide what a setting means.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::text::Text;

/// Last parts of a path that count: directories far above a file say nothing about it.
const PARTS: usize = 4;

/// The path and the text of a file, in lower case.
pub(super) struct Surroundings<'a> {
    path: String,
    text: &'a Text,
    lower: OnceCell<Zeroizing<String>>,
    /// Which entries the file meets. Each is searched for once: a file may have many lines that ask.
    met: RefCell<BTreeMap<String, bool>>,
}

impl<'a> Surroundings<'a> {
    /// Of a file.
    pub(super) fn of(path: &std::path::Path, text: &'a Text) -> Self {
        let parts: Vec<_> = path.iter().rev().take(PARTS).map(|part| part.to_string_lossy().to_lowercase()).collect();
        let path = parts.into_iter().rev().collect::<Vec<_>>().join("/");
        Self { path, text, lower: OnceCell::new(), met: RefCell::default() }
    }

    /// The name of the file, in lower case.
    pub(super) fn file(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
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
        need.iter().all(|entry| {
            let before = self.met.borrow().get(entry).copied();
            before.unwrap_or_else(|| {
                let meets = entry.split('|').any(has);
                self.met.borrow_mut().insert(entry.clone(), meets);
                meets
            })
        })
    }
}
