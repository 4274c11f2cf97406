//! The skeleton of a new format: its files, its two lines of registration and its case, to be filled in.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Why nothing was written.
#[derive(Debug)]
pub enum SkeletonError {
    /// An invalid id: it has to be a module name (lower-case letters, digits and `_`, a letter first).
    BadId(String),
    /// The file already exists.
    Exists(PathBuf),
    /// `formats/src/lib.rs` has an unexpected form: what is missing.
    Registry(PathBuf, &'static str),
    /// A file could not be read or written.
    Io(PathBuf, io::Error),
}

impl fmt::Display for SkeletonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadId(id) => {
                write!(f, "{id:?} cannot be the name of a module: use lower-case letters, digits and _, a letter first")
            }
            Self::Exists(path) => write!(f, "{} already exists: choose another id, or remove it", path.display()),
            Self::Registry(path, what) => write!(f, "{} has no {what}: add the format by hand", path.display()),
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for SkeletonError {}

/// Files of a format, by their paths below its folder or file, with `ID` and `TYPE` as placeholders.
const PLAIN: [(&str, &str); 1] = [(".rs", include_str!("../skeleton/plain.rs.txt"))];
const LOCKED: [(&str, &str); 3] = [
    ("/mod.rs", include_str!("../skeleton/locked.rs.txt")),
    ("/read.rs", include_str!("../skeleton/read.rs.txt")),
    ("/open.rs", include_str!("../skeleton/open.rs.txt")),
];
const CASE: [(&str, &str); 2] =
    [("make.sh", include_str!("../skeleton/make.sh.txt")), ("make.py", include_str!("../skeleton/make.py.txt"))];

/// Writes the files of a new format below the root of a checkout, and registers it. Returns the paths that were written
/// or changed, relative to the root. `locked` is for password-protected formats.
pub fn make(root: &Path, id: &str, locked: bool) -> Result<Vec<PathBuf>, SkeletonError> {
    let first = id.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    if !first || !id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_') {
        return Err(SkeletonError::BadId(id.to_owned()));
    }
    let formats = Path::new("detectors/formats/src");
    let case = Path::new("corpus/cases").join(id);
    for taken in [formats.join(id), formats.join(format!("{id}.rs")), case.clone()] {
        if root.join(&taken).exists() {
            return Err(SkeletonError::Exists(taken));
        }
    }
    let registry = formats.join("lib.rs");
    let text = fs::read_to_string(root.join(&registry)).map_err(|error| SkeletonError::Io(registry.clone(), error))?;
    let registered = register(&text, id).map_err(|what| SkeletonError::Registry(registry.clone(), what))?;
    let mut files: Vec<(PathBuf, String)> = Vec::new();
    for (place, template) in if locked { &LOCKED[..] } else { &PLAIN[..] } {
        files.push((PathBuf::from(format!("{}/{id}{place}", formats.display())), fill(template, id)));
    }
    files.extend(CASE.map(|(name, template)| (case.join(name), fill(template, id))));
    files.push((registry, registered));
    for (path, text) in &files {
        let full = root.join(path);
        let written = full.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&full, text));
        let written = written.and_then(|()| if path.ends_with("make.sh") { executable(&full) } else { Ok(()) });
        written.map_err(|error| SkeletonError::Io(path.clone(), error))?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

/// Makes a script executable, where files have such a mode.
#[cfg(unix)]
fn executable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
const fn executable(_: &Path) -> io::Result<()> {
    Ok(())
}

/// `formats/src/lib.rs` with one more module, in alphabetical order, and one more detector, at the end.
fn register(text: &str, id: &str) -> Result<String, &'static str> {
    let line = format!("mod {id};");
    let mut lines: Vec<&str> = text.lines().collect();
    let modules = |line: &&str| line.starts_with("mod ");
    let at = lines.iter().position(|other| modules(other) && **other > *line);
    let at = at.or_else(|| lines.iter().rposition(modules).map(|last| last + 1)).ok_or("`mod` line")?;
    lines.insert(at, &line);
    let list = lines.iter().position(|line| line.starts_with("pub const DETECTORS")).ok_or("`DETECTORS`")?;
    let end = lines.iter().skip(list).position(|line| *line == "];").ok_or("end of `DETECTORS`")? + list;
    let entry = format!("    &{id}::{},", type_of(id));
    lines.insert(end, &entry);
    Ok(lines.join("\n") + "\n")
}

fn fill(template: &str, id: &str) -> String {
    template.replace("TYPE", &type_of(id)).replace("ID", id)
}

/// Converts `some_format` to `SomeFormat`.
fn type_of(id: &str) -> String {
    let word = |word: &str| word.get(..1).unwrap_or_default().to_uppercase() + word.get(1..).unwrap_or_default();
    id.split('_').map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTRY: &str = "//! Formats.\n\nmod age;\nmod tor;\n\npub const DETECTORS: &[&dyn Detector] = &[\n    &tor::Tor,\n    &age::Age,\n];\n";

    #[test]
    fn a_module_is_inserted_in_order_and_a_detector_at_the_end() {
        let text = register(REGISTRY, "new_vault").expect("a registry");
        assert!(text.contains("mod age;\nmod new_vault;\nmod tor;\n"), "{text}");
        assert!(text.ends_with("    &age::Age,\n    &new_vault::NewVault,\n];\n"), "{text}");
        assert!(register(REGISTRY, "zoo").expect("a registry").contains("mod tor;\nmod zoo;\n\npub"));
        assert_eq!(register("//! Nothing.\n", "new"), Err("`mod` line"));
    }

    #[test]
    fn a_checkout_gets_files_and_nothing_is_overwritten() {
        let root = std::env::temp_dir().join(format!("keyradius-skeleton-{}", std::process::id()));
        let registry = root.join("detectors/formats/src/lib.rs");
        fs::create_dir_all(registry.parent().expect("a folder")).expect("a folder");
        fs::write(&registry, REGISTRY).expect("written");
        let made = make(&root, "new_vault", true).expect("made");
        assert_eq!(made.len(), 6);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(root.join("corpus/cases/new_vault/make.sh")).expect("there").permissions().mode();
            assert_eq!(mode & 0o111, 0o111);
        }
        let text = fs::read_to_string(root.join("detectors/formats/src/new_vault/mod.rs")).expect("there");
        assert!(text.contains("struct NewVault") && text.contains("id: \"new_vault\""), "{text}");
        assert!(matches!(make(&root, "new_vault", false), Err(SkeletonError::Exists(_))));
        for bad in ["", "New", "a-b", "1st", "../x", "é"] {
            assert!(matches!(make(&root, bad, false), Err(SkeletonError::BadId(_))), "{bad}");
        }
        fs::remove_dir_all(&root).expect("removed");
    }
}
