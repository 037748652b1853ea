//! The JSON routes under /api/v1 and their description.

pub(crate) mod problem;
