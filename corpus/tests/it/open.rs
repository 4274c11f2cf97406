//! Keys encrypted by real tools, opened with their passwords: each key has to be the one that the tool's own reader
//! names. And failures that must not happen: a wrong password that opens a key, damage that gives another key or
//! panics, a secret in the output, a result that depends on threads.

use keyradius_core::blob::Origin;
use keyradius_core::error::Reason;
use keyradius_core::hex::hex;
use keyradius_core::material::{How, Identity, Kind, Locked, Occurrence, Opened, Proof, ProtectionState};
use keyradius_core::seam::Candidate;
use keyradius_core::secret::Secret;
use keyradius_corpus::expect::{self, Case, Grade, Key};
use keyradius_detectors::open::{Options, Summary, open_all};

/// The passwords of `corpus/cases/opening/make.py`: no word list contains them.
const WORD: &str = "Zwetschge-7!";
const UMLAUT: &str = "Grüße-€5";

/// The passwords of a sample.
fn words(case: &str, file: &str) -> &'static [&'static str] {
    match case {
        "opening" if file.starts_with("umlaut") => &[UMLAUT],
        "opening" if file.starts_with("pem_short") => &["q7z"],
        "opening" => &[WORD, "another-one"],
        // `corpus/make/kit.py`.
        _ => &["changeit"],
    }
}

fn candidate(word: &[u8]) -> Candidate {
    Candidate {
        secret: Secret::new(word.to_vec()),
        origin: Origin::file("key.properties"),
        line: 3,
        field: "storePassword".to_owned(),
        about: Vec::new(),
    }
}

fn opened(file: &str, bytes: &[u8], words: &[&str], options: &Options) -> (Vec<Occurrence>, Summary) {
    let mut occurrences = keyradius_detectors::engine().bytes(file, bytes).occurrences;
    let candidates = words.iter().map(|word| candidate(word.as_bytes())).collect();
    let summary = open_all(&mut occurrences, candidates, options, 1, &|| false);
    (occurrences, summary)
}

fn cases() -> Vec<Case> {
    expect::load_all(&keyradius_corpus::cases_dir()).expect("the cases load")
}

fn spki(occurrence: &Occurrence) -> Option<String> {
    match &occurrence.material.identity {
        Some(Identity::Public(half)) => Some(hex(&half.id.spki_sha256)),
        _ => None,
    }
}

fn is_opened(occurrence: &Occurrence) -> bool {
    occurrence.material.protection.as_ref().is_some_and(|p| p.state == ProtectionState::Opened)
}

/// Not supported: ciphers without a crate of this generation (ARIA, SEED, SM4), and noise sealed by hand, like
/// keychains. The password of DPAPI and the PIN of SoftHSM are verified with other files. Minisign's own keys need a
/// gibibyte of memory per password, gpg-agent keeps some keys as a packet until they are used, and Ethereum keystores
/// are not opened yet.
fn is_out_of_reach(file: &str) -> bool {
    let cipher = |cipher: &&str| file.contains(&format!("/{cipher}_")) || file.contains(&format!("_{cipher}_"));
    file.contains("/noise_sealed_")
        || ["dpapi/", "softhsm/", "keychain/", "gnupg_agent/native.", "ethereum_keystore/"]
            .iter()
            .any(|case| file.starts_with(case))
        || (file.starts_with("minisign/") && !file.contains("tauri"))
        || ["aria", "seed", "sm4"].iter().any(cipher)
}

/// Whether an opened key is the one named by the oracle.
fn is_named(occurrence: &Occurrence, key: &Key) -> bool {
    let spki = spki(occurrence);
    let wanted = key.opened_spki_sha256.as_ref().or(key.spki_sha256.as_ref());
    let by_spki = wanted.is_none() || spki.as_ref() == wanted || spki.is_some_and(|spki| key.also.contains(&spki));
    let by_fingerprint = key.fingerprint.is_none() || key.fingerprint == occurrence.material.pgp_fingerprint;
    by_spki && by_fingerprint
}

