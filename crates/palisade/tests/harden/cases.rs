//! A machine for every fix.

mod audit;
mod kernel;
mod logging;
mod services;
mod ssh;
mod time;

use crate::harness::Case;

/// Every case.
pub(crate) fn all() -> Vec<Case> {
    [ssh::cases(), kernel::cases(), services::cases(), time::cases(), logging::cases(), audit::cases()]
        .into_iter()
        .flatten()
        .collect()
}
