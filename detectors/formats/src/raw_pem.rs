//! Keys whose type only the PEM label gives: Nebula's, Tendermint's, and `ED25519 PRIVATE KEY` around bare bytes.
//!
//! The body has no structure of its own. An Ed25519 key contains its public half after the seed, which proves it; for
//! the others, the length must be right and the bytes must look random. `pkcs8` and similar detectors read DER under
//! any label that ends in PRIVATE KEY.

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::material::{Encoding, Identity, Kind, Label, Material, Protection, ProtectionState};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::armor::{self, Armor};
use keyradius_readers::chance;
use keyradius_readers::cursor::Cursor;
use keyradius_readers::public::{self, Domain, PublicKey, Raw};
use keyradius_readers::text::base64;
use keyradius_readers::{carrier, curves, proof, signs};

/// Detects bare keys in PEM.
#[derive(Debug)]
pub(crate) struct RawPem;

static ABOUT: About = About {
    id: "raw_pem",
    title: "Private key (bare bytes in PEM)",
    detects: "NEBULA X25519, P256, ED25519 and ECDSA P256 PRIVATE KEY, the encrypted forms of the last two, \
              TENDERMINT PRIVATE KEY (always encrypted), and ED25519 PRIVATE KEY around 32 or 64 bytes. Ed25519 keys \
              of 64 bytes are verified by their public half; a seed next to a foreign half signs too.",
    blind_to: "Nebula certificates are not read, so the network of a key is not reported. A key without its public \
               half is judged by its label, its length and whether its bytes look random.",
    respond: "A Nebula CA key (ED25519, ECDSA P256) lets its holder join the network as anyone: make a new CA and \
              install it on every host. A host key: sign a new one, and block the fingerprint of the old certificate. \
              A Tendermint key is a wallet: move its funds.",
    references: &["github.com/slackhq/nebula cert/pem.go", "github.com/cosmos/cosmos-sdk crypto/armor.go", "CWE-321"],
};

/// The body that a label announces.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Body {
    /// Seed and public key; if `short`, the seed alone is accepted.
    Ed25519 {
        short: bool,
    },
    X25519,
    P256,
    /// Nebula's protobuf message.
    NebulaEncrypted,
    Tendermint,
}

fn body(label: &str) -> Option<Body> {
    Some(match label {
        "NEBULA ED25519 PRIVATE KEY" => Body::Ed25519 { short: false },
        "ED25519 PRIVATE KEY" => Body::Ed25519 { short: true },
        "NEBULA X25519 PRIVATE KEY" => Body::X25519,
        "NEBULA P256 PRIVATE KEY" | "NEBULA ECDSA P256 PRIVATE KEY" => Body::P256,
        "NEBULA ED25519 ENCRYPTED PRIVATE KEY" | "NEBULA ECDSA P256 ENCRYPTED PRIVATE KEY" => Body::NebulaEncrypted,
        "TENDERMINT PRIVATE KEY" => Body::Tendermint,
        _ => return None,
    })
}

impl Detector for RawPem {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[armor::ANCHOR]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let Some((label, kind)) =
            armor::label(blob.bytes, hit.at).and_then(|label| body(&label).map(|kind| (label, kind)))
        else {
            return Ok(());
        };
        let armor = armor::read(blob.bytes, hit.at)?;
        out.decoded(armor.decoded());
        // A body without internal length ends only at its END line.
        if !armor.end_seen {
            return Err(Malformed::new("END line", armor.span.end));
        }
        let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Pem, armor.span.clone());
        match kind {
            Body::NebulaEncrypted => {
                material.protection = Some(nebula_protection(&armor.body)?);
                material.identity = Some(carrier::opaque(&armor.body));
            }
            Body::Tendermint => {
                material.protection = Some(tendermint_protection(&armor)?);
                material.identity = Some(carrier::opaque(&armor.body));
            }
            _ => plain(kind, &armor.body, &mut material)?,
        }
        material.remarks.extend(carrier::remarks(&armor));
        // The label distinguishes a Nebula CA from a host.
        material.labels.push(Label::new("PEM label", label.as_bytes()));
        out.found(material);
        Ok(())
    }
}

