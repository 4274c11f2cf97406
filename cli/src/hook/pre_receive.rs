//! `keyradius hook pre-receive`: scan the objects of a push before any ref of the server is updated.
//!
//! The hook has to end in time, whatever was pushed. One thread works; the other waits, and when the time is up, ends
//! every git process and answers. The kernel enforces a limit on memory.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use keyradius_core::engine::Progress;

use super::answer::{self, is_oid, is_zero};
use super::blobs::{self, Blobs, Names, Tally};
use super::git::{self, Children, Git};
use super::known::Scanned;
use super::policy::{Policy, Repository};
use super::process::Objects;
use super::push::{Push, Told};
use super::question::PROMISOR;
use super::range::{self, Range, quarantined};
use super::tell::{OUT_OF_COMMITS, Page, Words};
use crate::args::hook::{OnTimeout, PreReceiveArgs};
use crate::confine::Guard;
use crate::exit::{Exit, Failure, Outcome};
use crate::report::words::{count, duration, escape, plural};
use crate::surroundings::{Surroundings, Variables};

const BYPASS: &str = "To push anyway: git push -o keyradius.allow=\"why\"   (if this server accepts push options)";

const NO_BYPASS: &str = "This server does not accept the push option keyradius.allow: ask its administrator";

/// The push option that lets a push through.
const OPTION: &str = "keyradius.allow";

/// How the engine's report begins on an input that was being read when the engine was stopped.
const CUT_OFF: &str = "interrupted";

/// Sixteenths of the time: when reading objects has to end, and when looking up places has to end. The rest is for the
/// answer.
const READING: u32 = 14;
const LOOKING_UP: u32 = 15;

/// Maximum number of keys, certificates and secrets of one push. They are held in memory until they are judged, and one
/// is enough to refuse the push.
const MATERIALS: u64 = 20_000;

/// How often the waiting thread checks the progress.
const TICK: Duration = Duration::from_millis(20);

/// Stack size of the working thread, in bytes: that of a main thread.
const STACK: usize = 8 << 20;

/// Maximum number of new tips that are searched for a configuration.
const TIPS: usize = 100;

/// State that the working thread and the waiting thread share.
#[derive(Debug)]
struct Shared {
    began: Instant,
    progress: Progress,
    tally: Tally,
    children: Arc<Children>,
    /// The current step, for messages.
    doing: Mutex<&'static str>,
    /// Number of objects in which a private key was found.
    holding: AtomicU64,
    /// Whether more than [`MATERIALS`] were found.
    flood: AtomicBool,
    /// Number of objects that the push refers to and that are missing on the server.
    absent: AtomicU64,
}

impl Shared {
    fn doing(&self, what: &'static str) {
        *self.doing.lock().unwrap_or_else(PoisonError::into_inner) = what;
    }
}

/// Messages of the working thread.
enum Message {
    /// The time that this push may take.
    Budget(Duration),
    /// The answer.
    Done(Result<Exit, Failure>, Page),
}

/// Checks a push.
pub(crate) fn run(args: &PreReceiveArgs, around: &Surroundings, guard: Guard) -> Result<Exit, Failure> {
    limit_memory(args.memory);
    let children = Children::confined(guard)?;
    let shared = Arc::new(Shared {
        began: Instant::now(),
        progress: Progress::default(),
        tally: Tally::default(),
        children,
        doing: Mutex::new("asking git for the pushed refs"),
        holding: AtomicU64::new(0),
        flood: AtomicBool::new(false),
        absent: AtomicU64::new(0),
    });
    // To users who edit in a browser, GitLab shows only lines with this prefix.
    let web = around.variables.get("GL_PROTOCOL").is_some_and(|protocol| protocol == "web");
    let prefix = if web { "GL-HOOK-ERR: " } else { "" };
    let mut page = Page::new(prefix);
    let reason = allowed_by_option(args, &around.variables, &mut page);

    let (send, receive) = mpsc::channel();
    let work = {
        let (shared, args, around) = (Arc::clone(&shared), args.clone(), around.clone());
        move || {
            let mut page = Page::new(prefix);
            let exit = check(&args, &around, &shared, &mut page, &send);
            // If nobody receives the message, the time was up.
            let _ = send.send(Message::Done(exit, page));
        }
    };
    std::thread::Builder::new().stack_size(STACK).spawn(work).map_err(|error| {
        Failure::new(format!("cannot start a thread: {error}")).hint("raise the limits of the user that runs git")
    })?;
    let (exit, told) = wait(args, &shared, &receive, prefix);
    page.append(&told);
    // An error is reported on the page too: its lines need the prefix, and belong after the lines on push options.
    let exit = exit.unwrap_or_else(|failure| {
        failure.to_string().lines().for_each(|line| page.line(line));
        Exit::Failure
    });
    let exit = match reason {
        Some(reason) if exit != Exit::Nothing => {
            page.line(format!("keyradius: accepted by push option {OPTION}: {}", escape(&reason)));
            Exit::Nothing
        }
        _ => exit,
    };
    page.say();
    Ok(exit)
}

