//! Hooks, installed by the binary and run by a real git.

mod commit;
mod files;
mod install;
mod merge;
mod push;
mod receive;
pub(crate) mod repo;
