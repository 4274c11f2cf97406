//! Key containers of Windows' CryptoAPI: the files under `Crypto\RSA`, of users and of the machine.
//!
//! A container holds up to two keys, one to sign and one to exchange. The container name and the public halves are
//! plaintext. The private halves are DPAPI blobs: they need the user's password or the machine's secrets, and name
//! their master key. The format has no magic number, so everything must fit: lengths that add up to the file, a name,
//! public keys of exactly the stated size, private keys that begin like DPAPI blobs.

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::material::{
    Encoding, Identity, Kind, Label, Material, Protection, ProtectionState, PublicHalf, Remark,
};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::capi::Little;
use keyradius_readers::number;
use keyradius_readers::public::{self, PublicKey};

/// Detects key containers of CryptoAPI.
#[derive(Debug)]
pub(crate) struct Dpapi;

static ABOUT: About = About {
    id: "dpapi",
    title: "Key container of Windows (CryptoAPI, DPAPI)",
    detects: "Key containers of CryptoAPI (Crypto\\RSA\\S-1-5-..., Crypto\\RSA\\MachineKeys): the plaintext public \
              half of each key, the name of the container and the GUID of the DPAPI master key that protects it.",
    blind_to: "Containers of CNG (Crypto\\Keys), whose public halves are not plaintext, bare DPAPI blobs, and DSS \
               keys. Nothing is decrypted.",
    respond: "The file is useful only with the master key (Protect\\SID\\GUID) and the user's password, or the \
              secrets of the machine: a backup or disk image contains both. If those may have leaked too, revoke the \
              certificates of the key and make a new key, preferably in a TPM.",
    references: &["Mimikatz kull_m_key", "MS-BKRP; CryptProtectData", "CWE-522"],
};

/// The version, then a zero field.
const ANCHOR: Anchor = Anchor::at_start(&[2, 0, 0, 0, 0, 0, 0, 0]);

/// The start of a DPAPI blob: version 1, and the GUID of the provider, df9d8cd0-1501-11d1-8c7a-00c04fc297eb.
const PROVIDER: [u8; 20] =
    [1, 0, 0, 0, 0xd0, 0x8c, 0x9d, 0xdf, 0x01, 0x15, 0xd1, 0x11, 0x8c, 0x7a, 0x00, 0xc0, 0x4f, 0xc2, 0x97, 0xeb];

/// Maximum length of a container name, in bytes.
const MAX_NAME: usize = 512;
/// Length of the digest after the name, if there is one.
const DIGEST: usize = 20;

impl Detector for Dpapi {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[ANCHOR]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        if !blob.window.last {
            return Err(Malformed::new("container", hit.at));
        }
        let container = Container::read(blob.bytes)?;
        for key in container.keys {
            let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Binary, 0..blob.bytes.len());
            material.identity = Some(Identity::public(key.public));
            let detail = format!("DPAPI, master key {}", key.master);
            material.protection = Some(Protection::new(ProtectionState::Strong, detail));
            material.labels.push(Label::new("container", container.name));
            material.remarks.push(key.meant_for);
            material.container = Some("CryptoAPI key container");
            out.found(material);
        }
        Ok(())
    }
}

struct Container<'a> {
    name: &'a [u8],
    keys: Vec<Key>,
}

struct Key {
    public: PublicHalf,
    /// GUID of the master key.
    master: String,
    meant_for: Remark,
}

impl<'a> Container<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut file = Little::new(bytes);
        file.take(8, "version")?;
        let mut length = || file.u32("length").map(|length| length as usize);
        let name = length()?;
        let (sign_public, sign_private) = (length()?, length()?);
        let (exchange_public, exchange_private) = (length()?, length()?);
        let digest = length()?;
        let (sign_flags, exchange_flags) = (length()?, length()?);
        if !(1..=MAX_NAME).contains(&name) || !matches!(digest, 0 | DIGEST) {
            return Err(Malformed::new("lengths", 8));
        }
        let name = file.take(name, "name")?;
        file.take(digest, "digest")?;
        let name = name.strip_suffix(b"\0").unwrap_or(name);
        if name.iter().any(u8::is_ascii_control) {
            return Err(Malformed::new("name", file.at()));
        }
        let mut keys = Vec::new();
        for (public, private, flags, meant_for) in [
            (sign_public, sign_private, sign_flags, Remark::MadeToSign),
            (exchange_public, exchange_private, exchange_flags, Remark::MadeToExchange),
        ] {
            let public = file.take(public, "public key")?;
            let private = file.take(private, "private key")?;
            file.take(flags, "export flag")?;
            if !public.is_empty() && !private.is_empty() {
                keys.push(Key { public: public_half(public)?, master: master(private)?, meant_for });
            }
        }
        if keys.is_empty() || file.at() != bytes.len() {
            return Err(Malformed::new("container", file.at()));
        }
        Ok(Self { name, keys })
    }
}

