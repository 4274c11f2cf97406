//! Refs and reflogs in tables (reftable technical documentation, versions 1 and 2): the storage that git 3 begins with.
//!
//! A stack of tables, the last of which has the last word. Only records are read; indexes are for look-ups.

use std::collections::BTreeMap;
use std::path::Path;

use super::inflate::Inflater;
use super::map::read_regular;
use super::odb::{TEXT, as_path};
use super::oid::{Format, ObjectId};
use crate::error::Malformed;

/// What a ref stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// It was deleted.
    Deleted,
    Object(ObjectId),
    Symbolic(String),
}

/// What a stack of tables says.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    pub(crate) refs: BTreeMap<String, Value>,
    /// Names of refs and what they were.
    pub(crate) logs: Vec<(String, ObjectId)>,
}

/// Reads the stack in a directory.
pub(crate) fn read(directory: &Path, format: Format) -> Result<Tables, Malformed> {
    let unreadable = Malformed::new("reftable cannot be opened", 0);
    let list = read_regular(&directory.join("tables.list"), TEXT).map_err(|_| unreadable)?;
    let mut tables = Tables::default();
    for name in list.split(|byte| *byte == b'\n').filter(|name| !name.is_empty()) {
        let table = read_regular(&directory.join(as_path(name)), TEXT).map_err(|_| unreadable)?;
        add(&table, format, &mut tables)?;
    }
    tables.refs.retain(|_, value| *value != Value::Deleted);
    Ok(tables)
}

/// A place in a table.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let cut = Malformed::new("reftable is cut off", self.at);
        let taken = self.bytes.get(self.at..self.at.checked_add(length).ok_or(cut)?).ok_or(cut)?;
        self.at += length;
        Ok(taken)
    }

    fn number(&mut self, length: usize) -> Result<u64, Malformed> {
        Ok(self.take(length)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// Seven bits a byte, the highest first, each continuation counting from one.
    fn varint(&mut self) -> Result<usize, Malformed> {
        let mut byte = self.number(1)?;
        let mut value = byte & 0x7f;
        while byte & 0x80 != 0 {
            byte = self.number(1)?;
            value =
                value.checked_add(1).filter(|v| *v < 1 << 50).ok_or(Malformed::new("reftable number", self.at))? << 7;
            value |= byte & 0x7f;
        }
        Ok(value as usize)
    }

    fn id(&mut self, format: Format) -> Result<ObjectId, Malformed> {
        let at = self.at;
        ObjectId::new(format, self.take(format.bytes())?).ok_or(Malformed::new("reftable object name", at))
    }
}

/// Adds what one table says.
pub(crate) fn add(table: &[u8], format: Format, tables: &mut Tables) -> Result<(), Malformed> {
    let mut head = Cursor { bytes: table, at: 0 };
    if head.take(4)? != b"REFT" {
        return Err(Malformed::new("not a reftable", 0));
    }
    let header = match head.number(1)? {
        1 => 24,
        2 => 28,
        _ => return Err(Malformed::new("reftable version", 4)),
    };
    let block_size = head.number(3)? as usize;
    // Behind the blocks: the header again, five positions and a checksum.
    let footer = table.len().checked_sub(header + 44).ok_or(Malformed::new("reftable is cut off", table.len()))?;
    let mut positions = Cursor { bytes: table, at: footer + header };
    let [_refs, _objects, _object_index, logs, log_index] =
        [positions.number(8)?, positions.number(8)?, positions.number(8)?, positions.number(8)?, positions.number(8)?];

    let mut at = 0;
    loop {
        // The header stands in the first block and counts as part of it.
        let start = if at == 0 { header } else { at };
        let mut block = Cursor { bytes: table, at: start };
        if start >= footer || block.number(1)? != u64::from(b'r') {
            break;
        }
        let end = at + block.number(3)? as usize;
        let body = Cursor { bytes: table.get(..records_end(table, end)?).unwrap_or_default(), at: block.at };
        refs(body, format, tables)?;
        at = if block_size == 0 { end } else { at + end.saturating_sub(at).div_ceil(block_size).max(1) * block_size };
    }
    let first_is_log = table.get(header) == Some(&b'g');
    let mut at = if first_is_log { header } else { logs as usize };
    let end = if log_index == 0 { footer } else { log_index as usize };
    let mut inflater = Inflater::default();
    while at > 0 && at < end && table.get(at) == Some(&b'g') {
        let mut block = Cursor { bytes: table, at: at + 1 };
        // The length is that of the inflated block with everything before it in the file's first block.
        let before = if at == header { header + 4 } else { 4 };
        let length = (block.number(3)? as usize).saturating_sub(before);
        let mut inflated = Vec::new();
        let used = inflater.measured(table.get(block.at..end).unwrap_or_default(), length as u64, &mut inflated)?;
        let body = Cursor { bytes: inflated.get(..records_end(&inflated, length)?).unwrap_or_default(), at: 0 };
        log(body, format, tables)?;
        at = block.at + used;
    }
    Ok(())
}

/// Where the records of a block end: before a table of restart positions and their count.
fn records_end(bytes: &[u8], end: usize) -> Result<usize, Malformed> {
    let cut = Malformed::new("reftable block", end);
    let count = Cursor { bytes, at: end.checked_sub(2).ok_or(cut)? }.number(2)? as usize;
    end.checked_sub(2 + count * 3).ok_or(cut)
}

fn refs(mut block: Cursor<'_>, format: Format, tables: &mut Tables) -> Result<(), Malformed> {
    let mut name = Vec::new();
    while block.at < block.bytes.len() {
        let kind = key(&mut block, &mut name)?;
        block.varint()?; // when it was written
        let value = match kind {
            0 => Value::Deleted,
            1 => Value::Object(block.id(format)?),
            2 => {
                let value = block.id(format)?;
                block.id(format)?; // what the tag stands for
                Value::Object(value)
            }
            3 => {
                let length = block.varint()?;
                Value::Symbolic(String::from_utf8_lossy(block.take(length)?).into_owned())
            }
            _ => return Err(Malformed::new("reftable record", block.at)),
        };
        tables.refs.insert(String::from_utf8_lossy(&name).into_owned(), value);
    }
    Ok(())
}

fn log(mut block: Cursor<'_>, format: Format, tables: &mut Tables) -> Result<(), Malformed> {
    let mut name = Vec::new();
    while block.at < block.bytes.len() {
        let kind = key(&mut block, &mut name)?;
        if kind == 0 {
            continue;
        }
        let ids = [block.id(format)?, block.id(format)?];
        for _ in 0..2 {
            let length = block.varint()?; // name, then mail
            block.take(length)?;
        }
        block.varint()?; // time
        block.take(2)?; // zone
        let length = block.varint()?;
        block.take(length)?; // message
        let end = memchr::memchr(0, &name).unwrap_or(name.len());
        let name = String::from_utf8_lossy(name.get(..end).unwrap_or_default()).into_owned();
        tables.logs.extend(ids.into_iter().filter(|id| !id.is_null()).map(|id| (name.clone(), id)));
    }
    Ok(())
}

/// Reads a key, of which only what differs from the last one is there. Returns the kind of the record.
fn key(block: &mut Cursor<'_>, name: &mut Vec<u8>) -> Result<usize, Malformed> {
    let prefix = block.varint()?;
    let suffix = block.varint()?;
    if prefix > name.len() {
        return Err(Malformed::new("reftable key", block.at));
    }
    name.truncate(prefix);
    name.extend_from_slice(block.take(suffix >> 3)?);
    Ok(suffix & 7)
}
