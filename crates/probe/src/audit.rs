//! Section `audit`.

use model::Fact;
use model::facts::audit::Audit;

use crate::Context;

/// Reads the section.
pub(crate) fn probe(_cx: &Context) -> Fact<Audit> {
    Fact::Absent
}
