//! Opening what is locked: passwords that stand near a key are tried on it, then well-known ones.
//!
//! Nothing is sent anywhere and nothing is guessed at length: the question is whether somebody who has the files has the
//! key. What opens a key is told by its kind and place, never by itself. Every trial has a price that is known before it
//! is paid and is counted in nominal nanoseconds (`unlock/kdf.rs`), so that a report does not depend on the machine or on the
//! number of threads.

mod hidden;
mod near;
mod settle;
mod trial;
mod units;
mod words;

use std::collections::{BTreeMap, VecDeque};

use keyradius_core::candidates::{Candidates, LeftOut};
use keyradius_core::engine::each;
use keyradius_core::error::{Gap, Reason};
use keyradius_core::material::{Kind, Occurrence, ProtectionState};
use keyradius_core::seam::{Candidate, Detector};

use near::Index;
use trial::{Ring, Sources, Target};
pub use units::Units;
pub(crate) use units::open_units;
pub use words::rule;

/// What may be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether anything is tried at all.
    pub enabled: bool,
    /// Most passwords from elsewhere for each container. Those that name it or stand beside it, and well-known ones, come
    /// on top.
    pub trials: usize,
    /// Work on each [unit](Units), in nominal nanoseconds of one thread.
    pub cost: u64,
    /// Work on one container for passwords that are not near it, and for any single password, in nominal nanoseconds. A
    /// container whose derivation costs more is not tried.
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

/// Trials that every container gets of its near candidates before the work is shared out by cost.
const MINIMUM: u32 = 8;

/// The first share of a container in the work, in nominal nanoseconds. Every round doubles it.
const SHARE: u64 = 1_000_000;

/// Tries passwords on every locked key of a unit. Those that open are opened in `occurrences`: their protection says how,
/// their identity is that of the key, and what was hidden beside them is added. The order stays that of the engine.
///
/// The law of scheduling: every container gets the candidates that name it or stand beside it before any container gets
/// candidates from elsewhere. At first each gets some trials, one after the other, for at most half of the work of the
/// run; then the work is shared out evenly, and what one container leaves goes to the others. Guesses that could not be
/// paid are carried on to the next round. A container whose near candidates were not all tried is a gap that makes the
/// run incomplete.
pub fn open_all(
    occurrences: &mut Vec<Occurrence>,
    candidates: Candidates,
    options: &Options,
    jobs: usize,
    cancelled: &(dyn Fn() -> bool + Sync),
) -> Summary {
    let (candidates, left_out) = candidates.into_parts();
    open_list(occurrences, candidates, &left_out, Means { options: *options, own: &[], jobs, cancelled })
}

/// By what means passwords are tried.
#[derive(Clone, Copy)]
pub(crate) struct Means<'a> {
    pub(crate) options: Options,
    /// Detectors of whoever embeds this: asked for the locks of what they found.
    pub(crate) own: &'a [&'a dyn Detector],
    /// Threads, at least one.
    pub(crate) jobs: usize,
    /// Says when to try no more.
    pub(crate) cancelled: &'a (dyn Fn() -> bool + Sync),
}

/// The same with candidates that are sorted by place, and what was left out of them.
fn open_list(
    occurrences: &mut Vec<Occurrence>,
    mut candidates: Vec<Candidate>,
    left_out: &LeftOut,
    means: Means<'_>,
) -> Summary {
    let Means { options, own, jobs, cancelled } = means;
    if !options.enabled {
        return Summary::default();
    }
    candidates.retain(|candidate| !candidate.secret.expose().is_empty());
    let mut targets = targets(occurrences);
    candidates.extend(trial::in_names(targets.iter().flat_map(|target| target.places(occurrences))));
    candidates.sort_by(|a, b| a.place().cmp(&b.place()));
    let index = Index::new(&candidates);
    let known = words::well_known();
    let from = Sources {
        index: &index,
        known: &known,
        own,
        occurrences,
        most: options.trials,
        per_container: options.per_container,
    };
    let prices = each(jobs, &targets, |target| trial::price(target.format, &target.locked, own));
    for (target, price) in targets.iter_mut().zip(prices) {
        target.price = price.flatten();
    }
    // The cheapest first, then by place: an order that does not depend on threads.
    let place = |target: &Target<'_>| target.places(occurrences).next().map(|o| (&o.origin, o.offset));
    targets.sort_by(|a, b| (a.price, place(a)).cmp(&(b.price, place(b))));
    let near = each(jobs, &targets, |target| target.look_around(&from));
    for (target, near) in targets.iter_mut().zip(near) {
        target.set_near(near.unwrap_or_default());
    }
    let containers = targets.len() as u64;
    let summary = Summary { containers, ..Summary::default() };
    let mut run = Run { targets, from: &from, options, jobs, cancelled, summary };
    run.all();
    let Run { targets, mut summary, .. } = run;
    summary.opened = targets.iter().filter(|target| target.is_open()).count() as u64;
    summary.gave_up = targets.iter().filter_map(|target| target.gap(&from)).collect();
    summary.gave_up.extend(never_tried(&from));
    let locked = |target: &&Target<'_>| !target.is_open();
    summary.gave_up.extend(targets.iter().filter(locked).filter_map(|target| left_out.gap(target.places(occurrences))));
    summary.gave_up.sort();
    summary.gave_up.dedup();
    let changes = settle::changes(&targets, &from);
    settle::apply(occurrences, changes);
    summary
}

/// Everything that the trials of a run work on.
struct Run<'r, 'i> {
    targets: Vec<Target<'i>>,
    from: &'r Sources<'i>,
    options: Options,
    jobs: usize,
    cancelled: &'r (dyn Fn() -> bool + Sync),
    summary: Summary,
}

