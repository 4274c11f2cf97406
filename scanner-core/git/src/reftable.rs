//! Refs and reflogs in reftables (reftable technical documentation, versions 1 and 2): the default storage of git 3.
//!
//! A stack of tables, of which the last overrides the others. Only records are read; indexes are for look-ups.

use std::collections::BTreeMap;
use std::path::Path;

use super::inflate::Inflater;
use super::odb::{TEXT, as_path};
use super::store::read_regular;
use keyradius_core::error::Malformed;
use keyradius_core::oid::{Format, ObjectId};

/// The value of a ref.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// The ref was deleted.
    Deleted,
    Object(ObjectId),
    Symbolic(String),
}

/// The records of a stack of tables.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    pub(crate) refs: BTreeMap<String, Value>,
    /// Names of refs and their past values.
    pub(crate) logs: Vec<(String, ObjectId)>,
    /// Bytes of all names that were read.
    names: usize,
}

/// Maximum number of bytes of names that are read from one stack, and of one name. A record stores only how its name
/// differs from the previous name: a megabyte may stand for any number of long names. A million refs have about 60 MB.
const MOST_NAMES: usize = 64 << 20;
const MOST_NAME: usize = 64 << 10;

impl Tables {
    /// Returns a name, unless it exceeds a limit.
    fn name(&mut self, name: &[u8]) -> Result<String, Malformed> {
        self.names += name.len();
        if name.len() > MOST_NAME || self.names > MOST_NAMES {
            return Err(Malformed::new("reftable names exceed a limit", 0));
        }
        Ok(String::from_utf8_lossy(name).into_owned())
    }
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

/// A position in a table.
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

    /// Reads a number: seven bits per byte, highest first, each continuation counting from one.
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

/// Adds the records of one table.
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
    // After the blocks: the header again, five positions and a checksum.
    let footer = table.len().checked_sub(header + 44).ok_or(Malformed::new("reftable is cut off", table.len()))?;
    let mut positions = Cursor { bytes: table, at: footer + header };
    let [_refs, _objects, _object_index, logs, log_index] =
        [positions.number(8)?, positions.number(8)?, positions.number(8)?, positions.number(8)?, positions.number(8)?];

    let mut at = 0;
    loop {
        // The header is in the first block and counts as part of it.
        let start = if at == 0 { header } else { at };
        let mut block = Cursor { bytes: table, at: start };
        if start >= footer || block.number(1)? != u64::from(b'r') {
            break;
        }
        let end = at + block.number(3)? as usize;
        // A block contains at least its own header; a smaller length leads nowhere.
        if end < block.at {
            return Err(Malformed::new("reftable block", at));
        }
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
        // The length is that of the inflated block; in the first block of the file it includes everything before.
        let before = if at == header { header + 4 } else { 4 };
        let length = (block.number(3)? as usize).saturating_sub(before);
        let mut inflated = Vec::new();
        let used = inflater.exact(table.get(block.at..end).unwrap_or_default(), length as u64, &mut inflated)?;
        let body = Cursor { bytes: inflated.get(..records_end(&inflated, length)?).unwrap_or_default(), at: 0 };
        log(body, format, tables)?;
        at = block.at + used;
    }
    Ok(())
}

/// The end of the records of a block: a table of restart positions and their count follow.
fn records_end(bytes: &[u8], end: usize) -> Result<usize, Malformed> {
    let cut = Malformed::new("reftable block", end);
    let count = Cursor { bytes, at: end.checked_sub(2).ok_or(cut)? }.number(2)? as usize;
    end.checked_sub(2 + count * 3).ok_or(cut)
}

fn refs(mut block: Cursor<'_>, format: Format, tables: &mut Tables) -> Result<(), Malformed> {
    let mut name = Vec::new();
    while block.at < block.bytes.len() {
        let kind = key(&mut block, &mut name)?;
        block.varint()?; // the update index
        let value = match kind {
            0 => Value::Deleted,
            1 => Value::Object(block.id(format)?),
            2 => {
                let value = block.id(format)?;
                block.id(format)?; // the target of the tag
                Value::Object(value)
            }
            3 => {
                let length = block.varint()?;
                Value::Symbolic(tables.name(block.take(length)?)?)
            }
            _ => return Err(Malformed::new("reftable record", block.at)),
        };
        let name = tables.name(&name)?;
        tables.refs.insert(name, value);
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
        let name = tables.name(name.get(..end).unwrap_or_default())?;
        tables.logs.extend(ids.into_iter().filter(|id| !id.is_null()).map(|id| (name.clone(), id)));
    }
    Ok(())
}

/// Reads a key, which is stored as its difference to the previous one. Returns the type of the record.
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

#[cfg(test)]
mod tests {
    use super::super::made::{FORMATS, Folder, deflate};
    use super::*;
    use keyradius_core::oid::Kind;

