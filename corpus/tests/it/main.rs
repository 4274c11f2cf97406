//! Promises of the whole repository, in one test binary.

mod accounting;
mod carving;
mod cases;
mod circles;
mod covering;
mod docs;
mod facts;
mod hostile;
mod images;
mod open;
mod pages;
mod places;
mod radius;
mod remarks;
mod scenarios;
mod secrets;
mod signatures;
mod sqlite;
mod tidy;
mod usage_docs;