/// Reads RSA1, bytes of the modulus with its zeros, bits, bytes of data, exponent, modulus.
fn public_half(bytes: &[u8]) -> Result<PublicHalf, Malformed> {
    let mut fields = Little::new(bytes);
    if fields.take(4, "magic")? != b"RSA1" {
        return Err(Malformed::new("magic", 0));
    }
    let (length, bits) = (fields.u32("keylen")? as usize, fields.u32("bitlen")?);
    fields.u32("datalen")?;
    let e = fields.u32("pubexp")?.to_be_bytes();
    let n: Vec<u8> = fields.take(length, "modulus")?.iter().rev().copied().collect();
    let fits = (512..=16_384).contains(&bits) && number::bits(&n) == bits && n.last().is_some_and(|last| last & 1 == 1);
    if !fits || number::bits(&e) < 2 || e.last().is_none_or(|last| last & 1 == 0) {
        return Err(Malformed::new("RSA modulus and exponent", 4));
    }
    Ok(public::half(&PublicKey::Rsa { n: &n, e: &e }))
}

/// The GUID of the master key of a DPAPI blob, after the provider and a version.
fn master(blob: &[u8]) -> Result<String, Malformed> {
    let mut fields = Little::new(blob);
    if fields.take(PROVIDER.len(), "provider")? != PROVIDER {
        return Err(Malformed::new("DPAPI provider", 0));
    }
    fields.u32("master key version")?;
    let first = fields.u32("GUID")?;
    match fields.take(12, "GUID")? {
        [b0, b1, c0, c1, d0, d1, rest @ ..] => {
            let rest = keyradius_core::hex::hex(rest);
            Ok(format!("{first:08x}-{b1:02x}{b0:02x}-{c1:02x}{c0:02x}-{d0:02x}{d1:02x}-{rest}"))
        }
        _ => Err(Malformed::new("GUID", 0)),
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::ask;

    fn public_key() -> Vec<u8> {
        let fields = [72_u32, 512, 63, 65537].map(u32::to_le_bytes).concat();
        [&b"RSA1"[..], &fields, &[0xff; 64], &[0; 8]].concat()
    }

    fn container(name: &[u8]) -> Vec<u8> {
        let guid = [0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff];
        let private = [&PROVIDER[..], &[1, 0, 0, 0], &guid, &[9; 200]].concat();
        let public = public_key();
        let lengths = [name.len(), public.len(), private.len(), 0, 0, 20, 16, 0].map(|n| (n as u32).to_le_bytes());
        [ANCHOR.bytes, &lengths.concat(), name, &[3; 20], &public, &private, &[4; 16]].concat()
    }

    fn inspect(bytes: &[u8]) -> Result<Vec<Material>, Malformed> {
        ask::at(&Dpapi, "x", bytes, (ANCHOR, 0))
    }

    #[test]
    fn plaintext_fields_are_read() {
        let found = inspect(&container(b"le-signing\0")).unwrap();
        let [material] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(material.labels[0].text, "le-signing");
        let detail = &material.protection.as_ref().unwrap().detail;
        assert_eq!(detail, "DPAPI, master key 00112233-4455-6677-8899-aabbccddeeff");
        assert!(matches!(&material.identity, Some(Identity::Public(half)) if half.algorithm.bits == 512));
    }

    #[test]
    fn inconsistent_lengths_are_refused() {
        let good = container(b"le-signing\0");
        for length in 0..good.len() {
            assert!(inspect(&good[..length]).is_err(), "{length}");
        }
        assert!(inspect(&[&good[..], &[0]].concat()).is_err(), "trailing bytes");
        // Lengths, the header of the public key, the provider.
        for at in (8..40).step_by(4).chain([71, 75, 79, 155, 160, 170]) {
            let mut bytes = good.clone();
            bytes[at] ^= 0x71;
            assert!(inspect(&bytes).is_err(), "{at}");
        }
    }
}
