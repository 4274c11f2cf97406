//! Tests of `answer`.

use super::*;

#[test]
fn raw_entries_are_parsed_whatever_bytes_the_paths_contain() {
    let diff = b":100644 100755 aa bb M\0a b\0:000000 160000 00 cc A\0sub\0:100644 120000 dd ee T\0:x\ny\0";
    let told: Vec<_> = changes(diff)
        .into_iter()
        .map(|change| (change.old, change.new, change.submodule, change.path.to_string_lossy().into_owned()))
        .collect();
    let expected = [("aa", "bb", false, "a b"), ("00", "cc", true, "sub"), ("dd", "ee", false, ":x\ny")];
    let expected = expected.map(|(old, new, sub, path)| (old.to_owned(), new.to_owned(), sub, path.to_owned()));
    assert_eq!(told, expected);

    // A submodule may name the object that is a file now.
    assert_eq!(changes(b":160000 100644 aa aa T\0x\0").first().map(|change| is_zero(&change.old)), Some(true));
    assert!(changes(b"").is_empty());
}

#[test]
fn zeros_of_any_length_mean_no_object() {
    assert!(is_zero(&"0".repeat(40)) && is_zero(&"0".repeat(64)) && !is_zero("00a0"));
}
