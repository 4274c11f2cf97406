//! Ed25519 keys of Tor: of onion services (version 3) and of relays. A header of 32 bytes precedes the expanded key,
//! which is scalar and prefix, not a seed (tor `crypto_write_tagged_contents_to_file`; rend-spec-v3). The public key is
//! the scalar times the base point, and the onion address follows from it.

use curve25519_dalek::EdwardsPoint;
use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::material::{Encoding, Identity, Kind, Label, Material, Protection};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::chance::looks_random;
use keyradius_readers::public::{self, PublicKey, Raw};
use sha3::{Digest, Sha3_256};
use zeroize::Zeroizing;

/// Detects keys of Tor.
#[derive(Debug)]
pub(crate) struct Tor;

/// The end of `== ed25519v1-secret: type0 ==`, with its zero padding.
const TAIL: &[u8] = b"ed25519v1-secret: type0 ==\0\0\0";
const ANCHOR: Anchor = Anchor::anywhere(TAIL);

static ABOUT: About = About {
    id: "tor",
    title: "Private key (Tor onion service or relay)",
    detects: "Ed25519 secret keys of Tor onion services (hs_ed25519_secret_key) and relays \
              (ed25519_master_id_secret_key, ed25519_signing_secret_key), at any offset. The public key is computed, \
              and from it the onion address.",
    blind_to: "The file has no redundancy, so the key is not verified: only the fixed bits of the scalar and its \
               randomness are checked. Master keys with a passphrase. RSA keys of relays and of old onion services \
               are PEM and reported as PEM. Whether the key belongs to a service or a relay: only the file name says.",
    respond: "An onion address cannot be revoked: whoever has the key can run the service. Move to a new address and \
              inform its users through another channel. Stop a relay and start it again with a new identity.",
    references: &["Tor rend-spec-v3: appendix A.2, [ONIONADDRESS]", "Tor dir-spec", "CWE-321"],
};

impl Detector for Tor {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[ANCHOR]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let start = hit.at.checked_sub(3).filter(|&start| blob.bytes.get(start..hit.at) == Some(b"== "));
        let start = start.ok_or(Malformed::new("head of a Tor key", hit.at))?;
        let body = hit.at + TAIL.len();
        let key = blob.bytes.get(body..body + 64).ok_or(Malformed::new("Tor key of 64 bytes", body))?;
        let scalar = key.first_chunk::<32>().copied().map(Zeroizing::new).ok_or(Malformed::new("scalar", body))?;
        // RFC 8032 5.1.5: the bits that are set or clear in every such scalar.
        let clamped = scalar.first().is_some_and(|low| low.trailing_zeros() >= 3)
            && scalar.last().is_some_and(|high| high >> 6 == 1);
        if !clamped || !looks_random(key) {
            return Err(Malformed::new("scalar of a Tor key", body));
        }
        let bytes = EdwardsPoint::mul_base_clamped(*scalar).compress().to_bytes();
        let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Binary, start..body + 64);
        material.protection = Some(Protection::plaintext());
        let half = public::half(&PublicKey::Raw { kind: Raw::Ed25519, bytes: &bytes });
        material.identity = Some(Identity::public(half));
        material.labels.push(Label::new("onion address", onion(&bytes).as_bytes()));
        out.found(material);
        Ok(())
    }
}

/// The onion address: public key, two checksum bytes and the version, in base32 (rend-spec-v3, ONIONADDRESS).
fn onion(public: &[u8; 32]) -> String {
    const VERSION: u8 = 3;
    let sum = Sha3_256::new().chain_update(b".onion checksum").chain_update(public).chain_update([VERSION]).finalize();
    let bytes = public.iter().chain(sum.iter().take(2)).chain([&VERSION]);
    let (mut text, mut word, mut have) = (String::with_capacity(62), 0_u32, 0);
    for &byte in bytes {
        word = word << 8 | u32::from(byte);
        have += 8;
        while have >= 5 {
            have -= 5;
            let value = (word >> have) as u8 & 31;
            text.push(char::from(if value < 26 { b'a' + value } else { b'2' + value - 26 }));
        }
    }
    text + ".onion"
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha512};

    use super::*;
    use crate::ask;
    use crate::samples::RFC8032_SEED as SEED;
    use keyradius_core::hex::hex;

    fn file() -> Vec<u8> {
        let mut key = Sha512::digest(SEED).to_vec();
        key[0] &= 0xf8;
        key[31] = key[31] & 0x3f | 0x40;
        [&b"== "[..], TAIL, &key].concat()
    }

    fn inspect(bytes: &[u8]) -> Result<Vec<Material>, Malformed> {
        ask::first(&Tor, "k", bytes, &[ANCHOR])
    }

    #[test]
    fn the_public_key_is_that_of_the_seed() {
        for bytes in [file(), [&[7; 100][..], &file(), &[7; 100]].concat()] {
            let found = inspect(&bytes).unwrap();
            let Some(Identity::Public(half)) = &found[0].identity else { panic!("identity") };
            assert_eq!(hex(&half.spki[12..]), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
            assert_eq!(found[0].span.len(), 96);
        }
    }

    #[test]
    fn invalid_scalars_are_refused() {
        let whole = file();
        for (at, bits) in [(0, 0), (32, 1), (63, 0x80)] {
            let mut wrong = whole.clone();
            wrong[at] ^= bits.max(1);
            assert!(inspect(&wrong).is_err(), "{at}");
        }
        assert!(inspect(&whole[..95]).is_err());
        assert!(inspect(&[&whole[..32], &[0x40; 64]].concat()).is_err());
    }
}
