//! All materials of a run, joined by key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use scanner_core::material::{CertFacts, Identity, Kind, Link, Material, Occurrence, ProtectionState, PublicHalf};

use super::evidence::beside::Beside;
use super::link::{self, Use};

/// What makes two materials the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyName {
    /// Digest of the public half that does not depend on its encoding.
    Public([u8; 32]),
    /// Digest of the ciphertext, where no public half can be known.
    Opaque([u8; 32]),
}

/// A private key and everything of the run that belongs to it.
#[derive(Clone, Debug)]
pub struct KeyGroup {
    /// Its name.
    pub name: KeyName,
    /// The public half, where known.
    pub public: Option<Arc<PublicHalf>>,
    /// Places of the private key; none for a public key that stands alone.
    pub private: Vec<Occurrence>,
    /// Places of its public half and certificates.
    pub related: Vec<Occurrence>,
    /// Lines of other files that use it.
    pub uses: Vec<Use>,
    /// Places of certificates that it issued, sorted.
    pub issued: Vec<Occurrence>,
}

impl KeyGroup {
    pub(super) fn new(name: KeyName) -> Self {
        let (private, related, uses, issued) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { name, public: None, private, related, uses, issued }
    }

    /// Its certificates.
    pub fn certificates(&self) -> impl Iterator<Item = &CertFacts> {
        self.related.iter().filter_map(|o| o.material.certificate.as_deref())
    }
}

/// All materials of a run.
#[derive(Debug, Default)]
pub struct Estate {
    /// Private keys, by name.
    pub keys: Vec<KeyGroup>,
    /// Public keys and certificates without a private key in the run, by name.
    pub public: Vec<KeyGroup>,
    /// Materials without a key that could be told.
    pub others: Vec<Occurrence>,
    /// Ordinary secrets.
    pub secrets: Vec<Occurrence>,
    /// Where the scan began: what stands above says nothing about a key.
    roots: Vec<PathBuf>,
    /// What lies in one directory; worked out when it is first asked for.
    beside: OnceLock<Beside>,
}

/// Adds to a list that mostly stays a list of one, for which the first growth of a vector would keep four places.
fn put(list: &mut Vec<Occurrence>, occurrence: Occurrence) {
    if list.is_empty() {
        list.reserve_exact(1);
    }
    list.push(occurrence);
}

impl Estate {
    /// Joins the occurrences of a run, in any order; in every list they are sorted by place.
    pub fn new(mut occurrences: Vec<Occurrence>) -> Self {
        occurrences.sort_by(in_order);
        let linked = Linked::of(&occurrences);
        let mut keys: BTreeMap<KeyName, KeyGroup> = BTreeMap::new();
        let (mut public, mut references, mut secrets) = (Vec::new(), Vec::new(), Vec::new());
        for occurrence in occurrences {
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
        let mut estate = Self {
            keys: keys.into_values().collect(),
            public: alone.into_values().collect(),
            others,
            secrets,
            roots: Vec::new(),
            beside: OnceLock::new(),
        };
        link::uses(&mut estate, references);
        link::issued(&mut estate);
        estate
    }

    /// What lies in one directory.
    pub(crate) fn beside(&self) -> &Beside {
        self.beside.get_or_init(|| Beside::of(self))
    }

    /// The same, scanned from these paths.
    #[must_use]
    pub fn below(mut self, roots: &[PathBuf]) -> Self {
        self.roots = roots.to_vec();
        self
    }

    /// The part of a path that says something: of an absolute one what the scan went down, because a directory called
    /// `test` above its start says nothing about the keys below (a file that was named itself is its name); a relative
    /// one whole, because it lies in the tree that the user stands in.
    pub fn inside<'a>(&self, path: &'a Path) -> &'a Path {
        if path.is_relative() {
            return path;
        }
        let rest =
            self.roots.iter().filter_map(|root| path.strip_prefix(root).ok()).min_by_key(|rest| rest.as_os_str().len());
        match rest {
            Some(rest) if !rest.as_os_str().is_empty() => rest,
            Some(_) => path.file_name().map_or(path, Path::new),
            None => path,
        }
    }
}

/// By place; what lies at one place by what it is.
fn in_order(a: &Occurrence, b: &Occurrence) -> std::cmp::Ordering {
    let (x, y) = (&a.material, &b.material);
    (&a.origin, a.offset, a.line, x.kind, x.format)
        .cmp(&(&b.origin, b.offset, b.line, y.kind, y.format))
        .then_with(|| (x.span.start, x.span.end, &x.labels).cmp(&(y.span.start, y.span.end, &y.labels)))
        .then_with(|| (&x.reference, &x.pgp_fingerprint).cmp(&(&y.reference, &y.pgp_fingerprint)))
        .then_with(|| digest(x).cmp(&digest(y)))
}

/// What tells two materials at one place apart for good.
fn digest(material: &Material) -> Option<[u8; 32]> {
    match material.identity.as_ref()? {
        Identity::Public(half) => Some(half.id.spki_sha256),
        Identity::Opaque(digest) => Some(*digest),
    }
}

/// Whether the private key itself is there: a stub only says that it is elsewhere.
fn is_private(occurrence: &Occurrence) -> bool {
    let material = &occurrence.material;
    let stub = material.protection.as_ref().is_some_and(|p| p.state == ProtectionState::Stub);
    material.kind == Kind::PrivateKey && !stub
}

/// Public halves by the digests that keystores refer to them with.
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
/// somewhere in the run.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_above_the_start_of_a_scan_says_nothing() {
        let estate = Estate::default().below(&["/home/test/repo".into(), "/home/test/key.pem".into()]);
        for (path, inside) in [
            ("/home/test/repo/keys/a.pem", "keys/a.pem"),
            ("/home/test/repo/test/a.pem", "test/a.pem"),
            ("/home/test/key.pem", "key.pem"),
            ("tests/a.pem", "tests/a.pem"),
            ("/elsewhere/a.pem", "/elsewhere/a.pem"),
        ] {
            assert_eq!(estate.inside(Path::new(path)), Path::new(inside));
        }
    }
}