fn plain(kind: Body, body: &[u8], material: &mut Material) -> Result<(), Malformed> {
    let length = Malformed::new("length of a bare key", 0);
    material.protection = Some(Protection::plaintext());
    let half = match (kind, body.len()) {
        (Body::Ed25519 { .. }, 64) => {
            let (seed, told) = body.split_at_checked(32).ok_or(length)?;
            // The seed alone signs, whatever public half follows it.
            let (half, fit) = signs::ed25519(seed, told).ok_or(Malformed::new("seed of Ed25519", 0))?;
            fit.describe(material);
            half
        }
        (Body::Ed25519 { short: true } | Body::X25519, 32) => {
            random(body)?;
            let kind = if kind == Body::X25519 { Raw::X25519 } else { Raw::Ed25519 };
            let bytes = proof::raw_public(kind, body).ok_or(length)?;
            public::half(&PublicKey::Raw { kind, bytes: &bytes })
        }
        (Body::P256, 32) => {
            random(body)?;
            let curve = curves::by_ssh(b"nistp256").ok_or(length)?;
            let point = curve.public_point(body).ok_or(Malformed::new("scalar in range", 0))?;
            public::half(&PublicKey::Ec { domain: Domain::Named(curve), point: &point })
        }
        _ => return Err(length),
    };
    material.identity = Some(Identity::public(half));
    Ok(())
}

/// Whether bytes without redundancy could be a key. Placeholders are zeros, repetitions, text, or letters typed in
/// order, which decode to bytes that look random.
fn random(bytes: &[u8]) -> Result<(), Malformed> {
    let digits = zeroize::Zeroizing::new(base64(bytes));
    let neighbours = digits.as_bytes().iter().zip(digits.as_bytes().iter().skip(1));
    let steps = neighbours.filter(|(a, b)| b.abs_diff(**a) <= 1).count();
    if chance::looks_random(bytes) && steps * 2 < digits.len() {
        Ok(())
    } else {
        Err(Malformed::new("private number: a placeholder", 0))
    }
}

/// RawNebulaEncryptedData: 1 { 1 algorithm, 2 { 1 version, 2 memory in KiB, 3 iterations, 4 lanes, 5 salt } }, 2
/// ciphertext.
fn nebula_protection(body: &[u8]) -> Result<Protection, Malformed> {
    let [metadata, ciphertext] = bytes_of(body, [1, 2])?;
    let [algorithm, argon2] = bytes_of(metadata, [1, 2])?;
    let [salt] = bytes_of(argon2, [5])?;
    let [memory, passes, lanes] = numbers_of(argon2, [2, 3, 4])?;
    // Nonce and tag of AES-GCM, and at least a scalar.
    if algorithm != b"AES-256-GCM" || ciphertext.len() < 12 + 32 + 16 || salt.is_empty() || memory == 0 || passes == 0 {
        return Err(Malformed::new("Nebula encryption", 0));
    }
    let detail = format!("Argon2id {memory} KiB, {passes} passes, parallelism {lanes}, AES-256-GCM");
    Ok(Protection::new(ProtectionState::Strong, detail))
}

/// The value of a protobuf field.
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Reads the next field: its number and value. Supports the two wire types that Nebula uses.
fn field<'a>(fields: &mut Cursor<'a>) -> Result<(u64, Field<'a>), Malformed> {
    let key = varint(fields)?;
    let value = match key & 7 {
        0 => Field::Number(varint(fields)?),
        2 => {
            let at = fields.at();
            let length = usize::try_from(varint(fields)?).map_err(|_| Malformed::new("protobuf length", at))?;
            Field::Bytes(fields.take(length, "protobuf bytes")?)
        }
        _ => return Err(Malformed::new("protobuf wire type", fields.at())),
    };
    Ok((key >> 3, value))
}

fn varint(fields: &mut Cursor<'_>) -> Result<u64, Malformed> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let byte = fields.u8("protobuf number")?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(Malformed::new("protobuf number", fields.at()))
}

