//! Commands: a tool, and the arguments that name its key and its password.

use std::ops::Range;

use keyradius_core::material::Name;
use zeroize::Zeroizing;

use super::finds::{Finds, shown};
use super::need::Surroundings;
use super::tables::{Part, Rule, Tables};
use super::text::Dialect;
use super::value::{self, Found, Raw, ValueContext};
use super::variables::Variables;
use super::word::{Kind, Word, words};

/// Most arguments of one command that are read. The longest real command (a table of x509 options) has 60.
const ARGUMENTS: usize = 256;

/// Most commands of one statement. A line with more tools is a list of words.
const COMMANDS: usize = 32;

/// Deepest nesting of a command in strings: `sh -c "..."` in a string of JSON.
const DEPTH: usize = 3;

/// The context in which a statement is read.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) tables: &'a Tables,
    pub(super) dialect: Dialect,
    pub(super) variables: &'a Variables<'a>,
    pub(super) around: &'a Surroundings<'a>,
    pub(super) comment: bool,
}

/// A command that matches a rule.
struct Command {
    /// The word that names the tool.
    span: Range<usize>,
    names: Vec<Name>,
    /// Field, offset and text of each password.
    passwords: Vec<(String, usize, Zeroizing<Vec<u8>>)>,
    comment: bool,
}

impl Command {
    fn hand_over(mut self, rule: &Rule, out: &mut Finds) {
        // An alias equal to the password would reveal it.
        self.names
            .retain(|name| !self.passwords.iter().any(|(_, _, secret)| secret.as_slice() == name.text().as_bytes()));
        let about = shown(&self.names);
        let named = self.names.iter().any(|name| !matches!(name, Name::Variable(_)))
            || (!self.names.is_empty() && rule.parts().any(|(part, _)| part != Part::Password));
        for (field, at, secret) in self.passwords {
            out.password(at, field, secret, about.clone());
        }
        if named {
            out.line(rule, self.span, self.names, self.comment);
        }
    }
}

/// Reads every command of a statement.
pub(super) fn read(statement: &str, base: usize, context: Context<'_>, out: &mut Finds) {
    let list = words(statement, base, false, context.dialect);
    let mut left = COMMANDS;
    look(&list, context, DEPTH, &mut left, out);
}

fn look(list: &[Word], context: Context<'_>, depth: usize, left: &mut usize, out: &mut Finds) {
    for (number, word) in list.iter().enumerate().filter(|(_, word)| word.is_word()) {
        if *left == 0 {
            return;
        }
        let spaced = word.text.contains(char::is_whitespace);
        if let Some(tool) = tool(word, context) {
            let rules = context.tables.words.tool(&tool);
            let rest = list.get(number + 1..).unwrap_or_default();
            if !rules.is_empty() && rest.first().is_none_or(|next| next.kind != Kind::Redirect) {
                *left -= 1;
                let before = list.get(..number).unwrap_or_default();
                for &rule in rules {
                    apply(rule, word, before, rest, context, out);
                }
            }
        }
        // A command inside a string.
        if spaced && word.kind == Kind::Quoted && depth > 0 && word.text.len() > 8 {
            let inner = words(&word.text, word.at, true, context.dialect);
            look(&inner, context, depth - 1, left, out);
        }
    }
}

/// The tool named by a word, in lower case, without directories and extension; or the variable that contains it.
fn tool(word: &Word, context: Context<'_>) -> Option<String> {
    let text = word.text.as_str();
    if text.len() > 512 || text.is_empty() {
        return None;
    }
    let mut name = text.to_owned();
    if text.contains(['$', '%', '{']) {
        let filled = context.variables.fill(text, word.at, context.dialect);
        name = match filled.unknown {
            // `$(SIGNTOOL)`, `%SIGNTOOL_PATH%`, or a directory before the name: `$(BIN)/signtool`.
            Some(unknown) => {
                let behind = filled.text.get(filled.known_from..).unwrap_or_default();
                if behind.contains(['/', '\\']) { behind.to_owned() } else { unknown }
            }
            None => filled.text.to_string(),
        };
        // The first word of `SIGN = signtool sign` is the tool.
        if name.contains("sign") && !name.contains(['/', '\\']) {
            name = name.split_whitespace().next().unwrap_or_default().to_owned();
        }
    }
    // `$signtool`, whatever its value: a search of the disk, or a path built at run time.
    let called = text.trim_start_matches(['$', '%', '(', '{']).trim_end_matches([')', '}', '%']).to_ascii_lowercase();
    if called != text && !context.tables.words.tool(&called).is_empty() {
        return Some(called);
    }
    let name = name.trim().trim_matches('"').to_ascii_lowercase();
    let base = name.rsplit(['/', '\\']).next().unwrap_or(&name);
    let base = [".exe", ".jar", ".bat", ".cmd", ".py", ".sh", ".rb"]
        .iter()
        .find_map(|extension| base.strip_suffix(extension))
        .unwrap_or(base);
    let known = |name: &str| !context.tables.words.tool(name).is_empty();
    if known(base) {
        return Some(base.to_owned());
    }
    let short = ["_path", "_exe", "_bin", "_cmd", "_tool", "path", "exe", "_jar"]
        .iter()
        .find_map(|end| base.strip_suffix(end))
        .unwrap_or(base);
    [short.to_owned(), short.replace('_', "-"), short.replace('_', "")].into_iter().find(|name| known(name))
}

