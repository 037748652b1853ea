//! Section `firewall`.

use model::Fact;
use model::facts::firewall::Firewall;

use crate::Context;

/// Reads the section.
pub(crate) fn probe(_cx: &Context) -> Fact<Firewall> {
    Fact::Absent
}
