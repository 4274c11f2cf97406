//! Converts the TOML of gitleaks to rules of keyradius, with a report on every rule and field.
//!
//! A converted rule may find less (keywords must be near the match, not anywhere in the file) or more (`required` and
//! expressions of betterleaks are not evaluated); the report lists each such change. A conversion never allows more: if
//! all conditions of an allowance must hold and one of them cannot be converted, the whole allowance is dropped.

use keyradius_secrets::{AHEAD, Allow, BACK, Rule, Target, UserRules, compile, literals, literals_of};
use toml::{Table, Value};

use super::syntax::convert;

/// A converted configuration.
#[derive(Debug, Default)]
pub(crate) struct Imported {
    /// The rules, in order.
    pub(crate) rules: Vec<Rule>,
    /// Allowances that apply to all rules.
    pub(crate) for_all: Vec<Allow>,
    /// The result for each part of the configuration, in order.
    parts: Vec<Part>,
}

/// The result for a rule, or for the parts of the file outside of rules.
#[derive(Debug)]
struct Part {
    name: String,
    /// Whether the part is a rule.
    rule: bool,
    fate: Fate,
    /// Remarks about fields that were not converted unchanged.
    fields: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Converted,
    Changed,
    Dropped(String),
}

/// Converts a configuration. The error says why the text is not one.
pub(crate) fn import(text: &str) -> Result<Imported, String> {
    let table: Table = text
        .parse()
        .map_err(|error: toml::de::Error| error.message().lines().next().unwrap_or("not TOML").to_owned())?;
    let mut imported = Imported::default();
    let mut around = Notes::default();
    let (mut single, mut many) = (None, None);
    for (key, value) in &table {
        match key.to_ascii_lowercase().as_str() {
            "rules" => {
                let rules = value.as_array().ok_or("`rules` is not a list of tables")?;
                for (index, rule) in rules.iter().enumerate() {
                    imported.rule(index, rule.as_table().ok_or("a rule is not a table")?);
                }
            }
            "allowlist" => single = Some(value),
            "allowlists" => many = Some(value),
            "extend" => extend(value, &mut around),
            "title" | "description" => around.say(key, "not needed"),
            "minversion" | "betterleaksminversion" => around.say(key, "dropped: it is the version of another program"),
            _ => around.say(key, "dropped: unknown"),
        }
    }
    if single.is_some() && many.is_some() {
        return Err("both `allowlist` and `allowlists` are set, which gitleaks refuses too".to_owned());
    }
    let known: Vec<String> = imported.rules.iter().map(|rule| rule.id.clone()).collect();
    for value in tables(single.or(many)) {
        let mut notes = Notes::default();
        let mut converted = allow(value, &mut notes);
        if let Some(allow) = &mut converted
            && !allow.rules.is_empty()
        {
            for id in &mut allow.rules {
                *id = plain_id(id, &mut Notes::default());
            }
            allow.rules.retain(|id| known.contains(id));
            if allow.rules.is_empty() {
                // An allowlist for certain rules must not become one for all rules.
                notes.change("targetRules", "none of these rules was converted, so the allowlist is dropped");
                converted = None;
            }
        }
        imported.for_all.extend(converted);
        around.said.extend(notes.said.into_iter().map(|line| format!("allowlist for all rules: {line}")));
        around.changed |= notes.changed;
    }
    if !around.said.is_empty() {
        let fate = if around.changed { Fate::Changed } else { Fate::Converted };
        imported.parts.push(Part { name: "the file".to_owned(), rule: false, fate, fields: around.said });
    }
    if imported.parts.iter().all(|part| !part.rule) {
        return Err("there are no [[rules]]".to_owned());
    }
    Ok(imported)
}

/// Remarks about the fields of one part.
#[derive(Debug, Default)]
struct Notes {
    said: Vec<String>,
    changed: bool,
}

impl Notes {
    fn say(&mut self, field: &str, what: &str) {
        self.said.push(format!("{field}: {what}"));
    }

    fn change(&mut self, field: &str, what: &str) {
        self.say(field, what);
        self.changed = true;
    }
}