/// Version 1 of fastlane match is recognised by its folders, which a pack cannot contain.
#[test]
fn openssl_enc_output_is_a_key_of_match_in_a_folder_of_match() {
    let case = expect::load(&keyradius_corpus::cases_dir().join("fastlane_match")).expect("a case");
    let wanted = case.expect.samples.iter().find_map(|sample| sample.keys.first()?.opened_spki_sha256.clone());
    for (path, name, keys) in [
        ("ios/certs/distribution/A1B2C3D4E5.p12", "backup.p12", 1),
        ("certs/development/A1B2C3D4E5.p12", "backup.enc", 1),
        ("ios/other/A1B2C3D4E5.p12", "backup.p12", 0),
    ] {
        let at = case.expect.samples.iter().position(|sample| sample.file == name).expect("a sample");
        let (occurrences, _) = opened(path, &case.contents[at], &["changeit"], &Options::default());
        let opened: Vec<_> =
            occurrences.iter().filter(|o| is_opened(o) && o.material.kind == Kind::PrivateKey).collect();
        assert_eq!(opened.len(), keys, "{path} {name}");
        assert!(opened.iter().all(|key| spki(key) == wanted), "{name}");
    }
}

#[test]
fn the_right_password_gives_the_key_that_the_tool_names() {
    let mut missed = Vec::new();
    let (mut right, mut found) = (0, 0);
    for case in cases() {
        for (sample, bytes) in case.expect.samples.iter().zip(&case.contents) {
            let locked =
                |grade: Option<Grade>| !matches!(grade, Some(Grade::Plaintext | Grade::Hardware | Grade::Stub));
            let fair = !sample.stretch && !sample.partial;
            let keys = sample.keys.iter().filter(|key| locked(key.protection) && !key.stub && fair);
            let keys: Vec<_> = keys.collect();
            if keys.is_empty() {
                continue;
            }
            let words = words(&case.expect.id, &sample.file);
            let (occurrences, _) = opened(&sample.file, bytes, words, &Options::default());
            let opened: Vec<&Occurrence> =
                occurrences.iter().filter(|o| is_opened(o) && o.material.kind == Kind::PrivateKey).collect();
            found += opened.len();
            for key in keys {
                if opened.iter().any(|o| is_named(o, key)) {
                    right += 1;
                } else {
                    missed.push(format!("{}/{}", case.expect.id, sample.file));
                }
            }
        }
    }
    missed.retain(|file| !is_out_of_reach(file));
    assert!(
        missed.is_empty(),
        "{right} right of {found}; {} not opened with the password of `words`, or as another key than \
         `opened_spki_sha256`:\n{}",
        missed.len(),
        missed.join("\n")
    );
    assert_eq!(right, found, "keys were opened that no `[[sample.key]]` names: add them, or `hidden_spki_sha256`");
    assert!(right > 650, "{right}");
}

#[test]
fn a_fully_encrypted_keystore_gives_its_keys_when_opened() {
    let mut keys = 0;
    for case in cases() {
        for (sample, bytes) in case.expect.samples.iter().zip(&case.contents) {
            let name = format!("{}/{}", case.expect.id, sample.file);
            let (occurrences, summary) =
                opened(&sample.file, bytes, words(&case.expect.id, &sample.file), &Options::default());
            let found = occurrences.iter().filter(|o| is_opened(o) && o.material.kind == Kind::PrivateKey);
            let mut found: Vec<String> = found.filter_map(spki).collect();
            let mut wanted = sample.hidden_spki_sha256.clone();
            if wanted.is_empty() {
                continue;
            }
            keys += wanted.len();
            found.sort();
            wanted.sort();
            assert_eq!((summary.opened, &found), (1, &wanted), "{name}");
        }
    }
    assert!(keys >= 14, "{keys}");
}

#[test]
fn an_encrypted_secret_key_is_a_key_once_it_is_known_to_sign() {
    for (family, file) in
        [("bks", "secret.bks"), ("bks", "secret.v1.bks"), ("bks", "secret.uber"), ("jks", "secret.jceks")]
    {
        let case = expect::load(&keyradius_corpus::cases_dir().join(family)).expect("the case");
        let (occurrences, _) = opened(file, &content(&case, file), words(family, file), &Options::default());
        let keys: Vec<&Occurrence> = occurrences.iter().filter(|o| o.material.kind == Kind::PrivateKey).collect();
        let [key] = keys.as_slice() else { panic!("{file}: {keys:?}") };
        assert!(is_opened(key) && matches!(key.material.identity, Some(Identity::Opaque(_))), "{file}: {key:?}");
        let labels: Vec<_> = key.material.labels.iter().map(|l| (l.kind, l.text.as_str())).collect();
        assert_eq!(labels, [("alias", "hmac"), ("algorithm", "HmacSHA256")], "{file}");
    }
}

