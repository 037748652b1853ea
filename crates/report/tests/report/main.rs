//! The writers, from a report to text: one report with everything in it, in every format.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot be set up must stop, and it works on this machine"
)]

mod exchange;
mod fleet;
mod html;
mod json;
mod large;
mod standard;
mod terminal;
mod validators;
mod writers;
