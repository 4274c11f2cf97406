//! Decides which `keyradius:allow` marks are obeyed: those in plain text files below the user's own root.
//!
//! The root is the repository that the command runs in or, outside a repository, the current directory. Files there are
//! trusted as the user's own. A mark in an archive member, among binary bytes, in an encoding, in a git history, in
//! another repository below the root or anywhere else may come from somebody else: it is reported, and has no effect.

use std::path::{Path, PathBuf};

use keyradius_core::material::{MarkFault, Occurrence, Stands};

use crate::repository;

/// Which marks are obeyed.
#[derive(Clone, Debug, Default)]
pub(crate) enum Marks {
    /// None, because the user switched marks off.
    #[default]
    Off,
    /// Those of files below this canonical directory, except in other repositories.
    Below(PathBuf),
    /// Those of the text files that a hook of the user's own repository checks.
    Given,
}

impl Marks {
    /// The marks below the root of the repository around `here`.
    pub(crate) fn around(here: &Path) -> Self {
        here.canonicalize().map_or(Self::Off, |here| Self::Below(repository::around(&here).to_owned()))
    }

    /// The reason why the mark of an occurrence is not obeyed; `None` if it is obeyed. Paths are relative to `here`.
    pub(crate) fn refusal(&self, occurrence: &Occurrence, here: &Path) -> Option<&'static str> {
        let origin = &occurrence.origin;
        if matches!(self, Self::Off) {
            return Some("inline marks are switched off");
        }
        match occurrence.mark.as_ref().and_then(|mark| mark.fault) {
            Some(MarkFault::NoReason) => return Some("it needs a reason in quotation marks: reason=\"...\""),
            Some(MarkFault::NoDate) => return Some("until= needs a date: until=YYYY-MM-DD"),
            Some(MarkFault::UnknownWord) => return Some("it sets something other than reason= and until="),
            None => {}
        }
        match occurrence.mark.as_ref().map(|mark| mark.stands) {
            Some(Stands::Binary) => return Some("it is in a binary file"),
            Some(Stands::Hidden) => return Some("the key is inside an encoding that does not show it beside the mark"),
            _ => {}
        }
        if origin.wraps.iter().any(|wrap| !wrap.text) {
            return Some("it is in an archive member");
        }
        // An occurrence in a file of the work tree has no object, even if it is also in the history.
        if origin.object.is_some() {
            return Some("it is in a git history; if the file has it today, it counts in a scan of the work tree");
        }
        let Self::Below(own) = self else { return None };
        let Ok(path) = here.join(&origin.path).canonicalize() else {
            return Some("it is not in a file below the directory that keyradius runs in");
        };
        if !path.starts_with(own) {
            return Some("it is outside the repository or directory that keyradius runs in");
        }
        let another = path.ancestors().skip(1).take_while(|directory| *directory != own).any(repository::begins_at);
        another.then_some("it is in another repository")
    }

    /// The file of the user's own repository whose history contains an occurrence. A mark in the current file also
    /// allows the same key in earlier versions of the file.
    pub(crate) fn own_file(&self, occurrence: &Occurrence, here: &Path) -> Option<PathBuf> {
        let (Self::Below(own), Some(git)) = (self, &occurrence.git) else { return None };
        let repository = here.join(&git.repository).canonicalize().ok()?;
        let is_own = repository == *own || repository == own.join(".git");
        let members = occurrence.origin.wraps.iter().any(|wrap| !wrap.text);
        (is_own && !members).then(|| Some(own.join(git.path.as_ref()?)))?
    }
}
