//! Consecutive compressed streams read as one stream, and the bytes that decompressors skip: skippable frames (RFC 8878
//! 3.1.2, LZ4 Frame Format), and data after the last stream.
//!
//! Decompressors ignore those bytes, so they may hide a key. Each skippable frame and the data after the last stream
//! are handed out as members.

use std::io::{self, BufRead, BufReader, Read};

use keyradius_core::error::Reason;
use keyradius_core::seam::{Inside, Member, Unopenable};

use super::{READ, only_member};

/// Maximum number of bytes of skippable frames kept per stream.
pub(crate) const ASIDE: usize = 4 << 20;

/// Minimum length of a skippable frame that is searched, in bytes: no key is shorter.
const SHORTEST: usize = 32;

/// Length of a magic number, in bytes.
const MAGIC: usize = 4;

/// Most zeros that are handed out before the data after the last stream, because a container may begin with them: an
/// ISO image with 32 KiB.
pub(crate) const PADDING: u64 = 40 << 10;

/// Whether a magic number is that of a skippable frame. Zstandard and LZ4 share these numbers.
const fn is_skippable(magic: &[u8]) -> bool {
    matches!(magic, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// A decoder of one stream, which stops at the end of the stream.
pub(crate) trait Stream<'r>: Read + Sized {
    /// Returns the input of the decoder.
    fn input(&mut self) -> &mut Input<'r>;
    /// Returns a decoder for the next stream of the same input.
    fn again(self) -> Self;
}

/// The input of a decoder, with the few bytes that were read ahead between two streams.
pub(crate) struct Input<'r> {
    bytes: BufReader<&'r mut dyn Read>,
    looked: [u8; MAGIC],
    /// Number of bytes read ahead, and how many of them were returned since.
    have: usize,
    given: usize,
    /// Number of zeros after the last stream.
    padding: u64,
    skipped: Vec<Vec<u8>>,
    /// Total length of `skipped`, in bytes.
    kept: usize,
    /// Whether frames were dropped because they were too many or too large.
    lost: bool,
}

impl<'r> Input<'r> {
    pub(crate) fn new(bytes: &'r mut dyn Read) -> Self {
        Self {
            bytes: BufReader::with_capacity(READ, bytes),
            looked: [0; MAGIC],
            have: 0,
            given: 0,
            padding: 0,
            skipped: Vec::new(),
            kept: 0,
            lost: false,
        }
    }

    /// Reads ahead, keeping the bytes already read ahead except for the first `zeros`.
    fn look(&mut self, zeros: usize) -> io::Result<[u8; MAGIC]> {
        self.looked.rotate_left(zeros.min(MAGIC));
        (self.have, self.given) = (self.have.saturating_sub(zeros), 0);
        while let Some(room) = self.looked.get_mut(self.have..).filter(|room| !room.is_empty()) {
            match self.bytes.read(room) {
                Ok(0) => break,
                Ok(read) => self.have += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.looked)
    }

    /// Advances to the next stream: over padding, and over skippable frames if `skips`. Returns whether there is a next
    /// stream.
    pub(crate) fn next(&mut self, begins: fn(&[u8]) -> bool, skips: bool) -> io::Result<bool> {
        let mut zeros = MAGIC;
        self.padding = 0;
        loop {
            let looked = self.look(zeros)?;
            let start = looked.get(..self.have).unwrap_or_default();
            if begins(start) {
                return Ok(true);
            }
            zeros = if skips && is_skippable(start) {
                self.skip()?;
                self.padding = 0;
                MAGIC
            } else {
                let zeros = start.iter().take_while(|byte| **byte == 0).count();
                self.padding += zeros as u64;
                zeros
            };
            if zeros == 0 {
                return Ok(false);
            }
        }
    }

    /// Reads a skippable frame and keeps it if it fits.
    fn skip(&mut self) -> io::Result<()> {
        let mut length = [0; 4];
        self.bytes.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length);
        let mut content = Read::take(&mut self.bytes, u64::from(length));
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let fits = length >= SHORTEST && self.kept.saturating_add(length) <= ASIDE;
        let read = if fits {
            self.kept += length;
            let mut frame = Vec::with_capacity(length);
            let read = content.read_to_end(&mut frame);
            self.skipped.push(frame);
            read?
        } else {
            self.lost |= length >= SHORTEST;
            usize::try_from(io::copy(&mut content, &mut io::sink())?).unwrap_or(usize::MAX)
        };
        if read < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

impl Read for Input<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.given == self.have {
            return self.bytes.read(into);
        }
        let read = self.looked.get(self.given..self.have).unwrap_or_default().read(into)?;
        self.given += read;
        Ok(read)
    }
}

