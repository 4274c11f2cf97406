//! The built binary, run as a person runs it.

mod scan;
mod secrecy;
mod usage;
mod workshop;
