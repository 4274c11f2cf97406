//! Opening what is locked: passwords that stand near a key are tried on it, then well-known ones.
//!
//! Nothing is sent anywhere and nothing is guessed at length: the question is whether somebody who has the files has the
//! key. What opens a key is told by its kind and place, never by itself. Every trial has a price that is known before it
//! is paid and is counted in nominal nanoseconds (`kdf.rs`), so that a report does not depend on the machine or on the
//! number of threads.

mod bcfks;
mod bks;
mod cipher;
mod cosign;
mod encrypted_pkcs8;
mod fastlane_match;
mod gnupg_agent;
mod hidden;
mod intoto;
mod jks;
mod kdf;
mod legacy_pem;
mod lock;
mod minisign;
mod near;
mod nss;
mod ocb;
mod openpgp;
mod openssh;
mod pbe;
mod pkcs12;
mod putty;
mod pvk;
mod settle;
mod signify;
mod ssh1;
mod ssh2_com;
mod trial;
mod words;
mod wrap;

use std::collections::BTreeMap;

use scanner_core::engine::each;
use scanner_core::error::Gap;
use scanner_core::material::Occurrence;
use scanner_core::seam::Candidate;

use near::Index;
use trial::{Guess, Sources, Target, Wave};
pub use words::rule;

/// What may be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether anything is tried at all.
    pub enabled: bool,
    /// Most passwords that stand near, for each container. Well-known ones come on top.
    pub trials: usize,
    /// Work of the whole run, in nominal nanoseconds of one thread.
    pub cost: u64,
    /// Work on one container, in nominal nanoseconds.
    pub per_container: u64,
}

