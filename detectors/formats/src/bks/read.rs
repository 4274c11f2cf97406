//! BouncyCastle's keystores: BKS versions 1 and 2, whose list of entries is plaintext, and UBER, whose list is one blob
//! encrypted with Twofish (org.bouncycastle.jcajce.provider.keystore.bc.BcKeyStoreSpi).
//!
//! Both have the same list, so the reader of BKS also reads the decrypted list of UBER.

use std::ops::Range;

use keyradius_core::error::Malformed;
use keyradius_core::lock::Unlocked;
use keyradius_core::material::{Encoding, Identity, Kind, Label, Material, Proof, Protection, ProtectionState, Remark};
use keyradius_readers::ber::{BerReader, OCTET_STRING, SEQUENCE};
use keyradius_readers::carrier;
use keyradius_readers::cursor::Cursor;
use keyradius_readers::private::{self, PrivateKey};
use keyradius_readers::{pbe, public, x509};
use zeroize::Zeroizing;

/// Length of a SHA-1 digest, in bytes: the MAC after the entries of BKS, the digest after those of UBER, and the salt
/// of every writer.
pub(crate) const DIGEST: usize = 20;
/// Maximum iteration count read. The writer uses 1024 to 2047; its reader refuses more than 65,536.
const MAX_ITERATIONS: u32 = 1_000_000;
/// Iteration counts that the writer of UBER chooses from.
const UBER_ITERATIONS: Range<u32> = 1024..2048;
/// Dates of entries: milliseconds since 1970, up to the year 2100.
const DATES: Range<u64> = 0..4_102_444_800_000;
/// PKCS#12 iterations up to which a scheme counts as weak, as in `readers/pbe.rs`.
const FEW: u32 = 2048;

/// Salt and iterations: the header of both file formats and of every sealed key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'a> {
    pub(crate) salt: &'a [u8],
    pub(crate) iterations: u32,
}

impl<'a> Head<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, Malformed> {
        let at = cursor.at();
        let salt = cursor.string("salt")?;
        let iterations = cursor.u32("iterations")?;
        if salt.len() != DIGEST || !(1..=MAX_ITERATIONS).contains(&iterations) {
            return Err(Malformed::new("salt and iterations", at));
        }
        Ok(Self { salt, iterations })
    }

    fn protection(self, cipher: &str) -> Protection {
        let state = if self.iterations <= FEW { ProtectionState::Weak } else { ProtectionState::Strong };
        Protection::new(state, format!("PKCS#12 SHA-1, {cipher}, {} iterations", self.iterations))
    }
}

/// A BKS file.
#[derive(Debug)]
pub(crate) struct Store<'a> {
    /// 1 or 2.
    pub(crate) version: u32,
    pub(crate) entries: Vec<Entry<'a>>,
    /// Bytes read.
    pub(crate) consumed: usize,
    /// Whether the list ends early.
    pub(crate) damaged: bool,
}

impl<'a> Store<'a> {
    /// Reads the file at the start of `bytes`. Entries before damage are kept; a file without entries is an error.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(bytes);
        let version = cursor.u32("version")?;
        if !(1..=2).contains(&version) {
            return Err(Malformed::new("version", 0));
        }
        Head::read(&mut cursor)?;
        let (entries, end) = list(&mut cursor);
        let end = end.and_then(|()| cursor.take(DIGEST, "MAC"));
        match end {
            Err(error) if entries.is_empty() => Err(error),
            // Without entries, a file that begins like this may be anything.
            Ok(_) if entries.is_empty() => Err(Malformed::new("no entries", cursor.at())),
            end => Ok(Self { version, entries, consumed: cursor.at(), damaged: end.is_err() }),
        }
    }
}

/// An UBER file. Only its encryption parameters are readable.
#[derive(Debug)]
pub(crate) struct Uber<'a> {
    pub(crate) head: Head<'a>,
    pub(crate) ciphertext: &'a [u8],
}

