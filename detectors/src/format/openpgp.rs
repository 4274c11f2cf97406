//! OpenPGP secret keys: in armor (`PGP PRIVATE KEY BLOCK`), and as binary packets from the first byte of a file on.
//!
//! The packets are walked, not searched for: one header byte tells nothing, so a binary keyring is believed only when
//! its first key parses to the last octet and a packet follows. Each secret key packet is judged by itself, because an
//! export of subkeys has a primary key without its secret and subkeys with theirs. Everything that names a key stands
//! in the clear, so encrypted keys have an identity too.
//!
//! `sequoia-openpgp` and `pgp` are not used: they bring ciphers, compression and a policy engine, stop at the first
//! packet that is not to their taste, and do not read what a scanner meets (GNU stubs, cut armor, version 3).
//!
//! It cannot see packets that begin in the middle of a file, and keys inside encrypted or compressed messages.

use std::ops::Range;

use scanner_core::blob::Blob;
use scanner_core::error::Malformed;
use scanner_core::material::{Encoding, Kind, Label, Material, Proof, Uses};
use scanner_core::seam::{About, Anchor, Detector, Hit, Inspection};

use crate::read::openpgp::{SecretKey, Signature, packet, tag};
use crate::read::{armor, carrier};

/// OpenPGP secret keys.
#[derive(Debug)]
pub(crate) struct OpenPgp;

static ABOUT: About = About {
    id: "openpgp",
    title: "Private key (OpenPGP)",
    detects: "OpenPGP secret keys and subkeys of versions 3 to 6, in armor (PGP PRIVATE KEY BLOCK) and in binary files \
              that begin with one, such as secring.gpg: RSA, DSA, ElGamal, ECDSA, ECDH, EdDSA, Ed25519, Ed448, X25519, \
              X448. Each packet is judged by itself, so a live subkey behind a stub is not missed. The public key, the \
              fingerprint and the user ids are read even when the private part is encrypted. Verified when it is not, \
              and the public numbers follow from the private ones (n = p * q and d inverts e; y = g^x; the point of \
              the scalar; the public key of the seed).",
    blind_to: "Binary packets that do not stand at the start of a file, and keys inside encrypted or compressed \
               messages. Whether a password is a good one: only the cost of a guess is told (S2K and cipher). \
               Signatures are read, not verified, so flags and revocations are what the file claims; revocations that \
               were published elsewhere are not seen. ElGamal keys and curves that X.509 has no OID for are known by \
               their fingerprint only. The private-keys-v1.d of GnuPG is another format.",
    respond: "Publish a revocation for the key or the subkey (gpg --gen-revoke, or revkey in gpg --edit-key; send it to \
              the key servers and to wherever the key is pinned: apt and rpm keyrings, Maven and forge accounts), then \
              make a new one and sign anew what has to stay trusted. What was encrypted to a leaked encryption subkey \
              is readable for good. A stub (gnu-dummy, smart card) gives nothing away and can stay.",
    references: &[
        "RFC 9580 4.2, 5.2, 5.5, 3.7",
        "RFC 4880",
        "draft-koch-librepgp",
        "GnuPG doc/DETAILS: GNU extensions to the S2K algorithm",
        "CWE-321",
        "CWE-798",
    ],
};

/// Secret-Key packets by their first octet: the old format with its four kinds of length, and the new one (RFC 9580
/// 4.2).
const STARTS: [Anchor; 5] = [
    Anchor::at_start(&[0x95]),
    Anchor::at_start(&[0x94]),
    Anchor::at_start(&[0x96]),
    Anchor::at_start(&[0x97]),
    Anchor::at_start(&[0xc5]),
];

/// Most user ids kept for one key.
const MAX_USER_IDS: usize = 16;

/// Most labels given out in one run of packets: user ids stand with every subkey, so that many of both would multiply.
const MAX_LABELS: usize = 1 << 14;

/// The first time that a binary key may claim to be made, 1991-01-01: PGP is no older.
const OLDEST: u32 = 662_688_000;

/// The last one: 2100-01-01.
const NEWEST: u32 = 4_102_444_800;

impl Detector for OpenPgp {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor] {
        const ALL: [Anchor; 6] = [armor::ANCHOR, STARTS[0], STARTS[1], STARTS[2], STARTS[3], STARTS[4]];
        &ALL
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit, out: &mut Inspection) -> Result<(), Malformed> {
        if hit.anchor == armor::ANCHOR {
            // SECRET is how PGP 2 wrote it.
            if !matches!(armor::label(blob.bytes, hit.at), Some("PGP PRIVATE KEY BLOCK" | "PGP SECRET KEY BLOCK")) {
                return Ok(());
            }
            let armor = armor::read(blob.bytes, hit.at)?;
            let mut ring = Ring::read(&armor.body)?;
            if armor.end_seen && ring.end < armor.body.len() {
                ring.note_last("packets behind it could not be read");
            }
            return ring.report(Encoding::Pem, &armor.span, carrier::notes(&armor).next(), out);
        }
        if hit.at != 0 {
            return Ok(());
        }
        let first = packet(blob.bytes, 0)?;
        let key = SecretKey::read(&first.body)?;
        if !is_believable(&key, blob.bytes, first.end) {
            return Err(Malformed::new("OpenPGP key that stands alone", 0));
        }
        let ring = Ring::read(blob.bytes)?;
        let span = 0..ring.end;
        ring.report(Encoding::Binary, &span, None, out)
    }
}

