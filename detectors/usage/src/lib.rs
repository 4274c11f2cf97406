//! Files that use keys: build scripts, CI configuration, properties, and what they say of keys and passwords.
//!
//! What is understood stands in `detectors/usage/data/usage.toml`, as four kinds of rule: commands (a tool and its arguments),
//! assignments (names of settings, in every form that build files have for them), steps of CI systems, and names of fields
//! that hold passwords. This folder is the machine that reads them:
//!
//! `tables` the grammar, `text` bytes as lines, `statement` lines that belong together, `word` words as shells split them,
//! `variables` what the file sets itself, `value` names and passwords, `scope` settings that stand together, `command`,
//! `assignment`, `step` and `plain` the kinds of rule, `master_key` the one key that only its name tells, `settings` those that belong
//! together, `read` the whole of it, `finds` what came of it.

mod assignment;
mod command;
mod describe;
mod finds;
mod master_key;
mod plain;
mod read;
mod scope;
mod settings;
mod statement;
mod step;
mod tables;
mod text;
mod value;
mod variables;
mod word;

use std::path::Path;

use keyradius_core::blob::Blob;
use keyradius_core::seam::{ClueReader, Clues};

pub use describe::{Described, described};
use tables::{Reading, TABLES};

/// Most passwords that are taken from one file. A longer list is reported beside a keystore that stays locked.
pub const CANDIDATES: usize = 1000;

/// Most lines that are taken from one file.
pub const REFERENCES: usize = 1000;

/// Reads files that use keys. At most [`CANDIDATES`] passwords and [`REFERENCES`] lines of each; what is beyond that is not
/// looked at. A file without any of the words of the grammar costs one pass over it.
#[derive(Clone, Copy, Debug)]
pub struct Usage;

impl ClueReader for Usage {
    fn wants(&self, path: &Path) -> bool {
        master_key::wants(path) || TABLES.files.reading(path).is_some()
    }

    fn read(&self, blob: Blob<'_>, out: &mut Clues) {
        let path = blob.origin.location();
        if master_key::wants(&path) {
            master_key::read(blob, out);
        }
        match TABLES.files.reading(&path) {
            Some(Reading::Plain) => plain::read(blob, CANDIDATES, &TABLES.password, out),
            Some(reading) => read::read(blob, reading == Reading::Prose, &TABLES, out),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests;
