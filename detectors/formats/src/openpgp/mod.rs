//! OpenPGP keys (RFC 9580, RFC 4880), secret and public: armored blocks, binary keys and keyrings at the start of a file,
//! and the usual kinds of binary keys at any offset.
//!
//! Every secret key and subkey packet is judged separately: in one export the primary key can be a stub while the
//! subkeys are usable, or the reverse. Fingerprint, user ids and key flags are readable without a passphrase, so an
//! encrypted key has the same identity as a plaintext key. A packet counts only if version, time, algorithm and every
//! number parse; the secret numbers of a plaintext key also have a checksum, and are proven by arithmetic.
//!
//! A public key (of a certificate, RFC 9580 10.1) has the same identity as its secret key, so it joins it.

mod locate;
mod open;
mod signature;

use std::ops::Range;

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::lock::{Lock, boxed};
use keyradius_core::material::{
    Encoding, Identity, Kind, Label, Locked, Material, Proof, Protection, ProtectionState, Remark,
};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::openpgp::{
    self, PUBLIC_KEY, PUBLIC_SUBKEY, PublicOnly, SECRET_KEY, SECRET_SUBKEY, SIGNATURE, USER_ID,
};
use keyradius_readers::{armor, carrier};

/// Detects OpenPGP secret keys.
#[derive(Debug)]
pub(crate) struct OpenPgp;

static ABOUT: About = About {
    id: "openpgp",
    title: "OpenPGP key",
    detects: "Secret key and subkey packets, versions 2 to 6, in armor and in binary files that begin with one \
              (exports, secring.gpg), and version 4 keys of RSA with the usual exponent and of Ed25519 at any offset: \
              each with its fingerprint, user ids, key flags and protection. Stubs (gnu-dummy) and keys on smart \
              cards are reported as such. Verified when the arithmetic fits. Public keys and subkeys (certificates, \
              keyrings) in the same places, which join their secret keys and are what a hunt finds.",
    blind_to: "Other binary keys that are not at the start of a file or of a decoded body. GnuPG's private-keys-v1.d. \
               Signatures are read for their key flags and not verified. Partial packet lengths of keys.",
    respond: "If only a subkey leaked, revoke that subkey and keep the primary key. If the primary key leaked, \
              publish its revocation certificate: whoever has the key can also change its expiry. Then find what \
              verifies with it: package repositories, release checks, signed tags.",
    references: &["RFC 9580", "RFC 4880", "GnuPG doc/DETAILS", "CWE-321"],
};

