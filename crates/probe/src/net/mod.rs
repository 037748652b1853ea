//! Section `net`.

mod addresses;

use model::Fact;
use model::facts::net::Net;

use crate::Context;
pub(crate) use addresses::interfaces_by_address;

/// Reads the section.
pub(crate) fn probe(_cx: &Context) -> Fact<Net> {
    Fact::Absent
}
