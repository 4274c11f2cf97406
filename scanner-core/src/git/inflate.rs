//! zlib streams of known size.

use std::io::{self, Read};

use flate2::{Decompress, FlushDecompress, Status};

use crate::error::Malformed;

/// Most bytes that one byte of deflate can become (RFC 1951: 258 bytes from two bits), rounded up.
const RATIO: u64 = 1040;

/// Reused decompressors.
pub(crate) struct Inflater {
    /// For streams whose size is known: libdeflate needs a sixth less time for a whole history than zlib-rs, most of it
    /// on the small streams that packs are made of (`benches/git-side-by-side.py` with one and with the other).
    whole: libdeflater::Decompressor,
    /// For streams whose length in the file is not known, or of which only the start is wanted.
    step: Decompress,
}

impl Default for Inflater {
    fn default() -> Self {
        Self { whole: libdeflater::Decompressor::new(), step: Decompress::new(true) }
    }
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inflater")
    }
}

impl Inflater {
    /// Inflates the stream at the start of `input`, which must give exactly `size` bytes and have the right checksum.
    pub(crate) fn exact(&mut self, input: &[u8], size: u64, out: &mut Vec<u8>) -> Result<(), Malformed> {
        room(input, size, out)?;
        match self.whole.zlib_decompress(input, out) {
            Ok(given) if given == out.len() => Ok(()),
            Ok(given) => Err(Malformed::new("object is not as large as it says", given)),
            Err(libdeflater::DecompressionError::BadData) => Err(Malformed::new("zlib stream is damaged", 0)),
            Err(libdeflater::DecompressionError::InsufficientSpace) => {
                Err(Malformed::new("object is not as large as it says", out.len()))
            }
        }
    }

    /// Does the same, and returns how many bytes of the input it was.
    pub(crate) fn measured(&mut self, input: &[u8], size: u64, out: &mut Vec<u8>) -> Result<usize, Malformed> {
        room(input, size, out)?;
        let damaged = Malformed::new("zlib stream is damaged", 0);
        // A byte of room more than there may be, so that a stream that goes on is seen to go on.
        out.push(0);
        self.step.reset(true);
        loop {
            let (read, wrote) = (self.step.total_in(), self.step.total_out());
            let rest = input.get(read as usize..).unwrap_or_default();
            let room = out.get_mut(wrote as usize..).unwrap_or_default();
            match self.step.decompress(rest, room, FlushDecompress::Finish) {
                Ok(Status::StreamEnd) => break,
                Ok(_)
                    if self.step.total_out() <= size
                        && (self.step.total_in(), self.step.total_out()) > (read, wrote) => {}
                _ => return Err(damaged),
            }
        }
        if self.step.total_out() != size {
            return Err(Malformed::new("object is not as large as it says", self.step.total_out() as usize));
        }
        out.pop();
        Ok(self.step.total_in() as usize)
    }

    /// Inflates at most `out.len()` bytes from the start of the stream; returns how many there were.
    pub(crate) fn start(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize, Malformed> {
        self.step.reset(true);
        self.step
            .decompress(input, out, FlushDecompress::None)
            .map_err(|_| Malformed::new("zlib stream is damaged", 0))?;
        Ok(self.step.total_out() as usize)
    }
}

/// Makes the buffer as long as the object. What it held is overwritten, not cleared first: clearing a large buffer for
/// each small object costs more than inflating.
fn room(input: &[u8], size: u64, out: &mut Vec<u8>) -> Result<(), Malformed> {
    // A stream this short cannot give that much: do not allocate for it.
    if size > (input.len() as u64).saturating_mul(RATIO) {
        return Err(Malformed::new("declared size beyond its data", 0));
    }
    let Ok(wanted) = usize::try_from(size) else { return Err(Malformed::new("object larger than memory", 0)) };
    out.truncate(wanted);
    out.reserve_exact(wanted + 1 - out.len());
    out.resize(wanted, 0);
    Ok(())
}

/// A zlib stream as a reader, for objects that are not held whole. Fails unless it gives exactly the declared size.
#[derive(Debug)]
pub(crate) struct Stream<'a> {
    input: &'a [u8],
    inflate: Decompress,
    size: u64,
    ended: bool,
}

impl<'a> Stream<'a> {
    /// Over the stream at the start of `input`.
    pub(crate) fn new(input: &'a [u8], size: u64) -> Self {
        Self { input, inflate: Decompress::new(true), size, ended: false }
    }