impl Imported {
    /// The number of dropped rules.
    pub(crate) fn dropped(&self) -> usize {
        self.parts.iter().filter(|part| part.rule && matches!(part.fate, Fate::Dropped(_))).count()
    }

    /// The lines of the report.
    pub(crate) fn account(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for part in &self.parts {
            let name = if part.rule { format!("rule {}", part.name) } else { part.name.clone() };
            lines.push(match &part.fate {
                Fate::Converted => format!("{name}: converted"),
                Fate::Changed => format!("{name}: converted, with changes"),
                Fate::Dropped(why) => format!("{name}: DROPPED: {why}"),
            });
            lines.extend(part.fields.iter().map(|field| format!("  {field}")));
        }
        let count = |is: fn(&Fate) -> bool| self.parts.iter().filter(|part| part.rule && is(&part.fate)).count();
        let all = count(|_| true);
        lines.push(format!(
            "{all} rules: {} converted, {} of them with changes; {} dropped",
            all - self.dropped(),
            count(|fate| *fate == Fate::Changed),
            self.dropped()
        ));
        lines.push(format!(
            "For all rules: a keyword must be at most {BACK} bytes away from the match, and a match ends at most {AHEAD} \
             bytes after it; keywords are found in lower case, in upper case and capitalised; allowances apply to these \
             rules only, never to keys."
        ));
        lines
    }

    fn rule(&mut self, index: usize, table: &Table) {
        let mut notes = Notes::default();
        let given = string(table, "id").unwrap_or_default();
        let (name, fate) = match self.convert(given, table, &mut notes) {
            Ok(rule) => {
                let fate = if notes.changed { Fate::Changed } else { Fate::Converted };
                self.rules.push(rule);
                (given.to_owned(), fate)
            }
            Err(why) => {
                (if given.is_empty() { format!("number {}", index + 1) } else { given.to_owned() }, Fate::Dropped(why))
            }
        };
        self.parts.push(Part { name, rule: true, fate, fields: notes.said });
    }

    fn convert(&self, given: &str, table: &Table, notes: &mut Notes) -> Result<Rule, String> {
        if given.is_empty() {
            return Err("no id".to_owned());
        }
        let id = plain_id(given, notes);
        if self.rules.iter().any(|rule| rule.id == id) {
            return Err("an earlier rule has the same id".to_owned());
        }
        let regex = match (string(table, "regex"), string(table, "path")) {
            (Some(regex), _) if !regex.is_empty() => regex,
            (_, Some(_)) => {
                return Err("it matches only file names; keyradius finds keys by their content".to_owned());
            }
            _ => return Err("neither regex nor path".to_owned()),
        };
        let mut rule = Rule { id, regex: pattern("regex", regex, notes)?, ..Rule::default() };
        let mut dropped = None;
        for (key, value) in table {
            match key.to_ascii_lowercase().as_str() {
                "id" | "regex" | "keywords" | "allowlist" | "allowlists" | "skipreport" if !skips(key, value) => {}
                "description" => value.as_str().unwrap_or_default().clone_into(&mut rule.title),
                "path" => rule.path = Some(pattern("path", value.as_str().unwrap_or_default(), notes)?),
                "secretgroup" => {
                    rule.secret_group = value.as_integer().and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
                }
                "entropy" => {
                    let number = value
                        .as_float()
                        .or_else(|| value.as_integer().and_then(|n| i32::try_from(n).ok().map(f64::from)));
                    rule.entropy = number.filter(|bits| *bits > 0.0);
                }
                "tags" => notes.say(key, "dropped: reports have no tags"),
                "skipreport" => {
                    dropped = Some("skipReport: it only supports other rules".to_owned());
                }
                "required" => notes.change(key, "dropped: other rules are not consulted, so this rule may find more"),
                "filter" | "prefilter" | "validate" => {
                    notes.change(key, "dropped: expressions are not evaluated, so this rule may find more");
                }
                "specificity" => notes.say(key, "dropped: user rules are not ranked"),
                _ => notes.say(key, "dropped: unknown"),
            }
        }
        if let Some(why) = dropped {
            return Err(why);
        }
        rule.keywords = list(table, "keywords");
        keywords(&mut rule, notes)?;
        let lists = get(table, "allowlists").or_else(|| get(table, "allowlist"));
        for list in tables(lists) {
            rule.allow.extend(allow(list, notes));
        }
        UserRules::new(std::slice::from_ref(&rule), &[]).map_err(|refused| refused.what)?;
        Ok(rule)
    }
}

