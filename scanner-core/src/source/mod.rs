//! Where bytes come from.

pub mod fs;
pub mod stream;
