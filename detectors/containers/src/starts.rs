//! How files begin that are worth opening when they are encoded as a whole.
//!
//! In a directory any file that begins with base64 or hexadecimal digits is decoded, whatever is inside. Objects of a git
//! history are read only where an anchor is, so the known starts are anchors too, as they look in either encoding. They
//! count at the start of a blob only, where they cost nothing.

use keyradius_core::seam::Anchor;

use super::CONTAINERS;
use crate::format::DETECTORS;
use crate::read::text::base64;
use keyradius_core::hex::hex;

/// Fewest bytes of a magic number that is told by what its digits are.
const MIN: usize = 3;

fn all() -> impl Iterator<Item = &'static [u8]> {
    let magics = CONTAINERS.iter().flat_map(|container| container.magics()).filter(|magic| magic.at == 0);
    let keys = DETECTORS.iter().flat_map(|detector| detector.starts().iter().copied());
    keys.chain(magics.map(|magic| magic.bytes).filter(|bytes| bytes.len() >= MIN))
}

fn anchor(digits: String) -> Anchor<'static> {
    let mut digits = digits.into_bytes();
    digits.truncate(Anchor::MAX);
    Anchor::at_start(digits.leak())
}

/// Their first digits in base64: those that the bytes behind them have no part in.
pub(super) fn in_base64() -> impl Iterator<Item = Anchor<'static>> {
    all().map(|bytes| {
        let mut digits = base64(bytes);
        digits.truncate(bytes.len() * 8 / 6);
        anchor(digits)
    })
}

/// Their first digits in hexadecimal, small and capital.
pub(super) fn in_hex() -> impl Iterator<Item = Anchor<'static>> {
    all().flat_map(|bytes| [hex(bytes), hex(bytes).to_uppercase()]).map(anchor)
}

#[cfg(test)]
mod tests {
    use keyradius_core::prefilter::Prefilter;

    use super::*;

    #[test]
    fn starts_in_digits() {
        let base64: Vec<_> = in_base64().map(|anchor| anchor.bytes).collect();
        for known in [&b"H4sI"[..], b"UEsDB", b"/Td6WFo", b"KLUv/", b"QUdFLVNFQ1JFVC1LRVkt"] {
            assert!(base64.iter().any(|digits| digits.starts_with(known)), "{known:?}");
        }
        let hex: Vec<_> = in_hex().map(|anchor| anchor.bytes).collect();
        for known in [&b"1f8b08"[..], b"1F8B08", b"504b0304", b"377abcaf271c"] {
            assert!(hex.contains(&known), "{known:?}");
        }
        assert!(in_base64().chain(in_hex()).all(|anchor| anchor.at_start && anchor.bytes.len() >= Anchor::MIN));
    }

    #[test]
    fn objects_of_a_history_are_read_for_them() {
        let prefilter = Prefilter::new(&crate::keys());
        let wide: Vec<u8> = "text".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for start in [
            base64(b"[Interface]\nPrivateKey = ").into_bytes(),
            base64(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]).into_bytes(),
            hex(b"PuTTY-User-Key-File-3: ssh-rsa").into_bytes(),
            hex(b"PK\x03\x04\x14").to_uppercase().into_bytes(),
            [&[0xff, 0xfe][..], &wide].concat(),
        ] {
            assert!(prefilter.is_at_start(&start), "{start:?}");
        }
        for start in [&b"// a comment"[..], b"#!/bin/sh", b"Interface", b"PK is short", b"abcdef0123", b"H4s"] {
            assert!(!prefilter.is_at_start(start), "{start:?}");
        }
    }
}
