//! Sparse files in tar archives, in each of GNU tar's formats: an archive in a sparse file is opened, wherever its
//! holes are.

use std::os::unix::fs::FileExt;
use std::process::Command;

use super::boxes::gzip;
use crate::git::repo::Ground;
use crate::git::seen::scan;
use crate::workshop::key_pem;

const FORMS: [&[&str]; 4] = [
    &["--format=gnu"],
    &["--format=posix", "--sparse-version=0.0"],
    &["--format=posix", "--sparse-version=0.1"],
    &["--format=posix", "--sparse-version=1.0"],
];

/// A file with these bytes at these offsets, and holes between.
fn sparse(path: &std::path::Path, size: u64, parts: &[(u64, &[u8])]) {
    let file = std::fs::File::create(path).expect("made");
    file.set_len(size).expect("a hole");
    for (at, bytes) in parts {
        file.write_all_at(bytes, *at).expect("written");
    }
}

#[test]
fn an_archive_that_is_a_sparse_file_is_opened() {
    let ground = Ground::new("hostile-sparse");
    let packed = gzip(key_pem(1).as_bytes());
    // The key is in a member of a tar after a hole, across which no header may be moved.
    let mut inner = vec![0; 512];
    inner[..5].copy_from_slice(b"a.pem");
    inner[124..136].copy_from_slice(format!("{:011o} ", packed.len()).as_bytes());
    inner[257..265].copy_from_slice(b"ustar\x0000");
    inner[148..156].fill(b' ');
    let sum: u32 = inner.iter().map(|byte| u32::from(*byte)).sum();
    inner[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut first = inner.clone();
    first[124..136].copy_from_slice(format!("{:011o} ", 4 << 20).as_bytes());
    first[148..156].fill(b' ');
    let sum: u32 = first.iter().map(|byte| u32::from(*byte)).sum();
    first[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let second = 512 + (4 << 20);
    sparse(&ground.join("inner.tar"), 8 << 20, &[(0, &first), (second, &inner), (second + 512, &packed)]);
    sparse(&ground.join("key.gz"), 1 << 20, &[(0, &packed)]);
    for form in FORMS {
        for file in ["inner.tar", "key.gz"] {
            let place = ground.join(&format!("{}-{file}", form.concat()));
            std::fs::create_dir_all(&place).expect("made");
            let archive = place.join("a.tar");
            let mut command = Command::new("tar");
            command.args(form).args(["--hole-detection=raw", "-S", "-cf"]).arg(&archive).arg(file);
            match command.current_dir(ground.path()).output() {
                Err(_) => return super::skipped("no tar: sparse files are not tried"),
                Ok(output) if !output.status.success() => return super::skipped("tar is not GNU tar"),
                Ok(_) => {}
            }
            assert!(std::fs::metadata(&archive).expect("made").len() < 1 << 19, "{form:?} {file} is stored sparse");
            let seen = scan(&place, &["."]);
            assert_eq!((seen.code, seen.occurrences().len()), (Some(1), 1), "{form:?} {file}: {:?}", seen.gaps());
        }
    }
}

/// Eight terabytes: a file that claims this size takes a few kilobytes on disk.
#[test]
fn what_lies_behind_a_hole_of_terabytes_is_found() {
    let ground = Ground::new("hostile-sparse-plain");
    let pem = key_pem(1);
    let size = 8 << 40;
    let place = ground.join("a");
    std::fs::create_dir_all(&place).expect("made");
    let file = std::fs::File::create(place.join("h.bin")).expect("made");
    if file.set_len(size).is_err() {
        return super::skipped("no file of eight terabytes here: holes are not tried");
    }
    sparse(&place.join("h.bin"), size, &[(4 << 40, pem.as_bytes()), (size - 5000, pem.as_bytes())]);
    let seen = scan(&place, &["."]);
    assert_eq!((seen.code, seen.occurrences().len()), (Some(1), 2), "{:?}", seen.gaps());
}
