//! Section `packages`.

use model::Fact;
use model::facts::packages::Packages;

use crate::Context;

/// Reads the section.
pub(crate) fn probe(_cx: &Context) -> Fact<Packages> {
    Fact::Absent
}
