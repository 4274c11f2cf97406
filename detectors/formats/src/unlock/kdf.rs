//! Every key derivation that the formats use, each with its price.
//!
//! The price of a trial is known in advance. It is counted, not timed, in nominal nanoseconds from one table for all
//! machines: a report must not depend on the speed of the machine.

use hmac::digest::Digest;
use hmac::digest::common::BlockSizeUser;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use ripemd::Ripemd160;
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512, Sha512_224, Sha512_256};
use zeroize::Zeroizing;

/// A digest algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    Md5,
    Ripemd160,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
    Sha512_224,
    Sha512_256,
}

/// Evaluates `$body` with `$d` as the type of the digest of a [`enum@Hash`].
macro_rules! with_digest {
    ($hash:expr, $d:ident => $body:expr) => {
        match $hash {
            Hash::Md5 => {
                type $d = Md5;
                $body
            }
            Hash::Ripemd160 => {
                type $d = Ripemd160;
                $body
            }
            Hash::Sha1 => {
                type $d = Sha1;
                $body
            }
            Hash::Sha224 => {
                type $d = Sha224;
                $body
            }
            Hash::Sha256 => {
                type $d = Sha256;
                $body
            }
            Hash::Sha384 => {
                type $d = Sha384;
                $body
            }
            Hash::Sha512 => {
                type $d = Sha512;
                $body
            }
            Hash::Sha512_224 => {
                type $d = Sha512_224;
                $body
            }
            Hash::Sha512_256 => {
                type $d = Sha512_256;
                $body
            }
        }
    };
}

impl Hash {
    /// Returns the digest with this OID (RFC 8018 B.1, RFC 5754 2, RFC 7292 4).
    pub(crate) fn from_oid(oid: &str) -> Option<Self> {
        Some(match oid {
            "1.2.840.113549.2.5" => Self::Md5,
            "1.3.36.3.2.1" => Self::Ripemd160,
            "1.3.14.3.2.26" => Self::Sha1,
            "2.16.840.1.101.3.4.2.4" => Self::Sha224,
            "2.16.840.1.101.3.4.2.1" => Self::Sha256,
            "2.16.840.1.101.3.4.2.2" => Self::Sha384,
            "2.16.840.1.101.3.4.2.3" => Self::Sha512,
            "2.16.840.1.101.3.4.2.5" => Self::Sha512_224,
            "2.16.840.1.101.3.4.2.6" => Self::Sha512_256,
            _ => return None,
        })
    }

    /// Returns the digest of the HMAC with this OID (RFC 8018 B.1.2).
    pub(crate) fn from_hmac_oid(oid: &str) -> Option<Self> {
        Some(match oid {
            "1.2.840.113549.2.6" => Self::Md5,
            "1.2.840.113549.2.7" => Self::Sha1,
            "1.2.840.113549.2.8" => Self::Sha224,
            "1.2.840.113549.2.9" => Self::Sha256,
            "1.2.840.113549.2.10" => Self::Sha384,
            "1.2.840.113549.2.11" => Self::Sha512,
            "1.2.840.113549.2.12" => Self::Sha512_224,
            "1.2.840.113549.2.13" => Self::Sha512_256,
            _ => return None,
        })
    }

