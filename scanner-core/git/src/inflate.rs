//! Inflates zlib streams of known size.

use std::io::{self, Read};

use flate2::{Decompress, FlushDecompress, Status};

use super::deflate::{Decompressor, Refused};
use keyradius_core::error::Malformed;

/// Maximum number of bytes that one byte of deflate data can become (RFC 1951: 258 bytes from two bits), rounded up.
const RATIO: u64 = 1040;

/// The error for a stream that does not inflate.
pub(crate) const DAMAGED: &str = "zlib stream is damaged";
const OTHER_SIZE: &str = "object does not have its declared size";

/// Reused decompressors.
pub(crate) struct Inflater {
    /// For streams of known size in memory; `None` if there was no memory for it.
    whole: Option<Decompressor>,
    /// For streams of which only the start is needed.
    step: Decompress,
}

impl Default for Inflater {
    fn default() -> Self {
        Self { whole: Decompressor::new(), step: Decompress::new(true) }
    }
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inflater")
    }
}

impl Inflater {
    /// Inflates the stream at the start of `input`, which must have exactly `size` bytes of output and the right
    /// checksum. Returns how many bytes of input the stream has.
    pub(crate) fn exact(&mut self, input: &[u8], size: u64, out: &mut Vec<u8>) -> Result<usize, Malformed> {
        room(input.len() as u64, size, out)?;
        let Some(whole) = &mut self.whole else { return Err(Malformed::new("no memory to inflate it", 0)) };
        match whole.zlib(input, out) {
            Ok((read, given)) if given == out.len() => Ok(read),
            Ok((_, given)) => Err(Malformed::new(OTHER_SIZE, given)),
            Err(Refused::Damaged) => Err(Malformed::new(DAMAGED, 0)),
            Err(Refused::Longer) => Err(Malformed::new(OTHER_SIZE, out.len())),
        }
    }

    /// Inflates at most `out.len()` bytes from the start of the stream; returns how many there are.
    pub(crate) fn start(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize, Malformed> {
        self.step.reset(true);
        self.step.decompress(input, out, FlushDecompress::None).map_err(|_| Malformed::new(DAMAGED, 0))?;
        Ok(self.step.total_out() as usize)
    }
}

/// Resizes the buffer to the size of the object. Old contents are overwritten, not cleared first: clearing a large
/// buffer for each small object costs more than inflating. `input` is the length of the compressed bytes.
pub(crate) fn room(input: u64, size: u64, out: &mut Vec<u8>) -> Result<(), Malformed> {
    // A stream this short cannot have that much output: do not allocate for it.
    if size > input.saturating_mul(RATIO) {
        return Err(Malformed::new("declared size is impossible for its data", 0));
    }
    let Ok(wanted) = usize::try_from(size) else { return Err(Malformed::new("object larger than memory", 0)) };
    out.truncate(wanted);
    out.reserve_exact(wanted - out.len());
    out.resize(wanted, 0);
    Ok(())
}

/// Size of the input buffer of a stream, in bytes.
const CHUNK: usize = 64 << 10;

/// A zlib stream as a reader, for objects that are not held in memory. Fails unless the output has the declared size.
#[derive(Debug)]
pub(crate) struct Stream<R> {
    input: R,
    buffer: Vec<u8>,
    /// The range of the buffer that is not inflated yet.
    from: usize,
    to: usize,
    inflate: Decompress,
    size: u64,
    ended: bool,
}

impl<R: Read> Stream<R> {
    /// Reads the stream at the start of `input`.
    pub(crate) fn new(input: R, size: u64) -> Self {
        Self { input, buffer: vec![0; CHUNK], from: 0, to: 0, inflate: Decompress::new(true), size, ended: false }
    }

