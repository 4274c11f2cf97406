//! A number of a key, found without a format around it.

use serde::{Deserialize, Serialize};

/// A number of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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

    /// A stable identifier for machines.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Modulus => "modulus",
            Self::Public => "public",
            Self::Prime => "prime",
            Self::Exponent => "exponent",
            Self::Scalar => "scalar",
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Hex | Self::Decimal | Self::Base64)
    }

    /// A stable identifier for machines.
    pub const fn id(self) -> &'static str {
        match self {
            Self::BigEndian => "big_endian",
            Self::LittleEndian => "little_endian",
            Self::JavaInts => "java_ints",
            Self::Words32 => "words32",
            Self::Words64 => "words64",
            Self::PythonDigits => "python_digits",
            Self::Hex => "hex",
            Self::Decimal => "decimal",
            Self::Base64 => "base64",
        }
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

/// A number of a key that a hunt looks for, found without a format around it. It names the number and never contains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Number {
    /// Index of the target of the hunt.
    pub target: usize,
    /// Which number of the key.
    pub part: Part,
    /// How it is laid out.
    pub layout: Layout,
    /// How many bytes of it were found.
    pub found: usize,
    /// How many bytes it has in this layout.
    pub whole: usize,
}