    /// How many bytes of the input were read.
    pub(crate) fn consumed(&self) -> usize {
        self.inflate.total_in() as usize
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.ended || out.is_empty() {
            return Ok(0);
        }
        let (read, wrote) = (self.inflate.total_in(), self.inflate.total_out());
        let rest = self.input.get(read as usize..).unwrap_or_default();
        let status = self
            .inflate
            .decompress(rest, out, FlushDecompress::None)
            .map_err(|_| io::Error::other("zlib stream is damaged"))?;
        let given = (self.inflate.total_out() - wrote) as usize;
        match status {
            Status::StreamEnd => self.ended = true,
            _ if given == 0 && self.inflate.total_in() == read => {
                return Err(io::Error::other("zlib stream is cut off"));
            }
            _ => {}
        }
        let total = self.inflate.total_out();
        if total > self.size || (self.ended && total != self.size) {
            return Err(io::Error::other("object is not as large as it says"));
        }
        if given == 0 && !self.ended { self.read(out) } else { Ok(given) }
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
            assert_eq!(inflater.measured(&stream, size, &mut out), Ok(length));
            assert!(out == content);
            out.fill(0);
            assert_eq!(inflater.exact(&stream, size, &mut out), Ok(()));
            assert!(out == content);
            let mut refused = |stream: &[u8], size| {
                inflater.exact(stream, size, &mut out).is_err() && inflater.measured(stream, size, &mut out).is_err()
            };
            assert!(refused(&stream, size + 1));
            assert!(size == 0 || refused(&stream, size - 1));
            assert!(refused(&stream[..length - 1], size), "checksum cut off");
            assert!(refused(&stream, u64::MAX));
            let mut read = Vec::new();
            assert!(Stream::new(&stream, size).read_to_end(&mut read).is_ok() && read == content);
            assert!(Stream::new(&stream, size + 1).read_to_end(&mut read).is_err());
            assert!(Stream::new(&stream[..length - 1], size).read_to_end(&mut Vec::new()).is_err());
        }
    }

    #[test]
    fn a_stream_that_goes_on_is_not_cut_to_its_size() {
        let content = super::super::made::noise(1, 5000);
        let stream = deflate(&content);
        let mut inflater = Inflater::default();
        let mut out = vec![7; 9000];
        for size in [4999, 5001, 0, 4096] {
            assert!(inflater.exact(&stream, size, &mut out).is_err(), "{size}");
            assert!(inflater.measured(&stream, size, &mut out).is_err(), "{size}");
            assert!(Stream::new(&stream, size).read_to_end(&mut Vec::new()).is_err(), "{size}");
        }
        assert_eq!(inflater.measured(&stream, 5000, &mut out), Ok(stream.len()));
        assert_eq!((out.len(), out == content), (5000, true), "no byte of room is left behind");
    }

    #[test]
    fn no_room_is_made_for_what_a_stream_cannot_give() {
        let mut out = Vec::new();
        for (input, size, fits) in
            [(1, RATIO, true), (1, RATIO + 1, false), (0, 0, true), (0, 1, false), (9, u64::MAX, false)]
        {
            assert_eq!(room(&vec![0; input], size, &mut out).is_ok(), fits, "{size} of {input}");
            assert!(out.capacity() <= 2 * RATIO as usize);
        }
        for (before, wanted) in [(100, 10), (10, 100), (10, 10)] {
            let mut out = vec![1; before];
            room(&[0; 10], wanted, &mut out).unwrap();
            assert_eq!(out.len() as u64, wanted);
        }
    }

    #[test]
    fn a_start_is_as_long_as_asked_or_as_there_is() {
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
            let mut reader = Stream::new(&stream, content.len() as u64);
            let (mut read, mut part) = (Vec::new(), vec![0; step]);
            loop {
                let got = reader.read(&mut part).unwrap();
                if got == 0 {
                    break;
                }
                read.extend_from_slice(&part[..got]);
            }
            assert!(read == content && reader.consumed() == length, "step {step}");
        }
        assert_eq!(Stream::new(&stream, 1).read(&mut []).unwrap(), 0, "nothing is asked");
        let mut flipped = stream.clone();
        flipped[length - 1] ^= 1;
        assert!(Stream::new(&flipped, content.len() as u64).read_to_end(&mut Vec::new()).is_err(), "checksum");
        // More than it says: refused before the end is reached, whatever the step.
        let mut reader = Stream::new(&stream, 10);
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
