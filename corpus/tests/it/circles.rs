//! No files of a crate import each other, even indirectly: each can be read, tested and moved without the other.
//!
//! A module is a file; imports for its tests do not count. A folder and its content may import each other, and
//! so may the root of a crate of one room (`detectors/formats`, `scanner-core/git`) and its files. The root of a crate of
//! many rooms may not: an import from there hides where an item is defined.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Allowed import cycles: crate, modules, and the reason.
const ALLOWED: [(&str, &[&str], &str); 6] = [
    (
        "scanner-core",
        &["engine/session", "engine/worker"],
        "a session has workers, and each uses the session's shared state",
    ),
    ("scanner-core", &["blob", "material"], "a material has an origin, and an origin is described by materials"),
    (
        "scanner-core/git",
        &["delta", "forest", "pack", "reindex", "walk"],
        "a pack without an index is walked to make one",
    ),
    ("scanner-core/git", &["agree", "odb", "rescue"], "what one repository lacks is read from another"),
    ("scanner-core/git", &["history", "source", "usage_hints"], "the report on a history needs its source"),
    ("scanner-core", &["source/fs", "source/special"], "a device is opened like a file, and a file may be one"),
];

/// The modules that each module of a crate imports.
type Imports = BTreeMap<String, BTreeSet<String>>;

fn imports(source: &Path, one_room: bool) -> Imports {
    let mut files = Vec::new();
    super::tidy::rust_files(source, &mut files);
    let mut code = BTreeMap::new();
    let mut tests = BTreeSet::new();
    for file in files {
        let name = file.strip_prefix(source).expect("below the source").with_extension("");
        let name = name.to_str().expect("ASCII");
        let name = name.strip_suffix("mod").unwrap_or(name).trim_end_matches('/');
        let name = if ["lib", "main"].contains(&name) { "" } else { name };
        let text = fs::read_to_string(&file).expect("readable");
        tests.extend(text.split("#[cfg(test)]\n").skip(1).filter_map(|rest| {
            let (module, _) = rest.split_once(";\n")?;
            Some(within(name, module.strip_prefix("mod ").or(module.strip_prefix("pub(crate) mod "))?))
        }));
        code.insert(name.to_owned(), without_tests(&text));
    }
    code.retain(|name, _| !tests.iter().any(|test| name == test || name.starts_with(&format!("{test}/"))));
    let modules: BTreeSet<String> = code.keys().cloned().collect();
    let of = |(name, code): (String, String)| {
        let targets = paths(&code).into_iter().filter_map(|path| target(&name, &path, &modules));
        let is_inside = |target: &String| match name.as_str() {
            "" => one_room,
            _ => format!("{target}/").starts_with(&format!("{name}/")),
        };
        let targets = targets.filter(|target| !is_inside(target));
        (name.clone(), targets.collect())
    };
    code.into_iter().map(of).collect()
}

fn within(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}/{name}") }
}

/// The code of a file without comments and test-only items.
fn without_tests(text: &str) -> String {
    let mut code = String::new();
    let mut lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    while let Some(line) = lines.next() {
        match line.strip_suffix("#[cfg(test)]") {
            None => code.extend([line, "\n"]),
            Some(indent) if lines.next().is_some_and(|line| line.ends_with('{')) => {
                lines.find(|line| line.strip_prefix(indent) == Some("}"));
            }
            Some(_) => {}
        }
    }
    code
}

/// Every path in the code, including `use` paths.
fn paths(code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        let imported = line
            .split_once("use ")
            .filter(|(before, _)| ["", "pub"].contains(&before.trim().split('(').next().unwrap_or("")));
        if let Some((_, tree)) = imported {
            let mut tree = tree.to_owned();
            while !tree.ends_with(';') {
                tree.push_str(lines.next().expect("the end of an import"));
            }
            expand("", tree.trim_end_matches(';'), &mut paths);
        } else {
            let words = line.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
            paths.extend(words.filter(|word| word.contains("::")).map(str::to_owned));
        }
    }
    paths
}