impl Detector for OpenPgp {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    /// Key packets with one, two and four length octets in the old framing, and in the new one; and rare bytes inside
    /// keys.
    fn anchors(&self) -> &'static [Anchor<'static>] {
        const ANCHORS: [Anchor; 66] = [
            armor::ANCHOR,
            locate::EXPONENT,
            locate::ED25519,
            Anchor::at_start(&[0x94]),
            Anchor::at_start(&[0x95]),
            Anchor::at_start(&[0x96]),
            Anchor::at_start(&[0xc5]),
            // A public key, and a marker: a key may follow.
            Anchor::at_start(&[0x98]),
            Anchor::at_start(&[0x99]),
            Anchor::at_start(&[0x9a]),
            Anchor::at_start(&[0xc6]),
            Anchor::at_start(&[0xa8]),
            Anchor::at_start(&[0xca]),
            // A secret key may also follow a signature (PNG begins with 89 50), subkeys, trust, user ids and
            // attributes, comments, padding and private packets: GnuPG skips everything that does not belong to a key.
            Anchor::at_start(&[0x88]),
            Anchor::at_start(&[0x89, 0]),
            Anchor::at_start(&[0x89, 1]),
            Anchor::at_start(&[0x89, 2]),
            Anchor::at_start(&[0x8a, 0]),
            Anchor::at_start(&[0xc2]),
            Anchor::at_start(&[0x9c]),
            Anchor::at_start(&[0x9d]),
            Anchor::at_start(&[0x9e]),
            Anchor::at_start(&[0xc7]),
            Anchor::at_start(&[0xb0]),
            Anchor::at_start(&[0xb1]),
            Anchor::at_start(&[0xb2]),
            Anchor::at_start(&[0xcc]),
            Anchor::at_start(&[0xb4]),
            Anchor::at_start(&[0xb5]),
            Anchor::at_start(&[0xb6]),
            Anchor::at_start(&[0xcd]),
            Anchor::at_start(&[0xb8]),
            Anchor::at_start(&[0xb9]),
            Anchor::at_start(&[0xba]),
            Anchor::at_start(&[0xce]),
            Anchor::at_start(&[0xd0]),
            Anchor::at_start(&[0xd1]),
            Anchor::at_start(&[0xd5]),
            Anchor::at_start(&[0xfc]),
            Anchor::at_start(&[0xfd]),
            Anchor::at_start(&[0xfe]),
            Anchor::at_start(&[0xa9]),
            Anchor::at_start(&[0xaa]),
            // And behind messages: session keys, one-pass signatures, encrypted and literal data and their checks.
            Anchor::at_start(&[0x84]),
            Anchor::at_start(&[0x85]),
            Anchor::at_start(&[0x86]),
            Anchor::at_start(&[0xc1]),
            Anchor::at_start(&[0x8c]),
            Anchor::at_start(&[0x8d]),
            Anchor::at_start(&[0x8e]),
            Anchor::at_start(&[0xc3]),
            Anchor::at_start(&[0x90]),
            Anchor::at_start(&[0x91]),
            Anchor::at_start(&[0x92]),
            Anchor::at_start(&[0xc4]),
            Anchor::at_start(&[0xa4]),
            Anchor::at_start(&[0xa5]),
            Anchor::at_start(&[0xa6]),
            Anchor::at_start(&[0xc9]),
            Anchor::at_start(&[0xac]),
            Anchor::at_start(&[0xad]),
            Anchor::at_start(&[0xae]),
            Anchor::at_start(&[0xcb]),
            Anchor::at_start(&[0xd2]),
            Anchor::at_start(&[0xd3]),
            Anchor::at_start(&[0xd4]),
        ];
        &ANCHORS
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        if hit.anchor == armor::ANCHOR {
            let Some(armor) = carrier::pem(blob, hit, is_wanted, out)? else { return Ok(()) };
            let (keys, _) = read(&armor.body, true)?;
            for mut key in keys {
                key.encoding = Encoding::Pem;
                key.span = armor.span.clone();
                key.remarks.extend(carrier::remarks(&armor));
                out.found(key);
            }
            return Ok(());
        }
        let start = if hit.anchor.at_start {
            0
        } else {
            let Some(start) = locate::key_before(blob.bytes, hit.anchor, hit.at) else { return Ok(()) };
            start
        };
        let bytes = blob.bytes.get(start..).unwrap_or_default();
        if hit.anchor.at_start {
            first_key(bytes)?;
        } else if !is_key(&openpgp::packet(bytes, 0)?, bytes)? {
            return Err(Malformed::new("time, algorithms and a packet after the key", start));
        }
        let (keys, end) = read(bytes, hit.anchor.at_start)?;
        for mut key in keys {
            key.span = start..start + end;
            out.found(key);
        }
        Ok(())
    }

    fn lock<'b>(&self, kept: &'b [u8]) -> Option<Box<dyn Lock + 'b>> {
        open::Ring::read(kept).map(boxed)
    }
}

/// Whether a label may precede keys: GnuPG imports secret keys from a block with any of its labels (g10/armor.c).
fn is_wanted(label: &str) -> bool {
    label.starts_with("PGP ")
}

/// Whether a packet is a primary key, secret or public.
const fn is_primary(kind: u8) -> bool {
    matches!(kind, SECRET_KEY | PUBLIC_KEY)
}

