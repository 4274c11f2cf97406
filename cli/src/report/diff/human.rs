//! The difference as text for a person.

use std::fmt::Write as _;
use std::io;

use super::{Changed, Diff, Entry, Gap, Kind, NotSeen, Places, State};
use crate::report::model::Text;
use crate::report::words::{self, escape};

/// Places shown of one finding; further ones are only counted.
const SHOWN: usize = 10;

/// Writes the difference; writes nothing if there is none.
pub(crate) fn render(diff: &Diff, out: &mut dyn io::Write) -> io::Result<()> {
    let mut page = Page { out, begun: false };
    let worse = || diff.changed.iter().filter(|change| change.worse);
    let other = || diff.changed.iter().filter(|change| !change.worse);
    page.section("New", diff.new_findings.len())?;
    for new in &diff.new_findings {
        page.entry(&new.entry)?;
        page.places("at", &new.entry.places)?;
        if !new.old_read {
            page.line("         the old scan may not have read this place")?;
        }
    }
    page.section("Worse", worse().count())?;
    for change in worse() {
        page.changed(change)?;
    }
    page.section("Changed", other().count())?;
    for change in other() {
        page.changed(change)?;
    }
    page.section("Not seen: may still be there", diff.not_seen.len())?;
    for finding in &diff.not_seen {
        page.entry(&finding.entry)?;
        page.places("at", &finding.entry.places)?;
        page.line(&format!("         {}", why(finding)))?;
    }
    page.section("Gone", diff.gone.len())?;
    for entry in &diff.gone {
        page.entry(entry)?;
        page.places("was", &entry.places)?;
    }
    page.coverage(diff)
}

/// The last line: counts, with a warning if a scan is incomplete.
pub(crate) fn summary(diff: &Diff) -> String {
    let super::Summary { new, worse, changed, gone, not_seen, unchanged } = &diff.summary;
    let mut parts: Vec<String> = [
        (new, "new"),
        (worse, "worse"),
        (changed, "changed"),
        (gone, "gone"),
        (not_seen, "not seen"),
        (unchanged, "unchanged"),
    ]
    .into_iter()
    .filter(|(count, _)| **count > 0)
    .map(|(count, what)| format!("{} {what}", words::count(*count as u64)))
    .collect();
    if parts.is_empty() {
        parts.push("no findings in either report".to_owned());
    }
    let mut line = parts.join(", ");
    for (side, name) in [(&diff.old, "old"), (&diff.new, "new")] {
        if !side.complete {
            // Writing to a String cannot fail.
            let _ = write!(line, " · the {name} scan is incomplete");
        }
    }
    if diff.old.version != diff.new.version {
        let _ = write!(line, " · made by keyradius {} and {}", diff.old.version, diff.new.version);
    }
    line
}

fn why(finding: &NotSeen) -> String {
    match (finding.why, finding.reason) {
        ("gap", Some(reason)) => format!("not read by the new scan: {}", words::reason(reason)),
        ("no_target", _) => "outside the targets of the new scan".to_owned(),
        _ => "the new scan is incomplete".to_owned(),
    }
}

struct Page<'a> {
    out: &'a mut dyn io::Write,
    begun: bool,
}

impl Page<'_> {
    fn line(&mut self, line: &str) -> io::Result<()> {
        self.begun = true;
        writeln!(self.out, "{}", line.trim_end())
    }

    fn section(&mut self, title: &str, count: usize) -> io::Result<()> {
        if count == 0 {
            return Ok(());
        }
        if self.begun {
            self.line("")?;
        }
        self.line(title)
    }

    fn entry(&mut self, entry: &Entry) -> io::Result<()> {
        let State { severity, tier, protection, allowed, .. } = &entry.state;
        let mut parts = vec![escape(&entry.title)];
        if entry.kind == Kind::TrustedKey {
            parts.push("trusted public key".to_owned());
        }
        parts.extend(protection.map(|state| words::protection(state).to_owned()));
        if *allowed {
            parts.push("allowed".to_owned());
        }
        parts.push(entry.id.to_string());
        let tier = tier.map(|tier| format!("  {}", tier.id())).unwrap_or_default();
        self.line(&format!("{:>4.1}{tier}  {}", severity.number(), parts.join(" · ")))
    }

    fn places(&mut self, label: &str, places: &Places) -> io::Result<()> {
        let shown = places.listed.len().min(SHOWN);
        for (index, place) in places.listed.iter().take(shown).enumerate() {
            let label = if index == 0 { label } else { "" };
            self.line(&format!("  {label:<6} {}", escape(place)))?;
        }
        match places.count.saturating_sub(shown) {
            0 => Ok(()),
            more => self.line(&format!("         and {} more", words::count(more as u64))),
        }
    }

    fn changed(&mut self, change: &Changed) -> io::Result<()> {
        self.entry(&change.entry)?;
        let (was, now) = (&change.was, &change.entry.state);
        let mut changes = Vec::new();
        let mut note = |what: &str, before: String, after: String| {
            if before != after {
                changes.push(format!("{what} {before} -> {after}"));
            }
        };
        let tier = |state: &State| state.tier.map_or("none", |tier| tier.id()).to_owned();
        let protection = |state: &State| state.protection.map_or("none", words::protection).to_owned();
        let roles = |state: &State| state.roles.iter().map(|role| words::spoken(role)).collect::<Vec<_>>().join(", ");
        note("severity", format!("{:.1}", was.severity.number()), format!("{:.1}", now.severity.number()));
        note("tier", tier(was), tier(now));
        note("protection:", protection(was), protection(now));
        note("roles:", roles(was), roles(now));
        if was.allowed != now.allowed {
            changes.push(if now.allowed { "allowed now" } else { "no longer allowed" }.to_owned());
        }
        if !changes.is_empty() {
            self.line(&format!("         {}", changes.join("; ")))?;
        }
        for (label, places) in [("added", &change.added), ("gone", &change.removed), ("unseen", &change.not_seen)] {
            self.places(label, places)?;
        }
        Ok(())
    }

    fn coverage(&mut self, diff: &Diff) -> io::Result<()> {
        let coverage = &diff.coverage;
        let count = coverage.targets_only_old.len()
            + coverage.targets_only_new.len()
            + coverage.gaps_only_old.len()
            + coverage.gaps_only_new.len();
        self.section("Read by one scan only", count)?;
        self.targets("old", &coverage.targets_only_old)?;
        self.targets("new", &coverage.targets_only_new)?;
        self.gaps("old", &coverage.gaps_only_new)?;
        self.gaps("new", &coverage.gaps_only_old)
    }

    fn targets(&mut self, side: &str, targets: &[Text]) -> io::Result<()> {
        targets.iter().try_for_each(|target| self.line(&format!("  {side}: target {}", escape(target))))
    }

    /// Lists the inputs that this side read and the other side did not.
    fn gaps(&mut self, side: &str, gaps: &[Gap]) -> io::Result<()> {
        gaps.iter().try_for_each(|gap| {
            self.line(&format!("  {side}: {} (the other: {})", escape(&gap.origin), words::reason(gap.reason)))
        })
    }
}
