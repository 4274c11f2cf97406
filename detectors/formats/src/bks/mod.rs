//! BouncyCastle keystores: BKS versions 1 and 2, and UBER (org.bouncycastle.jcajce.provider.keystore.bc.BcKeyStoreSpi).
//!
//! The formats have no magic number. A file begins with its version and the length of its salt; these bytes count only
//! at the very start of a file, and all that follows must confirm them. In BKS, every entry must parse. Aliases, dates
//! and certificate chains are plaintext, so a sealed private key is identified by its certificate. UBER shows only its
//! iteration count. It is recognised by matching exactly what its one writer produces: whole blocks of random bytes to
//! the end of the file. It is reported as a keystore, not as a key, until it is opened.

mod open;
mod read;

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::lock::Lock;
use keyradius_core::material::{Locked, Remark};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};

use read::{Store, Uber};

/// Detects BKS and UBER keystores.
#[derive(Debug)]
pub(crate) struct Bks;

static ABOUT: About = About {
    id: "bks",
    title: "BouncyCastle keystore (BKS, UBER)",
    detects: "BKS keystores of versions 1 and 2: every sealed private key with its alias and the certificate chain \
              that identifies it, plaintext keys, sealed secret keys, and trust stores, which are reported as such. \
              UBER keystores, which are encrypted as a whole.",
    blind_to: "Keystores that do not begin at the start of a file, because the format has no magic number (archive \
               members and decoded base64 count as files). Whether UBER contains keys or only certificates, and the \
               purpose of a sealed secret key, are known only with the password.",
    respond: "The MAC key of BKS version 1 has 16 bits (CVE-2018-5382), and testing a password against the sealed \
              keys of any version costs only a few thousand SHA-1 computations: treat the keys as readable. Look for \
              the password in the code that loads the keystore, revoke the certificates listed, and move the key to a \
              hardware-backed keystore.",
    references: &[
        "BouncyCastle org.bouncycastle.jcajce.provider.keystore.bc.BcKeyStoreSpi",
        "CVE-2018-5382",
        "CWE-321",
    ],
};

/// Version and length of the salt.
const V1: Anchor = Anchor::at_start(&[0, 0, 0, 1, 0, 0, 0, 20]);
const V2: Anchor = Anchor::at_start(&[0, 0, 0, 2, 0, 0, 0, 20]);

impl Detector for Bks {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[V1, V2]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let bytes = blob.bytes.get(hit.at..).unwrap_or_default();
        match Store::read(bytes) {
            Ok(store) => bks(&store, bytes, hit.at, out),
            // The first twelve bytes of UBER look like BKS version 1.
            Err(error) if hit.anchor == V1 => {
                if !blob.window.last {
                    return Err(error);
                }
                uber(&Uber::read(bytes)?, bytes, hit.at, out);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn lock<'b>(&self, kept: &'b [u8]) -> Option<Box<dyn Lock + 'b>> {
        open::read(kept)
    }
}

fn bks(store: &Store<'_>, bytes: &[u8], at: usize, out: &mut Inspection) {
    let locked = Some(Locked::new(bytes.get(..store.consumed).unwrap_or_default()));
    for item in read::materials(&store.entries, "BKS", &read::Locked) {
        let mut material = item.material;
        if item.which.is_some() {
            material.locked.clone_from(&locked);
        }
        if store.version == 1 {
            material.remarks.push(Remark::ForgeableMac);
        }
        if store.damaged {
            material.remarks.push(Remark::Cut);
        }
        material.span = at..at + store.consumed;
        out.found(material);
    }
}

fn uber(store: &Uber<'_>, bytes: &[u8], at: usize, out: &mut Inspection) {
    let mut material = store.material();
    material.locked = Some(Locked::new(bytes));
    material.span = at..at + bytes.len();
    out.found(material);
}

#[cfg(test)]
mod tests {
    use keyradius_core::material::{Identity, Kind, Material, ProtectionState};

    use super::*;
    use crate::ask;

    fn utf(text: &str) -> Vec<u8> {
        [&(text.len() as u16).to_be_bytes()[..], text.as_bytes()].concat()
    }

