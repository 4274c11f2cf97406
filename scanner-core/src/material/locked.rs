//! Locked containers, kept until passwords are tried on them.

use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

/// The bytes of a locked container that its format needs to try a password; shared by all keys and copies of the
/// container. Ciphertext only: not a secret by itself, but never printed.
#[derive(Clone)]
pub struct Locked(Arc<Kept>);

struct Kept {
    /// SHA-256 of the bytes.
    id: [u8; 32],
    length: usize,
    /// The bytes, or why they were not kept.
    bytes: Mutex<Result<Arc<[u8]>, &'static str>>,
}

impl Locked {
    /// Largest container that is kept, in bytes: a keystore of some thousand keys. A larger container stays locked.
    pub const MAX: usize = 1 << 20;

    /// Keeps a container, unless it is larger than [`Self::MAX`]: then only its id and length are kept.
    pub fn new(bytes: &[u8]) -> Self {
        let kept = if bytes.len() <= Self::MAX { Ok(bytes.into()) } else { Err("larger than 1 MiB") };
        Self(Arc::new(Kept { id: Sha256::digest(bytes).into(), length: bytes.len(), bytes: Mutex::new(kept) }))
    }

    /// SHA-256 of the bytes: equal for equal containers.
    pub fn id(&self) -> [u8; 32] {
        self.0.id
    }

    /// The length of the container in bytes, kept or not.
    pub fn length(&self) -> usize {
        self.0.length
    }

    /// Whether both handles share one copy of the bytes: keys of the same container do.
    pub(crate) fn is_shared_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The bytes, if they were kept.
    pub fn bytes(&self) -> Option<Arc<[u8]>> {
        self.kept().as_ref().ok().cloned()
    }

    /// Why the bytes were not kept.
    pub fn unread(&self) -> Option<&'static str> {
        self.kept().as_ref().err().copied()
    }

    /// Drops the bytes of every handle that shares them, and records why.
    pub(crate) fn let_go(&self, why: &'static str) {
        *self.kept() = Err(why);
    }

    fn kept(&self) -> MutexGuard<'_, Result<Arc<[u8]>, &'static str>> {
        self.0.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PartialEq for Locked {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for Locked {}

impl PartialOrd for Locked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Locked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.id.cmp(&other.0.id)
    }
}

impl fmt::Debug for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Locked({} bytes)", self.0.length)
    }
}
