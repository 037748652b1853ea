//! Section `services`.

use model::Fact;
use model::facts::services::Services;

use crate::Context;

/// Reads the section.
pub(crate) fn probe(_cx: &Context) -> Fact<Services> {
    Fact::Absent
}
