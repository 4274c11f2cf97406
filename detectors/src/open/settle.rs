//! Replaces locked materials by opened ones.

use std::collections::BTreeSet;

use keyradius_core::lock::Unlocked;
use keyradius_core::material::{Identity, Kind, Locked, Material, Occurrence, Opened, Protection, ProtectionState};

use super::trial::{Sources, Target};

/// A change to the occurrences of a run.
pub(super) enum Change {
    /// Replaces the material of the occurrence with this index.
    Replace(usize, Box<Material>),
    /// Adds a hidden item next to the occurrence with this index.
    Add(usize, Box<Material>),
}

/// Returns the changes that opened targets make, in the order of the targets.
pub(super) fn changes(targets: &[Target<'_>], from: &Sources<'_>) -> Vec<Change> {
    let mut changes = Vec::new();
    for target in targets.iter().filter(|target| target.is_open()) {
        for copy in &target.copies {
            let Some(&first) = copy.first() else { continue };
            let mut certificates = certificates(first, from.occurrences);
            let mut hidden = BTreeSet::new();
            for (guess, item) in &target.opened {
                let opened = Target::tell(guess, from);
                let Some(which) = item.which else {
                    let Some(place) = from.occurrences.get(first) else { continue };
                    let new = match &item.material.certificate {
                        Some(certificate) => certificates.insert(certificate.sha256),
                        None => hidden.insert(name(&item.material)),
                    };
                    if new {
                        changes.push(Change::Add(first, Box::new(added(&place.material, item, opened))));
                    }
                    continue;
                };
                let old = copy.get(which).and_then(|&at| Some((at, from.occurrences.get(at)?)));
                if let Some((at, old)) = old {
                    changes.push(Change::Replace(at, Box::new(replaced(&old.material, item, opened))));
                }
            }
        }
    }
    changes
}

/// Applies the changes. The order stays that of the engine: by origin and offset, with additions after the rest.
pub(super) fn apply(occurrences: &mut Vec<Occurrence>, changes: Vec<Change>) {
    for change in changes {
        match change {
            Change::Replace(at, material) => {
                if let Some(occurrence) = occurrences.get_mut(at) {
                    occurrence.material = *material;
                }
            }
            Change::Add(at, material) => {
                if let Some(place) = occurrences.get(at) {
                    let occurrence = Occurrence { material: *material, ..place.clone() };
                    occurrences.push(occurrence);
                }
            }
        }
    }
    occurrences.sort_by(|a, b| (&a.origin, a.offset).cmp(&(&b.origin, b.offset)));
}

/// Returns the SHA-256 of the certificates that were readable in the same container without a password.
fn certificates(first: usize, occurrences: &[Occurrence]) -> BTreeSet<[u8; 32]> {
    let Some(place) = occurrences.get(first) else { return BTreeSet::new() };
    let same = |o: &&Occurrence| o.origin == place.origin && o.offset == place.offset;
    // These occurrences are contiguous, because the engine sorted them.
    let before = occurrences.get(..first).unwrap_or_default().iter().rev().take_while(same);
    let behind = occurrences.get(first..).unwrap_or_default().iter().take_while(same);
    before.chain(behind).filter_map(|o| o.material.certificate.as_ref()).map(|c| c.sha256).collect()
}

/// Returns a value that distinguishes hidden keys.
fn name(material: &Material) -> [u8; 32] {
    match &material.identity {
        Some(Identity::Public(half)) => half.id.spki_sha256,
        Some(Identity::Opaque(digest)) => *digest,
        None => material.locked.as_ref().map_or([0; 32], Locked::id),
    }
}

/// Merges a locked key with its opened form: everything already known, plus what is new.
fn replaced(old: &Material, item: &Unlocked, opened: Opened) -> Material {
    let new = &item.material;
    let mut material = old.clone();
    if old.kind == Kind::Keystore && new.kind != Kind::Keystore {
        // The old material was not known to be a key.
        material.remarks.clear();
        material.protection = None;
    }
    if new.kind == Kind::Keystore {
        material.remarks.clear();
    }
    material.kind = new.kind;
    material.proof = old.proof.max(new.proof);
    if matches!(new.identity, Some(Identity::Public(_))) || old.identity.is_none() {
        material.identity.clone_from(&new.identity);
    }
    extend(&mut material.labels, &new.labels);
    extend(&mut material.links, &new.links);
    extend(&mut material.remarks, &new.remarks);
    let before = new.protection.clone().or(material.protection);
    material.protection = before.map(|before| open(before, opened));
    material.locked = None;
    material
}

/// Returns the material of an item that was not visible before.
fn added(beside: &Material, item: &Unlocked, opened: Opened) -> Material {
    let mut material = item.material.clone();
    material.span = beside.span.clone();
    material.encoding = beside.encoding;
    material.container = beside.container;
    material.protection = material.protection.map(|protection| open(protection, opened));
    material
}

fn open(protection: Protection, opened: Opened) -> Protection {
    // Handles, stubs and plaintext keys keep their state.
    match protection.state {
        ProtectionState::Hardware | ProtectionState::Stub | ProtectionState::Plaintext => protection,
        _ => Protection { state: ProtectionState::Opened, opened: Some(Box::new(opened)), ..protection },
    }
}

fn extend<T: PartialEq + Clone>(to: &mut Vec<T>, from: &[T]) {
    for one in from {
        if !to.contains(one) {
            to.push(one.clone());
        }
    }
}
