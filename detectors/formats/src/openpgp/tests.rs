//! Tests of `openpgp`.

use super::*;
use crate::ask;
use crate::samples::RFC8032_SEED as SEED;
use keyradius_core::blob::Origin;
use keyradius_readers::proof;
use keyradius_readers::public::Raw;

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[0xc0 | kind, 255][..], &(body.len() as u32).to_be_bytes(), body].concat()
}

/// A version 4 EdDSA key; `secret` is everything from the S2K usage octet.
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
    let body = keyradius_readers::text::base64(bytes);
    format!("-----BEGIN PGP {word} KEY BLOCK-----\n\n{body}\n-----END PGP {word} KEY BLOCK-----\n").into_bytes()
}

fn inspect_at(bytes: &[u8], anchor: Anchor) -> Result<Vec<Material>, Malformed> {
    ask::at(&OpenPgp, "x", bytes, (anchor, 0))
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
        (key(b"\xff\x00\x65\x00GNU\x01"), ProtectionState::Stub, "gnu-dummy: the secret part is not in this file"),
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
fn keys_of_a_ring_are_read_once_through_their_anchors() {
    let user = packet(USER_ID, b"Alice <a@example.org>");
    let (primary, other) = (packet(SECRET_KEY, &plain()), packet(SECRET_KEY, &encrypted(&[0, 2])));
    // RSA with an unusual exponent, which no anchor finds: only reading the ring does.
    let numbers = [&[4, 0][..], &[0xc1; 128], &[0, 2, 3], &[254, 9, 0, 2], &[7; 48]].concat();
    let rsa = packet(SECRET_KEY, &[&[4, 0x60, 0, 0, 0, 1][..], &numbers].concat());
    let before = [0x55; 9];
    for (second, keys) in [(&primary, 1), (&other, 1), (&rsa, 2)] {
        let file = [&before[..], &primary, &user, second, &user].concat();
        let anchor = locate::ED25519;
        let at = memchr::memmem::find(&file, anchor.bytes).unwrap();
        let mut out = Inspection::default();
        let origin = Origin::file("x");
        OpenPgp.inspect(Blob::whole(&file, &origin), Hit { anchor, at }, &mut out).unwrap();
        let found = out.take();
        assert_eq!(found.len(), keys);
        let end = if keys == 1 { 9 + primary.len() + user.len() } else { file.len() };
        assert_eq!(found[0].span, 9..end);
        assert_eq!(inspect(&file[9..]).unwrap().len(), 2, "at the start of a file all keys are read");
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
fn unreadable_packets_between_keys_lose_no_key() {
    let good = packet(SECRET_KEY, &plain());
    let sub = packet(SECRET_SUBKEY, &plain());
    let user = |name: &[u8]| packet(USER_ID, name);
    // An unknown algorithm: the key after it is still usable.
    let unknown = packet(SECRET_KEY, &[4, 0x60, 0, 0, 0, 99, 1, 2, 3]);
    let public = packet(6, &[4, 0x60, 0, 0, 0, 99]);
    for (name, parts, expected) in [
        ("unreadable primary", vec![unknown.clone(), user(b"a"), sub.clone()], vec!["a"]),
        ("unreadable subkey", vec![good.clone(), user(b"a"), packet(SECRET_SUBKEY, &[4]), sub.clone()], vec!["a", "a"]),
        ("comment", vec![good.clone(), packet(61, b"hello"), sub.clone()], vec!["", ""]),
        ("public key", vec![good.clone(), user(b"a"), public, user(b"b"), good.clone(), user(b"c")], vec!["a", "c"]),
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
    let ring =
        [packet(SECRET_KEY, &plain()), packet(USER_ID, b"u").repeat(3000), packet(SECRET_SUBKEY, &stub).repeat(3000)]
            .concat();
    let found = inspect(&ring).unwrap();
    assert_eq!((found.len(), found[0].labels.len()), (3001, MAX_USERS));
    assert!(found.iter().map(|k| k.labels.len()).sum::<usize>() <= MAX_LABELS);
}

#[test]
fn a_wrong_checksum_is_refused_unless_the_numbers_fit() {
    let mut body = plain();
    *body.last_mut().unwrap() ^= 1;
    let found = inspect(&packet(SECRET_KEY, &body)).unwrap();
    assert_eq!((found[0].proof, found[0].remarks.len()), (Proof::Verified, 1));
    // The secret number itself.
    let secret = body.len() - 10;
    body[secret] ^= 4;
    assert!(inspect(&packet(SECRET_KEY, &body)).is_err());
}

#[test]
fn unrelated_packets_may_precede_a_key() {
    let secret = packet(SECRET_KEY, &plain());
    for kind in [1, 2, 3, 4, 6, 7, 9, 10, 11, 12, 13, 14, 16, 17, 18, 19, 20, 21, 60, 61, 62] {
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
fn packets_of_unknown_kinds_and_partial_lengths_hide_no_key() {
    let secret = packet(SECRET_KEY, &plain());
    let partial = [&[0xcb, 0xe9][..], &[b'x'; 512], &[2], b"yz"].concat();
    for before in (0..64)
        .filter(|kind| ![SECRET_KEY, SECRET_SUBKEY].contains(kind))
        .map(|kind| packet(kind, b"abc"))
        .chain([partial])
    {
        let file = armored("PRIVATE", &[before, secret.clone()].concat());
        assert_eq!(inspect_at(&file, armor::ANCHOR).unwrap()[0].proof, Proof::Verified);
    }
    // Bytes that only look like packets do not belong to the key.
    let (keys, end) = read(&[&secret[..], &[0xe7, 2, 1, 1]].concat(), true).unwrap();
    assert_eq!((keys.len(), end), (1, secret.len()));
}

#[test]
fn without_armor_a_key_must_be_plausible() {
    let aged = |mut body: Vec<u8>| {
        body[1..5].fill(0);
        body
    };
    let user = packet(USER_ID, b"a");
    let simple = encrypted(&[0, 2]);
    // A version 6 key with an unknown algorithm: 4 octets, and no protection of the rest.
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
            assert_eq!(inspect(&binary).is_ok(), expected, "{name}, {} trailing bytes", behind.len());
            // Armor is sufficient evidence.
            let found = inspect_at(&armored("PRIVATE", &binary), armor::ANCHOR);
            assert_eq!(found.map(|f| f.len()), Ok(1), "{name}, armored, {} trailing bytes", behind.len());
        }
    }
    assert_eq!(inspect_at(&armored("SECRET", &packet(SECRET_KEY, &plain())), armor::ANCHOR).map(|f| f.len()), Ok(1));
    assert_eq!(inspect_at(&armored("PUBLIC", &packet(SECRET_KEY, &plain())), armor::ANCHOR).map(|f| f.len()), Ok(1));
}

#[test]
fn any_byte_may_be_wrong() {
    let ring = [packet(SECRET_KEY, &plain()), flags(0x13, 5, 3), packet(SECRET_SUBKEY, &encrypted(&[0, 2]))].concat();
    for at in 0..ring.len() {
        let _ = inspect(&ring[..at]);
        for change in [0x01, 0x7f, 0x80, 0xff] {
            let mut damaged = ring.clone();
            damaged[at] ^= change;
            let _ = inspect(&damaged);
        }
    }
}

/// The packet of the public half of `key`, and of a subkey.
fn public(kind: u8) -> Vec<u8> {
    packet(kind, &key(&[]))
}

#[test]
fn public_keys_join_their_secret_keys() {
    let secret = &inspect(&packet(SECRET_KEY, &plain())).unwrap()[0];
    let user = packet(USER_ID, b"Build <build@example.org>");
    let bytes = [public(PUBLIC_KEY), flags(0x13, 1, 2), user, public(PUBLIC_SUBKEY), flags(0x18, 1, 4)].concat();
    for found in [inspect(&bytes), inspect_at(&armored("PUBLIC", &bytes), armor::ANCHOR)] {
        let found = found.unwrap();
        assert_eq!(found.len(), 2);
        for public in &found {
            assert_eq!((public.kind, &public.identity), (Kind::PublicKey, &secret.identity));
            assert_eq!((&public.pgp_fingerprint, public.labels.len()), (&secret.pgp_fingerprint, 1));
            assert!(public.protection.is_none() && public.locked.is_none());
        }
        assert!(found[0].uses.unwrap().sign && !found[1].uses.unwrap().sign, "each has the flags of its own signature");
        assert_eq!((&*found[0].remarks, &*found[1].remarks), (&[][..], &[Remark::Subkey][..]));
    }
}

#[test]
fn a_public_key_hides_no_secret_key() {
    let both = [public(PUBLIC_KEY), packet(SECRET_KEY, &plain())].concat();
    let kinds = |bytes: &[u8]| inspect(bytes).unwrap().iter().map(|found| found.kind).collect::<Vec<_>>();
    assert_eq!(kinds(&both), [Kind::PublicKey, Kind::PrivateKey]);
    let reverse = [packet(SECRET_KEY, &plain()), public(PUBLIC_KEY)].concat();
    assert_eq!(kinds(&reverse), [Kind::PrivateKey, Kind::PublicKey]);
}

#[test]
fn a_public_key_in_the_middle_needs_a_packet_behind_it() {
    let amid = |bytes: &[u8]| {
        let bytes = [&[0x55; 9][..], bytes].concat();
        let at = memchr::memmem::find(&bytes, locate::ED25519.bytes).unwrap();
        ask::at(&OpenPgp, "x", &bytes, (locate::ED25519, at))
    };
    let found = amid(&[public(PUBLIC_KEY), packet(USER_ID, b"me"), vec![0; 9]].concat()).unwrap();
    assert_eq!((found.len(), found[0].span.start), (1, 9));
    assert!(amid(&[public(PUBLIC_KEY), vec![0; 9]].concat()).is_err());
    let mut old = public(PUBLIC_KEY);
    old[7..11].fill(0);
    assert!(amid(&old).is_err(), "made in 1970");
}
