//! The listener: connections in, requests to the router, everything bounded in number, size and time.
//!
//! An own accept loop stands here because none to be had closes idle connections to make room, tells a slow header from an idle
//! connection, or knows when it was sent plain HTTP. TLS is ended first, then ALPN says whether HTTP/1.1 or HTTP/2 is spoken:
//! nothing is guessed from the first bytes.

mod accept;
mod authority;
mod client;
mod connection;
mod exchange;
mod guard;
mod headers;
mod hello;
mod limits;
mod listener;
mod log;
mod metrics;
mod observe;
mod pace;
mod plain;
mod process;
mod pulse;
mod refresh;
mod seats;
mod trace;

#[cfg(test)]
mod tests;

pub(crate) use accept::{Ended, Server, Transport};
pub(crate) use authority::authority_routes;
pub(crate) use client::{ClientAddress, ForwardedBy, TrustedProxies};
pub(crate) use guard::{HostNames, TurnedAway};
pub(crate) use limits::{Limits, open_files};
pub(crate) use listener::{BindError, Listener};
pub(crate) use log::{Format, LogError, set_up as set_up_log};
pub(crate) use metrics::Metrics;
pub(crate) use observe::{Readiness, observation_routes};
pub(crate) use refresh::keep_fresh;
pub(crate) use trace::RequestId;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};

/// The router with everything around it that every request passes: from the outside in, the security headers, a request id with its
/// span and figures, what looks at the requests that were turned away, the check of host and origin.
pub(crate) fn dress(
    router: Router,
    hosts: HostNames,
    metrics: Metrics,
    looked_at: impl FnOnce(Router) -> Router,
) -> Router {
    looked_at(router.layer(from_fn_with_state(Arc::new(hosts), guard::check)))
        .layer(from_fn_with_state(metrics, trace::watch))
        .layer(from_fn(headers::set))
}
