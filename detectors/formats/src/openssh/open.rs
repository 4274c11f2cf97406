//! Opens OpenSSH private keys: bcrypt_pbkdf, then an SSH cipher. Tags are not checked: the check numbers and the
//! arithmetic are sufficient.

use chacha20::ChaCha20Legacy;
use chacha20::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
use keyradius_core::lock::Lock;
use keyradius_core::lock::Unlocked;
use keyradius_core::material::{Encoding, Identity, Kind, Material, Proof};
use keyradius_readers::cursor::Cursor;
use zeroize::Zeroizing;

use super::read::File;
use crate::unlock::cipher::{Cipher, Mode, Suite};

/// A key file to open.
pub(super) struct Key<'a> {
    file: File<'a>,
    how: How,
    salt: &'a [u8],
    rounds: u32,
}

/// Ciphers of OpenSSH's `cipher.c`.
enum How {
    /// A suite, and the constant bytes after its IV at the start of the counter.
    Block(Suite, &'static [u8]),
    /// chacha20-poly1305@openssh.com: the first of its two keys, with a zero nonce (OpenSSH PROTOCOL.chacha20poly1305).
    ChaCha,
}

impl How {
    fn of(name: &[u8]) -> Option<Self> {
        let aes = |mode, key| Self::Block(Suite::new(Cipher::Aes, mode, key), &[]);
        // The counter of GCM begins with 2, after the nonce.
        let gcm = |key| Self::Block(Suite::new(Cipher::Aes, Mode::Ctr, key), &[0, 0, 0, 2]);
        Some(match name {
            b"aes128-cbc" => aes(Mode::Cbc, 16),
            b"aes192-cbc" => aes(Mode::Cbc, 24),
            b"aes256-cbc" | b"rijndael-cbc@lysator.liu.se" => aes(Mode::Cbc, 32),
            b"aes128-ctr" => aes(Mode::Ctr, 16),
            b"aes192-ctr" => aes(Mode::Ctr, 24),
            b"aes256-ctr" => aes(Mode::Ctr, 32),
            b"aes128-gcm@openssh.com" => gcm(16),
            b"aes256-gcm@openssh.com" => gcm(32),
            b"3des-cbc" => Self::Block(Suite::new(Cipher::TripleDes, Mode::Cbc, 24), &[]),
            b"blowfish-cbc" => Self::Block(Suite::new(Cipher::Blowfish, Mode::Cbc, 16), &[]),
            b"cast128-cbc" => Self::Block(Suite::new(Cipher::Cast5, Mode::Cbc, 16), &[]),
            b"chacha20-poly1305@openssh.com" => Self::ChaCha,
            _ => return None,
        })
    }

    /// Bytes of key and of IV.
    const fn lengths(&self) -> (usize, usize) {
        match self {
            Self::Block(suite, counter) => (suite.key, suite.iv() - counter.len()),
            Self::ChaCha => (64, 0),
        }
    }
}

/// Bytes of output per round of bcrypt_pbkdf.
const HASH: usize = 32;

impl<'a> Key<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let file = File::read(bytes).ok()?;
        let how = How::of(file.cipher)?;
        let mut options = Cursor::new(file.options);
        let salt = options.string("bcrypt salt").ok()?;
        let rounds = options.u32("bcrypt rounds").ok()?;
        Some(Self { file, how, salt, rounds })
    }

    fn decrypt(&self, password: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (key, iv) = self.how.lengths();
        let mut derived = Zeroizing::new(vec![0; key + iv]);
        bcrypt_pbkdf::bcrypt_pbkdf(password, self.salt, self.rounds, &mut derived).ok()?;
        let (key, iv) = derived.split_at_checked(key)?;
        let mut plain = Zeroizing::new(self.file.private.to_vec());
        match &self.how {
            How::Block(suite, counter) => suite.decrypt(key, &[iv, counter].concat(), &mut plain)?,
            How::ChaCha => {
                let mut cipher = ChaCha20Legacy::new_from_slices(key.get(..32)?, &[0; 8]).ok()?;
                // The first block of the stream is the key of the tag.
                cipher.try_seek(64).ok()?;
                cipher.apply_keystream(&mut plain);
            }
        }
        Some(plain)
    }

    fn items(&self, password: &[u8]) -> Option<Vec<Unlocked>> {
        let keys = self.file.keys().ok()?;
        let plain = self.decrypt(password)?;
        let opened = File::open(&keys, &plain, false).ok()?;
        // A wrong password gives equal check numbers once in 2^32 times, so a key of a known type must also fit.
        if keys.iter().any(Option::is_some) && !opened.iter().any(|key| key.verified) {
            return None;
        }
        let item = |(which, (opened, key)): (usize, (super::read::Opened, &Option<_>))| {
            let mut material = Material::new(Kind::PrivateKey, "openssh", Encoding::Binary, 0..0);
            let key: &Option<keyradius_readers::ssh::Public<'_>> = key;
            let half = opened.half.or_else(|| key.as_ref().map(keyradius_readers::ssh::Public::half));
            material.identity = half.map(Identity::public);
            material.proof = if opened.verified { Proof::Verified } else { Proof::Structure };
            material.labels.extend(opened.comment);
            material.remarks = opened.remarks;
            let item = Unlocked::new(Some(which), material);
            // All keys of a file are in one section.
            if which == 0 { item.with_plain(&plain) } else { item }
        };
        Some(opened.into_iter().zip(&keys).enumerate().map(item).collect())
    }
}

impl Lock for Key<'_> {
    fn price(&self) -> u64 {
        /// Nominal nanoseconds of one bcrypt hash: 64 times two key schedules of Blowfish.
        const BCRYPT: u64 = 3_600_000;
        let (key, iv) = self.how.lengths();
        u64::from(self.rounds).saturating_mul((key + iv).div_ceil(HASH) as u64).saturating_mul(BCRYPT)
    }

    /// OpenSSH treats an empty passphrase as no passphrase.
    fn empty(&self) -> u64 {
        0
    }

    fn open(&self, password: &[u8], _done: &[bool]) -> Vec<Unlocked> {
        self.items(password).unwrap_or_default()
    }
}
