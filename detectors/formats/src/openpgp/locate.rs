//! Finds the start of an OpenPGP key from an anchor inside it.
//!
//! The first bytes of a packet are too common to search for. Rarer bytes follow: the exponent of nearly every RSA key,
//! as an OpenPGP number, and the OID of Ed25519. From there, version, time and algorithm lead back to the header, whose
//! length field must match.

use keyradius_core::seam::Anchor;
use keyradius_readers::openpgp;

use super::is_primary;

/// 65537 as a multiprecision integer of 17 bits.
pub(crate) const EXPONENT: Anchor = Anchor::anywhere(&[0x00, 0x11, 0x01, 0x00, 0x01]);
/// 1.3.6.1.4.1.11591.15.1 with its length: Ed25519 as GnuPG names it (RFC 9580 9.2).
pub(crate) const ED25519: Anchor = Anchor::anywhere(&[0x09, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01]);

/// Lengths of RSA moduli, in bytes.
const MODULI: [usize; 6] = [128, 192, 256, 384, 512, 1024];

/// Size of version, time and algorithm of a version 4 key, in bytes (RFC 9580 5.5.2).
const HEAD: usize = 6;

/// Finds the start of the version 4 packet of a primary key, secret or public, that contains an anchor.
pub(crate) fn key_before(bytes: &[u8], anchor: Anchor, at: usize) -> Option<usize> {
    let (numbers, algorithms): (usize, &[u8]) = if anchor == EXPONENT {
        let modulus = MODULI.into_iter().find_map(|len| {
            let start = at.checked_sub(len + 2)?;
            let [high, low, ..] = bytes.get(start..)? else { return None };
            (usize::from(u16::from_be_bytes([*high, *low])).div_ceil(8) == len).then_some(start)
        });
        // RSA, and RSA for signing only.
        (modulus?, &[1, 3])
    } else {
        (at, &[22])
    };
    let body = numbers.checked_sub(HEAD)?;
    let head = bytes.get(body..numbers)?;
    if head.first() != Some(&4) || !head.last().is_some_and(|algorithm| algorithms.contains(algorithm)) {
        return None;
    }
    // One tag octet and one to five length octets.
    (2..=6).find_map(|header| {
        let start = body.checked_sub(header)?;
        let packet = openpgp::packet(bytes, start).ok()?;
        (is_primary(packet.kind) && packet.end - packet.body.len() == body).then_some(start)
    })
}

/// Whether [`key_before`] finds the key packet with this body: an anchor is in the right place.
pub(crate) fn has_anchor(body: &[u8]) -> bool {
    let Some((head, numbers)) = body.split_at_checked(HEAD) else { return false };
    match (head.first(), head.last()) {
        (Some(4), Some(22)) => numbers.starts_with(ED25519.bytes),
        (Some(4), Some(1 | 3)) => {
            let bits = numbers.first_chunk().map_or(0, |bits| u16::from_be_bytes(*bits));
            let modulus = usize::from(bits).div_ceil(8);
            let behind = numbers.get(2 + modulus..).unwrap_or_default();
            MODULI.contains(&modulus) && behind.starts_with(EXPONENT.bytes)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_without_an_anchor_are_recognised() {
        let ed = [&[4, 0x60, 0, 0, 0, 22][..], ED25519.bytes].concat();
        let rsa = [&[4, 0x60, 0, 0, 0, 3, 4, 0][..], &[0xc1; 128], EXPONENT.bytes].concat();
        for good in [ed, rsa] {
            assert!(has_anchor(&good));
            for at in [0, 5, 7, good.len() - 1] {
                let mut other = good.clone();
                other[at] ^= 8;
                assert!(!has_anchor(&other) && !has_anchor(&good[..at]), "{at}");
            }
        }
    }

    #[test]
    fn every_framing_leads_back() {
        let ed = [&[4, 0x60, 0, 0, 0, 22][..], ED25519.bytes, &[7; 60]].concat();
        let rsa = [&[4, 0x60, 0, 0, 0, 1, 8, 0][..], &[0xc1; 256], EXPONENT.bytes, &[7; 700]].concat();
        for (body, anchor) in [(&ed, ED25519), (&rsa, EXPONENT)] {
            let len = (body.len() as u32).to_be_bytes();
            let two = (body.len() as u32).wrapping_sub(192).to_be_bytes();
            let headers: Vec<Vec<u8>> = if body.len() < 192 {
                vec![
                    vec![0x94, len[3]],
                    vec![0x95, len[2], len[3]],
                    vec![0xc5, len[3]],
                    vec![0xc5, 0xff, 0, 0, len[2], len[3]],
                ]
            } else {
                vec![vec![0x95, len[2], len[3]], vec![0x96, 0, 0, len[2], len[3]], vec![0xc5, 192 + two[2], two[3]]]
            };
            for header in headers {
                let bytes = [&[0x55; 9][..], &header, body].concat();
                let at = memchr::memmem::find(&bytes, anchor.bytes).unwrap();
                assert_eq!(key_before(&bytes, anchor, at), Some(9), "{header:02x?}");
                assert!(has_anchor(body), "{header:02x?}");
                // A public key, a secret subkey, and a wrong length.
                for (tag, found) in [(0x99, Some(9)), (0x9d, None)] {
                    let other = [&[0x55; 9][..], &[tag, len[2], len[3]], body].concat();
                    let at = memchr::memmem::find(&other, anchor.bytes).unwrap();
                    assert_eq!(key_before(&other, anchor, at), found);
                }
                assert_eq!(key_before(body, anchor, at - 12), None);
            }
        }
    }
}
