//! What a hunt looks for: keys by any of their names, and the bytes that their numbers leave.
//!
//! [`Targets`] decides which materials a run keeps, and is a detector itself: it finds the numbers of its keys wherever
//! bytes are, in memory dumps and in text, without any format around them. It contains private numbers if a target was
//! given as a private key. Its patterns are wiped when dropped, and no [`Material`] contains them. Their pieces, by which
//! they are found, are wiped by the allocator of the command; a program of your own needs such an allocator too.

mod names;
mod parse;
mod patterns;

use std::collections::{BTreeMap, BTreeSet};

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::material::{Encoding, Identity, Kind, Material, Number, Part, Proof, Protection, PublicHalf};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection, Wanted};
use keyradius_readers::number::strip;
use keyradius_readers::public::PublicKey;
use keyradius_readers::spki;
use keyradius_readers::witness::Proven;

pub use names::{Form, Name, jwk, of_certificate, of_key, of_material, ssh_line};
pub use parse::{Unusable, names as parse};
use patterns::Pattern;
use patterns::Pieces;

/// One target of a hunt.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// The target as typed, or the name of its file.
    pub shown: String,
    /// The public half, if the target gives it.
    pub half: Option<PublicHalf>,
    /// Names that are looked for.
    pub names: Vec<Name>,
    /// Whether a private key was given.
    pub private: bool,
}

/// All targets of a hunt.
#[derive(Debug, Default)]
pub struct Targets {
    list: Vec<Target>,
    /// The targets with a name.
    by_name: BTreeMap<Name, Vec<usize>>,
    patterns: Vec<Pattern>,
    needles: Vec<Vec<u8>>,
    /// For each needle the patterns that contain it, and where.
    by_needle: BTreeMap<Vec<u8>, Vec<(usize, usize)>>,
}

/// A target that a material matches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Match {
    /// Index of the target.
    pub target: usize,
    /// The name by which it matches, the most exact one; `None` for a number of the target.
    pub form: Option<Form>,
}

impl Match {
    /// Whether the material belongs to the key of the target. Other keys may have a name that is not exact too.
    pub fn is_exact(&self) -> bool {
        self.form.is_none_or(Form::is_exact)
    }
}

/// The format of materials that are only the bytes of a number.
pub const FORMAT: &str = "number";

/// Longest piece of a pattern that is searched for.
const NEEDLE: usize = 24;

/// Total length of the numbers, in all layouts, up to which every fragment of them is found: some 1,000 RSA keys. Beyond
/// it, the pieces would take hundreds of megabytes.
const MOST_DENSE: usize = 8 << 20;

static ABOUT: About = About {
    id: FORMAT,
    title: "A number of a key",
    detects: "The numbers of the keys that a hunt looks for, in memory dumps, programs and text: modulus, primes, private \
              exponent, scalars, seeds and public points, in the layouts of OpenSSL, GMP, NSS, Go, Java and Python, as \
              hexadecimal and decimal digits and in base64. Only in a hunt.",
    blind_to: "Numbers in Montgomery form, masked numbers, and private numbers of a target that was given by its public \
               half.",
    respond: "Treat the machine that the dump or file comes from as one that holds the key.",
    references: &[],
};

impl Targets {
    /// No targets.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a target that is known by names.
    pub fn add_names(&mut self, shown: &str, names: Vec<Name>) {
        let index = self.list.len();
        for name in names.iter().filter(|name| name.form == Form::Modulus) {
            self.patterns.extend(patterns::layouts(index, Part::Modulus, &name.bytes, false));
        }
        self.push(Target { shown: shown.to_owned(), names, ..Target::default() });
    }

    /// Adds a target whose public half is known, the names of its certificates, and its private numbers if they are
    /// known: those of `proven` that belong to it.
    pub fn add_key(&mut self, shown: &str, half: PublicHalf, others: Vec<Name>, proven: &[Proven]) {
        let index = self.list.len();
        let mut private = false;
        if let Some(key) = spki::read(&half.spki) {
            let (part, number, raw) = public_number(&key);
            self.patterns.extend(patterns::layouts(index, part, number, raw));
            for key_numbers in proven.iter().filter(|proven| belongs(proven, &key)) {
                private = true;
                self.private_numbers(index, key_numbers);
            }
        }
        let mut names = of_key(&half);
        // Two keys may share a prefix, and this target is known exactly.
        names.retain(|name| name.form.is_exact());
        names.extend(others.into_iter().filter(|name| name.form.is_exact()));
        names.sort();
        names.dedup();
        self.push(Target { shown: shown.to_owned(), half: Some(half), names, private });
    }