/// Whether a field says that the rule only supports other rules.
fn skips(key: &str, value: &Value) -> bool {
    key.eq_ignore_ascii_case("skipreport") && value.as_bool() == Some(true)
}

/// Rewrites an id to one that keyradius accepts, with a remark if it changed.
fn plain_id(given: &str, notes: &mut Notes) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let mut id: String = given.chars().take(70).map(|c| if fits(c) { c } else { '-' }).collect();
    if keyradius_secrets::formats().iter().any(|format| format.id == id) {
        id.push_str("-gitleaks");
    }
    if id != given {
        notes.change("id", &format!("rewritten: {id}"));
    }
    id
}

/// Converts a pattern to our syntax, and checks that it compiles.
fn pattern(field: &str, text: &str, notes: &mut Notes) -> Result<String, String> {
    let converted = convert(text);
    compile(&converted.pattern).map_err(|error| format!("{field}: {error}"))?;
    if !converted.rewritten.is_empty() {
        notes.change(field, &format!("rewritten: {}", converted.rewritten.join("; ")));
    }
    Ok(converted.pattern)
}

/// Ensures that the rule has literals to search for: its keywords, or literals of its regex.
fn keywords(rule: &mut Rule, notes: &mut Notes) -> Result<(), String> {
    let short: Vec<String> = rule.keywords.iter().filter(|keyword| keyword.len() < 4).cloned().collect();
    let own = if short.is_empty() && !rule.keywords.is_empty() { Vec::new() } else { literals_of(&rule.regex) };
    rule.keywords.retain(|keyword| keyword.len() >= 4);
    if !own.is_empty() {
        if short.is_empty() {
            notes.change("keywords", "none: literals of the regex are searched for instead");
        } else {
            let what = format!("{} too short to search for: literals of the regex are used instead", short.join(" "));
            notes.change("keywords", &what);
        }
        // Every match contains one of these literals, so the keywords are not needed.
        rule.keywords.clear();
        rule.anchors = own;
    } else if !short.is_empty() && !rule.keywords.is_empty() {
        let what = format!("{} dropped: shorter than 4 bytes; the rule may find less", short.join(" "));
        notes.change("keywords", &what);
    }
    if literals(rule).is_empty() {
        return Err(
            "no keyword of 4 bytes or more, and no such literal in the regex: it would have to be tried at every byte"
                .to_owned(),
        );
    }
    Ok(())
}

/// Converts an allowance; `None` if the whole allowance was dropped.
fn allow(table: &Table, notes: &mut Notes) -> Option<Allow> {
    let mut out = Allow::default();
    let mut lost = false;
    for (key, value) in table {
        match key.to_ascii_lowercase().as_str() {
            "description" | "regexes" | "paths" | "stopwords" | "targetrules" => {}
            "condition" => match value.as_str().unwrap_or_default().to_ascii_uppercase().as_str() {
                "AND" | "&&" => out.all = true,
                "OR" | "||" | "" => {}
                _ => {
                    notes.change("allowlist", "dropped: its condition is neither AND nor OR");
                    return None;
                }
            },
            "regextarget" => match value.as_str().unwrap_or_default().to_ascii_lowercase().as_str() {
                "match" => out.target = Target::Match,
                "line" => out.target = Target::Line,
                "secret" | "" => {}
                _ => {
                    notes.change("allowlist", "dropped: an unknown regexTarget");
                    return None;
                }
            },
            "commits" => {
                if value.as_array().is_some_and(|commits| !commits.is_empty()) {
                    notes.change("allowlist.commits", "dropped: rules search bytes, whatever commit contains them");
                    lost = true;
                }
            }
            other => notes.change(&format!("allowlist.{other}"), "dropped: unknown"),
        }
    }
    for (key, into) in [("regexes", &mut out.regexes), ("paths", &mut out.paths)] {
        for text in list(table, key) {
            match pattern(&format!("allowlist.{key}"), &text, notes) {
                Ok(pattern) => into.push(pattern),
                Err(why) => {
                    notes.change("allowlist", &format!("a pattern dropped: {why}"));
                    lost = true;
                }
            }
        }
    }
    out.stopwords = list(table, "stopwords");
    out.rules = list(table, "targetrules");
    if out.all && lost {
        notes.change("allowlist", "dropped: all its conditions must hold, and one could not be converted");
        return None;
    }
    let empty = out.regexes.is_empty() && out.paths.is_empty() && out.stopwords.is_empty();
    if empty {
        notes.change("allowlist", "dropped: none of its conditions was converted");
    }
    (!empty).then_some(out)
}

