//! What to do about a key of each role: `data/playbooks/*.md`, compiled in and parsed on request.
//!
//! A playbook has a title, one paragraph on who trusts the key, and the seven sections of [`HEADINGS`]. A section has
//! an optional note and numbered steps; a step says who does what, with which commands, and how to see that it worked.
//! `_common.md` has the steps that are the same for every role. They come first in each section, unless the role's
//! section has a note and no steps: then the note explains why there is nothing to do.
//!
//! A name in angle brackets is replaced where keyradius knows the value ([`Playbook::fill`]): those of [`KNOWN`]. The
//! reader fills in all others.

use super::roles::ROLES;

/// The sections of every playbook, in this order.
pub const HEADINGS: [&str; 7] =
    ["First hour", "Revoke", "Tell verifiers", "Re-sign", "Hunt", "Review the issuance path", "Close"];

/// The names whose values come from a finding. A finding may lack some of them: a key that is only in a history has no
/// copy that a command can read.
pub const KNOWN: [&str; 10] = [
    "finding",
    "copy",
    "copies",
    "history-paths",
    "history-texts",
    "first-seen",
    "spki-sha256",
    "serial",
    "pgp-fingerprint",
    "ssh-fingerprint",
];

const COMMON: &str = include_str!("../data/playbooks/_common.md");

/// What to do about a key of one role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Playbook {
    /// The role's id.
    pub role: String,
    /// A few words for a person.
    pub title: String,
    /// Who trusts the key, and why expiry or revocation does or does not help.
    pub about: String,
    /// One section for each of [`HEADINGS`], in that order.
    pub sections: Vec<Section>,
}

/// A section of a playbook: a note, steps, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// One of [`HEADINGS`].
    pub heading: &'static str,
    /// What to know before the steps, or why there are none. May be empty.
    pub note: String,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

/// One action of one person or team.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Who acts.
    pub who: String,
    /// What to do.
    pub text: String,
    /// The commands to use.
    pub commands: Vec<Command>,
    /// How to see that it worked.
    pub done: String,
}

/// Lines to type, or to add to a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// `sh`, `powershell`, or `text` for lines of a configuration.
    pub language: String,
    /// One or more lines without the final newline.
    pub text: String,
}

impl Playbook {
    /// The playbook of a role; `None` if no role has this id.
    ///
    /// # Panics
    ///
    /// Never: a test reads every text.
    pub fn of(role: &str) -> Option<Self> {
        let text = ROLES.iter().find(|text| text.id == role)?.playbook;
        let own = read(role, text);
        let common = read("_common", COMMON);
        #[allow(clippy::panic, reason = "the data is part of the program, and a test reads all of it")]
        let (own, common) =
            own.and_then(|own| Ok((own, common?))).unwrap_or_else(|error| panic!("built-in playbooks: {error}"));
        Some(merged(common, own))
    }

    /// The ids that have a playbook, sorted.
    pub fn roles() -> impl Iterator<Item = &'static str> {
        ROLES.iter().map(|text| text.id)
    }

    /// Replaces names with known values: `("first-seen", "2024-05-01")` replaces `<first-seen>` in texts, and in
    /// commands without quoting: the caller quotes the value for a shell. Lines of commands with another name of
    /// [`KNOWN`] are left out: there is nothing to run them on.
    pub fn fill(&mut self, known: &[(&str, String)]) {
        let put = |text: &mut String| {
            for (name, value) in known {
                *text = text.replace(&format!("<{name}>"), value);
            }
        };
        put(&mut self.about);
        for section in &mut self.sections {
            put(&mut section.note);
            for step in &mut section.steps {
                put(&mut step.text);
                put(&mut step.done);
                for command in &mut step.commands {
                    put(&mut command.text);
                    let is_open = |line: &&str| !KNOWN.iter().any(|name| line.contains(&format!("<{name}>")));
                    command.text = command.text.lines().filter(is_open).collect::<Vec<_>>().join("\n");
                }
                step.commands.retain(|command| !command.text.is_empty());
            }
        }
    }
}

/// The steps for a role, section by section; empty if no role has this id.
pub fn checklist(role: &str) -> Vec<Section> {
    Playbook::of(role).map(|playbook| playbook.sections).unwrap_or_default()
}

/// The common steps before those of one role, under the same headings.
fn merged(common: Playbook, own: Playbook) -> Playbook {
    let sections = common.sections.into_iter().zip(own.sections).map(|(common, own)| {
        if own.steps.is_empty() && !own.note.is_empty() {
            return own;
        }
        let note = if own.note.is_empty() { common.note } else { own.note };
        Section { heading: own.heading, note, steps: common.steps.into_iter().chain(own.steps).collect() }
    });
    Playbook { sections: sections.collect(), ..own }
}

