//! SHA3-256 (FIPS 202) of a few bytes: what onion addresses are made with.

use keccak::Keccak;

/// Bytes that one permutation takes in: 1600 bits less twice the length of the digest.
const RATE: usize = 136;

/// The digest of the parts. They have to fit into one block; what does not is left out, which no caller has.
pub(crate) fn sha3_256(parts: &[&[u8]]) -> [u8; 32] {
    let mut block = [0_u8; RATE];
    let length = parts.iter().map(|part| part.len()).sum::<usize>().min(RATE - 1);
    block.iter_mut().take(length).zip(parts.iter().copied().flatten()).for_each(|(to, from)| *to = *from);
    // The domain of SHA-3 and the first bit of the padding, then its last.
    if let Some(behind) = block.get_mut(length) {
        *behind = 0x06;
    }
    if let Some(last) = block.last_mut() {
        *last |= 0x80;
    }
    let mut state = [0_u64; 25];
    for (lane, bytes) in state.iter_mut().zip(block.as_chunks::<8>().0) {
        *lane = u64::from_le_bytes(*bytes);
    }
    Keccak::new().with_f1600(|f1600| f1600(&mut state));
    let mut digest = [0; 32];
    digest.as_chunks_mut::<8>().0.iter_mut().zip(state).for_each(|(to, lane)| *to = lane.to_le_bytes());
    digest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::text::hex;

    #[test]
    fn digests_are_those_of_openssl() {
        // `openssl dgst -sha3-256` (3.0.19).
        for (parts, digest) in [
            (&[][..], "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"),
            (&[&b"a"[..], b"bc"], "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"),
        ] {
            assert_eq!(hex(&sha3_256(parts)), digest);
        }
    }
}
