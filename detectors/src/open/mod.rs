//! Opens locked keys: passwords found near a key are tried on it first, then well-known passwords.
//!
//! Nothing is sent anywhere, and guessing is limited: the question is whether somebody who has the files has the
//! key. A report names the kind and the place of a password that opens a key, never the password. The price of every
//! trial is known in advance and counted in nominal nanoseconds (`unlock/kdf.rs`), so that a report depends neither on
//! the machine nor on the number of threads.

mod hidden;
mod near;
mod settle;
mod trial;
mod units;
mod words;

use std::collections::{BTreeMap, VecDeque};

use keyradius_core::blob::Origin;
use keyradius_core::candidates::{Candidates, LeftOut};
use keyradius_core::engine::each;
use keyradius_core::error::{Gap, Reason};
use keyradius_core::material::{Kind, Occurrence, ProtectionState};
use keyradius_core::seam::{Candidate, Detector};
use keyradius_core::secret::Secret;

use near::Index;
use trial::{Ring, Sources, Target};
pub use units::Units;
pub(crate) use units::open_units;
pub use words::rule;

/// Limits of opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether any password is tried.
    pub enabled: bool,
    /// Maximum number of passwords from elsewhere for each container. Passwords that name the container or are beside
    /// it, and well-known ones, are not counted.
    pub trials: usize,
    /// Budget of each [unit](Units), in nominal nanoseconds of one thread.
    pub cost: u64,
    /// Budget of one container for passwords that are not near it, and maximum price of a single trial, in nominal
    /// nanoseconds. A container with more expensive trials is not tried.
    pub per_container: u64,
}

impl Default for Options {
    /// 50 passwords, 20 seconds, 2 seconds (reference table of passwords in the design material).
    fn default() -> Self {
        Self { enabled: true, trials: 50, cost: 20_000_000_000, per_container: 2_000_000_000 }
    }
}

/// The outcome of opening.
#[derive(Debug, Default)]
pub struct Summary {
    /// Locked containers, each counted once regardless of its copies.
    pub containers: u64,
    /// Passwords tried on all containers.
    pub tried: u64,
    /// Containers of which at least one key opened.
    pub opened: u64,
    /// Work done, in nominal nanoseconds.
    pub cost: u64,
    /// Gaps for the containers on which not all passwords were tried, sorted.
    pub gave_up: Vec<Gap>,
}

/// What reports name as the place of a password that the operator gave.
const GIVEN: &str = "--passwords";

/// Trials of near candidates for every container before the work is shared out by cost.
const MINIMUM: u32 = 8;

/// Budget of a container in the first round of sharing, in nominal nanoseconds. Every round doubles it.
const SHARE: u64 = 1_000_000;

/// Tries passwords on every locked key of a unit. Keys that open are replaced in `occurrences`: their protection says
/// how they opened, their identity is that of the key, and hidden keys are added beside them. The order stays that of
/// the engine.
///
/// Scheduling rules:
/// - Every container gets the candidates that name it or are beside it before any container gets candidates from
///   elsewhere.
/// - First each container gets `MINIMUM` trials, one per round, for at most half of the budget of the run.
/// - Then the budget is shared out evenly, and what one container does not need goes to the others.
/// - Guesses that a container could not pay for are carried over to the next round.
/// - A container whose near candidates were not all tried is a gap that makes the run incomplete.
pub fn open_all(
    occurrences: &mut Vec<Occurrence>,
    candidates: Candidates,
    options: &Options,
    jobs: usize,
    cancelled: &(dyn Fn() -> bool + Sync),
) -> Summary {
    let (candidates, left_out) = candidates.into_parts();
    open_list(occurrences, candidates, &left_out, Means { options: *options, own: &[], given: &[], jobs, cancelled })
}

