//! Section `integrity`.

use model::Fact;
use model::facts::integrity::Integrity;

use crate::Context;

/// Reads the section.
pub(crate) fn probe(_cx: &Context) -> Fact<Integrity> {
    Fact::Absent
}
