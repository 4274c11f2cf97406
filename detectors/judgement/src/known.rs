//! Known keys: published test keys, leaked product keys, and an organisation's own list.

use std::collections::BTreeMap;

use keyradius_core::material::{CertFacts, PublicHalf};

/// Why a key is on a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The private half was published on purpose, for tests.
    PublicTest,
    /// A vendor's test key that was shipped in products.
    VendorTest,
    /// The private half of a key in use leaked.
    LeakedProduct,
    /// On a block list that gives no reason.
    Listed,
}

impl Class {
    /// A stable identifier for machines.
    pub const fn id(self) -> &'static str {
        match self {
            Self::PublicTest => "public_test",
            Self::VendorTest => "vendor_test",
            Self::LeakedProduct => "leaked_product",
            Self::Listed => "listed",
        }
    }

    fn from_id(id: &str) -> Option<Self> {
        [Self::PublicTest, Self::VendorTest, Self::LeakedProduct, Self::Listed].into_iter().find(|c| c.id() == id)
    }
}

/// An entry of a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Known {
    /// Why the key is listed.
    pub class: Class,
    /// The role the key is known for; may be empty.
    pub role: String,
    /// The key's usual name.
    pub label: String,
    /// Where the key was published.
    pub source: String,
}

/// All lists of a run.
#[derive(Clone, Debug, Default)]
pub struct KnownKeys {
    entries: Vec<Known>,
    /// Index of the entries by column and hex value.
    names: BTreeMap<(Column, String), usize>,
    /// A badkeys block list: sorted records of 15 bytes of digest and one byte for the list that the key comes from.
    blocked: Vec<u8>,
}

/// The kinds of identifier in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Column {
    Spki,
    Bk120,
    Cert256,
    Cert1,
    Serial,
    Pgp,
}

/// Columns that contain an identifier, and how many hex digits it has.
const COLUMNS: [(&str, Column, std::ops::RangeInclusive<usize>); 6] = [
    ("spki_sha256", Column::Spki, 64..=64),
    ("bk120", Column::Bk120, 30..=30),
    ("cert_sha256", Column::Cert256, 64..=64),
    ("cert_sha1", Column::Cert1, 40..=40),
    // Shorter serials are not unique: many CAs have a certificate with number 1.
    ("serial", Column::Serial, 16..=40),
    ("pgp", Column::Pgp, 40..=64),
];

/// Size of a record of a block list, in bytes (badkeys, `BLOCKLISTFORMAT`).
const RECORD: usize = 16;

impl KnownKeys {
    /// The built-in list.
    ///
    /// # Panics
    ///
    /// Never: a test reads the same text.
    pub fn built_in() -> Self {
        let mut keys = Self::default();
        let read = keys.add(include_str!("../data/known-keys.tsv"));
        #[allow(clippy::panic, reason = "the data is part of the program and read by a test")]
        read.unwrap_or_else(|error| panic!("built-in known keys: {error}"));
        keys
    }

