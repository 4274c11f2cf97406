//! `keyradius hunt`: every copy of a key, wherever bytes are.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use keyradius_core::blob::printable_path;
use keyradius_core::engine::Progress;
use keyradius_core::secret::Secret;
use keyradius_core::source::digest::Digests;
use keyradius_detectors::hunt;
use keyradius_target::{Form, Targets, Unusable};

use super::evidence::{self, Bundle};
use super::{scan, tell};
use crate::args::hunt::{HuntArgs, HuntFailOn, HuntFormat};
use crate::args::{OutArgs, ScanArgs, TellArgs, is_stdin};
use crate::choice::Only;
use crate::confine::Guard;
use crate::exit::{Exit, Failure, plain};
use crate::moment;
use crate::out;
use crate::plan::{Output, Plan};
use crate::report::hunt::{self as answer, Hunt};
use crate::report::json;
use crate::report::words::plural;
use crate::surroundings::Surroundings;

/// Maximum size of a target file, in bytes: a keystore has some kilobytes.
const LARGEST: u64 = 16 << 20;

/// Maximum number of targets.
const MOST: usize = 100_000;

/// Maximum number of numbers and layouts that are searched for: 17 of each RSA modulus. They take half a gigabyte.
const MOST_PATTERNS: usize = 200_000;

/// A target as typed: its text, and its bytes if it is a file.
struct Typed {
    shown: String,
    /// The content of a file, or of standard input.
    bytes: Option<Vec<u8>>,
    /// Whether it is a line of a list, not an argument.
    listed: bool,
}

/// Hunts, and returns the exit code.
pub(crate) fn run(args: HuntArgs, around: &Surroundings, guard: Guard) -> Result<Exit, Failure> {
    let began = Instant::now();
    let typed = read_targets(&args.targets, &args.sources, &around.directory)?;
    let mut bundle = Bundle::create(&args, around)?;
    let redact = args.redact;
    let (form, fail_on, format) = (args.form, args.fail_on, args.format);
    let given = args.passwords.as_deref().map(|path| passwords(path, &around.directory)).transpose()?;
    let mut plan = Plan::new(scan_args(args), around)?;
    plan.given = given.unwrap_or_default();
    let quiet = plan.telling.quiet;
    let confinement = match &bundle {
        Some(bundle) => Some(tell::confine_to(&plan.telling, guard, bundle.place())?),
        None => tell::confine(&plan.telling, guard).map(|()| None)?,
    };
    let progress = Arc::new(Progress::default());
    scan::stop_on_ctrl_c(&progress, quiet)?;
    let mut targets = targets(typed, form, &plan.given, quiet)?;
    log(&mut bundle, "targets parsed", || plural(targets.list().len() as u64, "target", "targets"));
    let sources = plan.targets.clone();
    let digests = Digests::default();
    let digesting = bundle.is_some();
    let search = |targets: &Targets| {
        let engine = hunt::engine(targets, plan.limits);
        let engine = if digesting { engine.digesting(&digests) } else { engine };
        scan::read(&plan, &sources, &engine, &progress)
    };
    let mut facts = search(&targets)?;
    let mut before = Vec::new();
    let learned = hunt::learned(&targets, &facts.occurrences);
    if !learned.is_empty() && !facts.counts.interrupted {
        if sources.iter().any(|source| is_stdin(source)) {
            out::people(
                "note: a match shows the key of a target that was given by a name only; standard input cannot be read \
                 again for the key itself: hunt for the key, by `keyradius identify`",
            );
        } else {
            if !quiet {
                out::people(
                    "note: a match shows the key of a target that was given by a name only; searching again for it",
                );
            }
            targets.learn(learned);
            targets = targets.ready();
            before = digests.take().0;
            log(&mut bundle, "searching again, for the keys that names led to", String::new);
            facts = search(&targets)?;
        }
    }
    log(&mut bundle, if facts.counts.interrupted { "interrupted" } else { "searched" }, || {
        plural(facts.counts.files, "file", "files")
    });
    let ended = scan::ended(&plan, began);
    let mut answer =
        Hunt::of(&targets, facts, &sources, (plan.telling.clock.started, ended), &|path| written(&plan, path));
    if redact {
        answer.redact();
    }
    if let (Some(bundle), Some(confinement)) = (bundle, confinement) {
        let (read, unlisted) = digests.take();
        let (read, changed) = evidence::settled(read, &before);
        bundle.write(&plan, &confinement, (&answer, exit(&answer, fail_on)), (&read, unlisted, changed))?;
    }
    let output = std::mem::replace(&mut plan.telling.output, Output::Stdout);
    tell::deliver(output, &|out| match format {
        HuntFormat::Human => answer::human::render(&answer, out),
        HuntFormat::Json => json::pretty(&answer, out),
    })?;
    if !quiet {
        out::people(answer::human::summary(&answer));
    }
    Ok(exit(&answer, fail_on))
}

