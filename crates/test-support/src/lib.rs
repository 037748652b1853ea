//! What tests need: made-up machines with files and canned programs, and real programs started and ended.
//!
//! Not part of the product. A test that needs a part which is missing fails; it never passes silently.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up must stop"
)]

mod docker;
mod machine;
mod redirected;

pub use docker::Engine;
pub use machine::Machine;
pub use redirected::Redirected;
