//! `keyradius.toml`: defaults of a scan, and which findings are allowed.
//!
//! The configuration is read from the user's own tree only, never from scanned content: a scanned tree cannot silence
//! its scanner.

use std::path::{Path, PathBuf};

use keyradius_core::blob::printable_path;
use serde::Deserialize;
use toml::{Spanned, Value};

use crate::allow::{AllowList, Entry, RawAllow};
use crate::args::LimitArgs;
use crate::bounded;
use crate::choice::FailOn;
use crate::exit::Failure;
use crate::exit::plain;
use crate::repository;
use crate::rules::{RawExcuse, RawSecret, Rules};
use crate::suggest;
use crate::units;

/// The file name of a configuration.
const NAME: &str = "keyradius.toml";

/// A checked configuration.
#[derive(Debug, Default)]
pub(crate) struct Config {
    pub(crate) jobs: Option<usize>,
    pub(crate) fail_on: Option<FailOn>,
    pub(crate) one_file_system: bool,
    pub(crate) strict: bool,
    /// Whether marks beside keys are obeyed.
    pub(crate) inline_allow: Option<bool>,
    pub(crate) limits: LimitArgs,
    pub(crate) allow: AllowList,
    pub(crate) rules: Rules,
}

/// The configuration file as parsed, not yet checked.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawConfig {
    scan: RawScan,
    allow: Vec<Spanned<RawAllow>>,
    secret: Vec<Spanned<RawSecret>>,
    secret_allow: Vec<RawExcuse>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawScan {
    jobs: Option<usize>,
    fail_on: Option<Spanned<Value>>,
    one_file_system: bool,
    strict: bool,
    inline_allow: Option<bool>,
    max_file_size: Option<Spanned<Value>>,
    max_expanded: Option<Spanned<Value>>,
    max_ratio: Option<u64>,
    max_members: Option<u64>,
    max_held: Option<Spanned<Value>>,
    max_depth: Option<u32>,
    timeout_per_file: Option<Spanned<Value>>,
    timeout_per_archive: Option<Spanned<Value>>,
    max_password_work: Option<Spanned<Value>>,
}

/// Finds the nearest `keyradius.toml` in this directory or above it, up to the root of the repository; outside a
/// repository, in this directory only. Returns `None` if no target is below the directory of that file.
pub(crate) fn find(here: &Path, targets: &[PathBuf]) -> Option<PathBuf> {
    let root = repository::around(here);
    let found = here
        .ancestors()
        .take_while(|directory| directory.starts_with(root))
        .map(|directory| directory.join(NAME))
        .find(|path| path.is_file())?;
    let governed = found.parent()?.canonicalize().ok()?;
    let governs = |target: &PathBuf| {
        crate::args::is_stdin(target) || here.join(target).canonicalize().is_ok_and(|path| path.starts_with(&governed))
    };
    targets.iter().any(governs).then_some(found)
}

impl Config {
    /// Reads and checks the file at `path`, called `name` in messages. `asked`: whether the user named the file.
    pub(crate) fn read(path: &Path, name: &Path, asked: bool) -> Result<Self, Failure> {
        let name = printable_path(name);
        let text = bounded::text(path, bounded::CONFIG).map_err(|error| {
            Failure::new(format!("cannot read configuration {name}: {}", plain(&error)))
                .hint("name a TOML file with --config, or use --no-config")
        })?;
        let base = path.parent().map(|parent| parent.canonicalize().unwrap_or_else(|_| parent.to_owned()));
        Self::parse(&text, &name, base.unwrap_or_default(), asked)
    }

