//! One request and its answer on their way between hyper and the router.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use axum::response::IntoResponse;
use hyper::body::{Body as HttpBody, Bytes, Frame, Incoming, SizeHint};
use tower::ServiceExt;

use super::client::TrustedProxies;
use super::guard::ReachedAddress;
use super::headers;
use super::limits::Limits;
use super::pace::Paced;
use super::pulse::{Busy, Pulse};

/// What every request of a listener needs.
#[derive(Debug)]
pub(super) struct House {
    pub(super) router: Router,
    pub(super) limits: Limits,
    pub(super) proxies: TrustedProxies,
}

/// The two ends of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    pub(super) peer: SocketAddr,
    pub(super) reached: SocketAddr,
}

/// Hands a request to the router, with the client's address and a body that must keep pace.
pub(super) async fn serve(
    house: Arc<House>,
    pulse: Arc<Pulse>,
    ends: Ends,
    request: Request<Incoming>,
) -> Result<Response<Answer>, Infallible> {
    let busy = pulse.begin();
    let client = house.proxies.client(ends.peer, request.headers());
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(client);
    parts.extensions.insert(ReachedAddress(ends.reached.ip()));
    // HTTP/1 is stopped by the parser already; HTTP/2 bounds the size of a header list, not its length.
    if parts.headers.len() > house.limits.headers {
        let mut refused = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.into_response();
        headers::put(&mut refused);
        return Ok(refused.map(|body| Answer { body, _busy: busy }));
    }
    let (body, late) = Paced::new(body, &house.limits);
    let request = Request::from_parts(parts, Body::new(body));
    let mut response = match house.router.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    if late.load(Ordering::Acquire) {
        *response.status_mut() = StatusCode::REQUEST_TIMEOUT;
        response.headers_mut().remove(header::CONTENT_LENGTH);
        *response.body_mut() = Body::from("the body of the request came too slowly\n");
    }
    if response.status() == StatusCode::REQUEST_TIMEOUT {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response.map(|body| Answer { body, _busy: busy }))
}

/// An answer's body; until it is handed over, its request is under way.
pub(super) struct Answer {
    body: Body,
    _busy: Busy,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