/// Waits for the answer. Stops the reading when its share of the time is up, then everything when all of it is.
fn wait(
    args: &PreReceiveArgs,
    shared: &Shared,
    receive: &mpsc::Receiver<Message>,
    prefix: &'static str,
) -> (Result<Exit, Failure>, Page) {
    let mut budget = args.budget;
    let mut reading = true;
    loop {
        let end = if reading { part(budget, READING) } else { budget };
        let left = end.saturating_sub(shared.began.elapsed());
        match receive.recv_timeout(if reading { left.min(TICK) } else { left }) {
            Ok(Message::Budget(told)) => budget = told,
            Ok(Message::Done(exit, page)) => return (exit, page),
            Err(RecvTimeoutError::Timeout) if reading => {
                shared.flood.store(shared.progress.materials.load(Relaxed) > MATERIALS, Relaxed);
                reading = left > TICK && !shared.flood.load(Relaxed);
                shared.progress.cancelled.store(!reading, Relaxed);
            }
            Err(RecvTimeoutError::Timeout) => {
                shared.children.stop();
                let mut page = Page::new(prefix);
                let exit = too_slow(args, budget, shared, &mut page);
                return (Ok(exit), page);
            }
            Err(RecvTimeoutError::Disconnected) => return (Err(crate::out::last_panic()), Page::new(prefix)),
        }
    }
}

/// `parts` sixteenths of a time; [`Duration::MAX`] stays unlimited.
fn part(time: Duration, parts: u32) -> Duration {
    if time == Duration::MAX { time } else { time / 16 * parts }
}

/// Limits the memory of this process and of every git process that it starts. An allocation beyond the limit fails, and
/// the push is refused.
#[cfg(unix)]
fn limit_memory(bytes: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Data);
    let least = |limit: Option<u64>| limit.map_or(bytes, |limit| limit.min(bytes));
    // If the system has no such limit, those of the engine remain.
    let _ = setrlimit(Resource::Data, Rlimit { current: Some(least(now.current)), maximum: Some(least(now.maximum)) });
}

#[cfg(not(unix))]
fn limit_memory(_bytes: u64) {}

