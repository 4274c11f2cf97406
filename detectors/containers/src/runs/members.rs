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

/// How far around a run the name may be; `None` if it is no number of a key.
pub(super) fn reach(run: &[u8]) -> Option<usize> {
    let is_short = LENGTHS.contains(&run.len());
    let reach = if is_short { NEAR } else { FAR };
    ((is_short || run.len() >= LONG) && !run.iter().any(|byte| matches!(byte, b'+' | b'/'))).then_some(reach)
}

/// Names of types in a part of a text, except those that are anchors of the detector of JWK.
pub(super) fn names(bytes: &[u8], part: Range<usize>, places: &mut Vec<usize>) {
    let text = bytes.get(part.start..part.end.min(bytes.len())).unwrap_or_default();
    for name in [b"kty", b"Kty", b"KTY"] {
        for at in memchr::memmem::find_iter(text, name).map(|at| part.start + at) {
            let has_anchor =
                name == b"kty" && matches!(bytes.get(at + 3), Some(b'"' | b'\\' | b'\'' | b':' | b' ' | b'='));
            if !has_anchor && assigned::has_kind(bytes, at) {
                places.push(at);
            }
        }
    }
}

/// The members around the name at a place, as JSON; `None` if there is no such name.
pub(super) fn decoded(bytes: &[u8], at: usize, budget: &Budget) -> Result<Option<Decoded>, Reason> {
    if !bytes.get(at..at + 3).is_some_and(|name| name.eq_ignore_ascii_case(b"kty")) {
        return Ok(None);
    }
    let json = assigned::as_json(bytes, at);
    if let Some((json, _)) = &json {
        budget.take(PRICE + json.len() as u64)?;
    }
    Ok(json)
}