/// Parses one file. `Err` names the file and the line.
fn read(role: &str, text: &str) -> Result<Playbook, String> {
    let mut reader = Reader { playbook: Playbook::empty(role), fence: None, behind_commands: false };
    for (number, line) in text.lines().enumerate() {
        reader.line(line).map_err(|what| format!("{role}.md:{}: {what}", number + 1))?;
    }
    let whole = reader.playbook.sections.len() == HEADINGS.len() && reader.fence.is_none();
    whole.then_some(reader.playbook).ok_or_else(|| format!("{role}.md: ends too soon"))
}

impl Playbook {
    fn empty(role: &str) -> Self {
        Self { role: role.to_owned(), title: String::new(), about: String::new(), sections: Vec::new() }
    }
}

/// State of parsing a file line by line.
struct Reader {
    playbook: Playbook,
    /// The open fenced block.
    fence: Option<Command>,
    /// Whether the commands of the step were read: the rest says when the step is done.
    behind_commands: bool,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), &'static str> {
        if let Some(fence) = &mut self.fence {
            if line.trim() == "```" {
                let step = self.playbook.sections.last_mut().and_then(|section| section.steps.last_mut());
                step.ok_or("a command outside a step")?.commands.extend(self.fence.take());
                self.behind_commands = true;
                return Ok(());
            }
            if !fence.text.is_empty() {
                fence.text.push('\n');
            }
            fence.text.push_str(line.strip_prefix("   ").unwrap_or(line).trim_end());
            return Ok(());
        }
        if let Some(title) = line.strip_prefix("# ") {
            title.clone_into(&mut self.playbook.title);
        } else if let Some(heading) = line.strip_prefix("## ") {
            let due = HEADINGS.get(self.playbook.sections.len()).ok_or("an unknown section after the last")?;
            if *due != heading {
                return Err("not the expected heading");
            }
            self.playbook.sections.push(Section { heading: due, ..Section::default() });
        } else if let Some(language) = line.strip_prefix("   ```") {
            if !["sh", "powershell", "text"].contains(&language) {
                return Err("a block of sh, powershell or text is expected");
            }
            self.fence = Some(Command { language: language.to_owned(), text: String::new() });
        } else if let Some((number, step)) = line.split_once(". **") {
            let section = self.playbook.sections.last_mut().ok_or("a step before the first section")?;
            if number.parse() != Ok(section.steps.len() + 1) {
                return Err("steps are numbered from 1");
            }
            let (who, text) = step.split_once("**: ").ok_or("a step begins `1. **Who**: what`")?;
            section.steps.push(Step { who: who.to_owned(), text: text.to_owned(), ..Step::default() });
            self.behind_commands = false;
        } else if !line.is_empty() {
            return self.running_text(line);
        }
        Ok(())
    }

    /// Adds a line of a paragraph to the step, the section's note, or the introduction.
    fn running_text(&mut self, line: &str) -> Result<(), &'static str> {
        let Some(section) = self.playbook.sections.last_mut() else {
            append(&mut self.playbook.about, line);
            return Ok(());
        };
        let Some(step) = section.steps.last_mut() else {
            append(&mut section.note, line);
            return Ok(());
        };
        let line = line.strip_prefix("   ").ok_or("the lines of a step are indented by three spaces")?;
        if line.starts_with("Done when ") || !step.done.is_empty() {
            append(&mut step.done, line);
        } else if self.behind_commands {
            return Err("only `Done when` may follow the commands of a step");
        } else {
            append(&mut step.text, line);
        }
        Ok(())
    }
}

