//! What the places of a key's public half say: something there believes the key.

use scanner_core::material::{Occurrence, Remark};
use serde::{Deserialize, Deserializer};

use super::super::Evidence;
use super::super::estate::KeyGroup;
use super::super::tables::Tables;

/// An entry `[[public]]` of `evidence.toml`: every condition that is there must hold.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PublicRule {
    pub(crate) role: String,
    pub(crate) weight: i32,
    pub(crate) text: String,
    /// A remark of the detector, by its id.
    #[serde(default, deserialize_with = "remark")]
    remark: Option<Remark>,
    /// How the file's name begins.
    file: Option<String>,
}

fn remark<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Remark>, D::Error> {
    let id = String::deserialize(deserializer)?;
    let unknown = || serde::de::Error::custom(format!("no remark has the id `{id}`"));
    Remark::by_id(&id).ok_or_else(unknown).map(Some)
}

impl PublicRule {
    /// Whether it asks for anything at all.
    pub(crate) const fn asks(&self) -> bool {
        self.remark.is_some() || self.file.is_some()
    }

    fn holds(&self, place: &Occurrence) -> bool {
        let location = place.origin.location();
        let name = location.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        self.remark.is_none_or(|remark| place.material.remarks.contains(&remark))
            && self.file.as_ref().is_none_or(|start| name.starts_with(start.as_str()))
    }
}

/// Weighs every place of the public half.
pub(crate) fn weigh(key: &KeyGroup, tables: &Tables, ledger: &mut Vec<Evidence>) {
    for place in &key.related {
        for rule in tables.public.iter().filter(|rule| rule.holds(place)) {
            ledger.push(Evidence {
                role: rule.role.clone(),
                weight: rule.weight,
                group: "link".to_owned(),
                locator: format!("{}:{}", place.origin, place.line),
                text: rule.text.clone(),
                tier: None,
            });
        }
    }
}
