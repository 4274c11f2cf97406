//! Whole-repository promises, one binary.

mod cases;
mod docs;
mod hostile;
mod radius;
mod tidy;
