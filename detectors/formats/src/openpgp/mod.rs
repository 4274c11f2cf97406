//! OpenPGP secret keys (RFC 9580, RFC 4880): armored `PGP PRIVATE KEY BLOCK`, binary keys and keyrings at the start of a
//! file, and the usual kinds of binary keys anywhere.
//!
//! Every secret key and subkey packet is judged by itself: in one export the primary key can be a stub while the subkeys
//! live, or the other way round. Fingerprint, user ids and key flags are readable without a passphrase, so an encrypted
//! key has the same identity as a plain one. A packet counts only if version, time, algorithm and every number parse;
//! the secret numbers of a plain key also have a checksum, and are proven by arithmetic.

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
use keyradius_readers::openpgp::{self, SECRET_KEY, SECRET_SUBKEY, SIGNATURE, SecretKey, USER_ID};
use keyradius_readers::{armor, carrier};

/// OpenPGP secret keys.
#[derive(Debug)]
pub(crate) struct OpenPgp;

static ABOUT: About = About {
    id: "openpgp",
    title: "OpenPGP secret key",
    detects: "Secret key and subkey packets, versions 2 to 6, in armor and in binary files that begin with one (exports, \
              secring.gpg), version 4 keys on RSA with the usual exponent and on Ed25519 anywhere: each with its fingerprint, user ids, key flags and protection. Stubs (gnu-dummy) and keys on \
              smart cards are told apart from keys that are there. Verified when the arithmetic fits.",
    blind_to: "Other binary keys that do not stand at the start of a file or of a decoded body. GnuPG's private-keys-v1.d. \
               Signatures are read for their key flags and not verified. Partial packet lengths of keys.",
    respond: "If only a subkey is there, revoke that subkey and keep the primary key. If the primary key is there, publish \
              its revocation certificate: whoever has it can also move its expiry. Then find what verifies with it: \
              package repositories, release checks, signed tags.",
    references: &["RFC 9580", "RFC 4880", "GnuPG doc/DETAILS", "CWE-321"],
};

