//! Parquet files: pages of columns, compressed by Snappy, gzip, Zstandard or LZ4.
//!
//! The footer leads to the columns. What is stored without compression is searched as it is.

mod thrift;

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::{held, le32};

use super::compressed::blocks::block;
use thrift::Value;

/// Parquet files.
#[derive(Debug)]
pub(crate) struct Parquet;

static ABOUT: About = About {
    id: "parquet",
    title: "Parquet file",
    detects: "Parquet files: pages and dictionaries of each column, compressed by Snappy, gzip, Zstandard or LZ4_RAW.",
    blind_to: "Columns compressed by Brotli, LZO or the older LZ4 are reported as not read. Values that an encoding cuts \
               into differences (DELTA_BYTE_ARRAY).",
    respond: "Treat the contents as plain text.",
    references: &["Apache Parquet, parquet.thrift"],
};

const MAGIC: &[u8] = b"PAR1";
const ENCRYPTED: &[u8] = b"PARE";

/// Most bytes of the footer, and of a page before and after compression.
const MOST_FOOTER: u64 = 64 << 20;
const MOST_PAGE: u64 = 64 << 20;

/// Longest header of a page, in bytes: it may have statistics.
const MOST_HEADER: u64 = 64 << 10;

impl Container for Parquet {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: MAGIC }, Magic { at: 0, bytes: ENCRYPTED }]
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(|bytes, inside| read(&bytes, inside))
    }
}

fn read(bytes: &Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let malformed = Malformed::new("footer of a Parquet file", 0);
    let end = bytes.size().checked_sub(8).and_then(|at| held(bytes, at, 8, 8)).ok_or(malformed)?;
    if end.ends_with(ENCRYPTED) {
        return Err(Unopenable::Closed(Reason::Encrypted, "encrypted footer"));
    }
    let length = le32(&end, 0).map(u64::from).filter(|_| end.ends_with(MAGIC)).ok_or(malformed)?;
    let footer = bytes.size().checked_sub(8 + length).and_then(|at| held(bytes, at, length, MOST_FOOTER));
    let footer = footer.ok_or(malformed)?;
    // FileMetaData: row groups are field 4; RowGroup: columns are field 1; ColumnChunk: its metadata is field 3.
    let groups = thrift::read(&footer).and_then(|(file, _)| file.field(4)).ok_or(malformed)?;
    for (group, columns) in groups.items().filter_map(|group| group.field(1)).enumerate() {
        for (column, meta) in columns.items().filter_map(|column| column.field(3)).enumerate() {
            // ColumnMetaData: codec 4, total compressed size 7, offset of the pages 9, of the dictionary 11.
            let number = |id| meta.field(id).and_then(Value::number).and_then(|number| u64::try_from(number).ok());
            let (Some(codec), Some(size), Some(data)) = (number(4), number(7), number(9)) else { continue };
            let start = number(11).filter(|dictionary| *dictionary > 0).map_or(data, |dictionary| dictionary.min(data));
            let name = format!("{group}/{column}");
            let member = Member { name: name.as_bytes(), at: start };
            match codec {
                // Stored pages are searched with the rest of the file.
                0 => continue,
                1 | 2 | 6 | 7 => {}
                _ => {
                    inside.unread(member, Reason::Unsupported, "codec of a column");
                    continue;
                }
            }
            let mut pages =
                Pages { bytes, at: start, end: start.saturating_add(size), codec, page: Vec::new(), read: 0 };
            inside.holds((2 * MOST_PAGE).min(inside.memory()))?;
            if inside.member(member, &mut pages).is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The pages of a column, one after another.
struct Pages<'b> {
    bytes: &'b Cursor,
    at: u64,
    end: u64,
    codec: u64,
    page: Vec<u8>,
    read: usize,
}

impl Pages<'_> {
    fn next(&mut self) -> Option<()> {
        let most = MOST_HEADER.min(self.end.min(self.bytes.size()).checked_sub(self.at)?);
        let start = held(self.bytes, self.at, most, MOST_HEADER)?;
        // PageHeader: uncompressed size 2, compressed size 3; a data page of version 2 (field 8) begins with levels that
        // are not compressed (fields 5 and 6 of its header), and says so (7).
        let (header, length) = thrift::read(&start)?;
        let number = |value: &Value, id| value.field(id).and_then(Value::number).and_then(|n| u64::try_from(n).ok());
        let (unpacked, packed) = (number(&header, 2)?, number(&header, 3)?);
        let data = self.at + length as u64;
        let page = held(self.bytes, data, packed, MOST_PAGE)?;
        self.at = data + packed;
        let second = header.field(8);
        let levels = second.as_ref().map_or(0, |page| number(page, 5).unwrap_or(0) + number(page, 6).unwrap_or(0));
        let is_plain = second.as_ref().and_then(|page| page.field(7)).is_some_and(|packed| packed.number() == Some(0));
        let content = page.get(usize::try_from(levels).ok()?..)?;
        let unpacked = usize::try_from(unpacked.checked_sub(levels)?.min(MOST_PAGE)).ok()?;
        self.read = 0;
        self.page = if is_plain { content.to_vec() } else { self.unpack(content, unpacked)? };
        Some(())
    }

    fn unpack(&self, packed: &[u8], length: usize) -> Option<Vec<u8>> {
        let limited = |from: &mut dyn Read| {
            let mut out = Vec::new();
            from.take(length as u64).read_to_end(&mut out).ok().map(|_| out)
        };
        match self.codec {
            1 => block(packed, length),
            2 => limited(&mut MultiGzDecoder::new(packed)),
            6 => limited(&mut zstd::stream::read::Decoder::with_buffer(packed).ok()?),
            _ => (length / 256 <= packed.len()).then(|| lz4_flex::block::decompress(packed, length).ok()).flatten(),
        }
    }
}

impl Read for Pages<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.read >= self.page.len() {
            if self.at >= self.end {
                return Ok(0);
            }
            self.next().ok_or(io::ErrorKind::InvalidData)?;
        }
        let read = self.page.get(self.read..).unwrap_or_default().read(into)?;
        self.read += read;
        Ok(read)
    }
}
