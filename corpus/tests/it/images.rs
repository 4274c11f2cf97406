//! Members of archives and images that cannot be read are reported, and nothing else is.

use std::collections::BTreeSet;

use keyradius_core::error::Reason;
use keyradius_corpus::{cases_dir, expect};

/// Samples that cannot be read completely, with the reported reason.
const TOLD: &[(&str, &str, Reason)] = &[
    ("ar", "damaged_header.a", Reason::Damaged),
    ("asar", "damaged_header.asar", Reason::Damaged),
    ("ar", "cut.a", Reason::Damaged),
    ("cpio", "damaged_header.cpio", Reason::Damaged),
    ("cpio", "cut.cpio", Reason::Damaged),
    ("rpm", "cut.rpm", Reason::Damaged),
    ("squashfs", "damaged_block.squashfs", Reason::Damaged),
    ("squashfs", "cut.squashfs", Reason::Damaged),
    ("squashfs", "near-lzo.squashfs", Reason::Unsupported),
    ("iso9660", "cut.iso", Reason::Damaged),
    ("sevenz", "encrypted.7z", Reason::Encrypted),
    ("sevenz", "encrypted_names.7z", Reason::Encrypted),
    ("sevenz", "half_encrypted.7z", Reason::Encrypted),
    ("sevenz", "deflate64.7z", Reason::Unsupported),
    ("sevenz", "damaged_block.7z", Reason::Damaged),
    ("sevenz", "cut.7z", Reason::Damaged),
    ("sevenz", "near-magic.bin", Reason::Damaged),
    ("cab", "set.cab", Reason::Unsupported),
    ("cab", "cut.cab", Reason::Damaged),
    ("cab", "quantum.cab", Reason::Unsupported),
    ("crx", "cut.crx", Reason::Damaged),
    ("qcow2", "over.qcow2", Reason::Unsupported),
    ("qcow2", "encrypted.qcow2", Reason::Encrypted),
    ("qcow2", "subclusters.qcow2", Reason::Unsupported),
];

/// Families whose samples have no other gaps.
const FAMILIES: &[&str] = &[
    "android_sparse",
    "ar",
    "asar",
    "cab",
    "cfb",
    "cpio",
    "crx",
    "disk",
    "ext",
    "fat",
    "iso9660",
    "qcow2",
    "rpm",
    "sevenz",
    "squashfs",
    "uboot",
    "vhd",
    "vmdk",
];

#[test]
fn unread_members_are_reported_and_nothing_else() {
    let told: BTreeSet<(&str, &str, Reason)> = TOLD.iter().copied().collect();
    let mut faults = Vec::new();
    for family in FAMILIES {
        let case = expect::load(&cases_dir().join(family)).expect("the case loads");
        for (sample, content) in case.expect.samples.iter().zip(&case.contents) {
            let harvest = keyradius_detectors::engine().bytes(&sample.file, content);
            let said: BTreeSet<Reason> = harvest.gaps.iter().map(|gap| gap.reason).collect();
            let of_it = told.iter().filter(|(f, name, _)| f == family && *name == sample.file);
            let due: BTreeSet<Reason> = of_it.map(|(_, _, reason)| *reason).collect();
            if said != due {
                let gaps: Vec<String> = harvest
                    .gaps
                    .iter()
                    .map(|gap| format!("{}: {:?}, {}", gap.origin, gap.reason, gap.detail))
                    .collect();
                faults.push(format!("{family}/{}: {due:?} is due, said is {gaps:?}", sample.file));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
