//! Roles and evidence as data: being written.

/// Roles and evidence as data.
#[derive(Debug, Default)]
pub struct Tables {}