/// What one container may do.
struct Turn {
    which: usize,
    cost: u64,
}

impl Run<'_, '_> {
    fn all(&mut self) {
        let all = self.options.cost;
        for _ in 0..MINIMUM {
            self.round(Ring::Near, 1, u64::MAX, all / 2);
        }
        self.shares(Ring::Near);
        if self.summary.cost < all {
            let far = each(self.jobs, &self.targets, |target| target.look_far(self.from));
            for (target, far) in self.targets.iter_mut().zip(far) {
                target.set_far(far.flatten());
            }
            self.shares(Ring::Far);
        }
        let left = all.saturating_sub(self.summary.cost);
        self.round(Ring::Short, u64::MAX, u64::MAX, self.summary.cost.saturating_add(left / 4));
    }

    /// Shares the work out evenly: whoever needs less than its share leaves the rest to the others.
    fn shares(&mut self, ring: Ring) {
        let mut share = SHARE;
        while share / 2 < self.options.cost && self.summary.cost < self.options.cost {
            self.round(ring, u64::MAX, share, self.options.cost);
            share = share.saturating_mul(2);
        }
    }

    /// Every container in turn makes up to `trials` of a ring, as far as its `share` pays for them, until the work of the
    /// run comes to `ceiling`. What each may spend is settled before any of them begins, so that the outcome does not
    /// depend on threads.
    fn round(&mut self, ring: Ring, trials: u64, share: u64, ceiling: u64) {
        let all = 0..self.targets.len();
        let mut waiting: VecDeque<usize> = all.filter(|which| self.wants(*which, ring, trials, share) > 0).collect();
        // Each pays in advance for failing to the end and for succeeding, and gets back what it did not need: enough for
        // others to have their turn.
        while !waiting.is_empty() && !(self.cancelled)() {
            let mut left = ceiling.saturating_sub(self.summary.cost);
            let mut turns = Vec::new();
            // Those that can pay a part only go to the end of the line for the rest of this round.
            let mut again = Vec::new();
            while let Some(&which) = waiting.front() {
                let wanted = self.wants(which, ring, trials, share);
                let (paid, cost) = self.targets.get(which).map_or((0, 0), |target| target.afford(wanted, left));
                if paid == 0 && wanted > 0 {
                    break;
                }
                waiting.pop_front();
                left = left.saturating_sub(cost);
                if paid > 0 {
                    turns.push(Turn { which, cost });
                    if paid < wanted && trials > 1 {
                        again.push(which);
                    }
                }
            }
            waiting.extend(again);
            if turns.is_empty() {
                // The first in the line cannot pay. The rest cost more, or as much.
                return;
            }
            let outcomes = each(self.jobs, &turns, |turn| {
                let target = self.targets.get(turn.which)?;
                Some(target.attempt(ring, turn.cost, self.from, self.cancelled))
            });
            let mut any = false;
            for (turn, outcome) in turns.iter().zip(outcomes) {
                let Some(target) = self.targets.get_mut(turn.which) else { continue };
                match outcome.flatten() {
                    Some(outcome) => {
                        self.summary.tried += outcome.tried;
                        self.summary.cost = self.summary.cost.saturating_add(outcome.cost);
                        any |= target.add(ring, outcome);
                    }
                    None => target.fault(),
                }
            }
            if !any {
                return;
            }
        }
    }

    /// How many trials a container may make now.
    fn wants(&self, which: usize, ring: Ring, trials: u64, share: u64) -> u64 {
        self.targets.get(which).map_or(0, |target| target.turn(ring, trials, share, self.from))
    }
}

/// The locked containers of a run, each with all its copies.
fn targets<'i>(occurrences: &[Occurrence]) -> Vec<Target<'i>> {
    let mut targets: BTreeMap<_, Target<'i>> = BTreeMap::new();
    for (at, occurrence) in occurrences.iter().enumerate() {
        let material = &occurrence.material;
        let Some(locked) = &material.locked else { continue };
        let target = targets
            .entry((material.format, locked.id()))
            .or_insert_with(|| Target::new(material.format, locked.clone()));
        let same = |first: &Occurrence| first.origin == occurrence.origin && first.offset == occurrence.offset;
        match target.copies.last_mut() {
            Some(copy) if copy.first().and_then(|&first| occurrences.get(first)).is_some_and(same) => copy.push(at),
            _ => target.copies.push(vec![at]),
        }
    }
    let mut targets: Vec<Target<'i>> = targets.into_values().collect();
    for target in &mut targets {
        target.done = vec![false; target.copies.iter().map(Vec::len).max().unwrap_or_default()];
    }
    targets
}

/// Locked keys of formats that cannot be opened at all, where a password stands near.
fn never_tried<'o>(from: &'o Sources<'_>) -> impl Iterator<Item = Gap> + 'o {
    let locked = from.occurrences.iter().filter(|occurrence| {
        let material = &occurrence.material;
        let state = material.protection.as_ref().map(|protection| protection.state);
        material.kind == Kind::PrivateKey
            && material.locked.is_none()
            && matches!(state, Some(ProtectionState::Weak | ProtectionState::Strong))
    });
    locked.filter_map(|occurrence| {
        let near = from.index.near(&[(occurrence.origin.location().into_owned(), Vec::new())]).len();
        let detail = format!("protected in a way that keyradius cannot open; {near} passwords stand near it");
        let origin = occurrence.origin.clone();
        (near > 0).then_some(Gap { origin, reason: Reason::NearPasswordsNotTried, detail })
    })
}

#[cfg(test)]
mod tests;