impl BufRead for Input<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.given == self.have {
            return self.bytes.fill_buf();
        }
        Ok(self.looked.get(self.given..self.have).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        if self.given == self.have {
            self.bytes.consume(amount);
        } else {
            self.given = self.have.min(self.given + amount);
        }
    }
}

/// Consecutive streams of one format as one stream.
struct Joined<D> {
    /// `None` only while a decoder is replaced by the next.
    decoder: Option<D>,
    begins: fn(&[u8]) -> bool,
    skips: bool,
    /// Whether the decoder is inside a stream.
    within: bool,
    ended: bool,
}

impl<'r, D: Stream<'r>> Read for Joined<D> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while let Some(decoder) = self.decoder.as_mut().filter(|_| !self.ended && !into.is_empty()) {
            if !self.within {
                self.ended = true;
                if !decoder.input().next(self.begins, self.skips)? {
                    break;
                }
                (self.ended, self.within) = (false, true);
            }
            let read = decoder.read(into)?;
            if read > 0 {
                return Ok(read);
            }
            self.within = false;
            self.decoder = self.decoder.take().map(D::again);
        }
        Ok(0)
    }
}

/// Hands out the output of all streams of a format as one member, then the data between and after them. `begins`
/// recognises the start of a stream by its first four bytes; `skips` is whether the format has skippable frames.
pub(crate) fn open<'r, D: Stream<'r>>(
    decoder: D,
    inside: &mut dyn Inside,
    what: &'static str,
    begins: fn(&[u8]) -> bool,
    skips: bool,
) -> Result<(), Unopenable> {
    let mut joined = Joined { decoder: Some(decoder), begins, skips, within: false, ended: false };
    let opened = only_member(&mut joined, inside, what);
    let Some(mut decoder) = joined.decoder else { return opened };
    let input = decoder.input();
    let skipped = std::mem::take(&mut input.skipped);
    if opened.is_err() {
        if skipped.is_empty() {
            return opened;
        }
        inside.unread(Member { name: b"", at: 0 }, Reason::Damaged, what);
    }
    if input.lost {
        inside.unread(Member { name: b"skippable", at: 0 }, Reason::TooLarge, "skippable frames");
    }
    for frame in skipped {
        if inside.member(Member { name: b"skippable", at: 0 }, &mut frame.as_slice()).is_break() {
            return Ok(());
        }
    }
    // After an error the end of the stream is unknown.
    if joined.ended && opened.is_ok() && input.have > input.given {
        let padding = io::repeat(0).take(input.padding.min(PADDING));
        let _ = inside.member(Member { name: b"trailing", at: 0 }, &mut padding.chain(input));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use keyradius_core::seam::Container;

    use super::super::super::{bzip2::Bzip2, lz4::Lz4, lzma::Lzma, xz::Xz, zstd::Zstd};
    use super::super::tests::open;
    use super::*;

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::stream::encode_all(bytes, 1).unwrap()
    }

    fn lz4(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn bzip2(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// "hello" as written by `xz -0`.
    const XZ: &[u8] = b"\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4F\x02\x00!\x01\x0c\x00\x00\x00\x8f\x98A\x9c\x01\x00\x04hello\
                        \x00\x00\x00\x00\xb17\xb9\xdb\xe5\xda\x1e\x9b\x00\x01\x1d\x05\xb8-\x80\xaf\x1f\xb6\xf3}\x01\x00\x00\
                        \x00\x00\x04YZ";
    /// "hello" as written by `xz --format=lzma -0`.
    const LZMA: &[u8] =
        b"\x5d\x00\x00\x04\x00\xff\xff\xff\xff\xff\xff\xff\xff\x00\x34\x19\x49\xdb\x85\x64\xf1\x93\xb1\xff\
                          \xfb\x8f\xc0\x00";

    fn skippable(number: u8, bytes: &[u8]) -> Vec<u8> {
        [&[0x50 | number, 0x2a, 0x4d, 0x18][..], &(bytes.len() as u32).to_le_bytes(), bytes].concat()
    }

    /// Returns the members: the stream, then skippable frames and trailing data.
    fn told(container: &dyn Container, bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
        assert!(container.claims(bytes));
        let (result, out) = open(container, bytes);
        assert_eq!(result, Ok(()));
        assert_eq!(out.unread, []);
        out.members
            .into_iter()
            .map(|(name, bytes, fault)| {
                assert_eq!(fault, None);
                (name, bytes)
            })
            .collect()
    }

    #[test]
    fn skippable_frames_are_members() {
        let long: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        let aside = [7; 100];
        for (container, pack) in [(&Zstd as &dyn Container, zstd as fn(&[u8]) -> Vec<u8>), (&Lz4, lz4)] {
            let between =
                [pack(b"one "), skippable(0, &aside), skippable(15, &[1; 8]), pack(&long), skippable(9, &aside)]
                    .concat();
            let all = [b"one ", &long[..]].concat();
            let frame = ("skippable".to_owned(), aside.to_vec());
            assert!(
                told(container, &between) == [(String::new(), all), frame.clone(), frame],
                "{}",
                container.about().id
            );
        }
    }

    #[test]
    fn a_skippable_frame_may_come_first() {
        let frame = ("skippable".to_owned(), vec![7; 100]);
        for number in [0, 7, 15] {
            let first = skippable(number, &[7; 100]);
            let out = told(&Zstd, &[&first[..], &zstd(b"hello")].concat());
            assert_eq!(out, [(String::new(), b"hello".to_vec()), frame.clone()]);
            // Data other than a Zstandard frame is handed out as it is.
            let out = told(&Zstd, &[&first[..], &lz4(b"hello")].concat());
            assert_eq!(out, [(String::new(), vec![]), frame.clone(), ("trailing".to_owned(), lz4(b"hello"))]);
            assert_eq!(told(&Zstd, &first), [(String::new(), vec![]), frame.clone()]);
        }
    }

    #[test]
    fn data_after_the_last_stream_is_a_member() {
        let cases: [(&dyn Container, Vec<u8>); 5] = [
            (&Zstd, zstd(b"hello")),
            (&Lz4, lz4(b"hello")),
            (&Bzip2, bzip2(b"hello")),
            (&Xz, XZ.to_vec()),
            (&Lzma, LZMA.to_vec()),
        ];
        for (container, one) in cases {
            let id = container.about().id;
            let hello = (String::new(), b"hello".to_vec());
            assert_eq!(told(container, &one), std::slice::from_ref(&hello), "{id}");
            let behind = told(container, &[&one[..], b"and more"].concat());
            assert_eq!(behind, [hello, ("trailing".to_owned(), b"and more".to_vec())], "{id}");
            let padded = told(container, &[&one[..], &[0; 8], b"and more"].concat());
            assert!(padded.last().unwrap().1.ends_with(b"and more"), "{id}");
            if id != "lzma" {
                let twice = told(container, &[&one[..], &[0; 8], &one].concat());
                assert_eq!(twice, [(String::new(), b"hellohello".to_vec())], "{id}");
            }
        }
    }

    #[test]
    fn too_many_skippable_frames_are_reported() {
        for content in [vec![skippable(0, &vec![7; ASIDE + 1])], vec![skippable(0, &vec![7; 1 << 20]); 5]] {
            let (result, out) = open(&Zstd, &[zstd(b"hello"), content.concat(), zstd(b" there")].concat());
            assert_eq!((result, out.members[0].1.as_slice()), (Ok(()), &b"hello there"[..]));
            assert_eq!(out.unread, [("skippable".to_owned(), Reason::TooLarge, "skippable frames".to_owned())]);
        }
        let mut cut = [zstd(b"hello"), skippable(0, &[7; 100])].concat();
        cut.truncate(cut.len() - 1);
        let (_, out) = open(&Zstd, &cut);
        assert!(out.members[0].2.is_some(), "{:?}", out.members);
        assert_eq!(out.members[1].1, [7; 99]);
    }

    #[test]
    fn unsupported_streams_are_reported() {
        let dictionary: Vec<u8> = (0..=u8::MAX).collect();
        let mut compressor = zstd::bulk::Compressor::with_dictionary(19, &dictionary).unwrap();
        let with_dictionary = compressor.compress(&[&dictionary[..200], b"hello"].concat()).unwrap();
        // The header is recognised although its checksum does not match.
        let mut of_lz4 = lz4(b"hello");
        of_lz4[6] ^= 1;
        let mut of_xz = XZ.to_vec();
        of_xz[7] = 2;
        let mut sum = flate2::Crc::new();
        sum.update(&of_xz[6..8]);
        of_xz[8..12].copy_from_slice(&sum.sum().to_le_bytes());
        let containers: [(&dyn Container, Vec<u8>); 3] = [(&Zstd, with_dictionary), (&Lz4, of_lz4), (&Xz, of_xz)];
        for (container, bytes) in containers {
            let id = container.about().id;
            let keyradius_core::seam::Reader::InOrder(read) = container.reader() else { panic!("{id}") };
            let mut seen = crate::collect::Seen::default();
            let told = read(&mut bytes.as_slice(), &mut seen);
            assert!(matches!(told, Err(Unopenable::Closed(Reason::Unsupported, _))), "{id}: {told:?}");
            assert!(seen.members.is_empty(), "{id}");
            // The magic number alone is not enough.
            let told = read(&mut [&bytes[..4], &[0xff; 60]].concat().as_slice(), &mut seen);
            assert!(!matches!(told, Err(Unopenable::Closed(..))), "{id}: {told:?}");
        }
    }
}
