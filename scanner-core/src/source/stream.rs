//! Any stream of bytes, read in overlapping windows: a 20 GB image needs no 20 GB of memory.

use std::io::{self, Read};

use zeroize::Zeroize;

use crate::blob::{Blob, Origin, Window};
use crate::error::{Gap, Reason};
use crate::seam::{BlobSink, Looked, Packed};

/// Size of the first buffer: most source files fit and need no second one.
const FIRST: usize = 64 << 10;

/// Bytes of a window beyond which the next one begins. Inputs up to this size are held whole.
pub const CORE: usize = 4 << 20;

/// Bytes kept before a core, for readers that walk back to the start of a structure. No walk goes further.
pub const BACK: usize = 4 << 10;

/// Bytes kept behind a core: the largest material that is found whole wherever it lies in a large file. The largest
/// real ones are trust stores of some 400 KiB.
pub const AHEAD: usize = 1 << 20;

/// A reused buffer and the loop that fills it.
#[derive(Debug, Default)]
pub struct Windows {
    buffer: Vec<u8>,
    /// Whether containers are read as the bytes they are.
    plain: bool,
    /// Bytes and lines before the first window.
    behind: (u64, u64),
}

impl Windows {
    /// Reads a file to its end and feeds it window by window. Faults become gaps.
    pub fn feed(&mut self, input: &mut dyn Read, origin: &Origin, sink: &dyn BlobSink) {
        self.feed_file(input, &mut |_| 0, origin, sink, &|_| false);
    }

    /// Does the same with a large file that only looked like a container.
    pub(crate) fn feed_plain(&mut self, input: &mut dyn Read, origin: &Origin, sink: &dyn BlobSink) {
        self.plain = true;
        self.feed(input, origin, sink);
        self.plain = false;
    }

    /// Does the same, unless the file begins with something that is claimed by another reader. Returns whether it was. `skip` is
    /// told where the file is read next, and passes over zeros that begin there; it returns how many.
    pub fn feed_file(
        &mut self,
        input: &mut dyn Read,
        skip: &mut dyn FnMut(u64) -> u64,
        origin: &Origin,
        sink: &dyn BlobSink,
        claim: &dyn Fn(&[u8]) -> bool,
    ) -> bool {
        let mut fault = |detail| sink.gap(Gap { origin: origin.clone(), reason: Reason::ReadError, detail });
        match self.read((input, skip), origin, sink, claim, &mut fault) {
            None => true,
            Some((size, _)) => {
                if let Some(size) = size {
                    sink.done(size);
                }
                false
            }
        }
    }

    /// Does the same with something that is no file of its own and is not counted as one. Returns a fault instead of
    /// telling of it: the same thing may be had from elsewhere.
    pub fn feed_part(
        &mut self,
        input: &mut dyn Read,
        origin: &Origin,
        sink: &dyn BlobSink,
    ) -> (Looked, Option<String>) {
        let mut fault = None;
        let read = self.read((input, &mut |_| 0), origin, sink, &|_| false, &mut |detail| fault = Some(detail));
        (read.map(|(_, looked)| looked).unwrap_or_default(), fault)
    }

    /// Does the same with what follows the first bytes of a file. It is not asked again how the file begins.
    pub(crate) fn feed_behind(
        &mut self,
        start: &[u8],
        input: &mut dyn Read,
        origin: &Origin,
        sink: &dyn BlobSink,
    ) -> (Looked, Option<String>) {
        self.behind = (start.len() as u64, count_lines(start));
        let fed = self.feed_part(input, origin, sink);
        self.behind = (0, 0);
        fed
    }

