//! Java object serialization (Java Object Serialization Specification, chapter 6), as far as keys use it: one object
//! whose fields are byte arrays, strings and enumeration constants.

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

/// Maximum depth of class inheritance.
const MAX_CLASSES: usize = 8;
/// Maximum number of fields of an object. Real objects have four.
const MAX_FIELDS: u16 = 16;

/// A deserialised object.
#[derive(Debug)]
pub(crate) struct Object<'a> {
    fields: Vec<(&'a [u8], &'a [u8])>,
    /// Length of the stream in bytes.
    pub(crate) consumed: usize,
}

impl<'a> Object<'a> {
    /// Reads the stream at the start of `bytes` and ignores any bytes after it.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(bytes);
        cursor.expect(&STREAM, "stream")?;
        cursor.expect(&[OBJECT], "object")?;
        let classes = classes(&mut cursor)?;
        let mut fields = Vec::new();
        // The field values of a superclass precede those of its subclass.
        for name in classes.iter().rev().flat_map(|class| &class.fields) {
            fields.push((*name, value(&mut cursor)?));
        }
        Ok(Self { fields, consumed: cursor.at() })
    }

    /// The bytes of an array, a string or an enumeration constant; empty for null.
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

/// Reads a class and its superclasses, up to null or a reference to an earlier class.
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
    /// SC_SERIALIZABLE, alone or with SC_ENUM: only fields, no custom data.
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
        // A back reference to a string. Its text is not resolved.
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
