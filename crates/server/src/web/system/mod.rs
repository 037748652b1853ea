//! Pages about the server itself, and those that any page can end in.

pub(crate) mod about;
pub(crate) mod confirm;
pub(crate) mod failure;
pub(crate) mod settings;
