//! A machine for every fix.

mod network;
mod ssh;
mod web;

use crate::harness::Case;

/// Every case.
pub(crate) fn all() -> Vec<Case> {
    [ssh::cases(), network::cases(), web::cases()].into_iter().flatten().collect()
}
