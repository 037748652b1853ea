//! Section `endpoints`.

use model::Fact;
use model::facts::endpoints::Endpoints;

use crate::Context;

/// Reads the section.
pub(crate) fn probe(_cx: &Context) -> Fact<Endpoints> {
    Fact::Absent
}
