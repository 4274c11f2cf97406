//! The schema of a database (sqlite.org/fileformat2.html 2.6): root pages of tables and names of columns.

use std::ops::ControlFlow;

use keyradius_core::error::Malformed;
use zeroize::Zeroizing;

use super::record::Type;
use super::{Database, Tree, Walk};

/// Maximum length of a statement, in bytes (SQLITE_MAX_SQL_LENGTH by default).
const MAX_SQL: u64 = 1_000_000;

/// Maximum length of a table or column name that is kept, in bytes.
const MAX_NAME: usize = 128;

/// A table or an index.
pub struct Item {
    pub name: String,
    /// The root page; 0 for views, triggers and virtual tables.
    pub root: u32,
    pub tree: Tree,
    /// Whether the item is a table. Otherwise it is an index.
    pub is_table: bool,
    /// Names of the columns in the order of their values, as far as known.
    pub columns: Vec<String>,
    /// The statement that created the item, which may contain secret values.
    pub sql: Zeroizing<Vec<u8>>,
}

impl Database {
    /// Reads the schema table. `Err` if it is missing; nothing was read then.
    pub fn schema(&mut self) -> Result<(Vec<Item>, Walk), Malformed> {
        let mut items = Vec::new();
        let mut whole = true;
        let walk = self.walk(1, Tree::Table, &mut |record| {
            let mut item = Item {
                name: String::new(),
                root: 0,
                tree: Tree::Index,
                is_table: false,
                columns: Vec::new(),
                sql: Zeroizing::default(),
            };
            // type, name, tbl_name, rootpage, sql.
            let read = record.values(&mut |mut value| {
                match (value.column, value.kind) {
                    (0, Type::Text) => item.is_table = value.bytes(16).is_some_and(|kind| *kind == b"table"),
                    (1, Type::Text) => {
                        item.name = value.bytes(MAX_SQL).map(|name| short(&name)).unwrap_or_default();
                    }
                    (3, Type::Integer(root)) => item.root = u32::try_from(root).unwrap_or_default(),
                    (4, Type::Text) => item.sql = value.bytes(MAX_SQL).unwrap_or_default(),
                    _ => {}
                }
                ControlFlow::Continue(())
            });
            whole &= read.is_some();
            if item.is_table {
                let without_rowid = item.describe();
                item.tree = if without_rowid { Tree::Index } else { Tree::Table };
            }
            items.push(item);
            ControlFlow::Continue(())
        });
        match walk.damage {
            Some((what, 1)) if items.is_empty() => Err(Malformed::new(what, 100)),
            _ if !whole => {
                let damage = walk.damage.or(Some(("a schema record is damaged", 1)));
                Ok((items, Walk { damage, ..walk }))
            }
            _ => Ok((items, walk)),
        }
    }
}

impl Item {
    /// Finds the column names. Returns whether the table has no row numbers.
    fn describe(&mut self) -> bool {
        let sql = String::from_utf8_lossy(&self.sql);
        let Some((_, body)) = sql.split_once('(') else { return false };
        let (parts, options) = split(body);
        let mut keys = Vec::new();
        for part in parts {
            let (name, rest) = word(part);
            let is = |word: &str| name.eq_ignore_ascii_case(word);
            let constraint = ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"].into_iter().any(is);
            if constraint && !part.trim_start().starts_with(['"', '[', '`', '\'']) {
                if let Some((_, list)) = rest.split_once('(').filter(|_| is("PRIMARY")) {
                    keys.extend(split(list).0.into_iter().map(|part| short(word(part).0.as_bytes())));
                }
                continue;
            }
            if rest.to_ascii_uppercase().contains("PRIMARY KEY") {
                keys.push(short(name.as_bytes()));
            }
            self.columns.push(short(name.as_bytes()));
        }
        let without_rowid = options.to_ascii_uppercase().split_whitespace().any(|word| word.starts_with("WITHOUT"));
        if without_rowid {
            // Section 2.4: the key columns come first.
            let rest = self.columns.iter().filter(|column| !keys.contains(column)).cloned();
            self.columns = keys.iter().cloned().chain(rest).collect();
        }
        without_rowid
    }
}

/// Splits a parenthesised list at its commas. Returns the parts, and the text after the closing parenthesis.
fn split(body: &str) -> (Vec<&str>, &str) {
    let (mut parts, mut start, mut depth, mut quote) = (Vec::new(), 0, 0_usize, None);
    for (at, letter) in body.char_indices() {
        match (quote, letter) {
            (Some(end), letter) if letter == end => quote = None,
            (None, '\'' | '"' | '`') => quote = Some(letter),
            (None, '[') => quote = Some(']'),
            (None, '(') => depth += 1,
            (None, ')') if depth == 0 => {
                parts.push(body.get(start..at).unwrap_or_default());
                return (parts, body.get(at + 1..).unwrap_or_default());
            }
            (None, ')') => depth -= 1,
            (None, ',') if depth == 0 => {
                parts.push(body.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(body.get(start..).unwrap_or_default());
    (parts, "")
}

/// The first name of a definition, without its quotes, and the rest.
fn word(part: &str) -> (&str, &str) {
    let part = part.trim_start();
    let mut letters = part.chars();
    let close = match letters.next() {
        Some('[') => ']',
        Some(quote @ ('\'' | '"' | '`')) => quote,
        _ => {
            let end = part.find(|c: char| c.is_whitespace() || c == '(').unwrap_or(part.len());
            return part.split_at_checked(end).unwrap_or((part, ""));
        }
    };
    letters.as_str().split_once(close).unwrap_or((letters.as_str(), ""))
}

/// A name from the input, truncated.
fn short(name: &[u8]) -> String {
    String::from_utf8_lossy(name.get(..MAX_NAME).unwrap_or(name)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_in_the_order_of_their_values() {
        for (sql, columns, without_rowid) in [
            ("CREATE TABLE t(a, b)", "a b", false),
            (
                "CREATE TABLE t (id INTEGER PRIMARY KEY, \"my, col\" TEXT DEFAULT ')', [x y] NUMERIC(10, 2))",
                "id my, col x y",
                false,
            ),
            ("CREATE TABLE t(a TEXT, `b` BLOB, c, UNIQUE(a, b), CHECK (a > 1)) STRICT", "a b c", false),
            ("CREATE TABLE t(a, b, c, PRIMARY KEY(c, a)) WITHOUT ROWID", "c a b", true),
            ("CREATE TABLE t(a, b TEXT PRIMARY KEY NOT NULL) strict, without rowid", "b a", true),
            ("CREATE TABLE t(\"primary\", b)", "primary b", false),
            ("CREATE TABLE t(a", "a", false),
            ("CREATE TABLE t", "", false),
        ] {
            let mut item = Item {
                name: String::new(),
                root: 0,
                tree: Tree::Table,
                is_table: true,
                columns: Vec::new(),
                sql: Zeroizing::new(sql.as_bytes().to_vec()),
            };
            assert_eq!((item.describe(), item.columns.join(" ").as_str()), (without_rowid, columns), "{sql}");
        }
    }
}
