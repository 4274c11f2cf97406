//! A whole report in memory: its records are compressed, and each is decoded on demand.

use std::cell::RefCell;
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{ReadError, Rest, Sink, Status, read};
use crate::report::Report;
use crate::report::model::{Finding, SCHEMA, Secret};
use crate::report::records::Records;

/// Number of records that are compressed together. Their texts are similar, so together they take an eighth of the
/// space.
const BLOCK: usize = 64;

/// Stored records: compact JSON, one record per line, compressed in blocks.
#[derive(Default)]
struct Shelf {
    count: usize,
    packed: Vec<Box<[u8]>>,
    /// The lines of the last block, not yet compressed.
    open: Vec<u8>,
}

impl Shelf {
    fn put(&mut self, record: &impl Serialize) {
        // Cannot fail: the record was read from JSON, and a Vec accepts every byte.
        let _ = serde_json::to_writer(&mut self.open, record);
        self.open.push(b'\n');
        self.count += 1;
        if self.count.is_multiple_of(BLOCK) {
            self.pack();
        }
    }

    fn pack(&mut self) {
        let mut packer = DeflateEncoder::new(Vec::new(), Compression::fast());
        let packed = packer.write_all(&self.open).and_then(|()| packer.finish());
        self.packed.push(packed.unwrap_or_default().into());
        self.open.clear();
    }

    fn records<T: DeserializeOwned + 'static>(mut self) -> Records<T> {
        self.pack();
        let Self { count, packed, .. } = self;
        // A cache of the last decompressed block, because records are mostly requested in order.
        let last = RefCell::new(Block { number: usize::MAX, lines: Vec::new() });
        Records::by(count, move |index| {
            let mut last = last.borrow_mut();
            if last.number != index / BLOCK {
                *last = Block::unpack(index / BLOCK, &packed)?;
            }
            serde_json::from_slice(last.lines.get(index % BLOCK)?).ok()
        })
    }
}

/// A decompressed block.
struct Block {
    number: usize,
    lines: Vec<Box<[u8]>>,
}

impl Block {
    fn unpack(number: usize, packed: &[Box<[u8]>]) -> Option<Self> {
        let mut text = Vec::new();
        DeflateDecoder::new(packed.get(number)?.as_ref()).read_to_end(&mut text).ok()?;
        // Compact JSON contains no line feed.
        Some(Self { number, lines: text.split(|byte| *byte == b'\n').map(Into::into).collect() })
    }
}

#[derive(Default)]
struct Store {
    findings: Shelf,
    allowed: Shelf,
    secrets: Shelf,
    allowed_secrets: Shelf,
}

impl Sink for Store {
    fn finding(&mut self, status: Status, finding: Finding) {
        match status {
            Status::Open => self.findings.put(&finding),
            Status::Allowed => self.allowed.put(&finding),
        }
    }

    fn secret(&mut self, status: Status, secret: Secret) {
        match status {
            Status::Open => self.secrets.put(&secret),
            Status::Allowed => self.allowed_secrets.put(&secret),
        }
    }
}

/// Reads a report of at most `most` bytes. Also returns notes about corrected statements.
pub(crate) fn report(from: impl Read, most: u64) -> Result<(Report, Vec<String>), ReadError> {
    let mut store = Store::default();
    let Rest { tool, scan, summary, public, playbooks, coverage, notices, mended } = read(from, most, &mut store)?;
    let report = Report {
        schema: SCHEMA,
        tool,
        scan,
        summary,
        findings: store.findings.records(),
        secrets: store.secrets.records(),
        public,
        allowed: store.allowed.records(),
        allowed_secrets: store.allowed_secrets.records(),
        playbooks,
        coverage,
        notices,
    };
    Ok((report, mended))
}
