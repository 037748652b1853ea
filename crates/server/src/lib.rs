//! The Management System: who may log in, what is known of the machines, and the pages and routes that show it.
//!
//! One room a folder, each with its own model, SQL, JSON routes and pages; none reaches into another's tables.
//! The server never touches a target: reports are handed to it.
#![forbid(unsafe_code)]

#[cfg(feature = "bench")]
pub mod bench;
pub mod config;

#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;

mod api;
mod app;
mod causes;
mod clock;
mod identity;
mod ledger;
mod mail;
mod order;
mod outbound;
mod pages;
mod pki;
mod posture;
mod random;
mod remote;
mod seal;
mod serve;
mod start;
mod state;
mod status;
mod store;
mod web;

pub use identity::review::{VerifyError, verify_any as verify_review};
pub use ledger::leave_for_the_ledger;
pub use remote::{Remote, RemoteError};
pub use start::{Claim, Reports, Server, SetUp, StartError, Started, check, ground, set_up_log};
pub use state::{Ground, Owner};
