//! The pages: one layout, one visual language, no scripts needed.

use axum::Router;
use axum::http::StatusCode;

use crate::app::App;

/// The pages.
pub(crate) fn routes(_app: &App) -> Router {
    Router::new()
}

/// What is not there.
pub(crate) async fn not_found() -> StatusCode {
    StatusCode::NOT_FOUND
}
