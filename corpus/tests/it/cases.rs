//! The minimum: every positive is found with its oracle's identity; negatives are not reported.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use keyradius_corpus::score::{Breach, Fault, score};
use keyradius_corpus::{cases_dir, expect};

/// Every required fault, over all families. Each sample is scored once for all tests.
static FAULTS: LazyLock<Vec<Fault>> = LazyLock::new(|| {
    let cases = expect::load_all(&cases_dir()).expect("the cases load");
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let work = || {
        let mut faults = Vec::new();
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            faults.extend(score(case).1);
        }
        faults
    };
    let mut faults: Vec<Fault> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no panic")).collect()
    });
    faults.retain(|fault| !fault.stretch);
    faults.sort_by(|a, b| (&a.family, &a.file).cmp(&(&b.family, &b.file)));
    faults
});

/// The faults of some kinds.
fn faults(breaches: &[Breach]) -> Vec<&'static Fault> {
    FAULTS.iter().filter(|fault| breaches.contains(&fault.breach)).collect()
}

fn none(faults: &[&Fault]) {
    let lines: Vec<String> =
        faults.iter().map(|f| format!("{} {}/{}: {}", f.breach.word(), f.family, f.file, f.what)).collect();
    assert!(lines.is_empty(), "{} faults:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn every_key_is_found_once_with_the_right_identity() {
    none(&faults(&[
        Breach::Missed,
        Breach::Duplicate,
        Breach::WrongIdentity,
        Breach::WrongGrade,
        Breach::PublicMissed,
    ]));
}

#[test]
fn nothing_else_is_reported_as_a_key() {
    none(&faults(&[Breach::False]));
}

#[test]
fn every_family_matches_its_folder() {
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