fn append(text: &mut String, line: &str) {
    if !text.is_empty() {
        text.push(' ');
    }
    text.push_str(line.trim());
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::Tables;

    /// The id and text of every playbook, and of what is common to all.
    fn texts() -> impl Iterator<Item = (&'static str, &'static str)> {
        ROLES.iter().map(|text| (text.id, text.playbook)).chain([("_common", COMMON)])
    }

    #[test]
    fn every_role_has_a_playbook_and_every_playbook_a_role() {
        let tables = Tables::built_in();
        let roles: Vec<&str> = tables.roles().map(|role| role.id.as_str()).collect();
        assert_eq!(Playbook::roles().collect::<Vec<_>>(), roles);
    }

    #[test]
    fn every_step_says_who_what_and_when_it_is_done() {
        for role in Playbook::roles() {
            let playbook = Playbook::of(role).expect(role);
            assert!(!playbook.title.is_empty() && playbook.about.len() > 150, "{role}");
            assert_eq!(playbook.sections.iter().map(|section| section.heading).collect::<Vec<_>>(), HEADINGS);
            assert_eq!(checklist(role), playbook.sections);
            for section in &playbook.sections {
                let why = section.note.split_whitespace().count();
                assert!(!section.steps.is_empty() || why >= 8, "{role}, {}: neither steps nor why", section.heading);
                for step in &section.steps {
                    assert!(!step.who.is_empty() && step.text.ends_with(['.', '?', ':']), "{role}: {step:?}");
                    assert!(step.done.starts_with("Done when ") && step.done.ends_with('.'), "{role}: {step:?}");
                }
            }
        }
    }

    #[test]
    fn lines_fit() {
        for (role, text) in texts() {
            for line in text.lines() {
                assert!(line.chars().count() <= 160, "{role}: {line}");
                assert!(line.chars().all(|c| c == ' ' || c.is_ascii_graphic()), "{role}: {line}");
            }
            for command in
                read(role, text).expect(role).sections.iter().flat_map(|s| &s.steps).flat_map(|s| &s.commands)
            {
                assert!(command.text.lines().all(|line| line.len() <= 92), "{role}: {}", command.text);
            }
        }
    }

    /// What is true of two roles belongs in `_common.md`; a copied sentence was probably not thought through.
    #[test]
    fn no_sentence_is_repeated() {
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for (role, text) in texts() {
            let playbook = read(role, text).expect(role);
            let mut texts = vec![playbook.about];
            for section in playbook.sections {
                texts.push(section.note);
                texts.extend(section.steps.into_iter().flat_map(|step| [step.text, step.done]));
            }
            for sentence in texts.iter().flat_map(|text| text.split(". ")) {
                let sentence = sentence.trim().trim_end_matches('.').to_ascii_lowercase();
                if sentence.is_empty() {
                    continue;
                }
                if let Some(other) = seen.insert(sentence.clone(), role) {
                    panic!("{role} and {other} both say: {sentence}");
                }
            }
        }
    }

    #[test]
    fn common_steps_come_first_and_give_way_to_a_reason() {
        let file = |middle: &str| {
            let rest = HEADINGS[1..].join("\n## ");
            format!("# T\n\nA b\nc.\n\n## First hour\n\n{middle}\n\n## {rest}\n")
        };
        let step =
            |who: &str| format!("1. **{who}**: Do it.\n\n   ```sh\n   true\n   ```\n\n   Done when it\n   is done.");
        let common = read("_common", &file(&step("A"))).expect("common");
        for (own, expected) in [(step("B"), &["A", "B"][..]), (String::new(), &["A"]), ("Nothing to do.".into(), &[])] {
            let merged = merged(common.clone(), read("own", &file(&own)).expect("own"));
            let first = &merged.sections[0];
            assert_eq!(first.steps.iter().map(|step| step.who.as_str()).collect::<Vec<_>>(), expected);
            assert_eq!((merged.role.as_str(), merged.about.as_str()), ("own", "A b c."));
        }
        let first = &common.sections[0].steps[0];
        assert_eq!((first.commands[0].text.as_str(), first.done.as_str()), ("true", "Done when it is done."));
    }

    #[test]
    fn errors_name_their_line() {
        for (text, told) in [
            ("# T\n\n## Revoke\n", "x.md:3: not the expected heading"),
            ("# T\n\n## First hour\n\n2. **A**: b.\n", "x.md:5: steps are numbered from 1"),
            ("# T\n\n## First hour\n\n1. **A** b.\n", "x.md:5: a step begins `1. **Who**: what`"),
            ("# T\n\n## First hour\n\n1. **A**: b.\n\nDone when c.\n", "x.md:7: the lines of a step are indented"),
            ("# T\n\n## First hour\n", "x.md: ends too soon"),
        ] {
            let error = read("x", text).expect_err(text);
            assert!(error.starts_with(told), "{error}");
        }
    }

    #[test]
    fn known_values_replace_their_names() {
        let mut playbook = Playbook::of("code_signing").expect("a playbook");
        let count = |playbook: &Playbook, what: &str| format!("{playbook:?}").matches(what).count();
        let names = count(&playbook, "<first-seen>");
        assert!(names > 1);
        playbook.fill(&[("first-seen", "2024-05-01".to_owned())]);
        assert_eq!((count(&playbook, "<first-seen>"), count(&playbook, "2024-05-01")), (0, names));
    }
}
