//! An entry of `data/roles/*.toml` or `data/evidence.toml`: what it adds to a role, and the conditions that must all be met.
//!
//! The conditions are separate fields and not a language, so that an entry is easy to read and a misspelt one is
//! refused. `certificate.rs`, `file.rs` and `public.rs` decide which facts the conditions apply to.

use std::fmt;
use std::marker::PhantomData;

use keyradius_core::material::Remark;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Error, IntoDeserializer, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::super::Tier;
use super::words::Phrase;

/// Sources of an item: only the strongest item of a group counts for a role. `link` and `build` items come from
/// references to the key and are never in the file.
const GROUPS: [&str; 5] = ["certificate", "container", "path", "cofile", "text"];

/// Groups of items without a role: see `evidence.toml`.
const REMARKS: [&str; 2] = ["constraint", "lifetime"];

/// Points that an item may add (2.5 of the scoring: proof, strong, medium, weak) or subtract.
const WEIGHTS: [i32; 7] = [100, 60, 30, 10, -30, -60, -100];

/// A flag of an OpenPGP key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Use {
    Certify,
    Sign,
    Encrypt,
    Authenticate,
}

/// An entry: every condition that is set must be met; of several values, one is enough.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// The role of the file; empty for an entry of `evidence.toml`.
    #[serde(skip)]
    pub(crate) role: String,
    pub(crate) weight: i32,
    pub(crate) group: String,
    pub(crate) text: String,
    /// The role's tier for a key with this item, where it is wider than usual.
    pub(crate) tier: Option<Tier>,

    // Of a certificate of the key.
    pub(crate) ca: Option<bool>,
    pub(crate) self_issued: Option<bool>,
    /// Whether it is not a subordinate CA: the extended key usage of a subordinate CA limits the certificates below it.
    pub(crate) leaf: Option<bool>,
    /// Whether it is CA:TRUE with keyCertSign: its extended key usage limits the certificates below it.
    pub(crate) issues: Option<bool>,
    pub(crate) version: Option<u32>,
    pub(crate) path_len: Option<u32>,
    pub(crate) name_constrained: Option<bool>,
    /// Least years of validity.
    pub(crate) years: Option<i64>,
    pub(crate) serial_negative: Option<bool>,
    /// Whether the common name is the name or address of a host.
    pub(crate) host: Option<bool>,
    /// Bits of the key usage that must all be set.
    pub(crate) key_usage: Option<Bits>,
    /// The key usage is present, and none of these bits is set.
    pub(crate) key_usage_absent: Option<Bits>,
    /// The key usage is present, and only these bits are set.
    pub(crate) key_usage_only: Option<Bits>,
    pub(crate) no_key_usage: Option<bool>,
    #[serde(default, deserialize_with = "oids")]
    pub(crate) eku: Vec<Oid>,
    /// The extended key usage is present, and contains neither these nor anyExtendedKeyUsage.
    #[serde(default, deserialize_with = "oids")]
    pub(crate) eku_absent: Vec<Oid>,
    pub(crate) no_eku: Option<bool>,
    #[serde(default, deserialize_with = "oids")]
    pub(crate) policy: Vec<Oid>,
    #[serde(default, deserialize_with = "oids")]
    pub(crate) extension: Vec<Oid>,
    #[serde(default, deserialize_with = "oids")]
    pub(crate) no_extension: Vec<Oid>,
    #[serde(default, deserialize_with = "phrases")]
    pub(crate) subject: Vec<Phrase>,
    #[serde(default, deserialize_with = "phrases")]
    pub(crate) not_subject: Vec<Phrase>,
    #[serde(default, deserialize_with = "phrases")]
    pub(crate) issuer: Vec<Phrase>,

    // Of a place of the private key.
    #[serde(default, deserialize_with = "texts")]
    pub(crate) format: Vec<String>,
    pub(crate) uses: Option<Use>,
    pub(crate) subkey: Option<bool>,
    #[serde(default, deserialize_with = "phrases")]
    pub(crate) label: Vec<Phrase>,
    #[serde(default, deserialize_with = "phrases")]
    pub(crate) not_label: Vec<Phrase>,
    /// Globs on the whole path, case-insensitive.
    #[serde(default, deserialize_with = "texts")]
    pub(crate) path: Vec<String>,
    #[serde(default, deserialize_with = "phrases")]
    pub(crate) word: Vec<Phrase>,
    #[serde(default, deserialize_with = "phrases")]
    pub(crate) not_word: Vec<Phrase>,
    /// Words of the field whose password opened the key.
    #[serde(default, deserialize_with = "phrases")]
    pub(crate) opened: Vec<Phrase>,
    /// Lower-case names of files with occurrences in the key's directory; `{stem}` is the name of the key's file
    /// without its last extension.
    #[serde(default, deserialize_with = "texts")]
    pub(crate) beside: Vec<String>,

    // Of the key, and of the container of the key or certificate.
    #[serde(default, deserialize_with = "texts")]
    pub(crate) container: Vec<String>,
    #[serde(default, deserialize_with = "texts")]
    pub(crate) algorithm: Vec<String>,
    #[serde(default, deserialize_with = "texts")]
    pub(crate) curve: Vec<String>,
    /// The modulus or field has fewer bits than this; keys of unknown size never match.
    pub(crate) bits_below: Option<u32>,
}