    /// A number as tables encode it.
    fn varint(value: usize) -> Vec<u8> {
        super::super::made::back(value as u64)
    }

    fn record(prefix: usize, suffix: &[u8], kind: usize) -> Vec<u8> {
        [&varint(prefix), &varint(suffix.len() << 3 | kind), suffix].concat()
    }

    fn u24(value: usize) -> [u8; 3] {
        [(value >> 16) as u8, (value >> 8) as u8, value as u8]
    }

    /// Records, followed by two restart positions and their count.
    fn body(records: &[Vec<u8>]) -> Vec<u8> {
        [&records.concat(), &[0; 6][..], &[0, 2]].concat()
    }

    /// A table of ref blocks and log blocks; `padded` is the block size, or 0 for no padding.
    fn table(format: Format, padded: usize, refs: &[Vec<u8>], logs: &[Vec<u8>]) -> Vec<u8> {
        let header = match format {
            Format::Sha1 => [b"REFT\x01", &u24(padded)[..], &[0; 16]].concat(),
            Format::Sha256 => [b"REFT\x02", &u24(padded)[..], &[0; 16], b"s256"].concat(),
        };
        let mut out = header.clone();
        for block in refs {
            let start = if out.len() == header.len() { 0 } else { out.len() };
            let length = out.len() - start + 4 + block.len();
            out.push(b'r');
            out.extend(u24(length));
            out.extend_from_slice(block);
            if padded > 0 {
                out.resize(out.len().next_multiple_of(padded), 0);
            }
        }
        let first = out.len();
        for block in logs {
            let before = if out.len() == header.len() { header.len() } else { 0 };
            out.push(b'g');
            out.extend(u24(before + 4 + block.len()));
            out.extend(deflate(block));
        }
        let log_position = if logs.is_empty() || refs.is_empty() { 0 } else { first as u64 };
        out.extend(&header);
        for position in [0, 0, 0, log_position, 0] {
            out.extend(position.to_be_bytes());
        }
        out.extend([0; 4]);
        out
    }

    fn id(format: Format, n: u8) -> ObjectId {
        ObjectId::of(format, Kind::Commit, &[n])
    }

    /// `refs/heads/main` (an object), `refs/heads/maint` (deleted), `refs/tags/v1` (a tag), `refs/z` (symbolic).
    fn first_refs(format: Format) -> Vec<u8> {
        let object = |n| id(format, n).raw().to_vec();
        body(&[
            [record(0, b"refs/heads/main", 1), varint(0), object(1)].concat(),
            [record(15, b"t", 0), varint(300)].concat(),
            [record(5, b"tags/v1", 2), varint(1), object(2), object(3)].concat(),
            [record(5, b"z", 3), varint(1), varint(15), b"refs/heads/main".to_vec()].concat(),
        ])
    }

    fn log_record(format: Format, prefix: usize, key: &[u8], ids: [ObjectId; 2]) -> Vec<u8> {
        let person = [&varint(1)[..], b"A", &varint(200), &[b'm'; 200]].concat();
        let rest = [&varint(1_700_000_000)[..], &[0, 60], &varint(3), b"why"].concat();
        assert!(ids.iter().all(|id| id.format() == format));
        [record(prefix, key, 1), ids[0].raw().to_vec(), ids[1].raw().to_vec(), person, rest].concat()
    }

    #[test]
    fn refs_and_logs_are_read_from_blocks_of_every_kind() {
        for format in FORMATS {
            let null = ObjectId::new(format, &vec![0; format.bytes()]).unwrap();
            let second = body(&[[record(0, b"refs/zz", 1), varint(0), id(format, 9).raw().to_vec()].concat()]);
            let logs = [
                body(&[
                    log_record(format, 0, b"refs/stash\0\xff\xff\xff\xff\xff\xff\xff\xfe", [null, id(format, 4)]),
                    record(11, b"\xff\xff\xff\xff\xff\xff\xff\xff", 0),
                ]),
                body(&[log_record(
                    format,
                    0,
                    b"HEAD\0\xff\xff\xff\xff\xff\xff\xff\xff",
                    [id(format, 5), id(format, 6)],
                )]),
            ];
            for padded in [0, 64, 256, 4096] {
                let table = table(format, padded, &[first_refs(format), second.clone()], &logs);
                let mut tables = Tables::default();
                add(&table, format, &mut tables).unwrap();
                let refs: Vec<_> = tables.refs.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
                let expected = [
                    ("refs/heads/main", Value::Object(id(format, 1))),
                    ("refs/heads/maint", Value::Deleted),
                    ("refs/tags/v1", Value::Object(id(format, 2))),
                    ("refs/z", Value::Symbolic("refs/heads/main".to_owned())),
                    ("refs/zz", Value::Object(id(format, 9))),
                ];
                assert_eq!(refs, expected, "{format:?}, blocks of {padded}");
                let logs: Vec<_> = tables.logs.iter().map(|(name, id)| (name.as_str(), *id)).collect();
                let expected = [("refs/stash", id(format, 4)), ("HEAD", id(format, 5)), ("HEAD", id(format, 6))];
                assert_eq!(logs, expected, "{format:?}, blocks of {padded}");
            }
            let only_logs = table(format, 0, &[], &logs);
            let mut tables = Tables::default();
            add(&only_logs, format, &mut tables).unwrap();
            assert_eq!((tables.refs.len(), tables.logs.len()), (0, 3), "a table of logs alone: {format:?}");
        }
    }

