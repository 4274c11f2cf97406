//! The covering law: the span of a finding hides only a second reading of the same key.
//!
//! Hits inside a span are inspected like all others. Their materials are dropped if the enclosing finding, or what was
//! decoded from the same bytes, contains the same key at least as openly: a public key never hides its private half, a
//! locked key never hides the readable one, and no key hides another.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::blob::Blob;
use crate::material::{Identity, Kind, Locked, Material, ProtectionState};
use crate::seam::{Hit, Unwrapper};

/// Maximum number of findings nested inside each other in one blob. Each level reads its bytes again, so this bounds
/// the work on hostile nesting.
pub(super) const MAX_NESTED: usize = 24;

/// One name of a material.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    /// [`crate::material::KeyId::key_only`].
    Key([u8; 32]),
    /// A digest of ciphertext.
    Sealed([u8; 32]),
    /// SHA-256 of a certificate.
    Certificate([u8; 32]),
    /// A locked container.
    Locked(Locked),
    /// No name of these: the kind and format of the material.
    Nameless(Kind, &'static str),
}

/// How openly a key was seen. Ordered: each variant reveals all that the variants before it reveal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Exposure {
    /// A number without a format, which hides no format around it.
    PublicNumber,
    PrivateNumber,
    Public,
    Certificate,
    Reference,
    Locked,
    Open,
}

impl Exposure {
    fn of(material: &Material) -> Self {
        if material.number.is_some() {
            return if material.kind == Kind::PrivateKey { Self::PrivateNumber } else { Self::PublicNumber };
        }
        match (material.kind, material.protection.as_ref().map(|protection| protection.state)) {
            (Kind::Keystore, _) | (Kind::PrivateKey, Some(ProtectionState::Weak | ProtectionState::Strong)) => {
                Self::Locked
            }
            (Kind::PrivateKey, Some(ProtectionState::Hardware | ProtectionState::Stub)) => Self::Reference,
            (Kind::PrivateKey, _) => Self::Open,
            (Kind::Certificate, _) => Self::Certificate,
            _ => Self::Public,
        }
    }
}

/// The names of a material.
fn names(material: &Material) -> impl Iterator<Item = Name> {
    let identity = material.identity.as_ref().map(|identity| match identity {
        Identity::Public(half) => Name::Key(half.id.key_only),
        Identity::Opaque(digest) => Name::Sealed(*digest),
    });
    let sealed = material.sealed.iter().copied().map(Name::Sealed);
    let certificate = material.certificate.as_ref().map(|certificate| Name::Certificate(certificate.sha256));
    let locked = material.locked.clone().map(Name::Locked);
    let nameless = identity.is_none() && certificate.is_none() && locked.is_none();
    let nameless = nameless.then_some(Name::Nameless(material.kind, material.format));
    identity.into_iter().chain(sealed).chain(certificate).chain(locked).chain(nameless)
}

/// The names of the materials found in the bytes of one span.
#[derive(Clone, Debug, Default)]
pub(super) struct Known(BTreeMap<Name, Exposure>);

