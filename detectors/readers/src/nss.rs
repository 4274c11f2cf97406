//! NSS databases: `key4.db` and `cert9.db`, which are SQLite (nss/lib/softoken/sdb.c, sftkdb.c), and `key3.db`, which
//! is a hash file of Berkeley DB 1.85 (nss/lib/dbm, lib/softoken/legacydb/keydb.c).

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use keyradius_core::error::Malformed;
use keyradius_core::read_at::{self, Held};
use keyradius_core::seam::Unopenable;
use zeroize::Zeroizing;

use super::ber::{self, BerReader, INTEGER, OCTET_STRING, SEQUENCE, SET};
use super::cursor::Cursor;
use super::pkcs11::{self, Attributes};
use super::sqlite::leftover::Left;
use super::sqlite::record::{Record, Type};
use super::sqlite::schema::Item;
use super::sqlite::{Database, Tree};

/// Maximum length of an attribute that is read, in bytes: certificates with long lists of names.
const MAX_VALUE: u64 = 1 << 17;
/// Maximum number of objects read from one database.
const MAX_OBJECTS: usize = 1 << 14;
/// Represents an attribute that is present and empty, because SQLite's NULL means that it is absent
/// (`SQLITE_EXPLICIT_NULL` in sdb.c).
const EMPTY: &[u8] = &[0xa5, 0x00, 0x5a];

/// Whether a database contains the tables of NSS and no others.
pub fn is_store(items: &[Item]) -> bool {
    let mut tables = items.iter().filter(|item| item.is_table).map(|item| item.name.as_str());
    let own = |name: &str| matches!(name, "nssPrivate" | "nssPublic" | "metaData");
    tables.clone().all(own) && tables.any(|name| name != "metaData")
}

/// A row of `nssPrivate` or `nssPublic`.
pub struct Object {
    /// Its PKCS #11 attributes.
    pub attributes: Attributes,
    /// Range of the row, as far as it is contiguous in the file.
    pub span: Range<usize>,
    /// Whether the row was deleted: its page is unreferenced.
    pub deleted: bool,
}

/// The contents of one database.
pub struct Store {
    /// Its rows, in the order in which they were read.
    pub objects: Vec<Object>,
    /// Whether the database is for private keys.
    pub is_private: bool,
    /// `item1` of the row `password`: the salt of the whole database.
    pub salt: Option<Zeroizing<Vec<u8>>>,
}

/// Reads `key4.db` or `cert9.db`.
pub fn store(bytes: &[u8]) -> Result<Store, Malformed> {
    let file = read_at::Cursor::new(Arc::new(Held::new(bytes.to_vec())));
    let mut database = Database::open(file, u64::MAX).map_err(|error| match error {
        Unopenable::Malformed(malformed) => malformed,
        Unopenable::Limit(_) | Unopenable::Closed(..) => Malformed::new("SQLite header", 0),
    })?;
    let (items, _) = database.schema()?;
    if !is_store(&items) {
        return Err(Malformed::new("tables of NSS", 0));
    }
    let mut store = Store { objects: Vec::new(), is_private: false, salt: None };
    let mut columns = &[][..];
    for item in items.iter().filter(|item| item.is_table && item.root != 0 && item.tree == Tree::Table) {
        let meta = item.name == "metaData";
        store.is_private |= item.name == "nssPrivate";
        if !meta {
            columns = &item.columns;
        }
        database.walk(item.root, item.tree, &mut |record| {
            if meta { store.meta(record) } else { store.row(record, &item.columns, false) }
        });
    }
    // Indexes first, so that their pages do not count as leftovers.
    for item in items.iter().filter(|item| item.root != 0 && item.tree == Tree::Index) {
        database.walk(item.root, item.tree, &mut |_| ControlFlow::Continue(()));
    }
    let _ = database.leftovers(&mut |left| match left {
        Left::Row(_, record) => store.row(record, columns, true),
        Left::Bytes(..) => ControlFlow::Continue(()),
    });
    Ok(store)
}

