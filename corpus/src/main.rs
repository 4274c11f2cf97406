//! The corpus on the command line: scores the scanner, packs and unpacks samples, runs mutants.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use keyradius_core::hex::hex;
use keyradius_core::material::{Identity, PublicHalf};
use keyradius_corpus::exam;
use keyradius_corpus::expect;
use keyradius_corpus::mutants;
use keyradius_corpus::pack::{self, File};
use keyradius_corpus::scenario;
use keyradius_corpus::score::{Breach, score, table};
use keyradius_corpus::skeleton;
use keyradius_judgement::weak;

const USAGE: &str = "\
keyradius-corpus score [-v] [FAMILY...]   score the scanner; -v lists every fault; exit 1 if a promise is broken
keyradius-corpus pack DIR FILE            pack the files of DIR
keyradius-corpus unpack FILE DIR          unpack; DIR then contains real private keys
keyradius-corpus scenarios [NAME]         judge all scenarios, or those whose names start with NAME; exit 1 below the promise
keyradius-corpus weak FILE...             print the SubjectPublicKeyInfo and the weaknesses of every public key in the files
keyradius-corpus new [--locked] ID        write the files of a new format, to be filled in; --locked for a password-protected format
keyradius-corpus exam SHEET --from DIR   judge the keys of real repositories below DIR (OWNER/NAME, OWNER+NAME or NAME);
                                         sheets: first, second
keyradius-corpus mutants [--ci] [--check] [--target DIR] [PREFIX...]
                                          make one change at a time in a copy and check that a test fails; exit 1 if none does.
                                          --ci only those marked ci; --check only checks that the list fits the code
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["score", rest @ ..] => run_score(rest),
        ["pack", dir, file] => run_pack(Path::new(dir), Path::new(file)),
        ["unpack", file, dir] => run_unpack(Path::new(file), Path::new(dir)),
        ["scenarios"] => run_scenarios(""),
        ["scenarios", prefix] => run_scenarios(prefix),
        ["weak", files @ ..] => run_weak(files),
        ["exam", sheet, "--from", from] if exam::SHEETS.contains(sheet) => run_exam(sheet, Path::new(from)),
        ["mutants", rest @ ..] => run_mutants(rest),
        ["new", "--locked", id] => run_new(id, true),
        ["new", id] => run_new(id, false),
        ["--help" | "-h" | "help"] => say(USAGE).map(|()| ExitCode::SUCCESS),
        _ => Err(format!("usage:\n{USAGE}").into()),
    };
    done.unwrap_or_else(|error| {
        // If this fails too, there is nowhere to report it.
        let _ = writeln!(io::stderr(), "keyradius-corpus: {error}");
        ExitCode::from(2)
    })
}

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn say(text: &str) -> Outcome<()> {
    Ok(io::stdout().write_all(text.as_bytes())?)
}

