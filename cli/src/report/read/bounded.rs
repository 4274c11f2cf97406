//! A reader that fails at a limit of bytes.

use std::io::{self, Read};

/// A reader that fails if its input exceeds a number of bytes.
pub(super) struct Bounded<R> {
    from: R,
    left: u64,
    exceeded: bool,
}

impl<R: Read> Bounded<R> {
    pub(super) const fn new(from: R, most: u64) -> Self {
        Self { from, left: most, exceeded: false }
    }

    /// Whether the input exceeded the limit.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_for_the_sum_of_all_reads() {
        for (most, whole) in [(0, false), (9, false), (10, true), (11, true), (u64::MAX, true)] {
            // Two reads, neither of them beyond the limit of 9.
            let mut input = Bounded::new((&b"12345"[..]).chain(&b"67890"[..]), most);
            let mut read = Vec::new();
            assert_eq!(input.read_to_end(&mut read).is_ok(), whole, "{most}");
            assert_eq!((input.exceeded(), read.len() == 10), (!whole, whole), "{most}");
        }
    }
}
