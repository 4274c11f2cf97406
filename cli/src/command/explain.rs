//! `keyradius explain`: what a detector finds and misses, and what to do about a find.

use std::fmt::Write as _;

use detectors::{DETECTORS, UNWRAPPERS};
use scanner_core::seam::About;

use crate::exit::{Exit, Failure};
use crate::report::words;
use crate::{out, suggest};

/// Columns of running text: what is comfortable to read.
const WIDTH: usize = 88;

/// Explains whatever `asked` names.
pub(crate) fn run(asked: &str) -> Result<Exit, Failure> {
    out::data(explain(asked, &topics())?.as_bytes())?;
    Ok(Exit::Nothing)
}

/// Everything that can be explained.
fn topics() -> Vec<&'static About> {
    let detectors = DETECTORS.iter().map(|detector| detector.about());
    detectors.chain(UNWRAPPERS.iter().map(|unwrapper| unwrapper.about())).collect()
}

fn explain(asked: &str, topics: &[&'static About]) -> Result<String, Failure> {
    let id = plain_id(asked);
    if let Some(about) = topics.iter().find(|about| plain_id(about.id) == id || plain_id(about.title) == id) {
        return Ok(page(about));
    }
    let asked = words::escape(asked);
    let failure = Failure::new(format!("nothing is called {asked:?}"));
    if asked.starts_with("kr1:") {
        return Err(failure.hint("a finding is explained in its report: run `keyradius scan -v` again"));
    }
    let known: Vec<&str> = topics.iter().map(|about| about.id).collect();
    Err(failure.hint(suggest::hint(&id, known.iter().copied(), &format!("known: {}", known.join(", ")))))
}

/// An id as a finding writes it: `Code signing (proven)` is `code_signing`.
fn plain_id(text: &str) -> String {
    let text = text.split(" (").next().unwrap_or_default().trim();
    text.to_ascii_lowercase().replace([' ', '-'], "_")
}

fn page(about: &About) -> String {
    let mut page = format!("{}: {}\n", about.id, about.title);
    for (heading, text) in
        [("What is found", about.detects), ("Blind to", about.blind_to), ("What to do", about.respond)]
    {
        section(&mut page, heading, text);
    }
    if !about.references.is_empty() {
        page.push_str("\nReferences\n");
        for reference in about.references {
            let _ = writeln!(page, "  {reference}");
        }
    }
    page
}

/// A heading, and paragraphs below it.
fn section(page: &mut String, heading: &str, text: &str) {
    let _ = writeln!(page, "\n{heading}");
    for paragraph in text.lines() {
        for line in words::wrap(paragraph.trim(), WIDTH) {
            let _ = writeln!(page, "  {line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static ABOUT: About = About {
        id: "pkcs8",
        title: "PKCS#8 private keys",
        detects: "Keys of every algorithm.",
        blind_to: "Nothing much.",
        respond: "Rotate.",
        references: &["RFC 5958"],
    };

    #[test]
    fn ids_and_titles_are_found_however_they_are_written() {
        for asked in ["pkcs8", "PKCS8", "PKCS#8 private keys"] {
            let page = explain(asked, &[&ABOUT]).expect(asked);
            assert!(page.starts_with("pkcs8: PKCS#8 private keys\n\nWhat is found\n  Keys"), "{page}");
            assert!(page.ends_with("References\n  RFC 5958\n"), "{page}");
        }
    }

    #[test]
    fn what_is_unknown_gets_a_suggestion() {
        for (asked, hint) in [
            ("pkcs9", "hint: did you mean `pkcs8`?"),
            ("zebra", "hint: known: pkcs8"),
            ("kr1:0123456789abcdef", "hint: a finding is explained in its report"),
        ] {
            let told = explain(asked, &[&ABOUT]).expect_err(asked).to_string();
            assert!(told.contains(hint), "{told}");
        }
    }
}
