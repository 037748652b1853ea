//! Section `disks`.

use model::Fact;
use model::facts::disks::Disks;

use crate::Context;

/// Reads the section.
pub(crate) fn probe(_cx: &Context) -> Fact<Disks> {
    Fact::Absent
}
