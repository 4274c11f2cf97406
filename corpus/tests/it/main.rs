//! Whole-repository promises, one binary.

mod cases;
mod docs;
mod hostile;
mod open;
mod radius;
mod scenarios;
mod sqlite;
mod tidy;
mod usage_docs;
