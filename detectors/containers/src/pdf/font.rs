//! Character maps of fonts (ISO 32000-1, 9.10.3): which text the codes of a string mean.

use std::collections::BTreeMap;

use super::object::{hex, is_blank};

/// Most codes that a map may name, repeated ones counted too: twice those of two bytes.
const MOST: usize = 1 << 17;

/// Longest text of a code, in bytes of UTF-16 (Adobe Technical Note 5014, 1.4.1: 512 bytes).
const LONGEST: usize = 512;

/// A font. Without a map, each byte of a string is a character.
#[derive(Default)]
pub(super) struct Font {
    map: BTreeMap<u32, Vec<u8>>,
    /// Bytes of a code.
    width: usize,
    /// How many codes were named.
    named: usize,
}

impl Font {
    /// From a character map: `N beginbfchar <code> <text> ... endbfchar`, and ranges `<first> <last> <text>` or
    /// `<first> <last> [<text> ...]`.
    pub(super) fn new(map: &[u8]) -> Self {
        let mut font = Self { map: BTreeMap::new(), width: 0, named: 0 };
        let mut rest = map;
        while let Some(at) = memchr::memmem::find(rest, b"beginbf") {
            rest = rest.get(at + 7..).unwrap_or_default();
            let end = memchr::memmem::find(rest, b"endbf").unwrap_or(rest.len());
            let block = rest.get(..end).unwrap_or_default();
            let mut items = Items(block);
            if block.starts_with(b"char") {
                while let (Some(Item::Hex(code)), Some(Item::Hex(text))) = (items.next(), items.next()) {
                    font.add(&code, 0, &text);
                }
            } else {
                while let (Some(Item::Hex(first)), Some(Item::Hex(last))) = (items.next(), items.next()) {
                    font.range(&first, &last, &mut items);
                }
            }
            rest = rest.get(end..).unwrap_or_default();
        }
        font
    }

    fn range(&mut self, first: &[u8], last: &[u8], items: &mut Items<'_>) {
        let many = number(last).saturating_sub(number(first)).min(0xffff);
        match items.next() {
            Some(Item::Hex(text)) => {
                for step in (0..=many).take(MOST.saturating_sub(self.named)) {
                    let mut text = text.clone();
                    // Only the last byte counts on, and it must not overflow.
                    if let Some(low) = text.last_mut() {
                        *low = low.wrapping_add(u8::try_from(step & 0xff).unwrap_or_default());
                    }
                    self.add(first, step, &text);
                }
            }
            Some(Item::Open) => {
                let mut step = 0;
                while let Some(Item::Hex(text)) = items.next() {
                    self.add(first, step, &text);
                    step += 1;
                }
            }
            _ => {}
        }
    }

    fn add(&mut self, code: &[u8], step: u32, text: &[u8]) {
        self.width = self.width.max(code.len().min(4));
        self.named += 1;
        if self.named <= MOST && text.len() <= LONGEST {
            let units = text.chunks(2).map(|unit| unit.iter().fold(0_u16, |value, byte| value << 8 | u16::from(*byte)));
            let text: String = char::decode_utf16(units).filter_map(Result::ok).collect();
            self.map.insert(number(code).saturating_add(step), text.into_bytes());
        }
    }

    /// Appends the text of a string, unless `out` has `most` bytes.
    pub(super) fn show(&self, string: &[u8], out: &mut Vec<u8>, most: usize) {
        if self.width == 0 {
            return out.extend_from_slice(string);
        }
        for code in string.chunks(self.width) {
            match self.map.get(&number(code)).filter(|_| out.len() < most) {
                Some(text) => out.extend_from_slice(text),
                // A code without text: most likely a character of its own.
                None if self.width == 1 && out.len() < most => out.extend_from_slice(code),
                None => {}
            }
        }
    }
}

fn number(code: &[u8]) -> u32 {
    code.iter().take(4).fold(0, |value, byte| value << 8 | u32::from(*byte))
}

enum Item {
    Hex(Vec<u8>),
    Open,
    Close,
}

/// The strings and brackets of a block.
struct Items<'b>(&'b [u8]);

impl Iterator for Items<'_> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        loop {
            let (first, rest) = self.0.split_first()?;
            self.0 = rest;
            match first {
                b'[' => return Some(Item::Open),
                b']' => return Some(Item::Close),
                b'<' => {
                    let end = memchr::memchr(b'>', rest)?;
                    let digits = rest.get(..end)?;
                    self.0 = rest.get(end + 1..)?;
                    return Some(Item::Hex(hex(digits)));
                }
                _ if is_blank(*first) => {}
                _ => {}
            }
        }
    }
}
