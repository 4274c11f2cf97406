//! Reads a whole file: from bytes to references and passwords.

use std::collections::BTreeSet;

use keyradius_core::blob::Blob;
use keyradius_core::seam::UsageHints;
use zeroize::Zeroizing;

use super::command::{self, Context};
use super::finds::Finds;
use super::mounts;
use super::need::Surroundings;
use super::scope::Scopes;
use super::settings::Settings;
use super::statement::Statements;
use super::step;
use super::tables::{Tables, Wanted};
use super::text::{Dialect, Text};
use super::variables::Variables;

/// Reads a text: see [`super::Usage`].
pub(super) fn read(blob: Blob<'_>, prose: bool, tables: &Tables, out: &mut UsageHints) {
    let location = blob.origin.location();
    let quoted = location.extension().is_some_and(|end| end == "iss").then(|| quotes(blob.bytes));
    let Some(text) = Text::of(quoted.as_ref().map_or(blob.bytes, |bytes| bytes.as_slice())) else { return };
    let dialect = Dialect::of(&blob.origin.location(), prose);
    let hits: Vec<(Wanted, usize, usize)> = tables.words.find(text.str()).collect();
    if hits.is_empty() {
        return;
    }
    let statements = Statements::of(&text, dialect);
    let variables = Variables::of(&text, dialect);
    let scopes = Scopes::of(&text, dialect);
    let mut finds = Finds::default();
    let around = Surroundings::of(&blob.origin.location(), &text);
    let context = Context { tables, dialect, variables: &variables, around: &around, comment: false };
    commands(&text, &hits, &statements, context, &mut finds);
    let mut settings = Settings::of(&text, dialect, tables, &variables, &scopes, &statements, &around);
    let mut contexts = BTreeSet::new();
    for &(wanted, start, end) in &hits {
        match wanted {
            Wanted::Name => settings.setting(start..end),
            Wanted::Step => step::read(&text, start..end, tables, &mut settings),
            Wanted::Context(rule) => {
                contexts.insert(rule);
            }
            Wanted::Tool => {}
        }
    }
    for rule in contexts {
        settings.lines(rule);
    }
    settings.hand_over(&mut finds);
    finds.mounted(|| mounts::of(&text));
    finds.hand_over(blob, &text, &scopes, prose, &tables.password, out);
}

/// A script of Inno Setup with its `$q` written as the quotes that they stand for, at the same offsets.
fn quotes(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(bytes.to_vec());
    for at in memchr::memmem::find_iter(bytes, b"$q") {
        if let Some(place) = out.get_mut(at..at + 2) {
            place.copy_from_slice(b" \"");
        }
    }
    out
}

/// Reads every statement that contains the name of a tool.
fn commands(
    text: &Text,
    hits: &[(Wanted, usize, usize)],
    statements: &Statements<'_>,
    context: Context<'_>,
    out: &mut Finds,
) {
    let mut done = None;
    for &(wanted, start, end) in hits {
        let before = start.checked_sub(1).and_then(|at| text.str().as_bytes().get(at)).copied().unwrap_or(b' ');
        let after = text.str().as_bytes().get(end).copied().unwrap_or(b' ');
        // `$(SignToolPath)` is a variable that contains the tool.
        let rest = text.str().as_bytes().get(end..).unwrap_or_default();
        let holds = [&b"path"[..], b"exe", b"cmd", b"bin", b"tool"]
            .iter()
            .any(|word| rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word)));
        let inside = before.is_ascii_alphanumeric() || (after.is_ascii_alphanumeric() && !holds);
        if wanted != Wanted::Tool || inside {
            continue;
        }
        let all = statements.all();
        let number = all.partition_point(|statement| statement.range.end < end);
        if done == Some(number) {
            continue;
        }
        done = Some(number);
        let Some(statement) = all.get(number) else { continue };
        let Some(content) = text.str().get(statement.range.clone()) else { continue };
        // The text after a comment mark may still be a command.
        let body =
            content.trim_start_matches(|c: char| c.is_whitespace() || (statement.comment && "#/;:*!".contains(c)));
        let base = statement.range.start + (content.len() - body.len());
        command::read(body, base, Context { comment: statement.comment, ..context }, out);
    }
}
