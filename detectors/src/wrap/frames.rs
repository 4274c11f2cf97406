//! Frames of Zstandard and LZ4, one behind the other, and what programs pass over: skippable frames, which both have and which
//! hold anything, and bytes behind the last frame.

use std::io::{self, BufReader, Chain, Cursor, Read};

use lz4_flex::frame::FrameDecoder;
use scanner_core::error::{Malformed, Reason};
use scanner_core::seam::{Inside, Magic, Member, Unopenable};

use super::compressed::{LZ4, READ, only_member, peek, zstd_memory, zstd_window};

/// Magic numbers of skippable frames (RFC 8878 3.1.2, LZ4 Frame Format Description, "Skippable Frames").
pub(crate) const SKIPPABLE: [Magic; 16] = {
    let mut magics = [Magic { at: 0, bytes: &[0x50, 0x2a, 0x4d, 0x18] }; 16];
    let all: [&[u8]; 16] = [
        &[0x50, 0x2a, 0x4d, 0x18],
        &[0x51, 0x2a, 0x4d, 0x18],
        &[0x52, 0x2a, 0x4d, 0x18],
        &[0x53, 0x2a, 0x4d, 0x18],
        &[0x54, 0x2a, 0x4d, 0x18],
        &[0x55, 0x2a, 0x4d, 0x18],
        &[0x56, 0x2a, 0x4d, 0x18],
        &[0x57, 0x2a, 0x4d, 0x18],
        &[0x58, 0x2a, 0x4d, 0x18],
        &[0x59, 0x2a, 0x4d, 0x18],
        &[0x5a, 0x2a, 0x4d, 0x18],
        &[0x5b, 0x2a, 0x4d, 0x18],
        &[0x5c, 0x2a, 0x4d, 0x18],
        &[0x5d, 0x2a, 0x4d, 0x18],
        &[0x5e, 0x2a, 0x4d, 0x18],
        &[0x5f, 0x2a, 0x4d, 0x18],
    ];
    let mut at = 0;
    while at < 16 {
        #[allow(clippy::indexing_slicing, reason = "constants, checked by the compiler")]
        {
            magics[at] = Magic { at: 0, bytes: all[at] };
        }
        at += 1;
    }
    magics
};

/// Shortest content of a skippable frame that is searched, in bytes: no key is shorter.
const SHORTEST: u64 = 32;

/// Most bytes of skippable frames that are kept of one input; what is more is a gap.
const KEPT: u64 = 4 << 20;

/// Largest window that is decoded, in bytes: of `zstd -d` without --long (`ZSTD_WINDOWLOG_LIMIT_DEFAULT`).
const MOST_WINDOW: u64 = 128 << 20;

/// Opens frames of either kind.
pub(crate) fn open(input: &mut dyn Read, inside: &mut dyn Inside, what: &'static str) -> Result<(), Unopenable> {
    let mut frames = Frames {
        now: Now::Between(Vec::new(), BufReader::with_capacity(READ, input)),
        window: 0,
        skippable: Vec::new(),
        left_out: false,
    };
    let start = frames.next().map_err(|_| Malformed::new(what, 0))?;
    let held = if start.starts_with(&ZSTD) {
        let window = zstd_window(&start);
        frames.window = window;
        if window > MOST_WINDOW { Err(Reason::TooLarge) } else { inside.holds(zstd_memory(window)) }
    } else {
        frames.window = zstd_window(&[]);
        inside.holds(LZ4.max(zstd_memory(frames.window)))
    };
    if let Err(reason) = held {
        inside.unread(Member { name: b"", at: 0 }, reason, "window");
    } else {
        only_member(&mut frames, inside, what)?;
    }
    if frames.left_out {
        inside.unread(Member { name: b"skippable", at: 0 }, Reason::TooLarge, "skippable frames");
    }
    let skippable = std::mem::take(&mut frames.skippable);
    if !skippable.is_empty() && inside.rest(0, &mut skippable.as_slice()).is_break() {
        return Ok(());
    }
    if let Now::Behind(behind, mut input) = frames.now {
        let _ = inside.member(Member { name: b"trailing", at: 0 }, &mut Read::chain(behind.as_slice(), &mut input));
    }
    Ok(())
}

