//! The tolerant readers that all formats share. Nothing here knows a whole format.

pub(crate) mod armor;
pub(crate) mod ber;
pub(crate) mod cursor;
pub(crate) mod curves;
mod goldilocks;
pub(crate) mod proof;
pub(crate) mod public;
pub(crate) mod ssh;
pub(crate) mod text;
mod weierstrass;
