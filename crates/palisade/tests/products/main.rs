//! Products that are targets of their own, and what stands in for them where they cannot be had.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot be set up must stop, and it works on this machine"
)]

mod files;
mod kepware;
mod nerve;
mod support;
mod true_connector;
