//! Finds keys that a password reveals in addition to the keys read from a container: in attributes of a decrypted key,
//! comments, bags and entries of other kinds, and bytes after the end.

use std::collections::BTreeSet;

use keyradius_core::blob::Origin;
use keyradius_core::lock::Unlocked;
use keyradius_core::material::{Kind, Material, Protection, ProtectionState, Remark};

/// Protection of a key that is readable once its container is open.
const INSIDE: &str = "inside a container that a password opened";

/// Searches decrypted bytes for keys that are not among the items.
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

/// Returns the material as somebody with the password sees it: readable.
fn as_open(material: &Material) -> Material {
    Material { protection: None, locked: None, ..material.clone() }
}
