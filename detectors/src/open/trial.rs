//! One locked container: which passwords are tried on it, in which order, and what came of them.

use std::collections::BTreeSet;
use std::path::Path;

use scanner_core::blob::Origin;
use scanner_core::error::{Gap, Reason};
use scanner_core::material::{How, Locked, Occurrence, Opened};
use zeroize::Zeroizing;

use super::near::{Index, Near, Nearness};
use super::words::{self, WellKnown};
use super::{hidden, lock};
use crate::read::carrier::Item;

/// What a trial costs, in nominal nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Price {
    /// One that fails.
    pub(super) trial: u64,
    /// What one that succeeds costs on top.
    pub(super) success: u64,
    /// Trials that the empty password takes.
    empty: u64,
}

/// The price of a container; `None` if nothing here can open it.
pub(super) fn price(format: &str, locked: &Locked) -> Option<Price> {
    let lock = lock::read(format, locked.bytes())?;
    Some(Price { trial: lock.price().max(1), success: lock.price_of_success(), empty: lock.empty() })
}

/// Passwords of about the same promise. All containers are through with one wave before the next one begins, so that a
/// run's budget goes to the most promising trials of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wave {
    /// None, and what names the file.
    Named,
    /// What stands in its directory or above, and in its own name.
    Beside,
    /// What stands anywhere else.
    Elsewhere,
    WellKnown,
    /// Words of its path and its alias.
    Context,
    /// All short ones, where a trial costs next to nothing.
    Short,
}

impl Wave {
    pub(super) const ALL: [Self; 6] =
        [Self::Named, Self::Beside, Self::Elsewhere, Self::WellKnown, Self::Context, Self::Short];
}

/// Dearest trial, in nominal nanoseconds, with which all short passwords are tried.
const CHEAP: u64 = 2000;

/// Most copies of one container whose surroundings are looked at.
const MAX_COPIES: usize = 16;

/// One password to try. Holds no secret byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Guess {
    Empty,
    /// Index of a candidate.
    Candidate(usize),
    /// The copy whose name it is in, and which of that name.
    InName(usize, usize),
    /// Index in the list.
    WellKnown(usize),
    /// A word of a path that is in the report anyway.
    Context(String),
    Short,
}

impl Guess {
    /// How many trials it takes.
    const fn trials(&self, price: Price) -> u64 {
        if matches!(self, Self::Empty) { price.empty } else { 1 }
    }
}

/// A container and its copies.
pub(super) struct Target {
    pub(super) format: &'static str,
    pub(super) locked: Locked,
    /// For each copy the occurrences that are its locked keys, in the order in which they were found.
    pub(super) copies: Vec<Vec<usize>>,
    /// `None` if nothing here can open it.
    pub(super) price: Option<Price>,
    /// Which of its keys are open.
    pub(super) done: Vec<bool>,
    /// What opened, and by which guess.
    pub(super) opened: Vec<(Guess, Item)>,
    /// Nominal nanoseconds paid.
    pub(super) spent: u64,
    /// Passwords tried, and those that would have been.
    tried: u64,
    wanted: u64,
    /// Candidates that stand near, nearest first.
    near: Vec<Near>,
    /// Whether trying failed: a fault of keyradius.
    faulty: bool,
}

/// What a wave came to for one container.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) opened: Vec<(Guess, Item)>,
    pub(super) tried: u64,
    pub(super) cost: u64,
}

/// Everything a guess may come from.
pub(super) struct Sources<'a> {
    pub(super) index: &'a Index<'a>,
    pub(super) known: &'a [WellKnown],
    pub(super) occurrences: &'a [Occurrence],
    /// Most candidates for one container.
    pub(super) most: usize,
}