/// How passwords are tried.
#[derive(Clone, Copy)]
pub(crate) struct Means<'a> {
    pub(crate) options: Options,
    /// Detectors of the embedding program, asked for the locks of their own materials.
    pub(crate) own: &'a [&'a dyn Detector],
    /// Passwords of the operator, tried on every container of every unit.
    pub(crate) given: &'a [Secret<Vec<u8>>],
    /// Number of threads, at least one.
    pub(crate) jobs: usize,
    /// Returns whether to stop.
    pub(crate) cancelled: &'a (dyn Fn() -> bool + Sync),
}

/// Opens like [`open_all`], with candidates sorted by place and a record of the candidates left out.
fn open_list(
    occurrences: &mut Vec<Occurrence>,
    mut candidates: Vec<Candidate>,
    left_out: &LeftOut,
    means: Means<'_>,
) -> Summary {
    let Means { options, own, given, jobs, cancelled } = means;
    if !options.enabled {
        return Summary::default();
    }
    candidates.retain(|candidate| !candidate.secret.expose().is_empty());
    let mut targets = targets(occurrences);
    candidates.extend(trial::in_names(targets.iter().flat_map(|target| target.places(occurrences))));
    candidates.sort_by(|a, b| a.place().cmp(&b.place()));
    let given = given.iter().zip(1..).filter(|(secret, _)| !secret.expose().is_empty());
    let files = candidates.len();
    candidates.extend(given.map(|(secret, line)| Candidate {
        secret: Secret::new(secret.expose().clone()),
        origin: Origin::file(GIVEN),
        line,
        field: GIVEN.to_owned(),
        about: Vec::new(),
    }));
    let index = Index::new(&candidates, candidates.len() - files);
    let known = if targets.is_empty() { Vec::new() } else { words::well_known() };
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
    // Cheapest first, then by place: this order does not depend on threads.
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

/// The state of the trials of a run.
struct Run<'r, 'i> {
    targets: Vec<Target<'i>>,
    from: &'r Sources<'i>,
    options: Options,
    jobs: usize,
    cancelled: &'r (dyn Fn() -> bool + Sync),
    summary: Summary,
}

/// The work granted to one container.
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

    /// Shares the budget out evenly: what a container does not need is left for the others.
    fn shares(&mut self, ring: Ring) {
        let mut share = SHARE;
        while share / 2 < self.options.cost && self.summary.cost < self.options.cost {
            self.round(ring, u64::MAX, share, self.options.cost);
            share = share.saturating_mul(2);
        }
    }

    /// Lets every container in turn make up to `trials` trials of a ring within its `share`, until the work of the run
    /// reaches `ceiling`. The budget of each is fixed before any of them starts, so that the outcome does not depend on
    /// threads.
    fn round(&mut self, ring: Ring, trials: u64, share: u64, ceiling: u64) {
        let all = 0..self.targets.len();
        let mut waiting: VecDeque<usize> = all.filter(|which| self.wants(*which, ring, trials, share) > 0).collect();
        // Each container pays in advance for failing in every trial and for one success. The refund may pay for others.
        while !waiting.is_empty() && !(self.cancelled)() {
            let mut left = ceiling.saturating_sub(self.summary.cost);
            let mut turns = Vec::new();
            // Containers that can pay for only a part queue again at the end of this round.
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
                // The first in the queue cannot pay, and the rest cost as much or more.
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

    /// Returns how many trials a container may make now.
    fn wants(&self, which: usize, ring: Ring, trials: u64, share: u64) -> u64 {
        self.targets.get(which).map_or(0, |target| target.turn(ring, trials, share, self.from))
    }
}

/// Collects the locked containers of a run, each with all its copies.
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

/// Returns gaps for locked keys that keyradius cannot open at all although passwords are near them.
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
        let detail = format!("protected in a way that keyradius cannot open; {near} passwords near it not tried");
        let origin = occurrence.origin.clone();
        (near > 0).then_some(Gap::new(origin, Reason::NearPasswordsNotTried, detail))
    })
}

#[cfg(test)]
mod tests;
