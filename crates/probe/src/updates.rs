//! Section `updates`.

use model::Fact;
use model::facts::updates::Updates;

use crate::Context;

/// Reads the section.
pub(crate) fn probe(_cx: &Context) -> Fact<Updates> {
    Fact::Absent
}
