//! Section `docker`.

use model::Fact;
use model::facts::docker::Docker;

use crate::Context;

/// Reads the section.
pub(crate) fn probe(_cx: &Context) -> Fact<Docker> {
    Fact::Absent
}
