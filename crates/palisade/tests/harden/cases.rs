//! A machine for every fix.

mod accounts;
mod audit;
mod docker;
mod files;
mod kernel;
mod logging;
mod network;
mod services;
mod ssh;
mod ssh_keys;
mod time;
mod web;

use crate::harness::Case;

/// Every case.
pub(crate) fn all() -> Vec<Case> {
    let families = [
        ssh::cases,
        ssh_keys::cases,
        accounts::cases,
        files::cases,
        kernel::cases,
        audit::cases,
        services::cases,
        time::cases,
        logging::cases,
        network::cases,
        web::cases,
        docker::cases,
    ];
    families.into_iter().flat_map(|family| family()).collect()
}