impl Known {
    /// Collects the names of `materials`.
    pub(super) fn of<'m>(materials: impl IntoIterator<Item = &'m Material>) -> Self {
        let mut known = Self::default();
        materials.into_iter().for_each(|material| known.add(material));
        known
    }

    /// Adds the names of one material.
    pub(super) fn add(&mut self, material: &Material) {
        let exposure = Exposure::of(material);
        for name in names(material) {
            let known = self.0.entry(name).or_insert(exposure);
            *known = exposure.max(*known);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the names of another span.
    pub(super) fn join(&mut self, other: Self) {
        for (name, exposure) in other.0 {
            let known = self.0.entry(name).or_insert(exposure);
            *known = exposure.max(*known);
        }
    }

    /// Whether a material found in the same bytes adds nothing new.
    pub(super) fn says(&self, material: &Material) -> bool {
        // A text matched by two rules is one secret.
        if material.kind == Kind::Secret {
            return true;
        }
        let exposure = Exposure::of(material);
        let knows = |name: &Name| self.0.get(name).is_some_and(|known| *known >= exposure);
        match &material.certificate {
            Some(certificate) => self.0.contains_key(&Name::Certificate(certificate.sha256)),
            None => names(material).any(|name| knows(&name)),
        }
    }
}

/// A span, and the names found in it.
#[derive(Debug)]
struct Cover {
    span: Range<usize>,
    known: Known,
}

/// A run of text that an unwrapper opened.
#[derive(Debug)]
struct Run {
    /// The unwrapper's id.
    unwrapper: &'static str,
    span: Range<usize>,
    /// How far the digits were counted, and how many there are up to that offset.
    counted: usize,
    digits: usize,
    /// Bit n: the run was read with alignment n.
    alignments: u32,
}

/// The surroundings of some bytes: the spans of one blob, and those around the blob.
#[derive(Clone, Copy, Debug)]
pub(super) struct Enclosing<'a> {
    covers: &'a Covers<'a>,
    start: usize,
    end: usize,
}

/// The spans of one blob.
#[derive(Debug, Default)]
pub(super) struct Covers<'a> {
    active: Vec<Cover>,
    runs: Vec<Run>,
    outer: Option<Enclosing<'a>>,
}

impl<'a> Covers<'a> {
    /// The spans of a blob that came out of another blob.
    pub(super) fn within(outer: Option<Enclosing<'a>>) -> Self {
        Self { outer, ..Self::default() }
    }

    /// Forgets spans that end before `at`. Offsets must ascend.
    pub(super) fn pass(&mut self, at: usize) {
        self.active.retain(|cover| cover.span.end > at);
        self.runs.retain(|run| run.span.end > at);
    }

    /// How many spans contain an offset.
    pub(super) fn depth(&self, at: usize) -> usize {
        self.active.iter().filter(|cover| cover.span.contains(&at)).count()
    }

    /// How many spans there are.
    pub(super) const fn count(&self) -> usize {
        self.active.len()
    }

    /// Adds a span.
    pub(super) fn add(&mut self, span: Range<usize>, known: Known) {
        self.active.push(Cover { span, known });
    }