impl Rule {
    /// Whether a condition is about certificates.
    pub(crate) const fn about_certificate(&self) -> bool {
        self.ca.is_some()
            || self.self_issued.is_some()
            || self.leaf.is_some()
            || self.issues.is_some()
            || self.version.is_some()
            || self.path_len.is_some()
            || self.name_constrained.is_some()
            || self.years.is_some()
            || self.serial_negative.is_some()
            || self.host.is_some()
            || self.key_usage.is_some()
            || self.key_usage_absent.is_some()
            || self.key_usage_only.is_some()
            || self.no_key_usage.is_some()
            || self.no_eku.is_some()
            || !self.eku.is_empty()
            || !self.eku_absent.is_empty()
            || !self.policy.is_empty()
            || !self.extension.is_empty()
            || !self.no_extension.is_empty()
            || !self.subject.is_empty()
            || !self.not_subject.is_empty()
            || !self.issuer.is_empty()
    }

    /// Whether a condition is about places of the private key.
    const fn about_file(&self) -> bool {
        self.uses.is_some()
            || self.subkey.is_some()
            || !self.format.is_empty()
            || !self.label.is_empty()
            || !self.not_label.is_empty()
            || !self.path.is_empty()
            || !self.word.is_empty()
            || !self.not_word.is_empty()
            || !self.opened.is_empty()
            || !self.beside.is_empty()
    }

    const fn about_key(&self) -> bool {
        self.bits_below.is_some() || !self.container.is_empty() || !self.algorithm.is_empty() || !self.curve.is_empty()
    }

    /// What is wrong with the entry, if anything.
    pub(crate) fn fault(&self) -> Option<String> {
        if self.role.is_empty() {
            if self.weight != 0 || !REMARKS.contains(&self.group.as_str()) {
                return Some(format!("without a role the weight is 0 and the group one of {}", REMARKS.join(", ")));
            }
        } else if !WEIGHTS.contains(&self.weight) {
            return Some(format!("the weight {} is not one of {WEIGHTS:?}", self.weight));
        } else if !GROUPS.contains(&self.group.as_str()) {
            return Some(format!("the group `{}` is not one of {}", self.group, GROUPS.join(", ")));
        }
        match (self.about_certificate(), self.about_file(), self.about_key()) {
            (true, true, _) => Some("conditions on certificates and on files are mixed".to_owned()),
            (false, false, false) => Some("no condition".to_owned()),
            _ => None,
        }
    }
}

/// A `[[public]]` entry of a role: every condition that is set must be met.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PublicRule {
    /// The role of the file.
    #[serde(skip)]
    pub(crate) role: String,
    pub(crate) weight: i32,
    pub(crate) text: String,
    /// A remark of the detector, by its id.
    #[serde(default, deserialize_with = "remark")]
    pub(crate) remark: Option<Remark>,
    /// How the file's name starts.
    pub(crate) file: Option<String>,
}

impl PublicRule {
    /// Whether the rule has any condition.
    pub(crate) const fn asks(&self) -> bool {
        self.remark.is_some() || self.file.is_some()
    }
}

fn remark<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Remark>, D::Error> {
    let id = String::deserialize(from)?;
    let unknown = || Error::custom(format!("no remark has the id `{id}`"));
    Remark::by_id(&id).ok_or_else(unknown).map(Some)
}

/// Bits of the key usage (RFC 5280 4.2.1.3), bit 0 = digitalSignature: one number or a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bits(pub(crate) u16);

impl<'de> Deserialize<'de> for Bits {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut mask = 0;
        for bit in OneOrMany::<u32>::deserialize(from)?.list() {
            if bit > 8 {
                return Err(Error::custom(format!("the key usage has bits 0 to 8, not {bit}")));
            }
            mask |= 1 << bit;
        }
        Ok(Self(mask))
    }
}

/// An object identifier in dotted form, or all below one: `1.3.6.1.4.1.57264.1.*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Oid {
    dotted: String,
    below: bool,
}

