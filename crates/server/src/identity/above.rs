//! Nobody acts on somebody who may do more, or gives what he has not: who may change users could else make himself anybody.

use std::collections::BTreeSet;

use super::login::Caller;
use super::roles::{self, Assignment};
use crate::api::problem::{Failure, Kind};
use crate::store::Store;

impl Caller {
    /// Whether this caller may change, deactivate, delete or reset the user.
    ///
    /// # Errors
    /// A problem, when the user may do something that the caller may not.
    pub(crate) async fn may_act_on(&self, store: &Store, user_id: &str) -> Result<(), Failure> {
        if self.rights.cover(&roles::rights_of(store, user_id).await?) {
            return Ok(());
        }
        let detail = "this user may do things that you may not; ask somebody who may do all of them";
        Err(Failure::new(Kind::NotPermitted, detail))
    }

    /// Whether this caller may give these roles.
    ///
    /// # Errors
    /// A problem, when one of them permits something that the caller may not.
    pub(crate) async fn may_give(&self, store: &Store, wanted: &BTreeSet<Assignment>) -> Result<(), Failure> {
        if self.rights.cover(&roles::rights_through(store, wanted).await?) {
            return Ok(());
        }
        let detail = "these roles permit what you may not do yourself; ask somebody who may";
        Err(Failure::new(Kind::NotPermitted, detail))
    }
}
