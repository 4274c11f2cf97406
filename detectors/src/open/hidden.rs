//! What a password brings to light beside the keys that are read of a container: attributes of a decrypted key, comments,
//! bags and entries of other kinds, bytes after the end.

use std::collections::BTreeSet;

use keyradius_core::blob::Origin;
use keyradius_core::lock::Unlocked;
use keyradius_core::material::{Kind, Material, Protection, ProtectionState, Remark};

/// How a key is protected that is readable once the container around it is open.
const INSIDE: &str = "inside of what a password opened";

/// Searches what was decrypted for keys that none of the items says.
pub(super) fn beside(items: &[Unlocked]) -> Vec<Unlocked> {
    let plain: BTreeSet<&[u8]> = items.iter().flat_map(|item| &item.plain).map(|plain| plain.as_slice()).collect();
    if plain.is_empty() {
        return Vec::new();
    }
    let mut known: Vec<Material> = items.iter().map(|item| as_open(&item.material)).collect();
    let mut hidden = Vec::new();
    for plain in plain {
        for mut material in crate::knowledge::engine().beyond(&Origin::file(""), plain, &known) {
            if !matches!(material.kind, Kind::PrivateKey | Kind::Keystore) {
                continue;
            }
            known.push(material.clone());
            if material.protection.as_ref().is_none_or(|p| p.state == ProtectionState::Plaintext) {
                material.protection = Some(Protection::new(ProtectionState::Opened, INSIDE));
            }
            material.remarks.push(Remark::Hidden);
            hidden.push(Unlocked::new(None, material));
        }
    }
    hidden
}

/// What an opened key is for whoever has the password: readable.
fn as_open(material: &Material) -> Material {
    Material { protection: None, locked: None, ..material.clone() }
}