/// Only the sample's own passwords, and at most a few milliseconds for each container.
const CHEAP: Options = Options { enabled: true, trials: 50, cost: 100_000_000, per_container: 100_000_000 };

#[test]
fn a_wrong_password_opens_nothing() {
    let case = opening();
    for (sample, bytes) in case.expect.samples.iter().zip(&case.contents) {
        if sample.file == "pem_short.pem" {
            continue;
        }
        let wrong = ["Zwetschge-7", "zwetschge-7!", "Zwetschge-7! ", "Gruesse-5", "another-one!", "other-password"];
        let (occurrences, summary) = opened(&sample.file, bytes, &wrong, &CHEAP);
        assert!(summary.tried > 6, "{}: {summary:?}", sample.file);
        assert_eq!((summary.containers, summary.opened), (1, 0), "{}", sample.file);
        assert!(!occurrences.iter().any(is_opened), "{}", sample.file);
    }
}

fn opening() -> Case {
    expect::load(&keyradius_corpus::cases_dir().join("opening")).expect("the case")
}

/// Tries the right passwords on damaged containers: whatever opens has to be the same key, and nothing may panic.
fn damaged(case: &Case, damage: impl Fn(&[u8], usize) -> Option<Vec<u8>>) -> (usize, usize) {
    let options = Options { cost: 20_000_000, per_container: 20_000_000, ..CHEAP };
    let (mut tried, mut same) = (0, 0);
    for (sample, bytes) in case.expect.samples.iter().zip(&case.contents) {
        let words = words("opening", &sample.file);
        let found = keyradius_detectors::engine().bytes(&sample.file, bytes).occurrences;
        for step in 0..24 {
            let mut occurrences = found.clone();
            let mut any = false;
            for occurrence in &mut occurrences {
                let Some(locked) = &occurrence.material.locked else { continue };
                let Some(bytes) = damage(&locked.bytes().expect("kept"), step) else { continue };
                occurrence.material.locked = Some(Locked::new(&bytes));
                any = true;
            }
            let candidates = words.iter().map(|word| candidate(word.as_bytes())).collect();
            let summary = open_all(&mut occurrences, candidates, &options, 1, &|| false);
            let faults = summary.gave_up.iter().filter(|gap| gap.reason == Reason::DetectorFault).count();
            assert_eq!(faults, 0, "{} step {step}", sample.file);
            tried += usize::from(any);
            for open in occurrences.iter().filter(|o| is_opened(o) && o.material.kind == Kind::PrivateKey) {
                // Bits that no check covers may be wrong: CRT numbers of RSA, a comment, a parity bit of DES. Ed25519
                // in PKCS#8 has nothing to verify its seed with: any seed is a key, for openssl too.
                same += 1;
                let named = sample.keys.iter().any(|key| is_named(open, key));
                // An EC key without its public point cannot be verified either, and the encryption of JCEKS has no
                // checksum.
                let alone = ["p8_ed.pem", "two.jceks"].contains(&sample.file.as_str());
                let unproven = alone && open.material.proof == Proof::Structure;
                assert!(named || unproven, "{} step {step} opened as another key: {open:?}", sample.file);
            }
        }
    }
    (tried, same)
}

#[test]
fn truncated_containers_do_not_open_as_other_keys() {
    let (tried, same) = damaged(&opening(), |bytes, step| Some(bytes.get(..bytes.len() * step / 24)?.to_vec()));
    // The part before the cut may be complete: the first of two keys, a key without its MAC.
    assert!(tried > 800 && same * 4 < tried, "{same} of {tried}");
}

#[test]
fn flipped_bits_do_not_open_as_other_keys() {
    let (tried, same) = damaged(&opening(), |bytes, step| {
        let mut bytes = bytes.to_vec();
        let at = bytes.len() * step / 24 + step % 5;
        *bytes.get_mut(at)? ^= 1 << (step % 8);
        Some(bytes)
    });
    assert!(tried > 800 && same * 2 < tried, "{same} of {tried}");
}

fn protection(occurrences: &[Occurrence]) -> Option<&Opened> {
    occurrences.iter().find_map(|o| o.material.protection.as_ref()?.opened.as_deref())
}