    /// Parses and checks the text of a configuration in the directory `base`.
    pub(crate) fn parse(text: &str, name: &str, base: PathBuf, asked: bool) -> Result<Self, Failure> {
        let at = |offset: usize| format!("{name}:{}", line_of(text, offset));
        let raw: RawConfig = toml::from_str(text).map_err(|error| {
            let place = at(error.span().map_or(0, |span| span.start));
            let message = error.message().lines().next().unwrap_or("not TOML").to_owned();
            Failure::new(format!("{place}: {message}")).hint(unknown_key_hint(error.message()))
        })?;
        let scan = raw.scan;
        let mut entries = Vec::new();
        for entry in raw.allow {
            let place = at(entry.span().start);
            let entry = Entry::new(entry.into_inner(), &place)
                .map_err(|(what, hint)| Failure::new(format!("{place}: [[allow]]: {what}")).hint(hint))?;
            entries.push(entry);
        }
        let mut rules = Rules::default();
        for secret in raw.secret {
            let place = at(secret.span().start);
            let rule = secret
                .into_inner()
                .rule()
                .map_err(|(what, hint)| Failure::new(format!("{place}: [[secret]]: {what}")).hint(hint))?;
            rules.rules.push((place, rule));
        }
        rules.for_all = raw.secret_allow.into_iter().map(RawExcuse::allow).collect();
        Ok(Self {
            jobs: scan.jobs,
            fail_on: setting("fail_on", scan.fail_on, FailOn::parse, &at)?,
            one_file_system: scan.one_file_system,
            strict: scan.strict,
            inline_allow: scan.inline_allow,
            limits: LimitArgs {
                max_file_size: setting("max_file_size", scan.max_file_size, units::size, &at)?,
                max_expanded: setting("max_expanded", scan.max_expanded, units::size, &at)?,
                max_ratio: scan.max_ratio,
                max_members: scan.max_members,
                max_held: setting("max_held", scan.max_held, units::size, &at)?,
                max_depth: scan.max_depth,
                timeout_per_file: setting("timeout_per_file", scan.timeout_per_file, units::duration, &at)?,
                timeout_per_archive: setting("timeout_per_archive", scan.timeout_per_archive, units::duration, &at)?,
                max_password_work: setting("max_password_work", scan.max_password_work, units::duration, &at)?,
            },
            allow: AllowList::new(entries, base, asked),
            rules,
        })
    }
}

/// Parses a setting, which accepts the same values as the flag of the same name, as a string or a bare number.
fn setting<T>(
    key: &str,
    value: Option<Spanned<Value>>,
    parse: impl Fn(&str) -> Result<T, String>,
    at: &impl Fn(usize) -> String,
) -> Result<Option<T>, Failure> {
    let Some(value) = value else { return Ok(None) };
    let place = at(value.span().start);
    let text = match value.into_inner() {
        Value::String(text) => text,
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        other => other.type_str().to_owned(),
    };
    parse(&text).map(Some).map_err(|expected| {
        Failure::new(format!("{place}: {key} = {text:?}: {expected}"))
            .hint("use a value that the flag of the same name accepts")
    })
}

/// The line of the byte at `offset`, counted from 1.
fn line_of(text: &str, offset: usize) -> usize {
    1 + text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count()
}

