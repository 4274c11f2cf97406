//! Variables set by the file itself, and texts with the variables filled in.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::text::{Dialect, Text};

/// Longest text with variables filled in, in bytes: the longest path (Linux `PATH_MAX`).
const LONGEST: usize = 4096;

/// Deepest nesting of variables in variables.
const DEPTH: usize = 5;

/// The variables of a file, parsed at first use: most files with a word of the grammar need none.
pub(super) struct Variables<'a> {
    text: &'a Text,
    dialect: Dialect,
    /// For each name, the offsets and values of its settings. Values are slices of the file.
    set: OnceCell<BTreeMap<&'a str, Vec<(usize, &'a str)>>>,
}

/// A text with variables filled in.
pub(super) struct Filled {
    /// The text. Unknown variables are left as written.
    pub(super) text: Zeroizing<String>,
    /// The last unknown variable.
    pub(super) unknown: Option<String>,
    /// End of the last unknown variable in the text; the rest of a path after it is known.
    pub(super) known_from: usize,
}

/// Words before the name of a variable.
const KEYWORDS: [&str; 22] = [
    "export", "set", "setx", "setlocal", "def", "val", "var", "let", "const", "local", "readonly", "env", "arg",
    "declare", "!define", "#define", "%define", "%global", "final", "string", "private", "override",
];

/// Names of directories that are that of the file or one above: the path below them is known.
const ROOTS: [&str; 42] = [
    "psscriptroot",
    "project.basedir",
    "basedir",
    "maven.multimoduleprojectdirectory",
    "rootdir",
    "projectdir",
    "rootproject.projectdir",
    "project.rootdir",
    "project.projectdir",
    "rootproject.rootdir",
    "srctree",
    "objtree",
    "srcdir",
    "top_srcdir",
    "topdir",
    "top",
    "curdir",
    "pwd",
    "cmake_source_dir",
    "cmake_current_source_dir",
    "cmake_current_list_dir",
    "project_source_dir",
    "github_workspace",
    "github.workspace",
    "ci_project_dir",
    "workspace",
    "workspacefolder",
    "solutiondir",
    "msbuildprojectdirectory",
    "msbuildthisfiledirectory",
    "build.sourcesdirectory",
    "system.defaultworkingdirectory",
    "build_sourcesdirectory",
    "appveyor_build_folder",
    "local_path",
    "layerdir",
    "thisdir",
    "script_dir",
    "scriptdir",
    "bitrise_source_dir",
    "flutter_root",
    "kernel.project_dir",
];

impl<'a> Variables<'a> {
    /// The variables of a text.
    pub(super) const fn of(text: &'a Text, dialect: Dialect) -> Self {
        Self { text, dialect, set: OnceCell::new() }
    }

    fn set(&self) -> &BTreeMap<&'a str, Vec<(usize, &'a str)>> {
        self.set.get_or_init(|| self.read())
    }

    /// Reads every line that sets a variable.
    fn read(&self) -> BTreeMap<&'a str, Vec<(usize, &'a str)>> {
        let (text, dialect) = (self.text, self.dialect);
        let mut out: BTreeMap<&'a str, Vec<(usize, &'a str)>> = BTreeMap::new();
        let whole = text.str();
        for number in 0..text.count() {
            let range = text.range(number);
            let line = whole.get(range.clone()).unwrap_or_default();
            // A longer line is a program or data.
            if line.len() > LONGEST || dialect.comments(line) {
                continue;
            }
            if let Some((name, value)) = setting(line, dialect) {
                out.entry(name).or_default().push((range.start, value));
            }
        }
        out
    }

    /// The value last set before an offset; if the name is only set later, the first value.
    fn get(&self, name: &str, before: usize) -> Option<&'a str> {
        let all = self.set().get(name)?;
        let later = all.partition_point(|(at, _)| *at < before);
        all.get(later.saturating_sub(1)).map(|(_, value)| *value)
    }

    /// Fills in the known variables of a text at offset `at`.
    pub(super) fn fill(&self, text: &str, at: usize, dialect: Dialect) -> Filled {
        let mut out =
            Filled { text: Zeroizing::new(String::with_capacity(text.len() * 2)), unknown: None, known_from: 0 };
        self.fill_into(text, at, dialect, DEPTH, &mut out);
        out
    }

    fn fill_into(&self, text: &str, at: usize, dialect: Dialect, depth: usize, out: &mut Filled) {
        let mut rest = text;
        while let Some(start) = rest.find(['$', '%', '{', '<', '@']) {
            let (before, from) = rest.split_at(start);
            add(out, before);
            let Some((name, length)) = reference(from) else {
                let (one, more) = from.split_at(1);
                add(out, one);
                rest = more;
                continue;
            };
            rest = from.get(length..).unwrap_or_default();
            let lower = name.to_ascii_lowercase();
            // Where `$` has no meaning, only a variable of the file or an upper-case name counts.
            let plain = matches!(dialect, Dialect::Settings | Dialect::Json | Dialect::Xml | Dialect::Batch);
            let upper = name.len() >= 3 && !name.bytes().any(|byte| byte.is_ascii_lowercase());
            if plain && from.starts_with('$') && length == name.len() + 1 && !upper && !self.set().contains_key(name) {
                add(out, from.get(..length).unwrap_or_default());
                continue;
            }
            if ROOTS.contains(&lower.as_str()) || lower == "~dp0" {
                // The rest starts with a separator, or the directory's name ended with one.
                rest = rest.trim_start_matches(['/', '\\']);
                continue;
            }
            let value = if depth == 0 { None } else { self.get(name, at) };
            match value {
                Some(value) if out.text.len() + value.len() <= LONGEST => {
                    self.fill_into(value, at, dialect, depth - 1, out);
                }
                _ => {
                    add(out, from.get(..length).unwrap_or_default());
                    out.unknown = Some(name.rsplit('.').next().unwrap_or(name).to_owned());
                    out.known_from = out.text.len();
                }
            }
        }
        add(out, rest);
    }
}

