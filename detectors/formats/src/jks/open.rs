//! Opens the keys of JKS and JCEKS keystores. Every key may have a password of its own. The password of the store
//! protects only its digest, and is not checked.

use keyradius_core::lock::Unlocked;
use keyradius_core::lock::{Lock, PROOF};
use keyradius_core::material::{Material, Protection};
use keyradius_readers::ber::{self, BerReader, OCTET_STRING, OID, SEQUENCE, Value};
use keyradius_readers::carrier;
use keyradius_readers::cursor::Cursor;
use keyradius_readers::pbe as scheme;
use keyradius_readers::private::{self, PrivateKey};
use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

use super::read;
use crate::unlock::kdf::{Hash, utf16};
use crate::unlock::pbe::{Password, Scheme, begins_like_der};

/// The keys of one keystore.
pub(super) struct Store<'a> {
    keys: Vec<Option<Entry<'a>>>,
}

/// The protection of one key.
enum Entry<'a> {
    /// sun.security.provider.KeyProtector: 20 bytes of salt, the key XORed with a stream of SHA-1 digests, and a digest
    /// of password and key.
    Sun(&'a [u8]),
    /// com.sun.crypto.provider.KeyProtector, or any other scheme.
    Scheme(Box<Scheme<'a>>, &'a [u8], Protection),
}

/// 1.3.6.1.4.1.42.2.17.1.1.
const SUN: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x2a, 0x02, 0x11, 0x01, 0x01];
/// Length in bytes of a SHA-1 digest, and of the salt.
const DIGEST: usize = 20;

impl<'a> Store<'a> {
    /// Reads `bytes`, the encrypted keys: one EncryptedPrivateKeyInfo after the other.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = BerReader::new(bytes);
        let mut keys = Vec::new();
        while let Ok(key) = reader.value(SEQUENCE, "EncryptedPrivateKeyInfo") {
            keys.push(Entry::read(key));
        }
        keys.iter().any(Option::is_some).then_some(Self { keys })
    }
}

impl<'a> Entry<'a> {
    fn read(info: Value<'a>) -> Option<Self> {
        let mut info = info.children();
        let algorithm = info.value(SEQUENCE, "encryptionAlgorithm").ok()?;
        let ciphertext = info.value(OCTET_STRING, "encryptedData").ok()?.content;
        if algorithm.children().value(OID, "encryption scheme OID").ok()?.content == SUN {
            return (ciphertext.len() > 2 * DIGEST + 8).then_some(Self::Sun(ciphertext));
        }
        let protection = scheme::protection(algorithm).ok()?;
        Some(Self::Scheme(Box::new(Scheme::read(algorithm)?), ciphertext, protection))
    }

    fn price(&self) -> u64 {
        match self {
            // One block of the stream rejects all but one wrong password in 2^30.
            Self::Sun(_) => 5 * Hash::Sha1.price(),
            Self::Scheme(scheme, ..) => scheme.price(),
        }
    }

    fn open(&self, password: &[u8], which: usize) -> Option<Unlocked> {
        match self {
            // The digest confirms the password, so the key need not be proven.
            Self::Sun(ciphertext) => {
                let plain = sun(ciphertext, password)?;
                Some(carrier::unlocked(which, private::pkcs8(&plain).ok()?, &plain))
            }
            Self::Scheme(scheme, ciphertext, protection) => {
                // A sealed secret key decrypts to a serialised object, a private key to DER.
                let plain = scheme.decrypt_if(&Password::new(password), ciphertext, |first, length| {
                    first.starts_with(&read::STREAM) || begins_like_der(first, length)
                })?;
                if plain.starts_with(&read::STREAM) {
                    // The sealed object was not known to be a key, so its protection is set here.
                    let protection = Some(protection.clone());
                    let material = Material { protection, ..secret(&plain)? };
                    return Some(Unlocked::new(Some(which), material).with_plain(&plain));
                }
                Some(carrier::unlocked(which, PrivateKey::decrypted(private::pkcs8, &plain)?, &plain))
            }
        }
    }
}

/// Reads a javax.crypto.spec.SecretKeySpec (`algorithm`, `key`) or a java.security.KeyRep (`algorithm`, `encoded`).
fn secret(plain: &[u8]) -> Option<Material> {
    let object = read::Object::read(plain).ok().filter(|object| object.consumed == plain.len())?;
    let key = object.field(b"key").or_else(|| object.field(b"encoded"))?;
    Some(carrier::secret_key("jks", "JCEKS", object.field(b"algorithm")?, key))
}

/// Decrypts the key of a sun.security.provider.KeyProtector.
fn sun(ciphertext: &[u8], password: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let password = utf16(password);
    let mut fields = Cursor::new(ciphertext);
    let salt = fields.take(DIGEST, "salt").ok()?;
    let sealed = fields.take(ciphertext.len().checked_sub(2 * DIGEST)?, "key").ok()?;
    let check = fields.rest();
    let mut stream: [u8; DIGEST] = Sha1::new().chain_update(&*password).chain_update(salt).finalize().into();
    let mut plain = Zeroizing::new(Vec::with_capacity(sealed.len()));
    for (number, block) in sealed.chunks(DIGEST).enumerate() {
        if number > 0 {
            stream = Sha1::new().chain_update(&*password).chain_update(stream).finalize().into();
        }
        plain.extend(block.iter().zip(stream).map(|(sealed, key)| sealed ^ key));
        if number == 0 {
            // There is no padding: the plaintext must be a SEQUENCE of exactly this length.
            match ber::header(&plain) {
                Ok((SEQUENCE, header, Some(length))) if header.checked_add(length) == Some(sealed.len()) => {}
                _ => return None,
            }
        }
    }
    let digest = Sha1::new().chain_update(&*password).chain_update(&*plain).finalize();
    (digest.as_slice() == check).then_some(plain)
}

impl Lock for Store<'_> {
    fn price(&self) -> u64 {
        self.keys.iter().flatten().map(Entry::price).fold(0, u64::saturating_add)
    }

    fn price_of_success(&self) -> u64 {
        self.price().saturating_add(PROOF)
    }

    fn open(&self, password: &[u8], done: &[bool]) -> Vec<Unlocked> {
        let closed = self.keys.iter().enumerate().filter(|(which, _)| done.get(*which) != Some(&true));
        closed.filter_map(|(which, key)| key.as_ref()?.open(password, which)).collect()
    }
}
