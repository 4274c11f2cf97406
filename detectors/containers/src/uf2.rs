//! UF2: firmware in blocks of 512 bytes for boot loaders that look like a disk. Each block contains up to 476 bytes of
//! a memory, and their address.

use std::io::{self, Read};

use keyradius_core::error::Malformed;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::{Stream, le32};

/// UF2 files.
#[derive(Debug)]
pub(crate) struct Uf2;

static ABOUT: About = About {
    id: "uf2",
    title: "UF2 firmware",
    detects: "UF2 files: the contents of each run of addresses, without the headers and the padding of the blocks.",
    blind_to: "Blocks that are not in the order of their addresses are runs of their own.",
    respond: "Firmware is on every device that runs it: replace the key, then ship new firmware.",
    references: &["Microsoft, USB Flashing Format (UF2)"],
};

/// The two magic numbers at the start of a block, and the one at its end.
const START: &[u8] = b"UF2\nWQ]\x9e";
const END: u32 = 0x0ab1_6f30;

/// Size of a block, and the most that it contains, in bytes.
const BLOCK: usize = 512;
const MOST: u32 = 476;

impl Container for Uf2 {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: START }]
    }

    fn claims(&self, start: &[u8]) -> bool {
        start.first_chunk().is_some_and(|block| Part::of(block).is_some())
    }

    fn reader(&self) -> Reader {
        Reader::InOrder(open)
    }
}

/// What a block contains: its address, and its bytes.
struct Part<'b> {
    address: u32,
    bytes: &'b [u8],
}

impl<'b> Part<'b> {
    fn of(block: &'b [u8; BLOCK]) -> Option<Self> {
        let (address, length) = (le32(block, 12)?, le32(block, 16).filter(|length| *length <= MOST)?);
        let bytes = block.get(32..32 + usize::try_from(length).ok()?)?;
        (block.starts_with(START) && le32(block, 508) == Some(END)).then_some(Self { address, bytes })
    }
}

fn open(input: &mut dyn Read, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let mut stream = Stream::new(input);
    let mut first = true;
    while let Some(address) = next(&mut stream) {
        first = false;
        let (name, at) = (format!("{address:#x}"), stream.at());
        let mut run = Run { stream: &mut stream, block: [0; BLOCK], at: 0, length: 0, end: address };
        if inside.member(Member { name: name.as_bytes(), at }, &mut run).is_break() {
            return Ok(());
        }
    }
    if first {
        return Err(Malformed::new("UF2 block", 0).into());
    }
    if !stream.peek(1).is_empty() {
        let _ = inside.member(Member { name: b"trailing", at: 0 }, &mut stream);
    }
    Ok(())
}

/// The address of the next block, if there is one with contents.
fn next(stream: &mut Stream<'_>) -> Option<u32> {
    let part = stream.peek(BLOCK).first_chunk().and_then(Part::of)?;
    (!part.bytes.is_empty()).then_some(part.address)
}

/// Blocks of consecutive addresses.
struct Run<'s, 'r> {
    stream: &'s mut Stream<'r>,
    block: [u8; BLOCK],
    /// How much of the block was read, and how many bytes it has.
    at: usize,
    length: usize,
    /// The address after it.
    end: u32,
}

impl Read for Run<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.length {
            if next(self.stream) != Some(self.end) || self.stream.fill(&mut self.block) < BLOCK {
                return Ok(0);
            }
            let part = Part::of(&self.block).ok_or(io::ErrorKind::InvalidData)?;
            (self.at, self.length) = (0, part.bytes.len());
            self.end = part.address.wrapping_add(u32::try_from(self.length).unwrap_or_default());
        }
        let read = self.block.get(32 + self.at..32 + self.length).unwrap_or_default().read(into)?;
        self.at += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::{open, torture};

    fn block(address: u32, content: &[u8]) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        block[..8].copy_from_slice(START);
        block[12..16].copy_from_slice(&address.to_le_bytes());
        block[16..20].copy_from_slice(&(content.len() as u32).to_le_bytes());
        block[32..32 + content.len()].copy_from_slice(content);
        block[508..].copy_from_slice(&END.to_le_bytes());
        block
    }

    #[test]
    fn runs_of_addresses() {
        let file = [block(0x1000, &[1; 256]), block(0x1100, &[2; 256]), block(0x8000, &[3; 100]), b"and more".to_vec()];
        let seen = open(&Uf2, &file.concat()).unwrap();
        assert_eq!(seen.names(), ["0x1000", "0x8000", "trailing"]);
        assert_eq!(seen.content("0x1000"), Some(&[[1; 256], [2; 256]].concat()[..]));
        assert_eq!(seen.content("0x8000"), Some(&[3; 100][..]));
        // The same address again and again.
        let same = [block(0x1000, &[1; 4]), block(0x1000, &[2; 4])].concat();
        assert_eq!(open(&Uf2, &same).unwrap().members.len(), 2);
        assert!(open(&Uf2, &block(0, &[])).is_none());
        torture(&Uf2, &file.concat(), 7);
    }
}
