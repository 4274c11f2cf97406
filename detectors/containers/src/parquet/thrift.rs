//! The compact protocol of Thrift, as far as Parquet needs it: structures, lists, numbers. Strings are skipped.
//!
//! Source: Apache Thrift, doc/specs/thrift-compact-protocol.md.

use crate::compressed::blocks::varint;

/// Most values of a structure, at all depths, and the deepest nesting.
const MOST: usize = 1 << 20;
const DEEPEST: u32 = 16;

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Number(i64),
    Struct(Vec<(i16, Self)>),
    List(Vec<Self>),
    Other,
}

impl Value {
    /// A field of a structure.
    pub(super) fn field(&self, id: i16) -> Option<Self> {
        let Self::Struct(fields) = self else { return None };
        fields.iter().find(|(known, _)| *known == id).map(|(_, value)| value.clone())
    }

    /// The items of a list.
    pub(super) fn items(&self) -> impl Iterator<Item = &Self> {
        let items = if let Self::List(items) = self { items.as_slice() } else { &[] };
        items.iter()
    }

    /// A number, or a truth value.
    #[allow(clippy::needless_pass_by_value, reason = "called on fields, which are copies")]
    pub(super) fn number(self) -> Option<i64> {
        if let Self::Number(number) = self { Some(number) } else { None }
    }
}

/// Reads a structure. Returns it, and its length in bytes.
pub(super) fn read(bytes: &[u8]) -> Option<(Value, usize)> {
    let mut input = Input { rest: bytes, left: MOST };
    let value = input.structure(DEEPEST)?;
    Some((value, bytes.len() - input.rest.len()))
}

struct Input<'b> {
    rest: &'b [u8],
    /// Values that may still be read.
    left: usize,
}

impl Input<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn zigzag(&mut self) -> Option<i64> {
        let coded = varint(&mut self.rest)?;
        Some((coded >> 1).cast_signed() ^ -(coded & 1).cast_signed())
    }

    fn skip(&mut self, length: u64) -> Option<Value> {
        self.rest = self.rest.get(usize::try_from(length).ok()?..)?;
        Some(Value::Other)
    }

    fn structure(&mut self, depth: u32) -> Option<Value> {
        let mut fields = Vec::new();
        let mut id = 0_i16;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Some(Value::Struct(fields));
            }
            id = match head >> 4 {
                0 => i16::try_from(self.zigzag()?).ok()?,
                step => id.checked_add(i16::from(step))?,
            };
            // A truth value is in the type.
            let value = match head & 15 {
                1 => Value::Number(1),
                2 => Value::Number(0),
                kind => self.value(kind, depth)?,
            };
            fields.push((id, value));
        }
    }

    fn value(&mut self, kind: u8, depth: u32) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        self.left = self.left.checked_sub(1)?;
        match kind {
            1..=3 => Some(Value::Number(self.byte()?.into())),
            4..=6 => self.zigzag().map(Value::Number),
            7 => self.skip(8),
            8 => {
                let length = varint(&mut self.rest)?;
                self.skip(length)
            }
            9 | 10 => {
                let head = self.byte()?;
                let count = if head >> 4 == 15 { varint(&mut self.rest)? } else { u64::from(head >> 4) };
                (0..count).map(|_| self.value(head & 15, depth)).collect::<Option<Vec<_>>>().map(Value::List)
            }
            11 => {
                let count = varint(&mut self.rest)?;
                let kinds = if count == 0 { 0 } else { self.byte()? };
                for _ in 0..count {
                    self.value(kinds >> 4, depth)?;
                    self.value(kinds & 15, depth)?;
                }
                Some(Value::Other)
            }
            12 => self.structure(depth),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_lists_and_numbers() {
        // 1: -3, 2: true, 5: [{1: 7}], 20: "ab".
        let bytes = [0x15, 5, 0x11, 0x39, 0x1c, 0x15, 14, 0, 8, 40, 2, b'a', b'b', 0, 99];
        let (value, length) = read(&bytes).unwrap();
        assert_eq!(length, bytes.len() - 1);
        assert_eq!(value.field(1).and_then(Value::number), Some(-3));
        assert_eq!(value.field(2).and_then(Value::number), Some(1));
        let list = value.field(5).unwrap();
        assert_eq!(list.items().map(|item| item.field(1).and_then(Value::number)).collect::<Vec<_>>(), [Some(7)]);
        assert!(value.field(20).is_some() && value.field(3).is_none());
        for cut in 0..length {
            assert!(read(&bytes[..cut]).is_none(), "{cut}");
        }
        let endless = [0x19, 0xf9, 0xff, 0xff, 0xff, 0xff, 0x0f];
        assert!(read(&endless).is_none() && read(&[0x1c; 40]).is_none());
    }
}