    fn private_numbers(&mut self, index: usize, proven: &Proven) {
        let mut add = |part, number: &[u8], raw| {
            let number = if raw { number } else { strip(number) };
            self.patterns.extend(patterns::layouts(index, part, number, raw));
        };
        match proven {
            Proven::Rsa { d, primes, .. } => {
                add(Part::Exponent, d, false);
                for prime in primes {
                    add(Part::Prime, prime, false);
                }
            }
            Proven::Ec { scalar, .. } => add(Part::Scalar, scalar, false),
            Proven::Raw { seed, .. } => add(Part::Scalar, seed, true),
            Proven::Power { x, .. } => add(Part::Scalar, x, false),
        }
    }

    /// Adds the public halves that a first search revealed, each for a target; call [`Self::ready`] again.
    pub fn learn(&mut self, learned: Vec<(usize, PublicHalf)>) {
        for (index, half) in learned {
            let Some(target) = self.list.get_mut(index) else { continue };
            if let Some(key) = spki::read(&half.spki) {
                let (part, number, raw) = public_number(&key);
                self.patterns.extend(patterns::layouts(index, part, number, raw));
            }
            for name in of_key(&half).into_iter().filter(|name| name.form.is_exact()) {
                let known = self.by_name.entry(name.clone()).or_default();
                if !known.contains(&index) {
                    known.push(index);
                    target.names.push(name);
                }
            }
            target.half.get_or_insert(half);
        }
    }

    fn push(&mut self, target: Target) {
        let index = self.list.len();
        for name in &target.names {
            self.by_name.entry(name.clone()).or_default().push(index);
        }
        self.list.push(target);
    }

    /// Prepares the search, when all targets were added.
    #[must_use]
    pub fn ready(mut self) -> Self {
        self.by_needle.clear();
        let few = self.patterns.iter().map(|pattern| pattern.bytes.len()).sum::<usize>() <= MOST_DENSE;
        let pieces = if few { Pieces::All } else { Pieces::Three };
        for (index, pattern) in self.patterns.iter().enumerate() {
            for (at, needle) in patterns::pieces(&pattern.bytes, NEEDLE, pieces) {
                let known = self.by_needle.entry(needle.to_vec()).or_default();
                // A modulus given twice is searched for once.
                if !known.contains(&(index, at)) {
                    known.push((index, at));
                }
            }
        }
        self.needles = self.by_needle.keys().filter(|needle| needle.len() >= Anchor::LONG).cloned().collect();
        self
    }

    /// The targets, in the order in which they were added.
    pub fn list(&self) -> &[Target] {
        &self.list
    }

    /// How many byte patterns are searched for.
    pub fn patterns(&self) -> usize {
        self.patterns.len()
    }

    /// Every target that a material matches, each once, by its most exact name.
    pub fn matches(&self, material: &Material) -> Vec<Match> {
        if let Some(number) = &material.number {
            return vec![Match { target: number.target, form: None }];
        }
        let mut found: BTreeMap<usize, Form> = BTreeMap::new();
        for name in of_material(material) {
            for target in self.by_name.get(&name).into_iter().flatten() {
                let best = found.entry(*target).or_insert(name.form);
                *best = name.form.min(*best);
            }
        }
        found.into_iter().map(|(target, form)| Match { target, form: Some(form) }).collect()
    }

    /// The patterns that a needle at a place belongs to, with their spans in the blob.
    fn seen<'a>(&'a self, bytes: &'a [u8], hit: Hit<'a>) -> impl Iterator<Item = (&'a Pattern, usize, usize)> {
        let all = self.by_needle.get(hit.anchor.bytes).into_iter().flatten();
        all.filter_map(move |&(index, at)| {
            let pattern = self.patterns.get(index)?;
            let (before, after) = (pattern.bytes.get(..at)?, pattern.bytes.get(at..)?);
            let (left, right) = (bytes.get(..hit.at)?, bytes.get(hit.at..)?);
            let back = left.iter().rev().zip(before.iter().rev()).take_while(|(a, b)| a == b).count();
            let on = right.iter().zip(after).take_while(|(a, b)| a == b).count();
            Some((pattern, hit.at - back, hit.at + on))
        })
    }
}