fn bytes_of<const N: usize>(message: &[u8], wanted: [u64; N]) -> Result<[&[u8]; N], Malformed> {
    let mut found = [None; N];
    let mut fields = Cursor::new(message);
    while !fields.is_empty() {
        if let (number, Field::Bytes(bytes)) = field(&mut fields)? {
            wanted
                .iter()
                .zip(&mut found)
                .filter(|(wanted, _)| **wanted == number)
                .for_each(|(_, slot)| *slot = Some(bytes));
        }
    }
    let mut all = [&[][..]; N];
    for (slot, bytes) in all.iter_mut().zip(found) {
        *slot = bytes.ok_or(Malformed::new("protobuf field", 0))?;
    }
    Ok(all)
}

fn numbers_of<const N: usize>(message: &[u8], wanted: [u64; N]) -> Result<[u64; N], Malformed> {
    let mut found = [0; N];
    let mut fields = Cursor::new(message);
    while !fields.is_empty() {
        if let (number, Field::Number(value)) = field(&mut fields)? {
            wanted.iter().zip(&mut found).filter(|(wanted, _)| **wanted == number).for_each(|(_, slot)| *slot = value);
        }
    }
    Ok(found)
}

/// The protection of cosmos-sdk's armor. Its headers name the derivation; the cost is a constant of the program.
fn tendermint_protection(armor: &Armor) -> Result<Protection, Malformed> {
    let salt = armor.header("salt").filter(|salt| salt.len() == 32 && salt.bytes().all(|b| b.is_ascii_hexdigit()));
    let detail = match armor.header("kdf") {
        Some("bcrypt") => "bcrypt cost 12, XSalsa20-Poly1305",
        Some("argon2") => "Argon2id 65536 KiB, 1 passes, parallelism 4, ChaCha20-Poly1305",
        _ => return Err(Malformed::new("kdf header", armor.span.start)),
    };
    // Nonce, tag and an amino key of 32 bytes with its prefix.
    if salt.is_none() || armor.body.len() < 12 + 16 + 32 {
        return Err(Malformed::new("salt header and ciphertext", armor.span.start));
    }
    Ok(Protection::new(ProtectionState::Strong, detail))
}

#[cfg(test)]
mod tests {

    use keyradius_core::material::Proof;

    use super::*;
    use crate::ask;

    fn pem(label: &str, headers: &str, body: &[u8]) -> String {
        let dashes = "-".repeat(5);
        format!("{dashes}BEGIN {label}{dashes}\n{headers}{}\n{dashes}END {label}{dashes}\n", base64(body))
    }

    fn inspect(text: &str) -> Result<Vec<Material>, Malformed> {
        ask::at(&RawPem, "ca.key", text, (armor::ANCHOR, 0))
    }

    fn noise() -> Vec<u8> {
        (0..32_u32).map(|n| (n * n * 37 + n * 101 + 19) as u8).collect()
    }

    fn nebula(algorithm: &[u8]) -> Vec<u8> {
        let field = |number: u8, bytes: &[u8]| [&[number << 3 | 2, bytes.len() as u8][..], bytes].concat();
        let argon = [&[0x08, 0x13, 0x10, 0x80, 0x80, 0x04, 0x18, 1, 0x20, 4][..], &field(5, &[7; 32])].concat();
        let metadata = [field(1, algorithm), field(2, &argon)].concat();
        [field(1, &metadata), field(2, &[9; 92])].concat()
    }