impl Target {
    pub(super) fn new(format: &'static str, locked: Locked) -> Self {
        Self {
            format,
            locked,
            copies: Vec::new(),
            price: None,
            done: Vec::new(),
            opened: Vec::new(),
            spent: 0,
            tried: 0,
            wanted: 0,
            near: Vec::new(),
            faulty: false,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        !self.opened.is_empty()
    }

    /// Whether there is nothing left to open.
    pub(super) fn all_open(&self) -> bool {
        self.done.iter().all(|&done| done)
    }

    /// Where its copies lie.
    pub(super) fn places<'o>(&self, occurrences: &'o [Occurrence]) -> impl Iterator<Item = &'o Occurrence> {
        self.copies.iter().filter_map(|copy| occurrences.get(*copy.first()?))
    }

    /// Looks up which candidates are near.
    pub(super) fn look_around(&self, from: &Sources<'_>) -> Vec<Near> {
        let mut near = Vec::new();
        for copy in self.copies.iter().take(MAX_COPIES) {
            let Some(first) = copy.first().and_then(|&at| from.occurrences.get(at)) else { continue };
            near.extend(from.index.near(&first.origin.location(), &names(copy, from.occurrences), from.most));
        }
        near.sort();
        let mut words = BTreeSet::new();
        near.retain(|near| words.insert(from.index.word(near.which)));
        near.truncate(from.most);
        near
    }

    pub(super) fn set_near(&mut self, near: Vec<Near>) {
        self.near = near;
    }

    /// The guesses of a wave, best first, without those of earlier waves.
    pub(super) fn guesses(&self, wave: Wave, from: &Sources<'_>) -> Vec<Guess> {
        if self.all_open() {
            return Vec::new();
        }
        let mut guesses = self.all_of(wave, from);
        guesses.retain(|guess| !self.is_repeated(guess, from));
        guesses
    }

    /// Whether a word that nobody wrote down is one that somebody did, or is well-known.
    fn is_repeated(&self, guess: &Guess, from: &Sources<'_>) -> bool {
        if matches!(guess, Guess::Empty | Guess::Candidate(_) | Guess::Short) {
            return false;
        }
        let Some(word) = word(guess, self, from) else { return true };
        let candidates = self.near.iter().filter_map(|near| from.index.candidates.get(near.which));
        let known = from.known.iter().filter(|_| matches!(guess, Guess::Context(_)));
        candidates.map(|c| c.secret.expose().as_slice()).any(|other| other == word.as_slice())
            || known.map(|known| known.word.as_bytes()).any(|other| other == word.as_slice())
    }

    fn all_of(&self, wave: Wave, from: &Sources<'_>) -> Vec<Guess> {
        let near = |wanted: &[Nearness]| -> Vec<Guess> {
            let near = self.near.iter().filter(|near| wanted.contains(&near.nearness));
            near.map(|near| Guess::Candidate(near.which)).collect()
        };
        let places = || self.places(from.occurrences).take(MAX_COPIES);
        match wave {
            Wave::Named => {
                let empty = self.price.filter(|price| price.empty > 0).map(|_| Guess::Empty);
                [empty.into_iter().collect(), near(&[Nearness::Names, Nearness::NamesLike])].concat()
            }
            Wave::Beside => {
                let own = places().enumerate().flat_map(|(copy, place)| {
                    (0..words::in_name(&place.origin.location()).len()).map(move |which| Guess::InName(copy, which))
                });
                [near(&[Nearness::SameDirectory, Nearness::Above]), own.collect()].concat()
            }
            Wave::Elsewhere => near(&[Nearness::Elsewhere]),
            Wave::WellKnown => (0..from.known.len()).map(Guess::WellKnown).collect(),
            Wave::Context => {
                let Some(copy) = self.copies.first() else { return Vec::new() };
                let path = copy.first().and_then(|&at| from.occurrences.get(at)).map(|o| o.origin.location());
                let words = words::of_place(path.as_deref().unwrap_or(Path::new("")), &names(copy, from.occurrences));
                words.into_iter().map(Guess::Context).collect()
            }
            Wave::Short if self.price.is_some_and(|price| price.trial <= CHEAP) => vec![Guess::Short],
            Wave::Short => Vec::new(),
        }
    }

    /// Notes how many passwords there are to try. The short ones are no promise.
    pub(super) fn wants(&mut self, guesses: &[Guess]) {
        self.wanted += guesses.iter().filter(|guess| **guess != Guess::Short).count() as u64;
    }

    /// How many of these guesses can be paid if so much may be spent on the container in all, and what has to be put
    /// aside for them.
    pub(super) fn afford(&self, guesses: &[Guess], most: u64) -> (usize, u64) {
        let Some(price) = self.price else { return (0, 0) };
        let left = most.saturating_sub(self.spent).checked_sub(price.success);
        let mut trials = left.map_or(0, |left| left / price.trial);
        let (mut paid, mut count) = (0, 0);
        for guess in guesses {
            // What is left is for the short ones; they end where it ends.
            let wants = if *guess == Guess::Short { trials } else { guess.trials(price) };
            if wants == 0 || wants > trials {
                break;
            }
            trials -= wants;
            paid += wants;
            count += 1;
        }
        let cost = if count == 0 { 0 } else { paid.saturating_mul(price.trial).saturating_add(price.success) };
        (count, cost)
    }

    /// Tries guesses for at most `cost`.
    pub(super) fn attempt(
        &self,
        guesses: &[Guess],
        cost: u64,
        from: &Sources<'_>,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Outcome {
        let mut outcome = Outcome::default();
        let (Some(price), Some(lock)) = (self.price, lock::read(self.format, self.locked.bytes())) else {
            return outcome;
        };
        let mut done = self.done.clone();
        let mut open = |guess: &Guess, password: &[u8], outcome: &mut Outcome| {
            let items = lock.open(password, &done);
            if !items.is_empty() {
                outcome.cost += price.success;
            }
            let hidden = hidden::beside(&items);
            for item in items.into_iter().chain(hidden) {
                if let Some(slot) = item.which.and_then(|which| done.get_mut(which)) {
                    *slot = true;
                }
                outcome.opened.push((guess.clone(), item));
            }
            done.iter().all(|&done| done)
        };
        for guess in guesses {
            if stop() {
                return outcome;
            }
            if *guess == Guess::Short {
                let most = cost.saturating_sub(price.success) / price.trial;
                for (number, (word, length)) in words::short().enumerate().take(usize::try_from(most).unwrap_or(0)) {
                    if number.is_multiple_of(4096) && stop() {
                        return outcome;
                    }
                    outcome.cost += price.trial;
                    if open(guess, word.get(..length).unwrap_or_default(), &mut outcome) {
                        break;
                    }
                }
                continue;
            }
            let Some(word) = word(guess, self, from) else { continue };
            outcome.tried += 1;
            outcome.cost += price.trial * guess.trials(price);
            if open(guess, &word, &mut outcome) {
                break;
            }
        }
        outcome
    }

    /// Takes in what a wave came to.
    pub(super) fn add(&mut self, outcome: Outcome) {
        self.spent = self.spent.saturating_add(outcome.cost);
        self.tried += outcome.tried;
        for (guess, item) in outcome.opened {
            if let Some(slot) = item.which.and_then(|which| self.done.get_mut(which)) {
                *slot = true;
            }
            self.opened.push((guess, item));
        }
    }

    /// Notes that trying failed: nothing more is tried.
    pub(super) fn fault(&mut self) {
        self.faulty = true;
        self.price = None;
    }

    /// What to say of it if not everything was tried.
    pub(super) fn gap(&self, occurrences: &[Occurrence], per_container: u64) -> Option<Gap> {
        let origin = self.places(occurrences).next()?.origin.clone();
        if self.faulty {
            return Some(Gap { origin, reason: Reason::DetectorFault, detail: self.format.to_owned() });
        }
        let detail = match self.price {
            None => "protected in a way that keyradius cannot open".to_owned(),
            _ if self.is_open() => return None,
            Some(price) if price.trial.saturating_add(price.success) > per_container => {
                "one trial costs more than a keystore may".to_owned()
            }
            Some(_) if self.tried < self.wanted => format!("{} of {} passwords tried", self.tried, self.wanted),
            Some(_) => return None,
        };
        Some(Gap { origin, reason: Reason::PasswordsNotTried, detail })
    }

    /// How a guess is told, for a copy of the container.
    pub(super) fn tell(&self, guess: &Guess, from: &Sources<'_>) -> Opened {
        let well_known = |field: &str| Opened { how: How::WellKnown, origin: None, line: 0, field: field.to_owned() };
        let found = |origin: Option<&Origin>, line, field: &str| Opened {
            how: How::Found,
            origin: origin.cloned(),
            line,
            field: field.to_owned(),
        };
        match guess {
            Guess::Empty => Opened { how: How::Empty, origin: None, line: 0, field: String::new() },
            Guess::Candidate(which) => match from.index.candidates.get(*which) {
                Some(candidate) => found(Some(&candidate.origin), candidate.line, &candidate.field),
                None => found(None, 0, ""),
            },
            Guess::InName(copy, _) => {
                found(self.places(from.occurrences).nth(*copy).map(|place| &place.origin), 0, "file name")
            }
            Guess::WellKnown(which) => well_known(from.known.get(*which).map_or("", |known| &known.from)),
            Guess::Context(_) => well_known("a word of its own path or name"),
            Guess::Short => well_known("four letters or digits at most: all were tried"),
        }
    }
}

