//! OpenSSH private keys: `openssh-key-v1` in PEM (`OPENSSH PRIVATE KEY`) or as bare bytes, as in decoded base64.
//!
//! The public key is not encrypted, so a key is identified whether it can be read or not (OpenSSH PROTOCOL.key). Other
//! detectors read private keys that OpenSSH writes in PKCS#1, SEC1 or PKCS#8.

mod open;
mod read;

use std::ops::Range;

use keyradius_core::blob::Blob;
use keyradius_core::error::{Malformed, Reason};
use keyradius_core::lock::{Lock, boxed};
use keyradius_core::material::{
    Encoding, Identity, Kind, Locked, Material, Proof, Protection, ProtectionState, Remark,
};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::ssh::{self, Public};
use keyradius_readers::{armor, carrier};
use sha2::{Digest, Sha256};

use read::{CUT, File, MAGIC};

/// Detects OpenSSH private keys.
#[derive(Debug)]
pub(crate) struct OpenSsh;

/// The gap reported for a key that continues after the bytes that are read at once.
const TOO_LARGE: &str = "an OpenSSH private key that exceeds the maximum read at once";

const RAW: Anchor = Anchor::anywhere(MAGIC);

static ABOUT: About = About {
    id: "openssh",
    title: "Private key (OpenSSH)",
    detects: "openssh-key-v1 files, in PEM (OPENSSH PRIVATE KEY) and as bare bytes at any offset: RSA, DSA, ECDSA, \
              Ed25519, and FIDO security key handles. The public key is read even when the private one is encrypted. \
              Verified when the file is not encrypted and the public numbers follow from the private ones (n = p * q \
              and d inverts e; the point of the scalar; the public key of the seed).",
    blind_to: "The comment of an encrypted key, and whether its password is a good one: only the cost of a guess is \
               reported (cipher and bcrypt rounds). Unknown key types (XMSS) are identified by a digest of the public \
               blob. The permissions of the key are not in the file: they are in authorized_keys, known_hosts and \
               TrustedUserCAKeys on other machines.",
    respond: "Remove the public key from every authorized_keys, forge account and deploy key list that has it (search \
              for the SHA256 fingerprint), or from TrustedUserCAKeys and @cert-authority lines if it signs \
              certificates, then make a new key. An encrypted key needs the same if its file leaked, with less \
              urgency. A FIDO handle is useless without its security key: replace it only if that is lost too.",
    references: &[
        "OpenSSH PROTOCOL.key",
        "OpenSSH PROTOCOL.u2f",
        "RFC 4253 6.6",
        "RFC 5656 3.1",
        "RFC 8709 4",
        "CWE-321",
        "CWE-798",
    ],
};

impl Detector for OpenSsh {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[armor::ANCHOR, RAW]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        if hit.anchor == RAW {
            let here = |error: Malformed| Malformed::new(error.what, hit.at + error.at);
            let bytes = blob.bytes.get(hit.at..).unwrap_or_default();
            let read = |out: &mut Inspection| {
                let file = File::read(bytes)?;
                report(&file, bytes, Encoding::Binary, &(hit.at..hit.at + file.length), &[], out)
            };
            return read(out).map_err(|error| {
                if error.what == CUT && !blob.window.last {
                    out.unread(Reason::TooLarge, TOO_LARGE);
                }
                here(error)
            });
        }
        if armor::label(blob.bytes, hit.at).as_deref() != Some("OPENSSH PRIVATE KEY") {
            return Ok(());
        }
        let armor = carrier::armor(blob, hit, out)?;
        let remarks: Vec<_> = carrier::remarks(&armor).collect();
        report(&File::read(&armor.body)?, &armor.body, Encoding::Pem, &armor.span, &remarks, out)
    }

    fn lock<'b>(&self, kept: &'b [u8]) -> Option<Box<dyn Lock + 'b>> {
        open::Key::read(kept).map(boxed)
    }
}