/// One argument of a command.
struct Argument<'a> {
    word: &'a Word,
    /// Whether it is the target of a redirection.
    target: bool,
}

fn apply(number: usize, tool: &Word, before: &[Word], rest: &[Word], context: Context<'_>, out: &mut Finds) {
    let Some(rule) = context.tables.command.get(number) else { return };
    if !context.around.meet(&rule.need) {
        return;
    }
    let spread = spread(rest, context);
    let mut arguments: Vec<Argument<'_>> = Vec::new();
    let mut target = false;
    for word in spread.iter().take(ARGUMENTS) {
        match word.kind {
            Kind::Break | Kind::Pipe => break,
            Kind::Redirect => target = true,
            Kind::Plain | Kind::Quoted => {
                arguments.push(Argument { word, target });
                target = false;
            }
        }
    }
    let Some(positionals) = accepted(rule, &arguments) else { return };
    let mut command = Command {
        span: tool.at..tool.at + tool.text.len().max(1),
        names: Vec::new(),
        passwords: Vec::new(),
        comment: context.comment,
    };
    for (part, pattern) in rule.parts() {
        for (raw, at) in matches(rule, pattern, &arguments, &positionals) {
            take(part, pattern, &raw, at, context, &mut command);
        }
    }
    // `echo "$KEY" | base64 -d > release.jks`: the variable is before the pipe.
    let redirects = rule.path.iter().any(|pattern| pattern.starts_with('>'));
    if rule.variable.iter().any(|pattern| pattern == "|") && !(redirects && command.names.is_empty()) {
        for word in before.iter().rev().take(8).take_while(|word| word.kind != Kind::Break) {
            let filled = context.variables.fill(&word.text, word.at, context.dialect);
            command.names.extend(filled.unknown.map(Name::Variable));
        }
    }
    command.names.sort();
    command.names.dedup();
    command.hand_over(rule, out);
}

/// The words of a command, with variables of several words expanded.
fn spread(rest: &[Word], context: Context<'_>) -> Vec<Word> {
    let mut out = Vec::with_capacity(rest.len().min(ARGUMENTS));
    for word in rest.iter().take(ARGUMENTS) {
        if matches!(word.kind, Kind::Break | Kind::Pipe) {
            break;
        }
        let pure = word.kind == Kind::Plain && word.text.starts_with(['$', '%']) && word.text.len() > 2;
        if pure {
            let filled = context.variables.fill(&word.text, word.at, context.dialect);
            if filled.unknown.is_none() && filled.text.contains(' ') && !filled.text.starts_with('/')
                || filled.text.starts_with("/f ")
            {
                out.extend(words(&filled.text, word.at, true, context.dialect));
                continue;
            }
        }
        out.push(Word { text: word.text.clone(), at: word.at, kind: word.kind, literal: word.literal });
    }
    out
}

/// Whether an argument is an option.
fn is_option(rule: &Rule, argument: &Argument<'_>) -> bool {
    let text = argument.word.text.as_str();
    (text.len() > 1 && text.starts_with('-')) || (rule.slash && text.len() > 1 && text.starts_with('/'))
}

/// The option of a pattern, without the marker of an attached value (`-k*`).
fn option(pattern: &str) -> &str {
    pattern.strip_suffix('*').filter(|option| option.len() > 1).unwrap_or(pattern)
}

/// Whether a text is an option of the rule.
fn same(rule: &Rule, option: &str, text: &str) -> bool {
    if rule.slash { option.eq_ignore_ascii_case(text) } else { option == text }
}

