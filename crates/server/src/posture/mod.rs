//! Reports over time: what was found, when, and what changed.

pub(crate) mod reports;