fn report(
    file: &File<'_>,
    bytes: &[u8],
    encoding: Encoding,
    span: &Range<usize>,
    remarks: &[Remark],
    out: &mut Inspection,
) -> Result<(), Malformed> {
    let keys = file.keys()?;
    let locked = file.is_encrypted().then(|| bytes.get(..file.length).map(Locked::new)).flatten();
    let mut opened =
        if file.is_encrypted() { Vec::new() } else { File::open(&keys, file.private, file.cut)? }.into_iter();
    for (key, blob) in keys.iter().zip(&file.publics) {
        let mut material = Material::new(Kind::PrivateKey, ABOUT.id, encoding, span.clone());
        let opened = opened.next().unwrap_or_default();
        material.protection = Some(protection_of(file, key.as_ref()));
        material.identity = Some(match opened.half.or_else(|| key.map(|key| key.half())) {
            Some(half) => Identity::public(half),
            None => Identity::Opaque(Sha256::digest(blob).into()),
        });
        if opened.verified {
            material.proof = Proof::Verified;
        }
        let hardware = material.protection.as_ref().is_some_and(|p| p.state == ProtectionState::Hardware);
        if file.is_encrypted() && !hardware {
            material.locked.clone_from(&locked);
        }
        material.labels.extend(opened.comment);
        material.remarks.extend(opened.remarks);
        material.remarks.extend(remarks);
        out.found(material);
    }
    Ok(())
}