/// Whether the command matches the rule; if so, the indices of its arguments that belong to no option.
fn accepted(rule: &Rule, arguments: &[Argument<'_>]) -> Option<Vec<usize>> {
    let mut positionals = Vec::new();
    let mut number = 0;
    while let Some(argument) = arguments.get(number) {
        let text = argument.word.text.as_str();
        if argument.target {
        } else if is_option(rule, argument) {
            let takes = rule.parts().map(|(_, pattern)| pattern).chain(rule.valued.iter().map(String::as_str));
            number += usize::from(takes.into_iter().any(|pattern| same(rule, option(pattern), text)));
        } else {
            positionals.push(number);
        }
        number += 1;
    }
    let word = |index: usize| arguments.get(index).map_or("", |argument| argument.word.text.as_str());
    if !rule.first.is_empty() {
        let matched = rule.first.iter().find_map(|first| {
            let wanted: Vec<&str> = first.split(' ').collect();
            let starts = wanted
                .iter()
                .enumerate()
                .all(|(at, wanted)| positionals.get(at).is_some_and(|&index| word(index).eq_ignore_ascii_case(wanted)));
            starts.then_some(wanted.len())
        })?;
        positionals.drain(..matched);
    }
    let has = |wanted: &String| {
        arguments.iter().any(|argument| {
            let text = argument.word.text.as_str();
            match wanted.strip_suffix('*') {
                Some(start) => text.starts_with(start),
                None => same(rule, wanted, text) || wanted.strip_prefix('*').is_some_and(|end| text.ends_with(end)),
            }
        })
    };
    // Every entry of `with` must be present; an entry may list alternatives: `-u|--local-user`.
    let all = rule.with.iter().all(|wanted| wanted.split('|').any(|one| has(&one.to_owned())));
    (all && !rule.without.iter().any(has)).then_some(positionals)
}

/// The values that match a pattern.
fn matches(rule: &Rule, pattern: &str, arguments: &[Argument<'_>], positionals: &[usize]) -> Vec<(Raw, usize)> {
    let raw = |word: &Word, text: &str| {
        let text = Zeroizing::new(text.to_owned());
        (Raw { text, literal: word.literal, variable: false }, word.at)
    };
    let whole = |index: usize| arguments.get(index).map(|argument| raw(argument.word, &argument.word.text));
    // `#2`: the second argument that belongs to no option; `#-1`: the last.
    if let Some(place) = pattern.strip_prefix('#') {
        let index = match place.strip_prefix('-').and_then(|back| back.parse::<usize>().ok()) {
            Some(back) => positionals.len().checked_sub(back),
            None => place.parse::<usize>().ok().and_then(|place| place.checked_sub(1)),
        };
        return index.and_then(|index| positionals.get(index)).and_then(|&index| whole(index)).into_iter().collect();
    }
    let lower = |text: &str| text.to_ascii_lowercase();
    if let Some(end) = pattern.strip_prefix(">*") {
        let targets = arguments.iter().filter(|argument| argument.target);
        return targets
            .filter(|argument| lower(&argument.word.text).ends_with(end))
            .map(|argument| raw(argument.word, &argument.word.text))
            .collect();
    }
    if let Some(end) = pattern.strip_prefix('*') {
        let ends =
            |index: &&usize| arguments.get(**index).is_some_and(|argument| lower(&argument.word.text).ends_with(end));
        return positionals.iter().filter(ends).filter_map(|&index| whole(index)).collect();
    }
    let mut out = Vec::new();
    let wanted = option(pattern);
    for (number, argument) in arguments.iter().enumerate() {
        let text = argument.word.text.as_str();
        if let Some(start) = wanted.strip_suffix('=') {
            // `pem_bundle=@ca.pem`.
            if let Some(value) = text.strip_prefix(start).and_then(|rest| rest.strip_prefix('=')) {
                out.push(raw(argument.word, value));
            }
        } else if same(rule, wanted, text) {
            let value = arguments.get(number + 1).filter(|next| {
                next.word.kind == Kind::Quoted || next.word.text.starts_with(['$', '%']) || !known_option(rule, next)
            });
            out.extend(value.map(|next| raw(next.word, &next.word.text)));
        } else if text.len() > wanted.len()
            && text.get(..wanted.len()).is_some_and(|start| same(rule, wanted, start))
            && let Some(value) = text.get(wanted.len()..)
        {
            let joined = value.strip_prefix('=').or_else(|| value.strip_prefix(':').filter(|_| rule.slash));
            match joined {
                Some(value) => out.push(raw(argument.word, value)),
                None if wanted != pattern && !value.starts_with('-') => out.push(raw(argument.word, value)),
                None => {}
            }
        }
    }
    out
}

/// Whether the word in the place of a value is the next option.
fn known_option(rule: &Rule, argument: &Argument<'_>) -> bool {
    let text = argument.word.text.as_str();
    if text.starts_with('-') && text.len() > 1 {
        return true;
    }
    is_option(rule, argument) && rule.parts().any(|(_, pattern)| same(rule, option(pattern), text) || text.len() <= 3)
}

fn take(part: Part, pattern: &str, raw: &Raw, at: usize, context: Context<'_>, command: &mut Command) {
    let around =
        ValueContext { at, dialect: context.dialect, variables: context.variables, password: &context.tables.password };
    if part != Part::Password {
        command.names.extend(value::names(part, raw, around));
        return;
    }
    match value::password(raw, around) {
        Found::Password(secret) => command.passwords.push((field(pattern).to_owned(), at, secret)),
        Found::Elsewhere(name) => command.names.push(Name::Variable(name)),
        Found::Nothing => {}
    }
}

/// What a person calls the argument of a pattern.
fn field(pattern: &str) -> &str {
    match pattern.as_bytes() {
        [b'#' | b'*', ..] => "argument",
        _ => option(pattern),
    }
}
