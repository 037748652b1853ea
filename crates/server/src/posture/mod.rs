//! Reports over time: what was found, when, and what changed.

pub(crate) mod api;
pub(crate) mod reports;
