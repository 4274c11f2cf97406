//! `docs/usage.md` is made from the grammar of files that use keys. `UPDATE_EXPECT=1 cargo test` writes it anew.

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
        "# Files that use keys\n\nMade from `detectors/usage/data/usage.toml` by `UPDATE_EXPECT=1 cargo test -p keyradius-corpus \
         usage_docs`.\n\nkeyradius reads build scripts, CI configuration and settings by their names: which key a line \
         names, what for, and what may be the password of a keystore. The role counts for a key only if the name leads to \
         it. A line whose spelling was not checked against the tool or its documentation, and one that is commented out, \
         counts 30 points at most, others 60. Of one file {REFERENCES} lines and {CANDIDATES} passwords are taken.\n\n\
         Understood are commands with their arguments over continued lines, in lists of YAML, JSON, XML and programs, and in \
         strings of strings; settings in the forms `K=V`, `K: V`, `K V`, `\"K\": \"V\"`, `<K>V</K>`, `set K=V`, `-DK=V`, \
         `K file('V')`, `name: K` with `value: V`; steps of workflows with their inputs; variables that the same file sets. \
         `$X`, `${{{{ secrets.X }}}}` and the like that it does not set are kept as names of variables. A path that a program \
         puts together, a value that another file sets, and what a tool takes when nothing is said (its default key) are not \
         seen.\n\nPatterns: `-k*` also with the value directly behind it; `#2` the second word that belongs to no option, \
         `#-1` the last; `*.pk8` such words that end so; `>*.p12` redirection to such a file; `*_KEY` settings that end so.\n"
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
