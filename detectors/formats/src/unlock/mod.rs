//! What formats share to open what is locked: derivations of keys from passwords, each with its price, and ciphers.

pub(crate) mod cipher;
pub(crate) mod kdf;
pub(crate) mod key_wrap;
pub(crate) mod pbe;
pub(crate) mod pkcs12;
