//! Section `net`.

use model::Fact;
use model::facts::net::Net;

use crate::Context;

/// Reads the section.
pub(crate) fn probe(_cx: &Context) -> Fact<Net> {
    Fact::Absent
}
