//! One locked container: which passwords are tried on it, in which order, and with what outcome.

mod guess;

use std::path::PathBuf;

use keyradius_core::error::{Gap, Reason};
use keyradius_core::lock::Unlocked;
use keyradius_core::material::{Locked, Occurrence};
use keyradius_core::seam::{Candidate, Detector};
use keyradius_core::secret::Secret;

use super::hidden;
use super::near::{Index, Near};
use super::words::{self, WellKnown};
pub(super) use guess::Guess;
use guess::word;

/// Price of a trial, in nominal nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Price {
    /// Price of a trial that fails.
    pub(super) trial: u64,
    /// Additional price of a trial that succeeds.
    pub(super) success: u64,
    /// Number of trials for the empty password.
    empty: u64,
}

impl Price {
    /// Whether the budget of a container pays for one trial.
    pub(super) const fn fits(self, per_container: u64) -> bool {
        self.trial.saturating_mul(if self.empty > 1 { self.empty } else { 1 }).saturating_add(self.success)
            <= per_container
    }
}

/// Returns the price of a container. `None` if no detector can open it.
pub(super) fn price(format: &str, locked: &Locked, own: &[&dyn Detector]) -> Option<Price> {
    let bytes = locked.bytes()?;
    let lock = detector(format, own)?.lock(&bytes)?;
    Some(Price { trial: lock.price().max(1), success: lock.price_of_success(), empty: lock.empty() })
}

/// Returns the detector of a format: built in, or of the embedding program.
fn detector<'d>(format: &str, own: &[&'d dyn Detector]) -> Option<&'d dyn Detector> {
    let all = keyradius_formats::DETECTORS.iter().copied().chain(own.iter().copied());
    all.into_iter().find(|detector| detector.about().id == format)
}

/// Passwords that are about equally likely. All containers finish one ring, or use up their share of the work, before
/// the next ring starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ring {
    /// The empty password, and passwords that name the container or are beside it.
    Near,
    /// Passwords from parent directories and elsewhere, well-known passwords, and words of the path and alias.
    Far,
    /// All short passwords, if a trial costs next to nothing.
    Short,
}

/// Maximum price of a trial, in nominal nanoseconds, at which all short passwords are tried.
const CHEAP: u64 = 2000;

/// A container and its copies.
pub(super) struct Target<'i> {
    pub(super) format: &'static str,
    pub(super) locked: Locked,
    /// For each copy, the indexes of the occurrences of its locked keys, in the order in which they were found.
    pub(super) copies: Vec<Vec<usize>>,
    /// `None` if no detector can open the container.
    pub(super) price: Option<Price>,
    /// For each of its keys, whether it is open.
    pub(super) done: Vec<bool>,
    /// The opened items, each with the guess that opened it.
    pub(super) opened: Vec<(Guess, Unlocked)>,
    /// Nominal nanoseconds spent in total, and on near candidates.
    spent: u64,
    spent_near: u64,
    near: Near<'i>,
    /// Candidates from elsewhere, looked up at the start of [`Ring::Far`].
    far: Option<Vec<u32>>,
    /// Progress in each ring.
    at_near: Progress,
    at_far: Progress,
    at_short: Progress,
    /// Number of passwords tried.
    tried: u64,
    /// Whether a trial crashed: a bug in keyradius.
    faulty: bool,
}

/// The outcome of one turn of one container.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) opened: Vec<(Guess, Unlocked)>,
    pub(super) tried: u64,
    pub(super) cost: u64,
    /// Steps of the ring taken, including guesses skipped as already tried.
    steps: usize,
    /// Whether the end of the ring was reached.
    ended: bool,
}

/// How far a ring has been tried.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    steps: usize,
    ended: bool,
}

/// The sources of guesses.
pub(super) struct Sources<'a> {
    pub(super) index: &'a Index<'a>,
    pub(super) known: &'a [WellKnown],
    /// Detectors of the embedding program, asked for the locks of their own materials.
    pub(super) own: &'a [&'a dyn Detector],
    pub(super) occurrences: &'a [Occurrence],
    /// Maximum number of candidates from elsewhere for one container.
    pub(super) most: usize,
    /// Budget of one container for candidates that are not near it, and maximum price of a single trial, in nominal
    /// nanoseconds.
    pub(super) per_container: u64,
}