/// Reads up to the first key of a file that begins with keyring packets. An unreadable key does not hide those after it.
fn first_key(bytes: &[u8]) -> Result<(), Malformed> {
    let mut at = 0;
    loop {
        let packet = openpgp::packet(bytes, at)?;
        if is_key(&packet, bytes).unwrap_or(false) {
            return Ok(());
        }
        at = packet.end;
    }
}

/// Plausible creation times of a binary key: 1991-01-01, before which there was no PGP, to 2100-01-01.
const TIMES: Range<u32> = 662_688_000..4_102_444_800;

/// Whether a packet is a plausible key. One octet of framing proves little. So a key that its own numbers do not prove
/// must have known algorithms and a plausible time, and the end of the file or another packet must follow.
fn is_key(packet: &openpgp::Packet<'_>, bytes: &[u8]) -> Result<bool, Malformed> {
    let (verified, known, created) = match packet.kind {
        SECRET_KEY | SECRET_SUBKEY => {
            let key = openpgp::secret_key(packet.body)?;
            (key.verified, key.known, key.created)
        }
        PUBLIC_KEY | PUBLIC_SUBKEY => {
            let key = public_key(packet.kind, packet.body)?;
            (false, key.known, key.created)
        }
        _ => return Ok(false),
    };
    // Signature, keys, trust, user id, user attribute.
    let is_followed = packet.end == bytes.len()
        || openpgp::packet(bytes, packet.end).is_ok_and(|next| matches!(next.kind, 2 | 6 | 7 | 12 | 13 | 14 | 17));
    Ok(verified || (known && is_followed && TIMES.contains(&created)))
}

fn public_key(kind: u8, body: &[u8]) -> Result<PublicOnly, Malformed> {
    openpgp::public_key(body, kind == PUBLIC_SUBKEY, ABOUT.id)
}

/// Maximum number of user ids kept for one key.
const MAX_USERS: usize = 16;

/// Maximum number of labels in one run of packets. Subkeys get the user ids of their primary key, so a file with many
/// of both would need memory for their product.
const MAX_LABELS: usize = 1 << 14;

/// Reads packets from the start of `bytes` until the first that is not a packet. Returns the keys and the end of the
/// packets.
///
/// Unless `whole`, stops before the next primary key that an anchor of its own finds. Every key of a ring has an
/// anchor; reading each to the end of the ring would take quadratic time.
fn read(bytes: &[u8], whole: bool) -> Result<(Vec<Material>, usize), Malformed> {
    let mut ring = Ring::default();
    // The end of the last packet of a kind that is in use: what follows may be no packet at all.
    let (mut at, mut end) = (0, 0);
    while at < bytes.len() {
        let packet = openpgp::packet(bytes, at);
        if !whole && at > 0 && packet.as_ref().is_ok_and(|packet| is_found_alone(packet, bytes)) {
            break;
        }
        match packet {
            Ok(packet) => {
                ring.packet(packet.kind, packet.body);
                at = packet.end;
                if is_assigned(packet.kind) {
                    end = at;
                }
            }
            // Text after a block without an END line, zeros after a key in flash memory: keep what was read.
            Err(_) if !ring.keys.is_empty() => break,
            Err(error) => return Err(ring.error.unwrap_or(error)),
        }
    }
    ring.close();
    if ring.keys.is_empty() {
        return Err(ring.error.unwrap_or(Malformed::new("secret key packet", at)));
    }
    Ok((ring.keys, end))
}

/// Whether a packet type is in use (RFC 9580 5, and 16 and 60 to 63, which are private or were comments).
const fn is_assigned(kind: u8) -> bool {
    matches!(kind, 1..=14 | 16..=21 | 60..=63)
}

/// Whether an anchor leads to this packet and it is then accepted as a key.
fn is_found_alone(packet: &openpgp::Packet<'_>, bytes: &[u8]) -> bool {
    is_primary(packet.kind) && locate::has_anchor(packet.body) && is_key(packet, bytes).unwrap_or(false)
}

/// Whether a password would open the key.
const fn is_locked(protection: &Protection) -> bool {
    matches!(protection.state, ProtectionState::Weak | ProtectionState::Strong)
}

