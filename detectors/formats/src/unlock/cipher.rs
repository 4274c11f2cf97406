//! Ciphers and modes of encrypted keys, for decryption only.
//!
//! The block ciphers are RustCrypto's. The modes are written out here because every cipher occurs in every mode, and a
//! trial decrypts a few kilobytes at most.

use aes::cipher::{Block, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit, StreamCipher};

/// A cipher. The length of the key distinguishes AES-128, AES-192 and AES-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cipher {
    Aes,
    Blowfish,
    Camellia,
    Cast5,
    Des,
    Idea,
    /// `bits` is the effective length of the key (RFC 2268 2).
    Rc2 {
        bits: usize,
    },
    /// The stream cipher; its mode is ignored.
    Rc4,
    /// Two keys or three, depending on the length.
    TripleDes,
    Twofish,
}

/// Mode of a block cipher (NIST SP 800-38A). CFB feeds whole blocks back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Cbc,
    Cfb,
    Ctr,
    Ofb,
}

/// A cipher in a mode, with the length of its key in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Suite {
    pub(crate) cipher: Cipher,
    pub(crate) mode: Mode,
    pub(crate) key: usize,
}

impl Suite {
    pub(crate) const fn new(cipher: Cipher, mode: Mode, key: usize) -> Self {
        Self { cipher, mode, key }
    }

    /// Block size in bytes; 1 for the stream cipher.
    pub(crate) const fn block(self) -> usize {
        match self.cipher {
            Cipher::Aes | Cipher::Camellia | Cipher::Twofish => 16,
            Cipher::Rc4 => 1,
            _ => 8,
        }
    }

    /// Length of the IV in bytes; 0 for the stream cipher.
    pub(crate) const fn iv(self) -> usize {
        if matches!(self.cipher, Cipher::Rc4) { 0 } else { self.block() }
    }

    /// Price of setting a key and decrypting one block, in nominal nanoseconds (see [`super::kdf`]).
    pub(crate) const fn setup_price(self) -> u64 {
        match self.cipher {
            Cipher::Aes => 350,
            Cipher::Blowfish => 60_000,
            Cipher::TripleDes | Cipher::Rc4 => 1500,
            Cipher::Twofish => 5000,
            _ => 800,
        }
    }

    /// Whether the plaintext is padded to whole blocks.
    pub(crate) const fn padded(self) -> bool {
        matches!(self.mode, Mode::Cbc) && !matches!(self.cipher, Cipher::Rc4)
    }

    /// Decrypts in place. `None` if the length of the key, the IV or the data is invalid.
    pub(crate) fn decrypt(self, key: &[u8], iv: &[u8], data: &mut [u8]) -> Option<()> {
        if matches!(self.cipher, Cipher::Rc4) {
            rc4::Rc4::new_from_slice(key).ok()?.apply_keystream(data);
            return Some(());
        }
        let cipher = self.keyed(key)?;
        let cipher = cipher.as_ref();
        let block = self.block();
        // Room for the largest block; wiped because it may hold key stream.
        let mut state = zeroize::Zeroizing::new([0_u8; 16]);
        let state = state.get_mut(..block)?;
        state.copy_from_slice(iv.get(..block).filter(|_| iv.len() == block)?);
        match self.mode {
            Mode::Cbc => {
                if !data.len().is_multiple_of(block) {
                    return None;
                }
                let mut next = [0_u8; 16];
                let next = next.get_mut(..block)?;
                for chunk in data.chunks_exact_mut(block) {
                    next.copy_from_slice(chunk);
                    cipher.decrypt(chunk);
                    xor(chunk, state);
                    state.copy_from_slice(next);
                }
            }
            Mode::Cfb => {
                for chunk in data.chunks_mut(block) {
                    cipher.encrypt(state);
                    for (byte, key) in chunk.iter_mut().zip(state.iter_mut()) {
                        let plain = *byte ^ *key;
                        *key = std::mem::replace(byte, plain);
                    }
                }
            }
            Mode::Ofb => {
                for chunk in data.chunks_mut(block) {
                    cipher.encrypt(state);
                    xor(chunk, state);
                }
            }
            Mode::Ctr => {
                let mut stream = zeroize::Zeroizing::new([0_u8; 16]);
                let stream = stream.get_mut(..block)?;
                for chunk in data.chunks_mut(block) {
                    stream.copy_from_slice(state);
                    cipher.encrypt(stream);
                    xor(chunk, stream);
                    increment(state);
                }
            }
        }
        Some(())
    }

