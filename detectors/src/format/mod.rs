//! One file per format family. Each reads what can be read without a password, and none imports another.

pub(crate) mod android_keybox;
pub(crate) mod avb;
pub(crate) mod dropbear;
pub(crate) mod dsa;
pub(crate) mod efi_signature_list;
pub(crate) mod encrypted_pkcs8;
pub(crate) mod fastlane_match;
pub(crate) mod jks;
pub(crate) mod legacy_pem;
pub(crate) mod mobileprovision;
pub(crate) mod openpgp;
pub(crate) mod openssh;
pub(crate) mod pkcs1;
pub(crate) mod pkcs12;
pub(crate) mod pkcs8;
pub(crate) mod putty;
pub(crate) mod raw_pem;
pub(crate) mod sec1;
pub(crate) mod spki;
pub(crate) mod ssh1;
pub(crate) mod ssh2_com;
pub(crate) mod ssh_public;
pub(crate) mod text_dump;
pub(crate) mod vbprivk;
pub(crate) mod x509;

pub(crate) mod keybox;
pub(crate) mod keychain;
pub(crate) mod nss;
pub(crate) mod softhsm;
pub(crate) mod tpm2;
// WINJAVA
pub(crate) mod bcfks;
pub(crate) mod bks;
pub(crate) mod capi;
pub(crate) mod cng;
pub(crate) mod dpapi;
pub(crate) mod pvk;
pub(crate) mod rsa_xml;
