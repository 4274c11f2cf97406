//! One file per wrapper, and the list of those that are only recognised.

pub(crate) mod array;
pub(crate) mod base64;
pub(crate) mod escape;
pub(crate) mod hex;
pub(crate) mod hexdump;
pub(crate) mod ihex;
pub(crate) mod percent;
pub(crate) mod registry;
pub(crate) mod unopened;
pub(crate) mod utf16;
