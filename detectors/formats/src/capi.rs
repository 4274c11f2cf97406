//! Key blobs of Windows' CryptoAPI: strong name files (`.snk`), MSBLOB files, and the same blobs in programs and dumps.
//! The public blobs of .NET assemblies are reported as public keys.
//!
//! The anchor is the magic number with the two zeros before it, which end the header of the blob. A private RSA blob
//! counts if n is the product of p and q, or d inverts e. A DSS blob has no public number: its group is proven and the
//! public number is derived. A public RSA blob offers no proof except that its modulus has exactly the stated size.

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::capi::Key;

/// Detects key blobs of CryptoAPI.
#[derive(Debug)]
pub(crate) struct Capi;

static ABOUT: About = About {
    id: "capi",
    title: "Key blob of CryptoAPI (.snk, MSBLOB)",
    detects: "PRIVATEKEYBLOBs with RSA and DSS keys at any offset: strong name files (.snk), the format that openssl \
              calls MSBLOB, plaintext PVK files. Verified by n = p * q and d for RSA; for DSS the group is proven. \
              PUBLICKEYBLOBs of RSA at any offset, such as the public key of every signed .NET assembly, are public \
              keys; RSA keys are labelled with their public key token.",
    blind_to: "Version 3 blobs of DSS, Diffie-Hellman blobs, and simple and opaque blobs, which are encrypted. Public \
               DSS blobs that are not at the start of a file.",
    respond: "A strong name does not prove who wrote an assembly, but whoever has the key gets all that is granted to \
              the name. Find what trusts its public key token (policies, InternalsVisibleTo, binding redirects), make \
              a new key, and sign with it on a system that does not export it.",
    references: &["wincrypt.h: BLOBHEADER, RSAPUBKEY, DSSPUBKEY", "ECMA-335 II.6.3", "CWE-321"],
};

/// The high half of aiKeyAlg, and the magic number.
const RSA2: Anchor = Anchor::anywhere(b"\0\0RSA2");
const RSA1: Anchor = Anchor::anywhere(b"\0\0RSA1");
const DSS2: Anchor = Anchor::anywhere(b"\0\0DSS2");
/// PUBLICKEYBLOB with CALG_DSS_SIGN.
const DSS1: Anchor = Anchor::at_start(&[6, 2, 0, 0, 0, 0x22, 0, 0]);

/// Bytes of BLOBHEADER before the bytes of the anchors.
const BEFORE: usize = 6;

impl Detector for Capi {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[RSA2, RSA1, DSS2, DSS1]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let before = if hit.anchor == DSS1 { 0 } else { BEFORE };
        let Some(start) = hit.at.checked_sub(before) else { return Ok(()) };
        let key = Key::read(blob.bytes.get(start..).unwrap_or_default())?;
        let mut material = key.material(ABOUT.id);
        material.span = start..start + key.consumed;
        out.found(material);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use keyradius_core::material::{Identity, Kind, Material, Proof};

    use super::*;
    use crate::ask;

    /// A number of `bits` ones: 2^bits - 1.
    fn ones(bits: usize) -> Vec<u8> {
        let mut bytes = vec![0xff; bits.div_ceil(8)];
        if !bits.is_multiple_of(8) {
            bytes[0] = (1 << (bits % 8)) - 1;
        }
        bytes
    }

    fn little(number: &[u8], size: usize) -> Vec<u8> {
        let mut out: Vec<u8> = number.iter().rev().copied().collect();
        out.resize(size, 0);
        out
    }

    /// n = (2^521 - 1)(2^607 - 1) = 2^1128 - 2^607 - 2^521 + 1, both Mersenne primes: 1128 bits. Primes have half of
    /// these bits in the blob, 564, so q does not fit. Another pair does: 2^521 - 1 twice is not a key, but it is a
    /// product.
    fn blob(private: bool) -> Vec<u8> {
        // (2^521 - 1)^2 = 2^1042 - 2^522 + 1: 1042 bits.
        let p = ones(521);
        let mut n = vec![0_u8; 131];
        n[0] = 0x03;
        for byte in n.iter_mut().take(65).skip(1) {
            *byte = 0xff;
        }
        n[65] = 0xfc;
        n[130] = 1;
        let head = |kind: u8, magic: &[u8]| {
            [&[kind, 2, 0, 0, 0, 0x24, 0, 0], magic, &1042_u32.to_le_bytes(), &[1, 0, 1, 0]].concat()
        };
        if !private {
            return [head(6, b"RSA1"), little(&n, 131)].concat();
        }
        let half = 66;
        let rest = vec![0; 3 * half];
        [head(7, b"RSA2"), little(&n, 131), little(&p, half), little(&p, half), rest, vec![0; 131]].concat()
    }

    fn inspect(bytes: &[u8]) -> Vec<Material> {
        ask::every(&Capi, "x", bytes)
    }

    #[test]
    fn private_and_public_blobs_are_one_key() {
        let (private, public) = (blob(true), blob(false));
        let found = inspect(&[b"before", &private[..], b"between", &public, b"behind"].concat());
        let [key, half] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((key.kind, key.proof, key.span.clone()), (Kind::PrivateKey, Proof::Verified, 6..6 + private.len()));
        assert_eq!(half.kind, Kind::PublicKey);
        assert_eq!(half.span.len(), public.len());
        assert_eq!(key.identity, half.identity);
        assert_eq!(key.labels, half.labels);
        assert!(matches!(key.identity, Some(Identity::Public(_))));
    }

    #[test]
    fn inconsistent_keys_are_refused() {
        let good = blob(true);
        for at in (0..20).chain([20, 100, 150, 160, 220, 230]) {
            let mut bytes = good.clone();
            bytes[at] ^= 4;
            // The exponent proves nothing without d, and either prime proves the other.
            let free = (16..20).contains(&at) || at >= 151;
            assert_eq!(inspect(&bytes).is_empty(), !free, "{at}");
        }
        for length in 0..good.len() {
            assert!(inspect(&good[..length]).is_empty(), "{length}");
        }
        let public = blob(false);
        for at in [0, 1, 4, 12, 13, 20, 150] {
            let mut bytes = public.clone();
            bytes[at] ^= 0x13;
            assert!(inspect(&bytes).is_empty(), "{at}");
        }
    }
}
