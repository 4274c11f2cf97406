//! One file per wrapper, and the list of those that are only recognised.

pub(crate) mod base64;
pub(crate) mod unopened;
pub(crate) mod utf16;

pub(crate) mod sqlite;
