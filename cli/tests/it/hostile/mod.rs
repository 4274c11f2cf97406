//! Attempts to hide a key or to hurt the machine: each kind as a table of cases, each law as a generator.

#[cfg(unix)]
mod boxes;
mod clock;
mod confine;
mod output;
#[cfg(unix)]
mod planted;
#[cfg(unix)]
mod said;
