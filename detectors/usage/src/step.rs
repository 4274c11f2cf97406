//! Steps of CI systems: an action or task, and the inputs that name a key.

use std::ops::Range;

use super::assignment;
use super::settings::{Field, Settings};
use super::tables::{Part, Tables};
use super::text::{Dialect, Text};

/// Most lines of one step that are read.
const LINES: usize = 64;

/// Reads the step named `word`.
pub(super) fn read(text: &Text, word: Range<usize>, tables: &Tables, settings: &mut Settings<'_>) {
    let line = text.line(word.start);
    let content = text.of_line(line);
    let name = text.str().get(word.clone()).unwrap_or_default().to_ascii_lowercase();
    let lead = text.str().get(text.range(line).start..word.start).unwrap_or_default();
    let lead = lead.trim().trim_start_matches("- ").trim_end_matches(['"', '\'', ' ']);
    if !["uses:", "task:", "pipe:", "-", "", "plugin:"].contains(&lead) {
        return;
    }
    let after = text.str().as_bytes().get(word.end).copied().unwrap_or(b'\n');
    if !(after.is_ascii_whitespace() || matches!(after, b'@' | b'"' | b'\'' | b':')) {
        return;
    }
    let indent_of = |content: &str| content.len() - content.trim_start().len();
    // The step's item ends at a line that is not indented deeper than its dash.
    let dash =
        if content.trim_start().starts_with("- ") { indent_of(content) } else { indent_of(content).saturating_sub(1) };
    for number in line + 1..(line + LINES).min(text.count()) {
        let content = text.of_line(number);
        let trimmed = content.trim_start();
        if trimmed.is_empty() {
            continue;
        }
        if indent_of(content) <= dash {
            break;
        }
        let start = text.range(number).start + (indent_of(content) + if trimmed.starts_with("- ") { 2 } else { 0 });
        let Some(key) = text.str().get(start..).and_then(|rest| rest.get(..rest.find(':')?)) else { continue };
        if key.is_empty() || key.len() > 64 || key.contains('\n') {
            continue;
        }
        let rules =
            tables.step.iter().enumerate().filter(|(_, rule)| rule.uses.iter().any(|uses| uses.to_lowercase() == name));
        for (rule, part, field) in rules.flat_map(|(number, rule)| {
            rule.parts()
                .filter(|(_, field)| field.eq_ignore_ascii_case(key))
                .map(move |(part, field)| (number, part, field))
        }) {
            let Some(setting) = assignment::read(text, start..start + key.len(), Dialect::Yaml) else { continue };
            settings
                .take(&setting, Field { rule: Some((true, rule)), part, stem: format!("step@{line}"), name: field });
            debug_assert!(part <= Part::Password);
        }
    }
}
