//! Recomputes what a report says about itself: its counts, whether it is complete, and its playbooks.

use std::collections::BTreeMap;

use keyradius_judgement::{Tier, playbook};

use super::{Finding, Rest, Secret, Status, Summary};
use crate::choice::NOTE_BELOW;
use crate::report::build;
use crate::report::model::Id as _;

/// Counts of the records of a report.
#[derive(Default)]
pub(super) struct Tally {
    signing_keys: usize,
    other_keys: usize,
    notes: usize,
    signing_notes: usize,
    test_keys: usize,
    signing_tests: usize,
    places: usize,
    by_tier: BTreeMap<Tier, usize>,
    secrets: usize,
    secret_places: usize,
    allowed: usize,
}

impl Tally {
    pub(super) fn finding(&mut self, status: Status, finding: &Finding) {
        if status == Status::Allowed {
            self.allowed += 1;
            return;
        }
        let note = finding.severity.get() < NOTE_BELOW;
        self.signing_keys += usize::from(finding.signing);
        self.other_keys += usize::from(!finding.signing);
        self.notes += usize::from(note);
        self.signing_notes += usize::from(note && finding.signing);
        let test = !note && finding.for_tests.is_some();
        self.test_keys += usize::from(test);
        self.signing_tests += usize::from(test && finding.signing);
        self.places += finding.occurrences.len();
        *self.by_tier.entry(finding.tier).or_default() += 1;
    }

    pub(super) fn secret(&mut self, status: Status, secret: &Secret) {
        if status == Status::Allowed {
            self.allowed += 1;
            return;
        }
        self.secrets += 1;
        self.secret_places += secret.occurrences.len();
    }

    /// Corrects the rest of the report, and adds a note for each correction.
    pub(super) fn settle(self, rest: &mut Rest) {
        let gaps = &mut rest.coverage.gaps;
        let mut judged = false;
        for gap in gaps.iter_mut() {
            let deliberate = !gap.reason.leaves_incomplete();
            judged |= gap.deliberate != deliberate;
            gap.deliberate = deliberate;
        }
        let unread = gaps.iter().filter(|gap| !gap.deliberate).count();
        let complete = rest.scan.complete && !rest.scan.interrupted && unread == 0;
        if judged || complete != rest.scan.complete {
            rest.mended
                .push("the report claims to be complete, but lists unread inputs: treated as incomplete".to_owned());
        }
        rest.scan.complete = complete;

        let mut by_tier: BTreeMap<Tier, usize> = Tier::ALL.iter().map(|tier| (*tier, 0)).collect();
        by_tier.extend(self.by_tier);
        let unopened = rest.coverage.unopened.values().fold(0, |sum: u64, count| sum.saturating_add(*count));
        let told = &rest.summary;
        let counted = Summary {
            signing_keys: self.signing_keys,
            other_keys: self.other_keys,
            notes: self.notes,
            signing_notes: self.signing_notes,
            test_keys: self.test_keys,
            signing_tests: self.signing_tests,
            places: self.places,
            by_tier,
            secrets: self.secrets,
            secret_places: self.secret_places,
            allowed: self.allowed,
            // This also counts inputs that are not listed, so only a lower bound is known.
            skipped: told.skipped.max(unread),
            unopened,
        };
        let differs = |a: &Summary, b: &Summary| {
            let counts = |s: &Summary| {
                [s.signing_keys, s.other_keys, s.notes, s.test_keys, s.places, s.secrets, s.allowed, s.skipped]
            };
            counts(a) != counts(b)
                || a.secret_places != b.secret_places
                || a.by_tier != b.by_tier
                || a.unopened != b.unopened
        };
        if differs(told, &counted) {
            rest.mended.push("the summary of the report does not match its findings: counted again".to_owned());
        }
        rest.summary = counted;

        // Users paste commands of a playbook, so commands from an untrusted report are replaced by our own. Ours may be
        // longer, so each counts once.
        let mut roles = std::collections::BTreeSet::new();
        let told = rest.playbooks.len();
        rest.playbooks.retain(|playbook| roles.insert(playbook.role.clone()));
        if rest.playbooks.len() < told {
            rest.mended.push("the report repeats playbooks: each was read once".to_owned());
        }
        for told in &mut rest.playbooks {
            if let Some(ours) = playbook::Playbook::of(&told.role) {
                *told = build::playbook(ours);
            }
        }
    }
}