/// Reports on `[extend]`, which names other files. They are not read.
fn extend(value: &Value, notes: &mut Notes) {
    let Some(table) = value.as_table() else { return notes.say("extend", "dropped: not a table") };
    for (key, value) in table {
        match key.to_ascii_lowercase().as_str() {
            "usedefault" if value.as_bool() == Some(true) => {
                notes.change("extend.useDefault", "the built-in rules of keyradius replace those of gitleaks");
            }
            "usedefault" => {}
            "path" | "url" => notes.change(&format!("extend.{key}"), "dropped: import that file separately"),
            "disabledrules" => {
                notes.change("extend.disabledRules", "dropped: they belong to a file that was not read");
            }
            _ => notes.say(&format!("extend.{key}"), "dropped: unknown"),
        }
    }
}

fn get<'a>(table: &'a Table, name: &str) -> Option<&'a Value> {
    table.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn string<'a>(table: &'a Table, name: &str) -> Option<&'a str> {
    get(table, name)?.as_str()
}

fn list(table: &Table, name: &str) -> Vec<String> {
    let items = get(table, name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

/// The tables of a value that is one table or a list of tables.
fn tables(value: Option<&Value>) -> impl Iterator<Item = &Table> {
    let many = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    many.iter().chain(value.filter(|value| value.is_table())).filter_map(Value::as_table)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The report on a rule with these fields and a valid rule after it.
    fn account(fields: &str) -> String {
        let good = "[[rules]]\nid = 'good'\nregex = 'good_[a-z]{9}'\nkeywords = ['good_']\n";
        let imported = import(&format!("[[rules]]\n{fields}\n{good}"));
        imported.expect("a configuration").account().join("\n")
    }

    #[test]
    fn every_field_is_in_the_report() {
        let rule = "id = 'a'\nregex = 'acme_([a-z]{9})'\nkeywords = ['acme_']\n";
        let all = "rule a: converted\nrule good: converted\n2 rules: 2 converted, 0 of them with changes; 0 dropped";
        for (fields, told) in [
            (rule.to_owned(), all),
            (format!("{rule}description = 'A'\nsecretGroup = 1\nentropy = 3\npath = 'env$'"), all),
            (format!("{rule}tags = ['x']"), "rule a: converted\n  tags: dropped"),
            (format!("{rule}required = [{{id = 'good'}}]"), "with changes\n  required: dropped"),
            (format!("{rule}filter = 'x'"), "with changes\n  filter: dropped"),
            (format!("{rule}skipReport = true"), "rule a: DROPPED: skipReport"),
            (format!("{rule}colour = 'x'"), "rule a: converted\n  colour: dropped: unknown"),
            (format!("{rule}secretGroup = 2"), "rule a: DROPPED: secret_group is beyond"),
            ("id = 'a'\npath = 'id_rsa$'".to_owned(), "rule a: DROPPED: it matches only file names"),
            ("id = 'a'\n".to_owned(), "rule a: DROPPED: neither regex"),
            ("regex = 'x'\n".to_owned(), "rule number 1: DROPPED: no id"),
            ("id = 'a b'\nregex = 'acme[a-z]'\nkeywords = ['acme']".to_owned(), "with changes\n  id: rewritten: a-b"),
            ("id = 'jwt'\nregex = 'acme[a-z]'\nkeywords = ['acme']".to_owned(), "  id: rewritten: jwt-gitleaks"),
            ("id = 'a'\nregex = '(?=x)acme'\nkeywords = ['acme']".to_owned(), "rule a: DROPPED: regex: look-around"),
            ("id = 'a'\nregex = 'acme{{x}}'\nkeywords = ['acme']".to_owned(), "  regex: rewritten: a `{`"),
            ("id = 'a'\nregex = '[a-z]{20}'".to_owned(), "rule a: DROPPED: no keyword of 4 bytes"),
            ("id = 'a'\nregex = 'acme_[a-z]{20}'".to_owned(), "  keywords: none: literals"),
            ("id = 'a'\nregex = 'ak-acme[a-z]{20}'\nkeywords = ['ak-']".to_owned(), "  keywords: ak- too short"),
            ("id = 'a'\nregex = '[a-z]{20}'\nkeywords = ['ak-', 'acme']".to_owned(), "  keywords: ak- dropped"),
            (format!("{rule}[[rules.allowlists]]\ncommits = ['abc']"), "  allowlist.commits: dropped"),
            (format!("{rule}[[rules.allowlists]]\ncondition = 'AND'\ncommits = ['abc']\npaths = ['x']"), "must hold"),
            (format!("{rule}[rules.allowlist]\nregexes = ['(']"), "a pattern dropped: allowlist.regexes"),
        ] {
            let account = account(&fields);
            assert!(account.contains(told), "{fields}\n-- {told}\n{account}");
        }
        let twice = "[[rules]]\nid = 'a'\nregex = 'acme_[a-z]{9}'\nkeywords = ['acme_']\n".repeat(2);
        let account = import(&twice).expect("a configuration").account().join("\n");
        assert!(account.contains("rule a: DROPPED: an earlier rule"), "{account}");
    }

    #[test]
    fn parts_outside_of_rules_are_in_the_report() {
        let rules = "[[rules]]\nid = 'a'\nregex = 'acme_[a-z]{9}'\nkeywords = ['acme_']\n";
        for (text, told) in [
            (format!("title = 't'\nminVersion = 'v8'\n{rules}"), "  minVersion: dropped"),
            (format!("[extend]\nuseDefault = true\ndisabledRules = ['x']\n{rules}"), "extend.useDefault: the built-in"),
            (format!("[extend]\npath = 'x'\n{rules}"), "extend.path: dropped"),
            (
                format!("{rules}[[allowlists]]\ntargetRules = ['b']\npaths = ['x']\n"),
                "targetRules: none of these rules",
            ),
            (format!("other = 1\n{rules}"), "other: dropped: unknown"),
        ] {
            let account = import(&text).expect("a configuration").account().join("\n");
            assert!(account.contains(told), "{text}\n-- {told}\n{account}");
        }
        for (text, error) in [
            ("title = 'x'".to_owned(), "no [[rules]]"),
            (format!("{rules}[allowlist]\npaths = ['x']\n[[allowlists]]\npaths = ['x']\n"), "both"),
        ] {
            let told = import(&text).expect_err(error);
            assert!(told.contains(error), "{told}");
        }
        assert!(import("x").is_err(), "no TOML");
    }

    #[test]
    fn the_written_text_is_a_configuration() {
        let text = "[[rules]]\nid = 'a'\nregex = '''acme['\"]_([a-z]{9}){'''\nkeywords = ['acme']\nentropy = 3\nsecretGroup = 1\n\
                    [[rules.allowlists]]\ncondition = 'AND'\nregexTarget = 'line'\nregexes = ['x']\nstopwords = ['y']\n\
                    [allowlist]\npaths = ['^vendor/']\n";
        let imported = import(text).expect("a configuration");
        assert_eq!(imported.rules.len(), 1);
        let written = super::super::write::toml("made", &imported.rules, &imported.for_all);
        let config = crate::config::Config::parse(&written, "keyradius.toml", std::path::PathBuf::new(), false);
        let rules = config.expect("what was written is read").rules;
        assert_eq!(rules.rules.into_iter().map(|(_, rule)| rule).collect::<Vec<_>>(), imported.rules);
        assert_eq!(rules.for_all, imported.for_all);
    }
}