impl Default for Options {
    /// 50 passwords, 20 seconds, 2 seconds (reference table of passwords in the design material).
    fn default() -> Self {
        Self { enabled: true, trials: 50, cost: 20_000_000_000, per_container: 2_000_000_000 }
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Summary {
    /// Locked containers, each counted once however many copies there are.
    pub containers: u64,
    /// Passwords tried in all.
    pub tried: u64,
    /// Containers of which at least one key opened.
    pub opened: u64,
    /// Work done, in nominal nanoseconds.
    pub cost: u64,
    /// Containers on which fewer passwords were tried than could have been, sorted.
    pub gave_up: Vec<Gap>,
}

/// Tries passwords on every locked key of a run. Those that open are opened in `occurrences`: their protection says how,
/// their identity is that of the key, and what was hidden beside them is added. The order stays that of the engine.
pub fn open_all(
    occurrences: &mut Vec<Occurrence>,
    mut candidates: Vec<Candidate>,
    options: &Options,
    jobs: usize,
    cancelled: &(dyn Fn() -> bool + Sync),
) -> Summary {
    if !options.enabled {
        return Summary::default();
    }
    candidates.retain(|candidate| !candidate.secret.expose().is_empty());
    candidates.sort_by(|a, b| {
        (&a.origin, a.line, &a.field, &a.about, a.secret.expose()).cmp(&(
            &b.origin,
            b.line,
            &b.field,
            &b.about,
            b.secret.expose(),
        ))
    });
    let index = Index::new(&candidates);
    let known = words::well_known();
    let from = Sources { index: &index, known: &known, occurrences, most: options.trials };
    let mut targets = targets(occurrences);
    let prices = each(jobs, &targets, |target| trial::price(target.format, &target.locked));
    for (target, price) in targets.iter_mut().zip(prices) {
        target.price = price.flatten();
    }
    // The cheapest first, then by place: an order that does not depend on threads.
    let place = |target: &Target| target.places(occurrences).next().map(|o| (&o.origin, o.offset));
    targets.sort_by(|a, b| (a.price, place(a)).cmp(&(b.price, place(b))));
    let near = each(jobs, &targets, |target| target.look_around(&from));
    for (target, near) in targets.iter_mut().zip(near) {
        target.set_near(near.unwrap_or_default());
    }
    let mut summary = Summary { containers: targets.len() as u64, ..Summary::default() };
    for wave in Wave::ALL {
        if !cancelled() {
            run(wave, &mut targets, &from, options, jobs, cancelled, &mut summary);
        }
    }
    summary.opened = targets.iter().filter(|target| target.is_open()).count() as u64;
    summary.gave_up = targets.iter().filter_map(|target| target.gap(occurrences, options.per_container)).collect();
    summary.gave_up.sort();
    let changes = settle::changes(&targets, &from);
    settle::apply(occurrences, changes);
    summary
}

/// Runs one wave over all containers. What each may spend is settled before any of them begins, and what it did not need
/// is there for the next wave.
fn run(
    wave: Wave,
    targets: &mut [Target],
    from: &Sources<'_>,
    options: &Options,
    jobs: usize,
    cancelled: &(dyn Fn() -> bool + Sync),
    summary: &mut Summary,
) {
    /// What one container may do.
    struct Turn {
        which: usize,
        guesses: Vec<Guess>,
        cost: u64,
    }
    let left = options.cost.saturating_sub(summary.cost);
    // Half of what is left for each of the first waves: dear containers must not keep the cheap ones from their next.
    let most = summary.cost.saturating_add(match wave {
        Wave::Short => left / 4,
        Wave::WellKnown | Wave::Context => left,
        _ => left / 2,
    });
    let guesses = each(jobs, targets, |target| target.guesses(wave, from));
    let mut waiting = Vec::new();
    for (which, (target, guesses)) in targets.iter_mut().zip(guesses).enumerate() {
        let mut guesses = guesses.unwrap_or_default();
        target.wants(&guesses);
        let (count, _) = target.afford(&guesses, options.per_container);
        guesses.truncate(count);
        if count > 0 {
            waiting.push((which, guesses));
        }
    }
    // Each pays in advance for failing to the end and for succeeding, and gets back what it did not need: enough for
    // others to have their turn. A few rounds settle it.
    while !waiting.is_empty() && !cancelled() {
        let mut left = most.saturating_sub(summary.cost);
        let (mut turns, mut later) = (Vec::new(), Vec::new());
        for (which, mut guesses) in waiting {
            let Some(target) = targets.get(which).filter(|target| !target.all_open()) else { continue };
            let (count, cost) = target.afford(&guesses, options.per_container.min(left.saturating_add(target.spent)));
            left = left.saturating_sub(cost);
            let rest = guesses.split_off(count);
            if !rest.is_empty() {
                later.push((which, rest));
            }
            if count > 0 {
                turns.push(Turn { which, guesses, cost });
            }
        }
        if turns.is_empty() {
            return;
        }
        let outcomes = each(jobs, &turns, |turn| {
            let target = targets.get(turn.which)?;
            Some(target.attempt(&turn.guesses, turn.cost, from, cancelled))
        });
        for (turn, outcome) in turns.iter().zip(outcomes) {
            let Some(target) = targets.get_mut(turn.which) else { continue };
            match outcome.flatten() {
                Some(outcome) => {
                    summary.tried += outcome.tried;
                    summary.cost = summary.cost.saturating_add(outcome.cost);
                    target.add(outcome);
                }
                None => target.fault(),
            }
        }
        waiting = later;
    }
}

/// The locked containers of a run, each with all its copies.
fn targets(occurrences: &[Occurrence]) -> Vec<Target> {
    let mut targets: BTreeMap<(&'static str, &[u8]), Target> = BTreeMap::new();
    for (at, occurrence) in occurrences.iter().enumerate() {
        let material = &occurrence.material;
        let Some(locked) = &material.locked else { continue };
        let target = targets
            .entry((material.format, locked.bytes()))
            .or_insert_with(|| Target::new(material.format, locked.clone()));
        let same = |first: &Occurrence| first.origin == occurrence.origin && first.offset == occurrence.offset;
        match target.copies.last_mut() {
            Some(copy) if copy.first().and_then(|&first| occurrences.get(first)).is_some_and(same) => copy.push(at),
            _ => target.copies.push(vec![at]),
        }
    }
    let mut targets: Vec<Target> = targets.into_values().collect();
    for target in &mut targets {
        target.done = vec![false; target.copies.iter().map(Vec::len).max().unwrap_or_default()];
    }
    targets
}
