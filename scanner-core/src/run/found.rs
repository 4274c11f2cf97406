//! Findings in bounded memory: a million copies of one key become ten thousand places and a count.
//!
//! Kept are the first [`PLACES`] places of each key, and [`RUN`] bytes of all findings: private keys before ordinary
//! secrets, and these before public material; of each, files before the history of a repository. If all of it is more,
//! [`PUBLIC_PLACES`] of each certificate and public key are kept, so that those of which there are many do not displace
//! the others: roles depend on them. Everything else is counted and becomes a gap, so no finding is dropped silently.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::blob::Origin;
use crate::error::{Gap, Reason};
use crate::material::{Identity, Kind, Locked, Material, Occurrence, Provenance};

/// Maximum number of places kept of one key (or certificate, or secret) in one format.
const PLACES: usize = 10_000;

/// Maximum number of places kept of one certificate or public key, if the findings are more than [`RUN`].
const PUBLIC_PLACES: usize = 500;

/// Maximum total size of the findings that are kept, in bytes.
const RUN: u64 = 96 << 20;

/// Bytes collected beyond [`RUN`] before the excess is dropped.
const AHEAD: u64 = 24 << 20;

/// Typical length of the names and the path in the history of a finding, in bytes.
const HISTORY: usize = 192;

/// The findings of a run.
#[derive(Debug, Default)]
pub(crate) struct Found {
    kept: Vec<Occurrence>,
    bytes: u64,
    /// The first occurrence dropped for size: no later one is kept.
    beyond: Option<Box<Occurrence>>,
    /// Number of occurrences dropped for size, by kind.
    dropped: BTreeMap<Kind, u64>,
    /// Keys with more places than are kept: the first place dropped, and how many were dropped.
    more: BTreeMap<Same, (Origin, u64)>,
    /// Whether only [`PUBLIC_PLACES`] of public material are kept.
    fewer: bool,
}

/// Equal for materials that are the same key, certificate or secret in the same format.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Same {
    kind: Kind,
    format: &'static str,
    identity: Option<[u8; 32]>,
    certificate: Option<[u8; 32]>,
}

impl Same {
    /// `None` for a material without an identity.
    pub(crate) fn of(material: &Material) -> Option<Self> {
        let identity = material.identity.as_ref().map(|identity| match identity {
            Identity::Public(half) => half.id.spki_sha256,
            Identity::Opaque(digest) => *digest,
        });
        let certificate = material.certificate.as_ref().map(|facts| facts.sha256);
        (identity.is_some() || certificate.is_some()).then_some(Self {
            kind: material.kind,
            format: material.format,
            identity,
            certificate,
        })
    }
}

impl Found {
    pub(crate) fn extend(&mut self, found: impl Iterator<Item = Occurrence>) {
        for occurrence in found {
            if self.beyond.as_ref().is_some_and(|beyond| order(&occurrence, beyond).is_ge()) {
                *self.dropped.entry(occurrence.material.kind).or_default() += 1;
                continue;
            }
            self.bytes += cost(&occurrence, self.kept.last());
            self.kept.push(occurrence);
        }
        if self.bytes > RUN + AHEAD {
            self.choose();
        }
    }

    /// Drops what exceeds the limits.
    fn choose(&mut self) {
        self.kept.sort_by(order);
        self.retain(|_| PLACES);
        let (mut count, mut bytes) = self.that_fit();
        if self.fewer || count < self.kept.len() {
            self.fewer = true;
            self.retain(|kind| if is_public(kind) { PUBLIC_PLACES } else { PLACES });
            (count, bytes) = self.that_fit();
        }
        for occurrence in self.kept.iter().skip(count) {
            *self.dropped.entry(occurrence.material.kind).or_default() += 1;
        }
        if let Some(first) = self.kept.drain(count..).next() {
            self.beyond = Some(Box::new(first));
        }
        self.bytes = bytes;
    }

    /// Drops the places of each key, certificate or secret beyond the first ones.
    fn retain(&mut self, most: impl Fn(Kind) -> usize) {
        let mut places: BTreeMap<Same, usize> = BTreeMap::new();
        let more = &mut self.more;
        self.kept.retain(|occurrence| {
            let Some(same) = Same::of(&occurrence.material) else { return true };
            let most = most(same.kind);
            let count = places.entry(same.clone()).or_default();
            *count += 1;
            if *count > most {
                let (first, times) = more.entry(same).or_insert_with(|| (occurrence.origin.clone(), 0));
                *times += 1;
                if occurrence.origin < *first {
                    first.clone_from(&occurrence.origin);
                }
            }
            *count <= most
        });
    }

