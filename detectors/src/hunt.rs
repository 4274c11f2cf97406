//! Hunts for keys: targets from files, and what of a run is a copy of them.

use keyradius_core::engine::Engine;
use keyradius_core::material::{Identity, Kind, Material, Occurrence, PublicHalf};
use keyradius_core::secret::Secret;
use keyradius_readers::witness;
use keyradius_target::{Form, Name, Targets, of_certificate};

use crate::facts::Facts;
use crate::{Judging, keys, knowledge};

/// How exact a copy is. Ordered, most exact first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A private key in some format, or what a format says is one, with the same public half.
    Private,
    /// A number from which the private key follows: a prime, the exponent, a scalar, a seed.
    Partial,
    /// The public half: a certificate, a public key, or its number.
    Public,
    /// Something with a name that other keys may have too.
    Metadata,
}

impl Class {
    /// All classes.
    pub const ALL: [Self; 4] = [Self::Private, Self::Partial, Self::Public, Self::Metadata];

    /// A stable identifier for machines.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Private => "exact_private",
            Self::Partial => "partial_private",
            Self::Public => "exact_public",
            Self::Metadata => "metadata",
        }
    }
}

/// A copy of a target.
#[derive(Clone, Debug)]
pub struct Copy {
    /// Index of the target.
    pub target: usize,
    /// How exact it is.
    pub class: Class,
    /// The name by which it matches; `None` for a number of the key.
    pub form: Option<Form>,
    /// Index of the occurrence.
    pub occurrence: usize,
}

/// The keys in a file, with the names of their certificates.
struct Key {
    half: PublicHalf,
    names: Vec<Name>,
    private: bool,
}

/// Adds each key in a file as a target: the private keys, or if it has none, every public key and certificate. Returns
/// how many were added. `name` is what the targets are called; `passwords` are tried on what is locked.
pub fn add_file(targets: &mut Targets, name: &str, bytes: &[u8], passwords: &[Secret<Vec<u8>>]) -> usize {
    let (facts, proven) = witness::during(|| {
        let harvest = knowledge::engine().bytes(name, bytes);
        Facts::of(harvest, &Judging { given: passwords, ..Judging::at(0) })
    });
    let mut keys: Vec<Key> = Vec::new();
    for occurrence in &facts.occurrences {
        let material = &occurrence.material;
        let Some(Identity::Public(half)) = &material.identity else { continue };
        let known = keys.iter().position(|key| key.half.id.key_only == half.id.key_only);
        let index = known.unwrap_or_else(|| {
            keys.push(Key { half: PublicHalf::clone(half), names: Vec::new(), private: false });
            keys.len() - 1
        });
        if let Some(key) = keys.get_mut(index) {
            key.private |= material.kind == Kind::PrivateKey;
            key.names.extend(material.certificate.iter().flat_map(|facts| of_certificate(facts)));
            let print = keyradius_target::of_material(material);
            key.names.extend(print.into_iter().filter(|name| name.form == Form::OpenPgp));
        }
    }
    if keys.iter().any(|key| key.private) {
        keys.retain(|key| key.private);
    }
    let count = keys.len();
    for (index, key) in keys.into_iter().enumerate() {
        let shown = if count == 1 { name.to_owned() } else { format!("{name} (key {} of {count})", index + 1) };
        targets.add_key(&shown, key.half, key.names, &proven);
    }
    count
}

/// Whether a text contains a private key: such a text must not be an argument, because others can see it.
pub fn is_private(text: &str) -> bool {
    let found = knowledge::engine().bytes("target", text.as_bytes());
    found.occurrences.iter().any(|occurrence| occurrence.material.kind == Kind::PrivateKey)
}

/// An engine that looks for these targets in every format and in bare bytes.
pub fn engine(targets: &Targets, limits: keyradius_core::budget::Limits) -> Engine<'_> {
    let mut knowledge = keys();
    knowledge.detectors.push(targets);
    knowledge.wanted = Some(targets);
    Engine::new(knowledge, limits)
}

