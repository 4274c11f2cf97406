//! Mozilla's LZ4 files: one block after its length; `.jsonlz4`, `.mozlz4`, sessions and bookmarks of Firefox.

use std::io::Read;

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::Stream;

/// Mozilla's LZ4 files.
#[derive(Debug)]
pub(crate) struct MozLz4;

static ABOUT: About = About {
    id: "mozlz4",
    title: "Mozilla LZ4 file",
    detects: "Files of Firefox and Thunderbird that are one LZ4 block: sessions, bookmarks, search engines. The contents \
              are scanned like a file.",
    blind_to: "Files that exceed the memory of the run are reported as not read.",
    respond: "Treat the contents as plain text.",
    references: &["Firefox, toolkit/components/lz4/lz4.js"],
};

/// lz4.js: MAGIC_NUMBER.
const MAGIC: &[u8; 8] = b"mozLz40\0";

/// The most that a block of LZ4 can grow: one byte stands for at most 255.
const RATIO: u64 = 256;

impl Container for MozLz4 {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: MAGIC }]
    }

    fn reader(&self) -> Reader {
        Reader::InOrder(open)
    }
}

fn open(input: &mut dyn Read, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let malformed = Malformed::new("Mozilla LZ4 file", 0);
    let mut stream = Stream::new(input);
    if stream.array() != Some(*MAGIC) {
        return Err(malformed.into());
    }
    let length = u64::from(u32::from_le_bytes(stream.array().ok_or(malformed)?));
    let most = inside.memory();
    let mut packed = Vec::new();
    let _ = (&mut stream).take(most.saturating_sub(length).saturating_add(1)).read_to_end(&mut packed);
    let needed = length.saturating_add(packed.len() as u64);
    if needed > most {
        inside.unread(Member { name: b"", at: 0 }, Reason::TooLarge, "one block");
        return Ok(());
    }
    if length > RATIO.saturating_mul(packed.len() as u64) {
        return Err(malformed.into());
    }
    inside.holds(needed)?;
    let length = usize::try_from(length).map_err(|_| malformed)?;
    let content = lz4_flex::block::decompress(&packed, length).map_err(|_| malformed)?;
    let _ = inside.member(Member { name: b"", at: 0 }, &mut content.as_slice());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::{open, torture};

    #[test]
    fn one_block() {
        let text = b"{\"session\": true}".repeat(20);
        let packed = lz4_flex::block::compress(&text);
        let file = [&MAGIC[..], &(text.len() as u32).to_le_bytes(), &packed].concat();
        assert_eq!(open(&MozLz4, &file).unwrap().content(""), Some(&text[..]));
        let large = [&MAGIC[..], &u32::MAX.to_le_bytes(), &packed].concat();
        assert_eq!(open(&MozLz4, &large).unwrap().reasons(), [Reason::TooLarge]);
        torture(&MozLz4, &file, 1);
    }
}
