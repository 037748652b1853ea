//! Section `accounts`.

use model::Fact;
use model::facts::accounts::Accounts;

use crate::Context;

/// Reads the section.
pub(crate) fn probe(_cx: &Context) -> Fact<Accounts> {
    Fact::Absent
}