/// The reason given in the push option, if the server accepts that option.
fn allowed_by_option(args: &PreReceiveArgs, variables: &Variables, page: &mut Page) -> Option<String> {
    let count = variables.text("GIT_PUSH_OPTION_COUNT")?.parse::<u32>().ok()?;
    let options = (0..count).filter_map(|index| variables.text(&format!("GIT_PUSH_OPTION_{index}")));
    for option in options {
        let Some(rest) = option.strip_prefix(OPTION) else { continue };
        if args.no_push_option {
            if rest.is_empty() || rest.starts_with('=') {
                page.line(format!("keyradius: push option {OPTION} is not accepted by this server (--no-push-option)"));
            }
            continue;
        }
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

fn check(
    args: &PreReceiveArgs,
    around: &Surroundings,
    shared: &Shared,
    page: &mut Page,
    send: &Sender<Message>,
) -> Result<Exit, Failure> {
    let tips = new_tips(&git::lines()?)?;
    if tips.is_empty() {
        return Ok(Exit::Nothing);
    }
    let git = Git::of(Arc::clone(&shared.children));
    let any_ref = git.start(&["for-each-ref", "--count=1", "--format=x"])?;
    let repository = Repository::found(Repository::start(&git)?, &around.directory)?;
    let first = any_ref.answer()?.is_empty();
    let budget = if first { args.first_push_budget.max(args.budget) } else { args.budget };
    let _ = send.send(Message::Budget(budget));
    let mut policy = Policy::load(&args.check, around, None)?;
    policy.inline = false;
    let input = tips.iter().flat_map(|oid| [oid.as_bytes(), b"\n"]).flatten().copied().collect();
    let range = Range { tips: input, rest: ["--not", "--all"].map(str::to_owned).to_vec() };

    // An object that no ref reached before is new, wherever it is stored: one that is already on the server may never
    // have been scanned. Without a quarantine (an old or an unusual server), reachability is the only criterion.
    shared.doing("reading the pushed objects");
    let quarantine = around.variables.get("GIT_QUARANTINE_PATH").is_some();
    let (own, common) = (Git { objects: Objects::Pushed, ..git.clone() }, repository.common.as_path());
    // git stores the certificate of a signed push, push options and all, before it asks the hook.
    let certificate: Vec<String> =
        around.variables.text("GIT_PUSH_CERT").filter(|oid| is_oid(oid)).map(str::to_owned).into_iter().collect();
    let mut blobs = Vec::new();
    if !certificate.is_empty() {
        blobs.push(Blobs::new(&git, blobs::list(&certificate), None, &shared.tally));
    }
    if quarantine {
        blobs.push(Blobs::new(&own, quarantined(&own)?, Some(common), &shared.tally));
        let stored = there(&git, range.stored_before(&git)?, &shared.absent);
        blobs.push(Blobs::new(&git, stored, Some(common), &shared.tally));
        // A shallow history may refer to objects that the server never had. If the push adds one, the objects below it
        // become reachable.
        if common.join("shallow").exists() {
            let filled = range::filled(&git)?;
            if !filled.is_empty() {
                let behind = Range { tips: filled, rest: Vec::new() }.objects(&git)?;
                blobs.push(Blobs::new(&git, there(&git, behind, &shared.absent), Some(common), &shared.tally));
            }
        }
    } else {
        blobs.push(Blobs::new(&git, range.objects(&git)?, Some(common), &shared.tally));
    }
    let engine = policy.search.engine(policy.limits);
    let mut scanned = Scanned::read(blobs, &engine, policy.jobs, &shared.progress)?;
    shared.tally.listed.store(!scanned.interrupted, Relaxed);
    shared.holding.store(scanned.keys().len() as u64, Relaxed);
    let interrupted = scanned.interrupted;
    if interrupted && args.on_timeout == OnTimeout::Block {
        // The push is refused either way, and the host's time limit is near: do not work out which keys are new.
        return Ok(too_slow(args, budget, shared, page));
    }
    // Inputs that were interrupted are reported below, as a timeout.
    scanned.gaps.retain(|gap| !(interrupted && gap.detail.starts_with(CUT_OFF)));

    shared.doing("checking which keys are new");
    let late = || shared.began.elapsed() > part(budget, LOOKING_UP);
    let push =
        Push { git: &git, range: &range, common, policy: &policy, engine: &engine, unreached: quarantine, late: &late };
    let Told { mut judged, gaps, aside } = push.tell(scanned)?;
    judged.pushed_config = judged.blocks() && brings_config(&git, &tips);

    let bypass = bypass(args);
    page.judged(&judged, Words { adds: "this push would add", remedy: OUT_OF_COMMITS, bypass, allows: false });
    page.gaps(&gaps, "part of this push", bypass);
    page.aside(&aside, args.check.strict, bypass);
    let absent = shared.absent.load(Relaxed);
    if absent > 0 {
        let objects = plural(absent, "object is", "objects are");
        page.line(format!(
            "keyradius: note: {objects} missing on this server, though this push refers to them: a shallow clone?"
        ));
    }
    let mut incomplete = !gaps.is_empty() || (args.check.strict && !(aside.is_empty() && absent == 0));
    if interrupted {
        incomplete |= too_slow(args, budget, shared, page) != Exit::Nothing && !judged.blocks();
    }
    Ok(Exit::of_scan(Outcome { failing: judged.blocks(), incomplete, ..Outcome::default() }, false, false))
}

const fn bypass(args: &PreReceiveArgs) -> &'static str {
    if args.no_push_option { NO_BYPASS } else { BYPASS }
}

/// Filters out and counts objects that are missing on the server: only a later push can add them, and is scanned then.
/// A server that fetches missing objects from a promisor has no such later check, so there they stay in the list and
/// count as unread.
fn there<'a>(git: &'a Git, mut names: Names<'a>, absent: &'a AtomicU64) -> Names<'a> {
    let mut fetches = None;
    Box::new(move || {
        loop {
            match names()? {
                Ok(name) => match name.strip_prefix('?') {
                    None => return Some(Ok(name)),
                    Some(name) => {
                        let fetches =
                            fetches.get_or_insert_with(|| git.value(&["config", "--get-regexp", PROMISOR]).is_some());
                        if *fetches {
                            return Some(Ok(name.to_owned()));
                        }
                        absent.fetch_add(1, Relaxed);
                    }
                },
                failed @ Err(_) => return Some(failed),
            }
        }
    })
}