    /// Length of the digest in bytes.
    pub(crate) const fn len(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Ripemd160 | Self::Sha1 => 20,
            Self::Sha224 | Self::Sha512_224 => 28,
            Self::Sha256 | Self::Sha512_256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// Input block of the compression function, in bytes.
    const fn block(self) -> u64 {
        match self {
            Self::Sha384 | Self::Sha512 | Self::Sha512_224 | Self::Sha512_256 => 128,
            _ => 64,
        }
    }

    /// Price of one compression including overhead, in nominal nanoseconds, as measured on a Xeon with SHA extensions
    /// by `cargo bench -p keyradius-benches --bench opening`.
    pub(crate) const fn price(self) -> u64 {
        match self {
            Self::Sha1 | Self::Sha224 | Self::Sha256 => 70,
            Self::Md5 => 120,
            Self::Ripemd160 => 250,
            _ => 220,
        }
    }

    /// Returns the digest with this OpenPGP number (RFC 9580 9.5).
    pub(crate) const fn from_openpgp(id: u8) -> Option<Self> {
        Some(match id {
            1 => Self::Md5,
            2 => Self::Sha1,
            3 => Self::Ripemd160,
            8 => Self::Sha256,
            9 => Self::Sha384,
            10 => Self::Sha512,
            11 => Self::Sha224,
            _ => return None,
        })
    }

    /// Derives `length` bytes by OpenPGP's simple, salted or iterated S2K (RFC 9580 3.7.1). `count` is the number of
    /// bytes of repeated salt and password to hash, at least one whole repetition. Each further digest is preceded by
    /// one more zero byte.
    pub(crate) fn s2k(self, password: &[u8], salt: &[u8], count: u64, length: usize) -> Zeroizing<Vec<u8>> {
        /// Buffering many repetitions makes hashing millions of bytes fast.
        const MANY: usize = 4096;
        let one = salt.len() + password.len();
        let mut out = Zeroizing::new(Vec::with_capacity(length + 64));
        let mut input = Zeroizing::new(Vec::with_capacity(one + MANY));
        while input.is_empty() || (input.len() + one <= MANY && (input.len() as u64) < count) {
            input.extend_from_slice(salt);
            input.extend_from_slice(password);
            if one == 0 {
                break;
            }
        }
        let total = count.max(one as u64);
        for zeros in 0.. {
            with_digest!(self, D => {
                let mut digest = D::new();
                Digest::update(&mut digest, vec![0; zeros]);
                let mut left = total;
                while left > 0 && !input.is_empty() {
                    let part = input.get(..usize::try_from(left).unwrap_or(usize::MAX)).unwrap_or(&input);
                    Digest::update(&mut digest, part);
                    left -= part.len() as u64;
                }
                out.extend_from_slice(&digest.finalize());
            });
            if out.len() >= length {
                break;
            }
        }
        out.truncate(length);
        out
    }

    /// Price of [`Self::s2k`] in nominal nanoseconds.
    pub(crate) const fn s2k_price(self, count: u64, length: usize) -> u64 {
        (length.div_ceil(self.len()) as u64).saturating_mul(self.price_of(count))
    }

    /// Price of hashing `bytes` in one pass, padding included, in nominal nanoseconds: half of the price of separate
    /// compressions.
    pub(crate) const fn price_of(self, bytes: u64) -> u64 {
        (bytes / self.block() + 2).saturating_mul(self.price() / 2)
    }

    pub(crate) fn digest(self, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
        with_digest!(self, D => {
            let mut digest = D::new();
            for part in parts {
                Digest::update(&mut digest, part);
            }
            Zeroizing::new(digest.finalize().to_vec())
        })
    }

    /// Whether the HMAC of `data` under `key` equals `expected`.
    pub(crate) fn hmac_is(self, key: &[u8], data: &[u8], expected: &[u8]) -> bool {
        with_digest!(self, D => {
            Hmac::<D>::new_from_slice(key).is_ok_and(|mac| mac.chain_update(data).verify_slice(expected).is_ok())
        })
    }

    /// Derives `length` bytes by PBKDF2 with the HMAC of this digest (RFC 8018 5.2).
    pub(crate) fn pbkdf2(self, password: &[u8], salt: &[u8], rounds: u32, length: usize) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(vec![0; length]);
        // HMAC accepts keys of any length, so this cannot fail.
        let _ = with_digest!(self, D => pbkdf2::pbkdf2::<Hmac<D>>(password, salt, rounds, &mut out));
        out
    }

    /// Price of [`Self::pbkdf2`] in nominal nanoseconds.
    pub(crate) const fn pbkdf2_price(self, rounds: u64, length: usize) -> u64 {
        let blocks = length.div_ceil(self.len()) as u64;
        blocks.saturating_mul(rounds.saturating_add(4)).saturating_mul(2 * self.price())
    }

    /// Derives a whole digest by PBKDF1 (RFC 8018 5.1).
    pub(crate) fn pbkdf1(self, password: &[u8], salt: &[u8], rounds: u32) -> Zeroizing<Vec<u8>> {
        let mut out = self.digest(&[password, salt]);
        for _ in 1..rounds {
            out = self.digest(&[&out]);
        }
        out
    }

