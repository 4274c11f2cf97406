//! What the databases of NSS have in common (nss/lib/softoken/sdb.c): which they are.

use super::sqlite::schema::Item;

/// Whether a database is one of NSS and holds nothing else: `key4.db`, `cert9.db`.
pub(crate) fn is_store(items: &[Item]) -> bool {
    let mut tables = items.iter().filter(|item| item.is_table).map(|item| item.name.as_str());
    let own = |name: &str| matches!(name, "nssPrivate" | "nssPublic" | "metaData");
    tables.clone().all(own) && tables.any(|name| name != "metaData")
}
