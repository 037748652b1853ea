//! Section `listeners`.

use model::Fact;
use model::facts::listeners::Listeners;

use crate::Context;

/// Reads the section.
pub(crate) fn probe(_cx: &Context) -> Fact<Listeners> {
    Fact::Absent
}
