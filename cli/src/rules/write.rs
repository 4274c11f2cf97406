//! Writes rules as the text of a `keyradius.toml`.

use std::fmt::Write as _;

use keyradius_secrets::{Allow, Rule, Target};

/// The text of rules and of the allowances for all rules, below a comment.
pub(crate) fn toml(comment: &str, rules: &[Rule], for_all: &[Allow]) -> String {
    let mut out = String::new();
    for line in comment.lines() {
        let _ = writeln!(out, "# {line}");
    }
    for rule in rules {
        out.push_str("\n[[secret]]\n");
        field(&mut out, "id", &rule.id);
        if !rule.title.is_empty() {
            field(&mut out, "title", &rule.title);
        }
        field(&mut out, "regex", &rule.regex);
        list(&mut out, "anchors", &rule.anchors);
        list(&mut out, "keywords", &rule.keywords);
        if let Some(group) = rule.secret_group {
            let _ = writeln!(out, "secret_group = {group}");
        }
        if let Some(bits) = rule.entropy {
            let _ = writeln!(out, "entropy = {bits:?}");
        }
        if let Some(path) = &rule.path {
            field(&mut out, "path", path);
        }
        for allow in &rule.allow {
            out.push_str("\n[[secret.allow]]\n");
            excuse(&mut out, allow);
        }
    }
    for allow in for_all {
        out.push_str("\n[[secret_allow]]\n");
        excuse(&mut out, allow);
    }
    out
}

fn excuse(out: &mut String, allow: &Allow) {
    if allow.all {
        out.push_str("condition = \"and\"\n");
    }
    list(out, "rules", &allow.rules);
    list(out, "regexes", &allow.regexes);
    match allow.target {
        Target::Secret => {}
        Target::Match => out.push_str("target = \"match\"\n"),
        Target::Line => out.push_str("target = \"line\"\n"),
    }
    list(out, "stopwords", &allow.stopwords);
    list(out, "paths", &allow.paths);
}

fn field(out: &mut String, name: &str, text: &str) {
    let _ = writeln!(out, "{name} = {}", quoted(text));
}

fn list(out: &mut String, name: &str, texts: &[String]) {
    match texts {
        [] => {}
        [one] => {
            let _ = writeln!(out, "{name} = [{}]", quoted(one));
        }
        many => {
            let _ = writeln!(out, "{name} = [");
            for text in many {
                let _ = writeln!(out, "    {},", quoted(text));
            }
            out.push_str("]\n");
        }
    }
}

/// A TOML string: a literal string if possible, else a basic string with escapes.
fn quoted(text: &str) -> String {
    if !text.contains('\'') && !text.chars().any(char::is_control) {
        return format!("'{text}'");
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_strings_are_read_back() {
        for text in ["plain", "it's", "a\\d\"b'", "tab\tend", "ünï", "'''"] {
            let table: toml::Table = format!("x = {}", quoted(text)).parse().expect(text);
            assert_eq!(table["x"].as_str(), Some(text));
        }
    }
}
