//! OpenPGP secret keys (RFC 9580, RFC 4880): armored `PGP PRIVATE KEY BLOCK`, binary keys and keyrings at the start of a
//! file, and the usual kinds of binary keys anywhere.
//!
//! Every secret key and subkey packet is judged by itself: in one export the primary key can be a stub while the subkeys
//! live, or the other way round. Fingerprint, user ids and key flags are readable without a passphrase, so an encrypted
//! key has the same identity as a plain one. A packet counts only if version, time, algorithm and every number parse;
//! the secret numbers of a plain key also have a checksum, and are proven by arithmetic.

use std::ops::Range;

use scanner_core::blob::Blob;
use scanner_core::error::Malformed;
use scanner_core::material::{
    Encoding, Identity, Kind, Label, Locked, Material, Proof, Protection, ProtectionState, Remark,
};
use scanner_core::seam::{About, Anchor, Detector, Hit, Inspection};

use crate::read::openpgp::{self, SECRET_KEY, SECRET_SUBKEY, SIGNATURE, SecretKey, USER_ID};
use crate::read::{armor, carrier, openpgp_locate, openpgp_signature};

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
            openpgp_locate::EXPONENT,
            openpgp_locate::ED25519,
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
            let Some(start) = openpgp_locate::secret_key_before(blob.bytes, hit.anchor, hit.at) else { return Ok(()) };
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
        && openpgp_locate::has_anchor(packet.body)
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
        let Ok(statement) = openpgp_signature::statement(body) else { return };
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
mod tests {
    use super::*;
    use crate::read::proof;
    use crate::read::proof::tests::RFC8032_SEED as SEED;
    use crate::read::public::Raw;
    use scanner_core::blob::Origin;

    fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[0xc0 | kind, 255][..], &(body.len() as u32).to_be_bytes(), body].concat()
    }

    /// A version 4 EdDSA key; `secret` is everything from the S2K usage on.
    fn key(secret: &[u8]) -> Vec<u8> {
        let public = proof::raw_public(Raw::Ed25519, &SEED).unwrap();
        let oid = [9, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01];
        [&[4, 0x60, 0, 0, 0, 22][..], &oid, &[0x01, 0x07, 0x40], &public, secret].concat()
    }

    fn plain() -> Vec<u8> {
        let mpi = [&[0x01, 0x00][..], &SEED].concat();
        let sum = mpi.iter().fold(0_u16, |sum, &b| sum.wrapping_add(u16::from(b)));
        key(&[&[0][..], &mpi, &sum.to_be_bytes()].concat())
    }

    fn encrypted(s2k: &[u8]) -> Vec<u8> {
        key(&[&[254, 9][..], s2k, &[7; 48]].concat())
    }

    fn flags(kind: u8, created: u8, flags: u8) -> Vec<u8> {
        packet(SIGNATURE, &[4, kind, 22, 8, 0, 9, 5, 2, 0x60, 0, 0, created, 2, 27, flags, 0, 0])
    }

    fn inspect(bytes: &[u8]) -> Result<Vec<Material>, Malformed> {
        inspect_at(bytes, Anchor::at_start(&[0xc5]))
    }

    fn armored(word: &str, bytes: &[u8]) -> Vec<u8> {
        let body = crate::read::text::base64(bytes);
        format!("-----BEGIN PGP {word} KEY BLOCK-----\n\n{body}\n-----END PGP {word} KEY BLOCK-----\n").into_bytes()
    }

    fn inspect_at(bytes: &[u8], anchor: Anchor) -> Result<Vec<Material>, Malformed> {
        let origin = Origin::file("x");
        let mut out = Inspection::default();
        OpenPgp.inspect(Blob::whole(bytes, &origin), Hit { anchor, at: 0 }, &mut out)?;
        Ok(out.take())
    }

    #[test]
    fn protection_is_read_for_every_packet() {
        let salt = [1, 2, 3, 4, 5, 6, 7, 8];
        let cases: [(Vec<u8>, ProtectionState, &str); 6] = [
            (plain(), ProtectionState::Plaintext, ""),
            (encrypted(&[0, 2]), ProtectionState::Weak, "simple S2K SHA-1, AES-256"),
            (
                encrypted(&[&[3, 2][..], &salt, &[0x60]].concat()),
                ProtectionState::Weak,
                "iterated S2K SHA-1 65536 octets, AES-256",
            ),
            (
                encrypted(&[&[3, 8][..], &salt, &[0xff]].concat()),
                ProtectionState::Strong,
                "iterated S2K SHA-256 65011712 octets, AES-256",
            ),
            (key(b"\xff\x00\x65\x00GNU\x01"), ProtectionState::Stub, "gnu-dummy: the secret part is not here"),
            (key(b"\xff\x00\x65\x00GNU\x02\x01\x02"), ProtectionState::Hardware, "on a smart card"),
        ];
        for (body, state, detail) in cases {
            let found = inspect(&packet(SECRET_KEY, &body)).unwrap();
            let protection = found[0].protection.as_ref().unwrap();
            assert_eq!((protection.state, protection.detail.as_str()), (state, detail));
            assert_eq!(found[0].proof == Proof::Verified, state == ProtectionState::Plaintext);
        }
    }

    #[test]
    fn keys_of_a_ring_are_read_once_by_what_leads_to_them() {
        let user = packet(USER_ID, b"Alice <a@example.org>");
        let (primary, other) = (packet(SECRET_KEY, &plain()), packet(SECRET_KEY, &encrypted(&[0, 2])));
        // RSA with an unusual exponent, to which nothing leads: the ring has to.
        let numbers = [&[4, 0][..], &[0xc1; 128], &[0, 2, 3], &[254, 9, 0, 2], &[7; 48]].concat();
        let rsa = packet(SECRET_KEY, &[&[4, 0x60, 0, 0, 0, 1][..], &numbers].concat());
        let before = [0x55; 9];
        for (second, keys) in [(&primary, 1), (&other, 1), (&rsa, 2)] {
            let file = [&before[..], &primary, &user, second, &user].concat();
            let anchor = openpgp_locate::ED25519;
            let at = memchr::memmem::find(&file, anchor.bytes).unwrap();
            let mut out = Inspection::default();
            let origin = Origin::file("x");
            OpenPgp.inspect(Blob::whole(&file, &origin), Hit { anchor, at }, &mut out).unwrap();
            let found = out.take();
            assert_eq!(found.len(), keys);
            let end = if keys == 1 { 9 + primary.len() + user.len() } else { file.len() };
            assert_eq!(found[0].span, 9..end);
            assert_eq!(inspect(&file[9..]).unwrap().len(), 2, "at the start of a file all are read");
        }
    }

    #[test]
    fn subkeys_share_the_names_and_have_flags_of_their_own() {
        let ring = [
            packet(SECRET_KEY, &plain()),
            packet(USER_ID, b"Alice <a@example.org>"),
            flags(0x13, 5, 0x03),
            flags(0x13, 4, 0x20),
            packet(SECRET_SUBKEY, &encrypted(&[0, 2])),
            flags(0x18, 1, 0x0c),
            packet(SIGNATURE, &[4, 0x28, 22, 8, 0, 0, 0, 0]),
        ]
        .concat();
        let found = inspect(&[&ring[..], b"\0\0\0"].concat()).unwrap();
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|k| k.labels[0].text == "Alice <a@example.org>" && k.span == (0..ring.len())));
        let uses = |n: usize| found[n].uses.map(|u| (u.certify, u.sign, u.encrypt, u.authenticate));
        assert_eq!(uses(0), Some((true, true, false, false)), "the newest self-signature counts");
        assert_eq!(uses(1), Some((false, false, true, false)));
        assert_eq!(found[1].remarks, [Remark::Subkey, Remark::Revoked]);
    }

    #[test]
    fn what_stands_between_keys_costs_no_key() {
        let good = packet(SECRET_KEY, &plain());
        let sub = packet(SECRET_SUBKEY, &plain());
        let user = |name: &[u8]| packet(USER_ID, name);
        // An algorithm that nobody has: the key behind it is alive all the same.
        let unknown = packet(SECRET_KEY, &[4, 0x60, 0, 0, 0, 99, 1, 2, 3]);
        let public = packet(6, &[4, 0x60, 0, 0, 0, 99]);
        for (name, parts, expected) in [
            ("unreadable primary", vec![unknown.clone(), user(b"a"), sub.clone()], vec!["a"]),
            (
                "unreadable subkey",
                vec![good.clone(), user(b"a"), packet(SECRET_SUBKEY, &[4]), sub.clone()],
                vec!["a", "a"],
            ),
            ("comment", vec![good.clone(), packet(61, b"hello"), sub.clone()], vec!["", ""]),
            (
                "public key",
                vec![good.clone(), user(b"a"), public, user(b"b"), good.clone(), user(b"c")],
                vec!["a", "c"],
            ),
        ] {
            let armored = armored("PRIVATE", &parts.concat());
            let found = inspect_at(&armored, armor::ANCHOR).unwrap_or_else(|error| panic!("{name}: {error}"));
            let labels: Vec<_> =
                found.iter().map(|k| k.labels.iter().map(|l| l.text.as_str()).collect::<Vec<_>>().concat()).collect();
            assert_eq!(labels, expected, "{name}");
        }
    }

    #[test]
    fn many_user_ids_and_many_subkeys_do_not_multiply() {
        let stub = key(b"\xff\x00\x65\x00GNU\x01");
        let ring = [
            packet(SECRET_KEY, &plain()),
            packet(USER_ID, b"u").repeat(3000),
            packet(SECRET_SUBKEY, &stub).repeat(3000),
        ]
        .concat();
        let found = inspect(&ring).unwrap();
        assert_eq!((found.len(), found[0].labels.len()), (3001, MAX_USERS));
        assert!(found.iter().map(|k| k.labels.len()).sum::<usize>() <= MAX_LABELS);
    }

    #[test]
    fn a_wrong_checksum_is_no_key_unless_the_numbers_fit() {
        let mut body = plain();
        *body.last_mut().unwrap() ^= 1;
        let found = inspect(&packet(SECRET_KEY, &body)).unwrap();
        assert_eq!((found[0].proof, found[0].remarks.len()), (Proof::Verified, 1));
        // The secret itself.
        let secret = body.len() - 10;
        body[secret] ^= 4;
        assert!(inspect(&packet(SECRET_KEY, &body)).is_err());
    }

    #[test]
    fn packets_that_belong_to_no_key_may_stand_before_it() {
        let secret = packet(SECRET_KEY, &plain());
        for kind in [2, 6, 7, 10, 12, 13, 14, 16, 17, 21, 60, 61, 62] {
            let old = (kind < 16).then(|| [&[0x80 | kind << 2, 3][..], b"abc"].concat());
            for before in [packet(kind, b"abc")].into_iter().chain(old) {
                let file = [before, secret.clone()].concat();
                let anchors = OpenPgp.anchors();
                let anchor = anchors.iter().find(|anchor| anchor.at_start && file.starts_with(anchor.bytes)).unwrap();
                let found = inspect_at(&file, *anchor).unwrap();
                assert_eq!(found[0].proof, Proof::Verified, "{kind}");
            }
        }
    }

    #[test]
    fn without_armor_a_key_has_to_be_believable() {
        let aged = |mut body: Vec<u8>| {
            body[1..5].fill(0);
            body
        };
        let user = packet(USER_ID, b"a");
        let simple = encrypted(&[0, 2]);
        // A key of version 6 and an algorithm of the future: 4 octets of it, and nothing that protects the rest.
        let future = [&[6, 0x60, 0, 0, 0, 99, 0, 0, 0, 4, 1, 2, 3, 4, 0][..], &[7; 64]].concat();
        // An unknown cipher; an unknown digest; one MD5, as in PGP 2, but in version 4.
        let cipher = key(&[&[254, 99, 0, 2][..], &[7; 48]].concat());
        let digest = key(&[&[254, 9, 0, 99][..], &[7; 48]].concat());
        let md5 = key(&[&[9][..], &[7; 48]].concat());
        for (name, body, bare, with_user, with_noise) in [
            ("plain", plain(), true, true, true),
            ("plain, no time", aged(plain()), true, true, true),
            ("encrypted", simple.clone(), true, true, false),
            ("encrypted, no time", aged(simple), false, false, false),
            ("future", future, false, false, false),
            ("cipher", cipher, false, false, false),
            ("digest", digest, false, false, false),
            ("MD5", md5, false, false, false),
        ] {
            let body = packet(SECRET_KEY, &body);
            for (behind, expected) in [(&[][..], bare), (&user, with_user), (b"noise", with_noise)] {
                let binary = [&body, behind].concat();
                assert_eq!(inspect(&binary).is_ok(), expected, "{name}, {} bytes behind", behind.len());
                // Armor is word enough.
                let found = inspect_at(&armored("PRIVATE", &binary), armor::ANCHOR);
                assert_eq!(found.map(|f| f.len()), Ok(1), "{name}, armored, {} bytes behind", behind.len());
            }
        }
        assert_eq!(
            inspect_at(&armored("SECRET", &packet(SECRET_KEY, &plain())), armor::ANCHOR).map(|f| f.len()),
            Ok(1)
        );
        assert_eq!(
            inspect_at(&armored("PUBLIC", &packet(SECRET_KEY, &plain())), armor::ANCHOR).map(|f| f.len()),
            Ok(1)
        );
    }

    #[test]
    fn any_byte_may_be_wrong() {
        let ring =
            [packet(SECRET_KEY, &plain()), flags(0x13, 5, 3), packet(SECRET_SUBKEY, &encrypted(&[0, 2]))].concat();
        for at in 0..ring.len() {
            let _ = inspect(&ring[..at]);
            for change in [0x01, 0x7f, 0x80, 0xff] {
                let mut damaged = ring.clone();
                damaged[at] ^= change;
                let _ = inspect(&damaged);
            }
        }
    }
}
