//! The answer of `identify`: every name that the keys of a file go by, and what the file says about their purpose.

use std::io;

use keyradius_core::error;
use keyradius_core::material::{self, KeyId, Kind};
use keyradius_judgement::Finding;
use keyradius_target::{Form, Name};
use serde::Serialize;

use super::{Named, named};
use crate::report::build;
use crate::report::human::{printed, spoken_algorithm};
use crate::report::model::{self, Algorithm, Gap, Text, Tool, Word};
use crate::report::words::{self, escape};

/// The id of the role of a key whose purpose is unknown.
const UNKNOWN: &str = "unknown";

/// The answer of `identify`.
#[derive(Debug, Serialize)]
pub(crate) struct Identified {
    schema: &'static str,
    tool: Tool,
    file: Text,
    /// Keys with a public half, each once, in the order of their places.
    keys: Vec<Known>,
    /// What is locked and does not say which key is in it.
    locked: Vec<model::Occurrence>,
    gaps: Vec<Gap>,
}

/// A key in a file.
#[derive(Debug, Serialize)]
pub(crate) struct Known {
    algorithm: Algorithm,
    /// Whether the private key is in the file.
    private: bool,
    /// Whether the parts of the private key were proven to fit.
    places: Vec<model::Occurrence>,
    subjects: Vec<Text>,
    names: Vec<Named>,
    /// What the file says that the key is for.
    roles: Vec<Purpose>,
    #[serde(skip)]
    id: KeyId,
}

/// A role that the file gives to a key.
#[derive(Debug, Serialize)]
pub(crate) struct Purpose {
    role: Word,
    title: Word,
    band: &'static str,
}

/// Name and version of the format of `identify`.
const IDENTITY: &str = "keyradius.identity/1";

impl Identified {
    /// What a file contains.
    pub(crate) fn of(file: &str, occurrences: &[material::Occurrence], gaps: Vec<error::Gap>) -> Self {
        let mut keys: Vec<(Known, Vec<Name>)> = Vec::new();
        let mut locked = Vec::new();
        for occurrence in occurrences {
            let material = &occurrence.material;
            let Some(material::Identity::Public(half)) = &material.identity else {
                if material.locked.is_some() || matches!(material.kind, Kind::PrivateKey | Kind::Keystore) {
                    locked.push(build::occurrence(occurrence, None));
                }
                continue;
            };
            let at = keys.iter().position(|(key, _)| key.id.key_only == half.id.key_only).unwrap_or_else(|| {
                let key = Known {
                    algorithm: build::algorithm(&half.algorithm),
                    private: false,
                    places: Vec::new(),
                    subjects: Vec::new(),
                    names: Vec::new(),
                    roles: Vec::new(),
                    id: half.id,
                };
                keys.push((key, Vec::new()));
                keys.len() - 1
            });
            let Some((key, names)) = keys.get_mut(at) else { continue };
            key.private |= material.kind == Kind::PrivateKey;
            key.places.push(build::occurrence(occurrence, None));
            key.subjects.extend(material.certificate.as_ref().map(|facts| Text::from(facts.subject.clone())));
            names.extend(keyradius_target::of_material(material));
        }
        let tell = |(mut key, mut names): (Known, Vec<Name>)| {
            names.retain(|name| !matches!(name.form, Form::Label | Form::CommonName));
            names.sort();
            names.dedup();
            key.names = names.iter().map(named).collect();
            key
        };
        Self {
            schema: IDENTITY,
            tool: Tool::THIS,
            file: file.into(),
            keys: keys.into_iter().map(tell).collect(),
            locked,
            gaps: gaps.into_iter().map(build::gap).collect(),
        }
    }

    /// Adds the roles of findings about the same keys.
    pub(crate) fn add_roles(&mut self, findings: &[Finding]) {
        for key in &mut self.keys {
            let own = findings.iter().filter(|finding| finding.key.is_some_and(|id| id.key_only == key.id.key_only));
            let roles = own.flat_map(|finding| &finding.roles).filter(|role| role.role != UNKNOWN);
            key.roles.extend(roles.map(|role| Purpose {
                role: role.role.clone().into(),
                title: role.title.clone().into(),
                band: role.band.id(),
            }));
        }
    }

    /// Whether a key with a public half was found.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

/// Writes the names of every key in a file.
pub(crate) fn render(file: &Identified, out: &mut dyn io::Write) -> io::Result<()> {
    for (index, key) in file.keys.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        let half = if key.private { "private key" } else { "public half" };
        writeln!(out, "{}, {half}", spoken_algorithm(&key.algorithm))?;
        for place in &key.places {
            let protection = place.protection.as_ref().map(|p| format!(", {}", words::spoken(p.state.id())));
            let protection = protection.unwrap_or_default();
            writeln!(out, "  {}  {}{protection}", printed(&place.place, place.encoding), &*place.format)?;
            called(place, out)?;
            for note in &place.notes {
                writeln!(out, "      {}", escape(note))?;
            }
        }
        for role in &key.roles {
            writeln!(out, "  {} ({})", escape(&role.title), role.band)?;
        }
        for subject in &key.subjects {
            writeln!(out, "  subject {}", escape(subject))?;
        }
        for name in &key.names {
            let Named { form, text } = name;
            let title = Form::ALL.into_iter().find(|known| known.id() == *form).map_or("name", Form::title);
            writeln!(out, "  {title:<34} {}", escape(text))?;
        }
    }
    for locked in &file.locked {
        let detail = locked.protection.as_ref().map(|p| format!(": {}", escape(&p.detail))).unwrap_or_default();
        writeln!(out, "{}  locked {}{detail}", printed(&locked.place, locked.encoding), &*locked.format)?;
        called(locked, out)?;
    }
    Ok(())
}

/// The names that a file gives to a key.
fn called(occurrence: &model::Occurrence, out: &mut dyn io::Write) -> io::Result<()> {
    occurrence.labels.iter().try_for_each(|label| writeln!(out, "      {} {}", label.kind, escape(&label.text)))
}
