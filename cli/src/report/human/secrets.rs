//! Ordinary secrets, at the end of the report: one line each, with rule, place, verdict on its structure and next step.

use std::collections::BTreeMap;
use std::io;

use super::{Page, facts, printed};
use crate::choice::NOTE_BELOW;
use crate::report::model::Secret;
use crate::report::records::Records;
use crate::report::words::{self, escape};

/// Most notes of one rule that are shown, unless all are asked for: a test suite has thousands of expired tokens.
const NOTES: u64 = 3;

impl Page<'_> {
    /// Writes the section of ordinary secrets.
    pub(super) fn secrets(&mut self, title: &str, secrets: &Records<Secret>) -> io::Result<()> {
        let least = self.look.min_severity;
        let shown = || secrets.iter().filter(|secret| secret.severity.get() >= least);
        if shown().next().is_none() {
            return Ok(());
        }
        self.heading(title);
        let column = shown().map(|secret| secret.rule.chars().count()).max().unwrap_or(0).min(self.look.width);
        let mut notes: BTreeMap<String, u64> = BTreeMap::new();
        for secret in shown() {
            if secret.severity.get() < NOTE_BELOW && !self.look.verbose {
                let count = notes.entry(escape(&secret.rule)).or_default();
                *count += 1;
                if *count > NOTES {
                    continue;
                }
            }
            let severity = self.paint.severity(secret.severity);
            let Some(first) = secret.occurrences.first() else { continue };
            let text = printed(&first.place, first.encoding);
            let place = self.paint.place(&first.place, &text);
            let more = match secret.occurrences.len() - 1 {
                0 => String::new(),
                more => format!(" and {} more", words::count(more as u64)),
            };
            let id = self.paint.dim(&escape(&secret.id));
            let verdict = words::verdict(secret.verdict, secret.expired);
            let rule = escape(&secret.rule);
            self.line(&format!(
                "{severity}  {rule:<column$}  {place}{more}  {verdict} · {} · {id}",
                escape(&secret.next_step)
            ));
            if self.look.verbose {
                self.field("is", &format!("{}: {}", escape(&secret.title), escape(&secret.unlocks)));
                for occurrence in &secret.occurrences {
                    let text = printed(&occurrence.place, occurrence.encoding);
                    let place = self.paint.place(&occurrence.place, &text);
                    self.field_line("at", &format!("{place}  {}", facts(occurrence, true)));
                }
            }
            self.flush()?;
        }
        for (rule, count) in notes.into_iter().filter(|(_, count)| *count > NOTES) {
            let more = format!("     and {} more notes of {rule}: -v lists them", words::count(count - NOTES));
            self.line(&self.paint.dim(&more));
        }
        self.flush()
    }
}