    /// How many of the first occurrences fit into [`RUN`], and their size.
    fn that_fit(&self) -> (usize, u64) {
        let (mut count, mut bytes) = (0, 0);
        let mut previous = None;
        for occurrence in &self.kept {
            let more = bytes + cost(occurrence, previous);
            if more > RUN {
                break;
            }
            (count, bytes, previous) = (count + 1, more, Some(occurrence));
        }
        (count, bytes)
    }

    /// The kept occurrences, and gaps for the dropped ones.
    pub(crate) fn finish(mut self) -> (Vec<Occurrence>, Vec<Gap>) {
        self.choose();
        let mut gaps: Vec<Gap> = self
            .more
            .into_iter()
            .map(|(same, (origin, times))| {
                let (same, most) = match (is_public(same.kind), self.fewer) {
                    (true, true) => ("certificate or public key", PUBLIC_PLACES),
                    (true, false) => ("certificate or public key", PLACES),
                    (false, _) => ("key or secret", PLACES),
                };
                let detail = format!("and {times} more places of the same {same}, beyond the first {most}");
                Gap::of_many(origin, Reason::TooMany, detail)
            })
            .collect();
        if let Some(first) = self.beyond {
            gaps.extend(self.dropped.into_iter().map(|(kind, times)| {
                let detail = format!("and {times} more {} than fit into memory", plural(kind));
                Gap::of_many(first.origin.clone(), Reason::TooMany, detail)
            }));
        }
        (self.kept, gaps)
    }
}

const fn is_public(kind: Kind) -> bool {
    matches!(kind, Kind::Certificate | Kind::PublicKey)
}

const fn plural(kind: Kind) -> &'static str {
    match kind {
        Kind::PrivateKey => "private keys",
        Kind::PublicKey => "public keys",
        Kind::Certificate => "certificates",
        Kind::Keystore => "keystores",
        Kind::Reference => "lines that name keys",
        Kind::Secret => "ordinary secrets",
    }
}

/// The order in which materials are kept: by what must not be lost, files before history, then by place.
fn order(a: &Occurrence, b: &Occurrence) -> Ordering {
    let rank = |o: &Occurrence| match o.material.kind {
        Kind::PrivateKey | Kind::Keystore => 0,
        Kind::Secret => 1,
        Kind::Reference => 2,
        Kind::Certificate | Kind::PublicKey => 3,
    };
    let place = |o: &Occurrence| {
        (o.offset, o.line, o.material.kind, o.material.format, o.material.span.start, o.material.span.end)
    };
    rank(a)
        .cmp(&rank(b))
        .then_with(|| a.origin.object.is_some().cmp(&b.origin.object.is_some()))
        .then_with(|| a.origin.cmp(&b.origin))
        .then_with(|| place(a).cmp(&place(b)))
        .then_with(|| Same::of(&a.material).cmp(&Same::of(&b.material)))
}

