//! Joins the occurrences of a run by key: copies, public halves, certificates, uses of the key and certificates it
//! issued.

use std::collections::BTreeMap;
use std::sync::Arc;

use keyradius_core::material::{Identity, Kind, Link, Material, Occurrence, ProtectionState, PublicHalf};

use super::estate::{Estate, KeyGroup, KeyName};
use super::{issued, link};

impl Estate {
    /// Joins the occurrences of a run, in any order; every list of the result is sorted by place.
    pub fn new(mut occurrences: Vec<Occurrence>) -> Self {
        occurrences.sort_by(in_order);
        let linked = Linked::of(&occurrences);
        let mut keys: BTreeMap<KeyName, KeyGroup> = BTreeMap::new();
        let (mut public, mut references, mut secrets) = (Vec::new(), Vec::new(), Vec::new());
        for occurrence in freed_as_read(occurrences) {
            match occurrence.material.kind {
                Kind::Reference => {
                    references.push(occurrence);
                    continue;
                }
                Kind::Secret => {
                    secrets.push(occurrence);
                    continue;
                }
                _ => {}
            }
            let (name, half) = match name(&occurrence, &linked) {
                Some((name, half)) if is_private(&occurrence) => (name, half),
                _ => {
                    public.push(occurrence);
                    continue;
                }
            };
            let group = keys.entry(name).or_insert_with(|| KeyGroup::new(name));
            group.public = group.public.take().or(half);
            put(&mut group.private, occurrence);
        }
        let mut alone: BTreeMap<KeyName, KeyGroup> = BTreeMap::new();
        let mut others = Vec::new();
        for occurrence in public {
            let Some((name, half)) = name(&occurrence, &linked) else {
                others.push(occurrence);
                continue;
            };
            let group = match keys.get_mut(&name) {
                Some(group) => group,
                None => alone.entry(name).or_insert_with(|| KeyGroup::new(name)),
            };
            group.public = group.public.take().or(half);
            put(&mut group.related, occurrence);
        }
        let (keys, public) = (keys.into_values().collect(), alone.into_values().collect());
        let mut estate = Self { keys, public, others, secrets, ..Self::default() };
        link::uses(&mut estate, references);
        issued::link(&mut estate);
        estate
    }
}

/// The items in order. Memory is freed while they are read: a vector would keep that of all until the last one.
fn freed_as_read<T>(items: Vec<T>) -> impl Iterator<Item = T> {
    /// Items that are freed together: some megabytes.
    const CHUNK: usize = 4096;
    let mut chunks = Vec::with_capacity(items.len().div_ceil(CHUNK));
    let mut items = items.into_iter().peekable();
    while items.peek().is_some() {
        chunks.push(items.by_ref().take(CHUNK).collect::<Vec<T>>());
    }
    chunks.into_iter().flatten()
}

/// Adds to a list that usually has one item; the first growth of a vector would reserve four.
fn put(list: &mut Vec<Occurrence>, occurrence: Occurrence) {
    if list.is_empty() {
        list.reserve_exact(1);
    }
    list.push(occurrence);
}

/// Order by place; materials at one place by kind, format and digest.
fn in_order(a: &Occurrence, b: &Occurrence) -> std::cmp::Ordering {
    let (x, y) = (&a.material, &b.material);
    (&a.origin, a.offset, a.line, x.kind, x.format)
        .cmp(&(&b.origin, b.offset, b.line, y.kind, y.format))
        .then_with(|| (x.span.start, x.span.end, &x.labels).cmp(&(y.span.start, y.span.end, &y.labels)))
        .then_with(|| (&x.reference, &x.pgp_fingerprint).cmp(&(&y.reference, &y.pgp_fingerprint)))
        .then_with(|| digest(x).cmp(&digest(y)))
}

/// Distinguishes two materials at one place.
fn digest(material: &Material) -> Option<[u8; 32]> {
    match material.identity.as_ref()? {
        Identity::Public(half) => Some(half.id.spki_sha256),
        Identity::Opaque(digest) => Some(*digest),
    }
}

/// Whether the private key itself is present: a stub only says that the key is elsewhere.
fn is_private(occurrence: &Occurrence) -> bool {
    let material = &occurrence.material;
    let stub = material.protection.as_ref().is_some_and(|p| p.state == ProtectionState::Stub);
    material.kind == Kind::PrivateKey && !stub
}

/// Public halves by the digests with which keystores refer to them.
#[derive(Default)]
struct Linked {
    by_link: BTreeMap<Link, Arc<PublicHalf>>,
}

impl Linked {
    fn of(occurrences: &[Occurrence]) -> Self {
        use sha1::{Digest, Sha1};
        let wanted = occurrences.iter().any(|o| !o.material.links.is_empty());
        let mut linked = Self::default();
        if !wanted {
            return linked;
        }
        for occurrence in occurrences {
            let Some(Identity::Public(half)) = &occurrence.material.identity else { continue };
            if let Some(certificate) = &occurrence.material.certificate {
                linked.by_link.insert(Link::CertSha1(certificate.sha1), Arc::clone(half));
            }
            linked.by_link.insert(Link::SpkiSha1(Sha1::digest(&half.spki).into()), Arc::clone(half));
        }
        linked
    }
}

/// The key that a material belongs to: by its own public half, or by a certificate that it refers to and that was found
/// anywhere in the run.
fn name(occurrence: &Occurrence, linked: &Linked) -> Option<(KeyName, Option<Arc<PublicHalf>>)> {
    match occurrence.material.identity.as_ref()? {
        Identity::Public(half) => Some((KeyName::Public(half.id.key_only), Some(Arc::clone(half)))),
        Identity::Opaque(digest) => {
            let half = occurrence.material.links.iter().find_map(|link| linked.by_link.get(link));
            Some(match half {
                Some(half) => (KeyName::Public(half.id.key_only), Some(half.clone())),
                None => (KeyName::Opaque(*digest), None),
            })
        }
    }
}
