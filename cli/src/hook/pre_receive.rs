//! `keyradius hook pre-receive`: the objects of a push, before any ref of the server moves.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use scanner_core::engine::Watch;

use super::git::{self, Git, is_oid, is_zero, text};
use super::judge::{Places, judge};
use super::known::{Known, Scanned, oid};
use super::policy::{Policy, Repository};
use super::pre_push::{Listing, listing, name, places_or_name};
use super::tell::{Page, Words};
use crate::allow::AllowList;
use crate::args::hook::{OnTimeout, PreReceiveArgs};
use crate::config::Config;
use crate::exit::{Exit, Failure, Outcome};
use crate::marks::Marks;
use crate::report::words::{count, duration, escape, plural};

const BYPASS: &str =
    "To push it all the same: git push -o keyradius.allow=\"why\"   (if this server takes push options)";

/// What comes in by a push option.
const OPTION: &str = "keyradius.allow";

/// How the engine tells of an input that was being read when it was stopped.
const CUT_OFF: &str = "interrupted";

/// Checks a push.
pub(crate) fn run(args: &PreReceiveArgs, here: &Path) -> Result<Exit, Failure> {
    // GitLab shows only lines that begin so to those who edit in a browser.
    let web = std::env::var_os("GL_PROTOCOL").is_some_and(|protocol| protocol == "web");
    let mut page = Page::new(if web { "GL-HOOK-ERR: " } else { "" });
    let reason = allowed_by_option(&mut page);
    // A fault is told on the page too: its lines need the same beginning, and a reason that was given stands above it.
    let exit = check(args, here, &mut page).unwrap_or_else(|failure| {
        failure.to_string().lines().for_each(|line| page.line(line));
        Exit::Failure
    });
    let exit = match reason {
        Some(reason) if exit != Exit::Nothing => {
            page.line(format!("keyradius: let in by push option {OPTION}: {}", escape(&reason)));
            Exit::Nothing
        }
        _ => exit,
    };
    page.say();
    Ok(exit)
}

/// The reason that the pusher gave for a push to be let in.
fn allowed_by_option(page: &mut Page) -> Option<String> {
    let count = std::env::var("GIT_PUSH_OPTION_COUNT").ok()?.parse::<u32>().ok()?;
    let options = (0..count).filter_map(|index| std::env::var(format!("GIT_PUSH_OPTION_{index}")).ok());
    for option in options {
        let Some(rest) = option.strip_prefix(OPTION) else { continue };
        let reason = rest.strip_prefix('=').unwrap_or_default().trim();
        if !reason.is_empty() && (rest.starts_with('=')) {
            return Some(reason.to_owned());
        }
        if rest.is_empty() || rest.starts_with('=') {
            page.line(format!("keyradius: push option {OPTION} needs a reason: -o {OPTION}=\"why\""));
        }
    }
    None
}

fn check(args: &PreReceiveArgs, here: &Path, page: &mut Page) -> Result<Exit, Failure> {
    let began = Instant::now();
    let news = new_tips(&git::lines()?)?;
    if news.is_empty() {
        return Ok(Exit::Nothing);
    }
    let git = Git::default();
    let repository = Repository::found(Repository::start(git)?, here)?;
    let mut policy = Policy::load(&args.check, here, None)?;
    policy.inline = false;
    let tips: Vec<u8> = news.iter().flat_map(|oid| [oid.as_bytes(), b"\n"]).flatten().copied().collect();
    let range = ["--not", "--all"].map(str::to_owned).to_vec();

    // Without a quarantine (an old or an unusual server), the graph says what is new.
    let quarantine = std::env::var_os("GIT_QUARANTINE_PATH").is_some();
    let reading = Git { own_objects: quarantine };
    let (oids, listed) = if quarantine {
        (quarantined(reading)?, None)
    } else {
        let listing = listing(git, &tips, &range)?;
        (listing.paths.keys().cloned().collect(), Some(listing))
    };
    let common = Some(repository.common.as_path());
    let left = args.budget.saturating_sub(began.elapsed());
    let mut scanned = in_time(left, |watch| {
        Scanned::read(reading, &oids, common, (policy.search.0, policy.limits, policy.jobs), watch)
    })?;
    let all = oids.len() as u64;
    if scanned.interrupted && args.on_timeout == OnTimeout::Block {
        // It is refused either way, and the host's clock runs: which of the keys are new is not asked any more.
        let holding = scanned.keys().len() as u64;
        too_slow(scanned.read, all, args, page);
        if holding > 0 {
            page.line(format!("keyradius: {} a private key", plural(holding, "object holds", "objects hold")));
        }
        return Ok(Exit::Incomplete);
    }

    let Listing { paths, missing } = match listed {
        Some(listing) => listing,
        None if scanned.occurrences.is_empty() && scanned.gaps.is_empty() => Listing::default(),
        None => listing(git, &tips, &range)?,
    };
    // A thin pack is completed with objects that were here before: they are not in the list, and no news.
    scanned.occurrences.retain(|occurrence| paths.contains_key(&oid(&occurrence.origin)));
    let hits = scanned.hits();
    let places = if hits.is_empty() { Places::new() } else { super::origin::places(git, &hits, &range, &tips)? };
    let olds: BTreeSet<String> = places.values().flatten().flat_map(|place| place.olds.iter().cloned()).collect();
    let known = Known::read(git, &Vec::from_iter(olds), common, (policy.search.0, policy.limits))?;

    let kinds = std::mem::take(&mut scanned.seen.kinds);
    let name = |oid: &str| name(oid, &paths, &kinds);
    let mut gaps = std::mem::take(&mut scanned.gaps);
    // What was cut off in the middle is told as a matter of time, below.
    gaps.retain(|gap| {
        paths.contains_key(&oid(&gap.origin)) && !(scanned.interrupted && gap.detail.starts_with(CUT_OFF))
    });
    for gap in &mut gaps {
        gap.origin.path = name(&oid(&gap.origin));
    }
    gaps.extend(missing);
    let absent: Vec<PathBuf> = scanned.seen.absent_lfs.iter().map(|oid| name(oid)).collect();
    let (read, interrupted) = (scanned.read, scanned.interrupted);
    let pushed = if hits.is_empty() { None } else { pushed_allow_list(git, &news, &policy.here) };
    let judged = judge(scanned, &|oid| places_or_name(oid, &places, &name), &known, &policy, pushed.as_ref());

    page.absent_lfs(absent.iter().map(PathBuf::as_path));
    page.judged(&judged, Words { adds: "this push brings", bypass: BYPASS, allows: false });
    page.gaps(&gaps, "part of this push", BYPASS);
    if interrupted {
        too_slow(read, all, args, page);
    }
    let outcome = Outcome { failing: judged.blocks(), incomplete: !gaps.is_empty(), ..Outcome::default() };
    Ok(Exit::of_scan(outcome, false, false))
}

