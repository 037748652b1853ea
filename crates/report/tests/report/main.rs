//! The writers, from a report to text: one report with everything in it, in every format.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests read the repository's files, run validators and may fail by panicking"
)]

mod exchange;
mod html;
mod json;
mod large;
mod standard;
mod terminal;
mod validators;
mod writers;
