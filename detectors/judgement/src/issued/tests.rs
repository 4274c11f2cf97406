//! Certificates are linked by signatures that verify, and by nothing else. The keys sign with Ed25519, made here.

use std::sync::Arc;

use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use keyradius_core::blob::Origin;
use keyradius_core::material::{Algorithm, Encoding, Identity, KeyId, Kind, Material, PublicHalf};
use keyradius_core::signature::{Scheme, Signed};
use sha2::{Digest, Sha512};

use super::*;

struct Signer {
    scalar: Scalar,
    public: [u8; 32],
}

impl Signer {
    fn new(number: u16) -> Self {
        let scalar = Scalar::from(u64::from(number) + 1_000);
        Self { scalar, public: EdwardsPoint::mul_base(&scalar).compress().to_bytes() }
    }

    fn name(&self) -> KeyName {
        KeyName::Public(self.half().id.key_only)
    }

    fn half(&self) -> PublicHalf {
        /// SubjectPublicKeyInfo of Ed25519 up to the key (RFC 8410 4).
        const HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
        let mut ski_sha1 = [0; 20];
        ski_sha1.copy_from_slice(&self.public[..20]);
        PublicHalf {
            id: KeyId { spki_sha256: self.public, key_only: self.public },
            algorithm: Algorithm { name: "Ed25519", bits: 0, curve: None },
            spki: [&HEAD[..], &self.public].concat(),
            ssh_sha256: None,
            ski_sha1,
            bk120: [0; 15],
            jwk_thumbprint: None,
        }
    }

    /// RFC 8032 5.1.6, with a commitment that depends on the message alone.
    fn sign(&self, message: &[u8]) -> Signature {
        let nonce = Scalar::from(u64::from(message[0]) + 7);
        let commitment = EdwardsPoint::mul_base(&nonce).compress().to_bytes();
        let hash = Sha512::new().chain_update(commitment).chain_update(self.public).chain_update(message).finalize();
        let scalar = nonce + Scalar::from_bytes_mod_order_wide(&hash.into()) * self.scalar;
        let value = [commitment, scalar.to_bytes()].concat();
        Signature { scheme: Scheme::Ed25519, over: Signed::Message(message.to_vec()), value }
    }

    /// The key with a certificate for it.
    fn group(&self, subject: &str, key_id: Option<u8>) -> KeyGroup {
        let mut group = KeyGroup::new(self.name());
        group.public = Some(Arc::new(self.half()));
        let mut certificate = certificate(u16::from(self.public[0]) << 8 | u16::from(self.public[1]), "CN=root", None);
        if let Some(facts) = &mut certificate.material.certificate {
            facts.subject = subject.into();
            facts.subject_key_id = key_id.map(|id| vec![id]);
        }
        certificate.material.identity = Some(Identity::public(self.half()));
        group.related.push(certificate);
        group
    }
}

/// A certificate of a key that is not in the run.
fn certificate(number: u16, issuer: &str, signed: Option<Signature>) -> Occurrence {
    let mut material = Material::new(Kind::Certificate, "x509", Encoding::Pem, 0..10);
    let mut sha256 = [0; 32];
    sha256[..2].copy_from_slice(&number.to_be_bytes());
    sha256[2] = u8::from(issuer == "CN=root");
    material.certificate = Some(Box::new(CertFacts {
        sha256,
        subject: "CN=leaf".into(),
        issuer: issuer.into(),
        version: 3,
        signed: signed.map(Box::new),
        ..CertFacts::default()
    }));
    let origin = Origin::file(format!("{number:05}"));
    Occurrence { material, origin, offset: 0, line: 1, section: None, mark: None, git: None }
}

fn with_key_id(mut occurrence: Occurrence, id: &[u8]) -> Occurrence {
    if let Some(facts) = &mut occurrence.material.certificate {
        facts.authority_key_id = Some(id.to_vec());
    }
    occurrence
}

/// How many certificates each key issued, and how many merely bear its name.
fn counts(keys: Vec<KeyGroup>, leaves: Vec<Occurrence>) -> Vec<(usize, usize)> {
    let mut estate = Estate { keys, others: leaves, ..Estate::default() };
    link(&mut estate);
    estate.keys.iter().map(|key| (key.issued.len(), key.same_name.len())).collect()
}

