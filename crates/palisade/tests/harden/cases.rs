//! A machine for every fix.

mod accounts;
mod files;
mod ssh;

use crate::harness::Case;

/// Every case.
pub(crate) fn all() -> Vec<Case> {
    [ssh::cases(), accounts::cases(), files::cases()].into_iter().flatten().collect()
}
