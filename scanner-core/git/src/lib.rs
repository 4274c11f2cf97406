//! Git: the whole object database, and the history of what was found in it.
//!
//! Storage is read, not refs and not diffs: every pack, every loose object and every alternate, so that stashes, amended
//! and dropped commits are read like everything else, and a key that was rotated in place is read twice. Nothing of a
//! repository is executed or obeyed; of its configuration three settings are read, which say how its objects are named
//! and whether some were left on a server. Nothing is ever fetched.
//!
//! `git2` does not read here: libgit2 opens no SHA-256 repository, refuses repositories of other users but for a switch that is
//! global to the process, obeys the configuration that it finds, and reads objects one by one at ten times the cost. What the
//! configuration of the user has to say, such as `@{upstream}`, is asked of whoever implements [`Revisions`].

mod absent;
mod agree;
mod bounds;
mod bundle;
mod clues;
mod commits;
mod deflate;
mod delta;
mod forest;
#[cfg(any(test, feature = "fuzz"))]
#[doc(hidden)]
pub mod fuzz;
mod gathered;
mod history;
mod index;
mod inflate;
mod keys;
mod loose;
#[cfg(test)]
mod made;
mod odb;
mod pack;
mod refs;
mod reftable;
mod reindex;
mod repo;
mod rescue;
mod revisions;
mod scan;
mod select;
mod source;
mod staged;
mod store;
mod trees;
mod walk;

pub use revisions::Revisions;
pub use select::{History, Selection};
pub use source::{Options, Repositories};
