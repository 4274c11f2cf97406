//! The vocabulary of keyradius and the engine that runs it.
//!
//! This crate finds bytes and walks through them; it does not know what a key looks like. Keys are recognised by the
//! `detectors` crate, which the engine calls through the traits in [`seam`]. Nothing here prints.

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
pub mod signature;
pub mod source;
mod wire;
