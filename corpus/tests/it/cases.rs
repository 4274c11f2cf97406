//! The floor: every positive is found with the identity its oracle gives, negatives stay silent.

use corpus::score::{Breach, Fault, score};
use corpus::{cases_dir, expect};

/// Every fault of one kind that is not a stretch, over all families.
fn faults(breaches: &[Breach]) -> Vec<Fault> {
    let cases = expect::load_all(&cases_dir()).expect("the cases load");
    let all = cases.iter().flat_map(|case| score(case).1);
    all.filter(|f| !f.stretch && breaches.contains(&f.breach)).collect()
}

fn none(faults: &[Fault]) {
    let lines: Vec<String> =
        faults.iter().map(|f| format!("{} {}/{}: {}", f.breach.word(), f.family, f.file, f.what)).collect();
    assert!(lines.is_empty(), "{} faults:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn every_key_is_found_once_and_named_right() {
    none(&faults(&[
        Breach::Missed,
        Breach::Duplicate,
        Breach::WrongIdentity,
        Breach::WrongGrade,
        Breach::PublicMissed,
    ]));
}

#[test]
fn nothing_else_is_called_a_key() {
    none(&faults(&[Breach::False]));
}

#[test]
fn every_family_holds_what_its_folder_says() {
    for case in expect::load_all(&cases_dir()).expect("the cases load") {
        let folder = cases_dir().join(&case.expect.id);
        assert!(folder.join("make.sh").is_file(), "{}: no make.sh", case.expect.id);
        assert!(!case.expect.samples.is_empty(), "{}: no samples", case.expect.id);
        for sample in &case.expect.samples {
            let said = sample.certificates.unwrap_or(0);
            assert_eq!(said, sample.cert_sha256.len(), "{}/{}: certificates", case.expect.id, sample.file);
            assert!(!sample.silent || sample.keys.is_empty(), "{}/{}: silent, with keys", case.expect.id, sample.file);
        }
    }
}
