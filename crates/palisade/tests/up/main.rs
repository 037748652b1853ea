//! The Management System as it is started: from `palisade up` to a browser, through crashes, on both databases.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot be set up must stop"
)]

mod audit;
mod browser;
mod crash;
mod exporters;
mod ledger;
mod outside;
mod rights;
mod running;
mod story;
mod witness;