/// The keys of a ring, and the state of the reader.
#[derive(Default)]
struct Ring {
    keys: Vec<Material>,
    /// Index of the first key of the current primary key.
    primary: usize,
    users: Vec<Label>,
    /// Time of the signature that gave the last key its uses.
    stated: u32,
    /// Whether the last key packet could not be read.
    skipping: bool,
    /// The locked keys since the current primary key, framed again: all that is needed to try passwords.
    locked: Vec<u8>,
    /// Number of labels given out.
    labels: usize,
    /// The error of the first key packet that could not be read.
    error: Option<Malformed>,
}

impl Ring {
    fn packet(&mut self, kind: u8, body: &[u8]) {
        match kind {
            SECRET_KEY => {
                self.close();
                self.key(kind, body, &[]);
            }
            SECRET_SUBKEY => self.key(kind, body, &[Remark::Subkey]),
            USER_ID if self.users.len() < MAX_USERS => self.users.push(Label::new("user id", body)),
            SIGNATURE => self.signature(body),
            PUBLIC_KEY => {
                self.close();
                self.public(kind, body);
            }
            PUBLIC_SUBKEY => self.public(kind, body),
            // GnuPG imports keys after packets of any kind, known to it or not.
            _ => {}
        }
    }

    fn public(&mut self, kind: u8, body: &[u8]) {
        match public_key(kind, body) {
            Ok(key) => self.add(key.material),
            Err(error) => self.skip(error),
        }
    }

    /// An unreadable key does not affect the others: a usable subkey may follow a primary key of an unknown kind.
    fn skip(&mut self, error: Malformed) {
        self.error = self.error.or(Some(error));
        self.skipping = true;
    }

    fn add(&mut self, key: Material) {
        self.keys.push(key);
        self.stated = 0;
        self.skipping = false;
    }

    fn key(&mut self, kind: u8, body: &[u8], remarks: &[Remark]) {
        let key = match openpgp::secret_key(body) {
            Ok(key) => key,
            Err(error) => return self.skip(error),
        };
        let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Binary, Range::default());
        material.proof = if key.verified { Proof::Verified } else { Proof::Structure };
        if is_locked(&key.protection) {
            self.locked.extend_from_slice(&[0xc0 | kind, 255]);
            self.locked.extend_from_slice(&(body.len() as u32).to_be_bytes());
            self.locked.extend_from_slice(body);
        }
        material.protection = Some(key.protection);
        material.identity = Some(match key.public {
            Some(public) => Identity::public(public),
            None => Identity::Opaque(key.digest),
        });
        material.pgp_fingerprint = Some(key.fingerprint);
        material.remarks = [remarks, &key.remarks].concat();
        self.add(material);
    }

    /// Takes key flags from the newest certification or binding of the last key, and revocations as remarks.
    fn signature(&mut self, body: &[u8]) {
        let Ok(statement) = signature::statement(body) else { return };
        let Some(key) = self.keys.last_mut().filter(|_| !self.skipping) else { return };
        match statement.kind {
            0x10..=0x13 | 0x18 | 0x1f if statement.uses.is_some() && statement.created >= self.stated => {
                key.uses = statement.uses;
                self.stated = statement.created;
            }
            0x20 | 0x28 if !key.remarks.contains(&Remark::Revoked) => key.remarks.push(Remark::Revoked),
            _ => {}
        }
    }

    /// Ends a primary key: its user ids apply to its subkeys too.
    fn close(&mut self) {
        let locked = Some(Locked::new(&self.locked));
        self.locked.clear();
        for key in self.keys.get_mut(self.primary..).unwrap_or_default() {
            if key.protection.as_ref().is_some_and(is_locked) {
                key.locked.clone_from(&locked);
            }
            if self.labels + self.users.len() <= MAX_LABELS {
                self.labels += self.users.len();
                key.labels.extend(self.users.iter().cloned());
            }
        }
        self.primary = self.keys.len();
        self.users.clear();
    }
}

#[cfg(test)]
mod tests;