/// What is said of a push that took too long.
fn too_slow(read: u64, all: u64, args: &PreReceiveArgs, page: &mut Page) {
    let read = format!("{} of {}", count(read), plural(all, "object", "objects"));
    let budget = duration(args.budget);
    if args.on_timeout == OnTimeout::Block {
        page.line(format!("keyradius: only {read} could be read in {budget}, so this push is refused"));
        page.line(
            "hint: push fewer commits at a time, or with -o keyradius.allow=\"why\" if this server takes push options;",
        );
        page.line("hint: or the server raises --budget, or lets such pushes in: --on-timeout allow");
    } else {
        page.line(format!("keyradius: WARNING: only {read} could be read in {budget}: the others were NOT checked"));
        page.line("hint: check them with `keyradius scan`, or raise --budget; --on-timeout block refuses such pushes");
    }
}

/// New values of refs, from lines of `<old> <new> <ref>`.
fn new_tips(lines: &str) -> Result<Vec<String>, Failure> {
    let mut tips = Vec::new();
    for line in lines.lines().filter(|line| !line.trim().is_empty()) {
        let mut words = line.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some(old), Some(new), Some(_)) if is_oid(old) && is_oid(new) => {
                tips.extend((!is_zero(new)).then(|| new.to_owned()));
            }
            _ => {
                return Err(Failure::new(
                    "standard input is not what git writes for pre-receive: `<old oid> <new oid> <ref>`",
                )
                .hint("let git run it: see docs/hooks.md"));
            }
        }
    }
    Ok(tips)
}

/// Every object of the quarantine that holds bytes of its own.
fn quarantined(git: Git) -> Result<Vec<String>, Failure> {
    let all =
        git.ask(&["cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectname) %(objecttype)"])?;
    let all = text(&all);
    let kept = all.lines().filter_map(|line| line.split_once(' ')).filter(|(_, kind)| *kind != "tree");
    Ok(kept.map(|(oid, _)| oid.to_owned()).collect())
}

/// Runs `work` with a watch that stops it when the time is up.
fn in_time<T>(time: Duration, work: impl FnOnce(&Watch) -> T) -> T {
    let watch = Watch::default();
    if time.is_zero() {
        watch.cancelled.store(true, Relaxed);
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let timer = scope.spawn(|| {
            let began = Instant::now();
            while !done.load(Relaxed) {
                match time.saturating_sub(began.elapsed()) {
                    Duration::ZERO => return watch.cancelled.store(true, Relaxed),
                    left => std::thread::park_timeout(left),
                }
            }
        });
        let result = work(&watch);
        done.store(true, Relaxed);
        timer.thread().unpark();
        result
    })
}

/// What the configuration at the root of the pushed trees would allow: told, not obeyed.
fn pushed_allow_list(git: Git, tips: &[String], here: &Path) -> Option<AllowList> {
    tips.iter().find_map(|tip| {
        let text = git.ask(&["cat-file", "blob", &format!("{tip}:keyradius.toml")]).ok()?;
        let text = String::from_utf8(text).ok()?;
        Config::parse(&text, "keyradius.toml", here.to_owned(), false)
            .ok()
            .map(|config| config.allow.obeying(Marks::Given))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deletions_bring_nothing() {
        let (a, b, zero) = ("a".repeat(40), "b".repeat(40), "0".repeat(40));
        for (lines, tips) in [
            (String::new(), vec![]),
            (format!("{a} {zero} refs/heads/x\n"), vec![]),
            (format!("{a} {zero} refs/heads/x\n{zero} {b} refs/heads/y\n"), vec![b.clone()]),
        ] {
            assert_eq!(new_tips(&lines).expect(&lines), tips);
        }
        assert!(new_tips("a b c\n").is_err());
    }

    #[test]
    fn work_ends_when_the_time_is_up_and_not_before() {
        for (time, cancelled) in [(Duration::ZERO, true), (Duration::MAX, false)] {
            assert_eq!(in_time(time, |watch| watch.cancelled.load(Relaxed)), cancelled, "{time:?}");
        }
        let waited = in_time(Duration::from_millis(5), |watch| {
            while !watch.cancelled.load(Relaxed) {
                std::thread::yield_now();
            }
            true
        });
        assert!(waited);
    }
}
