//! A machine for every fix.

mod accounts;
mod files;
mod docker;
mod ssh;
mod ssh_keys;
mod audit;
mod kernel;
mod logging;
mod services;
mod ssh;
mod time;
mod network;
mod ssh;
mod web;

use crate::harness::Case;

/// Every case.
pub(crate) fn all() -> Vec<Case> {
    [ssh::cases(), ssh_keys::cases()].into_iter().flatten().collect()
    [ssh::cases(), accounts::cases(), files::cases()].into_iter().flatten().collect()
    [ssh::cases(), kernel::cases(), services::cases(), time::cases(), logging::cases(), audit::cases()]
        .into_iter()
        .flatten()
        .collect()
    [ssh::cases(), docker::cases()].into_iter().flatten().collect()
    [ssh::cases(), network::cases(), web::cases()].into_iter().flatten().collect()
}
