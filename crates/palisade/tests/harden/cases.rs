//! A machine for every fix.

mod ssh;

use crate::harness::Case;

/// Every case.
pub(crate) fn all() -> Vec<Case> {
    [ssh::cases()].into_iter().flatten().collect()
}
