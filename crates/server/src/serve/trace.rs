//! Each request has an id, a span, a place in the figures; a handler that panics costs its own request only.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::{Instrument, info, info_span, warn};

use super::client::ClientAddress;
use super::metrics::Metrics;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What stands for the route of a request that none was made for: addresses from outside stay out of figures and spans.
const UNMATCHED: &str = "unmatched";

/// The number of a request: in its answer, in its span, for whoever asks what happened. Never taken from the client.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(String);

impl RequestId {
    fn new() -> Self {
        // Without random numbers the server is about to stop anyway; an id of zero names the request well enough.
        Self(format!("{:016x}", getrandom::u64().unwrap_or_default()))
    }

    /// As it stands in the header.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The layer.
pub(super) async fn watch(State(metrics): State<Metrics>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = RequestId::new();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or(UNMATCHED, MatchedPath::as_str);
    let client = request.extensions().get::<ClientAddress>().copied();
    let method = method_name(request.method());
    let span =
        info_span!("request", id = id.as_str(), method, route, client = client.map(tracing::field::display));
    request.extensions_mut().insert(id.clone());
    let mut response = async {
        let response = caught(next.run(request)).await;
        let status = response.status();
        let millis = (began.elapsed().as_secs_f64() * 1e6).round() / 1e3;
        if status.is_server_error() {
            warn!(target: "palisade::request", status = status.as_u16(), millis, "answered");
        } else {
            info!(target: "palisade::request", status = status.as_u16(), millis, "answered");
        }
        response
    }
    .instrument(span)
    .await;
    metrics.request(route, method, response.status(), began.elapsed());
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    response
}

/// The answer, or 500 when its handler panicked. The panic hook has logged it, within the request's span.
async fn caught(answer: impl Future<Output = Response>) -> Response {
    let mut answer = pin!(answer);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx))) {
        Ok(poll) => poll,
        Err(_) => Poll::Ready(
            (StatusCode::INTERNAL_SERVER_ERROR, "something went wrong here; it has been noted\n")
                .into_response(),
        ),
    })
    .await
}

/// A method as a label: what clients make up must not make up labels.
fn method_name(method: &axum::http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
