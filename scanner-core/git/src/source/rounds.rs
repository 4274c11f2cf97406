//! Reads the storage of a repository that may change meanwhile.

use crate::odb::{Directory, Odb, unread};
use crate::pack::Pack;
use crate::scan::{Scan, Tally};
use keyradius_core::blob::Origin;
use keyradius_core::error::{Gap, Reason};
use keyradius_core::oid::ObjectId;

/// How often a repository that changes while it is read is listed again.
const ROUNDS: usize = 5;

/// Scans everything, and again what was added meanwhile: a repository may be repacked while it is read.
pub(super) fn scan_all(scan: &Scan<'_>, odb: &mut Odb, gaps: &mut Vec<Gap>) -> Tally {
    let mut tally = Tally::default();
    let here = |directory: &Directory| !directory.elsewhere;
    let mut read: Vec<usize> =
        odb.directories.iter().map(|directory| if here(directory) { 0 } else { directory.packs.len() }).collect();
    let mut loose: Vec<Vec<ObjectId>> = odb
        .directories
        .iter()
        .map(|directory| if here(directory) { directory.loose.clone() } else { Vec::new() })
        .collect();
    let mut gone: Vec<ObjectId> = Vec::new();
    let mut by_another_index: Vec<Pack> = Vec::new();
    for round in 0..ROUNDS {
        let mut earlier: Vec<&Pack> = Vec::new();
        for (directory, read) in odb.directories.iter().zip(&read) {
            earlier.extend(directory.packs.iter().take(*read));
        }
        for (directory, read) in odb.directories.iter().zip(&mut read) {
            for pack in directory.packs.iter().skip(*read) {
                if scan.to.run.cancelled() {
                    return tally;
                }
                let (part, rebuilt) = scan.pack(pack, &earlier);
                tally.append(part);
                by_another_index.extend(rebuilt);
                earlier.push(pack);
            }
            *read = directory.packs.len();
        }
        for (number, (directory, ids)) in odb.directories.iter().zip(&loose).enumerate() {
            let packed = |id: &ObjectId| earlier.iter().any(|pack| pack.index.find(id).is_some());
            let before = |id: &ObjectId| odb.directories.iter().take(number).any(|d| d.loose.binary_search(id).is_ok());
            let (part, vanished) = scan.loose(directory, ids, &|id| !packed(id) && !before(id));
            tally.append(part);
            gone.extend(vanished);
        }
        // Standalone packs do not change during a scan.
        let is_directory = odb.directories.iter().all(|directory| directory.path.is_dir());
        if scan.to.run.cancelled() || !is_directory {
            break;
        }
        let (fresh, changed) = odb.refresh(&mut |gap| gaps.push(gap));
        if !changed {
            // A file that vanished since the listing is no longer part of the repository, or was read elsewhere.
            gaps.retain(|gap| gap.reason != Reason::Vanished || gap.origin.path.exists());
            break;
        }
        loose = fresh;
        if round + 1 == ROUNDS {
            gaps.push(unread(scan.name, Reason::Vanished, "changes faster than it can be read".to_owned()));
        }
    }
    for pack in by_another_index {
        let packs = odb.directories.iter_mut().flat_map(|directory| &mut directory.packs);
        if let Some(place) = packs.into_iter().find(|known| known.path == pack.path) {
            *place = pack;
        }
    }
    for id in gone {
        let packed =
            odb.directories.iter().flat_map(|directory| &directory.packs).any(|pack| pack.index.find(&id).is_some());
        if !packed {
            let origin = Origin::object(scan.name, id);
            gaps.push(Gap::new(origin, Reason::Vanished, "loose object".to_owned()));
        }
    }
    tally
}
