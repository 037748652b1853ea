//! Section `time`.

use model::Fact;
use model::facts::time::Time;

use crate::Context;

/// Reads the section.
pub(crate) fn probe(_cx: &Context) -> Fact<Time> {
    Fact::Absent
}
