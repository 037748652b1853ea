//! The JSON routes under /api/v1 and their description.

pub(crate) mod body;
pub(crate) mod idempotency;
pub(crate) mod openapi;
pub(crate) mod problem;
pub(crate) mod route;
pub(crate) mod system;
pub(crate) mod tags;

#[cfg(test)]
pub(crate) mod tests;

use route::Route;

/// Every route of the API, in the order in which it is described.
pub(crate) fn routes() -> Vec<Route> {
    let mut routes = crate::identity::api::routes();
    routes.extend(crate::posture::api::routes());
    routes.extend(crate::ledger::api::routes());
    routes.extend(crate::ledger::review::api::routes());
    routes.extend(system::routes());
    routes.extend(openapi::routes());
    routes
}
