//! Remarks: what a reader adds to a finding beyond its fields.

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
        remark.copied().ok_or_else(|| D::Error::custom("unknown remark; written by a newer version"))
    }
}

/// Makes the enum, its ids and its texts from one list, so that they stay complete.
macro_rules! remarks {
    ($($(#[doc = $doc:literal])* $name:ident $id:literal $text:literal;)*) => {
        /// What a reader adds to a material. Evidence, severity and posture use the id; people read the text.
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
    /// The key signs; the public half stored beside it belongs to another key.
    ForeignPublicNumbers "foreign_public_numbers" "the public numbers do not belong to the private ones";
    /// Like [`Self::ForeignPublicNumbers`], for a key that contains its public half as a whole.
    ForeignPublicKey "foreign_public_key" "the public key inside does not belong to the private one";
    /// Like [`Self::ForeignPublicNumbers`], for DSA.
    ForeignPublicNumber "foreign_public_number" "the public number does not belong to the private one";
    /// Like [`Self::ForeignPublicNumbers`], for a curve.
    ForeignPublicPoint "foreign_public_point" "the public point does not belong to the private scalar";
    /// Like [`Self::ForeignPublicNumbers`], for OpenSSH's format, which states the public half twice.
    ForeignPublicInFront "foreign_public_in_front" "the outer public key differs from that of the private section";
    /// Nothing confirms the private number.
    NoPublicNumber "no_public_number" "no public number inside: derived from the private one";
    /// Like [`Self::NoPublicNumber`], for a curve.
    NoPublicPoint "no_public_point" "no public point inside: derived from the private scalar";
    /// Like [`Self::NoPublicNumber`], for DSA in PKCS#8.
    NoPublicDsa "no_public_dsa" "PKCS#8 stores no public number for DSA: derived from the private one";
    /// Like [`Self::NoPublicNumber`], for DSA in a CryptoAPI blob.
    NoPublicDsaBlob "no_public_dsa_blob" "the blob stores no public number for DSA: derived from the private one";
    /// RSA: d is wrong.
    WrongExponent "wrong_exponent" "the private exponent does not fit: the primes sign without it";
    /// RSA: p and q are wrong.
    WrongPrimes "wrong_primes" "the primes do not fit the modulus: the private exponent signs without them";
    /// RSA: n belongs to another key.
    WrongModulus "wrong_modulus" "the modulus belongs to another key: identified by its primes, which sign";
    /// RSA: everything but n and one prime is wrong.
    OnePrime "one_prime" "only one prime divides the modulus: all other numbers follow from it";
    /// RSA: e is wrong.
    WrongPublicExponent "wrong_public_exponent" "wrong public exponent: the right one was found among common values";
    /// RSA: e is 0 or 1.
    NoPublicExponent "no_public_exponent" "invalid public exponent: the right one was found among common values";
    /// RSA: only n and d.
    BareRsa "bare_rsa" "no primes and no public exponent inside: the exponent was found among common values";
    /// RSA with three primes or more.
    MultiPrime "multi_prime" "multi-prime RSA";
    /// SLH-DSA repeats its public half.
    PublicNotRecomputed "public_not_recomputed" "the public half is copied from the private key: not recomputed";
    /// ML-DSA: the two forms of the key disagree.
    ForeignSeed "foreign_seed" "the expanded key does not belong to the seed";
    /// ML-DSA: tr is not the digest of the public half.
    ForeignDigest "foreign_digest" "the digest inside does not match the public key";
    /// EC: the most common curve of the size was assumed.
    AssumedCurve "assumed_curve" "the public point is on no known curve: the most common curve of its size is assumed";
    /// signify: the key signs, but signify itself would not read it.
    ForeignSignifyDigest "foreign_signify_digest" "the digest inside does not match the key: signify rejects it";
    /// OpenPGP: the numbers match, which proves more than the checksum.
    WrongChecksum "wrong_checksum" "wrong checksum, although the numbers match";
    /// OpenPGP: an algorithm whose arithmetic is not implemented.
    NotShown "not_shown" "the secret numbers were not verified against the public ones";
    // Kinds of keys.
    /// Diffie-Hellman key: for key agreement, cannot sign.
    AgreesOnly "agrees_only" "Diffie-Hellman key: for key agreement, cannot sign";
    /// ECDH key: made for key agreement.
    EcdhKey "ecdh_key" "ECDH key: made for key agreement";
    /// CryptoAPI's key specification: key exchange.
    MadeToExchange "made_to_exchange" "AT_KEYEXCHANGE: made to encrypt and to sign";
    /// CryptoAPI's key specification: signature.
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
    /// The key of an uncompressed public key: a wallet from before 2012, or a paper wallet.
    UncompressedPublic "uncompressed_public" "uncompressed public key: a wallet from before 2012, or a paper one";
    /// Post-quantum hybrid: identified by a digest.
    KnownByDigest "known_by_digest" "post-quantum hybrid: identified by a digest";
    /// Unknown key type: private section not read.
    UnknownKeyType "unknown_key_type" "unknown key type: private section not read";
    /// Unknown key algorithm: identified by its fingerprint.
    UnknownAlgorithm "unknown_algorithm" "unknown key algorithm: identified by its fingerprint";
    /// No SubjectPublicKeyInfo form: identified by its fingerprint.
    NoSpkiForm "no_spki_form" "no SubjectPublicKeyInfo form: identified by its fingerprint";
    /// An OpenPGP subkey.
    Subkey "subkey" "subkey";
    /// An OpenPGP key with a revocation beside it.
    Revoked "revoked" "revoked";
    /// Django-insecure: generated by startproject for development.
    MadeByStartproject "made_by_startproject" "django-insecure: generated by startproject for development";
    // Encoding.
    /// END line missing or damaged.
    NoEnd "no_end" "END line missing or damaged";
    /// The PEM label says TESTING KEY, which is not evidence of where the key is used.
    TestingKey "testing_key" "labelled TESTING KEY";
    /// Padding that OpenSSH would refuse.
    OddPadding "odd_padding" "padding that OpenSSH would refuse";
    /// The comment says that the key is encrypted: it is not.
    SaysEncrypted "says_encrypted" "the comment says that the key is encrypted: it is not";
    /// Deleted, and still in a free page of the database.
    Deleted "deleted" "deleted, and still in a free page of the database";
    /// Found in decrypted content, outside the entries of the container.
    Hidden "hidden" "found in the decrypted content, outside the entries of the container";
    /// Both halves of the key are encrypted: the public object is stored beside it.
    SealedByPublicHalf "sealed_by_public_half" "both halves are encrypted: the public object is beside it";
    /// NSS without a primary password.
    NoPassword "no_password" "no password is set: whoever has the file has the key";
    /// Key3.db stores no public exponent: 65537 is assumed.
    AssumedExponent "assumed_exponent" "key3.db stores no public exponent: 65537 is assumed";
    // Stores.
    /// Trust store: certificates only.
    TrustStore "trust_store" "trust store: certificates only";
    /// Encrypted as a whole: only the password shows whether there are keys inside.
    SealedWhole "sealed_whole" "encrypted as a whole: only the password shows whether there are keys inside";
    /// Contains secret keys (HMAC or cipher keys).
    HoldsSecretKeys "holds_secret_keys" "contains secret keys (HMAC or cipher keys)";
    /// Contains a sealed secret key (HMAC or cipher key).
    HoldsSealedSecretKey "holds_sealed_secret_key" "contains a sealed secret key (HMAC or cipher key)";
    /// Contains a secret key, but no private key.
    HoldsSecretKeyOnly "holds_secret_key_only" "contains a secret key, but no private key";
    /// Contains no private key.
    HoldsNoPrivateKey "holds_no_private_key" "contains no private key";
    /// Contains no private key and no certificate.
    HoldsNothing "holds_nothing" "contains no private key and no certificate";
    /// Contains bytes that were already encrypted when they were stored.
    HoldsProtectedBytes "holds_protected_bytes" "contains bytes that were already encrypted when they were stored";
    /// Contains a key under another password.
    OtherPassword "other_password" "contains a key under another password";
    /// Contains a key that was not tried.
    NotTried "not_tried" "contains a key on which no password was tried";
    /// Keystore damaged or truncated: entries after this one are lost.
    Cut "cut" "keystore damaged or truncated: entries after this one are lost";
    /// BKS version 1: the MAC key has 16 bits, so anybody can forge the MAC.
    ForgeableMac "forgeable_mac" "BKS version 1: the MAC key has 16 bits, so anybody can forge the MAC";
    /// No MAC: the keystore opens with any password, or none.
    NoMac "no_mac" "no MAC: the keystore opens with any password, or none";
    /// The token itself: its keys are in files beside it.
    TokenItself "token_itself" "the token itself: its keys are in files beside it";
    // Trust.
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
    /// ChromeOS verified boot trusts it.
    ChromeOsBoot "chromeos_boot" "ChromeOS verified boot trusts it";
    /// A vbmeta image is signed with it.
    AndroidImage "android_image" "a vbmeta image is signed with it";
    /// Android verified boot trusts it.
    AndroidBoot "android_boot" "Android verified boot trusts it";
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
    /// DNSSEC: a key signing key (KSK).
    KeySigningKey "key_signing_key" "published as a key signing key";
    /// DNSSEC: a zone signing key (ZSK).
    ZoneSigningKey "zone_signing_key" "published as a zone signing key";
    // Ordinary secrets.
    /// For the test index (TestPyPI).
    TestIndex "test_index" "for the test index (TestPyPI)";
    /// Its secret key is stored beside it.
    SecretBeside "secret_beside" "its secret key is stored beside it";
    /// Its secret key is not beside it.
    SecretNotBeside "secret_not_beside" "its secret key is not beside it";
    /// For the role anon: meant to be public.
    AnonRole "anon_role" "for the role anon: meant to be public";
    /// Signs without a key: sigstore issues a certificate for this token.
    Keyless "keyless" "signs without a key: sigstore issues a certificate for this token";
    /// Belongs to a Kubernetes service account.
    ServiceAccount "service_account" "belongs to a Kubernetes service account";
    /// In a part of a program that is built for tests only.
    InTest "in_test" "in a part of the program that is built for tests only";
    /// For a host that only its own network can resolve.
    InternalHost "internal_host" "for a host that only its own network can resolve";
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
    fn ids_and_texts_of_remarks_are_unique() {
        let ids: BTreeSet<&str> = Remark::ALL.iter().map(|remark| remark.id()).collect();
        let texts: BTreeSet<&str> = Remark::ALL.iter().map(|remark| remark.text()).collect();
        assert_eq!((ids.len(), texts.len()), (Remark::ALL.len(), Remark::ALL.len()));
        assert!(ids.iter().all(|id| id.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')), "{ids:?}");
        assert!(Remark::ALL.iter().all(|remark| Remark::by_id(remark.id()) == Some(*remark)));
    }
}
