//! JSON Web Keys whose members are written so that no anchor marks them: elements of XML, rows of CSV, fields of Go,
//! environment variables, setters.
//!
//! A private number of a JWK is a run of base64url of a known length. Beside such a run, the name `kty` is looked for; at
//! the start of a file, without one.

use std::ops::Range;

use keyradius_core::budget::Budget;
use keyradius_core::error::Reason;
use keyradius_readers::assigned;

use super::Decoded;

/// Lengths of numbers of elliptic curves in base64url: 32, 48, 56, 57 and 66 bytes (RFC 7518 6.2, RFC 8037 2).
const LENGTHS: [usize; 5] = [43, 64, 75, 76, 88];

/// Fewest digits of a number of RSA: a modulus of 1,024 bits.
const LONG: usize = 171;

/// How far from a number the name of its type is looked for, in bytes each way: the other members are between them.
const NEAR: usize = 1 << 10;
const FAR: usize = 4 << 10;

/// How far into a file the name is looked for without a number: most files with a key of this kind contain little else.
pub(super) const HEAD: usize = 2 << 10;

/// Bytes of output that a text which is rewritten is charged with, because its block is read for each name.
const PRICE: u64 = 4 << 10;

/// How far around a run the name may be; `None` if the run cannot be a number of a key.
pub(super) fn reach(run: &[u8]) -> Option<usize> {
    let is_short = LENGTHS.contains(&run.len());
    let reach = if is_short { NEAR } else { FAR };
    ((is_short || run.len() >= LONG) && !run.iter().any(|byte| matches!(byte, b'+' | b'/'))).then_some(reach)
}

/// Most names that are looked at for one number, and most in the start of a file.
const MOST: usize = 4;
const MOST_AT_START: usize = 16;

/// The names of types in a part of a text, except those that are anchors of the detector of JWK.
fn names(bytes: &[u8], part: Range<usize>) -> Vec<usize> {
    let text = bytes.get(part.start..part.end.min(bytes.len())).unwrap_or_default();
    let mut found = Vec::new();
    for name in [b"kty", b"Kty", b"KTY"] {
        let is_anchor =
            |at: &usize| name == b"kty" && matches!(bytes.get(at + 3), Some(b'"' | b'\\' | b'\'' | b':' | b' ' | b'='));
        found.extend(memchr::memmem::find_iter(text, name).map(|at| part.start + at).filter(|at| !is_anchor(at)));
    }
    found.sort_unstable();
    found
}

/// Adds the names at the start of a file.
pub(super) fn at_start(bytes: &[u8], places: &mut Vec<usize>) {
    let names = names(bytes, 0..HEAD).into_iter().take(MOST_AT_START);
    places.extend(names.filter(|at| assigned::has_kind(bytes, *at)));
}

/// Adds the nearest name before a number, from `from` on, and the nearest one behind it.
pub(super) fn beside(bytes: &[u8], run: &Range<usize>, reach: usize, from: usize, places: &mut Vec<usize>) {
    let before = names(bytes, run.start.saturating_sub(reach).max(from)..run.start);
    let behind = names(bytes, run.end..run.end.saturating_add(reach));
    let is_one = |at: &usize| assigned::has_kind(bytes, *at);
    places.extend(before.into_iter().rev().take(MOST).find(is_one));
    places.extend(behind.into_iter().take(MOST).find(is_one));
}

/// Writes the members around the name at a place as JSON; returns `None` if another text is there.
pub(super) fn decoded(bytes: &[u8], at: usize, budget: &Budget) -> Result<Option<Decoded>, Reason> {
    if !bytes.get(at..at + 3).is_some_and(|name| name.eq_ignore_ascii_case(b"kty")) {
        return Ok(None);
    }
    // A key of RSA is longer than one on a curve.
    let is_long = bytes
        .get(at + 3..bytes.len().min(at + 32))
        .is_some_and(|behind| memchr::memmem::find(behind, b"RSA").is_some());
    let around = if is_long { 2 * FAR } else { 2 * NEAR };
    let from = at.saturating_sub(around);
    let text = bytes.get(from..bytes.len().min(at + around)).unwrap_or_default();
    let Some((json, span)) = assigned::as_json(text, at - from) else { return Ok(None) };
    budget.take(PRICE + json.len() as u64)?;
    Ok(Some((json, from + span.start..from + span.end)))
}
