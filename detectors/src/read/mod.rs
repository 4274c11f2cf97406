//! The tolerant readers that all formats share. Nothing here knows a whole file format.

pub(crate) mod armor;
pub(crate) mod ber;
pub(crate) mod carrier;
pub(crate) mod cursor;
pub(crate) mod curves;
pub(crate) mod goldilocks;
pub(crate) mod locate;
pub(crate) mod object;
pub(crate) mod openpgp;
pub(crate) mod openpgp_signature;
pub(crate) mod openssh;
pub(crate) mod pbe;
pub(crate) mod pkcs12;
pub(crate) mod private;
pub(crate) mod proof;
pub(crate) mod public;
pub(crate) mod putty;
pub(crate) mod service;
pub(crate) mod ssh;
pub(crate) mod symmetric;
pub(crate) mod text;
pub(crate) mod wallet;
pub(crate) mod weierstrass;
pub(crate) mod x509;
