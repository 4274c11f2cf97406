//! The reader of SQLite databases against databases written by Python's sqlite3: every value, byte by byte.

#![allow(clippy::indexing_slicing, reason = "a test that indexes wrong fails")]

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::ControlFlow;
use std::sync::Arc;

use keyradius_core::error::Reason;
use keyradius_core::read_at::{Cursor, Held};
use keyradius_core::seam::{Inside, Member, Reader, Unopenable};
use keyradius_corpus::{cases_dir, pack};
use keyradius_detectors::CONTAINERS;

/// A sink that keeps all members.
#[derive(Default)]
struct Kept {
    members: Vec<(String, Vec<u8>)>,
    unread: Vec<String>,
    /// Stop after this many members.
    most: usize,
}

impl Inside for Kept {
    fn member(&mut self, member: Member<'_>, content: &mut dyn Read) -> ControlFlow<()> {
        let mut bytes = Vec::new();
        if let Err(error) = content.read_to_end(&mut bytes) {
            self.unread.push(error.to_string());
        }
        self.members.push((String::from_utf8_lossy(member.name).into_owned(), bytes));
        if self.members.len() == self.most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn unread(&mut self, member: Member<'_>, reason: Reason, detail: &str) {
        self.unread.push(format!("{} {} {detail}", String::from_utf8_lossy(member.name), reason.id()));
    }

    fn memory(&self) -> u64 {
        1 << 20
    }
}

fn open_until(bytes: &[u8], most: usize) -> (Result<(), Unopenable>, Kept) {
    let sqlite = CONTAINERS.iter().find(|c| c.about().id == "sqlite").expect("registered");
    let mut kept = Kept { most, ..Kept::default() };
    let held = Arc::new(Held::new(bytes.to_vec()));
    let result = match sqlite.reader() {
        Reader::AnyPlace(read) => read(Cursor::new(held), &mut kept),
        Reader::InOrder(read) => read(&mut Cursor::new(held), &mut kept),
    };
    (result, kept)
}

fn open(bytes: &[u8]) -> (Result<(), Unopenable>, Kept) {
    open_until(bytes, usize::MAX)
}

fn samples() -> BTreeMap<String, Vec<u8>> {
    let packed = std::fs::read(cases_dir().join("sqlite").join("samples.pack")).expect("the pack");
    pack::read(&packed).expect("the pack reads").into_iter().map(|f| (f.name, f.bytes)).collect()
}

/// The value that make.py writes into the cell of a name.
fn value(name: &str, length: usize) -> Vec<u8> {
    let parts: Vec<String> = (0..=length / 8).map(|i| format!("{name}={length}#{i}|")).collect();
    let mut out = parts.concat();
    out.truncate(length);
    out.into_bytes()
}

#[test]
fn every_value_is_read_as_it_was_written() {
    let mut databases = 0;
    for (file, bytes) in samples() {
        let Some(count) = file.strip_prefix("cells_").and_then(|rest| rest.split('_').next()) else { continue };
        databases += 1;
        let (result, kept) = open(&bytes);
        assert_eq!((result, kept.unread), (Ok(()), Vec::<String>::new()), "{file}");
        let cells: BTreeMap<_, _> = kept
            .members
            .iter()
            .filter(|(name, _)| !name.starts_with("sqlite_") && !name.starts_with("page "))
            .cloned()
            .collect();
        assert_eq!(cells.len(), count.parse::<usize>().expect("a count"), "{file}");
        for (name, content) in &cells {
            let text = String::from_utf8(content.clone()).expect("text");
            let own = text.split('=').next().expect("a name");
            // Rows without row ids are numbered in the order in which they are read.
            let same = if own.starts_with("second/") { name.starts_with("second/") } else { own == name };
            assert!(same && content == &value(own, content.len()), "{file}: {name}: {text:.60}");
        }
    }
    assert_eq!(databases, 12);
}

/// Reading is bounded by the size of the input, whatever its fields claim.
#[test]
fn damage_only_affects_damaged_pages() {
    let all = samples();
    let small = all.iter().filter(|(name, bytes)| name.starts_with("cells_") && bytes.len() <= 300_000);
    let (mut opened, mut random) = (0, 0x2545_f491_4f6c_dd1d_u64);
    for (file, bytes) in small {
        for _ in 0..30 {
            let mut hurt = bytes.clone();
            for _ in 0..8 {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                // Page headers matter most, so every second change is made there.
                let page = usize::from(u16::from_be_bytes([hurt[16], hurt[17]])).max(512);
                let at = (random >> 20) as usize % hurt.len();
                let at = if random & 1 == 0 { at } else { at / page * page + at % 16 };
                // The file header is not changed: without it the file is not a database.
                hurt[if at < 100 { at + 100 } else { at }] = random as u8;
            }
            let (result, kept) = open(&hurt);
            let out: usize = kept.members.iter().map(|(_, content)| content.len()).sum();
            // The output of a UTF-16 database may be half as long again, if its bytes are read as Chinese characters.
            assert!(out <= hurt.len() * 2, "{file}: {out} bytes of {}", hurt.len());
            opened += usize::from(result.is_ok());
        }
        for length in [0, 50, 99, 100, 107, 108, 511, 512, 700, bytes.len() - 1, bytes.len() - 600] {
            let _ = open(&bytes[..length]);
        }
    }
    assert!(opened > 100, "{opened}");
}

#[test]
fn reading_stops_when_the_sink_has_enough() {
    let all = samples();
    for most in [1, 2, 5, 60] {
        let (result, kept) = open_until(&all["deleted_row.db"], most);
        assert!(result.is_ok() && kept.members.len() <= most, "{}", kept.members.len());
        let (_, kept) = open_until(all.values().find(|bytes| bytes.len() > 60_000).expect("a large one"), most);
        assert_eq!(kept.members.len(), most);
    }
}

#[test]
fn a_file_that_only_starts_like_a_database_is_not_one() {
    let all = samples();
    for file in ["header_only.db", "magic_only.txt", "magic_and_key.bin"] {
        let (result, kept) = open(&all[file]);
        assert!(matches!(result, Err(Unopenable::Malformed(_))) && kept.members.is_empty(), "{file}");
    }
}

/// Deleted rows are recovered from free space; a table without its root page is read row by row.
#[test]
fn remains_of_deleted_rows_are_read() {
    let all = samples();
    for (file, name) in [("deleted_row.db", "page 2/free"), ("dropped_table.db", "page "), ("no_root.db", "page ")] {
        let (_, kept) = open(&all[file]);
        let keys = kept.members.iter().filter(|(member, content)| {
            let text = String::from_utf8_lossy(content);
            member.starts_with(name)
                && text.contains("-----BEGIN PRIVATE")
                && text.contains("-----END PRIVATE KEY-----")
        });
        assert_eq!(keys.count(), 1, "{file}");
    }
    let (_, kept) = open(&all["no_root.db"]);
    assert_eq!(kept.unread, ["settings damaged a page does not belong to its tree"]);
}

/// Ten thousand rows that all use the same cell are read as one row.
#[test]
fn overlapping_cells_are_read_once() {
    let all = samples();
    let (_, bytes) = all.iter().find(|(name, _)| name.ends_with("_65536_utf8.db")).expect("a database of large pages");
    let mut bad = bytes.clone();
    let mut pages = 0;
    for page in bad.chunks_exact_mut(65_536).skip(1).filter(|page| page[0] == 0x0d && page[3..5] != [0, 0]) {
        pages += 1;
        let first = [page[8], page[9]];
        page[3..5].copy_from_slice(&10_000_u16.to_be_bytes());
        page[8..20_008].copy_from_slice(&first.repeat(10_000));
    }
    let (result, kept) = open(&bad);
    let out: usize = kept.members.iter().map(|(_, content)| content.len()).sum();
    assert!(pages > 0 && result.is_ok() && out < 2 * bad.len(), "{pages} pages, {out} bytes of {}", bad.len());
}
