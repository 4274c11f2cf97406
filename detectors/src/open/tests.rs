//! Tests the scheduling rules on random runs: what opens, what is reported, and that neither depends on threads.
//!
//! The containers are Java keystores, sealed here: their trials are cheap, and a store with many keys costs more.

use std::collections::BTreeSet;
use std::path::Path;

use keyradius_core::blob::{Blob, Origin};
use keyradius_core::candidates::Candidates;
use keyradius_core::error::{Malformed, Reason};
use keyradius_core::lock::{Lock, Unlocked, boxed};
use keyradius_core::material::{Encoding, Kind, Locked, Material, Occurrence, Protection, ProtectionState};
use keyradius_core::seam::{About, Anchor, Candidate, Detector, Hit, Inspection};
use keyradius_core::secret::Secret;
use keyradius_readers::carrier;
use sha1::{Digest, Sha1};

use super::trial::price;
use super::{Means, Options, Summary, Units, open_all, open_units};

/// Seals one key of a JKS store as sun.security.provider.KeyProtector does.
fn sealed(password: &str, number: u32) -> Vec<u8> {
    let mut plain =
        vec![0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    plain.extend_from_slice(&sha2::Sha256::digest(number.to_be_bytes()));
    let password: Vec<u8> = password.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let salt: [u8; 20] = Sha1::digest(number.to_le_bytes()).into();
    let mut stream = salt;
    let mut cipher = salt.to_vec();
    for block in plain.chunks(20) {
        stream = Sha1::new().chain_update(&password).chain_update(stream).finalize().into();
        cipher.extend(block.iter().zip(stream).map(|(plain, key)| plain ^ key));
    }
    cipher.extend_from_slice(&Sha1::new().chain_update(&password).chain_update(&plain).finalize());
    let oid = [0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x2a, 0x02, 0x11, 0x01, 0x01, 0x05, 0x00];
    let der = |tag: u8, content: &[u8]| [&[tag, content.len() as u8], content].concat();
    der(0x30, &[der(0x30, &oid), der(0x04, &cipher)].concat())
}

/// Returns a store at a place. The password opens its first key; `more` further keys open with nothing and raise the
/// cost.
fn store(place: &str, password: &str, number: u32, more: usize) -> Occurrence {
    let mut bytes = sealed(password, number);
    (0..more).for_each(|n| bytes.extend(sealed("nothing opens it", number ^ (n as u32 + 1) << 20)));
    let mut material = Material::new(Kind::PrivateKey, "jks", Encoding::Binary, 0..bytes.len());
    material.protection = Some(Protection::new(ProtectionState::Weak, "JKS"));
    material.locked = Some(Locked::new(&bytes));
    Occurrence { origin: Origin::file(place), offset: 0, line: 1, section: None, mark: None, git: None, material }
}

fn candidate(place: &str, line: u64, word: &str, about: &[String]) -> Candidate {
    Candidate {
        secret: Secret::new(word.as_bytes().to_vec()),
        origin: Origin::file(place),
        line,
        field: "storePassword".to_owned(),
        about: about.to_vec(),
    }
}

/// Numbers that look random and are the same in every run (xorshift, Marsaglia 2003).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most as u64) as usize
    }
}

/// The parts of a run, so that the run can be repeated.
struct Scene {
    stores: Vec<(String, String, usize)>,
    words: Vec<(String, u64, String, Vec<String>)>,
}

