//! Checksums that issuers put into their tokens: CRC-32 in several encodings, and Marvin32.

use keyradius_readers::text;

/// CRC-32 of IEEE 802.3, as in zlib. Tokens are short, so a lookup table is not worth its cache lines.
pub(super) fn crc32<'a>(bytes: impl IntoIterator<Item = &'a u8>) -> u32 {
    !bytes.into_iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Encodes a number in base 62 (`0-9A-Za-z`), padded with leading zeros to `N` digits.
pub(super) fn base62<const N: usize>(number: u32) -> [u8; N] {
    let mut rest = number;
    let mut out = [b'0'; N];
    for digit in out.iter_mut().rev() {
        *digit = DIGITS.get((rest % 62) as usize).copied().unwrap_or(b'0');
        rest /= 62;
    }
    out
}

/// Encodes a number in base 36 (`0-9a-z`), padded with leading zeros to `N` digits.
pub(super) fn base36<const N: usize>(number: u32) -> [u8; N] {
    let mut rest = number;
    let mut out = [b'0'; N];
    for digit in out.iter_mut().rev() {
        *digit = DIGITS.get((rest % 36) as usize).map_or(b'0', u8::to_ascii_lowercase);
        rest /= 36;
    }
    out
}

/// Marvin32 of `bytes` with both halves XORed: Microsoft's `ComputeHash32`. The published test vectors are of the hash
/// before the XOR; see the test. Source: `security-utilities`, Marvin.
pub(super) fn marvin32(bytes: &[u8], seed: u64) -> u32 {
    let hash = marvin64(bytes, seed);
    hash as u32 ^ (hash >> 32) as u32
}

fn marvin64(bytes: &[u8], seed: u64) -> u64 {
    let (mut low, mut high) = (seed as u32, (seed >> 32) as u32);
    let mut mix = |word: u32| {
        low = low.wrapping_add(word);
        high ^= low;
        low = low.rotate_left(20).wrapping_add(high);
        high = high.rotate_left(9) ^ low;
        low = low.rotate_left(27).wrapping_add(high);
        high = high.rotate_left(19);
    };
    let mut chunks = bytes.chunks_exact(4);
    for chunk in &mut chunks {
        mix(chunk.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte)));
    }
    mix(chunks.remainder().iter().rev().fold(0x80, |word, byte| word << 8 | u32::from(*byte)));
    mix(0);
    u64::from(high) << 32 | u64::from(low)
}

/// Whether the last four bytes of a base64 key are the Marvin32 of the preceding bytes under one of the seeds.
pub(super) fn marvin_fits(key: &[u8], seeds: &[u64]) -> bool {
    let Some(bytes) = base64(key) else { return false };
    let Some((body, sum)) = bytes.split_last_chunk::<4>() else { return false };
    seeds.iter().any(|seed| marvin32(body, *seed) == u32::from_le_bytes(*sum))
}

/// Decodes base64 in either alphabet, with or without padding. `None` if `text` contains any other byte.
pub(super) fn base64(text: &[u8]) -> Option<zeroize::Zeroizing<Vec<u8>>> {
    text::unbase64(text::without_padding(text, usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_matches_the_catalogue() {
        // The check value of CRC-32/ISO-HDLC in the catalogue of CRCs.
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(base62::<6>(u32::MAX), *b"4gfFC3");
        assert_eq!(base62::<6>(0), *b"000000");
        assert_eq!(base36::<7>(u32::MAX), *b"1z141z3");
    }

    #[test]
    fn marvin_matches_the_published_vectors() {
        // Test vectors of microsoft/security-utilities, from skeeto's implementation.
        const SEED: u64 = 0x004f_b61a_001b_dbcc;
        for (bytes, seed, hash) in [
            (&b""[..], SEED, 0x30ed_35c1_00cd_3c7d_u64),
            (b"\xaf", SEED, 0x48e7_3fc7_7d75_ddc1),
            (b"\xe7\x0f", SEED, 0xb5f6_e1fc_485d_bff8),
            (b"\x37\xf4\x95", SEED, 0xf0b0_7c78_9b8c_f7e8),
            (b"\x86\x42\xdc\x59", SEED, 0x7008_f2e8_7e9c_f556),
            (b"\x15\x3f\xb7\x98\x26", SEED, 0xe6c0_8c6d_a2af_a997),
            (b"\xab\x42\x7e\xa8\xd1\x0f\xc7", SEED, 0xe118_47e4_f067_8c41),
            (b"\x00\xff\x00\xff\x00\xff\x00", 0x804f_b61a_801b_dbcc, 0x7187_6f2e_fb1b_0ee8),
        ] {
            assert_eq!(marvin64(bytes, seed), hash, "{bytes:02x?}");
        }
    }
}
