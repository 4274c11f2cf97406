//! Java object serialization (Java Object Serialization Specification, chapter 6), as far as keys come in it: one object
//! whose fields are byte arrays, strings and constants of enumerations.

use keyradius_core::error::Malformed;
use keyradius_readers::cursor::Cursor;

/// Magic number and version of a stream.
pub(crate) const STREAM: [u8; 4] = [0xac, 0xed, 0x00, 0x05];

const NULL: u8 = 0x70;
const REFERENCE: u8 = 0x71;
const CLASS: u8 = 0x72;
const OBJECT: u8 = 0x73;
const STRING: u8 = 0x74;
const ARRAY: u8 = 0x75;
const END: u8 = 0x78;
const ENUM: u8 = 0x7e;

/// Most classes that one extends another.
const MAX_CLASSES: usize = 8;
/// Most fields of an object: real ones have four.
const MAX_FIELDS: u16 = 16;

/// An object.
#[derive(Debug)]
pub(crate) struct Object<'a> {
    fields: Vec<(&'a [u8], &'a [u8])>,
    /// Length of the stream in bytes.
    pub(crate) consumed: usize,
}

impl<'a> Object<'a> {
    /// Reads the stream at the start of `bytes`; what stands behind it is left alone.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(bytes);
        cursor.expect(&STREAM, "stream")?;
        cursor.expect(&[OBJECT], "object")?;
        let classes = classes(&mut cursor)?;
        let mut fields = Vec::new();
        // The values of what is extended stand before those of what extends it.
        for name in classes.iter().rev().flat_map(|class| &class.fields) {
            fields.push((*name, value(&mut cursor)?));
        }
        Ok(Self { fields, consumed: cursor.at() })
    }

    /// The bytes of an array, a string or a constant's name; empty for null.
    pub(crate) fn field(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.fields.iter().find(|(field, _)| *field == name).map(|(_, value)| *value)
    }
}

struct Class<'a> {
    name: &'a [u8],
    fields: Vec<&'a [u8]>,
}

fn text<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Malformed> {
    let length = cursor.u16("string")?;
    cursor.take(length.into(), "string")
}

/// A class and what it extends, which ends in null or in one that was seen before.
fn classes<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<Class<'a>>, Malformed> {
    let mut classes = Vec::new();
    loop {
        let at = cursor.at();
        match cursor.u8("class")? {
            NULL => return Ok(classes),
            REFERENCE => {
                cursor.u32("class")?;
                return Ok(classes);
            }
            CLASS if classes.len() < MAX_CLASSES => classes.push(class(cursor)?),
            _ => return Err(Malformed::new("class", at)),
        }
    }
}

fn class<'a>(cursor: &mut Cursor<'a>) -> Result<Class<'a>, Malformed> {
    /// SC_SERIALIZABLE, alone or with SC_ENUM: no data but that of the fields.
    const FLAGS: [u8; 2] = [0x02, 0x12];
    let name = text(cursor)?;
    cursor.u64("serialVersionUID")?;
    let at = cursor.at();
    let flags = cursor.u8("class flags")?;
    let count = cursor.u16("field count")?;
    if !FLAGS.contains(&flags) || count > MAX_FIELDS {
        return Err(Malformed::new("class", at));
    }
    let mut fields = Vec::new();
    for _ in 0..count {
        let at = cursor.at();
        if !matches!(cursor.u8("field type")?, b'[' | b'L') {
            return Err(Malformed::new("field type", at));
        }
        fields.push(text(cursor)?);
        match cursor.u8("field class")? {
            STRING => drop(text(cursor)?),
            REFERENCE => drop(cursor.u32("field class")?),
            _ => return Err(Malformed::new("field class", at)),
        }
    }
    cursor.expect(&[END], "end of class")?;
    Ok(Class { name, fields })
}

fn value<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Malformed> {
    let at = cursor.at();
    match cursor.u8("value")? {
        NULL => Ok(&[]),
        // A string that was seen before: which one is not asked.
        REFERENCE => cursor.take(4, "value").map(|_| &[][..]),
        STRING => text(cursor),
        ARRAY => match classes(cursor)?.as_slice() {
            [] => cursor.string("array"),
            [class] if class.name == b"[B" => cursor.string("array"),
            _ => Err(Malformed::new("array", at)),
        },
        ENUM => {
            classes(cursor)?;
            match cursor.u8("constant")? {
                STRING => text(cursor),
                _ => Err(Malformed::new("constant", at)),
            }
        }
        _ => Err(Malformed::new("value", at)),
    }
}
