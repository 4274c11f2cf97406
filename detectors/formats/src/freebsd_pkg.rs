//! Keys of FreeBSD's `pkg key --create -t ecdsa|eddsa`. Their DER is pkg's own and not PKCS#8, so no other detector
//! reads them (libpkg/pkgsign_ecc.c): application "pkg", version, signer "ecc", curve name, whether it is public, the
//! key. RSA keys of pkg are PEM and reported as PEM.

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::material::{Encoding, Identity, Kind, Label, Material, Protection, Remark};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::ber::{BIT_STRING, BerReader, INTEGER, SEQUENCE};
use keyradius_readers::chance::looks_random;
use keyradius_readers::curves::{self, Curve};
use keyradius_readers::locate;
use keyradius_readers::public::{self, Domain, PublicKey};
use sha2::{Digest, Sha256};

/// Detects keys of FreeBSD's pkg.
#[derive(Debug)]
pub(crate) struct FreeBsdPkg;

/// Application, version and signer.
const ANCHOR: Anchor = Anchor::anywhere(&[0x0c, 3, b'p', b'k', b'g', 2, 1, 1, 0x0c, 3, b'e', b'c', b'c']);

/// X.680 8.4: UTF8String and BOOLEAN.
const UTF8_STRING: u8 = 0x0c;
const BOOLEAN: u8 = 0x01;

static ABOUT: About = About {
    id: "freebsd_pkg",
    title: "Signing key (FreeBSD pkg)",
    detects: "Private and public keys in the DER of FreeBSD's pkg key: ECDSA on the curves of SEC and Brainpool, \
              whose public key is computed, and EdDSA.",
    blind_to: "The public half of an EdDSA key, which is identified by a digest. A private key has no redundancy, so \
               it is not verified. RSA keys of pkg are PEM and reported as PEM.",
    respond: "Whoever has the key can sign repositories that machines with the public key in their repository \
              configuration install from. Make a new key, sign the catalogue again, and change the fingerprint or \
              public key on every machine.",
    references: &["FreeBSD pkg-key(8)", "FreeBSD pkg libpkg/pkgsign_ecc.c", "CWE-321"],
};

impl Detector for FreeBsdPkg {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[ANCHOR]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let wrong = Malformed::new("key of pkg", hit.at);
        let start = locate::sequence_before(blob.bytes, hit.at).ok_or(wrong)?;
        let outer = BerReader::new(blob.bytes.get(start..).unwrap_or_default()).value(SEQUENCE, "key of pkg")?;
        let mut fields = outer.children();
        fields.value(UTF8_STRING, "application")?;
        fields.value(INTEGER, "version")?;
        fields.value(UTF8_STRING, "signer")?;
        let name = fields.value(UTF8_STRING, "curve")?.content;
        let is_public = fields.value(BOOLEAN, "whether it is public")?.content != [0];
        // No unused bits, then the byte of an uncompressed point, which every kind of key has here.
        let key = fields.value(BIT_STRING, "key")?.content.strip_prefix(&[0, 4]).ok_or(wrong)?;
        if !fields.is_empty() || name.len() > 32 || !name.iter().all(u8::is_ascii_alphanumeric) {
            return Err(wrong);
        }
        let curve = curve(name);
        let point = match curve {
            Some(curve) if is_public => {
                let point = [&[4], key].concat();
                curve.decompress(&point).ok_or(wrong)?;
                Some(point)
            }
            Some(curve) => Some(curve.public_point(key).filter(|_| looks_random(key)).ok_or(wrong)?),
            None if is_public || key.len() < 32 || !looks_random(key) => return Err(wrong),
            None => None,
        };
        let span = start..start + outer.raw.len();
        let kind = if is_public { Kind::PublicKey } else { Kind::PrivateKey };
        let mut material = Material::new(kind, ABOUT.id, Encoding::Der, span);
        material.protection = (!is_public).then(Protection::plaintext);
        material.identity = Some(match curve.zip(point) {
            Some((curve, point)) => {
                let key = PublicKey::Ec { domain: Domain::Named(curve), point: &point };
                Identity::public(public::half(&key))
            }
            None => Identity::Opaque(Sha256::new().chain_update(b"pkg key\0").chain_update(key).finalize().into()),
        });
        material.labels.push(Label::new("curve", name));
        if is_public {
            material.remarks.push(Remark::FreeBsdPublic);
        }
        out.found(material);
        Ok(())
    }
}