fn add(out: &mut Filled, more: &str) {
    if out.text.len() + more.len() <= LONGEST * 2 {
        super::word::push(&mut out.text, more);
    }
}

/// A variable reference at the start of a text: its name and its length.
fn reference(text: &str) -> Option<(&str, usize)> {
    let bracketed = |open: &str, close: &str| {
        let inner = text.strip_prefix(open)?;
        let end = inner.get(..inner.len().min(256)).unwrap_or(inner).find(close)?;
        let name = inner.get(..end)?;
        Some((first_name(name)?, open.len() + end + close.len()))
    };
    if text.starts_with("${{") {
        return bracketed("${{", "}}");
    }
    if text.starts_with("{{") {
        return bracketed("{{", "}}");
    }
    if text.starts_with("${") {
        return bracketed("${", "}");
    }
    if text.starts_with("{#") {
        return bracketed("{#", "}");
    }
    if text.starts_with("%{") {
        return bracketed("%{", "}");
    }
    if text.starts_with("<%") {
        return bracketed("<%", "%>");
    }
    if text.starts_with("$(") {
        return bracketed("$(", ")");
    }
    if let Some(rest) = text.strip_prefix("%~dp0") {
        return Some(("~dp0", text.len() - rest.len()));
    }
    if let Some(rest) = text.strip_prefix('%') {
        let end = rest.find('%')?;
        let name = rest.get(..end).filter(|name| is_name(name))?;
        return Some((name, end + 2));
    }
    if let Some(rest) = text.strip_prefix('@') {
        // Maven and autoconf.
        let end = rest.get(..rest.len().min(64)).unwrap_or_default().find('@')?;
        let name = rest.get(..end).filter(|name| is_name(name))?;
        return Some((name, end + 2));
    }
    let rest = text.strip_prefix('$')?;
    let prefix = if rest.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("env:")) { 4 } else { 0 };
    let name = rest.get(prefix..)?;
    let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(name.len());
    let name = name.get(..end).filter(|name| is_name(name))?;
    Some((name, 1 + prefix + end))
}

/// The first name in an expression: `secrets.X || ''`, `X:-default`, `env "X"`.
fn first_name(expression: &str) -> Option<&str> {
    let inner = expression.trim().trim_start_matches(['$', '(', '{', '=', '.', '-', '!']).trim();
    let end = inner.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))).unwrap_or(inner.len());
    let (name, rest) = inner.split_at_checked(end)?;
    // `${X:-default}`: the colon ends the name. `env "X"`, `lookup('env', 'X')`: the string is the name.
    if matches!(name, "env" | "lookup" | "getenv" | "cat" | "echo" | "shell" | "secret" | "required" | "credentials")
        && let Some(quoted) = rest.split(['"', '\'']).find(|part| is_name(part) && *part != "env")
    {
        return Some(quoted);
    }
    let name = name.trim_end_matches(['-', '.']);
    (!name.is_empty()).then_some(name)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 128
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | ':'))
}

