//! What real tools locked, opened with the password that they were given: the key has to be the one that the tool's own
//! reader names. Every sample of the cases has the same password, which stands in a file beside it here.

use corpus::expect::{self, Case, Grade};
use detectors::open::{Options, Summary, open_all};
use scanner_core::blob::Origin;
use scanner_core::budget::Limits;
use scanner_core::engine::scan_bytes;
use scanner_core::material::{Identity, Kind, Occurrence, ProtectionState};
use scanner_core::seam::Candidate;
use scanner_core::secret::Secret;

/// The password of the samples (`corpus/make/kit.py`).
const PASSWORD: &[u8] = b"changeit";

fn candidate(word: &[u8]) -> Candidate {
    Candidate {
        secret: Secret::new(word.to_vec()),
        origin: Origin::file("key.properties"),
        line: 3,
        field: "storePassword".to_owned(),
        about: Vec::new(),
    }
}

fn opened(file: &str, bytes: &[u8], words: &[&[u8]], options: &Options) -> (Vec<Occurrence>, Summary) {
    let mut occurrences = scan_bytes(&detectors::KNOWLEDGE, file, bytes, Limits::default()).occurrences;
    let candidates = words.iter().map(|word| candidate(word)).collect();
    let summary = open_all(&mut occurrences, candidates, options, 1, &|| false);
    (occurrences, summary)
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(corpus::cases_dir()).expect("the cases") {
        cases.push(expect::load(&entry.expect("an entry").path()).expect("a case"));
    }
    cases
}

fn spki(occurrence: &Occurrence) -> Option<String> {
    match &occurrence.material.identity {
        Some(Identity::Public(half)) => Some(hex(&half.id.spki_sha256)),
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

fn is_opened(occurrence: &Occurrence) -> bool {
    occurrence.material.protection.as_ref().is_some_and(|p| p.state == ProtectionState::Opened)
}

/// Ciphers without a crate of this generation: ARIA, SEED, SM4.
fn is_out_of_reach(file: &str) -> bool {
    ["aria", "seed", "sm4"]
        .iter()
        .any(|cipher| file.contains(&format!("/{cipher}_")) || file.contains(&format!("_{cipher}_")))
}

#[test]
fn the_right_password_gives_the_key_that_the_tool_names() {
    let mut missed = Vec::new();
    let (mut right, mut found) = (0, 0);
    for case in cases() {
        for (sample, bytes) in case.expect.samples.iter().zip(&case.contents) {
            let locked =
                |grade: Option<Grade>| !matches!(grade, Some(Grade::Plaintext | Grade::Hardware | Grade::Stub));
            let keys = sample
                .keys
                .iter()
                .filter(|key| locked(key.protection) && !key.stub && !sample.stretch && !sample.partial);
            let keys: Vec<_> = keys.collect();
            if keys.is_empty() {
                continue;
            }
            let (occurrences, _) = opened(&sample.file, bytes, &[PASSWORD], &Options::default());
            let opened: Vec<&Occurrence> =
                occurrences.iter().filter(|o| is_opened(o) && o.material.kind == Kind::PrivateKey).collect();
            found += opened.len();
            for key in keys {
                let wanted = key.opened_spki_sha256.as_ref().or(key.spki_sha256.as_ref());
                let names = |o: &&&Occurrence| {
                    let spki = spki(o);
                    wanted.is_none() || spki == wanted.cloned() || spki.is_some_and(|spki| key.also.contains(&spki))
                };
                if opened.iter().any(|o| names(&o)) {
                    right += 1;
                } else {
                    missed.push(format!("{}/{}", case.expect.id, sample.file));
                }
            }
        }
    }
    missed.retain(|file| !is_out_of_reach(file));
    assert!(missed.is_empty(), "{right} right of {found}; missed {}:\n{}", missed.len(), missed.join("\n"));
    assert_eq!(right, found, "an opened key that no oracle names");
    assert!(right > 300, "{right}");
}
