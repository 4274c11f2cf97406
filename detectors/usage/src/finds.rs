//! The findings of one file, and how they are passed to the engine: bounded, without duplicates, without passwords in
//! shown texts.

use std::ops::Range;

use keyradius_core::blob::Blob;
use keyradius_core::material::{Encoding, Kind, Material, Name, Reference};
use keyradius_core::seam::{Candidate, UsageHints};
use keyradius_core::secret::Secret;
use zeroize::Zeroizing;

use super::mounts::Mount;
use super::scope::Scopes;
use super::tables::{Password, Rule};
use super::text::Text;
use super::value::is_secret;
use super::{CANDIDATES, REFERENCES};

/// Most points of a line that is commented out.
const WEAK: i32 = 10;

/// Most key names reported for a password.
pub(super) const ABOUT: usize = 16;

/// Longest path around an extension that is taken for the name of a key file, in bytes.
const PATH: usize = 256;

/// A line that names a key.
struct Line {
    span: Range<usize>,
    reference: Reference,
}

/// A text that may be a password.
struct Pass {
    at: usize,
    field: String,
    secret: Zeroizing<Vec<u8>>,
    about: Vec<String>,
}

/// The findings of one file.
#[derive(Default)]
pub(super) struct Finds {
    lines: Vec<Line>,
    passes: Vec<Pass>,
    /// Whether passwords were left out because there were too many.
    pub(super) not_all: bool,
}

impl Finds {
    /// Adds a line that names a key.
    pub(super) fn line(&mut self, rule: &Rule, span: Range<usize>, mut names: Vec<Name>, comment: bool) {
        let Some(role) = rule.role.clone().filter(|_| self.lines.len() < REFERENCES) else { return };
        if comment {
            // Sentences are comments too: in a comment, a path has to look like one.
            names.retain(|name| !matches!(name, Name::Path(path) if !looks_like_path(path)));
            if names.is_empty() {
                return;
            }
        }
        let named = names.len();
        names.retain(|name| !is_secret(name));
        if named > 0 && names.is_empty() {
            return;
        }
        names.sort();
        names.dedup();
        let weight = if comment { rule.weight().min(WEAK) } else { rule.weight() };
        let text = if comment { format!("{} (in a comment)", rule.text) } else { rule.text.clone() };
        let reference = Reference { tool: rule.id.clone(), role, weight, text, names };
        let known = |line: &Line| line.span == span && line.reference == reference;
        if !self.lines.iter().rev().take(8).any(known) {
            self.lines.push(Line { span, reference });
        }
    }

    /// Adds the path outside of a container to each path inside it. `mounts` is called only if there are paths.
    pub(super) fn mounted(&mut self, mounts: impl FnOnce() -> Vec<Mount>) {
        let absolute = |name: &Name| matches!(name, Name::Path(path) if path.starts_with('/'));
        if !self.lines.iter().any(|line| line.reference.names.iter().any(absolute)) {
            return;
        }
        let mounts = mounts();
        for line in &mut self.lines {
            let names = &mut line.reference.names;
            let outside: Vec<Name> = names
                .iter()
                .filter_map(|name| if let Name::Path(path) = name { Some(path) } else { None })
                .flat_map(|path| mounts.iter().filter_map(|mount| mount.outside(path)))
                .map(Name::Path)
                .collect();
            names.extend(outside);
            names.sort();
            names.dedup();
        }
    }

    pub(super) fn password(&mut self, at: usize, field: String, secret: Zeroizing<Vec<u8>>, about: Vec<String>) {
        if self.passes.len() < CANDIDATES {
            self.passes.push(Pass { at, field, secret, about });
        } else {
            self.not_all = true;
        }
    }

    /// Converts everything for the engine.
    pub(super) fn hand_over(
        mut self,
        blob: Blob<'_>,
        text: &Text,
        scopes: &Scopes<'_>,
        prose: bool,
        table: &Password,
        out: &mut UsageHints,
    ) {
        out.not_all |= self.not_all;
        if !self.passes.is_empty() {
            let files = key_files(text.str(), table);
            for pass in &mut self.passes {
                let scope = scopes.at(pass.at);
                let line = text.line(pass.at);
                // The nearest first.
                let mut near: Vec<(usize, &str)> = files
                    .iter()
                    .filter(|(at, _)| scopes.at(*at) == scope || text.line(*at) == line)
                    .map(|(at, name)| (text.line(*at).abs_diff(line), *name))
                    .collect();
                near.sort_unstable();
                for (_, name) in near {
                    if pass.about.len() < ABOUT && !pass.about.iter().any(|known| known == name) {
                        pass.about.push(name.to_owned());
                    }
                }
            }
        }
        for line in self.lines.into_iter().filter(|_| !prose) {
            let mut material = Material::new(Kind::Reference, "usage", Encoding::Text, text.span(line.span));
            material.reference = Some(Box::new(line.reference));
            out.references.push(material);
        }
        for mut pass in self.passes {
            let line = text.line(pass.at) as u64 + 1;
            let known = |candidate: &Candidate| {
                candidate.line == line && candidate.secret.expose().as_slice() == pass.secret.as_slice()
            };
            if out.candidates.iter().rev().take(8).any(known) {
                continue;
            }
            out.candidates.push(Candidate {
                secret: Secret::new(std::mem::take(&mut *pass.secret)),
                origin: blob.origin.clone(),
                line,
                field: pass.field,
                about: pass.about,
            });
        }
    }
}

/// Whether a text has characters of paths that words do not have.
fn looks_like_path(text: &str) -> bool {
    let inner = text.trim_end_matches(['.', ',', ')', ':']);
    !inner.contains(' ') && inner.contains(['/', '\\', '.'])
}

/// The names of keystores and keys, without variables.
pub(super) fn shown(names: &[Name]) -> Vec<String> {
    let told = names.iter().filter(|name| !matches!(name, Name::Variable(_)));
    told.map(|name| name.text().to_owned()).take(ABOUT).collect()
}

/// Every word of a text that is the path of a key file, by its extension.
fn key_files<'a>(text: &'a str, table: &Password) -> Vec<(usize, &'a str)> {
    let bytes = text.as_bytes();
    let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b'\\' | b'~');
    let mut out = Vec::new();
    for dot in memchr::memchr_iter(b'.', bytes) {
        let rest = bytes.get(dot..).unwrap_or_default();
        let Some(end) = table.keys.iter().find(|end| {
            rest.get(..end.len()).is_some_and(|start| start.eq_ignore_ascii_case(end.as_bytes()))
                && rest.get(end.len()).is_none_or(|&byte| !part(byte) || byte == b'.')
        }) else {
            continue;
        };
        let mut start = dot;
        while start > 0 && dot - start < PATH && bytes.get(start - 1).is_some_and(|&byte| part(byte)) {
            start -= 1;
        }
        if let Some(path) = text.get(start..dot + end.len()).filter(|path| path.len() > end.len()) {
            out.push((start, path));
        }
        if out.len() >= REFERENCES {
            break;
        }
    }
    out
}
