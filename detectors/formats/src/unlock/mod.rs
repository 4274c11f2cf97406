//! Code that formats share to open encrypted data: key derivations, each with its price, ciphers, and PKCS#12.

pub(crate) mod cipher;
pub(crate) mod kdf;
pub(crate) mod key_wrap;
pub(crate) mod pbe;
pub(crate) mod pkcs12;
