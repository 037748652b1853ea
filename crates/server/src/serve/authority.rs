//! What clients need to trust the server's own authority: its certificate and its list of revoked ones.

use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::causes::with_causes;
use crate::clock::Clock;
use crate::pki::Pki;

/// `/ca.pem` and `/ca.crl`; nothing of either when the operator brought the certificate.
pub(crate) fn authority_routes(pki: Arc<Pki>, clock: Clock) -> Router {
    let other = Arc::clone(&pki);
    Router::new()
        .route("/ca.pem", get(move || std::future::ready(certificate(&pki))))
        .route("/ca.crl", get(move || std::future::ready(list(&other, &clock))))
}

fn certificate(pki: &Pki) -> Response {
    match pki.ca_pem() {
        Some(pem) => ([(header::CONTENT_TYPE, "application/x-pem-file")], pem).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn list(pki: &Pki, clock: &Clock) -> Response {
    match pki.revocation_list(clock.now()) {
        Ok(Some(list)) => ([(header::CONTENT_TYPE, "application/pkix-crl")], list).into_response(),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            tracing::error!(error = %with_causes(&error), "the list of revoked certificates cannot be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