    /// Returns the size, if it came to the end, and what was seen; nothing if the start was claimed.
    fn read(
        &mut self,
        (input, skip): (&mut dyn Read, &mut dyn FnMut(u64) -> u64),
        origin: &Origin,
        sink: &dyn BlobSink,
        claim: &dyn Fn(&[u8]) -> bool,
        faulty: &mut dyn FnMut(String),
    ) -> Option<(Option<u64>, Looked)> {
        let mut held = 0;
        let mut all = Looked::default();
        let mut whole = None;
        let (start, lines) = self.behind;
        let mut window = Window { start, line: 1 + lines, core_start: 0, core_end: 0, last: false };
        let gap = |reason, detail: String| sink.gap(Gap { origin: origin.clone(), reason, detail });
        loop {
            let fault = self.fill(input, &mut held, sink).err();
            if window.first() && claim(self.buffer.get(..held).unwrap_or_default()) {
                return None;
            }
            // One that is held whole is opened by the sink itself.
            let more = held == self.buffer.len() && fault.is_none();
            if window.first() && more && !self.plain && sink.contains(&self.buffer) {
                let first = std::mem::take(&mut self.buffer);
                let mut rest = Counted { input: &mut *input, bytes: held as u64 };
                let opened = sink.unpack(origin, Packed::Stream(&first, &mut rest));
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
            if size > sink.max_bytes() {
                gap(Reason::TooLarge, format!("larger than {} bytes", sink.max_bytes()));
                break;
            }
            // Full means that more may follow; not full means that this is the end.
            window.last = held < self.buffer.len() || fault.is_some();
            window.core_end = if window.last { held } else { held.saturating_sub(AHEAD) };
            let bytes = self.buffer.get(..held).unwrap_or_default();
            let looked = sink.blob(Blob { bytes, origin, window });
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
            // Zeros upon zeros: what is held stays what stands before the next bytes.
            if self.buffer.get(..held).is_some_and(|held| held.iter().all(|byte| *byte == 0)) {
                window.start += skip(window.start + held as u64);
            }
        }
        if all.wipe {
            self.buffer.zeroize();
        }
        Some((whole, all))
    }

    /// Fills the buffer: to its end, or until the input ends. Grows it to the size of a full window first.
    fn fill(&mut self, input: &mut dyn Read, held: &mut usize, sink: &dyn BlobSink) -> io::Result<()> {
        if self.buffer.is_empty() {
            self.buffer.resize(FIRST, 0);
        }
        loop {
            if *held == self.buffer.len() {
                let full = CORE + AHEAD;
                if self.buffer.len() >= full {
                    return Ok(());
                }
                // A new buffer, so that growing leaves no unwiped copy behind.
                let mut grown = vec![0; (self.buffer.len() * 4).min(full)];
                if let (Some(to), Some(from)) = (grown.get_mut(..*held), self.buffer.get(..*held)) {
                    to.copy_from_slice(from);
                }
                self.buffer.zeroize();
                self.buffer = grown;
            }
            let room = self.buffer.get_mut(*held..).unwrap_or_default();
            match input.read(room) {
                Ok(0) => return Ok(()),
                Ok(read) => *held += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if sink.cancelled() {
                return Err(io::Error::other("interrupted"));
            }
        }
    }
}

/// Counts what is read of a stream.
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

/// Feeds bytes that are held whole, in the same windows as a file of that size.
pub fn slices(bytes: &[u8], origin: &Origin, sink: &dyn BlobSink) -> Looked {
    if sink.contains(bytes)
        && let Some(looked) = sink.unpack(origin, Packed::Stream(bytes, &mut io::empty()))
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
        let looked = sink.blob(Blob { bytes: held, origin, window });
        all |= looked;
        if last || looked.stop {
            return all;
        }
        let keep = core_end.saturating_sub(BACK);
        line += count_lines(held.get(..keep).unwrap_or_default());
        start += keep;
    }
}

/// How many line feeds.
pub(crate) fn count_lines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Mutex;

    use super::*;
    use crate::prefilter::Prefilter;
    use crate::seam::Looked;

    #[derive(Default)]
    struct Collect {
        cores: Mutex<Vec<(u64, Vec<u8>, u64)>>,
        gaps: Mutex<Vec<Gap>>,
        max: Option<u64>,
    }

    impl BlobSink for Collect {
        fn blob(&self, blob: Blob<'_>) -> Looked {
            let window = blob.window;
            let line = window.line + count_lines(&blob.bytes[..window.core_start]);
            let core = blob.bytes[window.core()].to_vec();
            self.cores.lock().unwrap().push((window.start + window.core_start as u64, core, line));
            Looked { wipe: true, ..Looked::default() }
        }
        fn gap(&self, gap: Gap) {
            self.gaps.lock().unwrap().push(gap);
        }
        fn done(&self, _: u64) {}
        fn object(&self, _: u64) {}
        fn prefilter(&self) -> &Prefilter<'_> {
            unreachable!("windows need no anchors")
        }
        fn begins(&self, _: &[u8]) {}
        fn reads_clues(&self) -> bool {
            false
        }
        fn wants_clue(&self, _: &Path) -> bool {
            false
        }
        fn clue(&self, _: Blob<'_>) {}
        fn cancelled(&self) -> bool {
            false
        }
        fn max_bytes(&self) -> u64 {
            self.max.unwrap_or(u64::MAX)
        }
    }