/// `a::{b, c::{d, e}}` as three paths.
fn expand(head: &str, tree: &str, out: &mut Vec<String>) {
    let Some((more, inner)) = tree.trim().split_once('{') else {
        return out.push(format!("{head}{}", tree.split(" as ").next().unwrap_or_default().trim()));
    };
    let (mut depth, mut from) = (0, 0);
    for (at, c) in inner.char_indices() {
        match c {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                if !inner[from..at].trim().is_empty() {
                    expand(&format!("{head}{more}"), &inner[from..at], out);
                }
                from = at + 1;
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
}

/// The module that a path in a module of the same crate refers to.
fn target(from: &str, path: &str, modules: &BTreeSet<String>) -> Option<String> {
    let mut words = path.split("::").peekable();
    let mut base = match *words.peek()? {
        "crate" => String::new(),
        "self" | "super" => from.to_owned(),
        first if modules.contains(&within(from, first)) => from.to_owned(),
        _ => return None,
    };
    while let Some(word) = words.next_if(|word| ["crate", "self", "super"].contains(word)) {
        if word == "super" {
            base = base.rsplit_once('/').map_or_else(String::new, |(folder, _)| folder.to_owned());
        }
    }
    while let Some(word) = words.next_if(|word| modules.contains(&within(&base, word))) {
        base = within(&base, word);
    }
    (base != from).then_some(base)
}

/// Sets of modules that import each other, directly or indirectly.
fn circles(imports: &Imports) -> BTreeSet<BTreeSet<String>> {
    let reached = |from: &String| {
        let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(next) = open.pop() {
            open.extend(imports.get(next).into_iter().flatten().filter(|target| reached.insert((*target).clone())));
        }
        reached
    };
    let all: BTreeMap<&String, BTreeSet<String>> = imports.keys().map(|name| (name, reached(name))).collect();
    let circle = |(name, reached): (&&String, &BTreeSet<String>)| {
        let back = reached.iter().filter(|other| all.get(other).is_some_and(|from| from.contains(*name)));
        back.cloned().collect::<BTreeSet<String>>()
    };
    all.iter().map(circle).filter(|circle| circle.len() > 1).collect()
}

#[test]
fn no_files_import_each_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let mut left: Vec<_> = ALLOWED.iter().collect();
    for (name, _) in super::tidy::CRATES {
        let imports = imports(&root.join(name).join("src"), name.contains('/'));
        for circle in circles(&imports) {
            let allowed = |(of, modules, _): &&(&str, &[&str], &str)| *of == *name && circle.iter().eq(*modules);
            let Some(at) = left.iter().position(allowed) else {
                let ties = circle.iter().flat_map(|from| imports[from].intersection(&circle).map(move |to| (from, to)));
                panic!("an import cycle in {name}: {:?}\nmove what both need elsewhere", ties.collect::<Vec<_>>());
            };
            left.remove(at);
        }
    }
    assert!(left.is_empty(), "these cycles no longer exist; remove their exceptions: {left:?}");
}

#[test]
fn an_import_cycle_is_detected() {
    let modules: BTreeSet<String> = ["", "a", "a/b", "c"].map(str::to_owned).into();
    for (from, path, to) in [
        ("a", "crate::c::X", Some("c")),
        ("a/b", "super::super::c", Some("c")),
        ("a", "b::X", Some("a/b")),
        ("a/b", "super::X", Some("a")),
        ("a", "std::fs", None),
        ("c", "crate::X", Some("")),
    ] {
        assert_eq!(target(from, path, &modules).as_deref(), to, "{path} in {from}");
    }
    let code = without_tests(
        "use crate::{c::X,\n    a::b::{self, Y}};\n#[cfg(test)]\nmod tests {\n    use crate::z;\n}\nlet x = c::z();\n",
    );
    assert_eq!(paths(&code), ["crate::c::X", "crate::a::b::self", "crate::a::b::Y", "c::z"]);
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<String>>();
    let imports = [("a", &["c"][..]), ("c", &["d"]), ("d", &["a"]), ("e", &["a"])];
    let imports = imports.into_iter().map(|(from, to)| (from.to_owned(), set(to))).collect();
    assert_eq!(circles(&imports), [set(&["a", "c", "d"])].into());
}