    #[test]
    fn the_last_table_overrides_the_others() {
        let folder = Folder::new();
        let format = Format::Sha1;
        let later = body(&[
            [record(0, b"refs/heads/main", 0), varint(0)].concat(),
            [record(0, b"refs/heads/maint", 1), varint(0), id(format, 7).raw().to_vec()].concat(),
        ]);
        folder.write("1.ref", &table(format, 0, &[first_refs(format)], &[]));
        folder.write("2.ref", &table(format, 0, &[later], &[]));
        folder.write("tables.list", b"1.ref\n2.ref\n");
        let tables = read(folder.path(), format).unwrap();
        let names: Vec<_> = tables.refs.keys().map(String::as_str).collect();
        assert_eq!(names, ["refs/heads/maint", "refs/tags/v1", "refs/z"]);
        assert_eq!(tables.refs["refs/heads/maint"], Value::Object(id(format, 7)));
        folder.write("tables.list", b"1.ref\nabsent.ref\n");
        assert!(read(folder.path(), format).is_err());
        assert!(read(&folder.path().join("none"), format).is_err());
    }

    #[test]
    fn impossible_block_lengths_and_expanding_names_are_refused() {
        let format = Format::Sha1;
        let mut bad = table(format, 0, &[first_refs(format), first_refs(format)], &[]);
        let second = bad.iter().rposition(|byte| *byte == b'r').unwrap();
        let second = (24 + 1..=second).rev().find(|at| bad[*at..].starts_with(b"r\0")).unwrap();
        bad[second + 1..second + 4].fill(0);
        assert!(add(&bad, format, &mut Tables::default()).is_err(), "a block of no length follows itself");
        // Ten thousand names of 60,000 bytes, each stored as one byte.
        let long = vec![b'x'; 60_000];
        let entry =
            |prefix, suffix: &[u8]| [record(prefix, suffix, 1), varint(0), id(format, 1).raw().to_vec()].concat();
        let records: Vec<_> =
            std::iter::once(entry(0, &long)).chain((0..10_000).map(|_| entry(59_999, b"y"))).collect();
        let bytes = table(format, 0, &[body(&records)], &[]);
        assert!(add(&bytes, format, &mut Tables::default()).is_err());
    }

    #[test]
    fn truncated_and_altered_tables_never_panic() {
        for format in FORMATS {
            let null = ObjectId::new(format, &vec![0; format.bytes()]).unwrap();
            let logs =
                [body(&[log_record(format, 0, b"HEAD\0\xff\xff\xff\xff\xff\xff\xff\xff", [null, id(format, 6)])])];
            let good = table(format, 0, &[first_refs(format)], &logs);
            for length in 0..good.len() {
                let _ = add(&good[..length], format, &mut Tables::default());
            }
            for at in 0..good.len() {
                for value in [0, 1, 0x7f, 0x80, 0xff] {
                    let mut bad = good.clone();
                    bad[at] = value;
                    let _ = add(&bad, format, &mut Tables::default());
                }
            }
            let refused = |change: &dyn Fn(&mut Vec<u8>)| {
                let mut bad = good.clone();
                change(&mut bad);
                add(&bad, format, &mut Tables::default()).is_err()
            };
            let header = if format == Format::Sha1 { 24 } else { 28 };
            assert!(refused(&|bad| bad[0] = b'r'), "magic");
            assert!(refused(&|bad| bad[4] = 3) && refused(&|bad| bad[4] = 0), "version");
            assert!(refused(&|bad| bad.truncate(header + 43)), "shorter than its footer");
            assert!(refused(&|bad| bad[header + 4] = 1), "a key without a predecessor");
            assert!(refused(&|bad| bad[header + 5] = 15 << 3 | 4), "a record of unknown type");
        }
        let mut cursor = Cursor { bytes: &[[0xff; 12].as_slice(), &[0]].concat(), at: 0 };
        assert!(cursor.varint().is_err(), "an endless number");
        for value in [0, 127, 128, 16511, 16512, 1 << 40] {
            let bytes = varint(value);
            let mut cursor = Cursor { bytes: &bytes, at: 0 };
            assert_eq!((cursor.varint(), cursor.at), (Ok(value), bytes.len()));
        }
    }
}
