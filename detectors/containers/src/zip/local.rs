//! Members by their local headers (APPNOTE 4.3.7): the remains of an archive without its directory, and the second
//! description of every member of an archive with one.

use std::io::Read;
use std::ops::ControlFlow;

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{Inside, Member, Unopenable};

use super::directory::Wide;
use super::{Found, exactly, u16_at, u32_at};

/// Size of the header without name and extra field, in bytes.
const HEADER: u64 = 30;

/// A member as described by its local header.
pub(super) struct Local {
    pub(super) found: Found,
    /// Offset of the extra field.
    pub(super) extra: u64,
    /// Offset of the content.
    pub(super) data: u64,
}

impl Local {
    /// Hands out the member according to this header.
    pub(super) fn hand_out(&self, bytes: &Cursor, inside: &mut dyn Inside) -> ControlFlow<()> {
        let length = match self.found.packed {
            Some(packed) => packed,
            // A stored member of unknown length ends at the next header. Other methods mark their own end.
            None if self.found.method == 0 => {
                next_header(bytes, self.data).unwrap_or_else(|| bytes.size()).saturating_sub(self.data)
            }
            None => u64::MAX,
        };
        super::hand_out(&self.found, &bytes.part(self.data, length), self.data, inside).map_continue(drop)
    }
}

/// Hands out every member that has a local header.
pub(super) fn walk(bytes: &Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let mut at = next_header(bytes, 0).ok_or(Malformed::new("ZIP header", 0))?;
    let mut first = true;
    loop {
        let Some(local) = entry(bytes, at) else {
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
                "no central directory: members read by their headers",
            );
        }
        if local.hand_out(bytes, inside).is_break() {
            return Ok(());
        }
        let after = local.found.packed.map_or(local.data, |packed| local.data.saturating_add(packed));
        match next_header(bytes, after) {
            Some(next) => at = next,
            None => break,
        }
    }
    Ok(())
}

/// Reads a member by its header; `None` if there is no header at `at`.
pub(super) fn entry(bytes: &Cursor, at: u64) -> Option<Local> {
    let fixed: [u8; HEADER as usize] = exactly(bytes, at)?;
    if !fixed.starts_with(b"PK\x03\x04") {
        return None;
    }
    let (name_length, extra_length) = (u16_at(&fixed, 26), u16_at(&fixed, 28));
    let variable = u64::from(name_length) + u64::from(extra_length);
    let mut rest = Vec::new();
    bytes.part(at + HEADER, variable).read_to_end(&mut rest).ok()?;
    let (name, extra) = rest.split_at_checked(usize::from(name_length))?;
    let flags = u16_at(&fixed, 6);
    let wide = Wide::new(extra, u32_at(&fixed, 22), u32_at(&fixed, 18), 0);
    // Bit 3: checksum and sizes follow the member (APPNOTE 4.4.4).
    let behind = flags & 8 != 0 && wide.packed == 0;
    Some(Local {
        found: Found {
            name: name.to_vec(),
            method: u16_at(&fixed, 8),
            encrypted: flags & 1 != 0,
            packed: (!behind).then_some(wide.packed),
            unpacked: (!behind).then_some(wide.unpacked),
            header: at,
        },
        extra: at + HEADER + u64::from(name_length),
        data: at + HEADER + variable,
    })
}

/// Returns the offset of the next header from `from` on.
pub(super) fn next_header(bytes: &Cursor, from: u64) -> Option<u64> {
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
        // The magic number may cross the end of the chunk.
        at += (read - 3) as u64;
    }
}