/// Whether the first key of a binary file is one: proven, or perfect in every field with a packet behind it.
fn is_believable(key: &SecretKey, bytes: &[u8], end: usize) -> bool {
    let followed = end == bytes.len()
        || packet(bytes, end).is_ok_and(|next| {
            matches!(next.tag, tag::USER_ID | tag::SIGNATURE | tag::SECRET_SUBKEY | tag::USER_ATTRIBUTE | tag::TRUST)
        });
    key.verified || (key.neat && followed && (OLDEST..NEWEST).contains(&key.created))
}

/// One secret key packet with what the packets behind it say of it.
struct Key {
    secret: SecretKey,
    is_subkey: bool,
    /// Key flags and the time they were set.
    uses: Option<(u32, Uses)>,
    is_revoked: bool,
    user_ids: Vec<Label>,
    note: Option<&'static str>,
}

/// A run of packets.
#[derive(Default)]
struct Ring {
    keys: Vec<Key>,
    /// Index of the primary key that user ids and signatures belong to; where its keys begin.
    primary: Option<usize>,
    /// Whether the last key seen is a secret one that could be read: signatures are about it.
    is_current: bool,
    user_ids: Vec<Label>,
    labels: usize,
    /// Where the run ends.
    end: usize,
    /// Why a secret key packet could not be read.
    error: Option<Malformed>,
}

impl Ring {
    /// Walks packets as far as they go. `Err` if there is no secret key.
    fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut ring = Self::default();
        while ring.end < bytes.len() {
            let packet = match packet(bytes, ring.end) {
                Ok(packet) => packet,
                Err(error) => {
                    ring.error = ring.error.or(Some(error).filter(|_| ring.keys.is_empty()));
                    break;
                }
            };
            if !ring.add(packet.tag, &packet.body) {
                break;
            }
            ring.end = packet.end;
        }
        ring.close();
        if ring.keys.is_empty() {
            return Err(ring.error.unwrap_or(Malformed::new("OpenPGP secret key packet", 0)));
        }
        Ok(ring)
    }

    /// Takes a packet in; false if it is none that keys are made of.
    fn add(&mut self, tag: u8, body: &[u8]) -> bool {
        match tag {
            tag::SECRET_KEY => {
                self.close();
                self.key(body, false);
                self.primary = self.is_current.then(|| self.keys.len() - 1);
            }
            tag::SECRET_SUBKEY => self.key(body, true),
            tag::PUBLIC_KEY => self.close(),
            tag::PUBLIC_SUBKEY => self.is_current = false,
            tag::SIGNATURE => {
                if let Ok(signature) = Signature::read(body) {
                    self.signature(&signature);
                }
            }
            tag::USER_ID => {
                let label = Label::new("user id", body);
                if self.user_ids.len() < MAX_USER_IDS && !label.text.is_empty() {
                    self.user_ids.push(label);
                }
            }
            tag::USER_ATTRIBUTE | tag::TRUST | tag::MARKER | tag::PADDING | tag::OLD_COMMENT | tag::PRIVATE.. => {}
            _ => return false,
        }
        true
    }

    fn key(&mut self, body: &[u8], is_subkey: bool) {
        self.is_current = false;
        match SecretKey::read(body) {
            Ok(secret) => {
                self.is_current = true;
                self.keys.push(Key { secret, is_subkey, uses: None, is_revoked: false, user_ids: Vec::new(), note: None });
            }
            Err(error) => self.error = self.error.or(Some(Malformed::new(error.what, self.end + error.at))),
        }
    }

    /// Ends the keys of one primary: its user ids go to all of them.
    fn close(&mut self) {
        let user_ids = std::mem::take(&mut self.user_ids);
        if let Some(keys) = self.primary.take().and_then(|start| self.keys.get_mut(start..)) {
            for key in keys {
                if self.labels + user_ids.len() <= MAX_LABELS {
                    self.labels += user_ids.len();
                    key.user_ids.clone_from(&user_ids);
                }
            }
        }
        self.is_current = false;
    }

    fn signature(&mut self, signature: &Signature) {
        let by_primary =
            self.primary.and_then(|index| self.keys.get(index)).is_none_or(|primary| signature.may_be_by(&primary.secret));
        let Some(key) = self.keys.last_mut().filter(|_| self.is_current && by_primary) else { return };
        // RFC 9580 5.2.1: certifications and direct key signatures, subkey bindings, and the revocations of both.
        match (signature.kind, key.is_subkey) {
            (0x10..=0x13 | 0x1f, false) | (0x18, true) => {
                if let Some(uses) = signature.uses
                    && key.uses.is_none_or(|(since, _)| since <= signature.created)
                {
                    key.uses = Some((signature.created, uses));
                }
            }
            (0x20, false) | (0x28, true) => key.is_revoked = true,
            _ => {}
        }
    }

    fn note_last(&mut self, note: &'static str) {
        if let Some(key) = self.keys.last_mut() {
            key.note = Some(note);
        }
    }

    fn report(
        self,
        encoding: Encoding,
        span: &Range<usize>,
        note: Option<&'static str>,
        out: &mut Inspection,
    ) -> Result<(), Malformed> {
        for key in self.keys {
            let mut material = Material::new(Kind::PrivateKey, ABOUT.id, encoding, span.clone());
            material.proof = if key.secret.verified { Proof::Verified } else { Proof::Structure };
            material.protection = Some(key.secret.protection);
            material.identity = Some(key.secret.identity);
            material.pgp_fingerprint = Some(key.secret.fingerprint);
            material.uses = key.uses.map(|(_, uses)| uses);
            material.labels = key.user_ids;
            material.notes.extend(key.is_subkey.then_some("subkey"));
            material.notes.extend(key.is_revoked.then_some("revoked"));
            material.notes.extend(key.secret.notes);
            material.notes.extend(key.note);
            material.notes.extend(note);
            out.found(material);
        }
        self.error.map_or(Ok(()), Err)
    }
}
