//! The commands, one file each.

pub(crate) mod completions;
pub(crate) mod evidence;
pub(crate) mod explain;
mod history;
pub(crate) mod hook;
pub(crate) mod hunt;
pub(crate) mod identify;
pub(crate) mod judge;
pub(crate) mod man;
pub(crate) mod report;
pub(crate) mod rules;
pub(crate) mod scan;
pub(crate) mod schema;
mod sources;
mod tell;
pub(crate) mod version;