impl Scene {
    fn random(dice: &mut Dice) -> Self {
        const DIRECTORIES: [&str; 6] = ["a", "a/ci", "a/keys", "b", "b/deep/er", "c"];
        let (count, words) = (1 + dice.below(30), dice.below(60));
        let stores: Vec<_> = (0..count)
            .map(|number| {
                // Some have equal names, some are copies, and some have their password in the name.
                let place = match dice.below(5) {
                    0 => format!("{}/same.jks", DIRECTORIES[dice.below(6)]),
                    1 => format!("{}/{number}_pass_Zw{number}q.jks", DIRECTORIES[dice.below(6)]),
                    _ => format!("{}/{number}.jks", DIRECTORIES[dice.below(6)]),
                };
                let password = if place.contains("_pass_") { format!("Zw{number}q") } else { format!("pw-{number}") };
                (place, password, dice.below(5))
            })
            .collect();
        let words = (0..words)
            .map(|line| {
                let of = &stores[dice.below(count)];
                let directory = match dice.below(3) {
                    0 => Path::new(&of.0).parent().expect("a directory").display().to_string(),
                    _ => DIRECTORIES[dice.below(6)].to_owned(),
                };
                let word = if dice.below(3) == 0 { format!("decoy-{}", dice.below(40)) } else { of.1.clone() };
                let names: Vec<String> = match dice.below(4) {
                    0 => vec![format!("old/{}", Path::new(&of.0).file_name().expect("a name").display())],
                    1 => (0..20).map(|n| format!("x{n}.jks")).collect(),
                    _ => Vec::new(),
                };
                (format!("{directory}/{}.env", dice.below(4)), line as u64 + 1, word, names)
            })
            .collect();
        Self { stores, words }
    }

    fn occurrences(&self) -> Vec<Occurrence> {
        let stores = (0..).zip(&self.stores);
        let mut all: Vec<_> = stores.map(|(number, (place, word, more))| store(place, word, number, *more)).collect();
        all.sort_by(|a, b| a.origin.cmp(&b.origin));
        all.dedup_by(|a, b| a.origin == b.origin);
        all
    }

    /// Returns the passwords that name a store or are beside it, following the scheduling rules.
    fn near(&self, place: &str) -> BTreeSet<&str> {
        let place = Path::new(place);
        let name = place.file_name().expect("a name").to_string_lossy().into_owned();
        let near = self.words.iter().filter(|(at, _, _, names)| {
            let named = names.iter().any(|about| about.rsplit('/').next() == Some(name.as_str()));
            named || Path::new(at).parent() == place.parent()
        });
        let own = self.stores.iter().filter(|(at, ..)| name.contains("_pass_") && Path::new(at) == place);
        near.map(|(_, _, word, _)| word.as_str()).chain(own.map(|(_, word, _)| word.as_str())).collect()
    }

    fn password(&self, place: &str) -> Vec<&str> {
        // Of two stores at one place the first was kept, whichever it is.
        self.stores.iter().filter(|(at, ..)| at == place).map(|(_, word, _)| word.as_str()).collect()
    }

    fn run(&self, options: &Options, jobs: usize) -> (Vec<Occurrence>, Summary) {
        let mut occurrences = self.occurrences();
        let words = self.words.iter().map(|(at, line, word, names)| candidate(at, *line, word, names));
        let summary = open_all(&mut occurrences, words.collect(), options, jobs, &|| false);
        assert!(summary.cost <= options.cost, "{} of {}", summary.cost, options.cost);
        (occurrences, summary)
    }
}

fn is_locked(occurrence: &Occurrence) -> bool {
    occurrence.material.locked.is_some()
}

#[test]
fn near_passwords_open_whenever_the_budget_suffices() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut opened = 0;
    for round in 0..120 {
        let scene = Scene::random(&mut dice);
        let all = scene.occurrences();
        let needed = all.iter().map(|occurrence| {
            let locked = occurrence.material.locked.as_ref().expect("locked");
            let price = price("jks", locked, &[]).expect("a price");
            let near = scene.near(&occurrence.origin.path.to_string_lossy()).len() as u64;
            (near + 1) * price.trial + price.success
        });
        let options = Options { cost: needed.sum(), per_container: u64::MAX, ..Options::default() };
        let (occurrences, summary) = scene.run(&options, 1);
        for occurrence in &occurrences {
            let place = occurrence.origin.path.to_string_lossy();
            let near = scene.near(&place);
            let unique = scene.password(&place);
            if unique.len() == 1 && near.contains(unique[0]) {
                assert!(!is_locked(occurrence), "round {round}: {place} stays locked: {summary:?}");
                opened += 1;
            }
        }
        let near = summary.gave_up.iter().find(|gap| gap.reason == Reason::NearPasswordsNotTried);
        assert!(near.is_none(), "round {round}: {near:?}");
    }
    assert!(opened > 500, "{opened}");
}