fn log(bundle: &mut Option<Bundle>, event: &'static str, detail: impl Fn() -> String) {
    if let Some(bundle) = bundle {
        bundle.log(event, Some(detail()).filter(|detail| !detail.is_empty()));
    }
}

/// When a file was last written. A frozen clock omits times.
fn written(plan: &Plan, path: &Path) -> Option<i64> {
    if plan.telling.clock.frozen || is_stdin(path) {
        return None;
    }
    let modified = plan.telling.directory.join(path).metadata().ok()?.modified().ok()?;
    Some(moment::of_system(modified).as_second())
}

fn exit(answer: &Hunt, fail_on: HuntFailOn) -> Exit {
    let metadata = fail_on == HuntFailOn::Metadata;
    if answer.interrupted() {
        Exit::Interrupted
    } else if answer.keys() > 0 || (metadata && answer.mentions() > 0) {
        Exit::Findings
    } else if answer.is_complete() {
        Exit::Nothing
    } else {
        Exit::Incomplete
    }
}

/// The options of a scan that reads what the hunt reads. A hunt obeys no configuration and no marks: who hid a key may
/// have written them.
fn scan_args(args: HuntArgs) -> ScanArgs {
    let out = OutArgs { output: args.output, quiet: args.quiet, ..OutArgs::default() };
    let tell = TellArgs {
        out,
        reproducible: args.reproducible,
        jobs: args.jobs,
        no_config: true,
        no_inline_allow: true,
        ..TellArgs::default()
    };
    ScanArgs {
        paths: args.sources,
        tell,
        progress: args.progress,
        history: args.history,
        only: Some(Only::Signing),
        no_passwords: args.no_passwords,
        one_file_system: args.one_file_system,
        limits: args.limits,
        ..ScanArgs::default()
    }
}

/// Reads the files that targets name, before the process gives up its rights.
fn read_targets(texts: &[String], sources: &[PathBuf], here: &Path) -> Result<Vec<Typed>, Failure> {
    let mut all = Vec::new();
    for text in texts {
        match text.strip_prefix('@') {
            Some(list) => {
                let bytes = read(Path::new(list), here)?;
                let lines = String::from_utf8_lossy(&bytes).into_owned();
                let lines = lines
                    .trim_start_matches('\u{feff}')
                    .lines()
                    .map(str::trim)
                    .filter(|line| !line.is_empty() && !line.starts_with('#'));
                for line in lines {
                    all.push(Typed { listed: true, ..typed(line, here)? });
                }
            }
            None if text == "-" && sources.iter().any(|source| is_stdin(source)) => {
                return Err(Failure::new("standard input is a target and a source")
                    .hint("put the target into a file: standard input can be read only once"));
            }
            None => all.push(typed(text, here)?),
        }
        if all.len() > MOST {
            return Err(Failure::new(format!("more than {MOST} targets")).hint("hunt for them in several runs"));
        }
    }
    if all.is_empty() {
        return Err(Failure::new("the list of targets is empty").hint("write one target on each line"));
    }
    Ok(all)
}

fn typed(text: &str, here: &Path) -> Result<Typed, Failure> {
    let path = Path::new(text);
    let is_file = is_stdin(path) || here.join(path).is_file();
    let bytes = is_file.then(|| read(path, here)).transpose()?;
    if here.join(path).is_dir() {
        return Err(Failure::new(format!("the target {} is a directory", printable_path(path)))
            .hint("a target is a key file or a name of a key; directories to search come last, without -t"));
    }
    let shown = if is_stdin(path) { "standard input".to_owned() } else { text.to_owned() };
    Ok(Typed { shown, bytes, listed: false })
}

