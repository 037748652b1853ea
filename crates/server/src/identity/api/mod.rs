//! The identity's JSON routes.

mod access;
pub(crate) mod external;
mod passkeys;
mod review;
mod roles;
mod session;
mod users;

pub(crate) use review::Listed;
pub(crate) use session::{cookie, may_change_own, may_enrol, no_cookie};

use crate::api::route::Route;

/// All of them.
pub(crate) fn routes() -> Vec<Route> {
    [
        session::routes(),
        passkeys::routes(),
        users::routes(),
        roles::routes(),
        access::routes(),
        review::routes(),
        external::api_routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
