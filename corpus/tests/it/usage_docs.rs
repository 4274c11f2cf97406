//! `docs/usage.md` is generated from the grammar of files that use keys. `UPDATE_EXPECT=1 cargo test` regenerates it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use keyradius_usage::{CANDIDATES, Described, REFERENCES, described};

fn list(items: &[&str]) -> String {
    items.iter().map(|item| format!("`{}`", item.replace('|', "\\|"))).collect::<Vec<_>>().join(" ")
}

fn render() -> String {
    let mut groups: BTreeMap<&str, Vec<Described>> = BTreeMap::new();
    for rule in described() {
        groups.entry(rule.group).or_default().push(rule);
    }
    let mut out = format!(
        "# Files that use keys\n\nGenerated from `detectors/usage/data/usage.toml` and `source.toml` by `UPDATE_EXPECT=1 cargo test -p keyradius-corpus \
         usage_docs`.\n\nkeyradius reads build scripts, CI configuration and settings, selected by file name. It finds out \
         which key a line names, for which purpose, and what may be a keystore password. A line gives its role to a key only \
         if its name leads to that key. A line gives at most 60 points; at most 10 if it is commented out, 30 if its spelling \
         was not checked against the tool or its documentation. Commands that make a key (`makes-*`) are hints of its role, \
         and no use of it. At most {REFERENCES} lines and {CANDIDATES} passwords are \
         taken from one file.\n\n\
         keyradius reads:\n\n\
         - commands with their arguments: over continued lines, in lists of YAML, JSON, XML and programs, and in nested \
         strings;\n\
         - settings in the forms `K=V`, `K: V`, `K V`, `\"K\": \"V\"`, `<K>V</K>`, `set K=V`, `-DK=V`, `K file('V')`, \
         `name: K` with `value: V`;\n\
         - steps of workflows with their inputs;\n\
         - source code, for calls and names that take a key ([Programs](#programs)): the argument leads through variables, \
         functions and joined paths of the same file to a file, or to a key in the source;\n\
         - variables set by the same file. Variables that the file does not set, such as `$X` and `${{{{ secrets.X }}}}`, are \
         kept as names.\n\n\
         keyradius does not see paths that a program builds at run time, values set by another file, and the default key of a \
         tool.\n\nPatterns: `-k*` also matches with the value attached; `#2` is the second word that belongs to no option, \
         `#-1` the last one; `*.pk8` words with this end; `>*.p12` redirection to a file with this end; `*_KEY` settings with \
         this end.\n"
    );
    for (group, rules) in groups {
        let _ = write!(
            out,
            "\n## {group}\n\n| rule | role | points | where | names the key | password | checked against |\n|---|---|---|---|---|---|---|\n"
        );
        for rule in rules {
            let points = rule.role.map_or(String::new(), |_| rule.weight.to_string());
            let checked = if rule.checked.is_empty() { "not checked" } else { rule.checked };
            let _ = writeln!(
                out,
                "| {} | {} | {points} | {} | {} | {} | {checked} |",
                rule.id,
                rule.role.unwrap_or_default(),
                list(&rule.knows),
                if rule.role.is_some() { list(&rule.key) } else { String::new() },
                list(&rule.password),
            );
        }
    }
    out
}

#[test]
fn usage_md_is_what_the_grammar_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join("docs/usage.md");
    let fresh = render();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, &fresh).expect("written");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    let update = "UPDATE_EXPECT=1 cargo test -p keyradius-corpus usage_docs";
    assert!(written == fresh, "{} is stale: run {update}", path.display());
}