impl<'a> Uber<'a> {
    /// Reads a whole file. Other files may have the same twelve bytes at the start, so everything must match the one
    /// writer of this format: its range of iterations, whole blocks, and bytes without any pattern.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        /// Block size, in bytes.
        const TWOFISH: usize = 16;
        /// Minimum size, in bytes. A list with just one sealed key of 128 bits has 112.
        const SMALLEST: usize = 96;
        let mut cursor = Cursor::new(bytes);
        cursor.expect(&1_u32.to_be_bytes(), "version")?;
        let head = Head::read(&mut cursor)?;
        let at = cursor.at();
        let ciphertext = cursor.rest();
        let blocks = ciphertext.len() >= SMALLEST && ciphertext.len().is_multiple_of(TWOFISH);
        if !UBER_ITERATIONS.contains(&head.iterations) || !blocks {
            return Err(Malformed::new("iterations and blocks", at));
        }
        if !is_noise(head.salt) || !is_noise(ciphertext) {
            return Err(Malformed::new("ciphertext", at));
        }
        Ok(Self { head, ciphertext })
    }

    /// The keystore before it is opened.
    pub(crate) fn material(&self) -> Material {
        let mut material = empty(Kind::Keystore, "UBER");
        material.protection = Some(self.head.protection("Twofish-256-CBC"));
        material.remarks.push(Remark::SealedWhole);
        material
    }
}

/// Whether bytes show no pattern: the frequency of each value is as expected by chance. For up to 256 bytes, counts the
/// different values. For more bytes, computes chi-square over the 256 values, which has mean 255 and deviation 23; the
/// bounds are seven deviations away.
fn is_noise(bytes: &[u8]) -> bool {
    let mut counts = [0_u64; 256];
    for &byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let length = bytes.len() as u64;
    if length <= 256 {
        return counts.iter().filter(|&&count| count > 0).count() as u64 * 2 >= length;
    }
    let squares: u64 = counts.iter().map(|count| count * count).sum();
    (95..=415).contains(&(squares * 256 / length).saturating_sub(length))
}

/// One entry.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) alias: &'a [u8],
    /// DER of each certificate.
    pub(crate) chain: Vec<&'a [u8]>,
    pub(crate) content: Content<'a>,
}

/// The content of an entry, by its type.
#[derive(Debug)]
pub(crate) enum Content<'a> {
    /// 1: DER.
    Certificate(&'a [u8]),
    /// 2: a plaintext key.
    Key(Encoded<'a>),
    /// 3: a key that was already protected before it was added.
    Protected(&'a [u8]),
    /// 4: a key sealed with a password of its own.
    Sealed(Sealed<'a>),
}

/// A key as `encodeKey` writes it.
#[derive(Debug)]
pub(crate) struct Encoded<'a> {
    /// 0 private, 1 public, 2 secret.
    kind: u8,
    /// Java's name for the algorithm, such as `HmacSHA256`.
    algorithm: &'a [u8],
    bytes: &'a [u8],
}

impl<'a> Encoded<'a> {
    pub(crate) fn read(cursor: &mut Cursor<'a>) -> Result<Self, Malformed> {
        let at = cursor.at();
        let kind = cursor.u8("key kind")?;
        let format = text(cursor, "key format")?;
        let algorithm = text(cursor, "key algorithm")?;
        let bytes = cursor.string("key")?;
        let formats: &[&[u8]] = match kind {
            0 => &[b"PKCS#8", b"PKCS8"],
            1 => &[b"X.509", b"X509"],
            2 => &[b"RAW"],
            _ => &[],
        };
        if !formats.contains(&format) {
            return Err(Malformed::new("key format", at));
        }
        Ok(Self { kind, algorithm, bytes })
    }

    /// The plaintext key. `None` if it is damaged.
    pub(crate) fn material(&self, container: &'static str) -> Option<Material> {
        match self.kind {
            0 => Some(private_key(private::pkcs8(self.bytes).ok()?, self.bytes, container)),
            1 => {
                let mut material = empty(Kind::PublicKey, container);
                material.identity = Some(Identity::public(public::from_spki(self.bytes).ok()?));
                Some(material)
            }
            _ => Some(carrier::secret_key("bks", container, self.algorithm, self.bytes)),
        }
    }
}

/// A key sealed with a password.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sealed<'a> {
    pub(crate) head: Head<'a>,
    /// Triple DES in CBC mode; the plaintext is an [`Encoded`].
    pub(crate) ciphertext: &'a [u8],
}

impl<'a> Sealed<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(bytes);
        let head = Head::read(&mut cursor)?;
        let ciphertext = cursor.rest();
        if ciphertext.is_empty() || !ciphertext.len().is_multiple_of(8) {
            return Err(Malformed::new("sealed key", cursor.at()));
        }
        Ok(Self { head, ciphertext })
    }
}