impl Oid {
    fn read(text: &str) -> Result<Self, String> {
        let (dotted, below) = text.strip_suffix('*').map_or((text, false), |dotted| (dotted, true));
        let arcs = dotted.strip_suffix('.').filter(|_| below).unwrap_or(dotted);
        let numbers = arcs.split('.').all(|arc| !arc.is_empty() && arc.bytes().all(|b| b.is_ascii_digit()));
        if numbers && arcs.contains('.') && (dotted.ends_with('.') == below) {
            Ok(Self { dotted: dotted.to_owned(), below })
        } else {
            Err(format!("`{text}` is not an object identifier"))
        }
    }

    /// Whether the identifier matches.
    pub(crate) fn is(&self, other: &str) -> bool {
        if self.below { other.starts_with(&self.dotted) } else { other == self.dotted }
    }
}

/// A list that may be written as one value. Without `untagged`, which would copy every value.
struct OneOrMany<T>(Vec<T>);

impl<T> OneOrMany<T> {
    fn list(self) -> Vec<T> {
        self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ListVisitor(PhantomData)).map(Self)
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one value or a list")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<T>, E> {
        T::deserialize(text.into_deserializer()).map(|one| vec![one])
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Vec<T>, E> {
        T::deserialize(number.into_deserializer()).map(|one| vec![one])
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Vec<T>, E> {
        T::deserialize(number.into_deserializer()).map(|one| vec![one])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Vec<T>, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list))
    }
}

fn texts<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Ok(OneOrMany::deserialize(from)?.list())
}

pub(crate) fn phrases<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Phrase>, D::Error> {
    let read = |text: String| Phrase::read(&text).ok_or_else(|| Error::custom(format!("`{text}` has no word")));
    texts(from)?.into_iter().map(read).collect()
}

fn oids<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Oid>, D::Error> {
    texts(from)?.iter().map(|text| Oid::read(text)).collect::<Result<_, _>>().map_err(Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(conditions: &str) -> Result<Rule, String> {
        let base = "weight=30\ngroup='text'\ntext='x'\n";
        let rule = toml::from_str(&format!("{base}{conditions}")).map_err(|error| error.message().to_owned())?;
        Ok(Rule { role: "tsa".to_owned(), ..rule })
    }

    #[test]
    fn invalid_entries_are_refused() {
        for (conditions, fault) in
            [("", "no condition"), ("ca=true\nword='a'", "conditions on certificates and on files are mixed")]
        {
            assert_eq!(read(conditions).expect(conditions).fault().as_deref(), Some(fault));
        }
        for (conditions, error) in [
            ("eku='1.2.x'", "`1.2.x` is not an object identifier"),
            ("eku='1.2.'", "`1.2.` is not an object identifier"),
            ("eku=['1.2','1.2*']", "`1.2*` is not an object identifier"),
            ("key_usage=9", "the key usage has bits 0 to 8, not 9"),
            ("word='--'", "`--` has no word"),
            ("path=1", "invalid type: integer `1`, expected a string"),
            ("path=true", "invalid type: boolean `true`, expected one value or a list"),
        ] {
            assert_eq!(read(conditions).unwrap_err(), error);
        }
        assert!(read("ekus='1.2'").unwrap_err().contains("unknown field `ekus`"));
        assert!(read("role='tsa'").unwrap_err().contains("unknown field `role`"));
        for (from, to, fault) in [
            ("weight=30", "weight=20", "the weight 20 is not one of [100, 60, 30, 10, -30, -60, -100]"),
            (
                "group='text'",
                "group='label'",
                "the group `label` is not one of certificate, container, path, cofile, text",
            ),
        ] {
            let entry = "weight=30\ngroup='text'\ntext='x'\nca=true\n".replace(from, to);
            let rule = Rule { role: "tsa".to_owned(), ..toml::from_str(&entry).expect(to) };
            assert_eq!(rule.fault().as_deref(), Some(fault));
            let without = Rule { role: String::new(), ..rule };
            let fault = "without a role the weight is 0 and the group one of constraint, lifetime";
            assert_eq!(without.fault().as_deref(), Some(fault));
        }
    }

    #[test]
    fn one_value_is_a_list_of_one() {
        let rule = read("eku='1.2.3'\nkey_usage=[0, 2]\nsubject=['a b', 'c']").expect("it reads");
        assert_eq!((rule.eku.len(), rule.key_usage, rule.subject.len()), (1, Some(Bits(0b101)), 2));
        assert_eq!(rule.fault(), None);
    }

    #[test]
    fn identifiers_and_what_is_below_them() {
        for (rule, oid, is) in [
            ("1.2.3", "1.2.3", true),
            ("1.2.3", "1.2.3.4", false),
            ("1.2.3", "1.2.33", false),
            ("1.2.3.*", "1.2.3.4", true),
            ("1.2.3.*", "1.2.3.4.5", true),
            ("1.2.3.*", "1.2.3", false),
            ("1.2.3.*", "1.2.33", false),
        ] {
            assert_eq!(Oid::read(rule).expect(rule).is(oid), is, "{rule} {oid}");
        }
    }
}
