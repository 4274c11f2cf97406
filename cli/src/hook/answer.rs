//! What git writes: paths, names of objects, and the changes of a diff.

#[cfg(unix)]
use std::ffi::OsStr;
use std::path::PathBuf;

/// A path as git writes it.
#[cfg(unix)]
pub(crate) fn path(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(OsStr::from_bytes(bytes))
}

/// A path as git writes it.
#[cfg(not(unix))]
pub(crate) fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

/// An object's name as text.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Whether this is the name of no object: zeros, as many as the object format has digits.
pub(crate) fn is_zero(oid: &str) -> bool {
    oid.bytes().all(|digit| digit == b'0')
}

/// Whether this can be the name of an object.
pub(crate) fn is_oid(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// The blobs without a byte, SHA-1 and SHA-256: what an intent to add leaves in the index.
pub(crate) fn is_empty_blob(oid: &str) -> bool {
    oid == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
        || oid == "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813"
}

/// One changed path of `--raw -z`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Whether it is a submodule now.
    pub(crate) submodule: bool,
    /// The object before; zeros if there was none, or a submodule, which names an object and holds none.
    pub(crate) old: String,
    /// The object now.
    pub(crate) new: String,
    /// Where.
    pub(crate) path: PathBuf,
}

/// The mode of a submodule.
const SUBMODULE: &str = "160000";

/// Reads `--raw -z --no-abbrev --no-renames` of a diff.
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
