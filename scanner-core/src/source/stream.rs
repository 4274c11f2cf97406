//! Reads any stream of bytes in overlapping windows: a 20 GB image does not need 20 GB of memory.

use std::io::{self, Read};
use std::sync::Arc;

use zeroize::Zeroize;

use crate::blob::{Blob, Origin, Window};
use crate::error::{Gap, Reason};
use crate::lines::count_lines;
use crate::read_at::Held;
use crate::run::Run;
use crate::seam::{Feed, Looked, Packed};

/// Size of the first buffer, in bytes: most source files fit into it.
const FIRST: usize = 64 << 10;

/// Bytes of a window after which the next window begins. Inputs up to this size are one window.
pub const CORE: usize = 4 << 20;

/// Bytes kept before a core, for readers that walk back to the start of a structure. No walk goes further back.
pub(crate) const BACK: usize = 4 << 10;

/// Bytes kept after a core: the largest material that is found whole at any offset of a large file. The largest real
/// ones are trust stores of about 400 KiB.
pub const AHEAD: usize = 1 << 20;

/// A reused buffer, and the loop that fills it.
#[derive(Debug, Default)]
pub struct Windows {
    buffer: Vec<u8>,
    /// Whether containers are read as plain bytes.
    plain: bool,
    /// Bytes and lines before the first window.
    behind: (u64, u64),
}

impl Windows {
    /// Reads a file to its end and feeds it window by window. Read errors become gaps.
    pub fn feed(&mut self, input: &mut dyn Read, origin: &Origin, to: Feed<'_>) {
        self.feed_file(input, &mut |_| 0, origin, to, &|_| false);
    }

    /// Like [`Self::feed`], for a large file that only looked like a container.
    pub(crate) fn feed_plain(&mut self, input: &mut dyn Read, origin: &Origin, to: Feed<'_>) {
        self.plain = true;
        self.feed(input, origin, to);
        self.plain = false;
    }

    /// Like [`Self::feed`], unless another reader claims the file by its first bytes. Returns whether it was claimed.
    /// `skip` gets the offset of the next read; it skips zeros that begin there and returns their number.
    pub(crate) fn feed_file(
        &mut self,
        input: &mut dyn Read,
        skip: &mut dyn FnMut(u64) -> u64,
        origin: &Origin,
        to: Feed<'_>,
        claim: &dyn Fn(&[u8]) -> bool,
    ) -> bool {
        let mut fault = |detail| to.run.gap(Gap::new(origin.clone(), Reason::ReadError, detail));
        match self.read((input, skip), origin, to, to.run.limits().max_bytes, claim, &mut fault) {
            None => true,
            Some((size, _)) => {
                if let Some(size) = size {
                    to.run.count_file(size);
                }
                false
            }
        }
    }

    /// Like [`Self::feed`], for a part of a file, which is not counted as a file. Returns a read error instead of
    /// reporting it: the same bytes may be found elsewhere.
    pub fn feed_part(&mut self, input: &mut dyn Read, origin: &Origin, to: Feed<'_>) -> (Looked, Option<String>) {
        self.part(input, origin, to, to.run.limits().max_bytes)
    }

    /// Like [`Self::feed_part`], for a member of a container: limits on output bound its size, not the limit on files.
    pub(crate) fn feed_member(
        &mut self,
        input: &mut dyn Read,
        origin: &Origin,
        to: Feed<'_>,
    ) -> (Looked, Option<String>) {
        self.part(input, origin, to, u64::MAX)
    }

    /// Like [`Self::feed_member`], for bytes that begin at an offset of what the origin names.
    pub(crate) fn feed_member_at(
        &mut self,
        at: u64,
        input: &mut dyn Read,
        origin: &Origin,
        to: Feed<'_>,
    ) -> (Looked, Option<String>) {
        self.behind = (at, 0);
        let fed = self.feed_member(input, origin, to);
        self.behind = (0, 0);
        fed
    }

    fn part(&mut self, input: &mut dyn Read, origin: &Origin, to: Feed<'_>, most: u64) -> (Looked, Option<String>) {
        let mut fault = None;
        let mut faulty = |detail| fault = Some(detail);
        let read = self.read((input, &mut |_| 0), origin, to, most, &|_| false, &mut faulty);
        (read.map(|(_, looked)| looked).unwrap_or_default(), fault)
    }

