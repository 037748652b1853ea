//! Section `boot`.

use model::Fact;
use model::facts::boot::Boot;

use crate::Context;

/// Reads the section.
pub(crate) fn probe(_cx: &Context) -> Fact<Boot> {
    Fact::Absent
}
