//! Keys of validators and nodes of Tendermint and CometBFT: `priv_validator_key.json` and `node_key.json` of Cosmos
//! chains.
//!
//! The format is Amino JSON: an object with the type, `tendermint/PrivKeyEd25519` or `tendermint/PrivKeySecp256k1`, and
//! the value in base64, which is seed and public key, or the number alone. The type is the anchor; the object around it
//! is read in any file, also in a string of other JSON or a Kubernetes Secret. Ed25519 is proven if the second half is
//! the public key of the first. A foreign half is reported too, because the seed signs. A secp256k1 number has no
//! redundancy; the type identifies it.
//!
//! Not found: types without `tendermint/` before the name, and the types of sr25519 and BLS12-381.

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::material::{Encoding, Identity, Kind, Label, Material, Protection};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::object::Object;
use keyradius_readers::{signs, wallet};

/// Detects keys of Tendermint and CometBFT.
#[derive(Debug)]
pub(crate) struct Tendermint;

static ABOUT: About = About {
    id: "tendermint",
    title: "Validator or node key (Tendermint, CometBFT)",
    detects: "priv_validator_key.json and node_key.json, and the same object inside other files: Ed25519, proven by \
              its public half, and secp256k1.",
    blind_to: "Keys of sr25519 and BLS12-381, and keys that a remote signer keeps in a format of its own.",
    respond: "With a validator's key anybody can sign two blocks of one height, and the stake is slashed: stop the \
              validator, rotate its consensus key if the chain supports it, or unbond it. With a node's key anybody \
              can pass as that node to its peers: make a new key.",
    references: &["CometBFT: crypto/encoding and privval/file.go", "Amino JSON", "CWE-321"],
};

/// The type without its slash, which JSON may escape.
const ANCHORS: [Anchor; 2] = [Anchor::anywhere(b"PrivKeyEd25519"), Anchor::anywhere(b"PrivKeySecp256k1")];

impl Detector for Tendermint {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &ANCHORS
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        if !out.may_work() {
            return Ok(());
        }
        let mut work = 0;
        let key = Object::around(blob.bytes, hit.at, &mut work);
        out.work(work);
        let key = key.ok_or(Malformed::new("object of a typed key", hit.at))?;
        let is_typed =
            key.text("type").is_some_and(|kind| kind.starts_with(b"tendermint") && kind.ends_with(hit.anchor.bytes));
        if !is_typed {
            return Ok(());
        }
        let value = key.base64("value").ok_or(Malformed::new("value of a typed key", hit.at))?;
        let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Text, key.span.clone());
        match (hit.anchor.bytes, value.split_at_checked(32)) {
            (b"PrivKeyEd25519", Some((seed, public))) if public.len() == 32 => {
                let (half, fit) =
                    signs::ed25519(seed, public).ok_or(Malformed::new("the public key of the seed", hit.at))?;
                fit.describe(&mut material);
                material.identity = Some(Identity::public(half));
            }
            (b"PrivKeySecp256k1", Some((number, []))) => {
                let identity = wallet::identity(number);
                material.identity =
                    Some(identity.ok_or(Malformed::new("number below the order of secp256k1", hit.at))?);
            }
            _ => return Err(Malformed::new("type and length of a typed key", hit.at)),
        }
        material.protection = Some(Protection::plaintext());
        // The address belongs to the consensus key, and only a validator's file has it.
        let mut work = 0;
        let around = Object::enclosing(blob.bytes, hit.at, &mut work).nth(1);
        out.work(work);
        material.labels.extend(around.and_then(|file| Some(Label::new("address", file.text("address")?))));
        out.found(material);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use keyradius_core::blob::Origin;
    use keyradius_core::material::Proof;
    use keyradius_readers::proof;
    use keyradius_readers::public::Raw;
    use keyradius_readers::text::base64;

    use super::*;

    fn inspect(text: &str) -> Result<Vec<Material>, Malformed> {
        let origin = Origin::file("k");
        let find = |anchor: &Anchor<'static>| Some((*anchor, memchr::memmem::find(text.as_bytes(), anchor.bytes)?));
        let (anchor, at) = ANCHORS.iter().find_map(find).unwrap_or((ANCHORS[0], 0));
        let mut out = Inspection::default();
        Tendermint.inspect(Blob::whole(text.as_bytes(), &origin), Hit { anchor, at }, &mut out)?;
        Ok(out.take())
    }

    #[test]
    fn objects_are_read_in_any_context() {
        let seed: Vec<u8> = (0..32_u8).map(|n| n.wrapping_mul(37)).collect();
        let public = proof::raw_public(Raw::Ed25519, &seed).unwrap();
        let key = |kind: &str, bytes: &[u8]| format!(r#"{{"type":"tendermint/{kind}","value":"{}"}}"#, base64(bytes));
        let pair = key("PrivKeyEd25519", &[&seed[..], &public].concat());
        let file = format!(r#"{{"address":"0A1B","pub_key":{{"type":"x","value":"eA=="}},"priv_key":{pair}}}"#);
        let found = inspect(&file).unwrap();
        assert_eq!(found[0].span, file.len() - 1 - pair.len()..file.len() - 1);
        assert_eq!((found[0].proof, &*found[0].labels[0].text), (Proof::Verified, "0A1B"));
        let quoted = format!("x: \"{}\"", file.replace('"', "\\\""));
        assert_eq!(inspect(&quoted).unwrap()[0].identity, found[0].identity);
        let php = file.replace('/', "\\/");
        assert_eq!(inspect(&php).unwrap()[0].identity, found[0].identity);
        let net = file.replace('/', "\\u002f").replace('+', "\\u002B").replace('=', "\\u003d");
        assert_eq!(inspect(&net).unwrap()[0].identity, found[0].identity);
        assert!(inspect(&file.replace("tendermint", "other")).unwrap().is_empty());
        assert!(inspect(&key("PrivKeySecp256k1", &seed)).unwrap()[0].labels.is_empty());
        assert_eq!(
            inspect(&key("PrivKeyEd25519", &[&seed[..], &[9; 32]].concat())).unwrap()[0].proof,
            Proof::Structure
        );
        for (kind, bytes) in [
            ("PrivKeyEd25519", &seed[..]),
            ("PrivKeyEd25519", &[0; 64]),
            ("PrivKeySecp256k1", &[0; 32]),
            ("PrivKeySecp256k1", &[0xff; 32]),
        ] {
            assert!(inspect(&key(kind, bytes)).is_err(), "{kind}");
        }
    }
}
