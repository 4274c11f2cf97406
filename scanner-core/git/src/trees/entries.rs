//! Entries of trees (`<mode> <name>\0<object>`), in whole trees and in parts of them.

use std::ops::Range;

use crate::delta::{Piece, bytes_of};
use crate::walk::Change;

/// How far before a changed byte the entry around it may begin, and behind it end, in bytes: mode, name and object
/// name, for names of up to 300 bytes (file systems allow 255).
const REACH: usize = 340;

/// An entry in bytes.
pub(crate) struct Seen<'b> {
    pub(crate) is_tree: bool,
    /// A commit of another repository.
    pub(crate) is_submodule: bool,
    pub(crate) name: &'b [u8],
    pub(crate) key: u64,
}

/// Whether the pieces are in the same order as in the base, as those of a sorted list are.
pub(crate) fn ascends(change: Change<'_>) -> bool {
    let mut last = 0;
    change.pieces.pieces.iter().all(|piece| match piece {
        Piece::Copy(range) => std::mem::replace(&mut last, range.end) <= range.start,
        Piece::Insert(_) => true,
    })
}

/// Tells every entry of the result that the base does not have as it is: in `window`, which is scratch space, stands
/// each change with the entries around it.
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

/// Tells every entry of a tree.
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

/// Tells every entry that has a byte in one of the zones, or an empty zone inside it. Zones ascend.
pub(super) fn affected(bytes: &[u8], zones: &[Range<usize>], hash: usize, each: &mut dyn FnMut(&Seen<'_>)) {
    let mut told = 0;
    for zone in zones {
        // The first zero that can end the name of an entry which reaches into the zone.
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

/// Where the entry begins whose name ends at `zero`: at the first mode behind the zero before it. What stands between
/// that zero and the mode is (part of) the object name of the entry before, in which a mode is as likely as in noise; a
/// name may hold what looks like a mode, but behind its own. The `0` before `40000` in trees of very old tools is left to
/// the object name before it: one of 256 names ends in that byte.
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

/// The entry between these places.
fn entry_at(bytes: &[u8], start: usize, zero: usize, end: usize) -> Option<Seen<'_>> {
    let head = bytes.get(start..zero)?;
    let space = memchr::memchr(b' ', head)?;
    let (mode, name) = (head.get(..space)?, head.get(space + 1..)?);
    let key = bytes.get(zero + 1..end)?.first_chunk().map(|eight| u64::from_be_bytes(*eight))?;
    let is_tree = matches!(mode, b"40000" | b"040000");
    Some(Seen { is_tree, is_submodule: mode == b"160000", name, key })
}
