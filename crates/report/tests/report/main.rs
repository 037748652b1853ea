//! The writers, from a report to text: one report with everything in it, in every format.
#![allow(clippy::disallowed_methods, reason = "tests read the repository's files and run validators")]

mod json;
mod standard;
mod terminal;
mod writers;
