//! The directory of evidence: created before the search, written after it.

use std::cell::RefCell;
use std::fs::DirBuilder;
use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use jiff::Timestamp;
use keyradius_core::blob::printable_path;
use keyradius_core::hex::hex;
use keyradius_core::source::digest::FileDigest;
use keyradius_detectors::facts;
use sha2::{Digest, Sha256};

use crate::args::hunt::HuntArgs;
use crate::args::is_stdin;
use crate::command::scan;
use crate::confine::Confinement;
use crate::draft::{Existing, Place, check_way};
use crate::exit::{Exit, Failure, plain};
use crate::moment;
use crate::plan::Plan;
use crate::report::build;
use crate::report::evidence::{self, Case, FILES, FileSum, Log, MANIFEST, Machine, Manifest, Read, SUMS, Source};
use crate::report::hunt::Hunt;
use crate::report::model::{Text, Tool, Word};
use crate::surroundings::{self, Surroundings};

/// An evidence directory to be written, and what is known before the search.
#[derive(Debug)]
pub(in crate::command) struct Bundle {
    shown: String,
    places: Vec<(&'static str, Place)>,
    case: Option<Text>,
    examiner: Option<Text>,
    directory: Text,
    machine: Machine,
    binary_sha256: Option<Word>,
    started: Timestamp,
    /// Since `started`: nobody sets it.
    clock: Instant,
    log: Log,
}

impl Bundle {
    /// Creates the directory that the arguments name, if they name one. It must be new or empty, and outside of the
    /// sources, which it would change.
    pub(in crate::command) fn create(args: &HuntArgs, around: &Surroundings) -> Result<Option<Self>, Failure> {
        let Some(path) = &args.evidence else { return Ok(None) };
        let shown = printable_path(path);
        let fail = |why: &str, hint: &str| Failure::new(format!("cannot write evidence to {shown}: {why}")).hint(hint);
        check_way(&path.join(MANIFEST))?;
        let whole = around.directory.join(path);
        if let Some(source) = args.sources.iter().find(|source| contains(&around.directory.join(source), &whole)) {
            let why = format!("it is in {}, which is searched", printable_path(source));
            return Err(fail(&why, "name a directory outside of what is searched: evidence must not change it"));
        }
        let mut builder = DirBuilder::new();
        // What was found where is for the examiner only.
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(&whole) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(fail(&plain(&error), "name a new directory in an existing one that you can write to"));
            }
            _ => {}
        }
        let mut entries = whole.read_dir().map_err(|error| fail(&plain(&error), "name a new or an empty directory"))?;
        if entries.next().is_some() {
            return Err(fail("it is not empty", "name a new directory: evidence is never written over other evidence"));
        }
        let names = FILES.into_iter().chain([MANIFEST, SUMS]);
        let place = |name| Place::at(&whole.join(name)).map(|place| (name, place));
        let places = names.map(place).collect::<io::Result<_>>();
        let places = places.map_err(|error| fail(&plain(&error), "name a directory that you can write to"))?;
        let (host, system) = surroundings::machine();
        let mut bundle = Self {
            shown: shown.clone(),
            places,
            case: args.case.as_deref().map(Text::from),
            examiner: args.examiner.as_deref().map(Text::from),
            directory: printable_path(&around.directory).into(),
            machine: Machine { host: host.into(), system: system.into() },
            binary_sha256: binary().map(Word::from),
            started: around.now,
            clock: Instant::now(),
            log: Log::default(),
        };
        bundle.log("started", None);
        Ok(Some(bundle))
    }

    /// The place of a file in the directory: the one that the process may write to.
    pub(in crate::command) fn place(&self) -> Option<&Place> {
        self.places.first().map(|(_, place)| place)
    }

    /// Adds an event to the log.
    pub(in crate::command) fn log(&mut self, event: &'static str, detail: Option<String>) {
        let elapsed = self.clock.elapsed();
        let at = self.started.checked_add(elapsed).unwrap_or(self.started);
        let nanoseconds = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        self.log.add((moment::text(at.as_second()).into(), nanoseconds), event, detail);
    }

    /// Writes all files.
    pub(in crate::command) fn write(
        mut self,
        plan: &Plan,
        confinement: &Confinement,
        (answer, exit): (&Hunt, Exit),
        (read, unlisted, changed): (&[FileDigest], u64, u64),
    ) -> Result<(), Failure> {
        self.log("writing evidence", None);
        let sum = |count: fn(&FileDigest) -> u64| read.iter().map(count).sum();
        let (started, finished) = answer.times();
        let mut manifest = Manifest {
            schema: evidence::SCHEMA.into(),
            case: self.case.take(),
            examiner: self.examiner.take(),
            machine: self.machine,
            tool: Tool::THIS,
            binary_sha256: self.binary_sha256.take(),
            rules: facts::rules(&plan.search.knowledge()).into(),
            confinement: confinement.describe().into_iter().map(Text::from).collect(),
            directory: self.directory,
            reading: build::reading(Some(&plan.reading), plan.passwords, &plan.limits),
            passwords_given: plan.given.len(),
            started: started.clone(),
            finished: finished.clone(),
            complete: answer.is_complete(),
            interrupted: answer.interrupted(),
            redacted: answer.redacted(),
            exit_code: exit.code(),
            sources: plan.targets.iter().map(|source| source_of(source, &plan.telling.directory, read)).collect(),
            read: Read {
                files: read.len() as u64,
                bytes: sum(|file| file.size),
                bytes_again: sum(|file| file.again),
                without_digest: sum(|file| file.sha256.is_none().into()),
                unlisted,
                changed,
                git_objects: answer.coverage().objects(),
            },
            files: Vec::new(),
        };
        if manifest.redacted {
            manifest.machine.host = "(left out)".into();
        }
        let mut sums = Vec::new();
        for (name, place) in &self.places {
            let hashed = match *name {
                SUMS => put(place, &|out| out.write_all(evidence::sums(&sums).as_bytes())),
                name => {
                    let case = Case { answer, read, log: &self.log, manifest: &manifest };
                    put(place, &|out| case.write(name, out))
                }
            };
            let (size, sha256) = hashed.map_err(|error| {
                Failure::new(format!("cannot write {name} to {}: {}", self.shown, plain(&error)))
                    .hint("check that the disk is not full; hunt again with another directory")
            })?;
            let file = FileSum { file: (*name).into(), size, sha256: sha256.into() };
            if *name != MANIFEST {
                manifest.files.push(file.clone());
            }
            sums.push(file);
        }
        Ok(())
    }
}