fn content(case: &Case, file: &str) -> Vec<u8> {
    let at = case.expect.samples.iter().position(|sample| sample.file == file).expect("the sample");
    case.contents.get(at).expect("its content").clone()
}

#[test]
fn a_keystore_reports_how_it_was_opened_and_its_content() {
    let case = opening();
    let bytes = content(&case, "default.p12");
    let (occurrences, summary) = opened("k/default.p12", &bytes, &["nonsense", WORD], &Options::default());
    assert_eq!((summary.containers, summary.opened), (1, 1));
    let key = occurrences.iter().find(|o| o.material.kind == Kind::PrivateKey).expect("the key");
    let how = Opened {
        how: How::Found,
        origin: Some(Origin::file("key.properties")),
        line: 3,
        field: "storePassword".to_owned(),
    };
    assert_eq!(protection(&occurrences), Some(&how));
    assert_eq!((key.material.proof, key.material.locked.is_none()), (Proof::Verified, true));
    assert!(key.material.protection.as_ref().expect("it").detail.contains("PBKDF2"), "the encryption is still known");
    // The certificate was encrypted too.
    let certificate = occurrences.iter().find(|o| o.material.kind == Kind::Certificate).expect("the certificate");
    assert_eq!(spki(certificate), spki(key));
    assert_eq!((&certificate.origin, certificate.offset), (&key.origin, key.offset));
    assert_eq!(certificate.material.labels.first().map(|l| l.text.as_str()), Some("my key"));
}

#[test]
fn other_ways_in() {
    let case = opening();
    let how = |file: &str, bytes: &[u8], words: &[&str]| {
        let (occurrences, _) = opened(file, bytes, words, &Options::default());
        protection(&occurrences).map(|o| (o.how, o.origin.as_ref().map(ToString::to_string), o.line, o.field.clone()))
    };
    let legacy = content(&case, "legacy.p12");
    let name = format!("d/cert_pass_{WORD}.pfx");
    assert_eq!(how(&name, &legacy, &[]), Some((How::Found, Some(name.clone()), 0, "file name".to_owned())));
    assert_eq!(how("d/x.pfx", &legacy, &[]), None);
    let short = how("d/x.pem", &content(&case, "pem_short.pem"), &[]).expect("all short ones are tried");
    assert_eq!((short.0, short.1), (How::WellKnown, None));
    let pkcs12 = expect::load(&keyradius_corpus::cases_dir().join("pkcs12")).expect("the case");
    for file in ["empty_password.p12", "empty_password_legacy.p12"] {
        assert_eq!(how("x", &content(&pkcs12, file), &[]), Some((How::Empty, None, 0, String::new())), "{file}");
    }
    let known = how("x", &content(&pkcs12, "openssl_rsa.p12"), &[]).expect("a well-known one");
    assert_eq!((known.0, known.1), (How::WellKnown, None));
    assert!(!known.3.contains("changeit") && !known.3.is_empty());
}

/// All encrypted samples of the case, some of them as several copies, in several directories.
fn tree(case: &Case) -> Vec<Occurrence> {
    let mut all = Vec::new();
    for (number, (sample, bytes)) in case.expect.samples.iter().zip(&case.contents).enumerate() {
        for copy in 0..=number % 3 {
            let path = format!("d{}/c{copy}/{}", number % 5, sample.file);
            all.extend(keyradius_detectors::engine().bytes(&path, bytes).occurrences);
        }
    }
    all.sort_by(|a, b| (&a.origin, a.offset).cmp(&(&b.origin, b.offset)));
    all
}

fn some_candidates() -> Vec<Candidate> {
    let mut candidates: Vec<_> = (0..40).map(|n| candidate(format!("wrong {n}").as_bytes())).collect();
    for (number, word) in [WORD, UMLAUT, "another-one"].into_iter().enumerate() {
        candidates.push(Candidate {
            origin: Origin::file(format!("d{number}/x.env")),
            line: number as u64 + 1,
            ..candidate(word.as_bytes())
        });
    }
    candidates
}