impl Store {
    fn row(&mut self, record: &mut Record<'_>, columns: &[String], deleted: bool) -> ControlFlow<()> {
        let mut attributes = Attributes::default();
        let mut count = 0;
        let start = usize::try_from(record.at).unwrap_or(usize::MAX);
        let span = start..start.saturating_add(record.size);
        let whole = record.values(&mut |mut value| {
            count += 1;
            // Columns are named `a` and the attribute number in hex.
            let number =
                columns.get(value.column).and_then(|name| u32::from_str_radix(name.strip_prefix('a')?, 16).ok());
            if let (Some(number), Type::Blob | Type::Text) = (number, value.kind)
                && let Some(bytes) = value.bytes(MAX_VALUE)
                && *bytes != EMPTY
            {
                attributes.push(number, bytes);
            }
            ControlFlow::Continue(())
        });
        // A row has fewer values if a column was added later. A deleted row may belong to another table.
        let fits = whole.is_some() && (!deleted || count == columns.len());
        if fits && !attributes.is_empty() {
            self.objects.push(Object { attributes, span, deleted });
        }
        if self.objects.len() < MAX_OBJECTS { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn meta(&mut self, record: &mut Record<'_>) -> ControlFlow<()> {
        let (mut is_password, mut salt) = (false, None);
        let _ = record.values(&mut |mut value| {
            match value.column {
                0 => is_password = value.bytes(64).is_some_and(|id| *id == b"password"),
                1 if is_password => salt = value.bytes(256),
                _ => {}
            }
            ControlFlow::Continue(())
        });
        self.salt = salt.or(self.salt.take());
        ControlFlow::Continue(())
    }
}

/// The number under which [`frame`] stores the salt of the whole database. No attribute has this number.
pub const FRAME_SALT: u32 = u32::MAX;

/// Encodes all that is needed to try a password on a private key: its attributes, encrypted and plaintext, and the salt
/// of the database. The result is a SEQUENCE of { INTEGER, OCTET STRING }.
pub fn frame(attributes: &Attributes, salt: &[u8]) -> Vec<u8> {
    const WANTED: [u32; 13] = [
        pkcs11::CLASS,
        pkcs11::KEY_TYPE,
        pkcs11::VALUE,
        pkcs11::MODULUS,
        pkcs11::PUBLIC_EXPONENT,
        pkcs11::PRIVATE_EXPONENT,
        pkcs11::PRIME_1,
        pkcs11::PRIME_2,
        pkcs11::PRIME,
        pkcs11::SUBPRIME,
        pkcs11::BASE,
        pkcs11::EC_PARAMS,
        pkcs11::NSS_DB,
    ];
    let wanted = attributes.iter().filter(|(number, _)| WANTED.contains(number));
    let values = wanted.chain([(FRAME_SALT, salt)]).map(|(number, value)| {
        let number = ber::encode_unsigned(&number.to_be_bytes());
        ber::encode(SEQUENCE, &[&number, &ber::encode(OCTET_STRING, &[value])])
    });
    ber::encode(SEQUENCE, &[&values.collect::<Vec<_>>().concat()])
}

/// Decodes the output of [`frame`].
pub fn unframe(der: &[u8]) -> Option<Attributes> {
    let mut list = BerReader::new(der).value(SEQUENCE, "attributes").ok()?.children();
    let mut attributes = Attributes::default();
    while !list.is_empty() {
        let mut fields = list.value(SEQUENCE, "attribute").ok()?.children();
        let number = fields.value(INTEGER, "number").ok()?.small()?;
        let value = fields.value(OCTET_STRING, "value").ok()?.content;
        attributes.push(u32::try_from(number).ok()?, Zeroizing::new(value.to_vec()));
    }
    Some(attributes)
}

/// Encodes all that is needed to try a password on a key of `key3.db`.
pub fn frame_legacy(key: &Legacy<'_>, salt: &[u8]) -> Vec<u8> {
    ber::encode(SET, &[&ber::encode(OCTET_STRING, &[salt]), key.sealed])
}

/// Splits an encrypted attribute: SEQUENCE { AlgorithmIdentifier, OCTET STRING }.
pub fn sealed(der: &[u8]) -> Option<(ber::Value<'_>, &[u8])> {
    let mut fields = BerReader::new(der).value(SEQUENCE, "encrypted attribute").ok()?.children();
    let algorithm = fields.value(SEQUENCE, "algorithm").ok()?;
    let ciphertext = fields.value(OCTET_STRING, "ciphertext").ok()?.content;
    fields.is_empty().then_some((algorithm, ciphertext))
}

/// First bytes of a hash file: magic number 0x061561 and version 2, big-endian on every machine.
pub const HASH: &[u8] = &[0x00, 0x06, 0x15, 0x61, 0x00, 0x00, 0x00, 0x02];

/// A private key of `key3.db`.
pub struct Legacy<'a> {
    /// RSA modulus, EC point or DSA y.
    pub public: &'a [u8],
    /// The name that the user gave to it.
    pub nickname: &'a [u8],
    /// EncryptedPrivateKeyInfo.
    pub sealed: &'a [u8],
    /// Where it stands in the database.
    pub span: Range<usize>,
    /// The salt of the whole database, if present.
    pub salt: Option<&'a [u8]>,
}

/// Reads every pair that fits into a page of a hash file. Pages are read one by one, whether or not a bucket references
/// them; pairs larger than a page are skipped.
pub fn legacy(bytes: &[u8]) -> Result<Vec<Legacy<'_>>, Malformed> {
    let mut header = Cursor::new(bytes);
    header.expect(HASH, "hash file")?;
    let order = header.u32("byte order")?;
    let page_size = header.u32("page size")? as usize;
    if !matches!(order, 1234 | 4321) || !(256..=65_536).contains(&page_size) || !page_size.is_power_of_two() {
        return Err(Malformed::new("hash file header", 8));
    }
    let mut keys = Vec::new();
    let mut salt = None;
    for (number, page) in bytes.chunks(page_size).enumerate().skip(1) {
        let start = number * page_size;
        keys.extend(pairs(page, order == 1234).into_iter().filter_map(|(key, data)| {
            if page.get(key.clone()) == Some(b"global-salt") {
                salt = page.get(data.clone());
            }
            let mut entry = legacy_entry(page.get(key.clone())?, page.get(data.clone())?)?;
            entry.span = start + data.start..start + key.end;
            Some(entry)
        }));
    }
    for key in &mut keys {
        key.salt = salt;
    }
    if keys.is_empty() { Err(Malformed::new("private keys in a hash file", 0)) } else { Ok(keys) }
}

