//! AES key wrap: without padding (RFC 3394), as JWE uses it, and with padding (RFC 5649), as BouncyCastle's BCFKS can
//! use it.

use aes::cipher::{Block, BlockCipherDecrypt, KeyInit};
use zeroize::Zeroizing;

/// The initial value without padding (RFC 3394 2.2.3.1).
const UNPADDED: [u8; 8] = [0xa6; 8];

/// The first half of the alternative initial value (RFC 5649 3), before the length.
const INITIAL: [u8; 4] = [0xa6, 0x59, 0x59, 0xa6];

/// Unwraps a padded key with a key of 256 bits. `None` if the key is wrong or a length is invalid.
pub(crate) fn unwrap(key: &[u8], wrapped: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (head, mut plain) = rounds(&aes::Aes256::new_from_slice(key).ok()?, wrapped)?;
    let length = u32::from_be_bytes(*head.last_chunk()?) as usize;
    let padding = plain.get(length..)?;
    if !head.starts_with(&INITIAL) || padding.len() > 7 || padding.iter().any(|&byte| byte != 0) {
        return None;
    }
    plain.truncate(length);
    Some(plain)
}

/// Unwraps an unpadded key with a key of 128, 192 or 256 bits. `None` if the key is wrong or a length is invalid.
pub(crate) fn unwrap_unpadded(key: &[u8], wrapped: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (head, plain) = match key.len() {
        16 => rounds(&aes::Aes128::new_from_slice(key).ok()?, wrapped),
        24 => rounds(&aes::Aes192::new_from_slice(key).ok()?, wrapped),
        _ => rounds(&aes::Aes256::new_from_slice(key).ok()?, wrapped),
    }?;
    (head == UNPADDED).then_some(plain)
}

/// Undoes the six rounds (RFC 3394 2.2.2). Returns the initial value and the plaintext. `None` if a length is invalid.
fn rounds<C: BlockCipherDecrypt>(cipher: &C, wrapped: &[u8]) -> Option<([u8; 8], Zeroizing<Vec<u8>>)> {
    if wrapped.len() < 24 || !wrapped.len().is_multiple_of(8) {
        return None;
    }
    let mut head: [u8; 8] = *wrapped.first_chunk()?;
    let mut plain = Zeroizing::new(wrapped.get(8..)?.to_vec());
    let blocks = plain.len() as u64 / 8;
    // One cipher block; wiped because it holds plaintext.
    let mut both = Zeroizing::new([0_u8; 16]);
    for round in (0..6).rev() {
        for (number, part) in plain.chunks_exact_mut(8).enumerate().rev() {
            let step = blocks * round + number as u64 + 1;
            let (left, right) = both.split_at_mut(8);
            left.copy_from_slice(&(u64::from_be_bytes(head) ^ step).to_be_bytes());
            right.copy_from_slice(part);
            cipher.decrypt_block(<&mut Block<C>>::try_from(&mut both[..]).ok()?);
            head = *both.first_chunk()?;
            part.copy_from_slice(both.last_chunk::<8>()?);
        }
    }
    Some((head, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unwraps_what_cryptography_wrapped() {
        // python: cryptography.hazmat.primitives.keywrap.aes_key_wrap_with_padding(bytes(range(32)), b"twenty-one bytes long")
        let wrapped: Vec<u8> =
            (0..WRAPPED.len()).step_by(2).map(|at| u8::from_str_radix(&WRAPPED[at..at + 2], 16).unwrap()).collect();
        let key: Vec<u8> = (0..32).collect();
        assert_eq!(unwrap(&key, &wrapped).unwrap().as_slice(), b"twenty-one bytes long");
        let other: Vec<u8> = (1..33).collect();
        assert!(unwrap(&other, &wrapped).is_none());
        for length in 0..wrapped.len() {
            assert!(unwrap(&key, &wrapped[..length]).is_none(), "{length}");
        }
    }

    #[test]
    fn unpadded_keys_match_rfc_3394() {
        // RFC 3394 4.1, 4.3 and 4.6.
        for (length, data, wrapped) in [
            (16, 16, "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"),
            (32, 16, "64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7"),
            (32, 32, "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"),
        ] {
            let key: Vec<u8> = (0..length).collect();
            let plain: Vec<u8> = (0..16).map(|n| n * 0x11).chain(0..16).collect();
            let wrapped = keyradius_core::hex::unhex(wrapped.as_bytes()).unwrap();
            assert_eq!(unwrap_unpadded(&key, &wrapped).unwrap().as_slice(), &plain[..data]);
            let other: Vec<u8> = (1..=length).collect();
            assert!(unwrap_unpadded(&other, &wrapped).is_none());
        }
    }

    const WRAPPED: &str = "e14a2a112cae8771723ef770b79b128be6d13327ae847749308be14a7c77c8e1";
}