    #[test]
    fn cores_are_the_input_without_seam_or_overlap() {
        let sizes = [0, 1, FIRST - 1, FIRST, FIRST + 1, CORE, CORE + AHEAD, CORE + AHEAD + 1, 3 * CORE + 17];
        let mut windows = Windows::default();
        for size in sizes {
            let input: Vec<u8> = (0..size).map(|i| if i % 97 == 0 { b'\n' } else { (i % 251) as u8 | 0x80 }).collect();
            let sink = Collect::default();
            windows.feed(&mut &input[..], &Origin::file("x"), &sink);
            let mut joined = Vec::new();
            for (offset, core, line) in sink.cores.into_inner().unwrap() {
                assert_eq!(offset, joined.len() as u64);
                assert_eq!(line, 1 + count_lines(&joined));
                joined.extend(core);
            }
            assert!(joined == input, "{size}");
            assert!(sink.gaps.into_inner().unwrap().is_empty());
        }
    }

    #[test]
    fn slices_are_the_windows_of_a_file() {
        for size in [0, 1, CORE + AHEAD - 1, CORE + AHEAD + 1, 2 * CORE + AHEAD - 1, 3 * CORE + 17] {
            let input: Vec<u8> = (0..size).map(|i| if i % 97 == 0 { b'\n' } else { b'x' }).collect();
            let (read, sliced) = (Collect::default(), Collect::default());
            Windows::default().feed(&mut &input[..], &Origin::file("x"), &read);
            slices(&input, &Origin::file("x"), &sliced);
            assert!(read.cores.into_inner().unwrap() == sliced.cores.into_inner().unwrap(), "{size}");
        }
    }

    #[test]
    fn what_another_reader_claims_is_not_fed() {
        let sink = Collect::default();
        let claim = |start: &[u8]| start.starts_with(b"PACK");
        assert!(Windows::default().feed_file(&mut &b"PACK..."[..], &mut |_| 0, &Origin::file("x"), &sink, &claim));
        assert!(sink.cores.lock().unwrap().is_empty());
        assert!(!Windows::default().feed_file(&mut &b"pack..."[..], &mut |_| 0, &Origin::file("x"), &sink, &claim));
    }

    #[test]
    fn a_hole_is_passed_and_places_behind_it_stay() {
        // The input leaves a hole out of which the caller says that it is there.
        let (front, hole, back) = (2 * CORE, 1 << 40, b"\nkey");
        let input = [&b"begin\n"[..], &vec![0; front], back].concat();
        let passed = std::cell::Cell::new(false);
        let mut skip = |at: u64| {
            assert!(at >= (CORE + AHEAD) as u64, "{at}");
            if passed.replace(true) { 0 } else { hole }
        };
        let sink = Collect::default();
        Windows::default().feed_file(&mut &input[..], &mut skip, &Origin::file("x"), &sink, &|_| false);
        // Where other bytes are held too, a hole is not asked for: they would stand beside what follows it.
        let mut noisy = vec![0; 2 * CORE];
        noisy[CORE] = b'x';
        let never = &mut |at| panic!("asked at {at}");
        Windows::default().feed_file(&mut &noisy[..], never, &Origin::file("x"), &Collect::default(), &|_| false);
        let cores = sink.cores.into_inner().unwrap();
        let (start, core, line) = cores.last().unwrap();
        assert_eq!(start + core.len() as u64, input.len() as u64 + hole);
        assert!(core.ends_with(back) && *line == 2, "{line}");
        assert!(passed.get());
    }

    #[test]
    fn a_fault_keeps_what_was_read() {
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
        let sink = Collect::default();
        Windows::default().feed(&mut Broken(1000), &Origin::file("x"), &sink);
        assert_eq!(sink.cores.into_inner().unwrap()[0].1.len(), 1000);
        let gaps = sink.gaps.into_inner().unwrap();
        assert_eq!((gaps[0].reason, gaps[0].detail.as_str()), (Reason::ReadError, "disk on fire, after 1000 bytes"));
    }

    #[test]
    fn too_large_is_a_gap() {
        let sink = Collect { max: Some(10), ..Collect::default() };
        Windows::default().feed(&mut &[0; 11][..], &Origin::file("x"), &sink);
        assert!(sink.cores.into_inner().unwrap().is_empty());
        assert_eq!(sink.gaps.into_inner().unwrap()[0].reason, Reason::TooLarge);
    }
}
