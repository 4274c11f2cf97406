//! Reads entries of trees (`<mode> <name>\0<object>`), in whole trees and in parts of them.

use std::ops::Range;

use crate::delta::{Piece, bytes_of};
use crate::walk::Change;

/// How far before a changed byte its entry may begin, and how far after it end, in bytes: mode, name and object id, for
/// names of up to 300 bytes (file systems allow 255).
const REACH: usize = 340;

/// A parsed entry.
pub(crate) struct Seen<'b> {
    pub(crate) is_tree: bool,
    /// A commit of another repository.
    pub(crate) is_submodule: bool,
    pub(crate) name: &'b [u8],
    pub(crate) key: u64,
}

/// Whether the copies are in the same order as in the base, as they are in a sorted list.
pub(crate) fn ascends(change: Change<'_>) -> bool {
    let mut last = 0;
    change.pieces.pieces.iter().all(|piece| match piece {
        Piece::Copy(range) => std::mem::replace(&mut last, range.end) <= range.start,
        Piece::Insert(_) => true,
    })
}

/// Passes to `each` every entry of the result that the base does not have unchanged. `window` is scratch space for each
/// change with the entries around it.
pub(crate) fn gained(change: Change<'_>, window: &mut Vec<u8>, hash: usize, each: &mut dyn FnMut(&Seen<'_>)) {
    let Change { base, delta, pieces, .. } = change;
    let mut zones = Vec::with_capacity(pieces.pieces.len());
    window.clear();
    let count = pieces.pieces.len();
    for (number, piece) in pieces.pieces.iter().enumerate() {
        let bytes = bytes_of(piece, delta, base);
        let seam = window.len();
        if matches!(piece, Piece::Insert(_)) {
            window.extend_from_slice(bytes);
            zones.push(seam..window.len());
            continue;
        }
        if number > 0 {
            zones.push(seam..seam);
        }
        let (head, tail) = (if number == 0 { 0 } else { REACH }, if number + 1 == count { 0 } else { REACH });
        if bytes.len() <= head + tail {
            window.extend_from_slice(bytes);
        } else {
            window.extend_from_slice(bytes.get(..head).unwrap_or_default());
            window.extend_from_slice(bytes.get(bytes.len() - tail..).unwrap_or_default());
        }
    }
    affected(window, &zones, hash, each);
}

/// Passes every entry of a tree to `each`.
pub(crate) fn entries(bytes: &[u8], hash: usize, each: &mut dyn FnMut(&Seen<'_>)) {
    let mut at = 0;
    while let Some(zero) = bytes.get(at..).and_then(|rest| memchr::memchr(0, rest)).map(|zero| at + zero) {
        let end = zero + 1 + hash;
        if let Some(seen) = entry_at(bytes, at, zero, end) {
            each(&seen);
        }
        at = end;
    }
}

/// Passes to `each` every entry that has a byte in one of the zones, or has an empty zone inside it. Zones must ascend.
pub(super) fn affected(bytes: &[u8], zones: &[Range<usize>], hash: usize, each: &mut dyn FnMut(&Seen<'_>)) {
    let mut told = 0;
    for zone in zones {
        // The first zero byte that can end the name of an entry that reaches into the zone.
        let mut at = zone.start.saturating_sub(hash).max(told);
        while let Some(zero) = bytes.get(at..).and_then(|rest| memchr::memchr(0, rest)).map(|zero| at + zero) {
            at = zero + 1;
            let end = zero + 1 + hash;
            let Some(start) = start_of(bytes, zero) else { continue };
            if start >= zone.end.max(zone.start + 1) {
                break;
            }
            let touches = end > zone.start && (start < zone.end || start < zone.start);
            if touches && let Some(seen) = entry_at(bytes, start, zero, end) {
                each(&seen);
                told = end;
                at = end;
            }
        }
    }
}

/// The start of the entry whose name ends at `zero`: the first mode after the previous zero byte. Between that zero
/// byte and the mode is (part of) the object id of the previous entry, which contains a mode as rarely as noise does; a
/// name may contain what looks like a mode, but only after its own mode. The `0` before `40000` in trees of very old
/// tools is left to the object id before it: one of 256 ids ends in that byte.
fn start_of(bytes: &[u8], zero: usize) -> Option<usize> {
    let low = zero.saturating_sub(REACH);
    let before = bytes.get(low..zero)?;
    let region = memchr::memrchr(0, before).map_or(0, |at| at + 1);
    for space in memchr::memchr_iter(b' ', before.get(region..)?).map(|at| region + at) {
        let mode = before.get(region..space)?;
        for known in [&b"100644"[..], b"100755", b"120000", b"160000", b"100664", b"40000"] {
            if mode.ends_with(known) {
                return Some(low + space - known.len());
            }
        }
    }
    None
}

/// Parses the entry between these offsets.
fn entry_at(bytes: &[u8], start: usize, zero: usize, end: usize) -> Option<Seen<'_>> {
    let head = bytes.get(start..zero)?;
    let space = memchr::memchr(b' ', head)?;
    let (mode, name) = (head.get(..space)?, head.get(space + 1..)?);
    let key = bytes.get(zero + 1..end)?.first_chunk().map(|eight| u64::from_be_bytes(*eight))?;
    let is_tree = matches!(mode, b"40000" | b"040000");
    Some(Seen { is_tree, is_submodule: mode == b"160000", name, key })
}
