//! Objects by name, read with one long-lived `git cat-file --batch` a thread.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use scanner_core::blob::Origin;
use scanner_core::error::{Gap, Reason, SourceError};
use scanner_core::seam::{BlobSink, Source};
use scanner_core::source::stream::Windows;

use super::git::{Git, is_oid};

/// Objects that one thread reads before a second one is worth its own git.
const WORTH_A_THREAD: usize = 256;

/// What `--batch` calls the objects that hold no bytes of their own.
const TREE: &str = "tree";

/// A pointer of git-lfs is smaller than this by its specification, in bytes.
const LARGEST_POINTER: u64 = 1024;

/// How a pointer of git-lfs begins.
const POINTER: &[u8] = b"version https://git-lfs";

/// Objects to scan. The origin of each is its name: which paths it has is a question for later, and only for those that
/// hold a key.
#[derive(Debug)]
pub(crate) struct Blobs<'a> {
    git: Git,
    oids: &'a [String],
    /// The directory below which git-lfs keeps what its pointers mean.
    common: Option<&'a Path>,
    read: AtomicU64,
    seen: Mutex<Seen>,
}

/// What was learned on the way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Pointers of git-lfs whose object is not here.
    pub(crate) absent_lfs: Vec<String>,
    /// Commits and tags.
    pub(crate) kinds: BTreeMap<String, &'static str>,
}

impl<'a> Blobs<'a> {
    /// These objects. `common` is the directory that all work trees of the repository share.
    pub(crate) fn new(git: Git, oids: &'a [String], common: Option<&'a Path>) -> Self {
        Self { git, oids, common, read: AtomicU64::new(0), seen: Mutex::default() }
    }

