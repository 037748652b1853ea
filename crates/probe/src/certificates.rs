//! Section `certificates`.

use model::Fact;
use model::facts::certificates::Certificates;

use crate::Context;

/// Reads the section.
pub(crate) fn probe(_cx: &Context) -> Fact<Certificates> {
    Fact::Absent
}
