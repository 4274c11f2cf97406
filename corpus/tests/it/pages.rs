//! The pages for readers: the README is short and links every page, and every link has a target.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("a page that can be read")
}

fn pages_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

/// The targets of links, `[text](target)`, outside code blocks.
fn links(text: &str) -> Vec<String> {
    let mut code = false;
    let prose = text.lines().filter(|line| {
        code ^= line.starts_with("```");
        !code && !line.starts_with("    ")
    });
    prose
        .flat_map(|line| line.split("](").skip(1))
        .filter_map(|rest| rest.split_once(')'))
        .map(|(to, _)| to.to_owned())
        .collect()
}

/// The anchors of headings, as on GitHub: lower-case, hyphens for spaces, no punctuation.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let anchor = |heading: &str| -> String {
        let kept = heading.to_lowercase();
        kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_has_a_target() {
    let mut followed = 0;
    for page in ["", "docs", "docs/schema", "corpus"].iter().flat_map(|folder| pages_in(&root().join(folder))) {
        for link in links(&read(&page)).iter().filter(|link| !link.contains("://") && !link.starts_with("mailto:")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => page.clone(),
                _ => page.parent().expect("a folder").join(file),
            };
            assert!(target.exists(), "{}: {link} leads nowhere", page.display());
            assert!(
                anchor.is_empty() || anchors(&read(&target)).contains(anchor),
                "{}: no heading for {link}",
                page.display()
            );
            followed += 1;
        }
    }
    assert!(followed > 50, "{followed} links were followed");
}

#[test]
fn readme_is_short_and_links_every_page() {
    let text = read(&root().join("README.md"));
    assert!(text.lines().count() <= 150, "{} lines", text.lines().count());
    let linked: BTreeSet<String> = links(&text).iter().map(|l| l.split('#').next().unwrap_or(l).to_owned()).collect();
    for page in pages_in(&root().join("docs")) {
        let name = format!("docs/{}", page.file_name().expect("a name").to_string_lossy());
        assert!(linked.contains(&name), "the README does not link {name}");
    }
}

/// The first commands, apart from sample output, are those that build and test.
#[test]
fn readme_begins_with_the_commands_that_build_and_test() {
    let text = read(&root().join("README.md"));
    let commands = text.lines().filter_map(|line| line.strip_prefix("    ")).filter(|line| !line.starts_with(' '));
    let commands: Vec<&str> = commands.map(|line| line.split("  ").next().unwrap_or(line)).take(2).collect();
    assert_eq!(commands, ["cargo run --release -- scan .", "cargo test --workspace"]);
}
