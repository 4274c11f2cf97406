//! Input that ends with an error at a limit.

use std::io::{self, Read};

/// A reader of at most so many bytes.
pub(super) struct Bounded<R> {
    from: R,
    left: u64,
    exceeded: bool,
}

impl<R: Read> Bounded<R> {
    pub(super) const fn new(from: R, most: u64) -> Self {
        Self { from, left: most, exceeded: false }
    }

    /// Whether there was more.
    pub(super) const fn exceeded(&self) -> bool {
        self.exceeded
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let got = self.from.read(into)?;
        if let Some(left) = self.left.checked_sub(got as u64) {
            self.left = left;
            return Ok(got);
        }
        self.exceeded = true;
        Err(io::ErrorKind::FileTooLarge.into())
    }
}
