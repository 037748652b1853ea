//! Rules decided over real parts: each subject is set up well and badly, read by the program, and judged.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test that cannot be set up must stop"
)]

mod audit;
mod clock;
mod empty;
mod harden;
mod host;
mod hostile;
mod network;
mod nothing;
mod ssh;
mod verdicts;
mod web;
