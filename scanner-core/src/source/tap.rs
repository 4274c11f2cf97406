//! Hashes what a source reads, while it reads it, and adds the digest to those of the run.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::digest::FileDigest;
use crate::read_at::ReadAt;
use crate::run::Run;

/// How many bytes are read at once of what the search did not read in order.
const BLOCK: usize = 1 << 20;

/// How many bytes are read to learn whether there are any.
const PROBE: usize = 64;

/// The digest of the bytes up to a position.
#[derive(Default)]
struct State {
    hash: Sha256,
    at: u64,
    failed: bool,
}

/// A reader whose bytes are hashed as they pass, if the run wants digests.
pub(super) struct Tap<R> {
    input: RefCell<R>,
    state: Option<RefCell<State>>,
}

impl<R> Tap<R> {
    pub(super) fn new(input: R, run: &Run<'_>) -> Self {
        Self { input: RefCell::new(input), state: run.digests().map(|_| RefCell::default()) }
    }

    /// Counts zeros that the reader skips.
    pub(super) fn zeros(&self, count: u64) {
        let Some(state) = &self.state else { return };
        let mut state = state.borrow_mut();
        let zeros = [0; 4096];
        let mut left = count;
        while let Some(part) = zeros.get(..usize::try_from(left).unwrap_or(usize::MAX).min(zeros.len())) {
            if part.is_empty() {
                break;
            }
            state.hash.update(part);
            left -= part.len() as u64;
        }
        state.at += count;
    }

    /// Leaves the digest out: some bytes could not be read.
    pub(super) fn fail(&self) {
        if let Some(state) = &self.state {
            state.borrow_mut().failed = true;
        }
    }

    /// Records the digest of a stream, after reading what is left of it.
    pub(super) fn end(self, path: &Path, run: &Run<'_>)
    where
        R: Read,
    {
        if self.state.is_some() {
            let _ = io::copy(&mut &self, &mut io::sink());
        }
        if let (Some(digests), Some(state)) = (run.digests(), self.state) {
            let State { hash, at, failed } = state.into_inner();
            let sha256 = (!failed && !run.cancelled()).then(|| hash.finalize().into());
            digests.add(FileDigest { path: path.to_owned(), size: at, sha256, again: 0 });
        }
    }

    /// Records the digest of a file, and reads for it what did not pass yet.
    pub(super) fn end_file(self, path: &Path, file: &File, run: &Run<'_>) {
        let (Some(digests), Some(state)) = (run.digests(), self.state) else { return };
        let State { mut hash, mut at, failed: mut stop } = state.into_inner();
        let read = at;
        // Most files have been read to their end: a large block would cost more than they do.
        let mut block = vec![0; PROBE];
        while !stop {
            match ReadAt::read_at(file, at, &mut block) {
                Ok(0) => break,
                Ok(read) => {
                    hash.update(block.get(..read).unwrap_or_default());
                    at += read as u64;
                    stop = run.cancelled();
                    if block.len() < BLOCK {
                        zeroize::Zeroize::zeroize(&mut block);
                        block = vec![0; BLOCK];
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => stop = true,
            }
        }
        zeroize::Zeroize::zeroize(&mut block);
        let sha256 = (!stop).then(|| hash.finalize().into());
        digests.add(FileDigest { path: path.to_owned(), size: at, sha256, again: at - read });
    }
}

impl<R: Read> Read for &Tap<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let done = self.input.borrow_mut().read(into);
        if let Some(state) = &self.state {
            let mut state = state.borrow_mut();
            match &done {
                Ok(read) => {
                    state.hash.update(into.get(..*read).unwrap_or_default());
                    state.at += *read as u64;
                }
                Err(error) => state.failed |= error.kind() != io::ErrorKind::Interrupted,
            }
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::digest::Digests;
    use super::*;
    use crate::budget::Limits;
    use crate::engine::{Engine, Progress};
    use crate::hex::hex;
    use crate::seam::Knowledge;

    /// A reader that fails after some bytes.
    struct Cut(&'static [u8]);

    impl Read for Cut {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            match self.0.read(into)? {
                0 => Err(io::Error::other("bad sector")),
                read => Ok(read),
            }
        }
    }

    /// SHA-256 of `abc` followed by 5,000 zeros, as sha256sum prints it.
    const ABC_ZEROS: &str = "128525ff22f211ab1b85b36e150d80fd1e9d0c9160e926d6ee2f3472a812a2af";

    #[test]
    fn every_byte_counts_once_whatever_was_read() {
        let digests = Digests::default();
        let engine = Engine::new(Knowledge::default(), Limits::default()).digesting(&digests);
        let progress = Progress::default();
        let run = engine.run(&progress);
        let path = std::env::temp_dir().join(format!("keyradius-digest-{}", std::process::id()));
        fs::write(&path, [&b"abc"[..], &[0; 5000]].concat()).unwrap();
        for (read, skipped) in [(0, 0), (2, 0), (3, 5000), (3, 17), (5003, 0)] {
            let file = File::open(&path).unwrap();
            let tap = Tap::new(&file, &run);
            (&tap).read_exact(&mut vec![0; read]).unwrap();
            tap.zeros(skipped);
            tap.end_file(&path, &file, &run);
        }
        let tap = Tap::new(Cut(b"abc"), &run);
        assert!((&tap).read_to_end(&mut Vec::new()).is_err());
        tap.end(Path::new("z"), &run);
        fs::remove_file(&path).unwrap();
        let (mut kept, over) = digests.take();
        let cut = kept.pop().unwrap();
        assert_eq!((cut.sha256, cut.size, over, kept.len()), (None, 3, 0, 5));
        for file in &kept {
            assert_eq!((file.size, hex(&file.sha256.unwrap()).as_str()), (5003, ABC_ZEROS));
        }
        let again: Vec<u64> = kept.iter().map(|file| file.again).collect();
        assert_eq!(again, [0, 0, 4983, 5001, 5003]);
    }
}
