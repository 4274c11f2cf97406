//! What each condition asks for, and near misses.
