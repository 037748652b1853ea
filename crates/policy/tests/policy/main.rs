//! Facts and content in, verdicts out: the boundary that changes least.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot be set up must stop, and it works on this machine"
)]

mod baseline;
mod broken;
mod mutants;
mod profiles;
mod support;
mod verdicts;
