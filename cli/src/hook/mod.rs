//! Git hooks: check whether a commit or a push adds a key.
//!
//! Git runs these in the developer's own repository, so git itself is asked what is staged or new: no library knows
//! better which index, which alternates and which object format git means. The work tree is never read.

mod answer;
mod blobs;
#[cfg(target_os = "linux")]
pub(crate) mod broker;
mod git;
pub(crate) mod install;
mod judge;
mod known;
mod lfs;
mod places;
mod policy;
pub(crate) mod pre_commit;
pub(crate) mod pre_push;
pub(crate) mod pre_receive;
mod process;
mod push;
mod question;
mod range;
mod script;
mod tell;