/// Whether a path lies in a source. Links are resolved, as far as the path exists.
fn contains(source: &Path, path: &Path) -> bool {
    let whole = |path: &Path| path.canonicalize().ok();
    let Some(source) = whole(source).filter(|source| source.is_dir()) else { return false };
    let nearest = path.ancestors().find_map(whole);
    nearest.is_some_and(|nearest| nearest.starts_with(&source))
}

/// SHA-256 of the running program.
fn binary() -> Option<String> {
    let mut file = std::fs::File::open(std::env::current_exe().ok()?).ok()?;
    let mut hash = Hashed::new(io::sink());
    io::copy(&mut file, &mut hash).ok()?;
    Some(hash.end().1)
}

/// A source with the digest of what was read of it.
fn source_of(source: &Path, here: &Path, read: &[FileDigest]) -> Source {
    let digest = read.iter().find(|file| file.path == source);
    let kind = if is_stdin(source) {
        "standard_input"
    } else {
        std::fs::metadata(here.join(source)).map_or("other", |metadata| kind(metadata.file_type()))
    };
    Source {
        named: printable_path(source).into(),
        kind: kind.into(),
        size: digest.map(|file| file.size),
        sha256: digest.and_then(|file| file.sha256).map(|digest| hex(&digest).into()),
    }
}

fn kind(kind: std::fs::FileType) -> &'static str {
    #[cfg(unix)]
    if std::os::unix::fs::FileTypeExt::is_block_device(&kind) {
        return "device";
    }
    match kind {
        kind if kind.is_dir() => "directory",
        kind if kind.is_file() => "file",
        _ => "other",
    }
}

/// Writes a file that does not exist yet. Returns its size and its SHA-256.
fn put(place: &Place, write: &dyn Fn(&mut dyn Write) -> io::Result<()>) -> io::Result<(u64, String)> {
    let done = RefCell::new(None);
    place.put_by(
        &|file| {
            let mut hashed = Hashed::new(file);
            write(&mut hashed)?;
            done.replace(Some(hashed.end()));
            Ok(())
        },
        Existing::Keep,
    )?;
    done.take().ok_or_else(|| io::ErrorKind::Other.into())
}

/// A writer that hashes what passes.
pub(super) struct Hashed<W> {
    to: W,
    hash: Sha256,
    size: u64,
}

impl<W> Hashed<W> {
    pub(super) fn new(to: W) -> Self {
        Self { to, hash: Sha256::new(), size: 0 }
    }

    /// The number of bytes, and their digest in hexadecimal.
    pub(super) fn end(self) -> (u64, String) {
        (self.size, hex(&self.hash.finalize()))
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// The digests of a run whose paths are written as people write them, and how many changed since another run.
pub(in crate::command) fn settled(mut read: Vec<FileDigest>, before: &[FileDigest]) -> (Vec<FileDigest>, u64) {
    let is_changed = |file: &&FileDigest| {
        before
            .binary_search_by(|other| other.path.cmp(&file.path))
            .is_ok_and(|at| before.get(at).is_some_and(|other| other.sha256 != file.sha256))
    };
    let changed = read.iter().filter(is_changed).count() as u64;
    for file in &mut read {
        scan::shorten(&mut file.path);
    }
    (read, changed)
}