    #[test]
    fn labels_and_bodies() {
        let seed = noise();
        let both = [&seed[..], &proof::raw_public(Raw::Ed25519, &seed).unwrap()].concat();
        let wrong = [&seed[..], &seed].concat();
        let salt = "salt: 00112233445566778899AABBCCDDEEFF\n";
        let cosmos = |kdf: &str| format!("kdf: {kdf}\n{salt}type: secp256k1\n\n");
        let plain = |proof| Some((proof, "plaintext", ""));
        let strong = |detail| Some((Proof::Structure, "strong", detail));
        let argon = "Argon2id 65536 KiB, 1 passes, parallelism 4, AES-256-GCM";
        for (label, headers, body, expected) in [
            ("NEBULA ED25519 PRIVATE KEY", "", &both[..], plain(Proof::Verified)),
            ("NEBULA ED25519 PRIVATE KEY", "", &wrong, plain(Proof::Structure)),
            ("NEBULA ED25519 PRIVATE KEY", "", &seed, None),
            ("NEBULA ED25519 PRIVATE KEY", "", &[0; 64], None),
            ("ED25519 PRIVATE KEY", "", &both, plain(Proof::Verified)),
            ("ED25519 PRIVATE KEY", "", &seed, plain(Proof::Structure)),
            ("ED25519 PRIVATE KEY", "", &seed[1..], None),
            ("NEBULA X25519 PRIVATE KEY", "", &seed, plain(Proof::Structure)),
            ("NEBULA X25519 PRIVATE KEY", "", &[0; 32], None),
            ("NEBULA X25519 PRIVATE KEY", "", b"a password of thirty-two letters", None),
            ("NEBULA P256 PRIVATE KEY", "", &seed, plain(Proof::Structure)),
            ("NEBULA ECDSA P256 PRIVATE KEY", "", &seed, plain(Proof::Structure)),
            ("NEBULA ECDSA P256 PRIVATE KEY", "", &[0xff; 32], None),
            ("NEBULA ED25519 ENCRYPTED PRIVATE KEY", "", &nebula(b"AES-256-GCM"), strong(argon)),
            ("NEBULA ED25519 ENCRYPTED PRIVATE KEY", "", &nebula(b"ROT13"), None),
            ("NEBULA ED25519 ENCRYPTED PRIVATE KEY", "", &noise(), None),
            ("TENDERMINT PRIVATE KEY", &cosmos("bcrypt"), &[9; 77], strong("bcrypt cost 12, XSalsa20-Poly1305")),
            (
                "TENDERMINT PRIVATE KEY",
                &cosmos("argon2"),
                &[9; 77],
                strong("Argon2id 65536 KiB, 1 passes, parallelism 4, ChaCha20-Poly1305"),
            ),
            ("TENDERMINT PRIVATE KEY", &cosmos("md5"), &[9; 77], None),
            ("TENDERMINT PRIVATE KEY", "kdf: bcrypt\n\n", &[9; 77], None),
            ("TENDERMINT PRIVATE KEY", &cosmos("bcrypt"), &[9; 40], None),
        ] {
            let found = inspect(&pem(label, headers, body)).ok();
            let told = found.as_ref().map(|found| {
                let protection = found[0].protection.as_ref().unwrap();
                (found[0].proof, protection.state.id(), protection.detail.as_str())
            });
            assert_eq!(told, expected, "{label} {}", body.len());
        }
        let found = inspect(&pem("NEBULA ED25519 TESTING KEY", "", &both)).unwrap();
        assert_eq!(
            (found[0].proof, found[0].remarks.as_slice()),
            (Proof::Verified, &[keyradius_core::material::Remark::TestingKey][..])
        );
    }

    #[test]
    fn letters_in_order_are_not_a_key() {
        let dashes = "-".repeat(5);
        for letters in ["abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ=", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopq="]
        {
            let label = "NEBULA X25519 PRIVATE KEY";
            let text = format!("{dashes}BEGIN {label}{dashes}\n{letters}\n{dashes}END {label}{dashes}\n");
            assert!(inspect(&text).is_err(), "{letters}");
        }
    }

    #[test]
    fn any_byte_may_be_wrong() {
        let good = nebula(b"AES-256-GCM");
        for at in 0..good.len() {
            for wrong in [0, 1, 0x7f, 0x80, 0xff] {
                let mut body = good.clone();
                body[at] = wrong;
                let _ = inspect(&pem("NEBULA ED25519 ENCRYPTED PRIVATE KEY", "", &body));
            }
            let _ = inspect(&pem("NEBULA ED25519 ENCRYPTED PRIVATE KEY", "", &good[..at]));
        }
    }
}
