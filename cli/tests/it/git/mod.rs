//! The git laboratory: random repositories made with the real git, stored in every way that git supports, scanned, and
//! compared with git's own answers.
//!
//! `lab` makes a history, `variant` stores it, `oracle` queries git, `seen` reads the report; the other modules are
//! tests. Every repository comes from a seed, which a failing test prints. Needs only git and a POSIX shell.

mod faults;
pub(crate) mod handmade;
mod hostile;
mod lab;
mod lab_checks;
mod moving;
mod oracle;
mod places;
pub(crate) mod plant;
mod provenance;
mod range;
pub(crate) mod repo;
mod revisions;
pub(crate) mod rng;
pub(crate) mod seen;
mod storage;
mod story;
mod untouched;
mod variant;
