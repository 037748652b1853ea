//! What requests carry, with mistakes told as problems.

use axum::body::{Body, Bytes};
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::problem::{Failure, Kind};
use crate::order::{After, Found, Order};

/// A JSON body.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let request = without_nul(request, state, has_escaped_nul).await?;
        match axum::Json::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(not_json(&rejection)),
        }
    }
}

/// The same request with its body read, when there is no NUL in it: PostgreSQL keeps none, and no field has a use for one.
async fn without_nul<S: Send + Sync>(
    request: Request,
    state: &S,
    has_nul: impl Fn(&[u8]) -> bool,
) -> Result<Request, Failure> {
    let (parts, body) = request.into_parts();
    let whole = Request::from_parts(parts.clone(), body);
    let body = Bytes::from_request(whole, state).await.map_err(|rejection| {
        let is_long = rejection.status() == StatusCode::PAYLOAD_TOO_LARGE;
        let kind = if is_long { Kind::TooLarge } else { Kind::BadRequest };
        Failure::new(kind, format!("the body will not do: {}", rejection.body_text()))
    })?;
    if has_nul(&body) {
        return Err(Failure::new(Kind::BadRequest, "the body holds the character NUL, which no field takes"));
    }
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// Whether JSON holds `\u0000`, with a backslash that is not itself escaped.
pub(crate) fn has_escaped_nul(json: &[u8]) -> bool {
    json.windows(6).enumerate().filter(|(_, part)| *part == br"\u0000").any(|(at, _)| {
        let before = json.get(..at).unwrap_or_default();
        before.iter().rev().take_while(|byte| **byte == b'\\').count().is_multiple_of(2)
    })
}

fn not_json(rejection: &JsonRejection) -> Failure {
    let kind = match rejection {
        JsonRejection::JsonDataError(_) => Kind::Unprocessable,
        _ => Kind::BadRequest,
    };
    let text = rejection.body_text();
    // What the library calls its types and itself helps nobody.
    let why = text
        .strip_prefix("Failed to deserialize the JSON body into the target type: ")
        .or_else(|| text.strip_prefix("Failed to parse the request body as JSON: "))
        .unwrap_or(&text);
    Failure::new(kind, format!("the body will not do: {why}"))
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// A query.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let asked: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, state).await;
        asked
            .map(|Query(value)| Self(value))
            .map_err(|rejection| Failure::new(Kind::BadRequest, rejection.body_text()))
    }
}

/// One page of a list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Page<T> {
    /// The elements.
    pub(crate) items: Vec<T>,
    /// What `after` asks for the next page; none: this was the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

impl<T> Page<T> {
    /// The same of other elements.
    pub(crate) fn map<U>(self, each: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(each).collect(), next: self.next }
    }
}

impl<T> From<Found<T>> for Page<T> {
    fn from(found: Found<T>) -> Self {
        Self { items: found.items, next: found.next }
    }
}

/// The row after which a page begins, in this order; none at the beginning.
pub(crate) fn after(order: Order, text: &str) -> Result<Option<After>, Failure> {
    let wrong = || Failure::new(Kind::BadRequest, "`after` is what `next` of the page before said");
    if text.is_empty() { Ok(None) } else { order.after(text).map(Some).ok_or_else(wrong) }
}

/// A form that a page sent.
pub(crate) struct Filled<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Filled<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let has_nul = |body: &[u8]| body.contains(&0) || body.windows(3).any(|part| part == b"%00");
        let request = without_nul(request, state, has_nul).await?;
        match axum::Form::from_request(request, state).await {
            Ok(axum::Form(value)) => Ok(Self(value)),
            Err(rejection) => Err(Failure::new(Kind::BadRequest, rejection.body_text())),
        }
    }
}
