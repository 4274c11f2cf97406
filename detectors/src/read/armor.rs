//! PEM as it really occurs: being written.