    /// Derives `length` bytes by PKCS#12's own derivation (RFC 7292 B.2). `id` is 1 for keys, 2 for IVs and 3 for MAC
    /// keys. `password` is a BMPString ending in two zero bytes, or empty.
    pub(crate) fn pkcs12(self, id: u8, password: &[u8], salt: &[u8], rounds: u32, length: usize) -> Zeroizing<Vec<u8>> {
        with_digest!(self, D => pkcs12::<D>(id, password, salt, rounds, length))
    }

    /// Price of [`Self::pkcs12`] in nominal nanoseconds.
    pub(crate) const fn pkcs12_price(self, rounds: u64, length: usize) -> u64 {
        let blocks = length.div_ceil(self.len()) as u64;
        blocks.saturating_mul(rounds.saturating_add(8)).saturating_mul(self.price())
    }
}

fn pkcs12<D: Digest + BlockSizeUser>(
    id: u8,
    password: &[u8],
    salt: &[u8],
    rounds: u32,
    length: usize,
) -> Zeroizing<Vec<u8>> {
    let v = <D as BlockSizeUser>::block_size();
    let fill = |bytes: &[u8]| bytes.len().div_ceil(v) * v;
    let repeat = |bytes: &[u8]| bytes.iter().copied().cycle().take(fill(bytes)).collect::<Vec<u8>>();
    let mut input = Zeroizing::new(Vec::with_capacity(fill(salt) + fill(password)));
    input.extend_from_slice(&repeat(salt));
    input.extend_from_slice(&Zeroizing::new(repeat(password)));
    let diversifier = vec![id; v];
    let mut out = Zeroizing::new(Vec::with_capacity(length + 64));
    loop {
        let mut a = D::new().chain_update(&diversifier).chain_update(&input).finalize();
        for _ in 1..rounds {
            a = D::digest(&a);
        }
        out.extend_from_slice(&a);
        if out.len() >= length {
            out.truncate(length);
            return out;
        }
        // Each block of the input becomes block + repeated digest + 1.
        for block in input.chunks_mut(v) {
            let mut carry = 1_u16;
            for (at, byte) in block.iter_mut().enumerate().rev() {
                let add = a.get(at % a.len()).copied().unwrap_or_default();
                carry += u16::from(*byte) + u16::from(add);
                *byte = carry as u8;
                carry >>= 8;
            }
        }
    }
}

/// Encodes a password as PKCS#12 hashes it: UTF-16, big endian, with two zero bytes at the end. Bytes that are not
/// UTF-8 are read as Latin-1, as OpenSSL does.
pub(crate) fn bmp(password: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut out = utf16(password);
    out.extend_from_slice(&[0, 0]);
    out
}

/// Encodes a password as Java hashes its `char`s: UTF-16, big endian.
pub(crate) fn utf16(password: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(password.len() * 2 + 2));
    match str::from_utf8(password) {
        Ok(text) => text.encode_utf16().for_each(|unit| out.extend_from_slice(&unit.to_be_bytes())),
        Err(_) => password.iter().for_each(|&byte| out.extend_from_slice(&[0, byte])),
    }
    out
}

/// Maximum memory of one scrypt or Argon2 trial, in bytes; each thread may need this much at a time. Cosign uses 32 or
/// 64 MiB plus 1 KiB, PuTTY 8 MiB.
pub(crate) const MAX_MEMORY: u64 = 65 << 20;

/// Parameters of scrypt (RFC 7914). Those that exceed [`MAX_MEMORY`] have the maximum price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scrypt {
    log_n: u8,
    r: u32,
    p: u32,
}

impl Scrypt {
    /// `None` if N is not a power of two or the parameters are out of range.
    pub(crate) fn new(n: u64, r: u64, p: u64) -> Option<Self> {
        let (r, p) = (u32::try_from(r).ok()?, u32::try_from(p).ok()?);
        let product = r.checked_mul(p)?;
        let fine = n.is_power_of_two() && n > 1 && (1..1 << 30).contains(&product);
        fine.then_some(Self { log_n: n.trailing_zeros() as u8, r, p })
    }

