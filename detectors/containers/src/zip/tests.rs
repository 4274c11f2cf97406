//! Archives made by hand, with and without a directory.

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::super::compressed::tests::open;
use super::*;

/// Returns a member (header and content) and its directory entry.
fn member(name: &str, method: u16, flags: u16, packed: &[u8], known: bool, at: usize) -> (Vec<u8>, Vec<u8>) {
    let size = u32::try_from(packed.len()).unwrap();
    let mut local = b"PK\x03\x04\x14\0".to_vec();
    local.extend(flags.to_le_bytes());
    local.extend(method.to_le_bytes());
    local.extend([0; 8]);
    local.extend(if known { size } else { 0 }.to_le_bytes());
    local.extend([0; 4]);
    local.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
    local.extend([0; 2]);
    local.extend(name.as_bytes());
    local.extend(packed);
    let mut central = b"PK\x01\x02\x14\0\x14\0".to_vec();
    central.extend(flags.to_le_bytes());
    central.extend(method.to_le_bytes());
    central.extend([0; 8]);
    central.extend(size.to_le_bytes());
    central.extend([0; 4]);
    central.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
    central.extend([0; 12]);
    central.extend(u32::try_from(at).unwrap().to_le_bytes());
    central.extend(name.as_bytes());
    (local, central)
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Returns an archive with unlisted bytes: the second member is not in the directory.
fn archive(known: bool) -> Vec<u8> {
    let (mut all, mut directory) = (Vec::new(), Vec::new());
    let flags = if known { 0 } else { 8 };
    for (name, method, flags, packed, listed) in [
        ("stored.pem", 0, 0, b"stored".to_vec(), true),
        ("deleted.pem", 8, flags, deflate(b"not in the directory any more"), false),
        ("dir/", 0, 0, Vec::new(), true),
        ("packed.pem", 8, flags, deflate(&[b'x'; 5000]), true),
        ("secret.pem", 8, 1, b"????".to_vec(), true),
        ("old.pem", 6, 0, b"imploded".to_vec(), true),
    ] {
        let (local, central) = member(name, method, flags, &packed, known || flags & 8 == 0, all.len());
        all.extend(local);
        if listed {
            directory.extend(central);
        }
    }
    let start = u32::try_from(all.len()).unwrap();
    let size = u32::try_from(directory.len()).unwrap();
    all.extend(directory);
    all.extend(b"PK\x05\x06\0\0\0\0\x05\0\x05\0");
    all.extend(size.to_le_bytes());
    all.extend(start.to_le_bytes());
    all.extend([0; 2]);
    all
}

#[test]
fn members_gaps_and_unsupported_members() {
    for known in [true, false] {
        let (result, out) = open(&Zip, &archive(known));
        assert_eq!(result, Ok(()));
        let names: Vec<_> = out.members.iter().map(|(name, bytes, _)| (name.as_str(), bytes.len())).collect();
        assert_eq!(names[..2], [("stored.pem", 6), ("packed.pem", 5000)]);
        // Unlisted bytes are an archive of their own.
        let (_, hidden) = open(&Zip, &out.members[2].1);
        assert_eq!((hidden.members[0].0.as_str(), hidden.members[0].1.len()), ("deleted.pem", 29));
        let unread: Vec<_> = out.unread.iter().map(|(name, reason, _)| (name.as_str(), *reason)).collect();
        assert_eq!(unread, [("secret.pem", Reason::Encrypted), ("old.pem", Reason::Unsupported)]);
    }
}

#[test]
fn a_program_may_precede_the_archive() {
    let program = [b"MZ a stub that unpacks itself, of some length".to_vec(), archive(true)].concat();
    let (result, out) = open(&Zip, &program);
    assert_eq!(result, Ok(()));
    assert_eq!(out.members[0].1, b"stored");
    assert!(out.members[2].1.starts_with(b"MZ"), "the stub is searched too");
}

#[test]
fn without_a_directory_the_headers_are_followed() {
    let mut cut = archive(false);
    cut.truncate(cut.len() - 200);
    let (result, out) = open(&Zip, &cut);
    assert_eq!(result, Ok(()));
    let names: Vec<_> = out.members.iter().map(|(name, bytes, _)| (name.as_str(), bytes.len())).collect();
    assert_eq!(names, [("stored.pem", 6), ("deleted.pem", 29), ("packed.pem", 5000)]);
    assert_eq!(out.unread[0].1, Reason::Damaged);
    assert!(open(&Zip, b"PK\x03\x04 is how a ZIP begins").0.is_err());
}

/// A stored member of unknown length whose extra field would end after the file. Found by fuzzing.
#[test]
fn an_extra_field_beyond_the_end_of_the_file() {
    let mut archive = member("a", 0, 8, b"", false, 0).0;
    archive[28..30].copy_from_slice(&u16::MAX.to_le_bytes());
    let (result, out) = open(&Zip, &archive);
    assert_eq!(result, Ok(()));
    assert!(out.members.iter().all(|(_, bytes, _)| bytes.is_empty()));
}