    /// The number of input bytes of the stream; `None` before it was read to its end.
    pub(crate) fn consumed(&self) -> Option<u64> {
        self.ended.then(|| self.inflate.total_in())
    }
}

impl<R: Read> Read for Stream<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while !self.ended && !out.is_empty() {
            if self.from == self.to {
                self.from = 0;
                self.to = self.input.read(&mut self.buffer)?;
            }
            let (read, wrote) = (self.inflate.total_in(), self.inflate.total_out());
            let input = self.buffer.get(self.from..self.to).unwrap_or_default();
            let no_more = input.is_empty();
            let status =
                self.inflate.decompress(input, out, FlushDecompress::None).map_err(|_| io::Error::other(DAMAGED))?;
            self.from += (self.inflate.total_in() - read) as usize;
            let given = (self.inflate.total_out() - wrote) as usize;
            self.ended = status == Status::StreamEnd;
            let total = self.inflate.total_out();
            if total > self.size || (self.ended && total != self.size) {
                return Err(io::Error::other(OTHER_SIZE));
            }
            if given > 0 {
                // The end marker may directly follow the last byte: the next call reads it, so that the length becomes
                // known.
                return Ok(given);
            }
            if no_more && !self.ended {
                return Err(io::Error::other("zlib stream is cut off"));
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::ZlibEncoder;
    use std::io::Write;

    fn deflate(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn the_declared_size_is_the_size() {
        for size in [0, 1, 1000, 100_000] {
            let content: Vec<u8> = (0..size).map(|i| (i * i % 251) as u8).collect();
            let mut stream = deflate(&content);
            let length = stream.len();
            stream.extend(b"and what follows in the pack");
            let mut inflater = Inflater::default();
            let mut out = Vec::new();
            assert_eq!(inflater.exact(&stream, size, &mut out), Ok(length));
            assert!(out == content);
            let mut refused = |stream: &[u8], size| inflater.exact(stream, size, &mut out).is_err();
            assert!(refused(&stream, size + 1));
            assert!(size == 0 || refused(&stream, size - 1));
            assert!(refused(&stream[..length - 1], size), "checksum cut off");
            assert!(refused(&stream, u64::MAX));
            let mut read = Vec::new();
            let mut whole = Stream::new(&stream[..], size);
            assert_eq!(whole.consumed(), None, "its end was not reached");
            assert!(whole.read_to_end(&mut read).is_ok() && read == content);
            assert_eq!(whole.consumed(), Some(length as u64));
            assert!(Stream::new(&stream[..], size + 1).read_to_end(&mut read).is_err());
            assert!(Stream::new(&stream[..length - 1], size).read_to_end(&mut Vec::new()).is_err());
        }
    }

    #[test]
    fn streams_of_another_size_are_refused() {
        let content = super::super::made::noise(1, 5000);
        let stream = deflate(&content);
        let mut inflater = Inflater::default();
        let mut out = vec![7; 9000];
        for size in [4999, 5001, 0, 4096] {
            assert!(inflater.exact(&stream, size, &mut out).is_err(), "{size}");
            assert!(Stream::new(&stream[..], size).read_to_end(&mut Vec::new()).is_err(), "{size}");
        }
        assert_eq!(inflater.exact(&stream, 5000, &mut out), Ok(stream.len()));
        assert_eq!((out.len(), out == content), (5000, true), "the buffer is not longer than the object");
    }

    #[test]
    fn impossible_sizes_are_not_allocated() {
        let mut out = Vec::new();
        for (input, size, fits) in
            [(1, RATIO, true), (1, RATIO + 1, false), (0, 0, true), (0, 1, false), (9, u64::MAX, false)]
        {
            assert_eq!(room(input, size, &mut out).is_ok(), fits, "{size} of {input}");
            assert!(out.capacity() <= 2 * RATIO as usize);
        }
        for (before, wanted) in [(100, 10), (10, 100), (10, 10)] {
            let mut out = vec![1; before];
            room(10, wanted, &mut out).unwrap();
            assert_eq!(out.len() as u64, wanted);
        }
    }

    #[test]
    fn a_start_has_the_requested_or_available_length() {
        let mut inflater = Inflater::default();
        for (length, asked) in [(100, 10), (10, 100), (0, 5)] {
            let content = super::super::made::noise(2, length);
            let mut out = vec![0; asked];
            let got = inflater.start(&deflate(&content), &mut out).unwrap();
            assert_eq!(out[..got], content[..length.min(asked)]);
        }
        assert!(inflater.start(b"not a stream", &mut [0; 9]).is_err());
    }

    #[test]
    fn a_stream_is_read_in_steps_of_any_size() {
        let content: Vec<u8> = (0..70_000_u64).map(|i| (i * i % 251) as u8).collect();
        let mut stream = deflate(&content);
        let length = stream.len();
        stream.extend(b"what follows");
        for step in [1, 100, 4096, 100_000] {
            let mut reader = Stream::new(&stream[..], content.len() as u64);
            let (mut read, mut part) = (Vec::new(), vec![0; step]);
            loop {
                let got = reader.read(&mut part).unwrap();
                if got == 0 {
                    break;
                }
                read.extend_from_slice(&part[..got]);
            }
            assert!(read == content && reader.consumed() == Some(length as u64), "step {step}");
        }
        assert_eq!(Stream::new(&stream[..], 1).read(&mut []).unwrap(), 0, "nothing is requested");
        let mut flipped = stream.clone();
        flipped[length - 1] ^= 1;
        assert!(Stream::new(&flipped[..], content.len() as u64).read_to_end(&mut Vec::new()).is_err(), "checksum");
        // More output than declared: refused before the end is reached, whatever the step.
        let mut reader = Stream::new(&stream[..], 10);
        let mut given = 0;
        let refused = loop {
            match reader.read(&mut [0; 4]) {
                Ok(0) => break false,
                Ok(got) => given += got,
                Err(_) => break true,
            }
        };
        assert!(refused && given <= 10, "{given}");
    }
}
