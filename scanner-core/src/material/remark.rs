//! Remarks: what a reader has to say of a find beyond its fields.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

impl Serialize for Remark {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.id())
    }
}

impl<'de> Deserialize<'de> for Remark {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let id = String::deserialize(from)?;
        let remark = Self::ALL.iter().find(|remark| remark.id() == id);
        remark.copied().ok_or_else(|| D::Error::custom("a remark that this version does not know"))
    }
}

/// Makes the enum, its ids and texts from one list, so that none of them can be forgotten.
macro_rules! remarks {
    ($($(#[doc = $doc:literal])* $name:ident $id:literal $text:literal;)*) => {
        /// What a reader has to say of a material. Evidence, severity and posture go by it; people are told its text.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Remark {
            $($(#[doc = $doc])* $name,)*
        }

        impl Remark {
            /// Every remark.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// A stable identifier for machines and data files.
            pub const fn id(self) -> &'static str {
                match self {
                    $(Self::$name => $id,)*
                }
            }

            /// The remark for a person.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

remarks! {
    // Numbers.
    /// No part of the key signs.
    Unfit "unfit" "the numbers do not fit together: damaged, incomplete or made up";
    /// The key signs; what stands beside it is the public half of another one.
    ForeignPublicNumbers "foreign_public_numbers" "the public numbers do not belong to the private ones";
    /// The same of a key that holds its public half as a whole.
    ForeignPublicKey "foreign_public_key" "the public key inside does not belong to the private one";
    /// The same of DSA.
    ForeignPublicNumber "foreign_public_number" "the public number does not belong to the private one";
    /// The same of a curve.
    ForeignPublicPoint "foreign_public_point" "the public point does not belong to the private scalar";
    /// The same of OpenSSH's format, which states the public half twice.
    ForeignPublicInFront "foreign_public_in_front" "the public key in front is not that of the private section";
    /// Nothing confirms the private number.
    NoPublicNumber "no_public_number" "no public number inside: derived from the private one";
    /// The same of a curve.
    NoPublicPoint "no_public_point" "no public point inside: derived from the private scalar";
    /// The same of DSA in PKCS#8.
    NoPublicDsa "no_public_dsa" "PKCS#8 holds no public number for DSA: derived from the private one";
    /// The same of DSA in a CryptoAPI blob.
    NoPublicDsaBlob "no_public_dsa_blob" "the blob holds no public number for DSA: derived from the private one";
    /// RSA: d is wrong.
    WrongExponent "wrong_exponent" "the private exponent does not fit: the primes sign without it";
    /// RSA: p and q are wrong.
    WrongPrimes "wrong_primes" "the primes do not fit the modulus: the private exponent signs without them";
    /// RSA: n is that of another key.
    WrongModulus "wrong_modulus" "the modulus belongs to another key: named by the product of its primes, which sign";
    /// RSA: all but n and one prime is wrong.
    OnePrime "one_prime" "only one prime fits the modulus: all other numbers follow from it";
    /// RSA: e is wrong.
    WrongPublicExponent "wrong_public_exponent" "the public exponent does not fit: the right one was found by trying those in use";
    /// RSA: e is 0 or 1.
    NoPublicExponent "no_public_exponent" "its public exponent cannot be one: the right one was found by trying those in use";
    /// RSA: only n and d.
    BareRsa "bare_rsa" "without primes and public exponent: the exponent was found by trying those in use";
    /// RSA with three primes or more.
    MultiPrime "multi_prime" "multi-prime RSA";
    /// SLH-DSA repeats its public half.
    PublicNotRecomputed "public_not_recomputed" "the public half is the one that stands in the private key: not recomputed";
    /// ML-DSA: two forms of one key disagree.
    ForeignSeed "foreign_seed" "the expanded key does not belong to the seed";
    /// ML-DSA: tr is not that of the public half.
    ForeignDigest "foreign_digest" "the digest of the public key inside is another one";
    /// EC: the smallest or most used curve of the size was taken.
    AssumedCurve "assumed_curve" "the public point is on no curve, and none is named: taken for the commonest of its size";
    /// signify: the key signs, and signify itself would not read it.
    ForeignSignifyDigest "foreign_signify_digest" "the digest inside does not belong to the key: signify refuses it";
    /// OpenPGP: the numbers prove more than the sum.
    WrongChecksum "wrong_checksum" "checksum wrong, though the numbers fit";
    /// OpenPGP: an algorithm that is not computed.
    NotShown "not_shown" "the secret numbers were not shown to belong to the public ones";
    // Kinds of keys.
    /// Diffie-Hellman key: agrees on secrets, cannot sign.
    AgreesOnly "agrees_only" "Diffie-Hellman key: agrees on secrets, cannot sign";
    /// ECDH key: made to agree on secrets.
    EcdhKey "ecdh_key" "ECDH key: made to agree on secrets";
    /// What CryptoAPI was told that the key is for.
    MadeToExchange "made_to_exchange" "AT_KEYEXCHANGE: made to encrypt and to sign";
    /// The same.
    MadeToSign "made_to_sign" "AT_SIGNATURE: made to sign";
    /// Symmetric: the same secret signs and verifies.
    SymmetricSigner "symmetric_signer" "symmetric: the same secret signs and verifies";
    /// HMAC key: whoever has it can sign.
    HmacKey "hmac_key" "HMAC key: whoever has it can sign";
    /// Cipher key: cannot sign.
    CipherKey "cipher_key" "cipher key: cannot sign";
    /// Symmetric key.
    SymmetricKey "symmetric_key" "symmetric key";
    /// Master key: every key of the wallet follows from it.
    MasterKey "master_key" "master key: every key of the wallet follows from it";
    /// Every key below it in the wallet follows from it.
    ParentKey "parent_key" "every key below it in the wallet follows from it";
    /// For an uncompressed public key: a wallet of before 2012, or a paper one.
    UncompressedPublic "uncompressed_public" "for an uncompressed public key: a wallet of before 2012, or a paper one";
    /// Post-quantum hybrid: known by a digest.
    KnownByDigest "known_by_digest" "post-quantum hybrid: known by a digest";
    /// Key type not known: private section not read.
    UnknownKeyType "unknown_key_type" "key type not known: private section not read";
    /// Key algorithm not known: known by its fingerprint.
    UnknownAlgorithm "unknown_algorithm" "key algorithm not known: known by its fingerprint";
    /// No SubjectPublicKeyInfo form: known by its fingerprint.
    NoSpkiForm "no_spki_form" "no SubjectPublicKeyInfo form: known by its fingerprint";
    /// An OpenPGP subkey.
    Subkey "subkey" "subkey";
    /// An OpenPGP key with a revocation beside it.
    Revoked "revoked" "revoked";
    /// Django-insecure: made by startproject, for development.
    MadeByStartproject "made_by_startproject" "django-insecure: made by startproject, for development";
    // How it is written.
    /// END line missing or damaged.
    NoEnd "no_end" "END line missing or damaged";
    /// The label says nothing of where the key is used.
    TestingKey "testing_key" "labelled TESTING KEY";
    /// Padding that OpenSSH would refuse.
    OddPadding "odd_padding" "padding that OpenSSH would refuse";
    /// The comment says encrypted: it is not.
    SaysEncrypted "says_encrypted" "the comment says encrypted: it is not";
    /// Deleted, and still in a free page of the database.
    Deleted "deleted" "deleted, and still in a free page of the database";
    /// Hidden beside what the container is for.
    Hidden "hidden" "hidden beside what the container is for";
    /// Encrypted with its public half: the public object lies beside it.
    SealedByPublicHalf "sealed_by_public_half" "encrypted with its public half: the public object lies beside it";
    /// NSS without a primary password.
    NoPassword "no_password" "no password is set: whoever has the file has the key";
    /// Key3.db holds no public exponent: taken for 65537.
    AssumedExponent "assumed_exponent" "key3.db holds no public exponent: taken for 65537";
    // Stores.
    /// Trust store: certificates only.
    TrustStore "trust_store" "trust store: certificates only";
    /// Encrypted as a whole: keys or only certificates, the password would tell.
    SealedWhole "sealed_whole" "encrypted as a whole: keys or only certificates, the password would tell";
    /// Holds secret keys (HMAC or cipher keys).
    HoldsSecretKeys "holds_secret_keys" "holds secret keys (HMAC or cipher keys)";
    /// Holds a sealed secret key (HMAC or cipher key).
    HoldsSealedSecretKey "holds_sealed_secret_key" "holds a sealed secret key (HMAC or cipher key)";
    /// Holds a secret key, no private key.
    HoldsSecretKeyOnly "holds_secret_key_only" "holds a secret key, no private key";
    /// Holds no private key.
    HoldsNoPrivateKey "holds_no_private_key" "holds no private key";
    /// Holds no private key and no certificate.
    HoldsNothing "holds_nothing" "holds no private key and no certificate";
    /// Holds bytes that were protected before the keystore got them.
    HoldsProtectedBytes "holds_protected_bytes" "holds bytes that were protected before the keystore got them";
    /// Holds a key under another password.
    OtherPassword "other_password" "holds a key under another password";
    /// Holds a key that was not tried.
    NotTried "not_tried" "holds a key that was not tried";
    /// Keystore damaged or cut: entries behind this one are lost.
    Cut "cut" "keystore damaged or cut: entries behind this one are lost";
    /// BKS version 1: the MAC has a key of 16 bits, anybody can forge it.
    ForgeableMac "forgeable_mac" "BKS version 1: the MAC has a key of 16 bits, anybody can forge it";
    /// No MAC: the keystore opens with any password, or none.
    NoMac "no_mac" "no MAC: the keystore opens with any password, or none";
    /// The token itself: its keys are files beside it.
    TokenItself "token_itself" "the token itself: its keys are files beside it";
    // Who trusts it.
    /// In a UEFI signature list.
    UefiTrusted "uefi_trusted" "in a UEFI signature list";
    /// In a UEFI revocation list (dbx).
    UefiRevoked "uefi_revoked" "in a UEFI revocation list (dbx)";
    /// Signed a UEFI variable update.
    UefiSigner "uefi_signer" "signed a UEFI variable update";
    /// Trusted as a certificate authority.
    SshAuthority "ssh_authority" "trusted as a certificate authority";
    /// Signed this SSH certificate.
    SshSigner "ssh_signer" "signed this SSH certificate";
    /// Known as a host.
    SshHost "ssh_host" "known as a host";
    /// Carried by an SSH certificate.
    SshCertified "ssh_certified" "carried by an SSH certificate";
    /// Marked as revoked.
    SshRevoked "ssh_revoked" "marked as revoked";
    /// Verified boot of ChromeOS checks with it.
    ChromeOsBoot "chromeos_boot" "verified boot of ChromeOS checks with it";
    /// A vbmeta image is signed with it.
    AndroidImage "android_image" "a vbmeta image is signed with it";
    /// Verified boot of Android checks with it.
    AndroidBoot "android_boot" "verified boot of Android checks with it";
    /// Named by a provisioning profile.
    Profile "profile" "named by a provisioning profile";
    /// Named by a development profile.
    DevelopmentProfile "development_profile" "named by a development profile";
    /// Named by a provisioning profile for all devices.
    EnterpriseProfile "enterprise_profile" "named by a provisioning profile for all devices";
    /// A minisign public key.
    MinisignPublic "minisign_public" "a minisign public key";
    /// A signify public key.
    SignifyPublic "signify_public" "a signify public key";
    /// A public key of FreeBSD pkg.
    FreeBsdPublic "freebsd_public" "a public key of FreeBSD pkg";
    /// Trusted by TUF metadata for the role root.
    TufRoot "tuf_root" "trusted by TUF metadata for the role root";
    /// Trusted by TUF metadata.
    TufTrusted "tuf_trusted" "trusted by TUF metadata";
    /// Listed in TUF or in-toto metadata.
    TufListed "tuf_listed" "listed in TUF or in-toto metadata";
    /// DNSSEC.
    KeySigningKey "key_signing_key" "published as a key signing key";
    /// DNSSEC.
    ZoneSigningKey "zone_signing_key" "published as a zone signing key";
    // Ordinary secrets.
    /// Of the test index.
    TestIndex "test_index" "of the test index";
    /// Its secret key stands beside it.
    SecretBeside "secret_beside" "its secret key stands beside it";
    /// Its secret key is not beside it.
    SecretNotBeside "secret_not_beside" "its secret key is not beside it";
    /// For the role anon: meant to be public.
    AnonRole "anon_role" "for the role anon: meant to be public";
    /// Signs without a key: sigstore gives a certificate for it.
    Keyless "keyless" "signs without a key: sigstore gives a certificate for it";
    /// Of a Kubernetes service account.
    ServiceAccount "service_account" "of a Kubernetes service account";
    /// Of a host that only its own network knows.
    InternalHost "internal_host" "of a host that only its own network knows";
}

impl Remark {
    /// The remark with this id.
    pub fn by_id(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|remark| remark.id() == id)
    }
}

impl std::fmt::Display for Remark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_and_texts_tell_remarks_apart() {
        let ids: BTreeSet<&str> = Remark::ALL.iter().map(|remark| remark.id()).collect();
        let texts: BTreeSet<&str> = Remark::ALL.iter().map(|remark| remark.text()).collect();
        assert_eq!((ids.len(), texts.len()), (Remark::ALL.len(), Remark::ALL.len()));
        assert!(ids.iter().all(|id| id.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')), "{ids:?}");
        assert!(Remark::ALL.iter().all(|remark| Remark::by_id(remark.id()) == Some(*remark)));
    }
}
