//! Common parts of the readers of compressed streams, which turn one stream into one member.

pub(crate) mod blocks;
pub(crate) mod joined;

use std::io::{self, Read};

use keyradius_core::error::Malformed;
use keyradius_core::seam::{Inside, Member, Unopenable};

/// Size of the read buffer for compressed input, in bytes.
pub(crate) const READ: usize = 64 << 10;

/// Hands out the output of a decoder as the only member. [`Malformed`] if not even the first bytes can be decoded,
/// which means that the stream is of another format. The reader of the member reports later errors as gaps.
pub(crate) fn only_member(
    decoder: &mut dyn Read,
    inside: &mut dyn Inside,
    what: &'static str,
) -> Result<(), Unopenable> {
    let mut first = [0; 512];
    let read = first_bytes(decoder, &mut first).map_err(|_| Malformed::new(what, 0))?;
    let first = first.get(..read).unwrap_or_default();
    // The decoder continues where the first bytes end.
    let _ = inside.member(Member { name: b"", at: 0 }, &mut Read::chain(first, decoder));
    Ok(())
}

/// Memory of a bzip2 decoder, in bytes (bzip2 manual, 2.4: 100k + 4 times the block size of 900k).
pub(crate) const BZIP2: u64 = 4 << 20;

/// Memory of a decoder of LZ4 frames, in bytes: a block of 4 MiB, compressed and decompressed, and the block before it.
pub(crate) const LZ4: u64 = 12 << 20;

/// Window that a decoder of LZMA or Zstandard may always use, in bytes: enough for the default levels of both. Later
/// blocks and frames of a stream may need this much, whatever the first one declares.
const USUAL: u64 = 8 << 20;

/// Memory of a decoder in addition to its window, in bytes: blocks, tables, buffers.
pub(crate) const BESIDE: u64 = 1 << 20;

/// Returns the memory of a decoder for an xz stream with this start, in bytes: from the dictionary size of its first
/// block (The .xz File Format 3.1), or if that cannot be read, from the largest dictionary that `xz` uses by default.
pub(crate) fn xz_dictionary(start: &[u8]) -> u64 {
    const LARGEST: u64 = 64 << 20;
    let dictionary = || {
        let flags = *start.get(13)?;
        let mut rest = start.get(14..)?;
        for _ in 0..(flags >> 6).count_ones() {
            integer(&mut rest)?;
        }
        for _ in 0..=flags & 3 {
            let (id, length) = (integer(&mut rest)?, integer(&mut rest)?);
            let properties = rest.get(..usize::try_from(length).ok()?)?;
            rest = rest.get(properties.len()..)?;
            // LZMA2 encodes the size as two bits and a shift (5.3.1).
            if id == 0x21 {
                let bits = *properties.first()?;
                return Some((2 | u64::from(bits & 1)) << (bits / 2 + 11).min(40));
            }
        }
        None
    };
    dictionary().unwrap_or(LARGEST).max(USUAL).saturating_add(BESIDE)
}

/// Reads a number of 7 bits per byte; the last byte has its highest bit clear (The .xz File Format 1.2).
fn integer(bytes: &mut &[u8]) -> Option<u64> {
    let length = bytes.iter().position(|byte| byte & 0x80 == 0)? + 1;
    let (number, rest) = bytes.split_at_checked(length).filter(|_| length <= 9)?;
    *bytes = rest;
    Some(number.iter().rev().fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f)))
}

/// Returns the maximum window of a decoder for a Zstandard stream with this start: a power of two, in bytes (RFC 8878
/// 3.1.1.1). [`zstd_memory`] computes the memory.
pub(crate) fn zstd_window(start: &[u8]) -> u64 {
    let window = || {
        let (descriptor, rest) = start.strip_prefix(&[0x28, 0xb5, 0x2f, 0xfd])?.split_first()?;
        if descriptor & 0x20 == 0 {
            let window = *rest.first()?;
            let base = 1_u64 << (10 + (window >> 3));
            return Some(base + base / 8 * u64::from(window & 7));
        }
        // A single segment is as long as its content, whose length follows the dictionary id.
        let id = [0, 1, 2, 4].get(usize::from(descriptor & 3))?;
        let length = [1, 2, 4, 8].get(usize::from(descriptor >> 6))?;
        let bytes = rest.get(*id..id + length)?;
        Some(bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    };
    // The decoder refuses larger windows; the limit also keeps the next power of two of a hostile header in range.
    window().unwrap_or(USUAL).clamp(USUAL, 1 << 40).next_power_of_two()
}

/// Returns the memory of a Zstandard decoder with this window, in bytes.
pub(crate) const fn zstd_memory(window: u64) -> u64 {
    window.saturating_add(BESIDE)
}

/// Reads the start of a stream, so that it can be chained before the rest.
pub(crate) fn peek<'b>(input: &mut dyn Read, into: &'b mut [u8]) -> io::Result<&'b [u8]> {
    let mut held = 0;
    while let Some(room) = into.get_mut(held..).filter(|room| !room.is_empty()) {
        match input.read(room) {
            Ok(0) => break,
            Ok(read) => held += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(into.get(..held).unwrap_or_default())
}

/// Reads once, and again if interrupted.
fn first_bytes(decoder: &mut dyn Read, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match decoder.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::ops::ControlFlow;

    use keyradius_core::error::Reason;

    use super::*;

    /// Collects everything that a container hands out.
    #[derive(Default)]
    pub(crate) struct Collected {
        pub(crate) members: Vec<(String, Vec<u8>, Option<String>)>,
        pub(crate) unread: Vec<(String, Reason, String)>,
        /// Bytes that belong to no member.
        pub(crate) rest: Vec<Vec<u8>>,
    }

    impl Inside for Collected {
        fn member(&mut self, member: Member<'_>, content: &mut dyn Read) -> ControlFlow<()> {
            let mut bytes = Vec::new();
            let fault = content.read_to_end(&mut bytes).err().map(|error| error.to_string());
            self.members.push((String::from_utf8_lossy(member.name).into_owned(), bytes, fault));
            ControlFlow::Continue(())
        }

        fn unread(&mut self, member: Member<'_>, reason: Reason, detail: &str) {
            self.unread.push((String::from_utf8_lossy(member.name).into_owned(), reason, detail.to_owned()));
        }

        fn rest(&mut self, _at: u64, content: &mut dyn Read) -> ControlFlow<()> {
            let mut bytes = Vec::new();
            content.read_to_end(&mut bytes).unwrap();
            self.rest.push(bytes);
            ControlFlow::Continue(())
        }

        fn memory(&self) -> u64 {
            64 << 20
        }
    }

    /// Opens a container. Returns the result and everything handed out.
    pub(crate) fn open(
        container: &dyn keyradius_core::seam::Container,
        bytes: &[u8],
    ) -> (Result<(), Unopenable>, Collected) {
        use keyradius_core::read_at::{Cursor, Held};
        use keyradius_core::seam::Reader;
        let mut collected = Collected::default();
        let result = match container.reader() {
            Reader::InOrder(read) => read(&mut &bytes[..], &mut collected),
            Reader::AnyPlace(read) => read(Cursor::new(std::sync::Arc::new(Held::new(bytes.to_vec()))), &mut collected),
        };
        (result, collected)
    }
}