#[test]
fn a_store_left_locked_beside_its_password_makes_the_run_incomplete() {
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let (mut hidden, mut reported) = (0, 0);
    for round in 0..200 {
        let scene = Scene::random(&mut dice);
        let options = Options {
            cost: 1_000_000 + dice.below(20_000_000) as u64,
            per_container: 500_000 + dice.below(1_000_000) as u64,
            ..Options::default()
        };
        let (occurrences, summary) = scene.run(&options, 1);
        let (again, other) = scene.run(&options, 3);
        assert_eq!(format!("{occurrences:?}{summary:?}"), format!("{again:?}{other:?}"), "round {round}");
        for occurrence in occurrences.iter().filter(|occurrence| is_locked(occurrence)) {
            let place = occurrence.origin.path.to_string_lossy();
            let near = scene.near(&place);
            let unique = scene.password(&place);
            if unique.len() == 1 && near.contains(unique[0]) {
                hidden += 1;
                let told = |gap: &&keyradius_core::error::Gap| gap.origin == occurrence.origin;
                let gap = summary.gave_up.iter().find(told).unwrap_or_else(|| panic!("round {round}: {place}"));
                assert!(gap.reason.leaves_incomplete(), "round {round}: {gap:?}");
                reported += 1;
            }
        }
    }
    assert!(hidden > 100 && hidden == reported, "{hidden} {reported}");
}

#[test]
fn many_decoys_leave_every_container_its_share() {
    for (decoys, words, more) in [(1600, 50, 0), (300, 400, 0), (50, 50, 60)] {
        let mut occurrences: Vec<_> = (0..decoys).map(|n| store(&format!("a/{n:05}.jks"), "?", n, more)).collect();
        occurrences.push(store("z/real.jks", "the one", 1_000_000, 0));
        let trial = price("jks", occurrences[0].material.locked.as_ref().expect("locked"), &[]).expect("a price").trial;
        let mut candidates: Vec<_> =
            (0..words).map(|n| candidate("a/decoy.env", n, &format!("decoy {n}"), &[])).collect();
        candidates.push(candidate("z/x.env", 1, "another", &[]));
        candidates.push(candidate("z/x.env", 2, "the one", &[]));
        // A quarter of the cost of trying everything on the decoys.
        let cost = u64::from(decoys) * words * trial / 4;
        let options = Options { cost, ..Options::default() };
        let summary = open_all(&mut occurrences, candidates.into_iter().collect(), &options, 2, &|| false);
        let real = occurrences.iter().find(|o| o.origin.path == Path::new("z/real.jks")).expect("the real one");
        assert!(!is_locked(real), "{decoys} decoys");
        let incomplete = summary.gave_up.iter().filter(|gap| gap.reason == Reason::NearPasswordsNotTried).count();
        assert!(incomplete > 0, "the decoys were not all tried: {decoys}");
    }
}

#[test]
fn candidates_near_every_copy_are_tried() {
    let mut occurrences: Vec<_> = (0..40).map(|n| store(&format!("{n:03}/k.jks"), "the one", 7, 0)).collect();
    let candidates = std::iter::once(candidate("039/x.env", 1, "the one", &[]));
    let summary = open_all(&mut occurrences, candidates.collect(), &Options::default(), 1, &|| false);
    assert_eq!((summary.containers, summary.opened), (1, 1));
    assert!(!occurrences.iter().any(is_locked));
}

