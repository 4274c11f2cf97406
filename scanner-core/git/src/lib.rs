//! Reads git repositories: the whole object database, and the history of what was found in it.
//!
//! Object storage is read, not refs and not diffs: every pack, every loose object and every alternate. So stashes,
//! amended and dropped commits are read like everything else, and a key that was rotated in place is read in both
//! versions. Nothing of a repository is executed or obeyed. Three settings of its configuration are read, which say how
//! its objects are named and whether some were left on a server. Nothing is ever fetched.
//!
//! `git2` is not used here: libgit2 does not open SHA-256 repositories, refuses repositories of other users except by a
//! switch that is global to the process, obeys any configuration that it finds, and reads objects one by one at ten
//! times the cost. What depends on the user's configuration, such as `@{upstream}`, is resolved by an implementation of
//! [`Revisions`].

mod absent;
mod agree;
mod bounds;
mod bundle;
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
mod usage_hints;
mod walk;

pub use revisions::Revisions;
pub use select::{History, Selection};
pub use source::{Options, Repositories};
