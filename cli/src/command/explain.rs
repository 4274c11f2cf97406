//! `keyradius explain`: what a detector finds and misses, what a role means, and what to do.

use std::fmt::Write as _;

use detectors::radius::Tier;
use detectors::radius::tables::{Role, Tables};
use detectors::{DETECTORS, UNWRAPPERS};
use scanner_core::seam::About;

use crate::exit::{Exit, Failure};
use crate::report::words;
use crate::{out, suggest};

/// Columns of running text: what is comfortable to read.
const WIDTH: usize = 88;

/// Explains whatever `asked` names.
pub(crate) fn run(asked: &str) -> Result<Exit, Failure> {
    let detectors = DETECTORS.iter().map(|detector| detector.about());
    let formats: Vec<_> = detectors.chain(UNWRAPPERS.iter().map(|unwrapper| unwrapper.about())).collect();
    let tables = Tables::built_in();
    let roles: Vec<_> = tables.roles().collect();
    out::data(explain(asked, &formats, &roles)?.as_bytes())?;
    Ok(Exit::Nothing)
}

fn explain(asked: &str, formats: &[&About], roles: &[&Role]) -> Result<String, Failure> {
    let id = plain_id(asked);
    let named = |name: &str| plain_id(name) == id;
    if let Some(about) = formats.iter().find(|about| named(about.id) || named(about.title)) {
        return Ok(format_page(about));
    }
    if let Some(role) = roles.iter().find(|role| named(&role.id) || named(&role.title)) {
        return Ok(role_page(role));
    }
    let asked = words::escape(asked);
    let failure = Failure::new(format!("nothing is called {asked:?}"));
    if asked.starts_with("kr1:") {
        return Err(failure.hint("a finding is explained in its report: run `keyradius scan -v` again"));
    }
    let formats: Vec<&str> = formats.iter().map(|about| about.id).collect();
    let roles: Vec<&str> = roles.iter().map(|role| role.id.as_str()).collect();
    let known = format!("formats: {}; roles: {}", formats.join(", "), roles.join(", "));
    Err(failure.hint(suggest::hint(&id, formats.iter().chain(&roles).copied(), &known)))
}

/// An id as a finding writes it: `Code signing (proven)` is `code_signing`.
fn plain_id(text: &str) -> String {
    let text = text.split(" (").next().unwrap_or_default().trim();
    text.to_ascii_lowercase().replace([' ', '-'], "_")
}

fn format_page(about: &About) -> String {
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

fn role_page(role: &Role) -> String {
    let mut page = format!("{}: {}\n", role.id, role.title);
    let tier = match role.tier {
        Tier::T0 => "other signers, boot code, or anchors that no revocation reaches",
        Tier::T1 => "a whole population of verifiers",
        Tier::T2 => "one product channel, service or tenant",
        Tier::T3 => "one principal or host",
        Tier::T4 => "no verifier known, or not a signing use",
    };
    section(&mut page, "Would still believe a signature", &role.believed_by);
    section(&mut page, "Who must act before that ends", &format!("{}: {tier}", role.tier.id()));
    section(
        &mut page,
        "How it is known",
        "Certificates of the same key, the keystore around it, names and paths: \
        `keyradius scan -v` prints every reason with its points. 100 points prove a role, 60 make it probable, 30 \
        possible.",
    );
    section(&mut page, "What to do first", &role.next);
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
    use detectors::radius::tables::{Expiry, Revocation};

    use super::*;

    static ABOUT: About = About {
        id: "pkcs8",
        title: "PKCS#8 private keys",
        detects: "Keys of every algorithm.",
        blind_to: "Nothing much.",
        respond: "Rotate.",
        references: &["RFC 5958"],
    };

    fn role() -> Role {
        Role {
            id: "code_signing".into(),
            title: "code signing".into(),
            tier: Tier::T1,
            signs: true,
            believed_by: "every machine".into(),
            next: "Revoke.".into(),
            expiry: Expiry::WithoutTimestamp,
            revocation: Revocation::B,
            old_signatures: "Yes.".into(),
            generic: false,
        }
    }

    #[test]
    fn roles_are_found_as_a_report_writes_them() {
        for asked in ["code_signing", "code-signing", "Code signing (proven)"] {
            let page = explain(asked, &[&ABOUT], &[&role()]).expect(asked);
            assert!(page.starts_with("code_signing: code signing\n\nWould still believe"), "{page}");
            assert!(page.contains("\n  T1: a whole population"), "{page}");
        }
    }

    #[test]
    fn ids_and_titles_are_found_however_they_are_written() {
        for asked in ["pkcs8", "PKCS8", "PKCS#8 private keys"] {
            let page = explain(asked, &[&ABOUT], &[&role()]).expect(asked);
            assert!(page.starts_with("pkcs8: PKCS#8 private keys\n\nWhat is found\n  Keys"), "{page}");
            assert!(page.ends_with("References\n  RFC 5958\n"), "{page}");
        }
    }

    #[test]
    fn what_is_unknown_gets_a_suggestion() {
        for (asked, hint) in [
            ("pkcs9", "hint: did you mean `pkcs8`?"),
            ("zebra", "hint: formats: pkcs8; roles: code_signing"),
            ("kr1:0123456789abcdef", "hint: a finding is explained in its report"),
        ] {
            let told = explain(asked, &[&ABOUT], &[&role()]).expect_err(asked).to_string();
            assert!(told.contains(hint), "{told}");
        }
    }
}