    /// Like [`Self::feed_part`], for what follows the first bytes of a file. The start is not examined again.
    pub fn feed_behind(
        &mut self,
        start: &[u8],
        input: &mut dyn Read,
        origin: &Origin,
        to: Feed<'_>,
    ) -> (Looked, Option<String>) {
        self.behind = (start.len() as u64, count_lines(start));
        let fed = self.feed_part(input, origin, to);
        self.behind = (0, 0);
        fed
    }

    /// Returns the size, if the end was reached, and what was seen; `None` if the start was claimed. More than `most`
    /// bytes are a gap.
    fn read(
        &mut self,
        (input, skip): (&mut dyn Read, &mut dyn FnMut(u64) -> u64),
        origin: &Origin,
        to: Feed<'_>,
        most: u64,
        claim: &dyn Fn(&[u8]) -> bool,
        faulty: &mut dyn FnMut(String),
    ) -> Option<(Option<u64>, Looked)> {
        let mut held = 0;
        let mut all = Looked::default();
        let mut whole = None;
        let (start, lines) = self.behind;
        let mut window = Window { start, line: 1 + lines, core_start: 0, core_end: 0, last: false };
        let gap = |reason, detail: String| to.run.gap(Gap::new(origin.clone(), reason, detail));
        loop {
            let fault = self.fill(input, &mut held, to.run).err();
            if window.first() && claim(self.buffer.get(..held).unwrap_or_default()) {
                return None;
            }
            // The sink itself opens a container that fits into the buffer.
            let more = held == self.buffer.len() && fault.is_none();
            if window.first() && more && !self.plain && to.run.is_container_at(origin, &self.buffer) {
                let first = std::mem::take(&mut self.buffer);
                let mut rest = Counted { input: &mut *input, bytes: held as u64 };
                let opened = to.sink.open(origin, Packed::Stream(&first, &mut rest));
                let size = rest.bytes;
                self.buffer = first;
                if let Some(looked) = opened {
                    if looked.wipe {
                        self.buffer.zeroize();
                    }
                    return Some((Some(size), looked));
                }
            }
            let size = window.start + held as u64;
            if size > most {
                gap(Reason::TooLarge, format!("larger than {most} bytes"));
                break;
            }
            // A full buffer means that more may follow; otherwise this is the end.
            window.last = held < self.buffer.len() || fault.is_some();
            window.core_end = if window.last { held } else { held.saturating_sub(AHEAD) };
            let bytes = self.buffer.get(..held).unwrap_or_default();
            let looked = to.sink.blob(Blob { bytes, origin, window });
            all |= looked;
            if let Some(error) = fault {
                faulty(format!("{error}, after {size} bytes"));
                break;
            }
            if window.last || looked.stop {
                whole = Some(size);
                break;
            }
            let keep = window.core_end.saturating_sub(BACK);
            window.line += count_lines(bytes.get(..keep).unwrap_or_default());
            self.buffer.copy_within(keep..held, 0);
            held -= keep;
            window.start += keep as u64;
            window.core_start = BACK;
            // Only zeros are kept, so skipping more zeros leaves the bytes before the next ones unchanged.
            if self.buffer.get(..held).is_some_and(|held| held.iter().all(|byte| *byte == 0)) {
                window.start += skip(window.start + held as u64);
            }
        }
        if all.wipe {
            self.buffer.zeroize();
        }
        Some((whole, all))
    }

