//! The built binary, run as a person runs it.

mod scan;
mod usage;
mod workshop;
