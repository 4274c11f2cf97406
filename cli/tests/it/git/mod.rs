//! The git laboratory: repositories made at random with the real git, stored in every way that git can store them, scanned,
//! and held against what git itself says.
//!
//! `lab` makes a history, `variant` stores it, `oracle` asks git, `seen` reads the report; the rest are tests. Every
//! repository comes from a seed, which a failing test names. Nothing is needed but git and a POSIX shell.

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
