//! Keystores of Ethereum: Web3 Secret Storage version 3 of accounts, and ERC-2335 (version 4) of validators.
//!
//! A keystore is JSON with a cipher, a key derivation and a check value; everything but the key is plaintext. The
//! address of the account, or the public key of the validator, is usually included. The point on the curve is not, so
//! the key is identified by its ciphertext until it is opened.

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::material::{Encoding, Kind, Label, Material, Protection, ProtectionState};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::carrier;
use keyradius_readers::object::Object;

use zeroize::Zeroizing;

/// Detects keystores of Ethereum.
#[derive(Debug)]
pub(crate) struct EthereumKeystore;

static ABOUT: About = About {
    id: "ethereum_keystore",
    title: "Ethereum keystore (version 3, ERC-2335)",
    detects: "Keystore files of geth, web3 and compatible tools (UTC--..., version 3) and of validators (ERC-2335, \
              version 4), with address or public key, key derivation and its cost, also inside other JSON and JSON \
              strings.",
    blind_to: "The key itself: passwords are not tried on these files yet, so a copy with another password counts as \
               another key.",
    respond: "An attacker can guess the password offline, at any speed. Move the funds of the account to a new one; \
              stop and exit a validator before anyone else starts it.",
    references: &["Ethereum wiki: Web3 Secret Storage Definition", "ERC-2335", "CWE-321"],
};

const ANCHOR: Anchor = Anchor::anywhere(b"aes-128-ctr");

/// Cost below which guessing is cheap: scrypt's N times r times p (geth's light form has 196,608, its ordinary form two
/// million), and iterations of PBKDF2 (SP 800-132 asks for as many as tolerable; OWASP for 600,000).
const CHEAP_SCRYPT: u64 = 200_000;
const CHEAP_PBKDF2: u64 = 100_000;

impl Detector for EthereumKeystore {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[ANCHOR]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        if !out.may_work() {
            return Ok(());
        }
        let mut work = 0;
        let found = Object::enclosing(blob.bytes, hit.at, &mut work).find_map(|outer| {
            let store = Store::read(outer.object("crypto")?)?;
            Some((outer, store))
        });
        out.work(work);
        let Some((outer, store)) = found else {
            return Err(Malformed::new("keystore around its cipher", hit.at));
        };
        let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Text, outer.span.clone());
        material.identity = Some(carrier::opaque(&store.ciphertext));
        material.protection = Some(store.protection);
        let names = [("address", "address"), ("pubkey", "public key"), ("path", "path"), ("name", "name")];
        let label = |(field, kind)| Some(Label::new(kind, outer.text(field)?)).filter(|label| !label.text.is_empty());
        material.labels.extend(names.into_iter().filter_map(label));
        out.found(material);
        Ok(())
    }
}

/// The readable parts of a keystore.
struct Store {
    ciphertext: Zeroizing<Vec<u8>>,
    protection: Protection,
}

impl Store {
    fn read(crypto: &Object<'_>) -> Option<Self> {
        let four = crypto.object("cipher");
        let (cipher, iv, ciphertext, check, kdf, params) = match four {
            None => (
                crypto.text("cipher")?,
                crypto.object("cipherparams")?.text("iv")?,
                crypto.text("ciphertext")?,
                crypto.text("mac")?,
                crypto.text("kdf")?,
                crypto.object("kdfparams")?,
            ),
            Some(cipher) => (
                cipher.text("function")?,
                cipher.object("params")?.text("iv")?,
                cipher.text("message")?,
                crypto.object("checksum")?.text("message")?,
                crypto.object("kdf")?.text("function")?,
                crypto.object("kdf")?.object("params")?,
            ),
        };
        let ciphertext = unhex(ciphertext).filter(|bytes| bytes.len() == 32)?;
        let whole = cipher == b"aes-128-ctr"
            && unhex(iv)?.len() == 16
            && unhex(check)?.len() == 32
            && unhex(params.text("salt")?)?.len() >= 8
            && ciphertext.iter().any(|byte| *byte != ciphertext.first().copied().unwrap_or(0));
        let number = |name| str::from_utf8(params.text(name)?).ok()?.parse::<u64>().ok();
        let (cost, cheap, detail) = match kdf {
            b"scrypt" => {
                let (n, r, p) = (number("n")?, number("r")?, number("p")?);
                let cost = n.saturating_mul(r).saturating_mul(p);
                (cost, CHEAP_SCRYPT, format!("scrypt N={n} r={r} p={p}, AES-128-CTR"))
            }
            b"pbkdf2" => {
                let iterations = number("c")?;
                (iterations, CHEAP_PBKDF2, format!("PBKDF2-HMAC-SHA256 {iterations} iterations, AES-128-CTR"))
            }
            _ => return None,
        };
        let state = if cost < cheap { ProtectionState::Weak } else { ProtectionState::Strong };
        whole.then(|| Self { ciphertext, protection: Protection::new(state, detail) })
    }
}