    /// Adds a list in the format of `known-keys.tsv`. `Err` names the line and what is wrong with it.
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.starts_with('#') && !line.trim().is_empty());
        let Some((_, head)) = lines.next() else { return Ok(()) };
        let columns: Vec<&str> = head.split('\t').map(str::trim).collect();
        if !columns.contains(&"class") || !columns.contains(&"label") {
            return Err("the first line names the columns; `class` and `label` must be among them".to_owned());
        }
        let place = |name: &str| columns.iter().position(|column| *column == name);
        let [class, role, label, source] = ["class", "role", "label", "source"].map(place);
        let identifiers = COLUMNS.map(|(name, column, digits)| (name, place(name), column, digits));
        let mut cells: Vec<&str> = Vec::new();
        for (number, line) in lines {
            let wrong = |what: String| Err(format!("line {}: {what}", number + 1));
            cells.clear();
            cells.extend(line.split('\t').map(str::trim));
            let cell = |place: Option<usize>| place.and_then(|at| cells.get(at)).copied().unwrap_or("");
            let Some(class) = Class::from_id(cell(class)) else {
                return wrong(format!("`{}` is not a class: public_test, leaked_product, vendor_test", cell(class)));
            };
            let entry = self.entries.len();
            let mut named = false;
            for (name, place, column, digits) in &identifiers {
                let value = cell(*place).to_ascii_lowercase();
                if value.is_empty() {
                    continue;
                }
                if !value.bytes().all(|b| b.is_ascii_hexdigit()) {
                    return wrong(format!("`{name}` is not hex"));
                }
                if *column == Column::Serial && value.len() < *digits.start() {
                    continue;
                }
                if !digits.contains(&value.len()) {
                    return wrong(format!("`{name}` has {} digits, not {}", value.len(), digits.end()));
                }
                named = true;
                self.names.entry((*column, value)).or_insert(entry);
            }
            if !named {
                return wrong("no column identifies the key".to_owned());
            }
            let [role, label, source] = [role, label, source].map(|place| cell(place).to_owned());
            let source = if source.is_empty() { "a list that names no source".to_owned() } else { source };
            self.entries.push(Known { class, role, label, source });
        }
        Ok(())
    }

    /// Adds one key by its public half. If the key is listed already, the older entry counts.
    pub fn add_key(&mut self, public: &PublicHalf, known: Known) {
        let spki = keyradius_core::hex::hex(&public.id.spki_sha256);
        self.names.entry((Column::Spki, spki)).or_insert(self.entries.len());
        self.entries.push(known);
    }

    /// Adds a badkeys block list. `Err` if the bytes cannot be one.
    pub fn block(&mut self, records: Vec<u8>) -> Result<(), String> {
        let sorted = records.chunks_exact(RECORD).is_sorted_by_key(|record| record.get(..RECORD - 1));
        if records.is_empty() || !records.len().is_multiple_of(RECORD) || !sorted {
            return Err(format!("not a badkeys block list: sorted records of {RECORD} bytes are expected"));
        }
        self.blocked = records;
        Ok(())
    }

    /// All entries.
    pub fn entries(&self) -> &[Known] {
        &self.entries
    }

    /// The entry for a public key.
    pub fn key(&self, public: &PublicHalf) -> Option<Known> {
        use keyradius_core::hex::hex;
        let bk120 = hex(&public.bk120);
        let found = self.name(Column::Spki, hex(&public.id.spki_sha256)).or_else(|| self.name(Column::Bk120, bk120));
        found.cloned().or_else(|| self.blocked(&public.bk120))
    }

    /// The entry for a certificate.
    pub fn certificate(&self, facts: &CertFacts) -> Option<&Known> {
        use keyradius_core::hex::hex;
        let serial = facts.serial.trim_start_matches('0').to_ascii_lowercase();
        self.name(Column::Cert256, hex(&facts.sha256))
            .or_else(|| self.name(Column::Cert1, hex(&facts.sha1)))
            .or_else(|| self.name(Column::Serial, serial))
    }

    /// The entry for an OpenPGP fingerprint in lower-case hex.
    pub fn fingerprint(&self, digits: &str) -> Option<&Known> {
        self.name(Column::Pgp, digits.to_owned())
    }

    fn name(&self, column: Column, value: String) -> Option<&Known> {
        self.names.get(&(column, value)).and_then(|&entry| self.entries.get(entry))
    }

    fn blocked(&self, bk120: &[u8; 15]) -> Option<Known> {
        let (mut low, mut high) = (0, self.blocked.len() / RECORD);
        while low < high {
            let middle = usize::midpoint(low, high);
            let record = self.blocked.get(middle * RECORD..(middle + 1) * RECORD)?;
            let (digest, list) = (record.get(..RECORD - 1)?, *record.last()?);
            match digest.cmp(bk120) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => {
                    return Some(Known {
                        class: Class::Listed,
                        role: String::new(),
                        label: format!("list {list} of the badkeys block list"),
                        source: "badkeys".to_owned(),
                    });
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tables;

    #[test]
    fn the_list_is_complete() {
        let keys = KnownKeys::built_in();
        let tables = Tables::built_in();
        assert!(keys.entries().len() > 270);
        for entry in keys.entries() {
            assert!(tables.role(&entry.role).is_some(), "{}: {}", entry.label, entry.role);
            assert!(!entry.source.is_empty(), "{}", entry.label);
        }
    }

    /// A program that contains the library, such as `dar-static`, has these keys without the library's name.
    #[test]
    fn self_test_keys_of_libgcrypt_are_known() {
        let keys = KnownKeys::built_in();
        for spki in [
            "354e92fb237955d1594d2abc296e0bffda2084dffc63cd0568d05a6418899c27",
            "8980acb6687303451269fd221433fbae2c7bf169b0f2cdc44d48bedb2a824d88",
            "5a7a78cca4a0f420d9bc62bb669c3c2759e39f723d3ae10dcbe0f0815a07ecd4",
        ] {
            let known = keys.name(Column::Spki, spki.to_owned()).unwrap();
            assert_eq!((known.class, known.source.as_str()), (Class::PublicTest, "libgcrypt 1.10.1"));
        }
    }

    #[test]
    fn a_wrong_line_is_named() {
        let add = |text: &str| KnownKeys::default().add(text).unwrap_err();
        assert!(add("label\nx\n").contains("class"));
        assert_eq!(add("class\tlabel\tbk120\n\n# c\npublic_test\tx\tzz\n"), "line 4: `bk120` is not hex");
        assert_eq!(add("class\tlabel\tbk120\npublic_test\tx\tab\n"), "line 2: `bk120` has 2 digits, not 30");
        assert_eq!(add("class\tlabel\tbk120\npublic_test\tx\t\n"), "line 2: no column identifies the key");
        assert!(add("class\tlabel\nx\ty\n").contains("is not a class"));
    }

    #[test]
    fn block_lists_are_searched() {
        let records: Vec<u8> = (0..50u8).flat_map(|n| [[n * 2; 15].as_slice(), &[7]].concat()).collect();
        let mut keys = KnownKeys::default();
        keys.block(records.clone()).unwrap();
        for n in 0..100 {
            assert_eq!(keys.blocked(&[n; 15]).is_some(), n % 2 == 0, "{n}");
        }
        assert!(keys.block(records[1..].to_vec()).is_err());
        assert!(keys.block(records.chunks(16).rev().flatten().copied().collect()).is_err());
        assert!(keys.block(Vec::new()).is_err());
    }
}
