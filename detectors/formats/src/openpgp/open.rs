//! Opens OpenPGP secret keys (RFC 9580 5.5.3) encrypted in CFB mode. Passwords are tried on the first of a primary key
//! and its subkeys; a password that opens it is tried on the others. The SHA-1 over the key, or its arithmetic,
//! confirms a password.
//!
//! Not supported: AEAD (S2K usage 253, which GnuPG does not write by default), keys of version 3 and older, Argon2
//! beyond [`crate::unlock::kdf::MAX_MEMORY`].

use keyradius_core::lock::Unlocked;
use keyradius_core::lock::{Lock, PROOF};
use keyradius_core::material::{Encoding, Kind, Material, Proof};
use keyradius_readers::cursor::Cursor;
use keyradius_readers::openpgp::{self, Parts};
use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

use crate::unlock::cipher::{Cipher, Mode, Suite};
use crate::unlock::kdf::{Argon2, Hash};

/// The locked keys among a primary key and its subkeys.
pub(super) struct Ring<'a> {
    /// `None` for keys that cannot be opened here.
    keys: Vec<Option<Key<'a>>>,
}

/// One key.
struct Key<'a> {
    parts: Parts<'a>,
    s2k: S2k<'a>,
    suite: Suite,
    iv: &'a [u8],
    sealed: &'a [u8],
    /// Whether a SHA-1 ends the plaintext; otherwise two bytes of checksum do.
    sha1: bool,
}

/// String-to-key specifier (RFC 9580 3.7.1).
enum S2k<'a> {
    Hashed { hash: Hash, salt: &'a [u8], count: u64 },
    Argon2 { argon2: Argon2, salt: &'a [u8] },
}

impl<'a> Ring<'a> {
    /// Reads `bytes`, packets of secret keys.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut keys = Vec::new();
        let mut at = 0;
        while let Ok(packet) = openpgp::packet(bytes, at) {
            keys.push(openpgp::parts(packet.body).ok().and_then(Key::read));
            at = packet.end;
        }
        keys.iter().any(Option::is_some).then_some(Self { keys })
    }

    /// The key on which passwords are tried.
    fn first(&self) -> Option<&Key<'a>> {
        self.keys.iter().flatten().next()
    }
}

impl<'a> Key<'a> {
    fn read(parts: Parts<'a>) -> Option<Self> {
        let mut cursor = Cursor::new(parts.secret);
        let usage = cursor.u8("S2K usage").ok()?;
        if parts.version < 4 || !matches!(usage, 254 | 255) {
            return None;
        }
        if parts.version > 4 {
            cursor.u8("length of the S2K fields").ok()?;
        }
        let (cipher, key) = cipher(cursor.u8("cipher").ok()?)?;
        if parts.version == 6 && usage != 255 {
            cursor.u8("length of the S2K").ok()?;
        }
        let s2k = S2k::read(&mut cursor)?;
        let suite = Suite::new(cipher, Mode::Cfb, key);
        let iv = cursor.take(suite.iv(), "IV").ok()?;
        if parts.version == 5 {
            cursor.u32("length of the secret part").ok()?;
        }
        let sealed = cursor.rest();
        Some(Self { parts, s2k, suite, iv, sealed, sha1: usage == 254 })
    }

    fn price(&self) -> u64 {
        /// Price of decrypting a key of a thousand bytes and hashing it.
        const WHOLE: u64 = 3000;
        let cipher = WHOLE + self.suite.setup_price();
        match &self.s2k {
            S2k::Hashed { hash, count, .. } => hash.s2k_price(*count, self.suite.key).saturating_add(cipher),
            S2k::Argon2 { argon2, .. } => argon2.price(),
        }
    }

    /// Tries a password. If it opens the key, returns how far the key is proven.
    fn open(&self, password: &[u8]) -> Option<Proof> {
        let key = match &self.s2k {
            S2k::Hashed { hash, salt, count } => hash.s2k(password, salt, *count, self.suite.key),
            S2k::Argon2 { argon2, salt } => argon2.derive(password, salt, self.suite.key)?,
        };
        let mut plain = Zeroizing::new(self.sealed.to_vec());
        self.suite.decrypt(&key, self.iv, &mut plain)?;
        let check = if self.sha1 { 20 } else { 2 };
        let (numbers, check) = plain.split_at_checked(plain.len().checked_sub(check)?)?;
        let checked = if self.sha1 {
            Sha1::digest(numbers).as_slice() == check
        } else {
            numbers.iter().fold(0_u16, |sum, &byte| sum.wrapping_add(byte.into())).to_be_bytes() == check
        };
        if !checked {
            return None;
        }
        // The 16-bit checksum alone proves nothing.
        match self.parts.fits(numbers) {
            Ok((true, _)) => Some(Proof::Verified),
            _ if self.sha1 => Some(Proof::Structure),
            _ => None,
        }
    }
}

impl<'a> S2k<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Option<Self> {
        let kind = cursor.u8("S2K type").ok()?;
        if kind == 4 {
            let salt = cursor.take(16, "S2K salt").ok()?;
            let (passes, lanes) = (cursor.u8("passes").ok()?, cursor.u8("lanes").ok()?);
            let memory = 1_u32.checked_shl(cursor.u8("memory").ok()?.into())?;
            let flavour = argon2::Algorithm::Argon2id;
            return Some(Self::Argon2 {
                argon2: Argon2 { flavour, memory, passes: passes.into(), lanes: lanes.into() },
                salt,
            });
        }
        let hash = Hash::from_openpgp(cursor.u8("S2K digest").ok()?)?;
        let salt = if kind == 0 { &[] } else { cursor.take(8, "S2K salt").ok()? };
        let count = match kind {
            0 | 1 => 0,
            3 => {
                let coded = cursor.u8("S2K count").ok()?;
                (16 + u64::from(coded & 15)) << (u32::from(coded >> 4) + 6)
            }
            _ => return None,
        };
        Some(Self::Hashed { hash, salt, count })
    }
}

/// The cipher of an RFC 9580 9.3 identifier, with its key length in bytes.
const fn cipher(id: u8) -> Option<(Cipher, usize)> {
    Some(match id {
        1 => (Cipher::Idea, 16),
        2 => (Cipher::TripleDes, 24),
        3 => (Cipher::Cast5, 16),
        4 => (Cipher::Blowfish, 16),
        7 => (Cipher::Aes, 16),
        8 => (Cipher::Aes, 24),
        9 => (Cipher::Aes, 32),
        10 => (Cipher::Twofish, 32),
        11 => (Cipher::Camellia, 16),
        12 => (Cipher::Camellia, 24),
        13 => (Cipher::Camellia, 32),
        _ => return None,
    })
}

impl Lock for Ring<'_> {
    fn price(&self) -> u64 {
        self.first().map_or(u64::MAX, Key::price)
    }

    fn price_of_success(&self) -> u64 {
        self.keys.iter().flatten().skip(1).map(Key::price).fold(PROOF, u64::saturating_add)
    }

    /// OpenPGP has no empty passphrase.
    fn empty(&self) -> u64 {
        0
    }

    fn open(&self, password: &[u8], _done: &[bool]) -> Vec<Unlocked> {
        let mut items = Vec::new();
        for (which, key) in self.keys.iter().enumerate() {
            let Some(key) = key else { continue };
            match key.open(password) {
                Some(proof) => {
                    let mut material = Material::new(Kind::PrivateKey, "openpgp", Encoding::Binary, 0..0);
                    material.proof = proof;
                    items.push(Unlocked::new(Some(which), material));
                }
                None if items.is_empty() => break,
                None => {}
            }
        }
        items
    }
}