/// The copies among occurrences, which are in order of their places.
pub fn copies(targets: &Targets, occurrences: &[Occurrence]) -> Vec<Copy> {
    let mut all: Vec<Copy> = Vec::new();
    for (index, occurrence) in occurrences.iter().enumerate() {
        for found in targets.matches(&occurrence.material) {
            let class = class(&occurrence.material, found.is_exact());
            all.push(Copy { target: found.target, class, form: found.form, occurrence: index });
        }
    }
    // What can contain a number: a file of a format, or decoded bytes. A file full of numbers has none.
    let outer = |span: &Span<'_>| !span.is_number() || !span.occurrence.origin.wraps.is_empty();
    let spans: Vec<Span<'_>> = all.iter().filter_map(|copy| Span::of(copy, occurrences)).filter(outer).collect();
    let is_said = |number: &Span<'_>| {
        let first = spans.partition_point(|other| other.occurrence.origin.path < number.occurrence.origin.path);
        spans
            .iter()
            .skip(first)
            .take_while(|o| o.occurrence.origin.path == number.occurrence.origin.path)
            .any(|other| number.is_in(other))
    };
    let said: Vec<bool> = all
        .iter()
        .map(|copy| Span::of(copy, occurrences).is_some_and(|span| span.is_number() && is_said(&span)))
        .collect();
    let mut said = said.into_iter();
    all.retain(|_| !said.next().unwrap_or_default());
    all.sort_by_key(|copy| (copy.target, copy.class, copy.occurrence));
    all
}

/// A copy with its place.
struct Span<'a> {
    target: usize,
    class: Class,
    occurrence: &'a Occurrence,
}

impl<'a> Span<'a> {
    fn of(copy: &Copy, occurrences: &'a [Occurrence]) -> Option<Self> {
        Some(Self { target: copy.target, class: copy.class, occurrence: occurrences.get(copy.occurrence)? })
    }

    fn is_number(&self) -> bool {
        self.occurrence.material.number.is_some()
    }

    fn end(&self) -> u64 {
        let length = self.occurrence.material.span.len();
        self.occurrence.offset.saturating_add(length as u64)
    }

    /// Whether this number is a part of another copy that says at least as much: a file of a format, or the same number
    /// in a text that was decoded.
    fn is_in(&self, other: &Self) -> bool {
        let (own, outer) = (&self.occurrence.origin, &other.occurrence.origin);
        if other.target != self.target || other.class > self.class || own.object != outer.object {
            return false;
        }
        let around = own.wraps.starts_with(&outer.wraps);
        if !other.is_number() && around {
            // Within the other's bytes, or decoded from them.
            let at = own.wraps.get(outer.wraps.len()).map_or(self.occurrence.offset, |wrap| wrap.at);
            return (other.occurrence.offset..other.end()).contains(&at);
        }
        if !outer.wraps.starts_with(&own.wraps) || outer.wraps.len() == own.wraps.len() {
            return false;
        }
        // Text that was decoded: what was found in it is said by a deeper place.
        let wrap = outer.wraps.get(own.wraps.len());
        wrap.is_some_and(|wrap| wrap.text && wrap.at <= self.end() && other.class <= self.class)
    }
}

fn class(material: &Material, exact: bool) -> Class {
    match (exact, material.kind) {
        (false, _) => Class::Metadata,
        (true, Kind::PrivateKey) if material.number.is_some() => Class::Partial,
        (true, Kind::PrivateKey) => Class::Private,
        (true, _) => Class::Public,
    }
}

/// Returns the public halves that copies reveal of targets known by name only, such as the digest of a certificate. The
/// sources have to be searched again with them, because the name did not recognise the bare key.
pub fn learned(targets: &Targets, occurrences: &[Occurrence]) -> Vec<(usize, PublicHalf)> {
    let mut learned: Vec<(usize, PublicHalf)> = Vec::new();
    for occurrence in occurrences {
        let Some(Identity::Public(half)) = &occurrence.material.identity else { continue };
        for found in targets.matches(&occurrence.material) {
            let is_new = targets.list().get(found.target).is_some_and(|target| target.half.is_none())
                && found.is_exact()
                && !learned.iter().any(|(target, known)| *target == found.target && known.id == half.id);
            if is_new {
                learned.push((found.target, PublicHalf::clone(half)));
            }
        }
    }
    learned
}

/// Returns the locked containers that may contain a target, because nothing says which key is in them.
pub fn closed<'f>(targets: &Targets, occurrences: &'f [Occurrence]) -> Vec<&'f Occurrence> {
    let is_closed = |occurrence: &&Occurrence| {
        let material = &occurrence.material;
        material.locked.is_some()
            && !matches!(material.identity, Some(Identity::Public(_)))
            && targets.matches(material).iter().all(|found| !found.is_exact())
    };
    let mut closed: Vec<&Occurrence> = occurrences.iter().filter(is_closed).collect();
    closed.dedup_by(|a, b| a.origin == b.origin && a.offset == b.offset);
    closed
}