/// The bytes of a guess.
fn word(guess: &Guess, target: &Target, from: &Sources<'_>) -> Option<Zeroizing<Vec<u8>>> {
    let copy = |bytes: &[u8]| Zeroizing::new(bytes.to_vec());
    match guess {
        Guess::Empty => Some(Zeroizing::default()),
        Guess::Candidate(which) => from.index.candidates.get(*which).map(|candidate| copy(candidate.secret.expose())),
        Guess::InName(place, which) => {
            let path = target.places(from.occurrences).nth(*place)?.origin.location();
            words::in_name(&path).into_iter().nth(*which)
        }
        Guess::WellKnown(which) => from.known.get(*which).map(|known| copy(known.word.as_bytes())),
        Guess::Context(word) => Some(copy(word.as_bytes())),
        // Not one word: see `attempt`.
        Guess::Short => None,
    }
}

/// What the keys of a copy are called.
fn names(copy: &[usize], occurrences: &[Occurrence]) -> Vec<String> {
    let keys = copy.iter().filter_map(|&at| occurrences.get(at));
    let mut names: Vec<String> = Vec::new();
    for label in
        keys.flat_map(|key| &key.material.labels).filter(|label| matches!(label.kind, "alias" | "friendly name"))
    {
        if !names.contains(&label.text) && names.len() < 16 {
            names.push(label.text.clone());
        }
    }
    names
}
