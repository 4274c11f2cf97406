//! The bytes that the numbers of a key leave in memory, files and text.
//!
//! A running program keeps a key as a few numbers, each in the layout of its library, and not as a file of a format.

use keyradius_core::hex::hex;
use keyradius_core::material::{Layout, Part};
use keyradius_readers::text::base64;
use zeroize::Zeroizing;

/// A number in one layout. The bytes of a private part are wiped when dropped.
pub(crate) struct Pattern {
    /// Index of the target.
    pub(crate) target: usize,
    /// Which number.
    pub(crate) part: Part,
    /// In which layout.
    pub(crate) layout: Layout,
    /// All its bytes.
    pub(crate) bytes: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pattern({}, {:?}, {:?})", self.target, self.part, self.layout)
    }
}

/// Shortest number that is searched for, in bytes. 16 random bytes are not in any file by accident.
pub(crate) const SHORTEST: usize = 16;

/// Returns every layout of a number, given big-endian. With `raw`, the bytes are not a number but a seed or an encoded
/// point; layouts of words are left out.
pub(crate) fn layouts(target: usize, part: Part, number: &[u8], raw: bool) -> Vec<Pattern> {
    if number.len() < SHORTEST {
        return Vec::new();
    }
    let mut all: Vec<Pattern> = Vec::new();
    let mut add = |layout, bytes: Vec<u8>| {
        let bytes = Zeroizing::new(bytes);
        if !all.iter().any(|other| other.bytes == bytes) {
            all.push(Pattern { target, part, layout, bytes });
        }
    };
    add(Layout::BigEndian, number.to_vec());
    if !raw {
        let mut little = number.to_vec();
        little.reverse();
        add(Layout::LittleEndian, little);
        let words = |size: usize| {
            let mut padded = vec![0; (size - number.len() % size) % size];
            padded.extend(number);
            padded
        };
        add(Layout::JavaInts, words(4).chunks(4).flat_map(|word| word.iter().rev().copied()).collect());
        for (layout, size) in [(Layout::Words32, 4), (Layout::Words64, 8)] {
            add(layout, words(size).chunks(size).rev().flatten().copied().collect());
        }
        add(Layout::PythonDigits, python(number));
        if let Some(text) = decimal(number) {
            add(Layout::Decimal, text);
        }
    }
    let lower = hex(number);
    let pairs = |digits: &str| {
        digits.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).into_owned()).collect::<Vec<_>>().join(":")
    };
    let upper = lower.to_uppercase();
    for text in [pairs(&lower), pairs(&upper), lower, upper] {
        add(Layout::Hex, text.into_bytes());
    }
    for skipped in 0..3 {
        let rest = number.get(skipped..).unwrap_or_default();
        let whole = rest.get(..rest.len() / 3 * 3).unwrap_or_default();
        let text = base64(whole);
        add(Layout::Base64, text.replace('+', "-").replace('/', "_").into_bytes());
        add(Layout::Base64, text.into_bytes());
    }
    all
}

/// Digits of 30 bits, the least significant first, each in four bytes (CPython, `longintrepr.h`).
fn python(number: &[u8]) -> Vec<u8> {
    let (mut out, mut bits, mut held) = (Vec::new(), 0_u64, 0);
    for byte in number.iter().rev() {
        bits |= u64::from(*byte) << held;
        held += 8;
        if held >= 30 {
            out.extend(u32::try_from(bits & 0x3fff_ffff).unwrap_or_default().to_le_bytes());
            bits >>= 30;
            held -= 30;
        }
    }
    if bits > 0 {
        out.extend(u32::try_from(bits & 0x3fff_ffff).unwrap_or_default().to_le_bytes());
    }
    out
}

fn decimal(number: &[u8]) -> Option<Vec<u8>> {
    // Longer ones would take quadratic time, and the other layouts are enough.
    (number.len() <= 2048).then(|| dashu_int::UBig::from_be_bytes(number).to_string().into_bytes())
}

/// How many pieces of a pattern are searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pieces {
    /// One at every [`SPACING`] bytes: every fragment of 56 bytes (or characters of text) has one.
    All,
    /// Its start, middle and end.
    Three,
}

/// Distance of the pieces of a pattern, in bytes.
const SPACING: usize = 32;

/// The pieces by which a pattern is found, with their places in it: several, so that a cut or wrapped copy is found too.
/// None if the pattern has too few different bytes to mean anything.
pub(crate) fn pieces(bytes: &[u8], longest: usize, pieces: Pieces) -> Vec<(usize, &[u8])> {
    let length = bytes.len().min(longest);
    let last = bytes.len() - length;
    // Not the first byte: its upper bits are often set, and a number may lose it.
    let mut starts = match pieces {
        Pieces::All => (1.min(last)..=last).step_by(SPACING).chain([last]).collect(),
        Pieces::Three => vec![1.min(last), last / 2, last],
    };
    starts.dedup();
    let at = |start: usize| Some((start, bytes.get(start..start + length)?));
    starts.into_iter().filter_map(at).filter(|(_, literal)| is_varied(literal)).collect()
}

/// Whether no eight bytes in a row have fewer than three values: such windows are in every file.
fn is_varied(literal: &[u8]) -> bool {
    literal.windows(8).all(|window| {
        let mut values = window.to_vec();
        values.sort_unstable();
        values.dedup();
        values.len() >= 3
    })
}