impl<'i> Target<'i> {
    pub(super) fn new(format: &'static str, locked: Locked) -> Self {
        Self {
            format,
            locked,
            copies: Vec::new(),
            price: None,
            done: Vec::new(),
            opened: Vec::new(),
            spent: 0,
            spent_near: 0,
            near: Near::default(),
            far: None,
            at_near: Progress::default(),
            at_far: Progress::default(),
            at_short: Progress::default(),
            tried: 0,
            faulty: false,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        !self.opened.is_empty()
    }

    /// Whether nothing is left to open.
    pub(super) fn all_open(&self) -> bool {
        self.done.iter().all(|&done| done)
    }

    /// Returns the first occurrence of each copy.
    pub(super) fn places<'o>(&self, occurrences: &'o [Occurrence]) -> impl Iterator<Item = &'o Occurrence> {
        self.copies.iter().filter_map(|copy| occurrences.get(*copy.first()?))
    }

    /// Returns the path of a copy.
    fn path(&self, copy: usize, from: &Sources<'_>) -> PathBuf {
        let first = self.copies.get(copy).and_then(|copy| copy.first());
        first.and_then(|&at| from.occurrences.get(at)).map(|o| o.origin.location().into_owned()).unwrap_or_default()
    }

    /// Returns the candidates near any of the copies.
    pub(super) fn look_around(&self, from: &Sources<'i>) -> Near<'i> {
        let copies = (0..).zip(&self.copies);
        let places: Vec<_> =
            copies.map(|(number, copy)| (self.path(number, from), names(copy, from.occurrences))).collect();
        from.index.near(&places)
    }

    pub(super) fn set_near(&mut self, near: Near<'i>) {
        self.near = near;
    }

    /// Returns the candidates from elsewhere for the first copy. `None` if they are already known or not needed.
    pub(super) fn look_far(&self, from: &Sources<'_>) -> Option<Vec<u32>> {
        if self.far.is_some() || self.all_open() || self.price.is_none() {
            return None;
        }
        Some(from.index.far(&self.path(0, from), &self.near, from.most))
    }

    pub(super) fn set_far(&mut self, far: Option<Vec<u32>>) {
        self.far = far.or_else(|| self.far.take());
    }

    const fn at(&self, ring: Ring) -> Progress {
        match ring {
            Ring::Near => self.at_near,
            Ring::Far => self.at_far,
            Ring::Short => self.at_short,
        }
    }

    /// Returns an upper bound for the remaining steps of a ring; 0 if the container cannot or need not be tried.
    fn left(&self, ring: Ring, from: &Sources<'_>) -> usize {
        let Some(price) = self.price.filter(|price| price.fits(from.per_container)) else { return 0 };
        let at = self.at(ring);
        if self.all_open() || at.ended {
            return 0;
        }
        match ring {
            Ring::Near => (self.near.len() + usize::from(price.empty > 0)).saturating_sub(at.steps),
            Ring::Far => {
                let far = self.far.as_ref().map_or(0, Vec::len);
                // Context words are bounded by `words::MAX_CONTEXT`; their exact number is only known during the turn.
                (far + from.known.len() + words::MAX_CONTEXT).saturating_sub(at.steps)
            }
            Ring::Short => usize::from(price.trial <= CHEAP),
        }
    }

    /// Returns how many trials of a ring the container may make now: at most `most`, and only as many as it can pay for
    /// if `share` limits its total spending on this ring.
    pub(super) fn turn(&self, ring: Ring, most: u64, share: u64, from: &Sources<'_>) -> u64 {
        let (Some(price), left) = (self.price, self.left(ring, from) as u64) else { return 0 };
        if left == 0 {
            return 0;
        }
        let limit = match ring {
            Ring::Near => share.saturating_sub(self.spent_near),
            Ring::Far | Ring::Short => {
                let whole = from.per_container.saturating_sub(self.spent).saturating_sub(price.success);
                whole.min(share.saturating_sub(self.spent - self.spent_near))
            }
        };
        let paid = limit / price.trial;
        // The empty password may take several trials. Short passwords are limited by the budget only.
        let at_once = if ring == Ring::Near && self.at_near.steps == 0 { price.empty.max(1) } else { 1 };
        let wanted = if ring == Ring::Short { paid } else { left.saturating_add(at_once - 1) };
        let turn = paid.min(wanted).min(most.max(at_once));
        if turn < at_once { 0 } else { turn }
    }

    /// Returns how many of `trials` can be paid for with `money`, and the amount to reserve for them.
    pub(super) fn afford(&self, trials: u64, money: u64) -> (u64, u64) {
        let Some(price) = self.price else { return (0, 0) };
        let paid = money.checked_sub(price.success).map_or(0, |money| money / price.trial).min(trials);
        let cost = if paid == 0 { 0 } else { paid.saturating_mul(price.trial).saturating_add(price.success) };
        (paid, cost)
    }

    /// Tries the next guesses of a ring for at most `cost` nominal nanoseconds.
    pub(super) fn attempt(
        &self,
        ring: Ring,
        cost: u64,
        from: &Sources<'_>,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Outcome {
        let mut outcome = Outcome::default();
        let Some((price, bytes)) = self.price.zip(self.locked.bytes()) else { return outcome };
        let Some(lock) = detector(self.format, from.own).and_then(|detector| detector.lock(&bytes)) else {
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
        let can_pay = |outcome: &Outcome, trials: u64| {
            let next = price.trial.saturating_mul(trials).saturating_add(price.success);
            outcome.cost.saturating_add(next) <= cost
        };
        for guess in self.guesses(ring, from).skip(self.at(ring).steps) {
            if stop() {
                return outcome;
            }
            let Some(guess) = guess else {
                outcome.steps += 1;
                continue;
            };
            if guess == Guess::Short {
                outcome.steps += 1;
                for (number, (word, length)) in words::short().enumerate() {
                    if !can_pay(&outcome, 1) || (number.is_multiple_of(4096) && stop()) {
                        return outcome;
                    }
                    outcome.cost += price.trial;
                    if open(&guess, word.get(..length).unwrap_or_default(), &mut outcome) {
                        break;
                    }
                }
                continue;
            }
            if !can_pay(&outcome, guess.trials(price)) {
                return outcome;
            }
            outcome.steps += 1;
            let Some(word) = word(&guess, from) else { continue };
            outcome.tried += 1;
            outcome.cost += price.trial * guess.trials(price);
            if open(&guess, &word, &mut outcome) {
                return outcome;
            }
        }
        outcome.ended = true;
        outcome
    }

    /// Records the outcome of a turn. Returns whether the ring advanced.
    pub(super) fn add(&mut self, ring: Ring, outcome: Outcome) -> bool {
        let any = outcome.steps > 0 || outcome.ended;
        self.spent = self.spent.saturating_add(outcome.cost);
        self.tried += outcome.tried;
        if ring == Ring::Near {
            self.spent_near = self.spent_near.saturating_add(outcome.cost);
        }
        let at = match ring {
            Ring::Near => &mut self.at_near,
            Ring::Far => &mut self.at_far,
            Ring::Short => &mut self.at_short,
        };
        at.steps += outcome.steps;
        at.ended |= outcome.ended;
        for (guess, item) in outcome.opened {
            if let Some(slot) = item.which.and_then(|which| self.done.get_mut(which)) {
                *slot = true;
            }
            self.opened.push((guess, item));
        }
        any
    }

    /// Records that a trial crashed. Nothing more is tried.
    pub(super) fn fault(&mut self) {
        self.faulty = true;
        self.price = None;
    }

    /// Returns the gap to report if not everything was tried.
    pub(super) fn gap(&self, from: &Sources<'_>) -> Option<Gap> {
        let origin = self.places(from.occurrences).next()?.origin.clone();
        if self.faulty {
            return Some(Gap::new(origin, Reason::DetectorFault, self.format.to_owned()));
        }
        if self.is_open() {
            return None;
        }
        let near = self.near.len();
        let first = usize::from(self.price.is_some_and(|price| price.empty > 0));
        let missed = near.saturating_sub(self.at_near.steps.saturating_sub(first));
        let cannot = match self.price {
            None => Some(self.locked.unread().unwrap_or("protected in a way that keyradius cannot open")),
            Some(price) if !price.fits(from.per_container) => Some("one trial exceeds the cost limit of a keystore"),
            Some(_) => None,
        };
        let detail = match cannot {
            Some(why) if missed > 0 => format!("{why}; {missed} passwords near it not tried"),
            Some(why) => why.to_owned(),
            None if missed > 0 => format!("{} of {near} passwords near it tried", near - missed),
            None if !self.at_far.ended => {
                format!("{} of {} other passwords tried", self.at_far.steps, self.far_total(from))
            }
            None => return None,
        };
        let reason = if missed > 0 { Reason::NearPasswordsNotTried } else { Reason::PasswordsNotTried };
        Some(Gap::new(origin, reason, detail))
    }

    /// Returns the number of steps of the far ring.
    fn far_total(&self, from: &Sources<'_>) -> usize {
        self.far.as_ref().map_or(from.most, Vec::len) + from.known.len() + self.context(from).len()
    }
}

/// Returns the passwords contained in the names of locked containers, as candidates for those containers.
pub(super) fn in_names<'o>(places: impl Iterator<Item = &'o Occurrence>) -> Vec<Candidate> {
    let mut found = Vec::new();
    for place in places {
        for word in words::in_name(&place.origin.location()) {
            found.push(Candidate {
                secret: Secret::new(word.to_vec()),
                origin: place.origin.clone(),
                line: 0,
                field: "file name".to_owned(),
                about: Vec::new(),
            });
        }
    }
    found
}

/// Returns the aliases and friendly names of the keys of a copy, at most 16.
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