/// The number of a public key that is searched for, and whether it is bytes without a meaning as a number.
fn public_number<'a>(key: &PublicKey<'a>) -> (Part, &'a [u8], bool) {
    match *key {
        PublicKey::Rsa { n, .. } | PublicKey::RsaPss { n, .. } => (Part::Modulus, strip(n), false),
        PublicKey::Dsa { y, .. } | PublicKey::Dh { y, .. } => (Part::Public, strip(y), false),
        // 04 x y, or 02 or 03 and x.
        PublicKey::Ec { point, .. } => {
            let coordinates = point.get(1..).unwrap_or_default();
            let x = if matches!(point.first(), Some(2 | 3)) { coordinates.len() } else { coordinates.len() / 2 };
            (Part::Public, strip(coordinates.get(..x).unwrap_or_default()), false)
        }
        PublicKey::Raw { bytes, .. } | PublicKey::PostQuantum { bytes, .. } => (Part::Public, bytes, true),
    }
}

/// Whether private numbers are those of a public key.
fn belongs(proven: &Proven, key: &PublicKey<'_>) -> bool {
    match (proven, key) {
        (Proven::Rsa { n, .. }, PublicKey::Rsa { n: other, .. } | PublicKey::RsaPss { n: other, .. }) => {
            strip(n) == strip(other)
        }
        (Proven::Ec { point, .. }, PublicKey::Ec { point: other, .. }) => {
            let x = |point: &[u8]| point.get(1..=point.len().saturating_sub(1) / 2).map(<[u8]>::to_vec);
            match other.first() {
                Some(2 | 3) => x(point).as_deref() == other.get(1..),
                _ => point == other,
            }
        }
        (Proven::Raw { kind, public, .. }, PublicKey::Raw { kind: other, bytes }) => {
            *kind == other.name() && public == bytes
        }
        (Proven::Power { y, .. }, PublicKey::Dsa { y: other, .. } | PublicKey::Dh { y: other, .. }) => {
            strip(y) == strip(other)
        }
        _ => false,
    }
}

impl Wanted for Targets {
    fn wants(&self, material: &Material) -> bool {
        !self.matches(material).is_empty()
    }
}

impl Detector for Targets {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &[Anchor<'_>] {
        &[]
    }

