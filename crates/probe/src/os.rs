//! Section `os`.

use model::Fact;
use model::facts::os::Os;

use crate::Context;

/// Reads the section.
pub(crate) fn probe(_cx: &Context) -> Fact<Os> {
    Fact::Absent
}