fn run_score(words: &[&str]) -> Outcome<ExitCode> {
    let verbose = words.contains(&"-v");
    let families: Vec<&str> = words.iter().copied().filter(|w| *w != "-v").collect();
    let dir = keyradius_corpus::cases_dir();
    let cases = if families.is_empty() {
        expect::load_all(&dir)?
    } else {
        families.iter().map(|f| expect::load(&dir.join(f))).collect::<Result<_, _>>()?
    };
    let mut rows = Vec::new();
    let mut faults = Vec::new();
    for case in &cases {
        let (tally, found) = score(case);
        rows.push((case.expect.id.clone(), tally));
        faults.extend(found);
    }
    if verbose {
        for fault in &faults {
            let stretch = if fault.stretch { " (stretch)" } else { "" };
            say(&format!("{}{stretch} {}/{}: {}\n", fault.breach.word(), fault.family, fault.file, fault.what))?;
        }
    }
    say(&table(&rows))?;
    let broken = faults.iter().any(|f| !f.stretch && f.breach <= Breach::WrongIdentity);
    Ok(if broken { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn run_scenarios(prefix: &str) -> Outcome<ExitCode> {
    let scratch = std::env::temp_dir().join(format!("keyradius-scenarios-{}", std::process::id()));
    let outcome = scenario::judge(&scratch, prefix)?;
    say(&outcome.table())?;
    Ok(if outcome.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run_exam(sheet: &str, from: &Path) -> Outcome<ExitCode> {
    let questions = exam::questions(&fs::read_to_string(exam::sheet(sheet))?)?;
    let scratch = std::env::temp_dir().join(format!("keyradius-exam-{}", std::process::id()));
    say(&exam::take(&questions, from, &scratch)?.text())?;
    Ok(ExitCode::SUCCESS)
}

fn run_pack(dir: &Path, file: &Path) -> Outcome<ExitCode> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry
            .file_name()
            .into_string()
            .map_err(|name| format!("{} is not UTF-8", PathBuf::from(name).display()))?;
        files.push(File { name, bytes: fs::read(entry.path())? });
    }
    fs::write(file, pack::write(&files)?)?;
    Ok(ExitCode::SUCCESS)
}

fn run_unpack(file: &Path, dir: &Path) -> Outcome<ExitCode> {
    let files = pack::read(&fs::read(file)?)?;
    fs::create_dir_all(dir)?;
    for file in files {
        fs::write(dir.join(&file.name), &file.bytes)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints one line per key: the SubjectPublicKeyInfo in hex, a tab, and `id=grade` for each weakness, including shared
/// primes.
fn run_weak(files: &[&str]) -> Outcome<ExitCode> {
    let mut keys = BTreeMap::new();
    for file in files {
        let harvest = keyradius_detectors::engine().bytes(file, &fs::read(file)?);
        for occurrence in harvest.occurrences {
            if let Some(Identity::Public(half)) = occurrence.material.identity {
                keys.insert(half.spki.clone(), half);
            }
        }
    }
    let keys: Vec<&PublicHalf> = keys.values().map(|half| &**half).collect();
    let mut found: Vec<_> = keys.iter().map(|key| weak::check(key)).collect();
    for (index, weakness) in weak::shared_primes(&keys) {
        if let Some(list) = found.get_mut(index) {
            list.push(weakness);
        }
    }
    for (key, found) in keys.iter().zip(found) {
        let spki = hex(&key.spki);
        let words: Vec<_> = found
            .iter()
            .map(|weakness| {
                format!("{}={}", weakness.id, if weakness.computable { "computable" } else { weakness.grade.id() })
            })
            .collect();
        say(&format!("{spki}\t{}\n", words.join(" ")))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn run_new(id: &str, locked: bool) -> Outcome<ExitCode> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("no checkout")?;
    for path in skeleton::make(root, id, locked)? {
        say(&format!("{}\n", path.display()))?;
    }
    say(&format!(
        "Next: fill in the source, fill in corpus/cases/{id}/make.py and run make.sh beside it, then\n    \
         cargo test -p keyradius-formats {id}\n    \
         cargo run -p keyradius-corpus -- score -v {id}\n    \
         UPDATE_EXPECT=1 cargo test -p keyradius-corpus --test it docs\n    \
         cargo test -p keyradius-corpus\n\
         See \"Add a format\" in CONTRIBUTING.md.\n"
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn run_mutants(words: &[&str]) -> Outcome<ExitCode> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("no checkout")?;
    // The target folder of the checkout, to reuse its built dependencies.
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let mut plan = mutants::Plan { target: root.join(target), ..mutants::Plan::default() };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "--ci" => plan.ci = true,
            "--check" => plan.check = true,
            "--target" => plan.target = std::path::absolute(words.next().ok_or("--target needs a folder")?)?,
            word if word.starts_with('-') => return Err(format!("unknown option {word}").into()),
            prefix => plan.prefixes.push(prefix.to_owned()),
        }
    }
    // Printed as it goes: a full run takes minutes.
    let tally = mutants::run(root, &plan, &mut |line| drop(say(&format!("{line}\n"))))?;
    say(&tally.to_string())?;
    Ok(if tally.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