    fn needles(&self) -> &[Vec<u8>] {
        &self.needles
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let known: BTreeSet<(usize, usize)> =
            out.materials().iter().map(|material| (material.span.start, material.span.end)).collect();
        for (pattern, start, end) in self.seen(blob.bytes, hit) {
            let Some(target) = self.list.get(pattern.target) else { continue };
            if known.contains(&(start, end)) {
                continue;
            }
            let kind = if pattern.part.is_private() { Kind::PrivateKey } else { Kind::PublicKey };
            let encoding = if pattern.layout.is_text() { Encoding::Text } else { Encoding::Binary };
            let mut material = Material::new(kind, FORMAT, encoding, start..end);
            // The same 24 random bytes do not occur twice by accident.
            material.proof = Proof::Verified;
            material.protection = pattern.part.is_private().then(Protection::plaintext);
            material.identity = target.half.clone().map(Identity::public);
            material.number = Some(Box::new(Number {
                target: pattern.target,
                part: pattern.part,
                layout: pattern.layout,
                found: end - start,
                whole: pattern.bytes.len(),
            }));
            out.found(material);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use keyradius_core::material::{Label, Layout};
    use keyradius_readers::{private, witness};

    use super::*;

    /// An Ed25519 key in PKCS#8 (RFC 8410 7): any 32 bytes.
    fn ed25519(seed: u8) -> (Vec<u8>, PublicHalf, Vec<Proven>) {
        let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
        der.extend((0..32_u8).map(|n| n.wrapping_mul(37) ^ seed));
        let (read, proven) = witness::during(|| private::pkcs8(&der));
        (der, read.expect("a key").public.expect("a half"), proven)
    }

    fn inspect(targets: &Targets, bytes: &[u8]) -> Vec<(Part, usize, Kind)> {
        let mut out = Inspection::default();
        for needle in targets.needles() {
            for at in 0..bytes.len() {
                if bytes[at..].starts_with(needle) {
                    let origin = keyradius_core::blob::Origin::file("x");
                    let hit = Hit { anchor: Anchor::anywhere(needle), at };
                    targets.inspect(Blob::whole(bytes, &origin), hit, &mut out).expect("no error");
                }
            }
        }
        let materials = out.take();
        materials.iter().map(|m| (m.number.as_ref().expect("a number").part, m.span.start, m.kind)).collect()
    }

    #[test]
    fn a_seed_is_found_where_a_public_target_is_not() {
        let (der, half, proven) = ed25519(0x5a);
        assert_eq!(proven.len(), 1);
        let noise: Vec<u8> = (0..200_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let bytes = [&noise, &der[16..], &noise].concat();
        let mut targets = Targets::new();
        targets.add_key("k", half.clone(), Vec::new(), &proven);
        let found = inspect(&targets.ready(), &bytes);
        assert_eq!(found[0], (Part::Scalar, 200, Kind::PrivateKey), "{found:?}");
        // Without the private key there is nothing to find, and with that of another key neither.
        let (_, _, other) = ed25519(1);
        for proven in [&[][..], &other] {
            let mut targets = Targets::new();
            targets.add_key("k", half.clone(), Vec::new(), proven);
            let targets = targets.ready();
            assert!(!targets.list()[0].private);
            assert_eq!(inspect(&targets, &bytes), []);
        }
    }

    #[test]
    fn nothing_that_is_printed_has_a_private_number() {
        let (der, half, proven) = ed25519(3);
        let mut targets = Targets::new();
        targets.add_key("k", half, Vec::new(), &proven);
        let shown = format!("{:?}", (&targets.list, &targets.patterns, &proven));
        let digits = keyradius_core::hex::hex(&der[20..28]);
        let list = format!("{:?}", &der[20..28]);
        assert!(!shown.contains(&digits) && !shown.contains(list.trim_matches(['[', ']'])));
    }

    #[test]
    fn materials_match_by_exact_names_before_others() {
        let (_, half, _) = ed25519(9);
        let mut material = Material::new(Kind::PublicKey, "x", Encoding::Text, 0..1);
        material.identity = Some(Identity::public(half.clone()));
        material.labels.push(Label::new("alias", b"Upload"));
        let mut targets = Targets::new();
        targets.add_names("alias:upload", parse("alias:upload", None).expect("a name"));
        targets.add_key("k", half, Vec::new(), &[]);
        targets.add_names("other", parse(&"00".repeat(32), None).expect("a name"));
        let targets = targets.ready();
        let found = targets.matches(&material);
        assert_eq!(
            found,
            [Match { target: 0, form: Some(Form::Label) }, Match { target: 1, form: Some(Form::SpkiSha256) }]
        );
        assert!(targets.wants(&material));
        material.labels.clear();
        material.identity = None;
        assert!(!targets.wants(&material));
    }

    #[test]
    fn layouts_are_those_of_the_programs() {
        // 0x0102..20 as CPython, Java and OpenSSL hold it.
        let number: Vec<u8> = (1..=32).collect();
        let all = patterns::layouts(0, Part::Prime, &number, false);
        let of = |layout| all.iter().find(|pattern| pattern.layout == layout).map(|pattern| pattern.bytes.to_vec());
        assert_eq!(of(Layout::JavaInts).unwrap()[..8], [4, 3, 2, 1, 8, 7, 6, 5]);
        assert_eq!(of(Layout::Words32).unwrap()[..8], [29, 30, 31, 32, 25, 26, 27, 28]);
        assert_eq!(of(Layout::Words64).unwrap()[..8], [25, 26, 27, 28, 29, 30, 31, 32]);
        assert_eq!(of(Layout::LittleEndian).unwrap()[..3], [32, 31, 30]);
        // The lowest 30 bits of 0x1d1e1f20 are all of it: its upper two are zero.
        assert_eq!(of(Layout::PythonDigits).unwrap()[..4], [0x20, 0x1f, 0x1e, 0x1d]);
        assert!(of(Layout::Decimal).unwrap().starts_with(b"4558"));
        assert!(patterns::layouts(0, Part::Prime, &[1; 15], false).is_empty(), "too short");
        assert!(patterns::pieces(&[0; 64], 24, Pieces::All).is_empty(), "in every file");
    }
}
