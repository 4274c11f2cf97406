//! Base85 without marks: the digits of RFC 1924, which git and Python use, and those of Z85 (ZeroMQ).
//!
//! A run counts only if its bytes begin like a key, a stream or text.

use std::ops::Range;

use zeroize::Zeroizing;

use super::promise::is_promising;

/// The digits of git (base85.c) and Python.
pub(super) const DIGITS: &[u8; 85] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";

/// The digits of Z85.
const ZEROMQ: &[u8; 85] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

/// Fewest digits of a run, how many are decoded to tell what it is, and how far before a place it may begin.
const LEAST: usize = 96;
const HEAD: usize = 160;
const BEFORE: usize = 16 << 10;

/// The value of each byte as a digit; 0xff for other bytes.
static VALUES: [[u8; 256]; 2] = [values(DIGITS), values(ZEROMQ)];

const fn values(digits: &[u8; 85]) -> [u8; 256] {
    let mut table = [0xff; 256];
    let mut value = 0_u8;
    while value < 85 {
        #[allow(clippy::indexing_slicing, reason = "constants, checked by the compiler")]
        {
            table[digits[value as usize] as usize] = value;
        }
        value += 1;
    }
    table
}

fn value(values: &[u8; 256], byte: u8) -> Option<u32> {
    values.get(usize::from(byte)).copied().filter(|value| *value < 85).map(u32::from)
}

/// Whether a byte is a digit of one of both.
pub(super) const fn is_digit(byte: u8) -> bool {
    #[allow(clippy::indexing_slicing, reason = "a table of 256")]
    {
        VALUES[0][byte as usize] < 85 || VALUES[1][byte as usize] < 85
    }
}

/// Decodes digits, five for four bytes.
fn decode(digits: &[u8], values: &[u8; 256]) -> Option<Zeroizing<Vec<u8>>> {
    let mut out = Zeroizing::new(Vec::with_capacity(digits.len() / 5 * 4 + 4));
    for group in digits.chunks(5) {
        // A shorter group is filled with the highest digit.
        let mut word = 0_u64;
        for at in 0..5 {
            word = word * 85 + group.get(at).map_or(Some(84), |byte| value(values, *byte)).map(u64::from)?;
        }
        let bytes = u32::try_from(word).ok()?.to_be_bytes();
        out.extend(bytes.iter().take(group.len().saturating_sub(1)));
    }
    Some(out)
}

/// Finds runs from the start of a blob to its end.
#[derive(Default)]
pub(super) struct Runs {
    /// For each kind of digits, the end of the last run that did not begin like anything to read.
    none: [usize; 2],
}

impl Runs {
    /// The run around a place, from `from` on. Places must ascend.
    pub(super) fn around(&mut self, bytes: &[u8], at: usize, from: usize) -> Option<Range<usize>> {
        let floor = at.saturating_sub(BEFORE).max(from);
        for (values, none) in VALUES.iter().zip(&mut self.none) {
            if at < *none {
                continue;
            }
            let is_digit = |byte: &&u8| value(values, **byte).is_some();
            let before = bytes.get(floor..at)?.iter().rev().take_while(is_digit).count();
            let after = bytes.get(at..)?.iter().take_while(is_digit).count();
            let run = at - before..at + after;
            if run.len() >= LEAST && is_worth(bytes.get(run.clone())?, values) {
                return Some(run);
            }
            *none = run.end;
        }
        None
    }
}

fn is_worth(digits: &[u8], values: &[u8; 256]) -> bool {
    let head = digits.get(..digits.len().min(HEAD)).unwrap_or_default();
    let head = head.get(..head.len() / 5 * 5).unwrap_or_default();
    decode(head, values).is_some_and(|head| is_promising(&head))
}

/// Decodes the run that begins at a place.
pub(super) fn decoded(bytes: &[u8], at: usize) -> Option<(Zeroizing<Vec<u8>>, Range<usize>)> {
    let rest = bytes.get(at..)?;
    VALUES.iter().find_map(|values| {
        let length = rest.iter().take_while(|byte| value(values, **byte).is_some()).count();
        let digits = rest.get(..length).filter(|digits| digits.len() >= LEAST && is_worth(digits, values))?;
        // A sign after the last digit of the text may be a digit as well.
        let out = decode(digits, values).or_else(|| decode(digits.get(..length / 5 * 5)?, values))?;
        Some((out, at..at + length))
    })
}
