//! What eight bytes of a text contain, told at once.

use super::PIECE;

const ONES: u64 = u64::MAX / 255;

/// What the eight bytes of a piece contain, compared at once, because this is asked for every piece of every text.
#[derive(Clone, Copy)]
#[allow(clippy::struct_excessive_bools, reason = "independent facts about a piece")]
pub(super) struct Signs {
    pub(super) digit: bool,
    pub(super) blank: bool,
    pub(super) newline: bool,
    pub(super) capital: bool,
    pub(super) small: bool,
    pub(super) underscore: bool,
    /// Two characters in columns of four, as in dumps of characters.
    pub(super) cells: bool,
}

impl Signs {
    pub(super) fn of(piece: [u8; PIECE]) -> Self {
        let word = u64::from_le_bytes(piece);
        // Whether a byte is less than `n`, which is at most 128.
        let has_less = |word: u64, n: u64| word.wrapping_sub(ONES * n) & !word & (ONES * 128) != 0;
        // Letters and digits are the bytes from the first one on. Bytes beyond ASCII may count as well.
        let has = |first: u8, many: u64| has_less(word ^ (ONES * u64::from(first)), many);
        // Every byte except a blank has its upper bit set.
        let others = ((word ^ (ONES * 0x20)) & (ONES * 0x7f)) + ONES * 0x7f;
        let others = (others | word) & (ONES * 0x80);
        let letters = word & (ONES * 0x40);
        let (capitals, smalls) = (letters & !(word << 1), letters & (word << 1));
        Self {
            digit: has(b'0', 10),
            blank: has(b' ', 1),
            newline: has(b'\n', 1),
            capital: capitals != 0,
            small: smalls != 0,
            underscore: has(b'_', 1),
            cells: (0..4).any(|column| others == 0x80_0000_0080 << (8 * column)),
        }
    }

    /// Whether this may be a piece of a short number in base64: words have few kinds of characters.
    pub(super) const fn is_mixed(self) -> bool {
        self.capital && (self.small || self.digit)
    }

    /// Whether this may be a piece of a run: digits are common in base64, hexadecimal and base32. Of the pieces of base64
    /// that have none, nearly all have capitals and small letters, which most names in programs have not; those of base32
    /// have no underscore.
    pub(super) const fn of_run(self) -> bool {
        !self.blank && !self.newline && (self.digit || (self.capital && (self.small || !self.underscore)))
    }
}
