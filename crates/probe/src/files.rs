//! Section `files`.

use model::Fact;
use model::facts::files::Files;

use crate::Context;

/// Reads the section.
pub(crate) fn probe(_cx: &Context) -> Fact<Files> {
    Fact::Absent
}