#[test]
fn a_container_too_large_or_too_expensive_is_a_gap_if_a_password_is_near() {
    let large = |place: &str| {
        let mut occurrence = store(place, "the one", 3, 0);
        occurrence.material.locked = Some(Locked::new(&vec![0; Locked::MAX + 1]));
        occurrence
    };
    let never = |place: &str| {
        let mut occurrence = store(place, "the one", 4, 0);
        occurrence.material.locked = None;
        occurrence
    };
    let cheap = Options { per_container: 1000, ..Options::default() };
    let cases: [(Occurrence, Options, &str); 3] = [
        (large("d/k.jks"), Options::default(), "larger than 1 MiB; 1 passwords near it not tried"),
        (never("d/k.jks"), Options::default(), "cannot open; 1 passwords near it not tried"),
        (
            store("d/k.jks", "the one", 5, 0),
            cheap,
            "exceeds the cost limit of a keystore; 1 passwords near it not tried",
        ),
    ];
    for (occurrence, options, detail) in cases {
        for (beside, incomplete) in [("d/x.env", true), ("e/x.env", false)] {
            let mut occurrences = vec![occurrence.clone()];
            let candidates = std::iter::once(candidate(beside, 1, "the one", &[]));
            let summary = open_all(&mut occurrences, candidates.collect(), &options, 1, &|| false);
            let near = summary.gave_up.iter().find(|gap| gap.reason == Reason::NearPasswordsNotTried);
            assert_eq!(near.is_some(), incomplete, "{detail} {beside}: {:?}", summary.gave_up);
            assert!(near.is_none_or(|gap| gap.detail.contains(detail)), "{near:?}");
        }
    }
}

/// A third-party format: the data is the password followed by a key of four bytes.
struct Own;

static OWN: About =
    About { id: "own", title: "own", detects: "own", blind_to: "much", respond: "rotate", references: &["here"] };

struct OwnLock<'b>(&'b [u8]);

impl Lock for OwnLock<'_> {
    fn price(&self) -> u64 {
        1000
    }

    fn open(&self, password: &[u8], _done: &[bool]) -> Vec<Unlocked> {
        let Some(rest) = self.0.strip_prefix(password).filter(|rest| rest.len() == 4) else { return Vec::new() };
        let mut key = Material::new(Kind::PrivateKey, OWN.id, Encoding::Binary, 0..0);
        key.identity = Some(carrier::opaque(rest));
        vec![Unlocked::new(Some(0), key)]
    }
}

impl Detector for Own {
    fn about(&self) -> &'static About {
        &OWN
    }

    fn anchors(&self) -> &[Anchor<'_>] {
        &[]
    }

    fn inspect(&self, _: Blob<'_>, _: Hit<'_>, _: &mut Inspection) -> Result<(), Malformed> {
        Ok(())
    }

    fn lock<'b>(&self, kept: &'b [u8]) -> Option<Box<dyn Lock + 'b>> {
        Some(boxed(OwnLock(kept)))
    }
}

#[test]
fn a_third_party_detector_opens_its_own_materials() {
    for (own, opens) in [(&[&Own as &dyn Detector][..], true), (&[], false)] {
        let mut occurrence = store("a/x.own", "", 1, 0);
        occurrence.material.format = OWN.id;
        occurrence.material.locked = Some(Locked::new(b"Zwetschge-7!abcd"));
        let mut occurrences = vec![occurrence];
        let words: Candidates = [candidate("a/.env", 1, "Zwetschge-7!", &[])].into_iter().collect();
        let means = Means { options: Options::default(), own, given: &[], jobs: 1, cancelled: &|| false };
        let summary = open_units(&mut occurrences, words, &Units::default(), means);
        assert_eq!((summary.opened == 1, is_locked(&occurrences[0])), (opens, !opens));
    }
}
