//! The pages: one layout, one visual language, no scripts needed.
//!
//! A page is a pure function from plain data to markup: `page(&Shell, &View) -> Markup`. Nothing here knows of routes,
//! requests or the store; whoever fills a view has already asked whether the viewer may see it.

pub(crate) mod access;
pub(crate) mod assets;
pub(crate) mod door;
pub(crate) mod form;
pub(crate) mod ledger;
pub(crate) mod list;
pub(crate) mod picture;
pub(crate) mod posture;
pub(crate) mod shell;
pub(crate) mod system;

mod icon;
mod text;

#[cfg(test)]
mod gallery;
#[cfg(test)]
mod tests;
