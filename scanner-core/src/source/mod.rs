//! The sources of bytes.

pub mod digest;
pub mod fs;
pub mod name;
pub mod special;
pub mod storage;
pub mod stream;
mod tap;
mod walk;
