//! The Management System as it is started: from `palisade up` to a browser, through crashes, on both databases.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up must stop"
)]

mod browser;
mod crash;
mod running;
mod story;