#[test]
fn the_result_does_not_depend_on_threads_or_order() {
    let case = opening();
    // Also with budgets that are exceeded: the passwords left out have to be the same too.
    for cost in [Options::default().cost, 30_000_000, 3_000_000] {
        let options = Options { cost, per_container: 60_000_000, ..Options::default() };
        let run = |jobs, turned: bool| {
            let (mut occurrences, mut candidates) = (tree(&case), some_candidates());
            if turned {
                candidates.reverse();
            }
            let summary = open_all(&mut occurrences, candidates.into_iter().collect(), &options, jobs, &|| false);
            assert!(summary.cost <= cost, "{} of {cost}", summary.cost);
            format!("{summary:?}{occurrences:?}")
        };
        let one = run(1, false);
        assert!(one == run(4, false) && one == run(3, true), "{cost}");
    }
}

#[test]
fn copies_are_opened_together_and_counted_once() {
    let case = opening();
    let mut occurrences = tree(&case);
    let before = occurrences.iter().filter(|o| o.material.locked.is_some()).count();
    let summary =
        open_all(&mut occurrences, some_candidates().into_iter().collect(), &Options::default(), 2, &|| false);
    let files = case.expect.samples.len() as u64;
    assert_eq!((summary.containers, summary.opened), (files, files), "{:?}", summary.gave_up);
    assert_eq!(occurrences.iter().filter(|o| is_opened(o) && o.material.kind == Kind::PrivateKey).count(), before);
    let sorted = occurrences.is_sorted_by_key(|o| (o.origin.clone(), o.offset));
    assert!(sorted, "the engine's order");
}

#[test]
fn limits_are_enforced_and_reported() {
    let case = expect::load(&keyradius_corpus::cases_dir().join("encrypted_pkcs8")).expect("the case");
    let dear = content(&case, "iter_600000_ec.der");
    let scan = |path: &str| {
        let mut occurrences = keyradius_detectors::engine().bytes(path, &dear).occurrences;
        // A bit of the public point is wrong, so that no password opens the key.
        let mut bytes = occurrences[0].material.locked.as_ref().expect("locked").bytes().expect("kept").to_vec();
        let at = bytes.len() - 20;
        bytes[at] ^= 1;
        occurrences[0].material.locked = Some(Locked::new(&bytes));
        occurrences
    };
    for (options, detail) in [
        (Options { per_container: 1_000_000, ..Options::default() }, "one trial exceeds the cost limit of a keystore"),
        (Options { cost: 250_000_000, ..Options::default() }, "passwords near it tried"),
        (Options { cost: 0, ..Options::default() }, "0 of "),
    ] {
        let mut occurrences = scan("x.der");
        let candidates = ["one", "two", "three"].map(|word| candidate(word.as_bytes())).into_iter().collect();
        let summary = open_all(&mut occurrences, candidates, &options, 1, &|| false);
        assert!(summary.cost <= options.cost.min(options.per_container), "{summary:?}");
        assert!(!occurrences.iter().any(is_opened));
        let [gap] = summary.gave_up.as_slice() else { panic!("{summary:?}") };
        assert_eq!((gap.reason, gap.reason.leaves_incomplete()), (Reason::NearPasswordsNotTried, true));
        assert!(gap.detail.contains(detail), "{}", gap.detail);
    }
    let off = Options { enabled: false, ..Options::default() };
    let (occurrences, summary) = opened("x.der", &dear, &["changeit"], &off);
    assert_eq!((summary.containers, summary.tried, occurrences.iter().any(is_opened)), (0, 0, false));
    let mut occurrences = tree(&opening());
    let summary = open_all(&mut occurrences, some_candidates().into_iter().collect(), &Options::default(), 2, &|| true);
    assert_eq!((summary.tried, summary.opened), (0, 0), "cancelled before the start");
}

#[test]
fn nothing_secret_is_shown() {
    let case = opening();
    let mut occurrences = tree(&case);
    let candidates = some_candidates();
    let before = format!("{candidates:?}{occurrences:?}");
    let summary = open_all(&mut occurrences, candidates.into_iter().collect(), &Options::default(), 1, &|| false);
    assert!(summary.opened > 30, "{summary:?}");
    let shown = format!("{before}{summary:?}{occurrences:?}");
    for word in [WORD, UMLAUT, "another-one"] {
        let bytes = word.as_bytes();
        let decimal = bytes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        for spelling in [word.to_owned(), hex(bytes), decimal] {
            assert!(!shown.contains(&spelling), "a password is shown as {spelling}");
        }
    }
}
