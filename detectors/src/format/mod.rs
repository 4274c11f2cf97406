//! One file per format family. Each reads what can be read without a password, and none imports another.

pub(crate) mod dsa;
pub(crate) mod encrypted_pkcs8;
pub(crate) mod jks;
pub(crate) mod legacy_pem;
pub(crate) mod openpgp;
pub(crate) mod openssh;
pub(crate) mod pkcs1;
pub(crate) mod pkcs12;
pub(crate) mod pkcs8;
pub(crate) mod putty;
pub(crate) mod sec1;
pub(crate) mod spki;
pub(crate) mod ssh_public;
pub(crate) mod x509;

pub(crate) mod bip32;
pub(crate) mod bip39;
pub(crate) mod ethereum_keystore;
pub(crate) mod jwk;
pub(crate) mod session_secret;
pub(crate) mod solana_keypair;
pub(crate) mod wif;