/// The variable set by a line: a name, and the value without its quotes.
fn setting(line: &str, dialect: Dialect) -> Option<(&str, &str)> {
    let mut rest = line.trim_start().trim_start_matches('@');
    if dialect == Dialect::Xml {
        // `<Cert>x</Cert>`.
        let tag = rest.strip_prefix('<')?;
        let end = tag.find(['>', ' '])?;
        let name = tag.get(..end).filter(|name| is_name(name))?;
        let value = tag.get(tag.find('>')? + 1..)?;
        let value = value.get(..value.find('<')?)?;
        return Some((name, value.trim()));
    }
    for _ in 0..3 {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let Some((word, more)) = rest.split_at_checked(end) else { break };
        if KEYWORDS.iter().any(|known| word.eq_ignore_ascii_case(known)) {
            rest = more.trim_start().trim_start_matches('"');
        } else {
            break;
        }
    }
    rest = rest.trim_start_matches("- ").trim_start_matches("set(").trim_start_matches("SET(");
    rest = rest.strip_prefix('$').unwrap_or(rest);
    rest = rest.strip_prefix("env:").or_else(|| rest.strip_prefix("ext.")).unwrap_or(rest);
    let rest = rest.trim_start_matches('"');
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))).unwrap_or(rest.len());
    let (name, after) = rest.split_at_checked(end)?;
    if !is_name(name) || name.starts_with('-') {
        return None;
    }
    let spaced = after.trim_start_matches('"');
    let after = spaced.trim_start();
    let value = [":=", "?=", "??=", "+=", "=", ":"].into_iter().find_map(|sign| after.strip_prefix(sign));
    let defines =
        line.trim_start().starts_with(['!', '#', '%']) || line.trim_start().to_ascii_lowercase().starts_with("set(");
    let value = match value {
        Some(value) => value,
        None if defines && spaced.starts_with(' ') => after,
        None => return None,
    };
    if value.starts_with('=') {
        return None;
    }
    let value = value.trim().trim_end_matches([';', ',']).trim_end();
    let unquoted = match value.as_bytes() {
        [quote @ (b'"' | b'\''), inner @ ..] => {
            let end = memchr::memchr(*quote, inner)?;
            value.get(1..=end)?
        }
        _ if defines => value.trim_end_matches(')'),
        _ => value.split(" #").next().unwrap_or(value).trim_end(),
    };
    // A batch file may write `set "X=y"`.
    let unquoted = if dialect == Dialect::Batch { unquoted.trim_end_matches('"') } else { unquoted };
    (!unquoted.is_empty() && !unquoted.contains(name)).then_some((name, unquoted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_in_what_the_file_sets() {
        for (dialect, file, text, expected, unknown) in [
            (Dialect::Shell, "A=x\nexport B=\"$A/y\"\n", "${B}/z", "x/y/z", None),
            (Dialect::Shell, "A := k\n", "$(A).pem", "k.pem", None),
            (Dialect::Batch, "set CERT=c:\\a.pfx\r\n@set \"P=b\"\r\n", "%CERT% %P%", "c:\\a.pfx b", None),
            (Dialect::Batch, "set \"P=b\"\r\n", "%~dp0keys\\%P%.pfx", "keys\\b.pfx", None),
            (Dialect::PowerShell, "$cert = 'x.pfx'\n", "$PSScriptRoot\\$cert", "x.pfx", None),
            (Dialect::Yaml, "env:\n  K: v\n", "$K ${{ secrets.S }}", "v ${{ secrets.S }}", Some("S")),
            (Dialect::Code, "def f = \"k.jks\"\n", "$rootDir/$f", "k.jks", None),
            (Dialect::Xml, "<A>b</A>\n", "$(A)${project.basedir}/c", "bc", None),
            (Dialect::Batch, "!define C \"d\"\n", "${C}", "d", None),
            (Dialect::Shell, "A=$B\nB=$A\n", "$A", "$B", Some("B")),
            (Dialect::Settings, "", "pa$word", "pa$word", None),
            (Dialect::Shell, "", "${X:-y}/k", "${X:-y}/k", Some("X")),
            (Dialect::Yaml, "", "{{ lookup('env', 'KEY') }}", "{{ lookup('env', 'KEY') }}", Some("KEY")),
        ] {
            let text_of = Text::of(file.as_bytes()).unwrap();
            let filled = Variables::of(&text_of, dialect).fill(text, usize::MAX, dialect);
            if file.starts_with("A=$B") {
                // A cycle ends at the limit.
                assert!(filled.unknown.is_some());
                continue;
            }
            assert_eq!((filled.text.as_str(), filled.unknown.as_deref()), (expected, unknown), "{file} {text}");
        }
    }
}
