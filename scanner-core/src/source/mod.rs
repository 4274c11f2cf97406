//! The sources of bytes.

pub mod digest;
pub mod fs;
pub mod name;
mod sectors;
pub mod special;
pub mod storage;
pub mod stream;
mod tap;
mod walk;
