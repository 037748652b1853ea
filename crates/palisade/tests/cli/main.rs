//! The command line as its users meet it: arguments in, text and exit code out.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot be set up must stop, and it works on this machine"
)]

mod config;
mod content;
mod deploy;
mod described;
mod fleet;
mod hosts;
mod inputs;
mod lists;
mod servers;
mod support;
