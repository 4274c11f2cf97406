//! The answer of a hunt as text for a person.

use std::io;

use keyradius_core::material::{Encoding, ProtectionState};
use keyradius_detectors::hunt::Class;
use keyradius_target::Form;

use super::timeline::Event;
use super::{Hunt, Match};
use crate::report::human::{printed, spoken_algorithm};
use crate::report::words::{self, count, escape, plural};

/// Inputs listed that were not read.
const LISTED: usize = 10;

/// Reasons shown in the last line.
const REASONS: usize = 3;

/// Writes the matches of each target, and the first inputs that were not read. Writes nothing if both lists are empty.
pub(crate) fn render(hunt: &Hunt, out: &mut dyn io::Write) -> io::Result<()> {
    let mut begun = false;
    for (index, target) in hunt.targets.iter().enumerate() {
        let own = || hunt.matches.iter().filter(move |found| found.target == index);
        if own().next().is_none() {
            continue;
        }
        if std::mem::replace(&mut begun, true) {
            writeln!(out)?;
        }
        let algorithm = target.algorithm.as_ref().map(|a| format!(" ({})", spoken_algorithm(a))).unwrap_or_default();
        writeln!(out, "{}{algorithm}", escape(&target.target))?;
        first_trace(hunt, index, out)?;
        for class in Class::ALL {
            let mut heading = Some(heading(class));
            for found in own().filter(|found| found.class == class.id()) {
                if let Some(heading) = heading.take() {
                    writeln!(out, "  {heading}")?;
                }
                line(found, out)?;
            }
        }
    }
    not_read(hunt, out)
}

/// Writes the earliest dated event of a target.
fn first_trace(hunt: &Hunt, target: usize, out: &mut dyn io::Write) -> io::Result<()> {
    let of_target = |event: &&Event| hunt.matches.get(event.of).is_some_and(|found| found.target == target);
    let Some(first) = hunt.timeline.iter().find(of_target) else { return Ok(()) };
    let place = hunt.matches.get(first.of).map(|found| escape(&found.occurrence.place.origin)).unwrap_or_default();
    writeln!(out, "  First trace: {}, {}, {place}", first.at, first.what.title())
}

/// Lists the first inputs that were not read, because a copy may be there.
fn not_read(hunt: &Hunt, out: &mut dyn io::Write) -> io::Result<()> {
    let gaps = hunt.coverage.gaps.iter().filter(|gap| !gap.deliberate);
    let gaps =
        gaps.map(|gap| format!("{}: {} {}", escape(&gap.origin), words::spoken(gap.reason.id()), escape(&gap.detail)));
    let locked = hunt.coverage.locked_at.iter().map(|place| format!("{}: locked", escape(&place.origin)));
    let all: Vec<String> = gaps.chain(locked).collect();
    if all.is_empty() {
        return Ok(());
    }
    writeln!(out, "{}Not read, so a copy may be there", if hunt.matches.is_empty() { "" } else { "\n" })?;
    for line in all.iter().take(LISTED) {
        writeln!(out, "    {}", line.trim_end())?;
    }
    if all.len() > LISTED {
        writeln!(out, "    and {} more: --format json lists them", count((all.len() - LISTED) as u64))?;
    }
    Ok(())
}

const fn heading(class: Class) -> &'static str {
    match class {
        Class::Private => "Private key",
        Class::Partial => "Part of the private key, from which all of it follows",
        Class::Public => "Public half only",
        Class::Metadata => "Only a name that other keys may have too",
    }
}

