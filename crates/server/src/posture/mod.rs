//! Reports over time: what was found, when, and what changed.

pub(crate) mod api;
pub(crate) mod audits;
pub(crate) mod file;
pub(crate) mod reports;
pub(crate) mod shelf;
pub(crate) mod targets;