    /// The surroundings of what is produced from the bytes at an offset.
    pub(super) fn at(&'a self, at: usize) -> Enclosing<'a> {
        self.over(at..at + 1)
    }

    /// The surroundings of what is produced from a run of bytes: all spans that overlap it.
    pub(super) fn over(&'a self, span: Range<usize>) -> Enclosing<'a> {
        Enclosing { covers: self, start: span.start, end: span.end }
    }

    /// Whether a material found at an offset was already found in the same bytes.
    pub(super) fn say(&self, material: &Material, at: usize) -> bool {
        self.at(at).say(material)
    }

    /// Whether an unwrapper has already read the bytes at a hit, in the alignment that the hit asks for.
    pub(super) fn was_opened(&mut self, unwrapper: &dyn Unwrapper, blob: Blob<'_>, hit: Hit<'_>) -> bool {
        let id = unwrapper.about().id;
        let runs = self.runs.iter_mut().filter(|run| run.unwrapper == id && run.span.contains(&hit.at));
        let count = |span: Range<usize>| unwrapper.digits(blob.bytes.get(span).unwrap_or_default());
        // Every run is visited, because each continues its count.
        runs.fold(false, |opened, run| {
            let digits = count(run.counted..hit.at);
            // A digit that does not belong to the run is in text that the run skips, such as code between two literals.
            if count(hit.at..hit.at + 1) > count(run.counted..hit.at + 1).saturating_sub(digits) {
                return opened;
            }
            run.digits += digits;
            run.counted = run.counted.max(hit.at);
            opened | (run.alignments & bit(unwrapper, hit, run.digits) != 0)
        })
    }

    /// Records that an unwrapper has read the run around a hit.
    pub(super) fn opened(&mut self, unwrapper: &dyn Unwrapper, blob: Blob<'_>, hit: Hit<'_>, span: Range<usize>) {
        let digits = unwrapper.digits(blob.bytes.get(span.start..hit.at).unwrap_or_default());
        let alignments = bit(unwrapper, hit, digits);
        let same = self.runs.iter_mut().find(|run| run.unwrapper == unwrapper.about().id && run.span == span);
        if let Some(run) = same {
            run.alignments |= alignments;
            return;
        }
        let (unwrapper, counted) = (unwrapper.about().id, hit.at.max(span.start));
        self.runs.push(Run { unwrapper, span, counted, digits, alignments });
    }

    /// Records that a run was read in the first `alignments` alignments without its unwrapper.
    pub(super) fn read_whole(&mut self, unwrapper: &dyn Unwrapper, span: Range<usize>, alignments: u32) {
        let alignments = 1_u32.checked_shl(alignments).map_or(u32::MAX, |bit| bit - 1);
        let (unwrapper, counted) = (unwrapper.about().id, span.start);
        self.runs.push(Run { unwrapper, span, counted, digits: 0, alignments });
    }
}

fn bit(unwrapper: &dyn Unwrapper, hit: Hit<'_>, digits: usize) -> u32 {
    1_u32.checked_shl(unwrapper.alignment(hit, digits)).unwrap_or(1)
}

impl Enclosing<'_> {
    fn say(&self, material: &Material) -> bool {
        let overlaps = |cover: &&Cover| cover.span.start < self.end && self.start < cover.span.end;
        let mut here = self.covers.active.iter().filter(overlaps);
        here.any(|cover| cover.known.says(material)) || self.covers.outer.is_some_and(|outer| outer.say(material))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::material::{Encoding, Layout, Number, Part, Protection};

    fn sealed(digest: u8, kind: Kind, state: ProtectionState) -> Material {
        let mut material = Material::new(kind, "x", Encoding::Der, 0..9);
        material.identity = Some(Identity::Opaque([digest; 32]));
        material.protection = (kind == Kind::PrivateKey).then(|| Protection::new(state, ""));
        material
    }

    #[test]
    fn only_the_same_key_seen_as_openly_is_hidden() {
        use ProtectionState::{Plaintext, Strong, Stub, Weak};
        let public = || sealed(1, Kind::PublicKey, Plaintext);
        let private = |state| sealed(1, Kind::PrivateKey, state);
        let number = |kind, part| {
            let number = Number { target: 0, part, layout: Layout::BigEndian, found: 32, whole: 32 };
            Material { number: Some(Box::new(number)), ..sealed(1, kind, Plaintext) }
        };
        let prime = || number(Kind::PrivateKey, Part::Prime);
        let modulus = || number(Kind::PublicKey, Part::Modulus);
        for (cover, inside, hidden) in [
            (private(Plaintext), private(Plaintext), true),
            (private(Plaintext), public(), true),
            (private(Plaintext), private(Strong), true),
            (private(Strong), private(Weak), true),
            (private(Strong), private(Plaintext), false),
            (private(Stub), private(Strong), false),
            (public(), private(Plaintext), false),
            (public(), private(Stub), false),
            (private(Plaintext), sealed(2, Kind::PrivateKey, Plaintext), false),
            (private(Plaintext), sealed(2, Kind::PublicKey, Plaintext), false),
            // A number hides no format around it.
            (prime(), private(Plaintext), false),
            (prime(), public(), false),
            (modulus(), public(), false),
            (modulus(), prime(), false),
            (prime(), modulus(), true),
            (private(Plaintext), prime(), true),
            (public(), modulus(), true),
        ] {
            assert_eq!(Known::of([&cover]).says(&inside), hidden, "{cover:?} {inside:?}");
        }
    }
}
