//! AES-128 in OCB mode (RFC 7253), decryption only, without checking the tag: the plaintext is proven otherwise.

use aes::Aes128;
use aes::cipher::{Block, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use zeroize::Zeroizing;

/// Bytes of the tag after the ciphertext.
pub(super) const TAG: usize = 16;
/// Bytes of the nonce.
const NONCE: usize = 12;

/// Decrypts in place; the tag is already removed. `None` if key or nonce have an invalid length.
pub(super) fn decrypt(key: &[u8], nonce: &[u8], data: &mut [u8]) -> Option<()> {
    let cipher = Aes128::new_from_slice(key).ok()?;
    let encrypt = |value: u128| {
        let mut block = Block::<Aes128>::from(value.to_be_bytes());
        cipher.encrypt_block(&mut block);
        u128::from_be_bytes(block.into())
    };
    // RFC 7253 4.1: L_*, L_$, L_0.
    let l_star = encrypt(0);
    let first = double(double(l_star));
    // RFC 7253 4.2: a tag length of 128 bits is encoded as 0; then a one precedes the nonce.
    let mut start = [0; 16];
    start.get_mut(3..4)?.copy_from_slice(&[1]);
    start.get_mut(4..)?.copy_from_slice(nonce.get(..NONCE).filter(|_| nonce.len() == NONCE)?);
    let start = u128::from_be_bytes(start);
    let bottom = (start & 63) as u32;
    let top = encrypt(start & !63);
    // Stretch is Ktop and 64 more bits; the offset is 128 bits of it.
    let more = ((top >> 64) ^ (top >> 56)) as u64;
    let mut offset = if bottom == 0 { top } else { top << bottom | u128::from(more >> (64 - bottom)) };
    for (at, chunk) in data.chunks_mut(16).enumerate() {
        if let Ok(whole) = <[u8; 16]>::try_from(&*chunk) {
            offset ^= (0..(at + 1).trailing_zeros()).fold(first, |value, _| double(value));
            let mut block = Block::<Aes128>::from((u128::from_be_bytes(whole) ^ offset).to_be_bytes());
            cipher.decrypt_block(&mut block);
            let plain = Zeroizing::new((u128::from_be_bytes(block.into()) ^ offset).to_be_bytes());
            chunk.copy_from_slice(&*plain);
        } else {
            offset ^= l_star;
            let pad = encrypt(offset).to_be_bytes();
            chunk.iter_mut().zip(pad).for_each(|(byte, pad)| *byte ^= pad);
        }
    }
    Some(())
}

/// Doubles a value in the field of 2^128 (RFC 7253 2).
const fn double(value: u128) -> u128 {
    value << 1 ^ if value >> 127 == 1 { 0x87 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::bytes;
    use keyradius_core::hex::hex;

    #[test]
    fn vectors_of_the_standard_match() {
        // RFC 7253 A: the key is 00..0F; the ciphertexts are given without their tags.
        let key: Vec<u8> = (0..16).collect();
        for (nonce, ciphertext, length) in [
            ("BBAA99887766554433221103", "45DD69F8F5AAE724", 8),
            ("BBAA99887766554433221106", "5CE88EC2E0692706A915C00AEB8B2396", 16),
            ("BBAA99887766554433221109", "221BD0DE7FA6FE993ECCD769460A0AF2D6CDED0C395B1C3C", 24),
            (
                "BBAA9988776655443322110F",
                "4412923493C57D5DE0D700F753CCE0D1D2D95060122E9F15A5DDBFC5787E50B5CC55EE507BCB084E",
                40,
            ),
        ] {
            let mut data = bytes(ciphertext);
            decrypt(&key, &bytes(nonce), &mut data).unwrap();
            assert_eq!(hex(&data), hex(&(0..length).collect::<Vec<u8>>()), "{nonce}");
        }
        assert_eq!(decrypt(&key[1..], &[0; 12], &mut []), None);
        assert_eq!(decrypt(&key, &[0; 16], &mut []), None);
    }
}
