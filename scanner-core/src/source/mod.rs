//! Where bytes come from.

pub mod fs;
pub mod special;
pub mod stream;
mod walk;
