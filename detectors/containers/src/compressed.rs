//! What all compressed streams share: one stream in, one member out.

pub(crate) mod joined;

use std::io::{self, Read};

use keyradius_core::error::Malformed;
use keyradius_core::seam::{Inside, Member, Unopenable};

/// How much of a compressed stream is read at once, in bytes.
pub(crate) const READ: usize = 64 << 10;

/// Hands out what a decoder gives as the one member. It was no stream of this kind if not even its first bytes could be
/// decoded; a fault further on is a gap, told of by the reader of the member.
pub(crate) fn only_member(
    decoder: &mut dyn Read,
    inside: &mut dyn Inside,
    what: &'static str,
) -> Result<(), Unopenable> {
    let mut first = [0; 512];
    let read = first_bytes(decoder, &mut first).map_err(|_| Malformed::new(what, 0))?;
    let first = first.get(..read).unwrap_or_default();
    // The decoder goes on where the first bytes end.
    let _ = inside.member(Member { name: b"", at: 0 }, &mut Read::chain(first, decoder));
    Ok(())
}

/// What a decoder of bzip2 holds, in bytes (bzip2 manual, 2.4: 100k + 4 times the block size of 900k).
pub(crate) const BZIP2: u64 = 4 << 20;

/// What a decoder of LZ4 frames holds, in bytes: a block of 4 MiB, packed and unpacked, and what came before it.
pub(crate) const LZ4: u64 = 12 << 20;

/// Window that a decoder of LZMA or Zstandard may use in any case, in bytes: what the usual levels of both write. Later blocks
/// and frames of a stream may ask for so much, whatever the first one says.
const USUAL: u64 = 8 << 20;

/// What a decoder holds beyond its window: blocks, tables, buffers.
pub(crate) const BESIDE: u64 = 1 << 20;

/// What a decoder of an xz stream that begins like this holds, in bytes: by the dictionary of its first block (The .xz File
/// Format 3.1). Where that cannot be told, by the largest one that `xz` makes without being asked for more.
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
            // LZMA2, by bits of the size and its shift (5.3.1).
            if id == 0x21 {
                let bits = *properties.first()?;
                return Some((2 | u64::from(bits & 1)) << (bits / 2 + 11).min(40));
            }
        }
        None
    };
    dictionary().unwrap_or(LARGEST).max(USUAL).saturating_add(BESIDE)
}

/// A number of 7 bits a byte, the last one without its highest bit (The .xz File Format 1.2).
fn integer(bytes: &mut &[u8]) -> Option<u64> {
    let length = bytes.iter().position(|byte| byte & 0x80 == 0)? + 1;
    let (number, rest) = bytes.split_at_checked(length).filter(|_| length <= 9)?;
    *bytes = rest;
    Some(number.iter().rev().fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f)))
}

/// What a decoder of a Zstandard stream that begins like this may use as its window: a power of two, in bytes (RFC 8878
/// 3.1.1.1). [`zstd_memory`] is what it holds.
pub(crate) fn zstd_window(start: &[u8]) -> u64 {
    let window = || {
        let (descriptor, rest) = start.strip_prefix(&[0x28, 0xb5, 0x2f, 0xfd])?.split_first()?;
        if descriptor & 0x20 == 0 {
            let window = *rest.first()?;
            let base = 1_u64 << (10 + (window >> 3));
            return Some(base + base / 8 * u64::from(window & 7));
        }
        // A single segment is as long as its content, whose length follows the id of a dictionary.
        let id = [0, 1, 2, 4].get(usize::from(descriptor & 3))?;
        let length = [1, 2, 4, 8].get(usize::from(descriptor >> 6))?;
        let bytes = rest.get(*id..id + length)?;
        Some(bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    };
    // Beyond this the decoder refuses; the product of a hostile header is not a power of two any more.
    window().unwrap_or(USUAL).clamp(USUAL, 1 << 40).next_power_of_two()
}

/// What a decoder of Zstandard with such a window holds, in bytes.
pub(crate) const fn zstd_memory(window: u64) -> u64 {
    window.saturating_add(BESIDE)
}

/// Reads the start of a stream, to be chained before the rest of it.
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

/// Reads once, if that gives anything.
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

    /// Keeps all that comes out.
    #[derive(Default)]
    pub(crate) struct Collected {
        pub(crate) members: Vec<(String, Vec<u8>, Option<String>)>,
        pub(crate) unread: Vec<(String, Reason, String)>,
        /// Bytes that no member owns.
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

    /// What comes out of bytes, and how it ended.
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