const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const LZ4_FRAME: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
const LZ4_LEGACY: [u8; 4] = [0x02, 0x21, 0x4c, 0x18];

type Input<'r> = BufReader<&'r mut dyn Read>;

/// An input before which some bytes of it are put again.
type Again<'r> = Chain<Cursor<Vec<u8>>, Input<'r>>;

/// Frames as one stream.
struct Frames<'r> {
    now: Now<'r>,
    /// Window that decoders of Zstandard may use, in bytes.
    window: u64,
    /// Contents of skippable frames.
    skippable: Vec<u8>,
    /// Whether some of them were more than is kept.
    left_out: bool,
}

enum Now<'r> {
    /// Between two frames, with bytes that were read ahead.
    Between(Vec<u8>, Input<'r>),
    Zstd(Box<zstd::stream::read::Decoder<'static, Again<'r>>>),
    Lz4(Box<FrameDecoder<Again<'r>>>),
    /// What follows the last frame and is none.
    Behind(Vec<u8>, Input<'r>),
    Over,
}

impl Frames<'_> {
    /// Passes over skippable frames. Returns the first bytes of what comes then; nothing at the end, or if a frame is
    /// being read.
    fn next(&mut self) -> io::Result<Vec<u8>> {
        while let Now::Between(held, input) = &mut self.now {
            let mut start = [0; 64];
            let start = peek(&mut Read::chain(held.as_slice(), &mut *input), &mut start)?.to_vec();
            let &[0x50..=0x5f, 0x2a, 0x4d, 0x18, a, b, c, d, ..] = start.as_slice() else {
                held.clone_from(&start);
                return Ok(start);
            };
            let size = u64::from(u32::from_le_bytes([a, b, c, d]));
            let content = start.get(8..).unwrap_or_default();
            let taken = content.get(..usize::try_from(size).unwrap_or(usize::MAX)).unwrap_or(content);
            let after = content.get(taken.len()..).unwrap_or_default().to_vec();
            let rest = size - taken.len() as u64;
            let keeps = size >= SHORTEST && self.skippable.len() as u64 + size <= KEPT;
            self.left_out |= size >= SHORTEST && !keeps;
            let mut rest = Read::take(&mut *input, rest);
            if keeps {
                self.skippable.extend_from_slice(taken);
                rest.read_to_end(&mut self.skippable)?;
                self.skippable.push(b'\n');
            } else {
                io::copy(&mut rest, &mut io::sink())?;
            }
            *held = after;
        }
        Ok(Vec::new())
    }

    /// Begins the next frame.
    fn begin(&mut self) -> io::Result<()> {
        let start = self.next()?;
        let Now::Between(held, input) = std::mem::replace(&mut self.now, Now::Over) else { return Ok(()) };
        self.now = if start.is_empty() {
            Now::Over
        } else if start.starts_with(&ZSTD) {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(Cursor::new(held).chain(input))?.single_frame();
            decoder.window_log_max(self.window.ilog2())?;
            Now::Zstd(Box::new(decoder))
        } else if start.starts_with(&LZ4_FRAME) || start.starts_with(&LZ4_LEGACY) {
            Now::Lz4(Box::new(FrameDecoder::new(Cursor::new(held).chain(input))))
        } else {
            Now::Behind(held, input)
        };
        Ok(())
    }
}

/// The input behind a frame, with what was put before it and is not read yet.
fn behind(again: Again<'_>) -> Now<'_> {
    let (held, input) = again.into_inner();
    let rest =
        held.get_ref().get(usize::try_from(held.position()).unwrap_or(usize::MAX)..).unwrap_or_default().to_vec();
    Now::Between(rest, input)
}

impl Read for Frames<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            // If anything fails, it is over.
            self.now = match std::mem::replace(&mut self.now, Now::Over) {
                Now::Zstd(mut decoder) => match decoder.read(into)? {
                    0 => behind(decoder.finish()),
                    read => {
                        self.now = Now::Zstd(decoder);
                        return Ok(read);
                    }
                },
                Now::Lz4(mut decoder) => match decoder.read(into)? {
                    0 => behind(decoder.into_inner()),
                    read => {
                        self.now = Now::Lz4(decoder);
                        return Ok(read);
                    }
                },
                now @ Now::Between(..) => {
                    self.now = now;
                    self.begin()?;
                    continue;
                }
                now @ (Now::Behind(..) | Now::Over) => {
                    self.now = now;
                    return Ok(0);
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::compressed::tests::open;
    use super::super::lz4::Lz4;
    use super::super::zstd::Zstd;

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        ::zstd::encode_all(bytes, 1).unwrap()
    }

    fn lz4(bytes: &[u8]) -> Vec<u8> {
        let info = lz4_flex::frame::FrameInfo::new().block_size(lz4_flex::frame::BlockSize::Max64KB);
        let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn skippable(number: u8, bytes: &[u8]) -> Vec<u8> {
        [&[0x50 | number, 0x2a, 0x4d, 0x18][..], &(bytes.len() as u32).to_le_bytes(), bytes].concat()
    }

    #[test]
    fn frames_of_all_kinds_in_any_order() {
        let long: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let hidden = [b'h'; 40];
        for number in 0..16 {
            for (first, second) in [(zstd(b"one "), lz4(&long)), (lz4(b"one "), zstd(&long))] {
                let stream = [
                    skippable(number, &hidden),
                    skippable(0, b""),
                    first,
                    zstd(b""),
                    lz4(b"").repeat(9),
                    skippable(number, &long),
                    second,
                    skippable(number, &hidden),
                    b"and more".to_vec(),
                ]
                .concat();
                let (result, out) = open(&Zstd, &stream);
                assert_eq!(result, Ok(()));
                assert!(out.members[0].1 == [b"one ", &long[..]].concat() && out.members[0].2.is_none());
                assert_eq!((out.members[1].0.as_str(), &out.members[1].1[..]), ("trailing", &b"and more"[..]));
                let all = [&hidden[..], b"\n", &long, b"\n", &hidden, b"\n"].concat();
                assert!(out.rest == [all] && out.unread.is_empty(), "{number}");
            }
        }
    }

    #[test]
    fn what_is_nothing_but_skippable_is_searched_too() {
        let (result, out) = open(&Zstd, &[skippable(3, &[b'k'; 64]), b"-----".to_vec()].concat());
        assert_eq!((result, out.rest.len()), (Ok(()), 1));
        assert_eq!(out.members.last().map(|member| &member.1[..]), Some(&b"-----"[..]));
        // A frame that is longer than its file, and more than is kept.
        let mut cut = skippable(0, &[b'k'; 64]);
        cut.truncate(50);
        assert_eq!(open(&Zstd, &cut).1.rest, [[&[b'k'; 42][..], b"\n"].concat()]);
        let (_, out) = open(&Zstd, &skippable(0, &vec![b'k'; 5 << 20]));
        assert_eq!((out.unread.len(), out.rest.len()), (1, 0));
    }

    #[test]
    fn damage_costs_what_lies_behind_it() {
        for (container, mut stream) in [
            (
                &Zstd as &dyn scanner_core::seam::Container,
                zstd(&(0..200_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>()),
            ),
            (&Lz4, lz4(&(0..200_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>())),
        ] {
            stream.truncate(stream.len() / 2);
            let (result, out) = open(container, &stream);
            assert_eq!(result, Ok(()));
            assert!(out.members[0].1.len() > 1000 && out.members[0].2.is_some());
        }
        assert!(open(&Zstd, b"\x28\xb5\x2f\xfd no stream").0.is_err());
        assert!(open(&Lz4, b"\x04\x22\x4d\x18 no stream").0.is_err());
    }
}
