//! The fields of a minisign secret key, for the detector and for trying passwords.

use keyradius_core::error::Malformed;
use keyradius_readers::cursor::Cursor;

/// Encrypted bytes: key number, seed, public key, checksum.
pub(crate) const CIPHERTEXT: usize = 104;

/// A secret key, parsed from its 158 bytes (minisign.h, `SeckeyStruct`).
pub(crate) struct Secret<'a> {
    /// scrypt parameters of the key stream; `None` if the key is not encrypted.
    pub(crate) scrypt: Option<Parameters>,
    /// 32 bytes.
    pub(crate) salt: &'a [u8],
    /// Key number, key and checksum; XORed with the key stream if there is one.
    pub(crate) sealed: &'a [u8],
}

/// The parameters of scrypt itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parameters {
    /// Binary logarithm of N.
    pub(crate) log_n: u32,
    pub(crate) r: u64,
    pub(crate) p: u64,
}

impl Parameters {
    /// Derives the parameters from two limits as libsodium does (`pickparams` of crypto_pwhash_scryptsalsa208sha256).
    fn from_limits(operations: u64, memory: u64) -> Self {
        const R: u64 = 8;
        let operations = operations.max(32_768);
        let largest = |most: u64| (1..63).find(|log| 1_u64 << log > most / 2).unwrap_or(63);
        if operations < memory / 32 {
            return Self { log_n: largest(operations / (R * 4)), r: R, p: 1 };
        }
        let log_n = largest(memory / (R * 128));
        let most = ((operations / 4) / (1 << log_n)).min(0x3fff_ffff);
        Self { log_n, r: R, p: most / R }
    }
}

impl<'a> Secret<'a> {
    /// Length of the whole structure, in bytes.
    pub(crate) const LENGTH: usize = 158;

    pub(crate) fn read(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut fields = Cursor::new(body);
        fields.expect(b"Ed", "signature algorithm of minisign")?;
        let kdf = fields.take(2, "KDF of minisign")?;
        fields.expect(b"B2", "checksum algorithm of minisign")?;
        let salt = fields.take(32, "salt")?;
        let operations = u64::from_le_bytes(fields.array("limit of operations")?);
        let memory = u64::from_le_bytes(fields.array("limit of memory")?);
        let sealed = fields.take(CIPHERTEXT, "minisign key")?;
        let scrypt = match kdf {
            b"Sc" => Some(Parameters::from_limits(operations, memory)),
            [0, 0] => None,
            _ => return Err(Malformed::new("KDF of minisign", 2)),
        };
        // A salt of zeros is a template, and a memory limit near zero would make p enormous.
        let drawn = salt.iter().any(|&byte| byte != 0) && operations > 0 && memory >= 1 << 20;
        if !fields.is_empty() || (scrypt.is_some() && !drawn) || sealed.iter().all(|&byte| byte == 0) {
            return Err(Malformed::new("minisign key", fields.at()));
        }
        Ok(Self { scrypt, salt, sealed })
    }

    /// The parts of a key that is not encrypted.
    pub(crate) fn parts(&self) -> Result<Parts<'a>, Malformed> {
        Parts::read(self.sealed)
    }
}

/// The parts of [`Secret::sealed`], in plaintext or decrypted.
pub(crate) struct Parts<'a> {
    /// Key number.
    pub(crate) number: &'a [u8],
    pub(crate) seed: &'a [u8],
    pub(crate) public: &'a [u8],
}

impl<'a> Parts<'a> {
    pub(crate) fn read(plain: &'a [u8]) -> Result<Self, Malformed> {
        let mut fields = Cursor::new(plain);
        let number = fields.take(8, "key number")?;
        Ok(Self { number, seed: fields.take(32, "seed")?, public: fields.take(32, "public key")? })
    }
}