/// All entries, and whether the list was complete.
pub(crate) fn list<'a>(cursor: &mut Cursor<'a>) -> (Vec<Entry<'a>>, Result<(), Malformed>) {
    let mut entries = Vec::new();
    loop {
        match entry(cursor) {
            Ok(Some(entry)) => entries.push(entry),
            Ok(None) => return (entries, Ok(())),
            Err(error) => return (entries, Err(error)),
        }
    }
}

fn entry<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Entry<'a>>, Malformed> {
    let at = cursor.at();
    let kind = cursor.u8("entry type")?;
    if kind == 0 {
        return Ok(None);
    }
    let alias = text(cursor, "alias")?;
    if !DATES.contains(&cursor.u64("date")?) {
        return Err(Malformed::new("date", at));
    }
    let count = cursor.u32("chain length")?;
    let mut chain = Vec::new();
    for _ in 0..count {
        chain.push(certificate(cursor)?);
    }
    let content = match kind {
        1 => Content::Certificate(certificate(cursor)?),
        2 => Content::Key(Encoded::read(cursor)?),
        3 => Content::Protected(cursor.string("protected key")?),
        4 => Content::Sealed(Sealed::read(cursor.string("sealed key")?)?),
        _ => return Err(Malformed::new("entry type", at)),
    };
    Ok(Some(Entry { alias, chain, content }))
}

/// A string as Java's `writeUTF` encodes it.
fn text<'a>(cursor: &mut Cursor<'a>, what: &'static str) -> Result<&'a [u8], Malformed> {
    let length = cursor.u16(what)?;
    cursor.take(length.into(), what)
}

/// Reads type and DER of a certificate. Whatever the type, a value that is not a SEQUENCE is not a certificate.
fn certificate<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Malformed> {
    let at = cursor.at();
    text(cursor, "certificate type")?;
    let der = cursor.string("certificate")?;
    if der.first() == Some(&SEQUENCE) { Ok(der) } else { Err(Malformed::new("certificate", at)) }
}

/// Opens sealed keys and keys that were protected before they were added.
pub(crate) trait Unlock {
    /// The plaintext of a sealed key. `None` if it stays closed.
    fn sealed(&self, sealed: &Sealed<'_>) -> Option<Zeroizing<Vec<u8>>>;
    /// The PKCS#8 in an EncryptedPrivateKeyInfo. `None` if it stays closed.
    fn protected(&self, der: &[u8]) -> Option<Zeroizing<Vec<u8>>>;
}

/// Opens nothing.
#[derive(Debug)]
pub(crate) struct Locked;

impl Unlock for Locked {
    fn sealed(&self, _: &Sealed<'_>) -> Option<Zeroizing<Vec<u8>>> {
        None
    }