    /// Fills the buffer, until it is full or the input ends. First grows it to the size of a full window.
    fn fill(&mut self, input: &mut dyn Read, held: &mut usize, run: &Run<'_>) -> io::Result<()> {
        if self.buffer.is_empty() {
            self.buffer.resize(FIRST, 0);
        }
        loop {
            if *held == self.buffer.len() {
                let full = CORE + AHEAD;
                if self.buffer.len() >= full {
                    return Ok(());
                }
                // A new buffer, so that growing leaves no unwiped copy in memory.
                let mut grown = vec![0; (self.buffer.len() * 4).min(full)];
                if let (Some(to), Some(from)) = (grown.get_mut(..*held), self.buffer.get(..*held)) {
                    to.copy_from_slice(from);
                }
                self.buffer.zeroize();
                self.buffer = grown;
            }
            // A decoder delivers more or less before a fault, depending on how much it is asked for: always ask for as much
            // as if the buffer were new.
            let mut asked = FIRST;
            while asked <= *held {
                asked *= 4;
            }
            let end = self.buffer.len().min(asked);
            let room = self.buffer.get_mut(*held..end).unwrap_or_default();
            match input.read(room) {
                Ok(0) => return Ok(()),
                Ok(read) => *held += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if run.cancelled() {
                return Err(io::Error::other("interrupted"));
            }
        }
    }
}

/// Counts the bytes read from a stream.
struct Counted<'r> {
    input: &'r mut dyn Read,
    bytes: u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(into)?;
        self.bytes += read as u64;
        Ok(read)
    }
}