/// Suggests the intended name for serde's message ``unknown field `a`, expected one of `b`, `c` ``.
fn unknown_key_hint(message: &str) -> String {
    let otherwise = "docs/config.md lists all settings; [scan] accepts the options of `keyradius scan --help`";
    if !message.contains("unknown field") {
        return otherwise.to_owned();
    }
    let mut names = message.split('`').skip(1).step_by(2);
    let Some(unknown) = names.next() else { return otherwise.to_owned() };
    let known: Vec<&str> = names.collect();
    suggest::hint(unknown, known.iter().copied(), &format!("known here: {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn check(text: &str) -> String {
        match Config::parse(text, "keyradius.toml", PathBuf::from("/home/me/tree"), false) {
            Ok(_) => "ok".to_owned(),
            Err(failure) => failure.to_string(),
        }
    }

    #[test]
    fn every_setting_is_in_the_manual() {
        let manual = include_str!("../../docs/config.md");
        let unknown = Config::parse("[scan]\nno_such_key = 1\n", "x.toml", PathBuf::new(), false);
        let message = unknown.expect_err("an unknown key").to_string();
        let keys: Vec<&str> = message.split('`').skip(3).step_by(2).filter(|key| !key.contains(' ')).collect();
        assert!(keys.contains(&"max_held") && keys.len() >= 14, "{message}");
        for key in keys {
            assert!(manual.contains(&format!("| `{key}` |")), "{key}");
        }
    }

    #[test]
    fn every_setting_is_read() {
        let config = Config::parse(
            "[scan]\njobs = 3\nfail_on = 'signing'\none_file_system = true\nstrict = true\nmax_file_size = '1MiB'\n\
             max_expanded = 4096\nmax_depth = 2\ntimeout_per_file = '5s'\n",
            "keyradius.toml",
            PathBuf::new(),
            false,
        )
        .expect("a good configuration");
        assert_eq!((config.jobs, config.fail_on, config.limits.max_depth), (Some(3), Some(FailOn::Signing), Some(2)));
        assert_eq!((config.limits.max_file_size, config.limits.max_expanded), (Some(1 << 20), Some(4096)));
        assert_eq!(config.limits.timeout_per_file, Some(Duration::from_secs(5)));
        assert!(config.one_file_system && config.strict);
        assert_eq!(check("[scan]\nfail_on = 7.5\n"), "ok");
        assert_eq!(check(""), "ok");
    }

    #[test]
    fn mistakes_are_reported_with_line_and_hint() {
        for (text, error, hint) in [
            ("[scan]\nfail_onn = 'any'\n", "keyradius.toml:2: unknown field `fail_onn`", "did you mean `fail_on`?"),
            ("\n[[allow]]\npth = 'a'\n", "keyradius.toml:3: unknown field `pth`", "did you mean `path`?"),
            ("[scna]\n", "keyradius.toml:1: unknown field `scna`", "did you mean `scan`?"),
            ("[zzz]\n", "keyradius.toml:1: unknown field `zzz`", "known here: scan, allow, secret, secret_allow"),
            ("[scan]\nmax_file_size = 'big'\n", "keyradius.toml:2: max_file_size = \"big\"", "the flag"),
            ("[scan]\njobs = \n", "keyradius.toml:2: ", "docs/config.md"),
            ("[[allow]]\npath = 'a'\n", "keyradius.toml:1: [[allow]]: no reason", "reason = "),
            ("[[allow]]\nreason = 'x'\n", "keyradius.toml:1: [[allow]]: must name what to allow", "exactly one"),
            ("[[allow]]\npath = 'a'\nkey = 'b'\nreason = 'x'\n", "[[allow]]: finding, key and path", "exactly one"),
            ("[[allow]]\nkey = 'b'\nreason = 'x'\n", "[[allow]]: key = \"b\" is not a key identity", "64 hex"),
            ("[[allow]]\nfinding = 'pkcs8'\nreason = 'x'\n", "[[allow]]: finding = \"pkcs8\" is not", "kr1:"),
            ("[[allow]]\npath = 'a[b'\nreason = 'x'\n", "[[allow]]: path = \"a[b\"", "glob"),
            ("[[allow]]\npath = 'a'\nreason = 'x'\nuntil = 'soon'\n", "until = \"soon\" is not a date", "YYYY-MM-DD"),
        ] {
            let told = check(text);
            assert!(told.contains(error), "{text:?}: {told}");
            assert!(told.split_once("\nhint: ").is_some_and(|(_, told)| told.contains(hint)), "{text:?}: {told}");
        }
    }

    #[test]
    fn rules_of_the_user_are_read_and_checked() {
        let compiled = |text: &str| {
            let config = Config::parse(text, "keyradius.toml", PathBuf::new(), false);
            match config.and_then(|config| config.rules.compile()) {
                Ok(rules) => format!("{}", rules.is_some()),
                Err(failure) => failure.to_string(),
            }
        };
        let good = "[[secret]]\nid = 'acme'\nregex = 'acme_[0-9a-f]{32}'\nanchors = ['acme_']\nentropy = 3.0\n\
                    class = 'publish'\n[[secret.allow]]\nstopwords = ['test']\n[[secret_allow]]\npaths = ['^tests/']\n";
        assert_eq!(compiled(good), "true");
        assert_eq!(compiled(""), "false");
        for (text, error) in [
            (
                "\n[[secret]]\nid = 'a'\nregex = 'b'\n",
                "keyradius.toml:2: [[secret]] a: no anchor or keyword of 4 bytes",
            ),
            ("[[secret]]\nid = 'a'\n", "keyradius.toml:1: [[secret]]: no regex"),
            ("[[secret]]\nid = 'a'\nregx = 'b'\n", "keyradius.toml:3: unknown field `regx`"),
            ("[[secret]]\nid = 'a'\nclass = 'big'\n", "keyradius.toml:3: unknown variant `big`"),
        ] {
            assert!(compiled(text).contains(error), "{}", compiled(text));
        }
    }

    #[test]
    fn dates_may_be_written_either_way() {
        assert_eq!(check("[[allow]]\npath = 'a'\nreason = 'x'\nuntil = '2027-01-31'\n"), "ok");
        assert_eq!(check("[[allow]]\npath = 'a'\nreason = 'x'\nuntil = 2027-01-31\n"), "ok");
    }
}