/// The curves of pkg by libecc's names. WEI25519, the curve form that EdDSA is computed on, is not included.
fn curve(name: &[u8]) -> Option<&'static Curve> {
    curves::by_name(match name {
        b"SECP256K1" => "secp256k1",
        b"SECP256R1" => "P-256",
        b"SECP384R1" => "P-384",
        b"SECP521R1" | b"SECP512R1" => "P-521",
        b"BRAINPOOLP256R1" => "brainpoolP256r1",
        b"BRAINPOOLP256T1" => "brainpoolP256t1",
        b"BRAINPOOLP320R1" => "brainpoolP320r1",
        b"BRAINPOOLP320T1" => "brainpoolP320t1",
        b"BRAINPOOLP384R1" => "brainpoolP384r1",
        b"BRAINPOOLP384T1" => "brainpoolP384t1",
        b"BRAINPOOLP512R1" => "brainpoolP512r1",
        b"BRAINPOOLP512T1" => "brainpoolP512t1",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::ask;
    use keyradius_readers::ber::encode;

    fn key(curve: &[u8], public: u8, key: &[u8]) -> Vec<u8> {
        let text = |text: &[u8]| encode(UTF8_STRING, &[text]);
        encode(
            SEQUENCE,
            &[
                &text(b"pkg"),
                &encode(INTEGER, &[&[1]]),
                &text(b"ecc"),
                &text(curve),
                &encode(BOOLEAN, &[&[public]]),
                &encode(BIT_STRING, &[&[0, 4], key]),
            ],
        )
    }

    fn inspect(bytes: &[u8]) -> Result<Vec<Material>, Malformed> {
        ask::first(&FreeBsdPkg, "k", bytes, &[ANCHOR])
    }

    #[test]
    fn both_halves_are_one_key() {
        let scalar: Vec<u8> = (0..32_u8).map(|n| n.wrapping_mul(37).wrapping_add(5)).collect();
        let point = curves::by_name("secp256k1").unwrap().public_point(&scalar).unwrap();
        let private = inspect(&key(b"SECP256K1", 0, &scalar)).unwrap();
        let public = inspect(&[&[7; 9], &key(b"SECP256K1", 1, &point[1..])[..]].concat()).unwrap();
        assert_eq!(private[0].identity, public[0].identity);
        assert_eq!((private[0].kind, public[0].kind), (Kind::PrivateKey, Kind::PublicKey));
        let eddsa = inspect(&key(b"WEI25519", 0, &scalar)).unwrap();
        assert!(matches!(eddsa[0].identity, Some(Identity::Opaque(_))));
    }

    #[test]
    fn invalid_keys_are_refused() {
        let scalar: Vec<u8> = (0..32_u8).map(|n| n.wrapping_mul(37).wrapping_add(5)).collect();
        let whole = key(b"SECP256K1", 0, &scalar);
        for bytes in [
            key(b"SECP256K1", 0, &[0; 32]),
            key(b"SECP256K1", 0, &[0xff; 32]),
            key(b"SECP256K1", 1, &scalar),
            key(b"WEI25519", 0, &[7; 32]),
            key(b"", 0, &scalar[..8]),
            whole[..whole.len() - 1].to_vec(),
            whole[1..].to_vec(),
        ] {
            assert!(inspect(&bytes).is_err());
        }
    }
}