fn protection_of(file: &File<'_>, key: Option<&Public<'_>>) -> Protection {
    let Some(key) = key.filter(|key| key.algorithm.is_security_key()) else { return file.protection.clone() };
    // From the input, and printed: only a valid name is shown.
    let application = Some(key.application).filter(|a| ssh::is_name(a)).map(String::from_utf8_lossy);
    let mut detail =
        format!("FIDO security key handle for {}", application.as_deref().unwrap_or("another application"));
    if file.is_encrypted() {
        detail = format!("{detail}, under {}", file.protection.detail);
    }
    Protection::new(ProtectionState::Hardware, detail)
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::ask;
    use crate::samples::RFC8032_SEED as SEED;
    use keyradius_core::hex::hex;
    use keyradius_readers::proof;
    use keyradius_readers::public::Raw;
    use keyradius_readers::text::base64;

    const ED25519_POINT: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

    fn string(bytes: &[u8]) -> Vec<u8> {
        [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
    }

    fn strings(fields: &[&[u8]]) -> Vec<u8> {
        fields.iter().flat_map(|field| string(field)).collect()
    }

    fn ed_public() -> Vec<u8> {
        strings(&[b"ssh-ed25519", &proof::raw_public(Raw::Ed25519, &SEED).unwrap()])
    }

    fn ed_private(comment: &[u8]) -> Vec<u8> {
        let point = proof::raw_public(Raw::Ed25519, &SEED).unwrap();
        strings(&[b"ssh-ed25519", &point, &[&SEED[..], &point].concat(), comment])
    }

    /// Check numbers, the keys, padding.
    fn section(keys: &[&[u8]]) -> Vec<u8> {
        let mut section = [&[7; 8][..], &keys.concat()].concat();
        for pad in 1.. {
            if section.len() % 8 == 0 {
                break;
            }
            section.push(pad);
        }
        section
    }

    fn file(cipher: &[u8], kdf: &[u8], options: &[u8], publics: &[&[u8]], private: &[u8]) -> Vec<u8> {
        let count = (publics.len() as u32).to_be_bytes();
        let publics: Vec<u8> = publics.iter().copied().flat_map(string).collect();
        [MAGIC, &strings(&[cipher, kdf, options]), &count, &publics, &string(private)].concat()
    }

    fn plain(publics: &[&[u8]], keys: &[&[u8]]) -> Vec<u8> {
        file(b"none", b"none", b"", publics, &section(keys))
    }

    fn bcrypt(rounds: u32) -> Vec<u8> {
        [string(&[9; 16]), rounds.to_be_bytes().to_vec()].concat()
    }

    fn inspect(bytes: &[u8], anchor: Anchor) -> Result<Vec<Material>, Malformed> {
        ask::first(&OpenSsh, "k", bytes, &[anchor])
    }

    fn ecdsa(d: u8) -> (Vec<u8>, Vec<u8>) {
        let point = keyradius_readers::curves::by_ssh(b"nistp521").unwrap().public_point(&[d]).unwrap();
        let public = strings(&[b"ecdsa-sha2-nistp521", b"nistp521", &point]);
        let private = [public.clone(), strings(&[&[d], b"ec"])].concat();
        (public, private)
    }

    #[test]
    fn states_and_proofs() {
        let (ec_public, ec_private) = ecdsa(9);
        let hardware = |name: &[u8]| strings(&[name, &[7; 32], b"ssh:"]);
        let sk = hardware(b"sk-ssh-ed25519@openssh.com");
        let sk_private = [sk.clone(), vec![1], strings(&[b"handle", b"", b"touch me"])].concat();
        let other = strings(&[b"ssh-ed25519", &[7; 32]]);
        let unknown = strings(&[b"ssh-xmss@openssh.com", b"anything"]);
        let mut wrong = ed_private(b"x");
        wrong[60] ^= 1;
        for (name, bytes, proof, state, detail, comment, remarks) in [
            (
                "Ed25519",
                plain(&[&ed_public()], &[&ed_private(b"me@here")]),
                Proof::Verified,
                "plaintext",
                "",
                "me@here",
                0,
            ),
            ("ECDSA", plain(&[&ec_public], &[&ec_private]), Proof::Verified, "plaintext", "", "ec", 0),
            ("damaged", plain(&[&ed_public()], &[&wrong]), Proof::Structure, "plaintext", "", "x", 2),
            ("swapped", plain(&[&other], &[&ed_private(b"y")]), Proof::Verified, "plaintext", "", "y", 1),
            ("unknown", plain(&[&unknown], &[&unknown]), Proof::Structure, "plaintext", "", "", 1),
            (
                "FIDO",
                plain(&[&sk], &[&sk_private]),
                Proof::Structure,
                "hardware",
                "FIDO security key handle for ssh:",
                "touch me",
                0,
            ),
            (
                "FIDO, encrypted",
                file(b"aes256-ctr", b"bcrypt", &bcrypt(16), &[&sk], &[0x5a; 96]),
                Proof::Structure,
                "hardware",
                "FIDO security key handle for ssh:, under bcrypt-pbkdf 16 rounds, aes256-ctr",
                "",
                0,
            ),
            (
                "encrypted",
                file(b"aes256-ctr", b"bcrypt", &bcrypt(16), &[&ed_public()], &[0x5a; 96]),
                Proof::Structure,
                "strong",
                "bcrypt-pbkdf 16 rounds, aes256-ctr",
                "",
                0,
            ),
            (
                "few rounds",
                file(b"3des-cbc", b"bcrypt", &bcrypt(4), &[&ed_public()], &[0x5a; 88]),
                Proof::Structure,
                "weak",
                "bcrypt-pbkdf 4 rounds, 3des-cbc",
                "",
                0,
            ),
        ] {
            let pem = format!(
                "key: |\n  -----BEGIN OPENSSH PRIVATE KEY-----\n  {}\n  -----END OPENSSH PRIVATE KEY-----\n",
                base64(&bytes)
            );
            for (found, encoding) in [
                (inspect(&[b"junk", &bytes[..], b"junk"].concat(), RAW), Encoding::Binary),
                (inspect(pem.as_bytes(), armor::ANCHOR), Encoding::Pem),
            ] {
                let found = found.unwrap_or_else(|error| panic!("{name}: {error}"));
                let [material] = found.as_slice() else { panic!("{name}: {} found", found.len()) };
                let protection = material.protection.as_ref().unwrap();
                assert_eq!((material.encoding, material.proof), (encoding, proof), "{name}");
                assert_eq!((protection.state.id(), protection.detail.as_str()), (state, detail), "{name}");
                assert_eq!(material.labels.first().map_or("", |label| &label.text), comment, "{name}");
                assert_eq!(material.remarks.len(), remarks, "{name}: {:?}", material.remarks);
                if encoding == Encoding::Binary {
                    assert_eq!(material.span, 4..4 + bytes.len(), "{name}");
                }
                match &material.identity {
                    Some(Identity::Public(half)) if name == "swapped" => {
                        assert!(hex(&half.spki).ends_with(ED25519_POINT));
                    }
                    // A key is what its seed signs as, even if the stored public key differs.
                    Some(Identity::Public(half)) if name == "damaged" => {
                        assert!(!hex(&half.spki).ends_with(ED25519_POINT));
                    }
                    Some(Identity::Public(_)) => assert_ne!(name, "unknown"),
                    _ => assert_eq!(name, "unknown"),
                }
            }
        }
    }

    #[test]
    fn several_keys_are_several_materials() {
        let (ec_public, ec_private) = ecdsa(9);
        let bytes = plain(&[&ed_public(), &ec_public], &[&ed_private(b"one"), &ec_private]);
        let found = inspect(&bytes, RAW).unwrap();
        let told: Vec<_> = found.iter().map(|m| (m.proof, m.labels[0].text.as_str())).collect();
        assert_eq!(told, [(Proof::Verified, "one"), (Proof::Verified, "ec")]);
    }

    #[test]
    fn any_byte_may_be_wrong() {
        let (ec_public, ec_private) = ecdsa(9);
        let bytes = plain(&[&ed_public(), &ec_public], &[&ed_private(b"one"), &ec_private]);
        for at in MAGIC.len()..bytes.len() {
            for wrong in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] = wrong;
                let _ = inspect(&bytes, RAW);
            }
        }
    }

    #[test]
    fn incomplete_input_is_refused() {
        let good = plain(&[&ed_public()], &[&ed_private(b"me")]);
        assert!(inspect(&good, RAW).is_ok());
        // The comment, and the bytes after it, may be cut: the key is complete and proves itself.
        let key = memchr::memmem::rfind(&good, &string(b"me")).unwrap();
        for length in MAGIC.len()..good.len() {
            let found = inspect(&good[..length], RAW);
            assert_eq!(found.is_ok_and(|found| found[0].proof == Proof::Verified), length >= key, "cut at {length}");
        }
        let mut foreign = ed_private(&[b'c'; 4000]);
        foreign[60] ^= 1;
        let cut = plain(&[&ed_public()], &[&foreign]);
        assert!(inspect(&cut[..cut.len() - 100], RAW).is_err(), "a truncated key without proof");
        let blob = ed_public();
        let mut unequal = section(&[&ed_private(b"me")]);
        unequal[0] ^= 1;
        let private = section(&[&strings(&[b"ssh-ed25519", &[7; 32], &[7; 64], b"me"])]);
        let unpadded = [&private[..private.len() - 1], &[0xff]].concat();
        for (name, bytes) in [
            ("check numbers", file(b"none", b"none", b"", &[&blob], &unequal)),
            ("padding of an unproven key", file(b"none", b"none", b"", &[&blob], &unpadded)),
            ("no key", plain(&[], &[])),
            ("too many keys", plain(&[&blob[..]; 17], &[&ed_private(b"")[..]; 17])),
            ("cipher without KDF", file(b"aes256-ctr", b"none", b"", &[&blob], &[0x5a; 96])),
            ("KDF without cipher", file(b"none", b"bcrypt", &bcrypt(16), &[&blob], &[0x5a; 96])),
            ("unknown KDF", file(b"aes256-ctr", b"scrypt", &bcrypt(16), &[&blob], &[0x5a; 96])),
            ("no rounds", file(b"aes256-ctr", b"bcrypt", &bcrypt(0), &[&blob], &[0x5a; 96])),
            ("half a block", file(b"aes256-ctr", b"bcrypt", &bcrypt(16), &[&blob], &[0x5a; 90])),
            ("missing tag", file(b"aes256-gcm@openssh.com", b"bcrypt", &bcrypt(16), &[&blob], &[0x5a; 96])),
            ("only the magic", [MAGIC, b"sshkey_private_to_blob2\0 and other names of functions"].concat()),
        ] {
            assert!(inspect(&bytes, RAW).is_err(), "{name}");
        }
        for text in
            ["-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n", "-----BEGIN OPENSSH PRIVATE KEY-----\\n"]
        {
            assert!(inspect(text.as_bytes(), armor::ANCHOR).is_err());
        }
        assert!(
            inspect(b"-----BEGIN RSA PRIVATE KEY-----\n", armor::ANCHOR).unwrap().is_empty(),
            "a label of another detector"
        );
    }
}