    fn sized(bytes: &[u8]) -> Vec<u8> {
        [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat()
    }

    /// Bytes that no reader takes for a pattern.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let step = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u8
        };
        (0..length).map(step).collect()
    }

    fn head(iterations: u32) -> Vec<u8> {
        [sized(&noise(20)), iterations.to_be_bytes().to_vec()].concat()
    }

    fn entry(kind: u8, alias: &str, chain: &[Vec<u8>], content: &[u8]) -> Vec<u8> {
        let date = 1_700_000_000_000_u64.to_be_bytes();
        let count = (chain.len() as u32).to_be_bytes();
        [&[kind], &utf(alias)[..], &date, &count, &chain.concat(), content].concat()
    }

    fn certificate(der: &[u8]) -> Vec<u8> {
        [utf("X.509"), sized(der)].concat()
    }

    fn sealed() -> Vec<u8> {
        sized(&[head(1500), noise(64)].concat())
    }

    fn store(version: u32, entries: &[Vec<u8>]) -> Vec<u8> {
        [version.to_be_bytes().to_vec(), head(1024), entries.concat(), vec![0; 21]].concat()
    }

    fn uber(iterations: u32, blob: &[u8]) -> Vec<u8> {
        [1_u32.to_be_bytes().to_vec(), head(iterations), blob.to_vec()].concat()
    }

    fn inspect(bytes: &[u8]) -> Result<Vec<Material>, Malformed> {
        ask::at(&Bks, "x", bytes, (if bytes.get(3) == Some(&1) { V1 } else { V2 }, 0))
    }

    #[test]
    fn entries_become_materials() {
        let chain = [certificate(&[0x30, 0])];
        let secret = |name: &str, length| [&[2][..], &utf("RAW"), &utf(name), &sized(&noise(length))].concat();
        let mut info =
            keyradius_readers::ber::encode(keyradius_readers::ber::OID, &[&[0x2b, 6, 1, 4, 1, 42, 2, 17, 1, 1]]);
        info = keyradius_readers::ber::encode(0x30, &[&info]);
        info = keyradius_readers::ber::encode(0x30, &[&info, &keyradius_readers::ber::encode(4, &[&noise(64)])]);
        for (what, kind, chain, content, found, state) in [
            ("sealed key", 4, &chain[..], sealed(), Kind::PrivateKey, Some(ProtectionState::Weak)),
            ("sealed secret", 4, &[], sealed(), Kind::Keystore, Some(ProtectionState::Weak)),
            ("hmac in clear", 2, &[], secret("HmacSHA256", 32), Kind::PrivateKey, Some(ProtectionState::Plaintext)),
            ("short hmac", 2, &[], secret("HmacSHA256", 9), Kind::Keystore, None),
            ("cipher key", 2, &[], secret("AES", 32), Kind::Keystore, None),
            ("protected before", 3, &chain, sized(&info), Kind::PrivateKey, Some(ProtectionState::Weak)),
            ("protected somehow", 3, &chain, sized(&noise(40)), Kind::Keystore, None),
        ] {
            for version in [1, 2] {
                let bytes = store(version, &[entry(kind, "release", chain, &content)]);
                let materials = inspect(&[&bytes[..], b"behind"].concat()).unwrap();
                let [material] = materials.as_slice() else { panic!("{what}: {materials:?}") };
                assert_eq!((material.kind, material.labels[0].text.as_str()), (found, "release"), "{what}");
                assert_eq!(material.protection.as_ref().map(|p| p.state), state, "{what}");
                assert_eq!(material.span, 0..bytes.len(), "{what}");
                assert_eq!(material.remarks.contains(&Remark::ForgeableMac), version == 1, "{what}");
            }
        }
    }

    #[test]
    fn trust_stores_are_recognised() {
        let bytes = store(2, &[entry(1, "root", &[], &certificate(&[0x30, 0]))]);
        let materials = inspect(&bytes).unwrap();
        assert_eq!((materials.len(), materials[0].kind), (1, Kind::Keystore));
        assert!(materials[0].locked.is_none());
    }

    #[test]
    fn truncated_files_keep_earlier_entries() {
        let chain = [certificate(&[0x30, 0])];
        let whole = store(2, &[entry(4, "one", &chain, &sealed()), entry(4, "two", &chain, &sealed())]);
        let first = whole.len() - 21 - entry(4, "two", &chain, &sealed()).len();
        for length in 0..whole.len() {
            match inspect(&whole[..length]) {
                Ok(materials) => {
                    assert!(length >= first, "{length}");
                    assert!(matches!(materials[0].identity, Some(Identity::Opaque(_))));
                    assert_eq!(materials[0].remarks.len(), 1, "{length}");
                }
                Err(_) => assert!(length < first, "{length}"),
            }
        }
    }

    #[test]
    fn invalid_fields_are_refused() {
        let good = store(2, &[entry(4, "one", &[], &sealed())]);
        assert!(inspect(&good).is_ok());
        for (what, at, byte) in [
            ("version 3", 3, 3),
            ("salt of 21 bytes", 7, 21),
            ("iterations", 28, 1),
            ("type", 32, 5),
            ("alias longer than the file", 33, 0xff),
            ("date", 38, 0xff),
            ("chain longer than the file", 46, 0xff),
            ("sealed key longer than the file", 50, 0xff),
            ("its salt", 57, 21),
        ] {
            let mut bytes = good.clone();
            bytes[at] = byte;
            assert!(inspect(&bytes).is_err(), "{what}");
        }
        assert!(inspect(&store(2, &[])).is_err(), "an empty store");
    }

    #[test]
    fn uber_must_be_random_to_its_end() {
        let blob = noise(2048);
        let materials = inspect(&uber(1500, &blob)).unwrap();
        assert_eq!((materials.len(), materials[0].kind, materials[0].container), (1, Kind::Keystore, Some("UBER")));
        let mut text = b"Not random at all, and repeated. ".repeat(64);
        text.truncate(2048);
        let mut zeros = noise(2048);
        zeros[..160].fill(0);
        for (what, bytes) in [
            ("not whole blocks", uber(1500, &blob[..2047])),
            ("too few iterations", uber(1023, &blob)),
            ("too many iterations", uber(2048, &blob)),
            ("too short", uber(1500, &blob[..80])),
            ("text", uber(1500, &text)),
            ("zeros in it", uber(1500, &zeros)),
            ("a salt of zeros", [&uber(1500, &blob)[..8], &[0; 20], &uber(1500, &blob)[28..]].concat()),
        ] {
            assert!(inspect(&bytes).is_err(), "{what}");
        }
    }
}