    fn keyed(self, key: &[u8]) -> Option<Box<dyn Keyed>> {
        fn boxed<C: KeyInit + BlockCipherEncrypt + BlockCipherDecrypt + 'static>(key: &[u8]) -> Option<Box<dyn Keyed>> {
            C::new_from_slice(key).ok().map(|cipher| Box::new(Of(cipher)) as Box<dyn Keyed>)
        }
        match (self.cipher, key.len()) {
            (Cipher::Aes, 16) => boxed::<aes::Aes128>(key),
            (Cipher::Aes, 24) => boxed::<aes::Aes192>(key),
            (Cipher::Aes, 32) => boxed::<aes::Aes256>(key),
            (Cipher::Blowfish, 4..=56) => boxed::<blowfish::Blowfish>(key),
            (Cipher::Camellia, 16) => boxed::<camellia::Camellia128>(key),
            (Cipher::Camellia, 24) => boxed::<camellia::Camellia192>(key),
            (Cipher::Camellia, 32) => boxed::<camellia::Camellia256>(key),
            (Cipher::Cast5, 5..=16) => boxed::<cast5::Cast5>(key),
            (Cipher::Des, 8) => boxed::<des::Des>(key),
            (Cipher::Idea, 16) => boxed::<idea::Idea>(key),
            (Cipher::Rc2 { bits }, 1..=128) if (1..=1024).contains(&bits) => {
                Some(Box::new(Of(rc2::Rc2::new_with_eff_key_len(key, bits))))
            }
            (Cipher::TripleDes, 16) => boxed::<des::TdesEde2>(key),
            (Cipher::TripleDes, 24) => boxed::<des::TdesEde3>(key),
            (Cipher::Twofish, 16 | 24 | 32) => boxed::<twofish::Twofish>(key),
            _ => None,
        }
    }
}

/// A block cipher with its key.
trait Keyed {
    fn encrypt(&self, block: &mut [u8]);
    fn decrypt(&self, block: &mut [u8]);
}

struct Of<C>(C);

impl<C: BlockCipherEncrypt + BlockCipherDecrypt> Keyed for Of<C> {
    fn encrypt(&self, block: &mut [u8]) {
        if let Ok(block) = <&mut Block<C>>::try_from(block) {
            self.0.encrypt_block(block);
        }
    }

    fn decrypt(&self, block: &mut [u8]) {
        if let Ok(block) = <&mut Block<C>>::try_from(block) {
            self.0.decrypt_block(block);
        }
    }
}

fn xor(to: &mut [u8], from: &[u8]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to ^= from);
}

/// Advances a big-endian counter.
fn increment(counter: &mut [u8]) {
    for byte in counter.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            break;
        }
    }
}

/// Returns the length of the plaintext without its padding (RFC 8018 6.1.1); `None` if the padding is invalid.
pub(crate) fn unpadded(plain: &[u8], block: usize) -> Option<usize> {
    let pad = usize::from(*plain.last()?);
    let length = plain.len().checked_sub(pad).filter(|_| (1..=block).contains(&pad))?;
    plain.get(length..)?.iter().all(|&byte| usize::from(byte) == pad).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyradius_core::hex::hex;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn modes_match_nist_vectors() {
        // NIST SP 800-38A F.2.1, F.3.13, F.4.1, F.5.1: AES-128, the first two blocks.
        let key = bytes("2b7e151628aed2a6abf7158809cf4f3c");
        let plain = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51";
        for (mode, iv, sealed) in [
            (
                Mode::Cbc,
                "000102030405060708090a0b0c0d0e0f",
                "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2",
            ),
            (
                Mode::Cfb,
                "000102030405060708090a0b0c0d0e0f",
                "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b",
            ),
            (
                Mode::Ofb,
                "000102030405060708090a0b0c0d0e0f",
                "3b3fd92eb72dad20333449f8e83cfb4a7789508d16918f03f53c52dac54ed825",
            ),
            (
                Mode::Ctr,
                "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
                "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff",
            ),
        ] {
            let mut data = bytes(sealed);
            Suite::new(Cipher::Aes, mode, 16).decrypt(&key, &bytes(iv), &mut data).unwrap();
            assert_eq!(hex(&data), plain, "{mode:?}");
        }
    }

    #[test]
    fn invalid_lengths_are_refused() {
        let cbc = Suite::new(Cipher::Aes, Mode::Cbc, 16);
        assert!(cbc.decrypt(&[0; 15], &[0; 16], &mut [0; 16]).is_none());
        assert!(cbc.decrypt(&[0; 16], &[0; 15], &mut [0; 16]).is_none());
        assert!(cbc.decrypt(&[0; 16], &[0; 16], &mut [0; 15]).is_none());
        assert!(Suite::new(Cipher::Rc2 { bits: 0 }, Mode::Cbc, 5).decrypt(&[0; 5], &[0; 8], &mut [0; 8]).is_none());
    }

    #[test]
    fn padding() {
        for (plain, length) in
            [(&[7, 1][..], Some(1)), (&[2, 2], Some(0)), (&[1, 2], None), (&[0, 0], None), (&[9, 9], None), (&[], None)]
        {
            assert_eq!(unpadded(plain, 8), length, "{plain:?}");
        }
    }
}
