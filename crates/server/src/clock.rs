//! The only reader of the clock, so that tests can move it.
