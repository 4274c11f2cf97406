//! RSA public keys in the form of boot loaders: the modulus with two precomputed numbers, which the device then need
//! not compute.
//!
//! ChromeOS and Android share the layout: length of n, n0inv, n, and R * R mod n, all in 32-bit words (vboot `2rsa.c`,
//! libavb `AvbRSAPublicKeyHeader`). n0inv follows from n, so random bytes are not accepted as a key.

use keyradius_core::error::Malformed;

use super::number::bits;

/// Key sizes of boot loaders, in bits.
const SIZES: [u32; 5] = [1024, 2048, 3072, 4096, 8192];

/// Whether keys of this size in bits are supported.
pub fn is_size(size: u32) -> bool {
    SIZES.contains(&size)
}

/// Checks a modulus, big-endian, against its n0inv = -1 / n mod 2^32.
pub fn check(n: &[u8], n0inv: u32) -> Result<(), Malformed> {
    let low = n.last_chunk::<4>().map_or(0, |last| u32::from_be_bytes(*last));
    if is_size(bits(n)) && low.wrapping_mul(n0inv) == u32::MAX {
        Ok(())
    } else {
        Err(Malformed::new("n0inv that belongs to the modulus", 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n0inv_belongs_to_its_modulus() {
        let mut n = vec![0xff; 256];
        // -1 / -1 = 1, -1 / 1 = -1, -1 / 3 mod 2^32 = 0x55555555.
        for (last, n0inv) in [(u32::MAX, 1), (1, u32::MAX), (3, 0x5555_5555)] {
            n[252..].copy_from_slice(&last.to_be_bytes());
            assert!(check(&n, n0inv).is_ok());
            assert!(check(&n, n0inv ^ 2).is_err());
            assert!(check(&n[1..], n0inv).is_err(), "unsupported size");
        }
        n[252..].copy_from_slice(&2_u32.to_be_bytes());
        assert!((0..64).all(|n0inv| check(&n, n0inv).is_err()), "an even modulus has no n0inv");
        assert!(check(&[], 0).is_err());
    }
}