/// Reports a push that took too long, or contained too much, and returns the exit code by `--on-timeout`.
fn too_slow(args: &PreReceiveArgs, budget: Duration, shared: &Shared, page: &mut Page) -> Exit {
    let (read, named) = (shared.tally.read.load(Relaxed), shared.tally.named.load(Relaxed));
    let listed = shared.tally.listed.load(Relaxed);
    let read = if listed { format!("{} of {}", count(read), count(named)) } else { count(read) };
    let doing = *shared.doing.lock().unwrap_or_else(PoisonError::into_inner);
    let stopped = format!("stopped while {doing}, after {read} objects");
    let budget = if shared.flood.load(Relaxed) {
        format!("because it contains more than {} keys, certificates and secrets", count(MATERIALS))
    } else {
        format!("within {}", duration(budget))
    };
    let holding = shared.holding.load(Relaxed);
    if args.on_timeout == OnTimeout::Allow && holding == 0 {
        page.line(format!("keyradius: WARNING: this push was NOT checked completely {budget}: {stopped}"));
        page.line("hint: run `keyradius scan` here, or raise --budget; `--on-timeout block` refuses such pushes");
        return Exit::Nothing;
    }
    page.line(format!("keyradius: this push is refused: it could not be checked completely {budget}: {stopped}"));
    if holding > 0 {
        page.line(format!("keyradius: {} a private key", plural(holding, "object contains", "objects contain")));
    }
    if args.no_push_option {
        page.line("hint: push fewer commits at a time, or ask the server's administrator to raise --budget");
    } else {
        page.line(
            "hint: push fewer commits at a time, or use -o keyradius.allow=\"why\" if this server accepts push options",
        );
        page.line("hint: on the server, raise --budget, or accept such pushes with --on-timeout allow");
    }
    Exit::Incomplete
}

/// Parses the new values of refs from lines of `<old> <new> <ref>`. Deletions are skipped.
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
                    "standard input is not in git's format for pre-receive: `<old oid> <new oid> <ref>`",
                )
                .hint("let git run this hook: see docs/hooks.md"));
            }
        }
    }
    Ok(tips)
}

/// Whether a new tip has a configuration at its root. It is never read, because the pusher controls it.
fn brings_config(git: &Git, tips: &[String]) -> bool {
    let ask: String = tips.iter().take(TIPS).flat_map(|tip| [tip.as_str(), ":keyradius.toml\n"]).collect();
    let answer = git.tell(&["cat-file", "--batch-check=%(objecttype)"], ask.as_bytes());
    answer.is_ok_and(|answer| answer::text(&answer).lines().any(|kind| kind == "blob"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deletions_have_no_new_tips() {
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
    fn parts_of_a_time_add_up_to_it() {
        assert_eq!(part(Duration::from_secs(4), READING), Duration::from_millis(3500));
        assert_eq!(part(Duration::MAX, READING), Duration::MAX);
        assert_eq!(part(Duration::ZERO, LOOKING_UP), Duration::ZERO);
    }
}
