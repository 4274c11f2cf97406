//! Reads the index: the paths of staged files (gitformat-index, versions 2 to 4).
//!
//! The staged blobs are in the object database and are read there. Only their paths are needed here, so a damaged or
//! split index yields the paths that it has.

use std::path::Path;

use super::store::read_regular;
use keyradius_core::error::Malformed;
use keyradius_core::oid::{Format, ObjectId};

/// Largest index that is read, in bytes: about 700,000 files. The paths in a larger index remain unknown; its objects
/// are read anyway.
const LARGEST: u64 = 64 << 20;

/// Bytes of an entry before the object id: times, device, inode, mode, owner, size.
const STAT: usize = 40;

/// Passes the object id and path of every entry to `each`.
pub(crate) fn read(path: &Path, format: Format, each: &mut dyn FnMut(ObjectId, &[u8])) -> Result<(), Malformed> {
    let bytes = read_regular(path, LARGEST).map_err(|_| Malformed::new("index cannot be read", 0))?;
    entries(&bytes, format, each)
}

fn entries(bytes: &[u8], format: Format, each: &mut dyn FnMut(ObjectId, &[u8])) -> Result<(), Malformed> {
    let word = |at: usize| bytes.get(at..)?.first_chunk().map(|four| u32::from_be_bytes(*four));
    let (Some(version @ 2..=4), Some(count)) = (word(4).filter(|_| bytes.starts_with(b"DIRC")), word(8)) else {
        return Err(Malformed::new("index header", 0));
    };
    let mut at = 12;
    let mut name: Vec<u8> = Vec::new();
    for _ in 0..count {
        let cut = Malformed::new("index is cut off", at);
        let id =
            bytes.get(at + STAT..at + STAT + format.bytes()).and_then(|raw| ObjectId::new(format, raw)).ok_or(cut)?;
        let flags = at + STAT + format.bytes();
        // From version 3 on there is a second word of flags if the first one says so.
        let extended = version >= 3 && bytes.get(flags).ok_or(cut)? & 0x40 != 0;
        let mut path = flags + if extended { 4 } else { 2 };
        if version == 4 {
            let drop = offset(bytes, &mut path).ok_or(cut)?;
            name.truncate(name.len().checked_sub(drop).ok_or(Malformed::new("index path", at))?);
        } else {
            name.clear();
        }
        let rest = bytes.get(path..).ok_or(cut)?;
        let end = memchr::memchr(0, rest).ok_or(cut)?;
        name.extend_from_slice(rest.get(..end).ok_or(cut)?);
        each(id, &name);
        // Up to version 3 an entry is padded with one to eight zeros to a multiple of eight bytes.
        at = if version == 4 { path + end + 1 } else { at + ((path + end - at) / 8 + 1) * 8 };
    }
    Ok(())
}

/// Reads a number encoded like a base offset in a pack; version 4 uses it for how many bytes of the last path to drop.
fn offset(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let mut byte = *bytes.get(*at)?;
    *at += 1;
    let mut value = usize::from(byte & 0x7f);
    while byte & 0x80 != 0 {
        byte = *bytes.get(*at)?;
        *at += 1;
        value = value.checked_add(1)?.checked_mul(128)? | usize::from(byte & 0x7f);
    }
    Some(value)
}
