//! Every remark is produced by a reader, and its use by the judgement is listed.

use std::collections::BTreeSet;

use keyradius_core::budget::Limits;
use keyradius_core::engine::Engine;
use keyradius_core::material::Remark;
use keyradius_corpus::{cases_dir, expect};

/// Remarks that the code of the judgement uses, in addition to those in the files of roles.
const IN_CODE: [Remark; 3] = [Remark::Unfit, Remark::Subkey, Remark::InTest];

/// Remarks that no sample of the corpus produces, with the test that does.
const ELSEWHERE: &[(Remark, &str)] = &[
    (Remark::ForeignPublicKey, "no test shows it yet"),
    (Remark::OnePrime, "detectors: format::jwk"),
    (Remark::WrongPublicExponent, "detectors: format::jwk"),
    (Remark::NoPublicExponent, "no test shows it yet"),
    (Remark::ForeignSeed, "no test shows it yet"),
    (Remark::ForeignDigest, "no test shows it yet"),
    (Remark::AssumedCurve, "detectors: format::text_dump"),
    (Remark::WrongChecksum, "no test shows it yet"),
    (Remark::NotShown, "no test shows it yet"),
    (Remark::HmacKey, "made when a password opens the container"),
    (Remark::CipherKey, "made when a password opens the container"),
    (Remark::KnownByDigest, "no test shows it yet"),
    (Remark::UnknownKeyType, "no test shows it yet"),
    (Remark::UnknownAlgorithm, "no test shows it yet"),
    (Remark::Revoked, "detectors: format::openpgp"),
    (Remark::OddPadding, "no test shows it yet"),
    (Remark::Deleted, "no test shows it yet"),
    (Remark::Hidden, "made when a password opens the container"),
    (Remark::HoldsSecretKeyOnly, "no test shows it yet"),
    (Remark::HoldsProtectedBytes, "made when a password opens the container"),
    (Remark::OtherPassword, "made when a password opens the container"),
    (Remark::NotTried, "made when a password opens the container"),
    (Remark::SshRevoked, "no test shows it yet"),
    (Remark::DevelopmentProfile, "detectors: format::mobileprovision"),
    (Remark::SecretNotBeside, "no test shows it yet"),
    (Remark::AnonRole, "no test shows it yet"),
    (Remark::ServiceAccount, "no test shows it yet"),
    (Remark::InTest, "usage: source::tests"),
    (Remark::InternalHost, "no test shows it yet"),
];

/// Remarks that are only reported, and not used by the judgement.
const TOLD_ONLY: &[Remark] = &[
    Remark::ForeignPublicNumbers,
    Remark::ForeignPublicKey,
    Remark::ForeignPublicNumber,
    Remark::ForeignPublicPoint,
    Remark::ForeignPublicInFront,
    Remark::NoPublicNumber,
    Remark::NoPublicPoint,
    Remark::NoPublicDsa,
    Remark::NoPublicDsaBlob,
    Remark::WrongExponent,
    Remark::WrongPrimes,
    Remark::WrongModulus,
    Remark::OnePrime,
    Remark::WrongPublicExponent,
    Remark::NoPublicExponent,
    Remark::BareRsa,
    Remark::MultiPrime,
    Remark::PublicNotRecomputed,
    Remark::ForeignSeed,
    Remark::ForeignDigest,
    Remark::AssumedCurve,
    Remark::ForeignSignifyDigest,
    Remark::WrongChecksum,
    Remark::NotShown,
    Remark::AgreesOnly,
    Remark::EcdhKey,
    Remark::MadeToExchange,
    Remark::MadeToSign,
    Remark::SymmetricSigner,
    Remark::HmacKey,
    Remark::CipherKey,
    Remark::SymmetricKey,
    Remark::MasterKey,
    Remark::ParentKey,
    Remark::UncompressedPublic,
    Remark::KnownByDigest,
    Remark::UnknownKeyType,
    Remark::UnknownAlgorithm,
    Remark::NoSpkiForm,
    Remark::Revoked,
    Remark::MadeByStartproject,
    Remark::NoEnd,
    Remark::TestingKey,
    Remark::OddPadding,
    Remark::SaysEncrypted,
    Remark::Deleted,
    Remark::Hidden,
    Remark::SealedByPublicHalf,
    Remark::NoPassword,
    Remark::AssumedExponent,
    Remark::TrustStore,
    Remark::SealedWhole,
    Remark::HoldsSecretKeys,
    Remark::HoldsSealedSecretKey,
    Remark::HoldsSecretKeyOnly,
    Remark::HoldsNoPrivateKey,
    Remark::HoldsNothing,
    Remark::HoldsProtectedBytes,
    Remark::OtherPassword,
    Remark::NotTried,
    Remark::Cut,
    Remark::ForgeableMac,
    Remark::NoMac,
    Remark::TokenItself,
    Remark::UefiRevoked,
    Remark::SshCertified,
    Remark::SshRevoked,
    Remark::FreeBsdPublic,
    Remark::TestIndex,
    Remark::SecretBeside,
    Remark::SecretNotBeside,
    Remark::AnonRole,
    Remark::Keyless,
    Remark::ServiceAccount,
    Remark::InternalHost,
];

fn of_evidence() -> BTreeSet<Remark> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../detectors/judgement/data/roles");
    let files = std::fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path());
    let texts: Vec<String> = files.map(|file| std::fs::read_to_string(file).expect("a role")).collect();
    let lines = texts.iter().flat_map(|text| text.lines());
    let ids = lines.filter_map(|line| line.strip_prefix("remark = \"")?.strip_suffix('"'));
    ids.map(|id| Remark::by_id(id).expect("an id of a remark")).collect()
}

#[test]
fn every_remark_is_produced() {
    let engine = Engine::new(keyradius_detectors::everything(), Limits::default());
    let mut made = BTreeSet::new();
    for case in expect::load_all(&cases_dir()).expect("the cases load") {
        for (sample, bytes) in case.expect.samples.iter().zip(&case.contents) {
            let found = engine.bytes(&sample.file, bytes).occurrences;
            made.extend(found.iter().flat_map(|found| found.material.remarks.iter().copied()));
        }
    }
    let elsewhere: BTreeSet<Remark> = ELSEWHERE.iter().map(|(remark, _)| *remark).collect();
    let never: Vec<_> = Remark::ALL.iter().filter(|r| !made.contains(r) && !elsewhere.contains(r)).collect();
    let here: Vec<_> = elsewhere.intersection(&made).collect();
    assert!(never.is_empty() && here.is_empty(), "made by no sample: {never:?}; listed, but made by one: {here:?}");
}

#[test]
fn every_remark_is_used_or_listed_as_reported_only() {
    let mut used = of_evidence();
    used.extend(IN_CODE);
    let told: Vec<Remark> = Remark::ALL.iter().copied().filter(|remark| !used.contains(remark)).collect();
    assert_eq!(told, TOLD_ONLY, "a remark is either used by the judgement or in TOLD_ONLY");
}
