//! AES key wrap with padding (RFC 5649), which BouncyCastle's BCFKS can use.

use aes::cipher::{Block, BlockCipherDecrypt, KeyInit};
use zeroize::Zeroizing;

/// The first half of the alternative initial value (RFC 5649 3), before the length.
const INITIAL: [u8; 4] = [0xa6, 0x59, 0x59, 0xa6];

/// Unwraps with a key of 256 bits. `None` if the key is wrong or a length is invalid.
pub(crate) fn unwrap(key: &[u8], wrapped: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let cipher = aes::Aes256::new_from_slice(key).ok()?;
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
            cipher.decrypt_block(<&mut Block<aes::Aes256>>::try_from(&mut both[..]).ok()?);
            head = *both.first_chunk()?;
            part.copy_from_slice(both.last_chunk::<8>()?);
        }
    }
    let length = u32::from_be_bytes(*head.last_chunk()?) as usize;
    let padding = plain.get(length..)?;
    if !head.starts_with(&INITIAL) || padding.len() > 7 || padding.iter().any(|&byte| byte != 0) {
        return None;
    }
    plain.truncate(length);
    Some(plain)
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

    const WRAPPED: &str = "e14a2a112cae8771723ef770b79b128be6d13327ae847749308be14a7c77c8e1";
}
