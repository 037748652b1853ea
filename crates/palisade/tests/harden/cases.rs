//! A machine for every fix.

mod docker;
mod ssh;

use crate::harness::Case;

/// Every case.
pub(crate) fn all() -> Vec<Case> {
    [ssh::cases(), docker::cases()].into_iter().flatten().collect()
}