    /// Returns the parameters as BouncyCastle's BCFKS uses them: parallelization is set to the block size, whatever the
    /// file says (BcFKSKeyStoreSpi.generateKey, 1.72).
    pub(crate) const fn of_bcfks(self) -> Self {
        Self { p: self.r, ..self }
    }

    /// Price in nominal nanoseconds; `u64::MAX` if the parameters exceed [`MAX_MEMORY`].
    pub(crate) fn price(self) -> u64 {
        /// Price of one Salsa20/8 with its share of the memory traffic.
        const SALSA: u64 = 52;
        let (n, r) = (1_u64.checked_shl(self.log_n.into()).unwrap_or(u64::MAX), u64::from(self.r));
        let memory = n.saturating_mul(r).saturating_add(r.saturating_mul(self.p.into())).saturating_mul(128);
        if memory > MAX_MEMORY {
            return u64::MAX;
        }
        n.saturating_mul(r).saturating_mul(4 * SALSA).saturating_mul(self.p.into())
    }

    pub(crate) fn derive(self, password: &[u8], salt: &[u8], length: usize) -> Option<Zeroizing<Vec<u8>>> {
        let mut out = Zeroizing::new(vec![0; length]);
        let parameters = scrypt::Params::new(self.log_n, self.r, self.p).ok()?;
        scrypt::scrypt(password, salt, &parameters, &mut out).ok()?;
        Some(out)
    }
}

/// Parameters of Argon2 (RFC 9106), version 1.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Argon2 {
    pub(crate) flavour: argon2::Algorithm,
    /// In KiB.
    pub(crate) memory: u32,
    pub(crate) passes: u32,
    pub(crate) lanes: u32,
}

impl Argon2 {
    /// Price in nominal nanoseconds; `u64::MAX` if the parameters exceed [`MAX_MEMORY`].
    pub(crate) fn price(self) -> u64 {
        /// Price of one block of 1 KiB.
        const BLOCK: u64 = 360;
        if u64::from(self.memory) << 10 > MAX_MEMORY {
            return u64::MAX;
        }
        u64::from(self.memory).saturating_mul(self.passes.into()).saturating_mul(BLOCK)
    }

    pub(crate) fn derive(self, password: &[u8], salt: &[u8], length: usize) -> Option<Zeroizing<Vec<u8>>> {
        let mut out = Zeroizing::new(vec![0; length]);
        let parameters = argon2::Params::new(self.memory, self.passes, self.lanes, Some(length)).ok()?;
        let argon2 = argon2::Argon2::new(self.flavour, argon2::Version::V0x13, parameters);
        argon2.hash_password_into(password, salt, &mut out).ok()?;
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyradius_core::hex::hex;

    #[test]
    fn pkcs12_matches_openssl() {
        // openssl kdf -keylen 24 -kdfopt digest:SHA1 -kdfopt hexpass:0073006d006500670000 -kdfopt hexsalt:0a58cf64530d823f
        //     -kdfopt id:1 -kdfopt iter:1 PKCS12KDF    (OpenSSL 3.0, default provider)
        let key = Hash::Sha1.pkcs12(1, &bmp(b"smeg"), &[0x0a, 0x58, 0xcf, 0x64, 0x53, 0x0d, 0x82, 0x3f], 1, 24);
        assert_eq!(hex(&key), "8aaae6297b6cb04642ab5b077851284eb7128f1a2a7fbca3");
    }

    #[test]
    fn password_encodings() {
        assert_eq!(hex(&bmp("aé€".as_bytes())), "006100e920ac0000");
        assert_eq!(hex(&bmp(b"a\xe9")), "006100e90000");
        assert_eq!(hex(&bmp(b"")), "0000");
    }

    #[test]
    fn hostile_parameters_are_priced_or_refused() {
        assert_eq!(Scrypt::new(1 << 40, 8, 1).map(Scrypt::price), Some(u64::MAX));
        assert_eq!(Scrypt::new(16, 8, 1 << 26).map(Scrypt::price), Some(u64::MAX));
        assert_eq!(Scrypt::new(15, 8, 1), None);
        assert_eq!(Scrypt::new(16, 1 << 20, 1 << 20), None);
        assert!(Hash::Sha1.pbkdf2_price(u64::MAX, 32) > 1 << 62);
    }
}