/// Memory that an occurrence takes until it is reported, in bytes. Its place is copied several times on the way. The
/// keys of a locked container share its bytes and are adjacent.
fn cost(occurrence: &Occurrence, previous: Option<&Occurrence>) -> u64 {
    let material = &occurrence.material;
    let origin = &occurrence.origin;
    let names = origin.wraps.iter().map(|wrap| 64 + wrap.name.as_os_str().len());
    let place = origin.path.as_os_str().len() + names.sum::<usize>();
    // A public key is a group of its own in the judgement; a private key usually has several places.
    let group = match material.kind {
        Kind::PublicKey | Kind::Certificate => 448,
        _ => 0,
    };
    let identity = match &material.identity {
        Some(Identity::Public(half)) => 256 + half.spki.len() + group,
        _ => 0,
    };
    let certificate = material.certificate.as_ref().map_or(0, |facts| {
        let signed = facts.signed.as_ref().map_or(0, |signature| signature.length());
        1024 + facts.subject.len() + facts.issuer.len() + signed
    });
    let labels: usize = material.labels.iter().map(|label| 48 + label.text.len()).sum();
    let before = previous.and_then(|previous| previous.material.locked.as_ref());
    let locked = material.locked.as_ref().filter(|locked| !before.is_some_and(|before| before.is_shared_with(locked)));
    let locked = locked.filter(|locked| locked.unread().is_none()).map_or(0, Locked::length);
    // Its history is added later: the facts, and the names of two people and a path, in two copies.
    let history = origin.object.map_or(0, |_| 2 * (size_of::<Provenance>() + HISTORY));
    let reference = material.reference.as_ref().map_or(0, |_| 512);
    (size_of::<Occurrence>() + 4 * place + history + identity + certificate + labels + locked + reference) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::material::Encoding;
    use crate::oid::{Format, ObjectId};

    fn occurrence(path: &str, offset: u64, kind: Kind, digest: u32) -> Occurrence {
        let mut material = Material::new(kind, "test", Encoding::Text, 0..1);
        let mut id = [0; 32];
        id[..4].copy_from_slice(&digest.to_le_bytes());
        material.identity = Some(Identity::Opaque(id));
        Occurrence { origin: Origin::file(path), offset, line: 1, section: None, mark: None, git: None, material }
    }

    fn places(kept: &[Occurrence]) -> Vec<(String, u64)> {
        kept.iter().map(|o| (o.origin.to_string(), o.offset)).collect()
    }

    #[test]
    fn places_of_one_key_are_bounded() {
        let many = |step: u64| (0..50_000).map(move |i| occurrence("a", i * step % 50_000, Kind::PrivateKey, 1));
        let run = |step| {
            let mut found = Found::default();
            many(step).for_each(|o| found.extend(std::iter::once(o)));
            found.extend(std::iter::once(occurrence("b", 0, Kind::PrivateKey, 2)));
            found.finish()
        };
        let (kept, gaps) = run(1);
        assert_eq!((kept.len(), gaps.len()), (PLACES + 1, 1));
        assert_eq!(gaps[0].detail, "and 40000 more places of the same key or secret, beyond the first 10000");
        assert_eq!(kept.last().unwrap().origin.to_string(), "b");
        let (again, same) = run(49_999);
        assert_eq!((places(&again), same), (places(&kept), gaps));
    }

    #[test]
    fn many_places_of_a_certificate_displace_no_other() {
        let in_history = |path: u32, digest| {
            let mut one = occurrence(&format!("a{path}"), 0, Kind::Certificate, digest);
            one.origin = Origin::object(format!("a{path}"), ObjectId::of(Format::Sha1, crate::oid::Kind::Blob, b"x"));
            one
        };
        let many = (0..30).flat_map(|digest| (0..9000).map(move |path| (path, digest)));
        let run = |order: &dyn Fn(&mut Vec<Occurrence>)| {
            let mut all: Vec<_> = many.clone().map(|(path, digest)| in_history(path, digest)).collect();
            all.push(in_history(u32::MAX, 100));
            all.push(occurrence("z", 0, Kind::Certificate, 3));
            order(&mut all);
            let mut found = Found::default();
            for one in all {
                found.extend(std::iter::once(one));
            }
            found.finish()
        };
        let (kept, gaps) = run(&|_| ());
        let of = |digest: u8| {
            kept.iter()
                .filter(|o| {
                    o.material.identity == occurrence("", 0, Kind::Certificate, digest.into()).material.identity
                })
                .count()
        };
        assert_eq!((of(100), of(3), of(4), gaps.len()), (1, PUBLIC_PLACES, PUBLIC_PLACES, 30));
        assert_eq!(kept[0].origin.to_string(), "z", "a file before history");
        let (again, same) = run(&|all| all.reverse());
        assert_eq!((places(&again), same), (places(&kept), gaps));
    }

    #[test]
    fn private_keys_are_kept_before_public_material() {
        let each = cost(&occurrence("a", 0, Kind::Certificate, 0), None);
        let many = u32::try_from((RUN + 2 * AHEAD) / each).unwrap();
        let mut found = Found::default();
        found.extend((0..many).map(|i| occurrence("a", i.into(), Kind::Certificate, i)));
        found.extend((0..1000).map(|i| occurrence("z", i.into(), Kind::PrivateKey, many + i)));
        let (kept, gaps) = found.finish();
        assert_eq!(kept.iter().filter(|o| o.material.kind == Kind::PrivateKey).count(), 1000);
        assert!(kept.iter().map(|o| cost(o, None)).sum::<u64>() <= RUN);
        let lost = u64::from(many) + 1000 - kept.len() as u64;
        assert_eq!(gaps[0].detail, format!("and {lost} more certificates than fit into memory"));
        assert!(gaps[0].of_many);
    }
}
