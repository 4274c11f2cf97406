//! Compressed sections of ELF files: `SHF_COMPRESSED` (ELF gABI, Section Compression), and `.zdebug_*` of older binutils.

use std::io::{BufReader, Read};
use std::ops::ControlFlow;

use flate2::bufread::ZlibDecoder;
use goblin::container::Ctx;
use goblin::elf::Elf;
use goblin::elf::section_header::{SHF_COMPRESSED, SHT_NOBITS, SectionHeader};
use keyradius_core::error::Reason;
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{Inside, Member};
use keyradius_readers::stored::held;

use super::ELF;
use crate::compressed::{BESIDE, READ};

/// Methods: `ch_type` of a compression header.
const ZLIB: u32 = 1;
const ZSTD: u32 = 2;

/// The start of a section of older binutils: a mark, and the length in big-endian order.
const OLD: &[u8] = b"ZLIB\0\0";
const OLD_HEAD: u64 = 12;

/// Largest window of Zstandard as a power of two: `ld` and `objcopy` use a level whose window is smaller.
const WINDOW_LOG: u32 = 23;

/// Most sections: a number of 16 bits, and 64 bytes each.
const TABLE: u64 = 64 << 16;

/// A compressed section.
pub(super) struct Packed {
    name: String,
    at: u64,
    size: u64,
    method: u32,
}

/// The section headers of a program with this start, from the bytes that `read` returns for an offset and a length.
fn headers(head: &[u8], read: &dyn Fn(u64, u64) -> Option<Vec<u8>>) -> Option<(Vec<SectionHeader>, Ctx, usize)> {
    let header = Elf::parse_header(head).ok()?;
    let context = Ctx::new(header.container().ok()?, header.endianness().ok()?);
    let length = u64::from(header.e_shentsize) * u64::from(header.e_shnum);
    if header.e_shentsize != if context.container.is_big() { 64 } else { 40 } || length == 0 || length > TABLE {
        return None;
    }
    // At offset 0, goblin sees no table.
    let table = [&[0][..], &read(header.e_shoff, length)?].concat();
    let headers = SectionHeader::parse(&table, 1, usize::from(header.e_shnum), context).ok()?;
    Some((headers, context, usize::from(header.e_shstrndx)))
}

/// Whether a section has a flag that says that it is compressed.
fn is_compressed(section: &SectionHeader) -> bool {
    section.sh_flags & u64::from(SHF_COMPRESSED) != 0 && section.sh_type != SHT_NOBITS
}

/// Whether a program of which these are all bytes, or the first ones, has compressed sections. Those of older binutils
/// are known by their start only.
pub(super) fn any(start: &[u8]) -> bool {
    if !start.starts_with(ELF) {
        return false;
    }
    let read = |at: u64, length: u64| {
        let at = usize::try_from(at).ok()?;
        Some(start.get(at..at.checked_add(usize::try_from(length).ok()?)?)?.to_vec())
    };
    headers(start, &read).is_some_and(|(headers, ..)| {
        headers.iter().any(|section| {
            let content = usize::try_from(section.sh_offset).ok().and_then(|at| start.get(at..));
            is_compressed(section) || content.is_some_and(|content| content.starts_with(OLD))
        })
    })
}

/// The compressed sections of a program.
pub(super) fn packed(bytes: &Cursor, head: &[u8]) -> Vec<Packed> {
    if !head.starts_with(ELF) {
        return Vec::new();
    }
    let read = |at: u64, length: u64| held(bytes, at, length, TABLE);
    let Some((headers, context, names)) = headers(head, &read) else { return Vec::new() };
    let names = headers.get(names).map_or(0, |section| section.sh_offset);
    let one = |section: &SectionHeader| {
        let name = names
            .checked_add(section.sh_name as u64)
            .and_then(|at| held(bytes, at, 64.min(bytes.size().saturating_sub(at)), 64));
        let name = name.as_deref().and_then(|name| name.split(|byte| *byte == 0).next()).unwrap_or_default();
        let packed = |skipped: u64, method| {
            Some(Packed {
                name: String::from_utf8_lossy(name).into_owned(),
                at: section.sh_offset.checked_add(skipped)?,
                size: section.sh_size.checked_sub(skipped)?,
                method,
            })
        };
        if is_compressed(section) {
            let word = held(bytes, section.sh_offset, 4, 4)?;
            let word: [u8; 4] = word.try_into().ok()?;
            let method = if context.le.is_little() { u32::from_le_bytes(word) } else { u32::from_be_bytes(word) };
            return packed(if context.container.is_big() { 24 } else { 12 }, method);
        }
        let start = held(bytes, section.sh_offset, OLD_HEAD, OLD_HEAD).filter(|start| start.starts_with(OLD))?;
        (section.sh_type != SHT_NOBITS && start.len() as u64 == OLD_HEAD).then(|| packed(OLD_HEAD, ZLIB))?
    };
    headers.iter().filter_map(one).collect()
}

/// Hands out what the sections contain.
pub(super) fn open(bytes: &Cursor, sections: &[Packed], inside: &mut dyn Inside) -> Result<ControlFlow<()>, Reason> {
    for section in sections {
        let member = Member { name: section.name.as_bytes(), at: section.at };
        let content = BufReader::with_capacity(READ, bytes.part(section.at, section.size));
        let flow = match section.method {
            ZLIB => inside.member(member, &mut ZlibDecoder::new(content)),
            ZSTD => {
                inside.holds((1 << WINDOW_LOG) + BESIDE)?;
                let Ok(mut decoder) = zstd::stream::read::Decoder::with_buffer(content) else {
                    inside.unread(member, Reason::Damaged, "a section compressed by Zstandard");
                    continue;
                };
                let _ = decoder.window_log_max(WINDOW_LOG);
                let flow = inside.member(member, &mut decoder as &mut dyn Read);
                inside.holds(0)?;
                flow
            }
            _ => {
                inside.unread(member, Reason::Unsupported, "a section with an unknown compression");
                ControlFlow::Continue(())
            }
        };
        if flow.is_break() {
            return Ok(flow);
        }
    }
    Ok(ControlFlow::Continue(()))
}