/// The pairs of a page: a count, then alternating offsets of keys and values, which fill the page from its end.
fn pairs(page: &[u8], little: bool) -> Vec<(Range<usize>, Range<usize>)> {
    let mut fields = Cursor::new(page);
    let mut next = || {
        let pair = fields.array("offset").ok()?;
        Some(usize::from(if little { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) }))
    };
    let mut found = Vec::new();
    let Some(count) = next() else { return found };
    let mut end = page.len();
    for _ in 0..count / 2 {
        let (Some(key), Some(data)) = (next(), next()) else { break };
        // Values below 5 mark pairs that continue in other pages (hash.h: OVFLPAGE to REAL_KEY).
        if key < 5 || data < 5 || key >= end || data > key {
            break;
        }
        found.push((key..end, data..key));
        end = data;
    }
    found
}

/// keydb.c, encode_dbkey: version, lengths of salt and nickname, salt and nickname, then the key.
fn legacy_entry<'a>(key: &'a [u8], data: &'a [u8]) -> Option<Legacy<'a>> {
    let mut fields = Cursor::new(data);
    let version = fields.u8("version").ok()?;
    let salt = usize::from(fields.u8("salt length").ok()?);
    let name = usize::from(fields.u8("nickname length").ok()?);
    if version != 3 || key.len() < 20 {
        return None;
    }
    fields.take(salt, "salt").ok()?;
    let nickname = fields.take(name, "nickname").ok()?;
    let sealed_key = fields.rest();
    sealed(sealed_key)?;
    let nickname = nickname.strip_suffix(&[0]).unwrap_or(nickname);
    Some(Legacy { public: key, nickname, sealed: sealed_key, span: 0..0, salt: None })
}
