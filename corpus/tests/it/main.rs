//! Whole-repository promises, one binary.

mod cases;