/// Decodes hex digits, with or without `0x`.
fn unhex(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    keyradius_core::hex::unhex(text.strip_prefix(b"0x").unwrap_or(text))
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::ask;

    fn inspect(text: &str) -> Result<Vec<Material>, Malformed> {
        ask::first(&EthereumKeystore, "UTC--", text, &[ANCHOR])
    }

    fn three(kdf: &str, params: &str) -> String {
        let (iv, text, mac, salt) = ("1f".repeat(16), "2e3d".repeat(16), "3a".repeat(32), "4b".repeat(32));
        format!(
            r#"{{"address":"00ff","crypto":{{"cipher":"aes-128-ctr","ciphertext":"{text}","cipherparams":{{"iv":"{iv}"}},
            "kdf":"{kdf}","kdfparams":{{"dklen":32,{params},"salt":"{salt}"}},"mac":"{mac}"}},"id":"x","version":3}}"#
        )
    }

    fn four() -> String {
        let (iv, text, sum, salt) = ("1f".repeat(16), "2e3d".repeat(16), "3a".repeat(32), "4b".repeat(32));
        format!(
            r#"{{"crypto":{{"kdf":{{"function":"scrypt","params":{{"dklen":32,"n":262144,"p":1,"r":8,"salt":"{salt}"}},"message":""}},
            "checksum":{{"function":"sha256","params":{{}},"message":"{sum}"}},"cipher":{{"function":"aes-128-ctr",
            "params":{{"iv":"{iv}"}},"message":"{text}"}}}},"pubkey":"8a","path":"m/12381/60/0/0/0","version":4}}"#
        )
    }

    #[test]
    fn both_versions() {
        let scrypt = r#""n":262144,"r":8,"p":1"#;
        for (text, state, labels) in [
            (three("scrypt", scrypt), ProtectionState::Strong, 1),
            (three("scrypt", r#""n":4096,"r":8,"p":6"#), ProtectionState::Weak, 1),
            (three("pbkdf2", r#""c":262144,"prf":"hmac-sha256""#), ProtectionState::Strong, 1),
            (three("pbkdf2", r#""c":1000,"prf":"hmac-sha256""#), ProtectionState::Weak, 1),
            (three("scrypt", scrypt).replace("crypto", "Crypto"), ProtectionState::Strong, 1),
            (format!("{{\"wallets\":[{}]}}", three("scrypt", scrypt)), ProtectionState::Strong, 1),
            (
                format!("{{\"w\":\"{}\"}}", three("scrypt", scrypt).replace('"', "\\\"").replace('\n', "\\n")),
                ProtectionState::Strong,
                1,
            ),
            (four(), ProtectionState::Strong, 2),
        ] {
            let found = inspect(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_eq!(found[0].protection.as_ref().unwrap().state, state, "{text}");
            assert_eq!(found[0].labels.len(), labels, "{text}");
        }
    }

    #[test]
    fn incomplete_keystores_are_refused() {
        let whole = three("scrypt", r#""n":262144,"r":8,"p":1"#);
        for (from, to) in [
            ("2e3d2e3d", "..."),
            ("2e3d", "2e2e"),
            ("scrypt", "bcrypt"),
            ("\"mac\"", "\"_\""),
            ("1f1f1f1f", ""),
            ("\"n\":262144", "\"n\":\"<n>\""),
        ] {
            assert!(inspect(&whole.replace(from, to)).is_err(), "{from}");
        }
        assert!(inspect("cipher = \"aes-128-ctr\"").is_err());
    }
}
