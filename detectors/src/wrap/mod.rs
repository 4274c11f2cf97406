//! One file per wrapper.