/// Reads a file; `-` is standard input.
pub(super) fn read_within(path: &Path, here: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    let shown = printable_path(path);
    let mut bytes = Vec::new();
    let done = if is_stdin(path) {
        std::io::stdin().lock().take(most + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(here.join(path)).and_then(|file| file.take(most + 1).read_to_end(&mut bytes))
    };
    done.map_err(|error| {
        Failure::new(format!("cannot read {shown}: {}", plain(&error)))
            .hint("check that it exists and that you have permission to read it")
    })?;
    if bytes.len() as u64 > most {
        return Err(Failure::new(format!("{shown} is larger than {most} bytes")).hint("name the file of one key"));
    }
    Ok(bytes)
}

fn read(path: &Path, here: &Path) -> Result<Vec<u8>, Failure> {
    read_within(path, here, LARGEST)
}

/// The passwords of a list, one on each line; spaces count.
pub(super) fn passwords(path: &Path, here: &Path) -> Result<Vec<Secret<Vec<u8>>>, Failure> {
    let bytes = Secret::new(read_within(path, here, LARGEST)?);
    let lines = bytes.expose().split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    Ok(lines.filter(|line| !line.is_empty()).map(|line| Secret::new(line.to_vec())).collect())
}

/// The targets, parsed. Runs after the process gave up its rights: target files are foreign bytes too.
fn targets(
    typed: Vec<Typed>,
    form: Option<Form>,
    passwords: &[Secret<Vec<u8>>],
    quiet: bool,
) -> Result<Targets, Failure> {
    let mut targets = Targets::new();
    for Typed { shown, bytes, listed } in typed {
        if let Some(bytes) = bytes {
            if hunt::add_file(&mut targets, &shown, &bytes, passwords) == 0 {
                // A file with a name in it, such as the output of `openssl rsa -modulus`.
                if let Some(names) =
                    str::from_utf8(&bytes).ok().and_then(|text| keyradius_target::parse(text, form).ok())
                {
                    targets.add_names(&shown, names);
                    continue;
                }
                return Err(Failure::new(format!("no key found in the target {}", printable_path(Path::new(&shown))))
                    .hint(
                        "`keyradius identify` shows what is in a file; a locked key without a readable public half \
                         has no name to look for: put its password into a file, and name that with --passwords",
                    ));
            }
            continue;
        }
        let why = match keyradius_target::parse(&shown, form) {
            Ok(names) => {
                // A number may be a private one by mistake: it is not repeated.
                let is_number = names.iter().any(|name| name.form == Form::Modulus);
                let shown = if is_number { format!("a modulus of {} characters", shown.len()) } else { shown };
                if !quiet && form.is_none() && !listed {
                    note_ambiguous(&shown);
                }
                targets.add_names(&shown, names);
                continue;
            }
            Err(why) => why,
        };
        if !listed && hunt::is_private(&shown) {
            return Err(Failure::new("a target on the command line is a private key, and other users can see it")
                .hint("put it into a file that only you can read, and name that file"));
        }
        // A public key in a line: of SSH, of age, a pinned key in PEM.
        if form.is_some() || hunt::add_file(&mut targets, &shown, shown.as_bytes(), passwords) == 0 {
            return Err(unusable(&shown, why));
        }
    }
    if targets.patterns() > MOST_PATTERNS {
        return Err(Failure::new("the numbers of so many keys do not fit into memory")
            .hint("hunt for at most 10,000 RSA keys, or 30,000 others, in one run; names alone may be 100,000"));
    }
    Ok(targets.ready())
}

/// 64 digits may be a private key themselves.
fn note_ambiguous(shown: &str) {
    let is_plain_hex = shown.len() == 64 && shown.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_plain_hex {
        out::people(
            "note: 64 digits are taken as a digest; if they are a private key, other users can see them here: put them \
             into a file and name it",
        );
    }
}

fn unusable(shown: &str, why: Unusable) -> Failure {
    match why {
        Unusable::TooShort => Failure::new(format!("{shown} is too short: one key in four billion has the same name"))
            .hint("use the whole fingerprint, or at least the key id of 16 digits"),
        Unusable::Unknown => {
            let shown = printable_path(Path::new(shown));
            Failure::new(format!("{shown} is neither a file nor a name of a key")).hint(
                "if it is a file, check its path; names of people and hosts need `cn:` or `alias:` before them; \
                     `keyradius hunt --help` lists the forms, and `--as` may name one that does not fit",
            )
        }
    }
}