impl Detector for OpenPgp {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    /// Secret key packets with one, two and four length octets in the old framing, and in the new one; what is rare inside
    /// of them.
    fn anchors(&self) -> &'static [Anchor<'static>] {
        const ANCHORS: [Anchor; 43] = [
            armor::ANCHOR,
            locate::EXPONENT,
            locate::ED25519,
            Anchor::at_start(&[0x94]),
            Anchor::at_start(&[0x95]),
            Anchor::at_start(&[0x96]),
            Anchor::at_start(&[0xc5]),
            // A public key, a marker: a secret key may follow.
            Anchor::at_start(&[0x98]),
            Anchor::at_start(&[0x99]),
            Anchor::at_start(&[0x9a]),
            Anchor::at_start(&[0xc6]),
            Anchor::at_start(&[0xa8]),
            Anchor::at_start(&[0xca]),
            // And so it may behind a signature (PNG begins with 89 50), subkeys, trust, user ids and attributes, comments, padding
            // and what others keep for themselves: GnuPG passes over all that belongs to no key.
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
            let Some(start) = locate::secret_key_before(blob.bytes, hit.anchor, hit.at) else { return Ok(()) };
            start
        };
        let bytes = blob.bytes.get(start..).unwrap_or_default();
        if hit.anchor.at_start {
            first_secret(bytes)?;
        } else if !is_secret(&openpgp::packet(bytes, 0)?, bytes)? {
            return Err(Malformed::new("time, algorithms and a packet behind the key", start));
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

/// GnuPG imports secret keys from a block with any of its labels, that of public keys too (g10/armor.c).
fn is_wanted(label: &str) -> bool {
    label.starts_with("PGP ")
}

/// Goes to the first secret key of a file that begins with packets of a keyring. What cannot be read as one hides none behind it.
fn first_secret(bytes: &[u8]) -> Result<(), Malformed> {
    let mut at = 0;
    loop {
        let packet = openpgp::packet(bytes, at)?;
        match packet.kind {
            SECRET_KEY | SECRET_SUBKEY if is_secret(&packet, bytes).unwrap_or(false) => return Ok(()),
            // Public keys and what belongs to keys, as in [`Ring::packet`].
            SECRET_KEY | SECRET_SUBKEY | SIGNATURE | 6 | 14 | USER_ID | 10 | 12 | 16 | 17 | 21 | 60..=63 => {
                at = packet.end;
            }
            _ => return Err(Malformed::new("packet in a keyring", at)),
        }
    }
}

/// Whether a packet is a secret key that can be believed.
fn is_secret(packet: &openpgp::Packet<'_>, bytes: &[u8]) -> Result<bool, Malformed> {
    Ok(is_believable(&openpgp::secret_key(packet.body)?, bytes, packet.end))
}

/// Times that a binary key may name: 1991-01-01, before which there was no PGP, to 2100-01-01.
const TIMES: Range<u32> = 662_688_000..4_102_444_800;

/// Whether a file without armor begins with a key. One octet of framing tells nothing, so a key that is not proven by
/// its own numbers has to be one of this world, and to have the end of the file or another packet behind it.
fn is_believable(key: &SecretKey, bytes: &[u8], end: usize) -> bool {
    // Signature, subkey, trust, user id, user attribute.
    let followed =
        end == bytes.len() || openpgp::packet(bytes, end).is_ok_and(|next| matches!(next.kind, 2 | 7 | 12 | 13 | 17));
    key.verified || (key.known && followed && TIMES.contains(&key.created))
}

/// Most user ids kept for one key.
const MAX_USERS: usize = 16;

/// Most labels given out in one run of packets. Subkeys bear the user ids of their primary key, so a file full of both
/// would hold their product.
const MAX_LABELS: usize = 1 << 14;

/// Reads packets from the start of `bytes` as far as they are packets. Returns the keys and where the packets end.
///
/// Not `whole`, it ends before the next primary key that is found by an anchor of its own: every key of a ring has one, and
/// if each were read to the end of the ring, the work would be the square of its length.
fn read(bytes: &[u8], whole: bool) -> Result<(Vec<Material>, usize), Malformed> {
    let mut ring = Ring::default();
    let mut at = 0;
    while at < bytes.len() {
        let packet = openpgp::packet(bytes, at);
        if !whole && at > 0 && packet.as_ref().is_ok_and(|packet| is_found_alone(packet, bytes)) {
            break;
        }
        let read = packet.and_then(|packet| ring.packet(packet.kind, packet.body).map(|()| packet.end));
        match read {
            Ok(end) => at = end,
            // Text behind a block without END, zeros behind a key in flash: what was read stays.
            Err(_) if !ring.keys.is_empty() => break,
            Err(error) => return Err(ring.error.unwrap_or(error)),
        }
    }
    ring.close();
    if ring.keys.is_empty() {
        return Err(ring.error.unwrap_or(Malformed::new("secret key packet", at)));
    }
    Ok((ring.keys, at))
}

/// Whether an anchor leads to this packet, and what stands there is then taken for a key.
fn is_found_alone(packet: &openpgp::Packet<'_>, bytes: &[u8]) -> bool {
    packet.kind == SECRET_KEY
        && locate::has_anchor(packet.body)
        && openpgp::secret_key(packet.body).is_ok_and(|key| is_believable(&key, bytes, packet.end))
}

/// Whether a password would open it.
const fn is_locked(protection: &Protection) -> bool {
    matches!(protection.state, ProtectionState::Weak | ProtectionState::Strong)
}

/// The keys of a ring, and what is being read.
#[derive(Default)]
struct Ring {
    keys: Vec<Material>,
    /// Where the keys of the current primary key begin.
    primary: usize,
    users: Vec<Label>,
    /// Time of the statement that gave the last key its uses.
    stated: u32,
    /// Whether the last key packet was one that could not be read.
    skipping: bool,
    /// The locked keys since the current primary key, framed again: all that is needed to try passwords on them.
    locked: Vec<u8>,
    /// Labels given out.
    labels: usize,
    /// Why the first key packet that could not be read was not.
    error: Option<Malformed>,
}

impl Ring {
    fn packet(&mut self, kind: u8, body: &[u8]) -> Result<(), Malformed> {
        match kind {
            SECRET_KEY => {
                self.close();
                self.key(kind, body, &[]);
            }
            SECRET_SUBKEY => self.key(kind, body, &[Remark::Subkey]),
            USER_ID if self.users.len() < MAX_USERS => self.users.push(Label::new("user id", body)),
            SIGNATURE => self.signature(body),
            // A public key: the user ids behind it are its own.
            6 => {
                self.close();
                self.skipping = true;
            }
            14 => self.skipping = true,
            // Trust, user attributes, markers, padding; comments as GnuPG wrote them (16, 61) and what others keep for
            // themselves (RFC 9580 5: 60 to 63).
            USER_ID | 10 | 12 | 16 | 17 | 21 | 60..=63 => {}
            _ => return Err(Malformed::new("packet in a keyring", 0)),
        }
        Ok(())
    }

    /// One key that cannot be read costs itself only: a live subkey may stand behind a primary key of the future.
    fn key(&mut self, kind: u8, body: &[u8], remarks: &[Remark]) {
        let key = match openpgp::secret_key(body) {
            Ok(key) => key,
            Err(error) => {
                self.error = self.error.or(Some(error));
                self.skipping = true;
                return;
            }
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
        self.keys.push(material);
        self.stated = 0;
        self.skipping = false;
    }

    /// Key flags from the newest certification or binding of the last key; revocations as a note.
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

    /// Ends a primary key: its user ids are those of its subkeys too.
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
