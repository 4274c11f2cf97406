//! One file per format family.

pub(crate) mod openssh;
pub(crate) mod putty;
