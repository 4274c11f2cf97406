//! SQLite databases as containers: each text and blob of each row is one contiguous member, however many pages it
//! spans. Deleted data that is not yet overwritten is handed out as well.
//!
//! Members are named `table/row/column`. Remains of deleted rows are named `page 7/row/column number`, and bytes that
//! no longer belong to a row `page 7/free`. Databases of NSS are not opened here: their rows only make sense together,
//! and a detector reads them (`formats/nss`).

mod lines;

use std::fmt::Write as _;
use std::io::Read;
use std::ops::ControlFlow;

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::nss;
use keyradius_readers::sqlite::leftover::Left;
use keyradius_readers::sqlite::record::{Record, Type};
use keyradius_readers::sqlite::{Database, MAGIC};
use lines::Joined;

/// SQLite databases.
#[derive(Debug)]
pub(crate) struct Sqlite;

static ABOUT: About = About {
    id: "sqlite",
    title: "SQLite database",
    detects: "Every text and blob of 32 bytes or more in every table, assembled from its pages, texts of which each row \
              has a line, and remains of deleted rows in free pages and free space.",
    blind_to: "Rows that are only in a write-ahead log (-wal). Values of fewer than 32 bytes. Deleted rows whose pages \
               were partly reused, and databases that are encrypted as a whole (SQLCipher).",
    respond: "Deleting the row is not enough, because its bytes remain in the file. Revoke the key, then VACUUM or \
              rebuild the database.",
    references: &["sqlite.org/fileformat2.html"],
};

/// Minimum length of a value that may be a key, in bytes: an Ed25519 seed.
const LEAST: u64 = 32;

impl Container for Sqlite {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: MAGIC }]
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(read)
    }
}

fn read(bytes: Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let mut database = Database::open(bytes, inside.memory())?;
    let (items, walk) = database.schema()?;
    if nss::is_store(&items) {
        return Err(Malformed::new("a database of NSS", 0).into());
    }
    if let Some((what, page)) = walk.damage {
        inside.unread(Member { name: b"sqlite_schema", at: database.offset(page) }, Reason::Damaged, what);
    }
    for (number, item) in (1..).zip(&items) {
        if item.sql.len() as u64 >= LEAST {
            let name = format!("sqlite_schema/{number}/sql");
            if inside.member(Member { name: name.as_bytes(), at: 0 }, &mut item.sql.as_slice()).is_break() {
                return Ok(());
            }
        }
    }
    for item in items.iter().filter(|item| item.root != 0) {
        let mut rows = 0_u64;
        let mut broken = None;
        let mut joined = Joined::default();
        let walk = database.walk(item.root, item.tree, &mut |record| {
            // Every value of an index is also in its table.
            if !item.is_table {
                return ControlFlow::Continue(());
            }
            rows += 1;
            let row = if record.rowid == 0 { rows.cast_signed() } else { record.rowid };
            let at = record.at;
            let name = |column: usize, name: &mut String| match item.columns.get(column) {
                Some(column) => write!(name, "{}/{row}/{column}", item.name),
                None => write!(name, "{}/{row}/{column}", item.name),
            };
            let flow = members(record, inside, &name, Some((&mut joined, row)));
            if flow.is_none() {
                broken.get_or_insert(at);
            }
            flow.unwrap_or(ControlFlow::Continue(()))?;
            joined.end_row(&item.name, false, inside)
        });
        if walk.flow.is_break() || joined.end_row(&item.name, true, inside).is_break() {
            return Ok(());
        }
        if let Some((what, page)) = walk.damage {
            let at = database.offset(page);
            inside.unread(Member { name: item.name.as_bytes(), at }, Reason::Damaged, what);
        } else if let Some(at) = broken {
            inside.unread(Member { name: item.name.as_bytes(), at }, Reason::Damaged, "a row is damaged");
        }
    }
    leftovers(&mut database, inside);
    Ok(())
}

/// Hands out data that no table contains.
fn leftovers(database: &mut Database, inside: &mut dyn Inside) {
    let offset = database.page_size();
    let _ = database.leftovers(&mut |left| match left {
        Left::Row(page, record) => {
            let row = record.rowid;
            let name = |column: usize, name: &mut String| write!(name, "page {page}/{row}/{column}");
            // Half of a deleted row may be gone, which is not an error.
            members(record, inside, &name, None).unwrap_or(ControlFlow::Continue(()))
        }
        Left::Bytes(page, content) => {
            let name = format!("page {page}/free");
            let at = u64::from(page.saturating_sub(1)).saturating_mul(offset);
            inside.member(Member { name: name.as_bytes(), at }, content)
        }
    });
}

/// Hands out the values of a row. `None` if the row is damaged.
fn members(
    record: &mut Record<'_>,
    inside: &mut dyn Inside,
    name: &dyn Fn(usize, &mut String) -> std::fmt::Result,
    mut joined: Option<(&mut Joined, i64)>,
) -> Option<ControlFlow<()>> {
    let at = record.at;
    let mut text = String::new();
    record.values(&mut |mut value| {
        if value.kind == Type::Text
            && Joined::may_be(value.column, value.letters())
            && let Some((joined, row)) = &mut joined
        {
            let (column, row) = (value.column, *row);
            let mut line = zeroize::Zeroizing::new(Vec::new());
            value.content(|content: &mut dyn Read| content.read_to_end(&mut line).ok());
            joined.take(column, &line, row, at);
            if line.len() as u64 >= LEAST {
                text.clear();
                let _ = name(column, &mut text);
                return inside.member(Member { name: text.as_bytes(), at }, &mut line.as_slice());
            }
            return ControlFlow::Continue(());
        }
        if !matches!(value.kind, Type::Text | Type::Blob) || value.letters() < LEAST {
            return ControlFlow::Continue(());
        }
        text.clear();
        let _ = name(value.column, &mut text);
        value.content(|content: &mut dyn Read| inside.member(Member { name: text.as_bytes(), at }, content))
    })
}
