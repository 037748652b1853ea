//! Section `ssh`.

use model::Fact;
use model::facts::ssh::Ssh;

use crate::Context;

/// Reads the section.
pub(crate) fn probe(_cx: &Context) -> Fact<Ssh> {
    Fact::Absent
}
