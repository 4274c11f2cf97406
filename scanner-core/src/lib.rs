//! The vocabulary of keyradius and the engine that runs it.
//!
//! This crate knows how bytes are found and walked through, never what a key looks like: that is the business of the
//! `detectors` crate, which speaks to the engine through the traits in [`seam`]. Nothing here prints.

pub mod blob;
pub mod budget;
pub mod candidates;
pub mod effort;
pub mod engine;
pub mod error;
pub mod hex;
mod lines;
pub mod lock;
pub mod material;
pub mod oid;
pub mod prefilter;
pub mod read_at;
pub mod repository;
pub mod run;
pub mod seam;
pub mod secret;
pub mod source;
mod wire;
