//! Parses the output of git: paths, object ids, and the changes of a diff.

#[cfg(unix)]
use std::ffi::OsStr;
use std::path::PathBuf;

/// A path from git's output, byte for byte.
#[cfg(unix)]
pub(crate) fn path(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(OsStr::from_bytes(bytes))
}

/// A path from git's output; bytes that are not UTF-8 are replaced.
#[cfg(not(unix))]
pub(crate) fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

/// Bytes of git's output as text; bytes that are not UTF-8 are replaced.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Whether an object id is all zeros, which git writes where there is no object.
pub(crate) fn is_zero(oid: &str) -> bool {
    oid.bytes().all(|digit| digit == b'0')
}

/// Whether a text has the form of an object id: 40 or 64 hexadecimal digits.
pub(crate) fn is_oid(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// Whether this is the empty blob (SHA-1 or SHA-256), which `git add --intent-to-add` leaves in the index.
pub(crate) fn is_empty_blob(oid: &str) -> bool {
    oid == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
        || oid == "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813"
}

/// One changed path of a diff in the format `--raw -z`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Whether the path is a submodule after the change.
    pub(crate) submodule: bool,
    /// Id of the object before the change; zeros if there was none, or a submodule, which has no content of its own.
    pub(crate) old: String,
    /// Id of the object after the change.
    pub(crate) new: String,
    /// The changed path.
    pub(crate) path: PathBuf,
}

/// The mode of a submodule.
const SUBMODULE: &str = "160000";

/// Parses the output of `git diff --raw -z --no-abbrev --no-renames`. Malformed entries are skipped.
pub(crate) fn changes(raw: &[u8]) -> Vec<Change> {
    let mut tokens = raw.split(|byte| *byte == 0);
    let mut changes = Vec::new();
    while let Some(token) = tokens.next() {
        let Some(entry) = token.strip_prefix(b":") else { continue };
        let entry = text(entry);
        let mut words = entry.split(' ');
        let (Some(before), Some(mode), Some(old), Some(new)) = (words.next(), words.next(), words.next(), words.next())
        else {
            continue;
        };
        let Some(name) = tokens.next() else { break };
        changes.push(Change {
            submodule: mode == SUBMODULE,
            old: if before == SUBMODULE { "0".repeat(old.len()) } else { old.to_owned() },
            new: new.to_owned(),
            path: path(name),
        });
    }
    changes
}

#[cfg(test)]
mod tests;