#[test]
fn of_many_keys_with_one_name_the_signer_is_the_issuer() {
    let signers: Vec<Signer> = (0..40).map(Signer::new).collect();
    let keys = || signers.iter().map(|signer| signer.group("CN=CA", None)).collect();
    let leaves = (0..40).map(|n| certificate(n, "CN=CA", Some(signers[usize::from(n / 2)].sign(&n.to_be_bytes()))));
    let mut expected = vec![(2, 0); 20];
    expected.resize(40, (0, 0));
    assert_eq!(counts(keys(), leaves.collect()), expected);
}

#[test]
fn a_changed_bit_ends_the_link() {
    let signer = Signer::new(1);
    let good = signer.sign(b"message");
    let check = |signature: Signature| {
        counts(vec![signer.group("CN=CA", None)], vec![certificate(9, "CN=CA", Some(signature))])
    };
    assert_eq!(check(good.clone()), [(1, 0)]);
    for bit in 0..8 * good.value.len() {
        let mut bad = good.clone();
        bad.value[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(check(bad), [(0, 0)], "bit {bit}");
    }
    let mut bad = good.clone();
    bad.over = Signed::Message(b"massage".to_vec());
    assert_eq!(check(bad), [(0, 0)]);
}

#[test]
fn a_key_identifier_finds_an_issuer_without_a_certificate() {
    let signer = Signer::new(1);
    let mut bare = signer.group("CN=CA", None);
    bare.related.clear();
    let leaf = || certificate(9, "CN=other", Some(signer.sign(b"message")));
    assert_eq!(counts(vec![bare.clone()], vec![leaf()]), [(0, 0)], "neither name nor identifier");
    assert_eq!(counts(vec![bare], vec![with_key_id(leaf(), &signer.half().ski_sha1)]), [(1, 0)]);
    let identified = || vec![signer.group("CN=other", Some(7))];
    assert_eq!(counts(identified(), vec![with_key_id(leaf(), &[7])]), [(1, 0)]);
    assert_eq!(
        counts(identified(), vec![with_key_id(leaf(), &[8])]),
        [(0, 0)],
        "the certificate has another identifier"
    );
}

#[test]
fn what_cannot_be_verified_only_bears_the_name() {
    let signers: Vec<Signer> = (0..3).map(Signer::new).collect();
    let keys = || signers.iter().map(|signer| signer.group("CN=CA", None)).collect();
    let unsigned = |many| (0..many).map(|n| certificate(n, "CN=CA", None)).collect();
    assert_eq!(counts(keys(), unsigned(2)), [(0, 2); 3]);
    assert_eq!(counts(keys(), unsigned(100)), [(0, MAX_NAMED); 3]);
    let signature = signers[0].sign(b"message");
    let key = signers[0].group("CN=CA", None);
    assert_eq!(verdict(&key, Some(&signature), &mut { BUDGET }), Verdict::Verified);
    assert_eq!(verdict(&key, Some(&signature), &mut 0), Verdict::Unknown, "the budget is spent");
}

#[test]
fn a_self_signed_certificate_was_not_issued_by_its_key() {
    let signer = Signer::new(1);
    let mut group = signer.group("CN=CA", None);
    if let Some(facts) = &mut group.related[0].material.certificate {
        (facts.issuer, facts.self_issued) = ("CN=CA".into(), true);
        facts.signed = Some(Box::new(signer.sign(b"root")));
    }
    assert_eq!(counts(vec![group.clone()], Vec::new()), [(0, 0)]);
    // The same name, another key: the old key of a CA certifies its new one.
    let old = Signer::new(2);
    if let Some(facts) = &mut group.related[0].material.certificate {
        facts.signed = Some(Box::new(old.sign(b"root")));
    }
    assert_eq!(counts(vec![old.group("CN=CA", None), group], Vec::new()), [(1, 0), (0, 0)]);
}

#[test]
fn every_key_keeps_a_share_of_its_certificates() {
    let signer = Signer::new(1);
    let signature = signer.sign(b"message");
    let leaf = certificate(1, "CN=CA", Some(signature));
    let places = MAX_ISSUED + 10;
    let copies = (0..places).map(|offset| Occurrence { offset: offset as u64, ..leaf.clone() }).collect();
    assert_eq!(counts(vec![signer.group("CN=CA", None)], copies), [(MAX_ISSUED, 0)]);
}
