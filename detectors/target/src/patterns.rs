//! The bytes that the numbers of a key leave in memory, files and text.
//!
//! A key in a running program is no file of any format: it is a few numbers, each in the layout of its library. This
//! file lists the layouts; each was seen in memory of the program that it names, or follows from its source.

use keyradius_core::hex::hex;
use keyradius_readers::text::base64;
use zeroize::Zeroizing;

/// A number of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// RSA modulus.
    Modulus,
    /// Public point of an EC key (its x), or the public number of another key.
    Public,
    /// RSA prime: whoever has one and the modulus has the key.
    Prime,
    /// RSA private exponent: the same.
    Exponent,
    /// Scalar of an EC or DSA key, or the seed of another key: the whole private key.
    Scalar,
}

impl Part {
    /// Whether the private key follows from this part and the public key.
    pub const fn is_private(self) -> bool {
        match self {
            Self::Prime | Self::Exponent | Self::Scalar => true,
            Self::Modulus | Self::Public => false,
        }
    }

    /// What people call it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Modulus => "modulus",
            Self::Public => "public number",
            Self::Prime => "prime",
            Self::Exponent => "private exponent",
            Self::Scalar => "private number",
        }
    }
}

/// How a number is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layout {
    /// The most significant byte first: DER, SSH, S-expressions of GnuPG.
    BigEndian,
    /// The least significant byte first: numbers of OpenSSL, GMP, mbedTLS, NSS, Go and V8 on little-endian machines,
    /// CAPI and XML of .NET.
    LittleEndian,
    /// 32-bit words, the most significant first, each little-endian: `BigInteger` of Java.
    JavaInts,
    /// 32-bit words, the least significant first, each big-endian: OpenSSL on 32-bit big-endian machines.
    Words32,
    /// 64-bit words, the least significant first, each big-endian: OpenSSL on 64-bit big-endian machines.
    Words64,
    /// Digits of 30 bits in 32-bit words, the least significant first: `int` of CPython.
    PythonDigits,
    /// Hexadecimal digits, lower or upper case, with or without colons.
    Hex,
    /// Decimal digits.
    Decimal,
    /// Base64 of either alphabet, at one of three alignments.
    Base64,
}

impl Layout {
    /// Whether it is text.
    pub(crate) const fn is_text(self) -> bool {
        matches!(self, Self::Hex | Self::Decimal | Self::Base64)
    }

    /// A short description.
    pub const fn title(self) -> &'static str {
        match self {
            Self::BigEndian => "big-endian",
            Self::LittleEndian => "little-endian",
            Self::JavaInts => "words of Java",
            Self::Words32 => "32-bit words of a big-endian machine",
            Self::Words64 => "64-bit words of a big-endian machine",
            Self::PythonDigits => "digits of Python",
            Self::Hex => "hexadecimal text",
            Self::Decimal => "decimal text",
            Self::Base64 => "base64 text",
        }
    }
}

/// A number in one layout. The bytes of a private part are wiped when dropped.
pub struct Pattern {
    /// Index of the target.
    pub target: usize,
    /// Which number.
    pub part: Part,
    /// In which layout.
    pub layout: Layout,
    /// All its bytes.
    pub bytes: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pattern({}, {:?}, {:?})", self.target, self.part, self.layout)
    }
}

/// Shortest number that is searched for, in bytes. 16 random bytes are not in any file by accident.
pub(crate) const SHORTEST: usize = 16;

/// Every layout of a number, big-endian. With `raw`, bytes that are no number (a seed, an Edwards point) have no layouts
/// of words.
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
