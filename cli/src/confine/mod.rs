//! What this process forbids itself before it reads bytes of others.

pub(crate) mod cores;
