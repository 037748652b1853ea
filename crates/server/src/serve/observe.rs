//! The routes of the second listener, on loopback: figures and signs of life.

use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;

use super::guard::HostNames;
use super::metrics::Metrics;

/// Says whether the server can serve, and if not, why.
pub(crate) type Readiness = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// `/metrics`, `/livez` and `/readyz`, for [`super::Transport::Plain`] on [`super::Listener::bind_loopback`].
///
/// Only loopback names are answered: a page in a browser on this machine must not read figures through a name of its own.
pub(crate) fn observation_routes(metrics: Metrics, ready: Readiness) -> Router {
    let figures = metrics.clone();
    let routes = Router::new()
        .route("/metrics", get(move || std::future::ready(text_of(&figures))))
        .route("/livez", get(|| std::future::ready("alive\n")))
        .route(
            "/readyz",
            get(move || {
                std::future::ready(match ready() {
                    Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
                    Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", report::printable(&why))),
                })
            }),
        );
    let loopback = [std::net::Ipv4Addr::LOCALHOST.into(), std::net::Ipv6Addr::LOCALHOST.into()];
    super::dress(routes, HostNames::only(&["localhost".to_owned()], &loopback), metrics, |router| router)
}

fn text_of(metrics: &Metrics) -> axum::response::Response {
    match metrics.text() {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "the figures cannot be written\n").into_response(),
    }
}