    fn protected(&self, _: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        None
    }
}

/// The materials of all entries. [`Unlocked::which`] numbers the locked ones; a key that a password opened has the
/// protection state `Opened`.
pub(crate) fn materials(entries: &[Entry<'_>], container: &'static str, password: &dyn Unlock) -> Vec<Unlocked> {
    let mut items = Vec::new();
    let mut locked = 0;
    let mut only_certificates = true;
    for entry in entries {
        let chain: Vec<_> = entry.chain.iter().filter_map(|der| x509::read(der).ok()).collect();
        let owner = chain.first().and_then(|certificate| certificate.public.clone());
        let alias = Label::new("alias", entry.alias);
        let mut decrypted = None;
        let (mut material, is_locked) = match &entry.content {
            Content::Certificate(der) => {
                items.extend(x509::read(der).ok().map(|c| certificate_item(c, container, Some(alias))));
                continue;
            }
            Content::Key(key) => {
                let Some(mut material) = key.material(container) else { continue };
                if material.kind == Kind::PrivateKey {
                    material.protection = Some(Protection::plaintext());
                }
                (material, false)
            }
            Content::Sealed(sealed) => {
                let opened = password.sealed(sealed).and_then(|plain| {
                    let key = Encoded::read(&mut Cursor::new(&plain)).ok().and_then(|key| key.material(container));
                    decrypted = Some(plain);
                    key
                });
                (protected(opened, sealed.head.protection("3DES"), sealed.ciphertext, entry, container), true)
            }
            Content::Protected(bytes) => {
                let Some(protection) = encrypted_info(bytes) else {
                    let mut material = empty(Kind::Keystore, container);
                    material.remarks.push(Remark::HoldsProtectedBytes);
                    material.labels.push(alias);
                    items.push(Unlocked::new(None, material));
                    only_certificates = false;
                    continue;
                };
                let opened = password.protected(bytes).and_then(|plain| {
                    let key = private_key(PrivateKey::decrypted(private::pkcs8, &plain)?, &plain, container);
                    decrypted = Some(plain);
                    Some(key)
                });
                (protected(opened, protection, bytes, entry, container), true)
            }
        };
        only_certificates &= material.kind == Kind::PublicKey;
        material.labels.insert(0, alias);
        if let (Some(owner), Some(Identity::Opaque(_)), false) = (owner, &material.identity, entry.chain.is_empty()) {
            material.identity = Some(Identity::public(owner));
        }
        items.push(Unlocked {
            plain: decrypted.into_iter().collect(),
            ..Unlocked::new(is_locked.then_some(locked), material)
        });
        locked += usize::from(is_locked);
        items.extend(chain.into_iter().map(|certificate| certificate_item(certificate, container, None)));
    }
    if only_certificates {
        let mut material = empty(Kind::Keystore, container);
        material.remarks.push(Remark::TrustStore);
        items.push(Unlocked::new(None, material));
    }
    items
}

/// A key under a password: the opened key, or what is known without the password.
fn protected(
    opened: Option<Material>,
    protection: Protection,
    ciphertext: &[u8],
    entry: &Entry<'_>,
    container: &'static str,
) -> Material {
    let (mut material, state) = match opened {
        Some(material) => (material, ProtectionState::Opened),
        // A key without a chain is symmetric: a private key must have a chain (`engineSetKeyEntry`).
        None if entry.chain.is_empty() && matches!(entry.content, Content::Sealed(_)) => {
            let mut material = empty(Kind::Keystore, container);
            material.remarks.push(Remark::HoldsSealedSecretKey);
            (material, protection.state)
        }
        None => {
            let mut material = empty(Kind::PrivateKey, container);
            material.identity = Some(carrier::opaque(ciphertext));
            material.sealed.push(carrier::digest(sealed_part(ciphertext)));
            (material, protection.state)
        }
    };
    material.protection = Some(Protection { state, ..protection });
    material
}

/// The ciphertext of an EncryptedPrivateKeyInfo; the bytes themselves if they are not one.
fn sealed_part(bytes: &[u8]) -> &[u8] {
    let part = || {
        let mut info = BerReader::new(bytes).value(SEQUENCE, "EncryptedPrivateKeyInfo").ok()?.children();
        info.value(SEQUENCE, "encryptionAlgorithm").ok()?;
        Some(info.value(OCTET_STRING, "encryptedData").ok()?.content)
    };
    part().unwrap_or(bytes)
}

/// The protection that an EncryptedPrivateKeyInfo names. `None` if the bytes are not one.
fn encrypted_info(bytes: &[u8]) -> Option<Protection> {
    let mut info = BerReader::new(bytes).value(SEQUENCE, "EncryptedPrivateKeyInfo").ok()?.children();
    let algorithm = info.value(SEQUENCE, "encryptionAlgorithm").ok()?;
    info.value(OCTET_STRING, "encryptedData").ok()?;
    pbe::protection(algorithm).ok()
}

fn private_key(key: PrivateKey, der: &[u8], container: &'static str) -> Material {
    let mut material = empty(Kind::PrivateKey, container);
    material.proof = if key.verified { Proof::Verified } else { Proof::Structure };
    material.identity = Some(match key.public {
        Some(public) => Identity::public(public),
        None => carrier::opaque(der),
    });
    material.remarks = key.remarks;
    material
}

fn certificate_item(certificate: x509::Certificate, container: &'static str, alias: Option<Label>) -> Unlocked {
    let mut material = Material::new(Kind::Certificate, "x509", Encoding::Binary, Range::default());
    material.identity = certificate.public.map(Identity::public);
    material.certificate = Some(Box::new(certificate.facts));
    material.labels.extend(alias);
    material.container = Some(container);
    Unlocked::new(None, material)
}

fn empty(kind: Kind, container: &'static str) -> Material {
    let mut material = Material::new(kind, "bks", Encoding::Binary, Range::default());
    material.container = Some(container);
    material
}