/// Feeds bytes in memory, in the same windows as a file of that size.
pub fn slices(bytes: &[u8], origin: &Origin, to: Feed<'_>) -> Looked {
    if to.run.is_container_at(origin, bytes)
        && let Some(looked) = to.sink.open(origin, Packed::Stream(bytes, &mut io::empty()))
    {
        return looked;
    }
    let mut all = Looked::default();
    let (mut start, mut line) = (0, 1);
    loop {
        let back = if start == 0 { 0 } else { BACK };
        let end = bytes.len().min(start + CORE + AHEAD);
        let last = end == bytes.len();
        let held = bytes.get(start..end).unwrap_or_default();
        let core_end = if last { held.len() } else { held.len() - AHEAD };
        let window = Window { start: start as u64, line, core_start: back, core_end, last };
        let looked = to.sink.blob(Blob { bytes: held, origin, window });
        all |= looked;
        if last || looked.stop {
            if start > 0 && !looked.stop {
                all |= to.sink.carve(origin, &|| Arc::new(Held::new(bytes.to_vec())));
            }
            return all;
        }
        let keep = core_end.saturating_sub(BACK);
        line += count_lines(held.get(..keep).unwrap_or_default());
        start += keep;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::budget::Limits;
    use crate::engine::{Engine, Progress};
    use crate::seam::{Knowledge, Sink};

    /// The offset of a window's core, its bytes, its line.
    type Core = (u64, Vec<u8>, u64);

    #[derive(Default)]
    struct Collect {
        cores: Mutex<Vec<Core>>,
    }

    impl Sink for Collect {
        fn blob(&self, blob: Blob<'_>) -> Looked {
            let window = blob.window;
            let line = window.line + count_lines(&blob.bytes[..window.core_start]);
            let core = blob.bytes[window.core()].to_vec();
            self.cores.lock().unwrap().push((window.start + window.core_start as u64, core, line));
            Looked { wipe: true, ..Looked::default() }
        }
        fn open(&self, _: &Origin, _: Packed<'_>) -> Option<Looked> {
            unreachable!("no container is known")
        }
    }

    /// The cores and gaps that `feed` passes to a sink and a run.
    fn fed(limits: Limits, feed: impl FnOnce(Feed<'_>)) -> (Vec<Core>, Vec<Gap>) {
        let (engine, progress, sink) =
            (Engine::new(Knowledge::default(), limits), Progress::default(), Collect::default());
        let run = engine.run(&progress);
        feed(Feed { run: &run, sink: &sink });
        (sink.cores.into_inner().unwrap(), run.finish(Vec::new()).gaps)
    }

    #[test]
    fn cores_cover_the_input_without_gap_or_overlap() {
        let sizes = [0, 1, FIRST - 1, FIRST, FIRST + 1, CORE, CORE + AHEAD, CORE + AHEAD + 1, 3 * CORE + 17];
        let mut windows = Windows::default();
        for size in sizes {
            let input: Vec<u8> = (0..size).map(|i| if i % 97 == 0 { b'\n' } else { (i % 251) as u8 | 0x80 }).collect();
            let (cores, gaps) = fed(Limits::default(), |to| windows.feed(&mut &input[..], &Origin::file("x"), to));
            let mut joined = Vec::new();
            for (offset, core, line) in cores {
                assert_eq!(offset, joined.len() as u64);
                assert_eq!(line, 1 + count_lines(&joined));
                joined.extend(core);
            }
            assert!(joined == input, "{size}");
            assert!(gaps.is_empty());
        }
    }

    #[test]
    fn slices_match_the_windows_of_a_file() {
        for size in [0, 1, CORE + AHEAD - 1, CORE + AHEAD + 1, 2 * CORE + AHEAD - 1, 3 * CORE + 17] {
            let input: Vec<u8> = (0..size).map(|i| if i % 97 == 0 { b'\n' } else { b'x' }).collect();
            let origin = Origin::file("x");
            let read = fed(Limits::default(), |to| Windows::default().feed(&mut &input[..], &origin, to));
            let sliced = fed(Limits::default(), |to| assert!(slices(&input, &origin, to).wipe));
            assert!(read == sliced, "{size}");
        }
    }

    #[test]
    fn claimed_files_are_not_fed() {
        let claim = |start: &[u8]| start.starts_with(b"PACK");
        for (mut bytes, claimed) in [(&b"PACK..."[..], true), (b"pack...", false)] {
            let (cores, _) = fed(Limits::default(), |to| {
                let of = Origin::file("x");
                assert_eq!(Windows::default().feed_file(&mut bytes, &mut |_| 0, &of, to, &claim), claimed);
            });
            assert_eq!(cores.is_empty(), claimed);
        }
    }

    #[test]
    fn holes_are_skipped_and_later_offsets_stay() {
        // The input omits a hole that `skip` reports.
        let (front, hole, back) = (2 * CORE, 1 << 40, b"\nkey");
        let input = [&b"begin\n"[..], &vec![0; front], back].concat();
        let passed = std::cell::Cell::new(false);
        let mut skip = |at: u64| {
            assert!(at >= (CORE + AHEAD) as u64, "{at}");
            if passed.replace(true) { 0 } else { hole }
        };
        let origin = Origin::file("x");
        let (cores, _) = fed(Limits::default(), |to| {
            Windows::default().feed_file(&mut &input[..], &mut skip, &origin, to, &|_| false);
        });
        // With other bytes in the buffer `skip` is not called: they would become adjacent to what follows the hole.
        let mut noisy = vec![0; 2 * CORE];
        noisy[CORE] = b'x';
        let never = &mut |at| panic!("asked at {at}");
        fed(Limits::default(), |to| {
            Windows::default().feed_file(&mut &noisy[..], never, &origin, to, &|_| false);
        });
        let (start, core, line) = cores.last().unwrap();
        assert_eq!(start + core.len() as u64, input.len() as u64 + hole);
        assert!(core.ends_with(back) && *line == 2, "{line}");
        assert!(passed.get());
    }

    #[test]
    fn a_read_error_keeps_earlier_bytes() {
        struct Broken(usize);
        impl Read for Broken {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                if self.0 == 0 {
                    return Err(io::Error::other("disk on fire"));
                }
                let read = buffer.len().min(self.0);
                buffer[..read].fill(b'a');
                self.0 -= read;
                Ok(read)
            }
        }
        let (cores, gaps) =
            fed(Limits::default(), |to| Windows::default().feed(&mut Broken(1000), &Origin::file("x"), to));
        assert_eq!(cores[0].1.len(), 1000);
        assert_eq!((gaps[0].reason, gaps[0].detail.as_str()), (Reason::ReadError, "disk on fire, after 1000 bytes"));
    }

    #[test]
    fn too_large_inputs_are_gaps() {
        let limits = Limits { max_bytes: 10, ..Limits::default() };
        let (cores, gaps) = fed(limits, |to| Windows::default().feed(&mut &[0; 11][..], &Origin::file("x"), to));
        assert!(cores.is_empty());
        assert_eq!(gaps[0].reason, Reason::TooLarge);
        // The output of a container is bounded by other limits.
        let (cores, gaps) = fed(limits, |to| {
            Windows::default().feed_member(&mut &[0; 11][..], &Origin::file("x"), to);
        });
        assert_eq!((cores.len(), gaps.len()), (1, 0));
    }
}
