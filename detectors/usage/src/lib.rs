//! Files that use keys: build scripts, CI configuration and properties, and the keys and passwords they name.
//!
//! The grammar is in `detectors/usage/data/usage.toml`, as four kinds of rule: commands (a tool and its arguments),
//! assignments (names of settings, in every syntax of build files), steps of CI systems, and names of fields that
//! contain passwords. The modules here apply these rules:
//!
//! `tables` the grammar, `text` bytes as lines, `statement` lines that belong together, `word` words as shells split
//! them, `variables` what the file itself sets, `value` names and passwords, `scope` blocks of settings, `command`,
//! `assignment`, `step` and `plain` the kinds of rule, `master_key` the one key recognised by its file name alone,
//! `settings` the settings of one key, `need` the file around it, `mounts` paths inside containers, `ipsec` the file
//! `ipsec.secrets`, `read` a whole file, `finds` the result, `source` programs and the calls in them, `topic` what
//! texts are about.

mod assignment;
mod command;
mod describe;
mod finds;
mod ipsec;
mod master_key;
mod mounts;
mod need;
mod plain;
mod read;
mod scope;
mod settings;
mod source;
mod statement;
mod step;
mod tables;
mod text;
mod topic;
mod value;
mod variables;
mod word;

use std::path::Path;

use keyradius_core::blob::Blob;
use keyradius_core::seam::{UsageHints, UsageReader};

pub use describe::{Described, described};
use tables::{FILES, Reading, TABLES};

/// Most passwords taken from one file. A longer list is reported next to a keystore that stays locked.
pub const CANDIDATES: usize = 1000;

/// Most lines taken from one file.
pub const REFERENCES: usize = 1000;

/// Reads files that use keys. At most [`CANDIDATES`] passwords and [`REFERENCES`] lines of each; the rest is not read.
/// A file without any word of the grammar costs one pass over it.
#[derive(Clone, Copy, Debug)]
pub struct Usage;

impl UsageReader for Usage {
    fn wants(&self, path: &Path) -> bool {
        // Sources first: most files are sources, and their extension is cheaper than the tables of names.
        source::wants(path) || self.takes_passwords(path) || topic::describes(path) || topic::wants(path)
    }

    fn takes_passwords(&self, path: &Path) -> bool {
        master_key::wants(path) || ipsec::wants(path) || FILES.reading(path).is_some()
    }

    fn read(&self, blob: Blob<'_>, out: &mut UsageHints) {
        let path = blob.origin.location();
        if master_key::wants(&path) {
            master_key::read(blob, out);
        }
        if topic::describes(&path) {
            topic::read_description(blob, out);
        }
        if !source::wants(&path) {
            topic::read_keys(blob, false, out);
        }
        if ipsec::wants(&path) {
            ipsec::read(blob, &TABLES.password, out);
            return;
        }
        match FILES.reading(&path) {
            Some(Reading::Plain) => plain::read(blob, CANDIDATES, &TABLES.password, out),
            Some(reading) => read::read(blob, reading == Reading::Prose, &TABLES, out),
            None => {}
        }
        source::read_passwords(blob, &path, out);
        source::read(blob, &path, out);
    }
}

#[cfg(test)]
mod tests;
