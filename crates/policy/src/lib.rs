//! Loads content and decides: facts + rules + guides + profile -> report. Pure.
//!
//! No I/O on a target, no clock, no environment: the same facts, content, profile and `now` give the same bytes.
//! Broken content is data, not an error: it is returned as [`Problem`]s beside what could be loaded.
#![forbid(unsafe_code)]

mod baseline;
mod cel;
mod check;
mod content;
mod decide;
mod elements;
mod examples;
mod fleet;
mod guides;
mod paths;
mod problem;
mod profile;
mod rollup;
mod rules;
mod schema;
mod waive;
mod yaml;

pub use baseline::compare;
pub use check::{check, check_references};
pub use content::{Content, ContentFile, Declaration, embedded};
pub use decide::{Inputs, decide, default_fix};
pub use fleet::fleet;
pub use problem::Problem;
pub use profile::{LoadedProfile, load_profile, write_profile};
pub use rules::CompiledRule;
pub use schema::Schema;
pub use yaml::document as read_yaml;