    /// How many were read, and what was learned.
    pub(crate) fn finish(self) -> (u64, Seen) {
        (self.read.into_inner(), self.seen.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    fn share(&self, oids: &[&String], sink: &dyn BlobSink) {
        let mut done = 0;
        if let Err(error) = self.batch(oids, sink, &mut done) {
            // What was asked for and not answered was not read.
            for oid in oids.get(done..).unwrap_or_default() {
                gap(sink, oid, &format!("git cat-file failed: {error}"));
            }
        }
    }

    fn batch(&self, oids: &[&String], sink: &dyn BlobSink, done: &mut usize) -> io::Result<()> {
        let mut command = self.git.command(&["cat-file", "--batch", "--buffer"]);
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let result = std::thread::scope(|scope| {
            scope.spawn(|| -> io::Result<()> {
                let Some(mut stdin) = stdin else { return Ok(()) };
                // In one piece where it fits: fewer times that git has to wake up.
                for chunk in oids.chunks(1000) {
                    let lines: String = chunk.iter().flat_map(|oid| [oid.as_str(), "\n"]).collect();
                    stdin.write_all(lines.as_bytes())?;
                }
                Ok(())
            });
            let Some(stdout) = stdout else { return Ok(()) };
            let mut input = BufReader::with_capacity(64 << 10, stdout);
            let mut windows = Windows::default();
            for oid in oids {
                if sink.cancelled() {
                    break;
                }
                self.object(oid, &mut input, &mut windows, sink)?;
                *done += 1;
            }
            Ok(())
        });
        // Its end of the pipe is closed by now: it ends by itself, whether it wrote everything or not.
        child.wait()?;
        result
    }

    fn object(
        &self,
        oid: &str,
        input: &mut BufReader<ChildStdout>,
        windows: &mut Windows,
        sink: &dyn BlobSink,
    ) -> io::Result<()> {
        let mut header = Vec::new();
        input.read_until(b'\n', &mut header)?;
        let header = String::from_utf8_lossy(&header);
        let mut words = header.split_whitespace().skip(1);
        let (kind, size) = match (words.next(), words.next().map(str::parse::<u64>)) {
            (Some("missing"), _) => {
                gap(sink, oid, "the object is not in this repository, which may be a shallow or partial clone");
                return Ok(());
            }
            (Some(kind), Some(Ok(size))) => (kind.to_owned(), size),
            _ => return Err(io::Error::other("it ended early")),
        };
        let origin = Origin::file(oid);
        let mut bytes = input.take(size);
        match kind.as_str() {
            TREE => {}
            "blob" if size < LARGEST_POINTER => {
                let mut small = Vec::new();
                bytes.read_to_end(&mut small)?;
                if !self.pointer(oid, &small, windows, sink) {
                    windows.feed(&mut small.as_slice(), &origin, sink);
                }
            }
            _ => windows.feed(&mut bytes, &origin, sink),
        }
        if let Some(kind) = ["commit", "tag"].into_iter().find(|known| *known == kind) {
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).kinds.insert(oid.to_owned(), kind);
        }
        // The rest of what was not read to its end, and the line feed behind it.
        let rest = bytes.limit() + 1;
        let skipped = io::copy(&mut input.take(rest), &mut io::sink())?;
        if skipped < rest {
            return Err(io::Error::other("it ended early"));
        }
        self.read.fetch_add(u64::from(!sink.cancelled()), Relaxed);
        Ok(())
    }

    /// Whether this is a pointer of git-lfs; what it means is scanned in its place.
    fn pointer(&self, oid: &str, bytes: &[u8], windows: &mut Windows, sink: &dyn BlobSink) -> bool {
        let Some(common) = self.common.filter(|_| bytes.starts_with(POINTER)) else { return false };
        match lfs_object(common, bytes).map(File::open) {
            Some(Ok(mut file)) => windows.feed(&mut file, &Origin::file(oid), sink),
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => {
                gap(sink, oid, &format!("the object of its git-lfs pointer cannot be read: {error}"));
            }
            _ => {
                self.seen.lock().unwrap_or_else(PoisonError::into_inner).absent_lfs.push(oid.to_owned());
                // The text of the pointer is all that there is.
                windows.feed(&mut &*bytes, &Origin::file(oid), sink);
            }
        }
        true
    }
}

/// The file that a pointer of git-lfs means, if it names one.
/// <https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>
fn lfs_object(common: &Path, bytes: &[u8]) -> Option<PathBuf> {
    let text = String::from_utf8_lossy(bytes);
    let digest = text.lines().find_map(|line| line.strip_prefix("oid sha256:"))?.trim();
    let digest = Some(digest).filter(|digest| digest.len() == 64 && is_oid(digest))?;
    let objects = common.join("lfs").join("objects");
    Some(objects.join(digest.get(..2)?).join(digest.get(2..4)?).join(digest))
}

fn gap(sink: &dyn BlobSink, oid: &str, detail: &str) {
    sink.gap(Gap { origin: Origin::file(oid), reason: Reason::ReadError, detail: detail.to_owned() });
}

impl Source for Blobs<'_> {
    fn feed(&self, jobs: usize, sink: &dyn BlobSink) -> Result<(), SourceError> {
        let jobs = jobs.min(self.oids.len().div_ceil(WORTH_A_THREAD)).max(1);
        std::thread::scope(|scope| {
            // Cards dealt in turn: neighbours lie in one pack and come out of it together.
            let share = |first: usize| self.oids.chunks(64).skip(first).step_by(jobs).flatten().collect::<Vec<_>>();
            for first in 1..jobs {
                scope.spawn(move || self.share(&share(first), sink));
            }
            self.share(&share(0), sink);
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_name_files_below_the_directory_of_git_lfs() {
        let digest = "ab".repeat(32);
        let object = PathBuf::from(format!("common/lfs/objects/ab/ab/{digest}"));
        for (named, meant) in [
            (format!("oid sha256:{digest}\nsize 12\n"), Some(object)),
            ("oid sha256:../../x\n".to_owned(), None),
            (format!("oid sha256:{}\n", &digest[..40]), None),
            (String::new(), None),
        ] {
            let text = format!("version https://git-lfs.github.com/spec/v1\n{named}");
            assert_eq!(lfs_object(Path::new("common"), text.as_bytes()), meant, "{text}");
        }
    }
}
