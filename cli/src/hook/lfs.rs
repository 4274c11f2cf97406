//! Pointers of git-lfs: small texts that refer to an object which git does not store.
//!
//! <https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>. The object is scanned in addition to the bytes of the
//! pointer, never instead of them.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use keyradius_core::hex::hex;

/// Number of first bytes of a blob that git-lfs decodes as a pointer (`blobSizeCutoff` of its lfs/pointer.go).
pub(crate) const LARGEST: u64 = 1024;

/// Versions: that of the specification, and those of two former names, which git-lfs still reads.
const VERSIONS: [&str; 3] =
    ["https://git-lfs.github.com/spec/v1", "https://hawser.github.com/spec/v1", "http://git-media.io/v/2"];

/// A parsed git-lfs pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pointer {
    /// SHA-256 of the object, in hexadecimal digits.
    digest: String,
    /// Size of the object, in bytes.
    size: u64,
}

impl Pointer {
    /// Parses a pointer from the first [`LARGEST`] bytes of a blob: the version, the digest and the size in this order, one line
    /// each, and lines of extensions. Blanks around the text, empty lines and a plus sign are accepted as git-lfs accepts
    /// them (`decodeKV` of its lfs/pointer.go), because it would check out the object of such a pointer.
    pub(crate) fn read(start: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(start).ok()?.trim();
        let mut lines = text.lines().filter(|line| !line.is_empty()).filter_map(|line| {
            let (name, value) = line.split_once(' ').unwrap_or((line, ""));
            (!name.starts_with("ext-")).then_some((name, value))
        });
        let mut next = |name: &str| lines.next().filter(|line| line.0 == name).map(|line| line.1);
        VERSIONS.contains(&next("version")?).then_some(())?;
        let digest = next("oid")?.strip_prefix("sha256:")?;
        let hexadecimal = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        let size = next("size")?;
        let digits = size.strip_prefix('+').unwrap_or(size);
        let number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        (hexadecimal && number && lines.next().is_none()).then_some(())?;
        Some(Self { digest: digest.to_owned(), size: digits.parse().ok()? })
    }

    /// Path of the object's file, below the directory that all work trees of a repository share.
    pub(crate) fn object(&self, common: &Path) -> PathBuf {
        let part = |range| self.digest.get(range).unwrap_or_default();
        common.join("lfs").join("objects").join(part(0..2)).join(part(2..4)).join(&self.digest)
    }
}

/// A file whose size and SHA-256 are computed as it is read.
pub(crate) struct Checked {
    file: File,
    size: u64,
    digest: Sha256,
}

impl Checked {
    pub(crate) fn new(file: File) -> Self {
        Self { file, size: 0, digest: Sha256::new() }
    }

    /// Reads the rest of the file, and describes how it differs from the pointer; `None` if it does not, or if `stop`
    /// says to stop.
    pub(crate) fn differs(mut self, pointer: &Pointer, stop: &dyn Fn() -> bool) -> Option<String> {
        let mut rest = [0; 8 << 10];
        while self.read(&mut rest).is_ok_and(|read| read > 0) {
            if stop() {
                return None;
            }
        }
        if self.size != pointer.size {
            let (is, said) = (self.size, pointer.size);
            return Some(format!("its git-lfs object has {is} bytes, but the pointer says {said}; both were read"));
        }
        let digest = hex(&self.digest.finalize());
        let same = digest.eq_ignore_ascii_case(&pointer.digest);
        (!same).then(|| "its git-lfs object does not match the pointer (SHA-256 differs); both were read".to_owned())
    }
}

impl Read for Checked {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(into)?;
        self.size += read as u64;
        self.digest.update(into.get(..read).unwrap_or_default());
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_must_follow_the_exact_grammar() {
        let (a, b) = ("ab".repeat(32), "cd".repeat(32));
        let version = format!("version {}", VERSIONS[0]);
        let plain = format!("{version}\noid sha256:{a}\nsize 12\n");
        for (text, is) in [
            (plain.clone(), true),
            (format!("{version}\next-0-foo sha256:{b}\noid sha256:{a}\nsize 12\n"), true),
            (plain.replace('\n', "\r\n"), true),
            (plain.trim_end().to_owned(), true),
            (plain.replace("git-lfs.github", "hawser.github"), true),
            (format!("{plain}more"), false),
            (format!("{plain}\u{0}"), false),
            // What git-lfs 3.3 checks out too.
            (format!(" \n{plain}"), true),
            (plain.replace('\n', "\n\n"), true),
            (plain.replace("size 12", "size +12"), true),
            (format!("{plain}{}", " ".repeat(800)), true),
            (format!("{version}\noid sha256:{a}\next-1-foo sha256:{b}\nsize 12\n"), true),
            (plain.replace("size 12", "size -1"), false),
            (plain.replace("size 12", "size "), false),
            (plain.replace("size 12", "size 99999999999999999999"), false),
            (plain.replace("spec/v1", "spec/v1x"), false),
            (plain.replace(&a, "../../x"), false),
            (plain.replace(&a, &a[..40]), false),
            (plain.replace("sha256", "sha1"), false),
            (format!("{version}\nsize 12\noid sha256:{a}\n"), false),
            (format!("{version}\nnote x\noid sha256:{a}\nsize 12\n"), false),
            (format!("{version}\noid sha256:{a}\n"), false),
            (String::new(), false),
        ] {
            assert_eq!(Pointer::read(text.as_bytes()).is_some(), is, "{text:?}");
        }
        let pointer = Pointer::read(plain.as_bytes()).expect("a pointer");
        assert_eq!(pointer.object(Path::new("common")), PathBuf::from(format!("common/lfs/objects/ab/ab/{a}")));
    }
}