fn line(found: &Match, out: &mut dyn io::Write) -> io::Result<()> {
    let place = &found.occurrence.place;
    // A number has no lines, whatever is around it.
    let encoding = if found.number.is_some() { Encoding::Binary } else { found.occurrence.encoding };
    let at = printed(place, encoding);
    let mut what = Vec::new();
    match &found.number {
        Some(number) => what.push(number.title.clone()),
        None => what.push(format!("{} ({})", words::spoken(found.kind), &*found.occurrence.format)),
    }
    what.extend(found.subject.as_ref().map(|subject| escape(subject)));
    let protection = found.occurrence.protection.as_ref().filter(|_| found.class == Class::Private.id());
    what.extend(protection.map(|protection| match protection.state {
        ProtectionState::Weak | ProtectionState::Strong => format!("locked ({})", escape(&protection.detail)),
        state => words::spoken(state.id()),
    }));
    if found.class == Class::Metadata.id() {
        let form = Form::ALL.into_iter().find(|form| Some(form.id()) == found.by);
        what.push(format!("same {}", form.map_or("name", Form::title)));
    }
    writeln!(out, "    {at}\n        {}", what.join(", "))?;
    if let Some(git) = &found.occurrence.git {
        let mut history = Vec::new();
        if let Some(commit) = &git.introduced {
            let date = commit.commit_date.as_deref().unwrap_or("an unknown date");
            let id = commit.commit.get(..12).unwrap_or_default();
            history.push(format!("introduced by {id} of {}, {date}", escape(&commit.author)));
        }
        match &git.removed {
            Some(commit) => history.push(format!("removed by {}", commit.commit.get(..12).unwrap_or_default())),
            None if git.at_head => history.push("still at HEAD".to_owned()),
            None => {}
        }
        let refs: Vec<_> = git.branches.iter().chain(&git.tags).take(5).map(|name| escape(name)).collect();
        if refs.is_empty() {
            history.push(format!("kept by {}", words::spoken(git.reach.id())));
        } else {
            history.push(format!("in {}", refs.join(", ")));
        }
        writeln!(out, "        {}", history.join("; "))?;
    }
    Ok(())
}

/// The last line: what was found, what was searched, and what was not.
pub(crate) fn summary(hunt: &Hunt) -> String {
    let (keys, mentions) = (hunt.keys(), hunt.mentions());
    let found = match (keys, mentions) {
        (0, 0) => "none".to_owned(),
        (0, names) => format!("no copy, {}", plural(names as u64, "name", "names")),
        (copies, 0) => plural(copies as u64, "copy", "copies"),
        (copies, names) => {
            format!("{} and {}", plural(copies as u64, "copy", "copies"), plural(names as u64, "name", "names"))
        }
    };
    let coverage = &hunt.coverage;
    let mut searched = vec![plural(coverage.files, "file", "files")];
    if coverage.members > 0 {
        searched.push(plural(coverage.members, "member of archives", "members of archives"));
    }
    if coverage.objects > 0 {
        searched.push(plural(coverage.objects, "git object", "git objects"));
    }
    let mut line = format!(
        "{found} in {} ({})",
        searched.join(", "),
        words::bytes(coverage.bytes.saturating_add(coverage.object_bytes))
    );
    if hunt.interrupted {
        line.push_str("; interrupted, so not everything was read");
    }
    let gaps = coverage.gaps.iter().filter(|gap| !gap.deliberate).count() as u64 + coverage.unlisted;
    let unopened: u64 = coverage.unopened.values().sum();
    let mut left = Vec::new();
    if gaps > 0 {
        let mut reasons: Vec<String> = Vec::new();
        for gap in coverage.gaps.iter().filter(|gap| !gap.deliberate) {
            let reason = words::spoken(gap.reason.id());
            if reasons.len() < REASONS && !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        left.push(format!("{} not read ({})", count(gaps), reasons.join(", ")));
    }
    if unopened > 0 {
        let formats: Vec<String> = coverage.unopened.keys().take(REASONS).map(|format| escape(format)).collect();
        left.push(format!("{} not opened ({})", count(unopened), formats.join(", ")));
    }
    if coverage.locked > 0 {
        left.push(format!("{} locked, with a key that cannot be told", count(coverage.locked)));
    }
    let left_out: Vec<_> = coverage.gaps.iter().filter(|gap| gap.deliberate).collect();
    if !left_out.is_empty() {
        let mut reasons: Vec<String> = left_out.iter().map(|gap| words::spoken(gap.reason.id())).collect();
        reasons.sort();
        reasons.dedup();
        reasons.truncate(REASONS);
        left.push(format!("{} left out ({})", count(left_out.len() as u64), reasons.join(", ")));
    }
    if coverage.files == 0 && coverage.objects == 0 {
        left.push("nothing was there to read".to_owned());
    }
    if !left.is_empty() {
        line.push_str("; ");
        line.push_str(&left.join(", "));
    }
    line
}
