//! Members by the headers in front of them: what is left of an archive without its directory (APPNOTE 4.3.7).

use std::io::Read;

use scanner_core::error::{Malformed, Reason};
use scanner_core::random::Cursor;
use scanner_core::seam::{Inside, Member, Unopenable};

use super::directory::Wide;
use super::{Found, exactly, hand_out, u16_at, u32_at};

/// Size of the header without name and extra field.
const HEADER: u64 = 30;

/// Where the bytes of a member begin; `None` if no header stands there.
pub(super) fn data_start(bytes: &Cursor, header: u64) -> Option<u64> {
    let fixed: [u8; HEADER as usize] = exactly(bytes, header)?;
    let variable = u64::from(u16_at(&fixed, 26)) + u64::from(u16_at(&fixed, 28));
    fixed.starts_with(b"PK\x03\x04").then(|| header + HEADER + variable)
}

/// Hands out every member that has a header.
pub(super) fn walk(bytes: &Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let mut at = next_header(bytes, 0).ok_or(Malformed::new("ZIP header", 0))?;
    let mut first = true;
    loop {
        let Some(entry) = entry(bytes, at) else {
            if first {
                return Err(Malformed::new("ZIP header", 0).into());
            }
            break;
        };
        if first {
            first = false;
            inside.unread(
                Member { name: b"", at: 0 },
                Reason::Damaged,
                "no central directory: members by their headers",
            );
        }
        let data = data_start(bytes, at).unwrap_or(at + HEADER);
        let mut left = bytes.part(data, entry.packed.unwrap_or(u64::MAX));
        let flow = match entry.packed {
            // A stored member of unknown length ends where the next header begins.
            None if entry.method == 0 => {
                let end = next_header(bytes, data).unwrap_or_else(|| bytes.size());
                hand_out(&entry, &mut bytes.part(data, end.saturating_sub(data)), inside)
            }
            _ => hand_out(&entry, &mut left, inside),
        };
        if flow.is_break() {
            return Ok(());
        }
        let after = entry.packed.map_or(data, |packed| data.saturating_add(packed));
        match next_header(bytes, after) {
            Some(next) => at = next,
            None => break,
        }
    }
    Ok(())
}

/// A member by its header.
fn entry(bytes: &Cursor, at: u64) -> Option<Found> {
    let fixed: [u8; HEADER as usize] = exactly(bytes, at)?;
    let (name_length, extra_length) = (u16_at(&fixed, 26), u16_at(&fixed, 28));
    let mut rest = Vec::new();
    let variable = u64::from(name_length) + u64::from(extra_length);
    bytes.part(at + HEADER, variable).read_to_end(&mut rest).ok()?;
    let (name, extra) = rest.split_at_checked(usize::from(name_length))?;
    let flags = u16_at(&fixed, 6);
    let wide = Wide::new(extra, u32_at(&fixed, 22), u32_at(&fixed, 18), 0);
    // Bit 3: the sizes stand behind the member.
    let unknown = flags & 8 != 0 && wide.packed == 0;
    Some(Found {
        name: name.to_vec(),
        method: u16_at(&fixed, 8),
        encrypted: flags & 1 != 0,
        packed: (!unknown).then_some(wide.packed),
        header: at,
    })
}

/// The next header from a place on.
fn next_header(bytes: &Cursor, from: u64) -> Option<u64> {
    const CHUNK: usize = 64 << 10;
    let mut chunk = vec![0; CHUNK];
    let mut at = from;
    loop {
        let read = bytes.read_from(at, &mut chunk).ok()?;
        let held = chunk.get(..read)?;
        if let Some(found) = memchr::memmem::find(held, b"PK\x03\x04") {
            return Some(at + found as u64);
        }
        if read < CHUNK {
            return None;
        }
        // The magic may lie across the end of the chunk.
        at += (read - 3) as u64;
    }
}
