//! The nouns of Palisade: facts, rules, guides, profiles, findings, reports.
//!
//! Every other crate speaks in these types. This crate does no I/O, knows no clock and runs nothing:
//! it only says what things look like, as Rust types and as JSON.
#![forbid(unsafe_code)]

pub mod fact;
mod severity;

pub mod content;
pub mod document;
pub mod facts;
pub mod fleet;
pub mod profile;
pub mod report;
pub mod version;

pub use document::FactsDocument;
pub use fact::{Fact, Place, Source, split};
pub use fleet::Fleet;
pub use jiff::Timestamp;
pub use report::Report;
pub use severity::Severity;
