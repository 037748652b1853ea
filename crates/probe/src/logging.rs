//! Section `logging`.

use model::Fact;
use model::facts::logging::Logging;

use crate::Context;

/// Reads the section.
pub(crate) fn probe(_cx: &Context) -> Fact<Logging> {
    Fact::Absent
}
